"""What an HDF5 file may make its reader hold, found out before it is read.

HDF5 inflates a compressed chunk to whatever it holds, however large the file says that chunks are, and follows links
into other files.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

from codesign.deferred import h5py

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}
_GZIP, _CHECKSUM = 1, 4
_MOST_RATIO, _HARMLESS = 1032, 1 << 24
"""How many times their length bytes can inflate to, and how many inflated bytes are not worth a look."""


def is_own(group: Any, name: str) -> bool:
    """Whether a dataset, at a path of groups, lies in its file itself: behind no link, without numbers from other
    files."""
    for step in name.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(step, getlink=True), h5py.HardLink):
            return False
        group = group[step]
    return isinstance(group, h5py.Dataset) and not group.is_virtual and not group.external


class Chunks:
    """The chunks of a `dataset`, each to be checked before it is read. Raises ValueError where they are compressed in
    another way than by gzip."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self._unchecked: dict[int, list[Any]] = {}
        self._gzip: int | None = None
        if dataset.chunks is None:
            return
        settings = dataset.id.get_create_plist()
        filters = [settings.get_filter(index)[0] for index in range(settings.get_nfilters())]
        if len(set(filters)) < len(filters) or not set(filters) <= set(_FILTERS):
            known = ", ".join(_FILTERS.values())
            raise ValueError(f"must be uncompressed, or filtered by {known}, each once, found filters {filters}")
        if _GZIP in filters:
            self._gzip = filters.index(_GZIP)
            dataset.id.chunk_iter(self._note)

    def _note(self, chunk: Any) -> None:
        if chunk.size * _MOST_RATIO > _HARMLESS and not chunk.filter_mask >> (self._gzip or 0) & 1:
            self._unchecked.setdefault(chunk.chunk_offset[0] // self.dataset.chunks[0], []).append(chunk)

    def row(self, row: int) -> Any:
        """A row of the dataset, checked."""
        self.check(row, row + 1)
        return self.dataset[row]

    def check(self, start: int, stop: int) -> None:
        """Raises ValueError where a chunk of the rows `start : stop` holds more than the file says that chunks do."""
        if not self._unchecked or stop <= start:
            return
        rows, *inside = self.dataset.chunks
        most = rows * math.prod(inside) * self.dataset.dtype.itemsize + _CHECKSUM
        for place in range(start // rows, (stop - 1) // rows + 1):
            for chunk in self._unchecked.pop(place, ()):
                _, stored = self.dataset.id.read_direct_chunk(chunk.chunk_offset)
                if len(zlib.decompressobj().decompress(stored, most + 1)) > most:
                    raise ValueError("a compressed chunk holds more numbers than it may")

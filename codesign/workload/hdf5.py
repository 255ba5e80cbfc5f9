"""How much memory reading an HDF5 file takes, checked before it is read.

HDF5 inflates a compressed chunk completely, whatever chunk size the file states, and follows links into other files.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

from codesign.deferred import h5py

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}
_GZIP, _CHECKSUM = 1, 4
_MOST_RATIO, _HARMLESS = 1032, 1 << 24
"""Largest factor by which bytes can inflate, and number of inflated bytes below which nothing is checked."""


def is_own(group: Any, name: str) -> bool:
    """Whether a dataset, given by its path, is stored in the file itself: not behind a link, and without external
    data."""
    for step in name.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(step, getlink=True), h5py.HardLink):
            return False
        group = group[step]
    return isinstance(group, h5py.Dataset) and not group.is_virtual and not group.external


def is_stored(dataset: Any) -> bool:
    """Whether the file can hold all of a dataset, even compressed by gzip. What was never written would be filled in
    when it is read, in whatever size the file states."""
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    return bool(size <= max(_HARMLESS, _MOST_RATIO * dataset.id.get_storage_size()))


class Chunks:
    """The chunks of a `dataset`, to be checked before they are read. Raises ValueError if they are compressed by
    anything other than gzip."""

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
        """A row of the dataset, after checking it."""
        self.check(row, row + 1)
        return self.dataset[row]

    def check(self, start: int, stop: int) -> None:
        """Raises ValueError if a chunk of the rows `start : stop` holds more than the chunk size stated by the file."""
        if not self._unchecked or stop <= start:
            return
        rows, *inside = self.dataset.chunks
        most = rows * math.prod(inside) * self.dataset.dtype.itemsize + _CHECKSUM
        for place in range(start // rows, (stop - 1) // rows + 1):
            for chunk in self._unchecked.pop(place, ()):
                _, stored = self.dataset.id.read_direct_chunk(chunk.chunk_offset)
                if len(zlib.decompressobj().decompress(stored, most + 1)) > most:
                    raise ValueError("a compressed chunk holds more numbers than it may")

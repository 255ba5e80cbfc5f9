"""HDF5 files of NIR and lava, read with bounded memory and without executing anything.

A file may come from anyone. Its links must stay inside it, its arrays must be numbers or text, and their size is known
before they are read: compressed chunks are inflated only up to the size that they may have.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from codesign.deferred import h5py
from codesign.errors import InputError
from codesign.files import Location, printable, read_file, why_missing
from codesign.files.folder import reason_of
from codesign.workload.hdf5 import Chunks, is_stored

NIR, LAVA = "node", "layer"
"""The groups that hold a model."""

Tree = Mapping[str, Any]
"""Groups as mappings, datasets as numpy arrays of numbers, strings, lists of strings or lists of such lists."""

_MOST_BYTES = 1 << 31
_MOST_ITEMS = 100_000
_MOST_TEXTS = 20_000
_DEEPEST = 10


def read_tree(path: Location) -> tuple[Tree, str]:
    """The whole content of a file, and its SHA-256. Raises InputError if the file is missing, is not an HDF5 file, is
    damaged or too large, or refers to other files."""
    place = printable(path)
    content = read_file(path)
    if content is None:
        raise InputError(f"{place}: {why_missing(path)}; `nir.write(FILE, graph)` writes NIR, and lava-dl .net files")
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            tree = _Reader(place).group(file, ())
    except InputError:
        raise
    except Exception as error:  # h5py raises nearly anything for damaged bytes
        raise InputError(
            f"{place}: is not an HDF5 file (`cd.load_model` reads .safetensors), or is damaged or truncated: "
            f"{reason_of(error)[:200]}"
        ) from error
    if not any(isinstance(tree.get(name), Mapping) for name in (NIR, LAVA)):
        raise InputError(f"{place}: is an HDF5 file, but holds no model: NIR's have a group '{NIR}', lava's '{LAVA}'")
    return tree, hashlib.sha256(content).hexdigest()


class _Reader:
    def __init__(self, place: str) -> None:
        self._place = place
        self._bytes = self._items = self._texts = 0

    def group(self, group: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if len(path) > _DEEPEST:
            raise self._refusal(path, f"groups may be {_DEEPEST} deep; a group that holds itself is deeper")
        held: dict[str, Any] = {}
        for name in group:
            self._items += 1
            if self._items > _MOST_ITEMS:
                raise self._refusal(path, f"a file may have {_MOST_ITEMS:,} entries")
            where = (*path, name)
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise self._refusal(where, "is a link to another place; a model must be complete in its file")
            part = group[name]
            held[name] = self.group(part, where) if isinstance(part, h5py.Group) else self._dataset(part, where)
        return held

    def _dataset(self, dataset: Any, where: tuple[str, ...]) -> Any:
        if dataset.is_virtual or dataset.external:
            raise self._refusal(where, "takes its numbers from another file; a model must be complete in its file")
        if h5py.check_string_dtype(dataset.dtype) is not None:
            return self._text(dataset, where)
        if dataset.dtype.kind not in "biuf" or dataset.shape is None:
            raise self._refusal(where, f"must hold numbers or text, found {dataset.dtype}")
        self._count_bytes(math.prod(dataset.shape) * dataset.dtype.itemsize, where)
        if not is_stored(dataset):
            raise self._refusal(where, f"has a shape of {dataset.shape}, more than the file holds")
        if dataset.chunks is not None:
            self._check_chunks(dataset, where)
        return np.asarray(dataset[()])

    def _check_chunks(self, dataset: Any, where: tuple[str, ...]) -> None:
        if math.prod(dataset.chunks) * dataset.dtype.itemsize > _MOST_BYTES:
            raise self._refusal(where, f"a chunk may have {_MOST_BYTES >> 30} GiB")
        try:
            Chunks(dataset).check(0, dataset.shape[0])
        except ValueError as error:
            raise self._refusal(where, str(error)) from None

    def _text(self, dataset: Any, where: tuple[str, ...]) -> Any:
        """Piece by piece, since many references may point to one long text."""
        texts = dataset.asstr(errors="replace")
        self._texts += math.prod(dataset.shape)
        if self._texts > _MOST_TEXTS:
            raise self._refusal(where, f"a model may have {_MOST_TEXTS:,} texts")
        if not is_stored(dataset):
            raise self._refusal(where, "has longer texts than the file holds")

        def below(*at: int) -> Any:
            if inside := dataset.shape[len(at) :]:
                return [below(*at, i) for i in range(inside[0])]
            text = texts[at]
            self._count_bytes(len(text), where)
            return text

        return below()

    def _count_bytes(self, more: int, where: tuple[str, ...]) -> None:
        self._bytes += more
        if self._bytes > _MOST_BYTES:
            raise self._refusal(where, f"a model may have {_MOST_BYTES >> 30} GiB")

    def _refusal(self, where: tuple[str, ...], rule: str) -> InputError:
        return InputError(f"{self._place}: {'/'.join(where)[:200]}: {rule}")

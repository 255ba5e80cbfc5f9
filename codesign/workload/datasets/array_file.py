"""Arrays in a file, .npz or HDF5, read a few rows at a time: whatever a file claims, memory stays bounded.

Nothing in a file is executed: Python objects, which only pickle could read, are refused, as are references from an HDF5
file to other files, whose changes would go unnoticed.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from codesign.deferred import h5py
from codesign.errors import DataError
from codesign.mistakes import suggestion
from codesign.workload.datasets.reading import as_data_error, reading
from codesign.workload.hdf5 import Chunks, is_own

ENDINGS = (".npz", ".h5", ".hdf5")
_MOST_AT_ONCE = 1 << 28
"""Most bytes of a file held at once: one sample, one chunk, or a column that is read as a whole."""
_PIECE = 1 << 20


@contextmanager
def open_arrays(path: Path, known: Iterable[str], *, others: bool = False) -> Iterator[Mapping[str, ArrayColumn]]:
    """The arrays of a file by name, all of which must be known; with `others`, unknown ones are ignored. Raises
    DataError, now or on reading, if the file is not a regular file or is damaged, has an array of an unknown name, or
    one that cannot be read in rows of numbers or text. An InputError of the block becomes a DataError, too."""
    if not path.is_file():  # opening a pipe would wait for a writer
        raise DataError(f"{path}: is missing, or a folder, a pipe or a device")
    remedy = "copy it again" if path.suffix in ENDINGS else f"arrays lie in files that end in {', '.join(ENDINGS)}"
    with as_data_error(path), reading(path, "as arrays", remedy=remedy):
        if path.suffix == ".npz":
            with ExitStack() as stack:
                archive = stack.enter_context(zipfile.ZipFile(path))
                members = {name.removesuffix(".npy"): name for name in archive.namelist()}
                if others:
                    members = {name: member for name, member in members.items() if name in known}
                _check_names(path, members, known)
                columns = {name: _NpyColumn(path, archive, member) for name, member in members.items()}
                for column in columns.values():
                    stack.callback(column.close)
                yield columns
        else:
            with h5py.File(path, "r") as file:
                _check_names(path, file, known)
                yield {name: HDF5Column(path, file, name) for name in file}


def _check_names(path: Path, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise DataError(f"{path}: unknown array {name!r:.80}{suggestion(name, known)}")


def read_whole(path: Path, name: str, column: ArrayColumn) -> NDArray[Any]:
    """All of a small column, such as the labels. Raises DataError if it is not small."""
    if math.prod(column.shape) * column.dtype.itemsize > _MOST_AT_ONCE:
        raise DataError(f"{path}: {name} has more than {_MOST_AT_ONCE >> 20} MiB, found shape {column.shape}")
    return column.rows(0, column.shape[0]) if column.shape else column.rows(0, 1).reshape(())


def _check(path: Path, name: str, dtype: np.dtype[Any], row_bytes: int) -> None:
    if dtype.kind not in "biufUS" or dtype.subdtype is not None:
        raise DataError(f"{path}: {name} must hold numbers or text, found {dtype}; Python objects are never read")
    if row_bytes > _MOST_AT_ONCE:
        raise DataError(f"{path}: {name} has {row_bytes:,} bytes a sample, more than {_MOST_AT_ONCE >> 20} MiB")


class _NpyColumn:
    """A member of an .npz file, whose bytes are read in order."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, member: str) -> None:
        self._archive, self._member, self._row = archive, member, 0
        self._stream: IO[bytes] | None = None
        with archive.open(member) as stream:
            self.shape, fortran, self.dtype = _header(stream)
            length = archive.getinfo(member).file_size - stream.tell()
        self._row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        _check(path, member, self.dtype, self._row_bytes)
        if fortran and len(self.shape) > 1:
            raise DataError(f"{path}: {member} is stored column by column; save np.ascontiguousarray of it")
        if length != math.prod(self.shape) * self.dtype.itemsize:
            raise ValueError(f"{member} has {length:,} bytes, not those of {self.dtype} {self.shape}")

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Entries `start : stop` along the first axis; fastest if calls go forwards."""
        if self._stream is None or start < self._row:
            self.close()
            self._stream, self._row = self._archive.open(self._member), 0
            _header(self._stream)
        skipped = (start - self._row) * self._row_bytes
        while skipped:
            skipped -= len(_exactly(self._stream, min(skipped, _PIECE)))
        data = _exactly(self._stream, (stop - start) * self._row_bytes)
        self._row = stop
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.shape[1:])


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError("it ends too early")
    return data


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the array is stored column by column, and data type."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError(f"npy format {version} is not known")
    shape, fortran, dtype = readers[version](stream)
    return shape, fortran, dtype


class HDF5Column:
    """A dataset of an HDF5 file."""

    def __init__(self, path: Path, file: Any, name: str) -> None:
        if not is_own(file, name):
            raise DataError(f"{path}: {name} must be an array in this file itself, no group and no link elsewhere")
        dataset = self._dataset = file[name]
        self.shape: tuple[int, ...] = dataset.shape
        text = h5py.check_string_dtype(dataset.dtype) is not None
        self.dtype = np.dtype("S64") if text and dataset.dtype.kind == "O" else dataset.dtype
        _check(path, name, self.dtype, math.prod(self.shape[1:]) * self.dtype.itemsize)
        if dataset.chunks and math.prod(dataset.chunks) * self.dtype.itemsize > _MOST_AT_ONCE:
            raise DataError(f"{path}: {name} is stored in chunks of more than {_MOST_AT_ONCE >> 20} MiB")
        try:
            self._chunks = Chunks(dataset)
        except ValueError as error:
            raise DataError(f"{path}: {name}: {error}") from None

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Entries `start : stop` along the first axis."""
        self._chunks.check(start, stop)
        if self._dataset.dtype.kind == "O":
            return np.array([*self._texts(start, stop)], dtype=self.dtype)
        taken = self._dataset[start:stop] if self.shape else np.asarray([self._dataset[()]])
        return np.asarray(taken, dtype=self.dtype)

    def _texts(self, start: int, stop: int) -> Iterator[bytes]:
        """Texts of any length, a few at a time: all of them may refer to a text as long as the file."""
        at_once = max(1, _MOST_AT_ONCE // self._dataset.file.id.get_filesize())
        for first in range(start, stop, at_once):
            for text in self._dataset[first : min(first + at_once, stop)] if self.shape else [self._dataset[()]]:
                if len(text) > self.dtype.itemsize:
                    raise ValueError(f"a text has {len(text):,} bytes, more than {self.dtype.itemsize}")
                yield text


ArrayColumn = _NpyColumn | HDF5Column

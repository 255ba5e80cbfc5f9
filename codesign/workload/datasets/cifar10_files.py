"""The layouts in which CIFAR-10 is found below a folder, sought in this order:

- `cifar-10-batches-py/{data_batch_1 … data_batch_5,test_batch}`: the published pickles, as torchvision keeps them;
- `cifar-10-batches-bin/{data_batch_1 … data_batch_5,test_batch}.bin`: the published binary version;
- one numpy archive `*.npz` of x_train, y_train, x_test, y_test: (N, 32, 32, 3) unsigned bytes and (N,) classes, with
  train_index and test_index, (N,) numbers of the images in the whole dataset, where it is a part of it.

Any of the batches may be missing. A pickle can run any program, so these are read by an unpickler that knows numpy
arrays and plain types only.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError

__all__ = ["TEST_ID", "Images", "find_images"]

TEST_ID = 1_000_000
"""Ids of test images start here; those of training images are their numbers in the five batches together."""

_BATCH = 10_000
_PIXELS = 3 * 32 * 32
_FIRST_ID = {**{f"data_batch_{n}": (n - 1) * _BATCH for n in range(1, 6)}, "test_batch": TEST_ID}
_DAMAGE = (OSError, EOFError, KeyError, ValueError, IndexError, TypeError, AttributeError, ImportError, OverflowError)


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """The images of one file, read when they are asked for."""

    labels: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
    read: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of one copy.

    Attributes:
        place: folder or file in which they are.
        files: all that are read.
        labels, sample_ids: (N,) in the order of the ids.
    """

    place: Path
    files: tuple[Path, ...]
    batches: tuple[_Batch, ...]
    labels: NDArray[np.int64]
    sample_ids: NDArray[np.int64]

    def pixels(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(B, 3072) bytes of the images at some positions, colour by colour, row by row."""
        found = np.empty((len(positions), _PIXELS), dtype=np.uint8)
        first = 0
        for batch in self.batches:
            inside = (positions >= first) & (positions < first + len(batch.labels))
            if inside.any():
                found[inside] = batch.read()[positions[inside] - first]
            first += len(batch.labels)
        return found

    def digest(self) -> str:
        """Hash of numbers, classes and pixels, the same in whatever layout they are."""
        digest = hashlib.sha256()
        ordered = [(batch, np.argsort(batch.sample_ids)) for batch in self.batches]
        for batch, order in ordered:
            digest.update(batch.sample_ids[order].tobytes())
        for batch, order in ordered:
            digest.update(batch.labels[order].tobytes())
        for batch, order in ordered:
            digest.update(np.ascontiguousarray(batch.read()[order]).data)
        return digest.hexdigest()


def find_images(folder: Path) -> Images | None:
    """The images of the first layout that is there; None if none is.

    Raises:
        DataError: a file is damaged, or there are several archives.
    """
    for below, ending, opener in (
        ("cifar-10-batches-py", "", _open_pickle),
        ("cifar-10-batches-bin", ".bin", _open_binary),
    ):
        there = {name: folder / below / f"{name}{ending}" for name in _FIRST_ID}
        there = {name: path for name, path in there.items() if path.is_file()}
        if there:
            batches = [opener(path, _FIRST_ID[name]) for name, path in there.items()]
            return _images(folder / below, tuple(there.values()), batches)
    archives = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
    if len(archives) > 1:
        raise DataError(f"{folder}: has {len(archives)} numpy archives, {archives[0].name} and others; keep one")
    return _images(archives[0], (archives[0],), _open_archive(archives[0])) if archives else None


def _images(place: Path, files: tuple[Path, ...], batches: list[_Batch]) -> Images:
    labels, ids = (np.concatenate([getattr(batch, name) for batch in batches]) for name in ("labels", "sample_ids"))
    if len(np.unique(ids)) != len(ids):
        raise DataError(f"{place}: two images have the same number; copy it again")
    return Images(place=place, files=files, batches=tuple(batches), labels=labels, sample_ids=ids)


def _checked_labels(path: Path, labels: Any) -> NDArray[np.int64]:
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not len(found):
        raise DataError(f"{path}: must hold a whole number a class of each image, found {found.dtype} {found.shape}")
    if found.min() < 0 or found.max() > 9:
        raise DataError(f"{path}: classes must lie in 0 … 9, found {found.min()} … {found.max()}; is this CIFAR-10?")
    return found.astype(np.int64)


# pickles -------------------------------------------------------------------------------------------------------------


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 pickles bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes of encoding {encoding!r}")
    return text.encode("latin1")


class _PlainUnpickler(pickle.Unpickler):
    """Knows numpy arrays beside what pickles build by themselves: numbers, texts, lists and dictionaries."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it would call {module}.{name}, which no batch of images needs")


def _unpickled(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(N, 3072) pixels and (N,) classes."""
    try:
        content = _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        pixels, labels = content[b"data"], content[b"labels"]
    except (pickle.UnpicklingError, *_DAMAGE) as error:
        raise DataError(f"{path}: is no batch of CIFAR-10 images ({error}); download it again") from None
    labels = _checked_labels(path, labels)
    shape = (len(labels), _PIXELS)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != shape:
        raise DataError(f"{path}: must hold {_PIXELS:,} bytes for each of its {len(labels):,} classes")
    return pixels, labels


def _open_pickle(path: Path, first_id: int) -> _Batch:
    _, labels = _unpickled(path)
    return _Batch(labels=labels, sample_ids=first_id + np.arange(len(labels)), read=lambda: _unpickled(path)[0])


# binary version ------------------------------------------------------------------------------------------------------


def _open_binary(path: Path, first_id: int) -> _Batch:
    size = path.stat().st_size
    if size == 0 or size % (1 + _PIXELS):
        raise DataError(f"{path}: holds {size:,} bytes, no whole number of images; download it again")

    def records() -> NDArray[np.uint8]:
        return np.fromfile(path, dtype=np.uint8).reshape(-1, 1 + _PIXELS)

    labels = _checked_labels(path, records()[:, 0].copy())
    return _Batch(labels=labels, sample_ids=first_id + np.arange(len(labels)), read=lambda: records()[:, 1:])


# numpy archives ------------------------------------------------------------------------------------------------------


def _open_archive(path: Path) -> list[_Batch]:
    return [batch for part in ("train", "test") for batch in _open_part(path, part)]


def _open_part(path: Path, part: str) -> list[_Batch]:
    names = _member(path, None)
    if f"x_{part}" not in names and f"y_{part}" not in names:
        return []
    labels = _checked_labels(path, _member(path, f"y_{part}"))
    numbers = _member(path, f"{part}_index") if f"{part}_index" in names else np.arange(len(labels))
    if numbers.shape != labels.shape or numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= TEST_ID:
        raise DataError(f"{path}: {part}_index must hold the number of each image of y_{part} in the whole dataset")
    first_id = TEST_ID if part == "test" else 0

    def read() -> NDArray[np.uint8]:
        pixels = _member(path, f"x_{part}")
        if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 32, 32, 3):
            raise DataError(
                f"{path}: x_{part} must hold {len(labels):,} images of 32x32x3 bytes, found {pixels.dtype} "
                f"{pixels.shape}"
            )
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(len(labels), _PIXELS)

    return [_Batch(labels=labels, sample_ids=first_id + numbers.astype(np.int64), read=read)]


def _member(path: Path, name: str | None) -> Any:
    """One array of the archive; with None, the names of all."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return file.files if name is None else file[name]
    except (zlib.error, zipfile.BadZipFile, *_DAMAGE) as error:
        raise DataError(f"{path}: cannot be read as an archive of CIFAR-10 images ({error}); copy it again") from None

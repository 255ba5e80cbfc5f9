"""Reading files that may be damaged, and folders named after labels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Integers
from codesign.errors import CodesignError, DataError, InputError

MOST_RECORDING_BYTES = 1 << 28
"""Most bytes of a file that is read as a whole, such as one recording."""


@contextmanager
def reading(path: Path, what: str = "", *, remedy: str = "download it again") -> Iterator[None]:
    """Turn what a reader raises into a DataError that names the file. Damaged bytes make the standard library, numpy
    and h5py raise nearly anything.

    Args:
        what: what the file should be, such as `as a file of SHD`.
        remedy: what to do with a damaged file.
    """
    try:
        yield
    except CodesignError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: cannot be read{what and ' '}{what} ({reason}); {remedy}") from error


def content_of(path: Path) -> bytes:
    """The bytes of a file. Raises DataError if it has more than 256 MiB, and OSError."""
    if path.stat().st_size > MOST_RECORDING_BYTES:
        raise DataError(f"{path}: has more than {MOST_RECORDING_BYTES >> 20} MiB")
    return path.read_bytes()


@contextmanager
def as_data_error(place: Path | str, remedy: str = "") -> Iterator[None]:
    """Turn an InputError about the content of a file into a DataError that names the file and what to do."""
    try:
        yield
    except InputError as error:
        raise DataError(f"{place}: {error}{remedy and '; '}{remedy}") from None


def names_in(folder: Path, *, folders: bool) -> Iterator[str]:
    """Names of the folders, or of the files, in a folder; none if there is no such folder."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (e.name for e in entries if e.is_dir() == folders and not e.name.startswith((".", "_")))


def classes_of(folder: Path, labels: Sequence[str]) -> tuple[Integers, int]:
    """(N,) classes of recordings in a folder, and the number of classes: their labels in order, integers by value, then
    words. Raises DataError if there is only one label."""

    def order(label: str) -> tuple[bool, int, str]:
        number = label.isascii() and label.isdigit()
        return not number, int(label) if number else 0, label

    names = sorted(set(labels), key=order)
    if len(names) < 2:
        raise DataError(f"{folder}: all recordings have the label '{names[0]}'; at least 2 are needed")
    return np.array([names.index(label) for label in labels], dtype=np.int64), len(names)


def checked_classes(path: Path, labels: NDArray[Any], classes: int, dataset: str) -> Integers:
    """(N,) classes from a file of a dataset. Raises DataError if they are invalid."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        found = f"{labels.dtype} of shape {labels.shape}"
        raise DataError(f"{path}: labels must be whole numbers, one a sample, found {found}")
    if labels.min() < 0 or labels.max() >= classes:
        found = f"{labels.min()} … {labels.max()}"
        raise DataError(f"{path}: labels must lie in 0 … {classes - 1}, found {found}; is this {dataset}?")
    return labels.astype(np.int64)


def number_of(name: str) -> int:
    """63 bits of a hash of the name: an id that does not depend on other names."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big") >> 1

"""Reading files that may be compressed or damaged, and folders named after labels."""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from codesign.errors import DataError

_DAMAGE = (OSError, EOFError, KeyError, ValueError, zlib.error, zipfile.BadZipFile)
"""What the readers of the standard library, numpy and h5py raise for files that are cut off or something else."""


@contextmanager
def reading(
    path: Path, what: str = "", *, remedy: str = "download it again", also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn what a reader raises into a DataError that names the file.

    Args:
        what: it should be, such as `as a file of SHD`.
        remedy: what to do with a damaged one.
        also: what this reader raises beside the usual.
    """
    try:
        yield
    except _DAMAGE + also as error:
        raise DataError(f"{path}: cannot be read{what and ' '}{what} ({error}); {remedy}") from None


def opened(path: Path) -> IO[bytes]:
    """The content of a file, uncompressed if its name ends in `.gz`."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def names_in(folder: Path, *, folders: bool) -> Iterator[str]:
    """Names of the folders, or of the files, in a folder; none if there is no such folder."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (e.name for e in entries if e.is_dir() == folders and not e.name.startswith((".", "_")))


def label_order(label: str) -> tuple[bool, int, str]:
    """Sorts labels: whole numbers by value, then words."""
    number = label.isascii() and label.isdigit()
    return not number, int(label) if number else 0, label


def number_of(name: str) -> int:
    """63 bits of a hash: says who or what it is, whatever else is there."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big") >> 1

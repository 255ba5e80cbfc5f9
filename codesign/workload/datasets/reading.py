"""Reading files that may be compressed or damaged."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from codesign.errors import DataError

__all__ = ["opened", "reading"]

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

"""A folder on this machine."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from codesign.errors import CodesignError
from codesign.files.folder import Folder, temporary_beside

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")  # `temporary_beside`
_OLD_S = 86_400.0
"""Writing a file never takes this long."""
MOST_BYTES = 8 * 2**30
"""Most bytes of a file that is read as a whole."""


class LocalFolder(Folder):
    """Files are written next to their place, flushed to disk and renamed, so that they survive a power failure.

    Flushing a small file to disk takes ten times as long as everything else, so it is skipped unless `durable`.
    Anything that is not a regular file counts as missing: a pipe would keep a reader waiting, and a device has no end.
    Messages name the folder by its path as given.
    """

    _raised = (OSError,)
    _durable_at_once = 16

    def __init__(self, path: Path, *, error: type[CodesignError]) -> None:
        super().__init__(path, error=error)
        self._path = path.absolute()  # whatever the working folder is later
        self._tidy: set[Path] = set()  # folders without remains of killed writers

    def _read(self, name: str, first: int | None) -> bytes:
        with open(self._path / name, "rb", opener=open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(name)
            if first is None and status.st_size > MOST_BYTES:
                raise OSError(errno.EFBIG, f"has more than {MOST_BYTES // 2**30} GiB, the most that is read as a whole")
            return file.read() if first is None else file.read(first)

    def _write(self, name: str, data: bytes, durable: bool) -> None:
        path = self._path / name
        self._make(path.parent)
        with replacing(path, durable=durable) as file:
            file.write(data)

    def _make(self, folder: Path) -> None:
        """Create a folder within this one, and remove what killed writers left in it."""
        made = list(takewhile(lambda place: not place.exists(), (folder, *folder.parents)))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "is a file, not a folder") from None
        for place in made:
            sync_folder(place.parent)
        if folder not in self._tidy:
            self._tidy.add(folder)
            _remove_abandoned(folder)

    def _size(self, name: str) -> int | None:
        status = (self._path / name).stat()
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _remove(self, name: str) -> None:
        (self._path / name).unlink()

    def _names(self) -> Iterable[str]:
        pending, seen = [""], set[tuple[int, int]]()
        while pending:
            prefix = pending.pop()
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._path / prefix) as entries:
                folder = os.stat(self._path / prefix)
                if (folder.st_dev, folder.st_ino) in seen:  # a link leads back
                    continue
                seen.add((folder.st_dev, folder.st_ino))
                for entry in entries:
                    name = f"{prefix}/{entry.name}" if prefix else entry.name
                    with suppress(OSError):  # a link to nowhere, or a target without permission
                        if entry.is_dir():
                            pending.append(name)
                        elif entry.is_file():
                            yield name


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file that the block writes beside its place; at the end of the block it is in place, whole or not at all."""
    temporary = Path(temporary_beside(path.as_posix()))
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()
    if durable:
        sync_folder(path.parent)


def open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed writers left in a folder, once no one can still be writing it."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _OLD_S:
                        os.unlink(entry.path)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power failure, if folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

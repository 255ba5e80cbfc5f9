"""A folder of this machine."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from codesign.errors import CodesignError
from codesign.files.folder import Folder

__all__ = ["LocalFolder"]


class LocalFolder(Folder):
    """Files are written beside their place, forced to the disk and renamed, so that they survive a power failure.

    To force a small file to the disk takes ten times as long as all the rest: where it need not be `durable` it is not.
    """

    _raised = (OSError,)
    _durable_at_once = 16

    def __init__(self, path: Path, *, error: type[CodesignError]) -> None:
        super().__init__(path, error=error)
        self._path = path

    def _read(self, name: str, first: int | None) -> bytes:
        with (self._path / name).open("rb") as file:
            return file.read() if first is None else file.read(first)

    def _write(self, name: str, data: bytes, durable: bool) -> None:
        path = self._path / name
        temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink()
        if durable:
            _sync_folder(path.parent)

    def _size(self, name: str) -> int | None:
        status = (self._path / name).stat()
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _modified_s(self, name: str) -> float | None:
        status = (self._path / name).stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(name)
        return status.st_mtime

    def _move(self, name: str, target: str) -> None:
        if self._size(name) is None:
            raise FileNotFoundError(name)
        path = self._path / target
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._path / name, path)

    def _remove(self, name: str) -> None:
        (self._path / name).unlink()

    def _names(self, folder: str, deep: bool) -> Iterable[str]:
        found: list[str] = []
        pending = [folder]
        while pending:
            prefix = pending.pop()
            with suppress(FileNotFoundError), os.scandir(self._path / prefix) as entries:
                for entry in entries:
                    name = f"{prefix}/{entry.name}" if prefix else entry.name
                    if not entry.is_dir():
                        found.append(name)
                    elif deep:
                        pending.append(name)
        return found

    def remove_leftovers(self, *, older_than_s: float) -> None:
        oldest = time.time() - older_than_s
        for path in (*self._path.glob(".*.tmp"), *self._path.glob("*/.*.tmp")):
            with suppress(OSError):  # another process was faster
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

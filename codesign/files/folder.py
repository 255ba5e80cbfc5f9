"""The operations of a folder, wherever it is stored."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import ClassVar, TypeVar
from uuid import uuid4

from codesign.errors import CodesignError
from codesign.files.location import Location, join, printable

T = TypeVar("T")

_AHEAD = 4
"""Files held in memory for each one being transferred."""
_FORBIDDEN = frozenset("\0\\:" if os.name == "nt" else "\0")


class Folder(ABC):
    """Files in one place. A file appears whole or not at all, and subfolders are created as needed.

    Names are relative to the folder, with forward slashes, such as `runs/a.json`; they cannot lead out of it. Several
    processes may use a folder at the same time.

    Attributes:
        location: the path or URL.
        error: class of errors raised if the system fails; they name the place and the system's reason.
    """

    _raised: ClassVar[tuple[type[Exception], ...]]
    """Exceptions of the system if it fails; for missing files always FileNotFoundError."""

    _at_once: int = 1
    _durable_at_once: int = 1
    """How many files to read or write concurrently, and to write durably, if threads may share the system: most of a
    request to a server is waiting, as is most of flushing a file to disk."""

    def __init__(self, location: Location, *, error: type[CodesignError]) -> None:
        self.location = location
        self.error = error

    def read(self, name: str, *, first: int | None = None) -> bytes | None:
        """A file's bytes, or only the `first` ones; None if there is no such file."""
        _check(name)
        missing = suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError)
        with self._failing(name, "cannot be read"), missing:
            return self._read(name, first)
        return None

    def read_many(self, names: Sequence[str], *, first: int | None = None) -> Iterator[bytes | None]:
        """Like `read`, file by file in the given order, several concurrently if each takes a request."""
        return _each(names, lambda name: self.read(name, first=first), self._at_once)

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Create or replace a file. If this fails or is interrupted, an old file is unchanged.

        Args:
            durable: whether the file must survive a power failure from now on; if not, a failure within the next
                seconds can leave it empty. At URLs this depends on the system.
        """
        _check(name)
        with self._failing(name, "cannot be written"):
            self._write(name, data, durable)

    def write_many(self, files: Mapping[str, bytes], *, durable: bool = True) -> None:
        """Like `write`, file by file, several concurrently if each takes a request or is flushed to disk. If one fails,
        others may have been written."""
        at_once = self._durable_at_once if durable else self._at_once
        for _ in _each(list(files), lambda name: self.write(name, files[name], durable=durable), at_once):
            pass

    def size(self, name: str) -> int | None:
        """A file's length in bytes, or None if there is no such file."""
        _check(name)
        with self._failing(name, "cannot be looked up"), suppress(FileNotFoundError):
            return self._size(name)
        return None

    def remove(self, name: str) -> bool:
        _check(name)
        with self._failing(name, "cannot be removed"), suppress(FileNotFoundError):
            self._remove(name)
            return True
        return False

    def names(self) -> list[str]:
        """Names of all files here and in subfolders, if any, sorted, without files that are still being written."""
        with self._failing("", "cannot be listed"), suppress(FileNotFoundError):
            return sorted(name for name in self._names() if not _is_temporary(name))
        return []

    def check_writable(self) -> None:
        """Check with a small file whether files can be written and removed. A missing folder is created."""
        probe = f".{uuid4().hex}.tmp"
        with self._failing("", "cannot be written"):
            self._write(probe, b"", True)
            self._remove(probe)

    @abstractmethod
    def _read(self, name: str, first: int | None) -> bytes: ...

    @abstractmethod
    def _write(self, name: str, data: bytes, durable: bool) -> None: ...

    @abstractmethod
    def _size(self, name: str) -> int | None:
        """Size of a file; None if it is a folder."""

    @abstractmethod
    def _remove(self, name: str) -> None: ...

    @abstractmethod
    def _names(self) -> Iterable[str]: ...

    @contextmanager
    def _failing(self, name: str, what: str) -> Iterator[None]:
        try:
            yield
        except self._raised as error:
            place = join(self.location, name) if name else self.location
            raise self.error(f"{printable(place)}: {what}: {reason_of(error)}") from error


def _each(names: Sequence[str], act: Callable[[str], T], at_once: int) -> Iterator[T]:
    if at_once == 1 or len(names) < 2:
        yield from map(act, names)
        return
    with ThreadPoolExecutor(min(at_once, len(names))) as pool:
        for first in range(0, len(names), _AHEAD * at_once):
            yield from pool.map(act, names[first : first + _AHEAD * at_once])


def reason_of(error: Exception) -> str:
    """The system's reason in one line."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def temporary_beside(path: str) -> str:
    """An unused hidden path in the same folder, with forward slashes."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name}.{uuid4().hex}.tmp"


def _is_temporary(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(".") and last.endswith(".tmp")


def _check(name: str) -> None:
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or not _FORBIDDEN.isdisjoint(name):
        raise ValueError(f"a name is relative to its folder and stays in it, as in runs/a.json; found {name!r}")

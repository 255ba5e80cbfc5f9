"""Locks of places that one process at a time may write; each ends with its holder, however that ends."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codesign.errors import InputError
from codesign.files.location import Location
from codesign.files.opening import local_path

_HOLDER = re.compile(r"process [0-9]+ on [\w.-]{1,80}\Z")


def lock_of(output: Location) -> Path:
    """The lock of an output folder: inside it, or for a URL on this machine, where other machines do not see it."""
    path = local_path(output, InputError)
    if path is not None:
        return path / ".lock"
    digest = hashlib.sha256(str(output).encode(errors="replace")).hexdigest()
    user = os.getuid() if hasattr(os, "getuid") else "user"  # on Windows, each user has such a folder
    return Path(tempfile.gettempdir()) / f"codesign-{user}-{digest[:16]}.lock"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock. Raises InputError where another process, which is named, holds it or it cannot be locked."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{path}: is held by {_holder(path)}, which writes there; wait for it to end, or choose another --output"
        ) from None
    except (OSError, NotImplementedError) as error:
        raise InputError(f"{path}: cannot be locked: {getattr(error, 'strerror', None) or error}") from error
    try:
        if not _text_of(path)[:1].isdigit():
            _sign(path)
        yield
    finally:
        with suppress(OSError):  # everything is written; it ends with the process at the latest
            lock.release()


def _sign(path: Path) -> None:
    """Say who holds a lock. Not where the system has no locks: there filelock's own text, a process and more, is the
    lock, and tells whether its holder lives."""
    with suppress(OSError), open(path, "w", encoding="utf-8", opener=_open_no_link) as file:  # a full disk
        with suppress(OSError, AttributeError):  # another's file, or on Windows
            os.fchmod(file.fileno(), 0o666)  # whoever may write to the folder may hold its lock next
        file.write(f"process {os.getpid()} on {socket.gethostname()}")


def _open_no_link(path: str, flags: int) -> int:
    """Who shares the folder may have put a link to another file in the lock's place meanwhile."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _holder(path: Path) -> str:
    known = _HOLDER.match(_text_of(path))
    return known[0] if known else "another process"


def _text_of(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return file.read(200).decode(errors="replace")
    return ""

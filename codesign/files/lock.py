"""Locks of places that only one process at a time may write; each ends with its holder, however that ends."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codesign.errors import InputError
from codesign.files.location import Location
from codesign.files.opening import local_path


def lock_of(output: Location) -> Path:
    """The lock of an output folder: inside it, or for a URL on this machine, where other machines cannot see it."""
    path = local_path(output, InputError)
    if path is not None:
        return path / ".lock"
    digest = hashlib.sha256(str(output).encode(errors="replace")).hexdigest()
    user = os.getuid() if hasattr(os, "getuid") else "user"  # on Windows, each user has their own folder
    return Path(tempfile.gettempdir()) / f"codesign-{user}-{digest[:16]}.lock"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock. Raises InputError if another process holds it or it cannot be locked."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0, mode=0o666)  # anyone who may write to the folder may hold it next
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{path}: is held by another process, which writes there; wait for it to end, or choose another output"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be locked: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def is_free(path: Path) -> bool:
    """Whether a lock file exists and this process can take its lock."""
    if path.exists():
        with suppress(InputError), held(path):
            return True
    return False

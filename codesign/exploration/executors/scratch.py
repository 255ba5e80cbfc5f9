"""Folders for the files of Ray on this machine, that do not outlive it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from codesign.errors import InputError

if sys.platform != "win32":
    import fcntl

__all__ = ["Scratch", "remove"]

_PREFIX = "codesign-ray-"
_LOCK = "lock"
_BELOW = "/r/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
"""The longest path of a socket that Ray makes in its folder."""
_LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107  # sun_path of unix(7), in bytes, without the closing zero


class Scratch:
    """A folder of this user alone, for as long as this process or one that it handed `descriptor` to lives.

    Folders of processes that were killed are removed when the next one is made.

    Attributes:
        path: a folder in it, which Ray opens to everybody.
        descriptor: of its lock, to be inherited by processes that use the folder; None where there are no locks.
        shortened: whether the system's folder for temporary files was passed over, because its path is too long.

    Raises:
        InputError: there is no folder in which Ray could work.
    """

    def __init__(self) -> None:
        base = _base()
        self.shortened = base != Path(tempfile.gettempdir())
        _remove_abandoned(base)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        self.descriptor = _lock(self._folder)
        self.path = self._folder / "r"
        self.path.mkdir()

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        remove(self.path)
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def remove(path: Path) -> None:
    """Remove the folder that has this path in it; where that fails, the lock stays, and the next one tries again."""
    shutil.rmtree(path, ignore_errors=True)
    if not path.exists():
        shutil.rmtree(path.parent, ignore_errors=True)


def _base() -> Path:
    """The folder for temporary files, or where its path is too long for sockets below it a usual one."""
    usual = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    for base in usual:
        longest = len(os.fsencode(base)) + len(f"/{_PREFIX}12345678{_BELOW}")
        if base.is_dir() and os.access(base, os.W_OK) and (longest <= _LONGEST_SOCKET or sys.platform == "win32"):
            return base
    raise InputError(
        f"Ray needs a folder for temporary files whose path is short, since paths of sockets have at most "
        f"{_LONGEST_SOCKET} bytes; cannot be used: {', '.join(map(str, usual))}; set TMPDIR"
    )


def _lock(folder: Path) -> int | None:
    if sys.platform == "win32":
        return None
    descriptor = os.open(folder / f"{_LOCK}~", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.rename(folder / f"{_LOCK}~", folder / _LOCK)  # whoever sees it sees it locked
    return descriptor


def _remove_abandoned(base: Path) -> None:
    if sys.platform == "win32":
        return
    for lock in base.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, or gone
        try:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(lock.parent / _BELOW.split("/")[1])
        except OSError:
            pass  # in use
        finally:
            os.close(descriptor)

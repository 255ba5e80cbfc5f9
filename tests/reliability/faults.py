"""Faults that a test can bring about: full disks, folders that nobody may write, limits of a process."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_SIGNAL_AT_DEATH_OF_PARENT = 1  # prctl(2)
_DROP_FROM_BOUNDING_SET = 24
_RIGHTS = (1, 2, 3)  # to write, to search and to change modes in spite of permissions: capabilities(7)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[int], None]]:
    """Mount a file system of that size at `folder`, and take it away again.

    Gives a function that changes the size. Skips the test where mounting is not permitted.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs a file system of its own, which this user may not mount")

    def resize(new_kilobytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={new_kilobytes}k", str(folder)], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def read_only(*folders: Path, mode: int = 0o555) -> Iterator[Callable[[], None]]:
    """Folders that cannot be written; gives what the program must be prepared with, since root ignores permissions.

    Skips the test where they can be written all the same.
    """
    if not _permissions_count():
        pytest.skip("this user writes whatever permissions say")
    modes = {folder: folder.stat().st_mode for folder in folders}
    for folder in folders:
        folder.chmod(mode)
    try:
        yield obedient
    finally:
        for folder, before in modes.items():
            folder.chmod(before)


def obedient() -> None:
    """Permissions count for this process and those that it starts, even if they are root's."""
    if os.getuid() == 0:
        system = ctypes.CDLL(None, use_errno=True)
        for right in _RIGHTS:
            if system.prctl(_DROP_FROM_BOUNDING_SET, right, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "rights cannot be given up")


def mortal() -> None:
    """The process is told to end when the one that starts it dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_SIGNAL_AT_DEATH_OF_PARENT, signal.SIGTERM, 0, 0, 0)


@cache
def _permissions_count() -> bool:
    with TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        command = [sys.executable, "-c", f"open({name!r} + '/file', 'w')"]
        try:
            ended = subprocess.run(command, preexec_fn=obedient, capture_output=True, check=False)
        except subprocess.SubprocessError:
            return False
        finally:
            Path(name).chmod(0o755)
    return b"PermissionError" in ended.stderr


def limited_memory(size: int) -> Callable[[], None]:
    """The process gets no more than so many bytes of addresses."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


_RECORD = re.compile(r"(.*/)?(run\.json|\.lock|runs/[^./][^/]*\.json)")


def everything_below(folder: Path) -> set[str]:
    """Paths of all files, hidden ones too. Records and locks of runs are left out: a run goes on without them."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return {path for path in paths if not _RECORD.fullmatch(path)}

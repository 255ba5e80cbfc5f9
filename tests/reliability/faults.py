"""Faults that a test can bring about: full disks, limits of memory and time."""

from __future__ import annotations

import ctypes
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from codesign.signals import handlers_kept

_SIGNAL_AT_DEATH_OF_PARENT = 1  # prctl(2)


def _mount(*arguments: str | Path) -> None:
    """Skips the test where mounting is not permitted."""
    if sys.platform != "linux" or subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode:
        pytest.skip("needs a file system of its own, which this user may not mount")


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[int], None]]:
    """Mount a file system of that size at `folder`, and take it away again. Gives a function that changes the size."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder)
    try:
        yield lambda new_kilobytes: _mount("-o", f"remount,size={new_kilobytes}k", folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Folders that cannot be written meanwhile."""
    with ExitStack() as mounted:
        for folder in folders:
            _mount("--bind", folder, folder)
            mounted.callback(subprocess.run, ["umount", "-l", folder], check=True)
            _mount("-o", "remount,bind,ro", folder)
        yield


def mortal() -> None:
    """The process is told to end when the one that starts it dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_SIGNAL_AT_DEATH_OF_PARENT, signal.SIGTERM, 0, 0, 0)


@contextmanager
def bounded(*, memory: int, seconds: int) -> Iterator[None]:
    """A block that fails if it takes longer, or gets no more memory once it has taken so many bytes of addresses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = psutil.Process().memory_info().vms
    with handlers_kept([signal.SIGALRM]):
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"takes longer than {seconds} s"))
        signal.alarm(seconds)
        resource.setrlimit(resource.RLIMIT_AS, (before + memory, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            signal.alarm(0)


_RECORD = re.compile(r"(.*/)?(run\.json|\.lock|runs/[^./][^/]*\.json)")


def everything_below(folder: Path) -> set[str]:
    """Paths of all files, hidden ones too. Records and locks of runs are left out: a run goes on without them."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return {path for path in paths if not _RECORD.fullmatch(path)}

"""Which process wrote something, and whether it still runs."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_CLOCK_S = 5.0
"""Times of starting are told from the machine's clock, which may have been set since."""


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, so that another which is later given the same number is not taken for it.

    Attributes:
        host: name of the machine.
        space: where the number means something: this boot of the machine and the container; "" where that is not told.
        pid: its number there.
        started: when it started, in seconds since 1970.
    """

    host: str
    space: str
    pid: int
    started: float


def this_process() -> ProcessIdentity:
    """The process that asks."""
    process = psutil.Process()
    return ProcessIdentity(host=socket.gethostname(), space=_space(), pid=process.pid, started=process.create_time())


def lives(process: ProcessIdentity) -> bool | None:
    """Whether a process runs; None where that cannot be seen from here."""
    if process.host != socket.gethostname() or process.space != _space():
        return None
    try:
        seen = psutil.Process(process.pid)
        same: bool = abs(seen.create_time() - process.started) < _CLOCK_S
        return same and bool(seen.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return None


def _space() -> str:
    """Linux: the boot and the namespace of process numbers. Elsewhere a machine has one list of processes."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return ""

"""Which process wrote something, and whether it still runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessIdentity", "lives", "this_process"]


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, so that another which is later given the same number is not taken for it.

    Attributes:
        host: name of the machine.
        space: where the number means something: this boot of the machine and the container; "" where nobody says.
        pid: its number there.
        started: when it started, as the system writes it; "" where nobody says.
    """

    host: str
    space: str
    pid: int
    started: str


def this_process() -> ProcessIdentity:
    """The process that asks."""
    pid = os.getpid()
    return ProcessIdentity(host=socket.gethostname(), space=_space(), pid=pid, started=_started(pid) or "")


def lives(process: ProcessIdentity) -> bool | None:
    """Whether a process runs; None where that cannot be seen from here."""
    if process.host != socket.gethostname() or process.space != _space() or not process.started:
        return None
    started = _started(process.pid)
    if started is None and _hidden(process.pid):
        return None
    return started == process.started


def _space() -> str:
    """Linux: the boot and the namespace of process numbers. Elsewhere a machine has one list of processes."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _started(pid: int) -> str | None:
    """When a process started; None for none, or one that has ended and waits to be collected."""
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()  # the name before it may hold anything
        state, ticks = fields[0], fields[19]  # proc(5), fields 3 and 22
        return None if state in "ZX" else ticks
    if os.name != "posix":
        return None
    listing = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = listing.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _hidden(pid: int) -> bool:
    """Whether there is a process that the system does not show, because it is another user's."""
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)  # sends nothing
    except PermissionError:
        return True
    except OSError:
        return False
    return False

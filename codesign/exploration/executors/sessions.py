"""Ending all processes of a session: what Ray starts does not stay in one group of processes, and dies at leisure."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["kill_session"]

_DEAD_S = 5.0
"""What was killed is gone in milliseconds, unless it is deep inside the kernel."""


def kill_session(leader: int) -> None:
    """Kill every process of a session but this one, and wait until they are gone.

    Where the system does not list processes, only those that are still in the leader's group.

    Args:
        leader: number of the process that began the session; one that this process started and has not yet waited for,
            or this process itself. So nobody else can have got the number.
    """
    deadline = time.monotonic() + _DEAD_S
    while (members := _members(leader)) and time.monotonic() < deadline:
        for member in members:
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        time.sleep(0.02)
    if not Path("/proc/self/stat").exists() and hasattr(os, "killpg") and leader != os.getpid():
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)


def _members(leader: int) -> list[int]:
    """Living processes of that session, without this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name) state ppid pgrp session ...; the name may hold anything
            state, _, _, session = entry.read_text(errors="replace").rpartition(")")[2].split()[:4]
        except OSError:
            continue  # gone meanwhile
        if int(session) == leader and state not in "ZX" and entry.parent.name != str(os.getpid()):
            found.append(int(entry.parent.name))
    return found

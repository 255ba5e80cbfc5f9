"""How much memory a task takes: how far the peak of the process's resident set rises during it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from numpy.typing import NDArray

_LEAST_PAGE = 4096


class PeakMemory:
    """Watches the resident set of this process from its creation on.

    Earlier memory use does not matter: unused memory held by the allocator is released first, and the peak so far is
    reset if the system allows it (on Linux, by writing 5 to `/proc/self/clear_refs`). If it does not, only the peak
    over the whole life of the process is known, which tells the rise only if it was exceeded.
    """

    def __init__(self) -> None:
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
        self._forgotten = _forget_peak()
        self._peak = _peak_bytes()
        # Right after a reset the peak is the current size, by the same counter as later peaks.
        self._held = self._peak if self._forgotten else _held_bytes()

    def risen_bytes(self) -> int | None:
        """How far the peak since then lies above the size at that time; None if unknown."""
        peak = _peak_bytes()
        if self._held is None or self._peak is None or peak is None:
            return None
        # Threads count some pages separately for a while, so the sum can fall below its earlier value.
        return max(0, peak - self._held) if self._forgotten or peak > self._peak else None


def read_pages(*arrays: NDArray[Any]) -> None:
    """Read from every page of these arrays: pages of mapped files and of shared memory only count as resident once this
    process has read them."""
    for array in arrays:
        array[:: _LEAST_PAGE // array.itemsize].max(initial=0)
        array[-1:].max(initial=0)


def _forget_peak() -> bool:
    """Reset the peak; return whether the system allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return True
    return False


def _held_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _peak_bytes() -> int | None:
    """The peak of this process alone; `getrusage` would include its parent's if that was larger at the start."""
    with suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

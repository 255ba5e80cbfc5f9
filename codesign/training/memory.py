"""How much memory something takes: how far the peak of the process's resident set rises meanwhile."""

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
    """Watches the resident set of this process from when it is made.

    What the process did before says nothing: memory that the allocator holds unused is given back first, and the peak
    so far forgotten where the system allows it (on Linux, 5 written to `/proc/self/clear_refs`). Where it does not, the
    peak of the process's whole life tells the rise only if it was exceeded, and otherwise nothing.
    """

    def __init__(self) -> None:
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
        self._forgotten = _forget_peak()
        self._peak = _peak_bytes()
        # A peak that was just forgotten is what is held, by the counter to which later peaks belong.
        self._held = self._peak if self._forgotten else _held_bytes()

    def risen_bytes(self) -> int | None:
        """How far the peak since then lies above what was held then; None where that cannot be known."""
        peak = _peak_bytes()
        if self._held is None or self._peak is None or peak is None:
            return None
        # Each thread counts some pages by itself for a while, so that the sum can fall behind what it was.
        return max(0, peak - self._held) if self._forgotten or peak > self._peak else None


def read_pages(*arrays: NDArray[Any]) -> None:
    """Read from every page of what arrays hold: of memory that lies in a file, or that processes share, only those
    count as held that this one has read."""
    for array in arrays:
        array[:: _LEAST_PAGE // array.itemsize].max(initial=0)
        array[-1:].max(initial=0)


def _forget_peak() -> bool:
    """Whether the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return True
    return False


def _held_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _peak_bytes() -> int | None:
    """Its peak; of this process alone, where `getrusage` counts its parent's too if that was larger at the start."""
    with suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""How much memory a task takes: how far the peak of the process's resident set rises during it."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

_LEAST_PAGE = 4096


class PeakMemory:
    """Watches the resident set of this process from its creation on. Linux only.

    Earlier memory use does not matter: unused memory held by the allocator is released first, and the peak so far is
    reset to the current size (by writing 5 to `/proc/self/clear_refs`).
    """

    def __init__(self) -> None:
        with suppress(OSError, AttributeError, TypeError):  # another C library, or, on Windows, none without a name
            ctypes.CDLL(None).malloc_trim(0)
        self._held: int | None = None
        with suppress(OSError, StopIteration):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._held = _peak_bytes()

    def risen_bytes(self) -> int | None:
        """How far the peak since then lies above the size at that time; None if unknown."""
        # Threads count some pages separately for a while, so the sum can fall below its earlier value.
        return None if self._held is None else max(0, _peak_bytes() - self._held)


def read_pages(*arrays: NDArray[Any]) -> None:
    """Read from every page of these arrays: pages of mapped files and of shared memory only count as resident once this
    process has read them."""
    for array in arrays:
        array[:: _LEAST_PAGE // array.itemsize].max(initial=0)
        array[-1:].max(initial=0)


def _peak_bytes() -> int:
    """The peak of this process alone; `getrusage` would include its parent's if that was larger at the start."""
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

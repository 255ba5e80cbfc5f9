"""How a pricing shows on a terminal, and in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from codesign.cli.durations import format_duration
from codesign.cli.progress import LiveProgress, PlainProgress
from codesign.exploration.pricing.pricing import PricingProgress
from codesign.exploration.runs.progress import Relay

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from codesign.exploration.runs.progress import Progress

__all__ = ["pricing_progress"]

_PAUSE_S = 5.0
"""Time between two lines of a log."""


def pricing_progress() -> PricingProgress:
    """Bars that stay in place on a terminal, a line now and then elsewhere."""
    from codesign.cli.console import PrintableConsole

    if sys.stderr.isatty():
        console = PrintableConsole(stderr=True)
        return _Bars(LiveProgress(console), console)
    return _Jobs(PlainProgress(sys.stderr))


class _Jobs(Relay, PricingProgress):
    """Hands what happens to jobs on, and writes a line at the start, now and then, and at the end of a phase."""

    def __init__(self, jobs: Progress) -> None:
        super().__init__(jobs)
        self._jobs = jobs
        self._phase = ""
        self._start = self._last = 0.0

    def advanced(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._start, self._last = phase, now, now
        if done == total or now - self._last >= _PAUSE_S:
            self._last = now
            self._jobs.note(f"{phase}: {done:,} of {total:,}, {format_duration(now - self._start)}")


class _Bars(_Jobs):
    """A bar a phase, with rate and time left."""

    def __init__(self, jobs: Progress, console: Console) -> None:
        super().__init__(jobs)
        self._console = console
        self._bars: Bars | None = None

    def advanced(self, phase: str, done: int, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        if self._bars is None:
            self._jobs.close()  # its lines and these would take each other's place
            self._bars = Bars(
                TextColumn("{task.description:10}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bars.start()
        if phase != self._phase:
            self._phase = phase
            self._bars.add_task(phase, total=total)
        self._bars.update(self._bars.task_ids[-1], completed=done)

    def close(self) -> None:
        super().close()
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

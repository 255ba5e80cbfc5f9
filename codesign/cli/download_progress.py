"""How a download shows on a terminal, and in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from codesign.cli.durations import format_duration
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from codesign.workload.download import Report

__all__ = ["LiveDownload", "PlainDownload", "download_progress"]

_PAUSE_S = 5.0
"""Time between two lines of a log."""


def download_progress() -> PlainDownload | LiveDownload:
    """Bars with rate and time left on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        return PlainDownload(sys.stderr)
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    from codesign.cli.console import PrintableConsole

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return LiveDownload(Bars(*columns, console=PrintableConsole(stderr=True)))


class PlainDownload:
    """One line per event, and every few seconds one on the file that is coming."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock

    def note(self, text: str) -> None:
        print(escaped(text), file=self._stream, flush=True)

    def fetching(self, name: str) -> Report:
        start = self._clock()
        last: float | None = None
        first = 0

        def report(done: int, total: int | None) -> None:
            nonlocal last, first
            now = self._clock()
            if last is None:
                first = done
            if last is None or done == total or now - last >= _PAUSE_S:
                last = now
                of = "" if total is None else f" of {_megabytes(total)}"
                rate = f", {_megabytes((done - first) / (now - start))}/s" if now > start and done > first else ""
                self.note(f"{name}: {_megabytes(done)}{of}, {format_duration(now - start)}{rate}")

        return report

    def close(self) -> None:
        pass


class LiveDownload:
    """A bar a file."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._bars.start()

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)

    def fetching(self, name: str) -> Report:
        task = self._bars.add_task(name, total=None)
        return lambda done, total: self._bars.update(task, completed=done, total=total)

    def close(self) -> None:
        self._bars.stop()


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"

"""Showing a sweep, a study, a pricing or a download on a terminal, and in a log."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from rich import progress as bars
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live

from codesign.console import PrintableConsole
from codesign.exploration.runs.picture import run_picture
from codesign.exploration.runs.progress import Progress, View
from codesign.terminal_text import escaped, in_notebook, on_terminal
from codesign.units import format_duration

LINES_VARIABLE = "CODESIGN_PROGRESS"
"""Environment variable: `jobs` logs a line for every job and trial if there is no terminal."""

_PAUSE_S = 60.0
_FIRST_PAUSE_S = 10.0
"""In a notebook, where somebody waits; each further one is twice as long, up to a minute."""
_PHASE_PAUSE_S = 5.0
_TRAININGS = 2
_LINES = 15


def choose_progress() -> Progress:
    """Progress with lines that stay in place on a terminal, and elsewhere a line per minute, in a notebook earlier."""
    if on_terminal():
        return Progress(TerminalView(PrintableConsole(stderr=True)))
    return Progress(LogView(sys.stderr, pause_s=_FIRST_PAUSE_S if in_notebook() else _PAUSE_S))


@contextmanager
def shown_progress(shown: bool) -> Iterator[Progress]:
    """Progress on standard error if `shown`, otherwise without output; closed at the end of the block."""
    progress = choose_progress() if shown else Progress()
    try:
        yield progress
    finally:
        progress.close()


class LogView(View):
    """A line at the beginning, one per minute and one at the end, for logs and pipes; the first after `pause_s`.
    Failures and notes are always shown."""

    def __init__(self, stream: TextIO | None, *, pause_s: float = _PAUSE_S) -> None:
        self._stream = stream
        self._pause_s = pause_s
        self._each = os.environ.get(LINES_VARIABLE) == "jobs"
        self._said = ""
        self._said_at = 0.0
        self._phase = ""
        self._phase_start = self._phase_said = 0.0

    def begin(self) -> None:
        self._said_at = self.run.clock()

    def ended(self, text: str) -> None:
        if self._each:
            self.note(text)

    def pulse(self) -> None:
        if self.run.clock() - self._said_at >= self._pause_s:
            self._pause_s = min(2 * self._pause_s, _PAUSE_S)
            self._say()

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        now, begins = self.run.clock(), phase != self._phase
        if begins:
            self._phase, self._phase_start = phase, now
        if begins or done == total or now - self._phase_said >= _PHASE_PAUSE_S:
            self._phase_said = now
            done_text, total_text = (f"{n / 1e6:,.1f} MB" if unit == "B" else f"{n:,}" for n in (done, total or 0))
            of = "" if total is None else f" of {total_text}"
            self.note(f"{phase}: {done_text}{of}, {format_duration(now - self._phase_start)}")

    def note(self, text: str) -> None:
        if self._stream is not None:  # for None, `print` would use standard output
            with suppress(OSError, ValueError):  # no reader, or closed
                print(escaped(text), file=self._stream, flush=True)

    def close(self) -> None:
        if self.run.total and not self._each:
            self._say()

    def _say(self) -> None:
        run = self.run
        self._said_at = run.clock()
        without = {how: run.counts[how] for how in ("failed", "skipped") if run.counts[how]}
        there, total = run.ended.total() - sum(without.values()), run.total.total()
        parts = [run.trials_text, f"{there:,} of {total:,} jobs after {format_duration(run.elapsed_s)}"]
        parts += [f"{count:,} {how}" for how, count in without.items()]
        if left := run.remaining_s():
            parts.append(f"about {format_duration(left)} left")
        trainings = [f"{label}: {told}" for (_, label), told in list(run.details.items())[:_TRAININGS]]
        text = "; ".join([", ".join(filter(None, parts)), *trainings])
        if text != self._said:
            self._said = text
            self.note(text)


class TerminalView(View):
    """Lines that stay in place: counts, rate, time left, running jobs, the front; failures and notes scroll above."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | bars.Progress | None = None

    def begin(self) -> None:
        if self._live is None:
            # Drawing takes time from the jobs of this process, so a higher rate would slow them.
            self._live = Live(self, console=self._console, refresh_per_second=2, transient=True)
            self._live.start()

    def note(self, text: str) -> None:
        self._console.print(escaped(text), highlight=False, markup=False)

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """One bar per phase, below each other."""
        if not isinstance(self._live, bars.Progress):  # no jobs remain
            self._stop()
            amount = (bars.DownloadColumn(), bars.TransferSpeedColumn()) if unit else (bars.MofNCompleteColumn(),)
            name = bars.TextColumn("{task.description:10}", markup=False)
            columns = (name, bars.BarColumn(), *amount, bars.TimeElapsedColumn(), bars.TimeRemainingColumn())
            self._live = bars.Progress(*columns, console=self._console, get_time=self.run.clock)
            self._live.start()
        if not self._live.tasks or self._live.tasks[-1].description != phase:
            self._live.add_task(phase, total=total)
        self._live.update(self._live.task_ids[-1], completed=done, total=total)

    def close(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """At most 15 lines, and fewer than the terminal has."""
        picture = run_picture(self.run)
        lines = console.render_lines(Group(*picture), options.update(height=None), pad=False, new_lines=True)
        for line in lines[: min(_LINES, console.height - 1)]:
            yield from line

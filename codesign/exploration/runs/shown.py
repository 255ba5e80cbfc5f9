"""Showing a sweep, a study, a pricing or a download on a terminal, and in a log."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

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

_PHASE_PAUSE_S = 5.0
_TRAININGS = 2
_LINES = 15


def choose_progress() -> Progress:
    """Progress with lines that stay in place on a terminal and in a notebook, and elsewhere a line per minute."""
    if on_terminal():
        return Progress(TerminalView(PrintableConsole(stderr=True)))
    return Progress(NotebookView(sys.stderr) if in_notebook() else LogView(sys.stderr))


@contextmanager
def shown_progress(shown: bool) -> Iterator[Progress]:
    """Progress on standard error if `shown`, otherwise without output; closed at the end of the block."""
    progress = choose_progress() if shown else Progress()
    try:
        yield progress
    finally:
        progress.close()


class LogView(View):
    """A line at the beginning, one per minute and one at the end, for logs and pipes. Failures and notes are always
    shown."""

    _pause_s = 60.0

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
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
            self._say()

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        now, begins = self.run.clock(), phase != self._phase
        if begins:
            self._phase, self._phase_start = phase, now
        if begins or done == total or now - self._phase_said >= _PHASE_PAUSE_S:
            self._phase_said = now
            done_text, total_text = (f"{n / 1e6:,.1f} MB" if unit == "B" else f"{n:,}" for n in (done, total or 0))
            of = "" if total is None else f" of {total_text}"
            self._tell(phase, f"{phase}: {done_text}{of}, {format_duration(now - self._phase_start)}")

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
            self._tell("jobs", text)

    def _tell(self, line: str, text: str) -> None:
        """Show how far the jobs, or a phase, have come."""
        self.note(text)


class NotebookView(LogView):
    """A log whose lines on how far the jobs and each phase have come stay in place, and so come more often."""

    _pause_s = 2.0

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._lines: dict[str, Any] = {}

    def _tell(self, line: str, text: str) -> None:
        shown = {"text/plain": escaped(text)}
        if self._lines.get(line) is not None:
            self._lines[line].update(shown, raw=True)
        else:  # IPython is there where a notebook is
            self._lines[line] = importlib.import_module("IPython.display").display(shown, raw=True, display_id=True)


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

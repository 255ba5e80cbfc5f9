"""How a sweep, a study, a pricing or a download shows on a terminal, and in a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from codesign.exploration.runs.counting import Counting
from codesign.exploration.runs.durations import format_duration
from codesign.exploration.runs.progress import Progress, Search
from codesign.exploration.work import Work, work_text
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.progress import Progress as Bars

    from codesign.exploration.executors.base import Failure
    from codesign.exploration.runs.progress import FrontLine

__all__ = ["LINES_VARIABLE", "LiveProgress", "PlainProgress", "choose_progress", "shown_progress"]

LINES_VARIABLE = "CODESIGN_PROGRESS"
"""Environment variable: `jobs` gives every job and trial a line where there is no terminal."""

_PAUSE_S = 60.0
_PHASE_PAUSE_S = 5.0
_FRONT = 5
_TRAININGS = 2
_LINES = 15


def choose_progress() -> PlainProgress | LiveProgress:
    """Lines that stay in place on a terminal, one line a minute elsewhere."""
    from codesign.console import PrintableConsole

    return LiveProgress(PrintableConsole(stderr=True)) if sys.stderr.isatty() else PlainProgress(sys.stderr)


@contextmanager
def shown_progress(shown: bool) -> Iterator[Progress]:
    """A run's progress on standard error, closed with the block, or one that shows nothing."""
    progress = choose_progress() if shown else None
    try:
        yield progress or Progress()
    finally:
        if progress is not None:
            progress.close()


@dataclass(frozen=True, kw_only=True)
class _Phase:
    """What is under way other than jobs, and how much of it was done when it was first heard of."""

    name: str
    start: float
    done: int

    def text(self, done: int, total: int | None, unit: str, now: float) -> str:
        """`12 of 100, 3.0 s`, or of bytes `1.2 MB of 5.0 MB, 3.0 s, 0.4 MB/s`."""
        amount = _megabytes if unit == "B" else "{:,}".format
        of = "" if total is None else f" of {amount(total)}"
        seconds = now - self.start
        rate = f", {amount((done - self.done) / seconds)}/s" if unit and seconds > 0 and done > self.done else ""
        return f"{amount(done)}{of}, {format_duration(seconds)}{rate}"


class PlainProgress(Counting):
    """A line at the beginning, one a minute and one at the end, for logs and pipes. Failures and notes always show.

    Args:
        each: whether every job and trial has a line; None asks the environment.
    """

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, *, each: bool | None = None
    ) -> None:
        super().__init__(clock)
        self._stream = stream
        self._each = os.environ.get(LINES_VARIABLE) == "jobs" if each is None else each
        self._said_at = clock()
        self._said = ""
        self._front_said: tuple[FrontLine, ...] = ()
        self._phase: _Phase | None = None
        self._phase_at = clock()

    def planned(self, work: Work, executor: str) -> None:
        super().planned(work, executor)
        self._said_at = self._clock()
        self.note(f"{work_text(work)}; executor: {executor}")

    def study_begins(self, search: Search) -> None:
        super().study_begins(search)
        self._said_at = self._clock()
        self.note(search_text(search))

    def finished(self, kind: str, label: str, wall_s: float, results: int = 1) -> None:
        super().finished(kind, label, wall_s, results)
        self._ended(f"{kind} {label}: done in {format_duration(wall_s)}")

    def found_in_store(self, kind: str, label: str) -> None:
        super().found_in_store(kind, label)
        self._ended(f"{kind} {label}: in the store, put there by another process")

    def failed(self, kind: str, label: str, failure: Failure, results: int = 1) -> None:
        super().failed(kind, label, failure, results)
        self.note(f"{self._so_far()} {kind} {label}: FAILED, {failure}")

    def pulse(self) -> None:
        if self._clock() - self._said_at >= _PAUSE_S:
            self._say()

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        super().part_failed(kind, label, failure)
        self.note(f"{kind} {label}: FAILED in part, {failure}")

    def trial_ended(self, text: str, state: str) -> None:
        super().trial_ended(text, state)
        if self._each:
            self.note(f"[{self._trials()}] {text}")
        self.pulse()

    def advanced(self, phase: str, done: int, total: int | None, unit: str = "") -> None:
        now = self._clock()
        begins = self._phase is None or self._phase.name != phase
        if self._phase is None or begins:
            self._phase = _Phase(name=phase, start=now, done=done)
        if begins or done == total or now - self._phase_at >= _PHASE_PAUSE_S:
            self._phase_at = now
            self.note(f"{phase}: {self._phase.text(done, total, unit, now)}")

    def note(self, text: str) -> None:
        print(escaped(text), file=self._stream, flush=True)

    def close(self) -> None:
        if self.total and not self._each:
            self._say()

    def _so_far(self) -> str:
        return f"[{self.ended.total()}/{self.total.total()}]"

    def _trials(self) -> str:
        assert self.search is not None, "a study begins before its trials"
        return f"{self.told.total()}{'' if self.search.trials is None else f'/{self.search.trials}'} trials"

    def _ended(self, text: str) -> None:
        if self._each:
            self.note(f"{self._so_far()} {text}")
        self.pulse()

    def _say(self) -> None:
        """How far it is, and the best front so far if that is another one than was said."""
        self._said_at = self._clock()
        parts = [] if self.search is None else [self._trials()]
        parts.append(
            f"{self.ended.total():,} of {self.total.total():,} results after {format_duration(self.elapsed_s)}"
        )
        parts += [f"{self.counts['failed']:,} failed"] if self.counts["failed"] else []
        if left := self.remaining_s():
            parts.append(f"about {format_duration(left)} left")
        trainings = [f"{label}: {told}" for (_, label), told in list(self.details.items())[:_TRAININGS]]
        text = "; ".join([", ".join(parts), *trainings])
        if self.search is not None and self.front_lines and self.front_lines != self._front_said:
            self._front_said = self.front_lines
            text += f"; {front_text(self.front_lines, self.volume)}"
        if text != self._said:
            self._said = text
            self.note(text)


class LiveProgress(Counting):
    """Lines that stay in place: counts, rate, time left, what runs, the front; failures and notes scroll above."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._console = console
        self._live: Live | Bars | None = None
        self._closed = False
        self._phase: _Phase | None = None

    def planned(self, work: Work, executor: str) -> None:
        super().planned(work, executor)
        self.note(f"{work_text(work)}; executor: {executor}")
        if work.jobs:
            self._show()

    def study_begins(self, search: Search) -> None:
        super().study_begins(search)
        self.note(search_text(search))
        self._show()

    def failed(self, kind: str, label: str, failure: Failure, results: int = 1) -> None:
        super().failed(kind, label, failure, results)
        self.note(f"{kind} {label}: failed, {failure}")

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        super().part_failed(kind, label, failure)
        self.note(f"{kind} {label}: failed in part, {failure}")

    def note(self, text: str) -> None:
        self._console.print(escaped(text), highlight=False, markup=False)

    def advanced(self, phase: str, done: int, total: int | None, unit: str = "") -> None:
        """A bar a phase, below each other."""
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        if not isinstance(self._live, Bars):  # no jobs are left
            self._stop()
            columns = (TextColumn("{task.description:10}", markup=False), BarColumn())
            amount = TextColumn("{task.fields[amount]}", markup=False)
            self._live = Bars(*columns, amount, TimeRemainingColumn(), console=self._console)
            self._live.start()
        now = self._clock()
        if self._phase is None or self._phase.name != phase:
            self._phase = _Phase(name=phase, start=now, done=done)
            self._live.add_task(phase, total=total, amount="")
        amount_text = self._phase.text(done, total, unit, now)
        self._live.update(self._live.task_ids[-1], completed=done, total=total, amount=amount_text)

    def close(self) -> None:
        self._closed = True
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _show(self) -> None:
        from rich.live import Live

        if self._live is None and not self._closed:
            # Drawing takes turns with the jobs of this process, so that more often would slow them.
            self._live = Live(self, console=self._console, refresh_per_second=2, transient=True)
            self._live.start()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """In 15 lines or fewer, and in fewer than the terminal has."""
        from rich.console import Group

        from codesign.exploration.runs.picture import run_picture

        picture = run_picture(self, width=options.max_width, ascii_only=options.ascii_only)
        lines = console.render_lines(Group(*picture), options.update(height=None), pad=False, new_lines=True)
        for line in lines[: min(_LINES, console.height - 1)]:
            yield from line


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"


def search_text(search: Search) -> str:
    """What there is to search, in a line."""
    budget = [] if search.trials is None else [f"{search.trials} trials"]
    budget += [] if search.time_s is None else [f"{format_duration(search.time_s)} at work"]
    told = sum(search.told.values())
    return f"to search: {' or '.join(budget)}; {told} trials from earlier runs; executor: {search.executor}"


def front_text(lines: Sequence[FrontLine], volume: str) -> str:
    """The best front so far in a line: its first points."""
    points = [
        f"{line.name} ({', '.join(f'{label} {value}' for label, value in zip(line.labels, line.values, strict=True))})"
        for line in lines[:_FRONT]
    ]
    more = f" and {len(lines) - _FRONT} more" if len(lines) > _FRONT else ""
    return f"best so far: {'; '.join(points)}{more}" + (f"; hypervolume {volume}" if volume else "")

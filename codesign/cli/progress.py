"""How a sweep, a study, a pricing or a download shows on a terminal, and in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from codesign.cli.durations import format_duration, rate_text
from codesign.exploration.runs.counting import Counting
from codesign.exploration.runs.progress import Search
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.progress import Progress as Bars

    from codesign.exploration.executors.base import Failure
    from codesign.exploration.runs.progress import FrontLine
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["LiveProgress", "PlainProgress", "choose_progress"]

_BURST = 100
_PAUSE_S = 3.0
"""So many first jobs have a line each, and then one job in so much time."""
_PHASE_PAUSE_S = 5.0
_FRONT_PAUSE_S = 60.0
_FRONT = 5
_LINES = 15


def choose_progress() -> PlainProgress | LiveProgress:
    """Lines that stay in place on a terminal, one line per event elsewhere."""
    from codesign.cli.console import PrintableConsole

    return LiveProgress(PrintableConsole(stderr=True)) if sys.stderr.isatty() else PlainProgress(sys.stderr)


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
    """One line an event, for logs and pipes; of very many quick jobs a line every few seconds. Failures always show."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._stream = stream
        self._held: str | None = None  # a line about a job that was not written
        self._held_count = self._said_count = 0
        self._said_at = clock()
        self._front_said: tuple[FrontLine, ...] = ()
        self._front_at = clock()
        self._phase: _Phase | None = None
        self._phase_at = clock()

    def planned(self, work: Work, executor: str) -> None:
        super().planned(work, executor)
        self.note(planned_text(work, executor))

    def study_begins(self, search: Search) -> None:
        super().study_begins(search)
        self.note(search_text(search))

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        super().finished(kind, label, wall_s)
        self._ended(f"{kind} {label}: done in {format_duration(wall_s)}")

    def found_in_store(self, kind: str, label: str) -> None:
        super().found_in_store(kind, label)
        self._ended(f"{kind} {label}: in the store, where another process has put it")

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        super().failed(kind, label, failure)
        self.note(f"{self._so_far()} {kind} {label}: FAILED, {failure}")

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        super().part_failed(kind, label, failure)
        self.note(f"{kind} {label}: FAILED in part, {failure}")

    def front(self, lines: Sequence[FrontLine]) -> None:
        super().front(lines)
        now = self._clock()
        if self.front_lines != self._front_said and now - self._front_at >= _FRONT_PAUSE_S:
            self._front_said, self._front_at = self.front_lines, now
            self.note(front_text(self.front_lines, self.volume))

    def trial_ended(self, text: str, state: str) -> None:
        super().trial_ended(text, state)
        assert self.search is not None, "a study begins before its trials"
        of = "" if self.search.trials is None else f"/{self.search.trials}"
        self.note(f"[{self.told.total()}{of} trials] {text}")

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
        if self._held is not None:
            self._held_count -= 1
            self._say(self._held)

    def _so_far(self) -> str:
        return f"[{self.ended.total()}/{self.total.total()}]"

    def _ended(self, text: str) -> None:
        """A line about a job, or where there are too many a note to write it should no other follow."""
        line = f"{self._so_far()} {text}"
        if self._said_count < _BURST or self._clock() - self._said_at >= _PAUSE_S:
            self._say(line)
        else:
            self._held, self._held_count = line, self._held_count + 1

    def _say(self, line: str) -> None:
        left = self.remaining_s()
        more = f", about {format_duration(left)} left" if left else ""
        if self._held_count and self.rate_per_s is not None:
            more = f"; {self._held_count} more since the last line, {rate_text(self.rate_per_s)}{more}"
        self._held, self._held_count = None, 0
        self._said_count, self._said_at = self._said_count + 1, self._clock()
        self.note(line + more)


class LiveProgress(Counting):
    """Lines that stay in place: counts, rate, time left, what runs, the front; failures and notes scroll above."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._console = console
        self._live: Live | Bars | None = None
        self._closed = False
        self._phase: _Phase | None = None
        self._details: dict[tuple[str, str], str] = {}

    def planned(self, work: Work, executor: str) -> None:
        super().planned(work, executor)
        self.note(planned_text(work, executor))
        if work.jobs:
            self._show()

    def study_begins(self, search: Search) -> None:
        super().study_begins(search)
        self.note(search_text(search))
        self._show()

    def epoch(self, label: str, report: EpochReport) -> None:
        self._details["train", label] = (
            f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.3f}, "
            f"validation accuracy {report.validation_accuracy:.1%}, {format_duration(report.remaining_s)} left"
        )

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        super().finished(kind, label, wall_s)
        self._details.pop((kind, label), None)

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        super().failed(kind, label, failure)
        self._details.pop((kind, label), None)
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

        from codesign.cli.progress_table import run_picture

        picture = run_picture(self, self._details, width=options.max_width, ascii_only=options.ascii_only)
        lines = console.render_lines(Group(*picture), options.update(height=None), pad=False, new_lines=True)
        for line in lines[: min(_LINES, console.height - 1)]:
            yield from line


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"


def planned_text(work: Work, executor: str) -> str:
    """What there is to do, in a line."""
    parts = [
        f"{work.to_run[kind]} {what} ({work.in_store[kind]} in the store)"
        for kind, what in (("train", "trainings"), ("execute", "executions"), ("price", "prices"))
    ]
    return f"to run: {', '.join(parts)}; executor: {executor}"


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

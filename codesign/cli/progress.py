"""How a running sweep or study shows on a terminal, and in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from codesign.cli.durations import format_duration
from codesign.exploration.runs.counting import Counting, rate_text
from codesign.exploration.runs.progress import Search
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

    from codesign.exploration.executors.base import Failure
    from codesign.exploration.runs.progress import FrontLine
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["LiveProgress", "PlainProgress"]

_BURST = 100
_PAUSE_S = 3.0
"""So many lines about jobs may follow each other at once, and one more for so much time."""
_FRONT_PAUSE_S = 60.0
_FRONT = 5


class PlainProgress(Counting):
    """One line an event, for logs and pipes; of very many quick jobs a line every few seconds. Failures always show."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._stream = stream
        self._allowed, self._allowed_at = float(_BURST), clock()
        self._held: str | None = None
        self._unsaid = 0
        self._front_said: tuple[FrontLine, ...] = ()
        self._front_at = clock()

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
        self.note(f"[{self.jobs_ended}/{self.jobs}] {kind} {label}: FAILED, {failure}")

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

    def note(self, text: str) -> None:
        try:
            print(escaped(text), file=self._stream, flush=True)
        except BrokenPipeError:
            raise  # the reader has gone, as behind `head`
        except OSError:
            pass  # a log on a full disk: the jobs are worth more than the lines about them

    def close(self) -> None:
        if self._held is not None:
            self._unsaid -= 1
            self._say(self._held)

    def _ended(self, text: str) -> None:
        """A line about a job, or where there are too many a note to write it should no other follow."""
        line = f"[{self.jobs_ended}/{self.jobs}] {text}"
        now = self._clock()
        self._allowed = min(float(_BURST), self._allowed + (now - self._allowed_at) / _PAUSE_S)
        self._allowed_at = now
        if self._allowed < 1:
            self._held = line
            self._unsaid += 1
            return
        self._allowed -= 1
        self._say(line)

    def _say(self, line: str) -> None:
        left = self.remaining_s()
        more = f", about {format_duration(left)} left" if left else ""
        if self._unsaid and self.rate_per_s is not None:
            more = f"; {self._unsaid} more since the last line, {rate_text(self.rate_per_s)}{more}"
        self._held, self._unsaid = None, 0
        self.note(line + more)


class LiveProgress(Counting):
    """Lines that stay in place: counts, rate, time left, what runs, the front; failures and notes scroll above."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._console = console
        self._live: Live | None = None
        self._closed = False
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

    def close(self) -> None:
        self._closed = True
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
        from codesign.cli.progress_table import run_picture

        yield from run_picture(
            self, self._details, width=options.max_width, height=console.height, ascii_only=options.ascii_only
        )


def planned_text(work: Work, executor: str) -> str:
    """What there is to do, in a line."""
    parts = [
        f"{tally.to_run} {what} ({tally.in_store} in the store)"
        for what, tally in (("trainings", work.train), ("executions", work.execute), ("prices", work.price))
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

"""How a running sweep shows on a terminal, and in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from codesign.exploration.progress import Progress
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

    from codesign.exploration.executors.base import Failure
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["LiveProgress", "PlainProgress", "format_duration"]


def format_duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Forecast:
    """Time that is left, from how long jobs of each kind took and how many ran at once."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._left: dict[str, int] = {}
        self._walls: dict[str, list[float]] = {}

    def plan(self, work: Work) -> None:
        self._left = {
            "train": len(work.trainings),
            "execute": len(work.executions),
            "price": len(work.assessments),
        }

    def ended(self, kind: str, wall_s: float | None) -> None:
        """A job of that kind ended; None for one that failed, which says nothing about the others."""
        self._left[kind] = max(0, self._left.get(kind, 0) - 1)
        if wall_s is not None:
            self._walls.setdefault(kind, []).append(wall_s)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def remaining_s(self) -> float | None:
        """None until a job of every kind that is left has ended, except prices, which are quick."""
        seconds = 0.0
        for kind, count in self._left.items():
            walls = self._walls.get(kind)
            if count and not walls and kind != "price":
                return None
            if walls:
                seconds += count * sum(walls) / len(walls)
        at_once = max(1.0, sum(map(sum, self._walls.values())) / max(self.elapsed_s, 1e-3))
        return seconds / at_once


class PlainProgress(Progress):
    """One line an event, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ended = self._jobs = 0
        self._forecast = Forecast()

    def planned(self, work: Work, executor: str) -> None:
        self._jobs = work.jobs
        self._forecast.plan(work)
        self.note(planned_text(work, executor))

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        self._ended += 1
        self._forecast.ended(kind, wall_s)
        left = self._forecast.remaining_s()
        more = f", about {format_duration(left)} left" if left else ""
        self.note(f"[{self._ended}/{self._jobs}] {kind} {label}: done in {format_duration(wall_s)}{more}")

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self.skipped(kind, label)
        self.note(f"[{self._ended}/{self._jobs}] {kind} {label}: FAILED, {failure}")

    def skipped(self, kind: str, label: str) -> None:
        self._ended += 1
        self._forecast.ended(kind, None)

    def study_begins(self, *, trials: int | None, told: int, executor: str) -> None:
        budget = "as many trials as time allows" if trials is None else f"{trials} trials"
        self.note(f"to search: {budget}, {told} of them from earlier runs; executor: {executor}")

    def trial_ended(self, text: str) -> None:
        self.note(text)

    def note(self, text: str) -> None:
        try:
            print(escaped(text), file=self._stream, flush=True)
        except BrokenPipeError:
            raise  # whoever listened has gone, as behind `head`
        except OSError:
            pass  # a log on a full disk: the jobs are worth more than the lines about them


class LiveProgress(Progress):
    """A few lines that stay in place: bar, rate, time left, what runs; failures and notes scroll above them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._jobs = self._done = self._failed = self._reused = 0
        self._running: dict[tuple[str, str], str] = {}
        self._forecast = Forecast()

    def planned(self, work: Work, executor: str) -> None:
        from rich.live import Live

        self._console.print(planned_text(work, executor), highlight=False)
        self._jobs, self._reused = work.jobs, work.reused
        self._forecast.plan(work)
        if self._jobs:
            self._live = Live(self, console=self._console, refresh_per_second=4, transient=True)
            self._live.start()

    def started(self, kind: str, label: str) -> None:
        self._running[kind, label] = ""

    def epoch(self, label: str, report: EpochReport) -> None:
        self._running["train", label] = (
            f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.3f}, "
            f"validation accuracy {report.validation_accuracy:.1%}, {format_duration(report.remaining_s)} left"
        )

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        self._running.pop((kind, label), None)
        self._forecast.ended(kind, wall_s)
        self._done += 1

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self._running.pop((kind, label), None)
        self.skipped(kind, label)
        self.note(f"{kind} {label}: failed, {failure}")

    def skipped(self, kind: str, label: str) -> None:
        self._forecast.ended(kind, None)
        self._failed += 1

    def note(self, text: str) -> None:
        self._console.print(escaped(text), highlight=False, markup=False)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        ended = self._done + self._failed
        counts = f"{ended}/{self._jobs} jobs"
        counts += f", {self._failed} failed" if self._failed else ""
        counts += f", {self._reused} from the store" if self._reused else ""
        if ended:
            counts += f", {60 * ended / self._forecast.elapsed_s:.1f} jobs/min"
            left = self._forecast.remaining_s()
            counts += "" if left is None else f", about {format_duration(left)} left"
        line = Table.grid(padding=(0, 1))
        line.add_row(ProgressBar(total=max(self._jobs, 1), completed=ended, width=30), Text(counts))
        yield line
        for (kind, label), detail in list(self._running.items())[:6]:
            yield Text(f"  {kind} {label}" + (f": {detail}" if detail else ""), overflow="ellipsis", no_wrap=True)
        if len(self._running) > 6:
            yield Text(f"  and {len(self._running) - 6} more")


def planned_text(work: Work, executor: str) -> str:
    """What there is to do, in a line."""
    parts = [
        f"{tally.to_run} {what} ({tally.in_store} in the store)"
        for what, tally in (("trainings", work.train), ("executions", work.execute), ("prices", work.price))
    ]
    return f"to run: {', '.join(parts)}; executor: {executor}"

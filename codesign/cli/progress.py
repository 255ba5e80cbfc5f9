"""How a running sweep shows on a terminal, and in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from codesign.exploration.progress import Progress

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


class PlainProgress(Progress):
    """One line an event, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._done = self._jobs = 0

    def planned(self, work: Work, executor: str) -> None:
        self._jobs = work.jobs
        self.note(planned_text(work, executor))

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        self._done += 1
        self.note(f"[{self._done}/{self._jobs}] {kind} {label}: done in {format_duration(wall_s)}")

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self.note(f"{kind} {label}: FAILED, {failure}")

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class LiveProgress(Progress):
    """A few lines that stay in place: bar, rate, time left, what runs; failures and notes scroll above them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._jobs = self._done = self._failed = self._reused = 0
        self._running: dict[tuple[str, str], str] = {}
        self._start = time.monotonic()

    def planned(self, work: Work, executor: str) -> None:
        from rich.live import Live

        self._console.print(planned_text(work, executor), highlight=False)
        self._jobs, self._reused, self._start = work.jobs, work.reused, time.monotonic()
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
        self._done += 1

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self._running.pop((kind, label), None)
        self._failed += 1
        self.note(f"{kind} {label}: failed, {failure}")

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        elapsed = time.monotonic() - self._start
        ended = self._done + self._failed
        counts = f"{ended}/{self._jobs} jobs"
        counts += f", {self._failed} failed" if self._failed else ""
        counts += f", {self._reused} from the store" if self._reused else ""
        if ended:
            rate = ended / elapsed
            left = format_duration((self._jobs - ended) / rate)
            counts += f", {rate * 60:.1f} jobs/min, about {left} left"
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

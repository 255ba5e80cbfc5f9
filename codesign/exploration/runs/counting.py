"""How many results and trials there are, to come and ended: what a terminal, a log and a record all show."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Failure
from codesign.exploration.runs.durations import format_duration
from codesign.exploration.runs.progress import FrontLine, Progress, Search
from codesign.exploration.runs.record import JobProgress, SearchCounts, absolute, one_line
from codesign.units import in_percent

if TYPE_CHECKING:
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["Counting"]

_ENOUGH = 3
"""Results of a kind after which the time that others will take is told."""


class Counting(Progress):
    """Keeps count of what it is told.

    Attributes:
        executor: where jobs run; "" until it is known.
        total, ended: results by kind that were taken up, and of them those that are not to come any more.
        counts: of results that are `done`, `failed` or `skipped`, and `reused`, from the store or from another process
            that was faster.
        running: jobs under way, by (kind, label).
        details: how far a training is, by (kind, label), where that is known.
        search: what a study began with; None for a sweep.
        told: trials by how they ended, those of earlier runs included.
        in_flight: trials under way.
        front_lines: the best front so far.
        volume: how much a study's trials cover, in words.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._run = 0  # results that jobs were run for, to their end or until they failed
        self._worked_s: dict[str, float] = defaultdict(float)  # how long jobs of a kind took that were run to their end
        self._worked: Counter[str] = Counter()  # and how many results they had
        self._told_before = 0
        self.executor = ""
        self.total: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.running: Counter[tuple[str, str]] = Counter()
        self.details: dict[tuple[str, str], str] = {}
        self.search: Search | None = None
        self.told: Counter[str] = Counter()
        self.in_flight = 0
        self.front_lines: tuple[FrontLine, ...] = ()
        self.volume = ""

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start

    @property
    def rate_per_s(self) -> float | None:
        """Results a second; None before the first."""
        return self._run / self.elapsed_s if self._run and self.elapsed_s > 0 else None

    def jobs(self) -> JobProgress:
        """The results, as they are now."""
        return JobProgress(
            total=dict(self.total),
            ended=dict(self.ended),
            running=self.running.total(),
            rate_per_s=self.rate_per_s,
            left_s=self.remaining_s(),
            **self.counts,
        )

    def trials(self) -> SearchCounts | None:
        """The trials, as they are now; None for a sweep."""
        if self.search is None:
            return None
        return SearchCounts(
            trials=self.search.trials,
            time_s=self.search.time_s,
            told=dict(self.told),
            in_flight=self.in_flight,
            hypervolume=one_line(self.volume),
            place=one_line(absolute(self.search.place)),
        )

    def remaining_s(self) -> float | None:
        """Time that is left, as far as it can be told: of a study's trials, or of the jobs once these are all told."""
        search = self.search
        if search is None or (search.trials is not None and self.told.total() >= search.trials):
            return self._jobs_remaining_s()
        left: list[float] = []
        told_here = self.told.total() - self._told_before
        if search.trials is not None and told_here:
            left.append((search.trials - self.told.total()) * self.elapsed_s / told_here)
        if search.time_s is not None:
            left.append(max(0.0, search.time_s - search.elapsed_s - self.elapsed_s))
        return min(left, default=None)

    def _jobs_remaining_s(self) -> float | None:
        """From how long results of each kind took, and how many were worked on at once.

        None until a few results of every kind that is left are there, or all that there are of it.
        """
        seconds = 0.0
        for kind, count in (self.total - self.ended).items():
            if self._worked[kind] < min(_ENOUGH, self.total[kind] - 1) or not self._worked[kind]:
                return None
            seconds += count * self._worked_s[kind] / self._worked[kind]
        worked = sum(self._worked_s.values())
        return seconds / max(1.0, worked / max(self.elapsed_s, 1e-3))

    def planned(self, work: Work, executor: str) -> None:
        self.executor = executor
        self._start = self._clock()

    def study_begins(self, search: Search) -> None:
        self.executor, self.search = search.executor, search
        self._start = self._clock()
        self.told = Counter(search.told)
        self._told_before = self.told.total()

    def added(self, work: Work, new: Mapping[str, int]) -> None:
        self.counts["reused"] += work.reused
        self.total.update(new)

    def started(self, kind: str, label: str) -> None:
        self.running[kind, label] += 1

    def epoch(self, label: str, report: EpochReport) -> None:
        accuracy, left = in_percent(report.validation_accuracy), format_duration(report.remaining_s)
        self.details["train", label] = (
            f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.3f}, "
            f"validation accuracy {accuracy} %, {left} left"
        )

    def finished(self, kind: str, label: str, wall_s: float, results: int = 1) -> None:
        self._stopped(kind, label)
        self._end(kind, "done", results)
        self._run += results
        self._worked[kind] += results
        self._worked_s[kind] += wall_s

    def failed(self, kind: str, label: str, failure: Failure, results: int = 1) -> None:
        self._stopped(kind, label)
        self._end(kind, "failed", results)
        self._run += results

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        self._end(kind, "failed")

    def found_in_store(self, kind: str, label: str) -> None:
        self._end(kind, "reused")

    def again(self, kind: str, label: str, maker: str | None) -> None:
        self._stopped(kind, label)
        if maker is not None:
            self.total[maker] += 1

    def skipped(self, kind: str, label: str, results: int = 1) -> None:
        self._end(kind, "skipped", results)

    def front(self, lines: Sequence[FrontLine]) -> None:
        self.front_lines = tuple(lines)

    def hypervolume(self, text: str) -> None:
        self.volume = text

    def trial_began(self, number: int) -> None:
        self.in_flight += 1

    def trial_ended(self, text: str, state: str) -> None:
        self.in_flight = max(0, self.in_flight - 1)
        self.told[state] += 1

    def _stopped(self, kind: str, label: str) -> None:
        self.running[kind, label] -= 1
        self.running = +self.running
        self.details.pop((kind, label), None)

    def _end(self, kind: str, how: str, results: int = 1) -> None:
        self.ended[kind] += results
        self.counts[how] += results

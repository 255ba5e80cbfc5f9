"""How many jobs and trials there are, run and ended: what a terminal, a log and a record all show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Failure
from codesign.exploration.runs.progress import FrontLine, Progress, Search

if TYPE_CHECKING:
    from codesign.exploration.work import Work

__all__ = ["Counting", "Forecast", "rate_text"]

Clock = Callable[[], float]


class Forecast:
    """Time that is left, from how long jobs of each kind took and how many ran at once."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._left: Counter[str] = Counter()
        self._measured: Counter[str] = Counter()
        self._walls: dict[str, float] = {}

    def add(self, kind: str, jobs: int) -> None:
        """So many more jobs of that kind are to be run."""
        self._left[kind] += jobs

    def ended(self, kind: str, wall_s: float | None) -> None:
        """A job of that kind ended; None for one that was not run to its end, which says nothing about the others."""
        self._left[kind] = max(0, self._left[kind] - 1)
        if wall_s is not None:
            self._measured[kind] += 1
            self._walls[kind] = self._walls.get(kind, 0.0) + wall_s

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start

    def remaining_s(self) -> float | None:
        """None until a job of every kind that is left has ended, except prices, which are quick."""
        seconds = 0.0
        for kind, count in self._left.items():
            measured = self._measured[kind]
            if count and not measured and kind != "price":
                return None
            if measured:
                seconds += count * self._walls[kind] / measured
        at_once = max(1.0, sum(self._walls.values()) / max(self.elapsed_s, 1e-3))
        return seconds / at_once


class Counting(Progress):
    """Keeps count of what it is told.

    Attributes:
        executor: where jobs run; "" until it is known.
        total, ended: jobs by kind that were taken up, and of them those that are not to be run any more.
        jobs_done, jobs_failed, jobs_skipped, jobs_found: jobs that ended so.
        results_failed: results that failed in jobs that did not.
        results_reused: results that were in the store when work was taken up.
        running: jobs under way, by (kind, label).
        search: what a study began with; None for a sweep.
        told: trials by how they ended, those of earlier runs included.
        in_flight: trials under way.
        front_lines: the best front so far.
        volume: how much a study's trials cover, in words.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._forecast = Forecast(clock)
        self._told_here = 0
        self.executor = ""
        self.total: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.jobs_done = self.jobs_failed = self.jobs_skipped = self.jobs_found = 0
        self.results_failed = self.results_reused = 0
        self.running: Counter[tuple[str, str]] = Counter()
        self.search: Search | None = None
        self.told: Counter[str] = Counter()
        self.in_flight = 0
        self.front_lines: tuple[FrontLine, ...] = ()
        self.volume = ""

    @property
    def jobs(self) -> int:
        """All jobs that were taken up."""
        return self.total.total()

    @property
    def jobs_ended(self) -> int:
        """Jobs that are not to be run any more."""
        return self.ended.total()

    @property
    def failures(self) -> int:
        """Jobs that failed, and results that failed in others."""
        return self.jobs_failed + self.results_failed

    @property
    def reused(self) -> int:
        """Results from the store: there before, or put there by another process meanwhile."""
        return self.results_reused + self.jobs_found

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start

    @property
    def rate_per_s(self) -> float | None:
        """Jobs that were run a second; None before the first has ended."""
        run = self.jobs_done + self.jobs_failed
        return run / self.elapsed_s if run and self.elapsed_s > 0 else None

    def remaining_s(self) -> float | None:
        """Time that is left, as far as it can be told: of a study's trials, or of a sweep's jobs."""
        if self.search is None or self._spent(self.search):
            return self._forecast.remaining_s()
        return self._search_remaining_s(self.search)

    def planned(self, work: Work, executor: str) -> None:
        self.executor = executor
        self._start = self._clock()
        self._forecast = Forecast(self._clock)

    def study_begins(self, search: Search) -> None:
        self.executor, self.search = search.executor, search
        self._start = self._clock()
        self.told = Counter(search.told)

    def added(self, work: Work, jobs: Mapping[str, int]) -> None:
        self.results_reused += work.reused
        for kind, count in jobs.items():
            self.total[kind] += count
            self._forecast.add(kind, count)

    def started(self, kind: str, label: str) -> None:
        self.running[kind, label] += 1

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        self._no_longer_running(kind, label)
        self._end(kind, wall_s)
        self.jobs_done += 1

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self._no_longer_running(kind, label)
        self._end(kind, None)
        self.jobs_failed += 1

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        self.results_failed += 1

    def found_in_store(self, kind: str, label: str) -> None:
        self._end(kind, None)
        self.jobs_found += 1

    def again(self, kind: str, label: str, maker: str | None) -> None:
        self._no_longer_running(kind, label)
        if maker is not None:
            self.total[maker] += 1
            self._forecast.add(maker, 1)

    def skipped(self, kind: str, label: str) -> None:
        self._end(kind, None)
        self.jobs_skipped += 1

    def front(self, lines: Sequence[FrontLine]) -> None:
        self.front_lines = tuple(lines)

    def hypervolume(self, text: str) -> None:
        self.volume = text

    def trial_began(self, number: int) -> None:
        self.in_flight += 1

    def trial_ended(self, text: str, state: str) -> None:
        self.in_flight = max(0, self.in_flight - 1)
        self.told[state] += 1
        self._told_here += 1

    def _no_longer_running(self, kind: str, label: str) -> None:
        self.running[kind, label] -= 1
        if self.running[kind, label] <= 0:
            del self.running[kind, label]

    def _end(self, kind: str, wall_s: float | None) -> None:
        self.ended[kind] += 1
        self._forecast.ended(kind, wall_s)

    def _spent(self, search: Search) -> bool:
        """Whether a study's budget is, so that what is left is to test what was found."""
        return search.trials is not None and self.told.total() >= search.trials

    def _search_remaining_s(self, search: Search) -> float | None:
        left: list[float] = []
        if search.trials is not None and self._told_here:
            left.append((search.trials - self.told.total()) * self.elapsed_s / self._told_here)
        if search.time_s is not None:
            left.append(max(0.0, search.time_s - search.elapsed_s - self.elapsed_s))
        return min(left, default=None)


def rate_text(per_s: float) -> str:
    """`12 jobs/s`, `4.0 jobs/min` or `2.5 jobs/h`."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_s * seconds >= 1:
            return f"{per_s * seconds:.{0 if per_s * seconds >= 10 else 1}f} jobs/{unit}"
    return f"{per_s * 3600:.1f} jobs/h"

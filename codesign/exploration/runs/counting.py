"""How many jobs and trials there are, run and ended: what a terminal, a log and a record all show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Failure
from codesign.exploration.runs.progress import FrontLine, Progress, Search
from codesign.exploration.runs.record import JobProgress, SearchCounts, absolute, one_line

if TYPE_CHECKING:
    from codesign.exploration.work import Work

__all__ = ["Counting"]


class Counting(Progress):
    """Keeps count of what it is told.

    Attributes:
        executor: where jobs run; "" until it is known.
        total, ended: jobs by kind that were taken up, and of them those that are not to be run any more.
        counts: of jobs that are `done`, `failed` or `skipped`, the results that failed in jobs that did not among
            the failed; and of results `reused`, from the store or from another process that was faster.
        running: jobs under way, by (kind, label).
        search: what a study began with; None for a sweep.
        told: trials by how they ended, those of earlier runs included.
        in_flight: trials under way.
        front_lines: the best front so far.
        volume: how much a study's trials cover, in words.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._run = 0  # jobs that were run, to their end or until they failed
        self._walls: dict[str, list[float]] = {}  # how long the jobs of a kind took that were run to their end
        self._told_before = 0
        self.executor = ""
        self.total: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.running: Counter[tuple[str, str]] = Counter()
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
        """Jobs that were run a second; None before the first has ended."""
        return self._run / self.elapsed_s if self._run and self.elapsed_s > 0 else None

    def jobs(self) -> JobProgress:
        """The jobs, as they are now."""
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
        """From how long jobs of each kind took, and how many ran at once.

        None until a job of every kind that is left has ended, except prices, which are quick.
        """
        seconds = 0.0
        for kind, count in (self.total - self.ended).items():
            walls = self._walls.get(kind)
            if walls:
                seconds += count * sum(walls) / len(walls)
            elif kind != "price":
                return None
        worked = sum(map(sum, self._walls.values()))
        return seconds / max(1.0, worked / max(self.elapsed_s, 1e-3))

    def planned(self, work: Work, executor: str) -> None:
        self.executor = executor
        self._start = self._clock()

    def study_begins(self, search: Search) -> None:
        self.executor, self.search = search.executor, search
        self._start = self._clock()
        self.told = Counter(search.told)
        self._told_before = self.told.total()

    def added(self, work: Work, jobs: Mapping[str, int]) -> None:
        self.counts["reused"] += work.reused
        self.total.update(jobs)

    def started(self, kind: str, label: str) -> None:
        self.running[kind, label] += 1

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        self._stopped(kind, label)
        self._end(kind, "done")
        self._run += 1
        self._walls.setdefault(kind, []).append(wall_s)

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self._stopped(kind, label)
        self._end(kind, "failed")
        self._run += 1

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        self.counts["failed"] += 1

    def found_in_store(self, kind: str, label: str) -> None:
        self._end(kind, "reused")

    def again(self, kind: str, label: str, maker: str | None) -> None:
        self._stopped(kind, label)
        if maker is not None:
            self.total[maker] += 1

    def skipped(self, kind: str, label: str) -> None:
        self._end(kind, "skipped")

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

    def _end(self, kind: str, how: str) -> None:
        self.ended[kind] += 1
        self.counts[how] += 1

"""What a running sweep or study tells of itself, and how many results and trials there are, to come and ended.

Runner and driver tell a `Progress`, which counts. Its views look at it: a log, a picture on a terminal, the record that
is kept, the front so far.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Failure
from codesign.exploration.work import Job, Work, results_by_kind, work_text
from codesign.units import format_duration, in_percent, plural

if TYPE_CHECKING:
    from codesign.training.result import EpochReport


MOST_LINES = 20
"""Failures that are remembered."""
_ENOUGH = 3
"""Results after which the time that others will take is told."""
_EFFORT = {"execute": 0.25, "price": 0.02}
"""What a result takes, roughly, where an epoch of a training takes 1: until some of the kind are there."""


@dataclass(frozen=True, kw_only=True)
class FrontLine:
    """A point on the best front so far: what it is called, and its objectives as they are read.

    Attributes:
        labels: names of the objectives, one a value.
        group: what it shares with those that it compares with, in words; "" where all lines compare.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class JobCounts:
    """Results of one process.

    Attributes:
        total, ended: by kind, those that were taken up, and of them those that are not to come any more.
        done, failed, skipped, reused: how they ended; `reused` ones are from the store, or from another process that
            was faster.
    """

    total: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    done: int = 0
    running: int = 0
    reused: int = 0
    failed: int = 0
    skipped: int = 0
    rate_per_s: float | None = None
    left_s: float | None = None

    @property
    def there(self) -> int:
        """Results that the store holds, as far as the process knows."""
        return self.done + self.reused

    @property
    def needed(self) -> int:
        """All that it needs, as far as it has planned."""
        to_come = sum(self.total.values()) - sum(self.ended.values())
        return self.there + self.failed + self.skipped + to_come


@dataclass(kw_only=True)
class TrialCounts:
    """Trials of a study, those of earlier runs included.

    Attributes:
        trials, time_s: budget; None where only the other ends it.
        told: by how they ended.
        hypervolume: how much of the space of objectives they cover, in words.
    """

    trials: int | None
    time_s: float | None
    told: dict[str, int]
    place: str
    in_flight: int = 0
    hypervolume: str = ""


class View:
    """Looks at a run while it goes on. `run` is there once the run has the view."""

    run: Progress

    def begin(self) -> None:
        """There is something to do."""

    def added(self) -> None:
        """Work was taken up."""

    def result(self, key: str, payload: bytes) -> None:
        """A summary or a price came into the store."""

    def ended(self, text: str) -> None:
        """A job or a trial ended, in a line."""

    def pulse(self) -> None:
        """Something is new, or time has passed: about a second, or less."""

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """As `Progress.advanced`."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def close(self) -> None:
        """It is over, one way or another."""


class Progress:
    """Told of jobs as they come and go. A training and an execution have one result each, a price job has one for each
    summary and each price that it works out from an execution.

    Attributes:
        executor: where jobs run; "" until it is known.
        total, ended, counts: results, as in `JobCounts`.
        running: jobs under way, by (kind, label).
        details: how far a training is, by (kind, label), where that is known.
    """

    def __init__(self, *views: View, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._views: list[View] = []
        self._see(views)
        self._begin("")

    def _begin(self, executor: str) -> None:
        self.executor = executor
        self._start = self.clock()
        self._run = 0  # results that jobs were run for, to their end or until they failed
        self._worked_s: dict[str, float] = defaultdict(float)  # how long jobs of a kind took that were run to their end
        self._worked: dict[str, float] = defaultdict(float)  # and what effort that was
        self._left: dict[str, float] = defaultdict(float)  # the effort to come
        self._epochs: Counter[int] = Counter()  # of trainings to come
        self._first, self._last = math.inf, self._start  # when the first job began, and the last one ended
        self._told_before, self._told_s, self._spent_s = 0, self._start, 0.0
        self.total: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.running: Counter[tuple[str, str]] = Counter()
        self.details: dict[tuple[str, str], str] = {}
        self.last_failures: deque[str] = deque(maxlen=MOST_LINES)
        self.search: TrialCounts | None = None
        self.front_lines: tuple[FrontLine, ...] = ()

    @contextmanager
    def seen_by(self, *views: View) -> Iterator[None]:
        self._see(views)
        try:
            yield
        finally:
            self._views = [view for view in self._views if view not in views]

    def _see(self, views: Sequence[View]) -> None:
        for view in views:
            view.run = self
        self._views.extend(views)

    # what is known at any time ---------------------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self._start

    def jobs(self) -> JobCounts:
        return JobCounts(
            total=dict(self.total),
            ended=dict(self.ended),
            running=self.running.total(),
            rate_per_s=self._run / self.elapsed_s if self._run and self.elapsed_s > 0 else None,
            left_s=self.remaining_s(),
            **self.counts,
        )

    def remaining_s(self) -> float | None:
        """Time that is left, as far as it can be told: of a study's trials, or of the jobs once these are all told."""
        search = self.search
        told = 0 if search is None else sum(search.told.values())
        if search is None or (search.trials is not None and told >= search.trials):
            return self._jobs_remaining_s()
        left: list[float] = []
        told_here = told - self._told_before
        if search.trials is not None and told_here:
            others_s = (search.trials - told) * (self._told_s - self._start) / told_here
            if others_s > (since_s := self.clock() - self._told_s):  # or one takes longer than those before
                left.append(others_s - since_s)
        if search.time_s is not None:
            left.append(max(0.0, search.time_s - self._spent_s - self.elapsed_s))
        return min(left, default=None)

    def _jobs_remaining_s(self) -> float | None:
        """From how long an epoch and a result of each other kind took, how many jobs ran at once, and how long the
        longest training takes that is left. None until a few results are there, or all but one."""
        worked_s, worked = sum(self._worked_s.values()), sum(self._worked.values())
        if self._run < min(_ENOUGH, self.total.total() - 1) or not worked:
            return None
        effort_s = {
            kind: self._worked_s[kind] / self._worked[kind] if self._worked[kind] else worked_s / worked
            for kind in self._left
        }
        left_s = sum(effort * effort_s[kind] for kind, effort in self._left.items())
        at_once = max(1.0, worked_s / max(self._last - self._first, 1e-3))
        longest_s = max(+self._epochs, default=0) * effort_s.get("train", 0.0)
        return max(0.0, max(left_s / at_once, longest_s) - (self.clock() - self._last))

    # what it is told -------------------------------------------------------------------------------------------------

    def planned(self, work: Work, executor: str) -> None:
        """Everything is known that there is to do; nothing has started."""
        self._begin(executor)
        self.note(f"{work_text(work)}; executor: {executor}")
        for view in self._views if work.jobs else ():
            view.begin()

    def study_begins(self, search: TrialCounts, *, elapsed_s: float, executor: str) -> None:
        """A search begins or goes on, which was at work for so long in earlier runs."""
        self._begin(executor)
        self.search, self._spent_s, self._told_before = search, elapsed_s, sum(search.told.values())
        budget = [] if search.trials is None else [plural(search.trials, "trial")]
        budget += [] if search.time_s is None else [f"{format_duration(search.time_s)} at work"]
        before = f"{plural(self._told_before, 'trial')} from earlier runs"
        self.note(f"to search: {' or '.join(budget)} in all; {before}; executor: {executor}")
        for view in self._views:
            view.begin()

    def added(self, work: Work, new: Sequence[Job]) -> None:
        """Work was taken up, of which these jobs are new; others are in the store, under way, or failed."""
        self.counts["reused"] += work.reused
        self.total.update(results_by_kind(new))
        for job in new:
            self._left[job.kind] += _effort(job, len(job.wanted))
            self._epochs[job.epochs] += job.kind == "train"
        for view in self._views:
            view.added()

    def started(self, job: Job) -> None:
        """A job was handed to the executor."""
        self.running[job.kind, job.label] += 1

    def epoch(self, job: Job, report: EpochReport) -> None:
        """A training finished an epoch, perhaps some time ago; not every epoch is told of."""
        accuracy, left = in_percent(report.validation_accuracy), format_duration(report.remaining_s)
        self.details[job.kind, job.label] = (
            f"epoch {report.epoch}/{report.epochs}, loss {report.loss:z.3f}, "
            f"validation accuracy {accuracy} %, {left} left"
        )
        self.pulse()

    def result(self, key: str, payload: bytes) -> None:
        """A summary or a price came into the store."""
        for view in self._views:
            view.result(key, payload)

    def finished(self, job: Job, wall_s: float, results: int = 1) -> None:
        """A job is done and so many of its results are in the store; of the others `part_failed` told."""
        self._run += results
        self._worked[job.kind] += _effort(job, results)
        self._worked_s[job.kind] += wall_s
        self._first, self._last = min(self._first, self.clock() - wall_s), self.clock()
        self._stopped(job, "done", results)
        self._tell(f"{self._so_far} {job.kind} {job.label}: done in {format_duration(wall_s)}")

    def failed(self, job: Job, failure: Failure) -> None:
        """A job failed; the rows that need it will say so."""
        self._run += len(job.wanted)
        self._stopped(job, "failed", len(job.wanted))
        self._tell_failure(f"{job.kind} {job.label}", failure)

    def part_failed(self, job: Job, failure: Failure) -> None:
        """One result of a job failed; the others are kept, and the job is yet to end."""
        self._end(job, "failed", 1)
        self._tell_failure(f"a part of {job.kind} {job.label}", failure)

    def found_in_store(self, job: Job) -> None:
        """A job is not run after all, because another process has put its result into the store meanwhile."""
        self._end(job, "reused", 1)
        self._tell(f"{self._so_far} {job.kind} {job.label}: in the store, put there by another process")

    def skipped(self, job: Job) -> None:
        """A job will not be run, because one failed that it needs."""
        self._end(job, "skipped", len(job.wanted))

    def trial_began(self) -> None:
        assert self.search is not None, "a study begins before its trials"
        self.search.in_flight += 1

    def trial_ended(self, text: str, state: str) -> None:
        """A trial of a study ended, and how: complete, dropped, infeasible or failed."""
        assert self.search is not None, "a study begins before its trials"
        self.search.in_flight = max(0, self.search.in_flight - 1)
        self.search.told[state], self._told_s = self.search.told.get(state, 0) + 1, self.clock()
        self._tell(f"[{self.trials_text}] {text}")

    def front(self, lines: Sequence[FrontLine], hypervolume: str = "") -> None:
        """The best front so far, a group after another, each with the best in the first objective first; and how much
        of the space of objectives a study's trials cover, in words."""
        self.front_lines = tuple(lines)
        if self.search is not None:
            self.search.hypervolume = hypervolume

    def pulse(self) -> None:
        for view in self._views:
            view.pulse()

    def advanced(self, phase: str, done: int, total: int | None, unit: str = "") -> None:
        """So much of a phase without jobs is done; of bytes where `unit` is B. A total of None is not known."""
        for view in self._views:
            view.advanced(phase, done, total, unit)

    def note(self, text: str) -> None:
        for view in self._views:
            view.note(text)

    def close(self) -> None:
        for view in self._views:
            view.close()

    @property
    def trials_text(self) -> str:
        """`3/20 trials`, or without a budget `3 trials`; "" for a sweep."""
        if self.search is None:
            return ""
        of = "" if self.search.trials is None else f"/{self.search.trials}"
        return f"{sum(self.search.told.values())}{of} trials"

    @property
    def _so_far(self) -> str:
        return f"[{self.ended.total()}/{self.total.total()}]"

    def _tell(self, text: str) -> None:
        for view in self._views:
            view.ended(text)
        self.pulse()

    def _tell_failure(self, job: str, failure: Failure) -> None:
        self.last_failures.append(f"{job}: {failure}")
        self.note(f"{job}: FAILED, {failure}")

    def _stopped(self, job: Job, how: str, results: int) -> None:
        self.running -= Counter([(job.kind, job.label)])  # without those that are 0
        self.details.pop((job.kind, job.label), None)
        self._end(job, how, results)

    def _end(self, job: Job, how: str, results: int) -> None:
        self.ended[job.kind] += results
        self.counts[how] += results
        self._left[job.kind] -= _effort(job, results)
        self._epochs[job.epochs] -= job.kind == "train"


def _effort(job: Job, results: int) -> float:
    return job.epochs if job.kind == "train" else results * _EFFORT[job.kind]

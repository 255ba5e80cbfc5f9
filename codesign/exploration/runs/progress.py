"""Progress of a running sweep or study: numbers of results and trials, ended and expected.

Runner and driver report to a `Progress`, which counts. Its views show or store it: a log, a picture on a terminal, the
record, the front so far.
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
"""Most failures that are kept."""
_ENOUGH = 3
"""Number of results from which on the remaining time is estimated."""
_EFFORT = {"execute": 0.25, "price": 0.02}
"""Approximate effort of a result, relative to an epoch of a training; used until results of its kind have been
timed."""


@dataclass(frozen=True, kw_only=True)
class FrontLine:
    """A point on the best front so far: its name, and its objectives as text.

    Attributes:
        labels: names of the objectives, one per value.
        group: description of the group of points that it can be compared with; "" if all lines can be compared.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class JobCounts:
    """Numbers of results of one process.

    Attributes:
        total, ended: results that were requested, and those of them that are no longer expected, by kind.
        done, failed, skipped, reused: results by outcome; `reused` ones are from the store, or from another process
            that was faster.
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
        """Results in the store, as far as the process knows."""
        return self.done + self.reused

    @property
    def needed(self) -> int:
        """All results that the process needs, as far as planned."""
        to_come = sum(self.total.values()) - sum(self.ended.values())
        return self.there + self.failed + self.skipped + to_come


@dataclass(kw_only=True)
class TrialCounts:
    """Trials of a study, including earlier runs.

    Attributes:
        trials, time_s: the budget; None if unlimited.
        told: number of ended trials, by outcome.
        hypervolume: their hypervolume in the space of objectives, in words.
    """

    trials: int | None
    time_s: float | None
    told: dict[str, int]
    place: str
    in_flight: int = 0
    hypervolume: str = ""


class View:
    """Observes a run. `run` is set when the view is added to it."""

    run: Progress

    def begin(self) -> None:
        """The run begins with work to do."""

    def added(self) -> None:
        """Work was added."""

    def result(self, key: str, payload: bytes) -> None:
        """A summary or a price was stored."""

    def ended(self, text: str) -> None:
        """A job or a trial ended; `text` is a line about it."""

    def pulse(self) -> None:
        """Something is new, or about a second has passed."""

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """See `Progress.advanced`."""

    def note(self, text: str) -> None:
        """Show a message."""

    def close(self) -> None:
        """The run is over, successful or not."""


class Progress:
    """Receives the events of jobs, and counts results. A training and an execution have one result each, a price job
    has one per summary and per price that it computes from an execution.

    Attributes:
        executor: name of the executor; "" until known.
        total, ended, counts: results, as in `JobCounts`.
        running: jobs under way, by (kind, label).
        details: progress of trainings in words, by (kind, label), if known.
    """

    def __init__(self, *views: View, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._views: list[View] = []
        self._see(views)
        self._begin("")

    def _begin(self, executor: str) -> None:
        self.executor = executor
        self._start = self.clock()
        self._run = 0  # results of jobs that were run, including failed ones
        self._worked_s: dict[str, float] = defaultdict(float)  # total time of completed jobs, by kind
        self._worked: dict[str, float] = defaultdict(float)  # and their effort
        self._epochs: Counter[int] = Counter()  # epochs of remaining trainings
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

    # state -----------------------------------------------------------------------------------------------------------

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
        """Estimate of the remaining time, if known: for a study's trials or, once all have ended, for the jobs."""
        search = self.search
        told = 0 if search is None else sum(search.told.values())
        if search is None or (search.trials is not None and told >= search.trials):
            return self._jobs_remaining_s()
        left: list[float] = []
        told_here = told - self._told_before
        if search.trials is not None and told_here:
            others_s = (search.trials - told) * (self._told_s - self._start) / told_here
            if others_s > (since_s := self.clock() - self._told_s):  # otherwise one takes longer than earlier ones
                left.append(others_s - since_s)
        if search.time_s is not None:
            left.append(max(0.0, search.time_s - self._spent_s - self.elapsed_s))
        return min(left, default=None)

    def _jobs_remaining_s(self) -> float | None:
        """Estimate from the times per epoch and per result of other kinds, the number of jobs that ran at a time, and
        the longest remaining training. None until there are a few results, or all but one."""
        worked_s, worked = sum(self._worked_s.values()), sum(self._worked.values())
        if self._run < min(_ENOUGH, self.total.total() - 1) or not worked:
            return None
        left = {kind: (self.total[kind] - self.ended[kind]) * effort for kind, effort in _EFFORT.items()}
        left["train"] = sum(epochs * count for epochs, count in self._epochs.items())
        effort_s = {
            kind: self._worked_s[kind] / self._worked[kind] if self._worked[kind] else worked_s / worked
            for kind in left
        }
        left_s = sum(effort * effort_s[kind] for kind, effort in left.items())
        at_once = max(1.0, worked_s / max(self._last - self._first, 1e-3))
        longest_s = max(+self._epochs, default=0) * effort_s["train"]
        return max(0.0, max(left_s / at_once, longest_s) - (self.clock() - self._last))

    # events ----------------------------------------------------------------------------------------------------------

    def planned(self, work: Work, executor: str) -> None:
        """The work is known; nothing has started."""
        self._begin(executor)
        self.note(f"{work_text(work)}; executor: {executor}")
        for view in self._views if work.jobs else ():
            view.begin()

    def study_begins(self, search: TrialCounts, *, elapsed_s: float, executor: str) -> None:
        """A search begins, or continues after `elapsed_s` in earlier runs."""
        self._begin(executor)
        self.search, self._spent_s, self._told_before = search, elapsed_s, sum(search.told.values())
        budget = [] if search.trials is None else [plural(search.trials, "trial")]
        budget += [] if search.time_s is None else [f"{format_duration(search.time_s)} at work"]
        before = f"{plural(self._told_before, 'trial')} from earlier runs"
        self.note(f"to search: {' or '.join(budget)} in all; {before}; executor: {executor}")
        for view in self._views:
            view.begin()

    def added(self, work: Work, new: Sequence[Job]) -> None:
        """Work was added, of which the jobs `new` are new; others are in the store, under way, or failed."""
        self.counts["reused"] += work.reused
        self.total.update(results_by_kind(new))
        for job in new:
            self._epochs[job.epochs] += job.kind == "train"
        for view in self._views:
            view.added()

    def started(self, job: Job) -> None:
        """A job was handed to the executor."""
        self.running[job.kind, job.label] += 1

    def epoch(self, job: Job, report: EpochReport) -> None:
        """A training finished an epoch, perhaps some time ago; not every epoch is reported."""
        accuracy, left = in_percent(report.validation_accuracy), format_duration(report.remaining_s)
        self.details[job.kind, job.label] = (
            f"epoch {report.epoch}/{report.epochs}, loss {report.loss:z.3f}, "
            f"validation accuracy {accuracy} %, {left} left"
        )
        self.pulse()

    def result(self, key: str, payload: bytes) -> None:
        """A summary or a price was stored."""
        for view in self._views:
            view.result(key, payload)

    def finished(self, job: Job, wall_s: float, results: int = 1) -> None:
        """A job is done, and `results` of its results are in the store; the others were reported by `part_failed`."""
        self._run += results
        self._worked[job.kind] += job.epochs if job.kind == "train" else results * _EFFORT[job.kind]
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
        """One result of a job failed; the others are kept, and the job has not ended yet."""
        self._end(job, "failed", 1)
        self._tell_failure(f"a part of {job.kind} {job.label}", failure)

    def found_in_store(self, job: Job) -> None:
        """A job is not run, because another process has stored its result meanwhile."""
        self._end(job, "reused", 1)
        self._tell(f"{self._so_far} {job.kind} {job.label}: in the store, put there by another process")

    def skipped(self, job: Job) -> None:
        """A job will not be run, because a job that it needs failed."""
        self._end(job, "skipped", len(job.wanted))

    def trial_began(self) -> None:
        assert self.search is not None, "a study begins before its trials"
        self.search.in_flight += 1

    def trial_ended(self, text: str, state: str) -> None:
        """A trial of a study ended as complete, dropped, infeasible or failed."""
        assert self.search is not None, "a study begins before its trials"
        self.search.in_flight = max(0, self.search.in_flight - 1)
        self.search.told[state], self._told_s = self.search.told.get(state, 0) + 1, self.clock()
        self._tell(f"[{self.trials_text}] {text}")

    def front(self, lines: Sequence[FrontLine], hypervolume: str = "") -> None:
        """Set the best front so far, group by group, each starting with the best in the first objective; and the
        hypervolume of a study's trials, in words."""
        self.front_lines = tuple(lines)
        if self.search is not None:
            self.search.hypervolume = hypervolume

    def pulse(self) -> None:
        for view in self._views:
            view.pulse()

    def advanced(self, phase: str, done: int, total: int | None, unit: str = "") -> None:
        """Report progress in a phase without jobs, in bytes if `unit` is B. A total of None is unknown."""
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
        """`3/20 trials`, or `3 trials` without a budget; "" for a sweep."""
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
        self.running -= Counter([(job.kind, job.label)])  # drops zeros
        self.details.pop((job.kind, job.label), None)
        self._end(job, how, results)

    def _end(self, job: Job, how: str, results: int) -> None:
        self.ended[job.kind] += results
        self.counts[how] += results
        self._epochs[job.epochs] -= job.kind == "train"

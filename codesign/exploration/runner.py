"""Running jobs in the order of their dependencies, and storing their results as they arrive."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.executors.base import Completion, Executor, Failure, Task
from codesign.exploration.jobs.job_runs import run_assess, run_execute, run_train
from codesign.exploration.jobs.jobs import ExecuteInputs, TrainInputs
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.runs.progress import Progress
from codesign.exploration.work import Job, Work
from codesign.workload.dataset import Workload

_PULSE_S = 1.0
"""Interval in which progress is updated, even if no job ends."""
_TOGETHER = 64
"""Most ended jobs that are processed together: forcing results to a disk one by one takes ten times as long."""


@dataclass(kw_only=True, eq=False, repr=False)
class Runner:
    """Runs jobs on an executor; each result is stored before any job that needs it starts.

    Work may be added while other work runs. A result is computed once, however often it is requested, and not at all if
    another process has stored it meanwhile.

    Attributes:
        workload: returns the workload of a fingerprint; called only if a job needs one that is not loaded for another
            job.
        spec: says what resources jobs get.
        order: kinds of jobs in order of priority. By default, trainings come first, because they take longest, and
            prices before other executions, so that results are seen early.
        failures: why results are missing, by key: their own failure, or that of a result that they need.
    """

    store: Store
    executor: Executor
    workload: Callable[[str], Workload]
    progress: Progress
    spec: SweepSpec
    order: Sequence[str] = ("train", "price", "execute")
    failures: dict[str, Failure] = field(default_factory=dict)
    _ready: list[tuple[int, int, str]] = field(default_factory=list)  # a heap
    _jobs: dict[str, Job] = field(default_factory=dict)  # jobs that have not ended
    _unfinished: set[str] = field(default_factory=set)  # keys of results
    _waiting: dict[str, list[Job]] = field(default_factory=dict)  # by the key of the result that they wait for
    _readers: Counter[str] = field(default_factory=Counter)  # number of jobs that still need the payload of a key
    _payloads: dict[str, object] = field(default_factory=dict)  # stand-ins for payloads with several readers
    _workloads: dict[str, object] = field(default_factory=dict)
    _checked: set[str] = field(default_factory=set)  # kinds whose resources are available
    _under_way: int = 0
    _begun: Iterator[int] = field(default_factory=count)  # orders jobs of one kind by when they became ready

    def add(self, work: Work) -> tuple[Job, ...]:
        """Add work, submit what there is room for, so that it runs while more is planned, and return the jobs that are
        new. Results that are known, under way or failed are not computed again."""
        for kind in sorted({job.kind for job in work.jobs} - self._checked):
            if lacking := self.executor.lacking(getattr(self.spec.resources, kind)):
                raise self.spec.refusal([(("resources", kind), lacking)])
            self._checked.add(kind)
        added = tuple(taken for job in work.jobs if (taken := self._unknown_part(job)) is not None)
        self.progress.added(work, added)
        for job in added:
            self._add(job)
        self._submit_ready()
        return added

    def unfinished(self, key: str) -> bool:
        return key in self._unfinished

    def run(self) -> None:
        """Run until all jobs have ended. Raises StoreError if a result cannot be stored."""
        while self._jobs:
            self.step()

    def step(self) -> None:
        """Submit jobs while the executor has room, then process those that end, after at most a second."""
        self._submit_ready()
        self._complete(self._collect())
        self.progress.pulse()

    def _submit_ready(self) -> None:
        while self._ready and self.executor.has_room:
            self._submit(self._jobs[heapq.heappop(self._ready)[2]])

    def _unknown_part(self, job: Job) -> Job | None:
        """The job without results that are under way or have failed; None if nothing is left."""
        wanted = tuple(
            part for part in job.wanted if part.key not in self._unfinished and part.key not in self.failures
        )
        return replace(job, wanted=wanted) if wanted else None

    def _add(self, job: Job) -> None:
        self._jobs[job.key] = job
        self._unfinished.update(job.results)
        if job.needs is None:
            self._make_ready(job)
        elif job.needs in self.failures:
            self._skip(job, self.failures[job.needs])
        else:
            self._readers[job.needs] += 1
            if job.needs in self._unfinished:
                self._waiting.setdefault(job.needs, []).append(job)
            else:
                self._make_ready(job)

    def _make_ready(self, job: Job) -> None:
        heapq.heappush(self._ready, (self.order.index(job.kind), next(self._begun), job.key))

    def _submit(self, job: Job) -> None:
        if job.kind != "price" and self.store.facts(job.key) is not None:  # another process was faster
            if job.needs is not None:
                self._read(job.needs)
            self._end(job)
            self.progress.found_in_store(job)
            return
        needed = () if job.needs is None else (self._payload(job.needs),)
        function: Callable[..., Any]
        arguments: tuple[Any, ...]
        on_report: Callable[[Any], None] | None = None
        match job.wanted[0]:
            case TrainInputs() as training:
                function, arguments = run_train, (training, self._data(training.workload))
                on_report = partial(self.progress.epoch, job)
            case ExecuteInputs() as execution:
                function, arguments = run_execute, (execution, *needed, self._data(execution.model.workload))
            case _:
                function, arguments = run_assess, (*needed, job.wanted)
        self.progress.started(job)
        task = Task(
            key=job.key,
            kind=job.kind,
            function=function,
            arguments=arguments,
            resources=getattr(self.spec.resources, job.kind),
            on_report=on_report,
        )
        self.executor.submit(task)
        self._under_way += 1

    def _collect(self) -> list[Completion]:
        ended: list[Completion] = []
        while self._under_way and len(ended) < _TOGETHER:
            completion = self.executor.wait(0.0 if ended else _PULSE_S)
            if completion is None:
                break
            self._under_way -= 1
            ended.append(completion)
        return ended

    def _complete(self, ended: Sequence[Completion]) -> None:
        self.store.put_many(
            {
                task.key: replace(task.output, facts={**task.output.facts, "wall_s": round(task.wall_s, 3)})
                for task in ended
                if task.failure is None and self._jobs[task.key].kind != "price"
            }
        )
        for task in ended:
            job = self._jobs[task.key]
            if task.failure is not None:
                self.progress.failed(job, task.failure)
                self._end(job, task.failure)
            else:
                kept = self._keep_priced(job, task.output) if job.kind == "price" else 1
                self._end(job)
                self.progress.finished(job, task.wall_s, kept)

    def _keep_priced(self, job: Job, results: Sequence[Entry | Failure]) -> int:
        """Store summaries and prices, and return their number."""
        kept: dict[str, Entry] = {}
        for key, result in zip(job.results, results, strict=True):
            if isinstance(result, Failure):
                self.progress.part_failed(job, result)
                self.failures[key] = result
            else:
                kept[key] = result
        # They are many and quickly computed again, so they are not forced to the disk one by one.
        self.store.put_many(kept, durable=False)
        for key, entry in kept.items():
            self.progress.result(key, entry.payload)
        return len(kept)

    def _end(self, job: Job, failure: Failure | None = None) -> None:
        """Remove an ended job. Jobs that waited for its results become ready or, with a failure, fail too, with all
        that need them."""
        del self._jobs[job.key]
        for key in job.results:
            self._unfinished.discard(key)
            if failure is not None:
                self.failures[key] = failure
            for waiting in self._waiting.pop(key, []):
                if failure is None:
                    self._make_ready(waiting)
                else:
                    self._read(key)
                    self._skip(waiting, failure)

    def _skip(self, job: Job, failure: Failure) -> None:
        self.progress.skipped(job)
        self._end(job, failure)

    def _payload(self, key: str) -> object:
        """The result that a job needs or, if several jobs need it, a stand-in for it, which is sent to workers once."""
        if key not in self._payloads:
            entry = self.store.needed(key)
            self._payloads[key] = self.executor.share(entry.payload) if self._readers[key] > 1 else entry.payload
        payload = self._payloads[key]
        self._read(key)
        return payload

    def _read(self, key: str) -> None:
        """Note that a reader of a payload has received it, or no longer needs it."""
        self._readers[key] -= 1
        if self._readers[key] <= 0:
            del self._readers[key]
            self._payloads.pop(key, None)

    def _data(self, fingerprint: str) -> Any:
        if fingerprint not in self._workloads:
            needed = {job.workload for job in self._jobs.values()}
            self._workloads = {one: shared for one, shared in self._workloads.items() if one in needed}
            self._workloads[fingerprint] = self.executor.share(self.workload(fingerprint))
        return self._workloads[fingerprint]

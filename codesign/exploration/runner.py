"""Running what is to be done: jobs in order of what they need, results into the store as they come."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from codesign.errors import StoreError
from codesign.exploration.executors.base import Completion, Executor, Failure, Task
from codesign.exploration.jobs.job_runs import run_assess, run_execute, run_train
from codesign.exploration.jobs.jobs import ExecuteInputs, Output, TrainInputs
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.resources import ResourcesEntry
from codesign.exploration.runs.progress import Progress
from codesign.exploration.work import Assessment, Work
from codesign.workload.dataset import Workload

Job = TrainInputs | ExecuteInputs | Assessment

JOB_KINDS = ("train", "price", "execute")

_PULSE_S = 1.0
"""Progress is told that time has passed so often, even where no job ends."""
_TOGETHER = 64
"""Jobs that have ended are taken in so many at a time, where there are several: to force one result to a disk after
the other takes ten times as long."""


class Runner:
    """Runs jobs on an executor; each result is in the store before anything that needs it starts.

    Work may be added while other work runs. A result is computed once, however many ask for it; what another
    process put into the store meanwhile is not computed at all.

    Args:
        workload: gives the workload of a fingerprint; called once, and only where a job needs it.
        on_result: is told the key and the payload of each summary and each price that came into the store.
        resources: what jobs of each kind take; None for the default.
        order: kinds of jobs, those first that begin first where several could. Unless told otherwise, trainings come
            first, the longest jobs there are, and prices before other executions, so that results are seen early.

    Attributes:
        store: keeps the results.
        failures: by key, why a result is missing: its own failure, or that of what it needs.
    """

    def __init__(
        self,
        *,
        store: Store,
        executor: Executor,
        workload: Callable[[str], Workload],
        progress: Progress,
        resources: ResourcesEntry | None = None,
        order: Sequence[str] = JOB_KINDS,
        on_result: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self.failures: dict[str, Failure] = {}
        self.store = store
        self._executor = executor
        self._load = workload
        self._progress = progress
        self._resources = dict(resources or ResourcesEntry())
        self._order = tuple(order)
        self._on_result = on_result
        self._ready: list[tuple[int, int, str]] = []  # a heap
        self._jobs: dict[str, Job] = {}  # those that have not ended, by name
        self._labels: dict[str, str] = {}
        self._unfinished: set[str] = set()  # keys of results
        self._waiting: dict[str, list[str]] = {}  # names of jobs by the key that they wait for
        self._readers: Counter[str] = Counter()  # jobs that have yet to be given the payload of a key
        self._payloads: dict[str, object] = {}  # stand-ins for payloads with several readers
        self._workloads: dict[str, object] = {}
        self._checked: set[str] = set()  # kinds whose resources are there
        self._under_way = 0
        self._added = 0

    def add(self, work: Work) -> None:
        """Take more work. What is already there, or has failed, is not run again."""
        jobs: list[Job] = [*work.trainings, *work.executions, *work.assessments]
        for kind in sorted({_kind(job) for job in jobs} - self._checked):
            self._executor.check(self._resources[kind])
            self._checked.add(kind)
        added = [taken for job in jobs if (taken := self._unknown_part(job)) is not None]
        new: Counter[str] = Counter()
        for job in added:
            new[_kind(job)] += len(_results(job))
        self._progress.added(work, new)
        for job in added:
            self._add(job, work.labels)

    def unfinished(self, key: str) -> bool:
        return key in self._unfinished

    def run(self) -> None:
        """Run until everything has ended. Raises StoreError where a result cannot be kept."""
        while self._jobs:
            self.step()

    def step(self) -> None:
        """Hand jobs to the executor while it has room, and take in what ends, if something does within a second."""
        while self._ready and self._executor.has_room:
            self._submit(heapq.heappop(self._ready)[2])
        self._complete(self._collect())
        self._progress.pulse()

    def _unknown_part(self, job: Job) -> Job | None:
        """A job without the results that are under way or have failed; None where nothing is left of it."""
        if isinstance(job, Assessment):
            wanted = tuple(part for part in job.wanted if not self._knows(part.key))
            return Assessment(execution=job.execution, wanted=wanted) if wanted else None
        return None if self._knows(job.key) else job

    def _knows(self, key: str) -> bool:
        return key in self._unfinished or key in self.failures

    def _add(self, job: Job, labels: Mapping[str, str]) -> None:
        name, needs = _name(job), _needs(job)
        self._jobs[name] = job
        self._labels[name] = labels[job.execution.key if isinstance(job, Assessment) else job.key]
        self._unfinished.update(_results(job))
        self._added += 1
        if needs is not None and needs in self.failures:
            self._skip(name, self.failures[needs])
            return
        if needs is not None:
            self._readers[needs] += 1
        if needs is not None and needs in self._unfinished:
            self._waiting.setdefault(needs, []).append(name)
        else:
            self._make_ready(name)

    def _make_ready(self, name: str) -> None:
        rank = self._order.index(_kind(self._jobs[name]))
        heapq.heappush(self._ready, (rank, self._added, name))
        self._added += 1

    def _submit(self, name: str) -> None:
        job = self._jobs[name]
        kind, label, needs = _kind(job), self._labels[name], _needs(job)
        function: Callable[..., Any]
        arguments: tuple[Any, ...]
        on_report: Callable[[Any], None] | None = None
        match job:
            case TrainInputs() | ExecuteInputs() if self.store.facts(job.key) is not None:
                if needs is not None:
                    self._read(needs)
                self._end(name)  # another process was faster
                self._progress.found_in_store(kind, label)
                return
            case TrainInputs():
                function, arguments = run_train, (job, self._workload(job.workload))
                on_report = partial(self._progress.epoch, label)
            case ExecuteInputs():
                function = run_execute
                arguments = (job, self._payload(job.model.key), self._workload(job.model.workload))
            case Assessment():
                function, arguments = run_assess, (self._payload(job.execution.key), job.wanted)
        self._progress.started(kind, label)
        resources = self._resources[kind]
        task = Task(
            key=name, kind=kind, function=function, arguments=arguments, resources=resources, on_report=on_report
        )
        self._executor.submit(task)
        self._under_way += 1

    def _collect(self) -> list[Completion]:
        ended: list[Completion] = []
        while self._under_way and len(ended) < _TOGETHER:
            completion = self._executor.wait(0.0 if ended else _PULSE_S)
            if completion is None:
                break
            self._under_way -= 1
            ended.append(completion)
            if self._executor.in_process:
                break  # it would run another one
        return ended

    def _complete(self, ended: Sequence[Completion]) -> None:
        kept: dict[str, Entry] = {}
        for task in ended:
            if task.failure is None and not isinstance(self._jobs[task.key], Assessment):
                output: Output = task.output
                kept[task.key] = Entry(payload=output.payload, facts={**output.facts, "wall_s": round(task.wall_s, 3)})
        self.store.put_many(kept)
        for task in ended:
            self._complete_one(task)

    def _complete_one(self, completion: Completion) -> None:
        name = completion.key
        job, kind, label = self._jobs[name], _kind(self._jobs[name]), self._labels[name]
        if completion.failure is not None:
            self._progress.failed(kind, label, completion.failure, len(_results(job)))
            self._end(name, completion.failure)
            return
        kept = self._keep_assessed(job, completion.output, label) if isinstance(job, Assessment) else 1
        self._end(name)
        self._progress.finished(kind, label, completion.wall_s, kept)

    def _keep_assessed(self, job: Assessment, results: Sequence[Output | Failure], label: str) -> int:
        """Keep what an assessment gave; how many results that is."""
        kept: dict[str, Entry] = {}
        for part, result in zip(job.wanted, results, strict=True):
            if isinstance(result, Failure):
                self._progress.part_failed(_kind(job), label, result)
                self.failures[part.key] = result
            else:
                kept[part.key] = Entry(payload=result.payload, facts=result.facts)
        # They are many and soon computed again, so they are not forced to the disk one by one.
        self.store.put_many(kept, durable=False)
        if self._on_result is not None:
            for key, entry in kept.items():
                self._on_result(key, entry.payload)
        return len(kept)

    def _end(self, name: str, failure: Failure | None = None) -> None:
        """Forget a job: those that waited for its results can begin, or else these and all that need them fail too."""
        job = self._jobs.pop(name)
        del self._labels[name]
        for key in _results(job):
            self._unfinished.discard(key)
            if failure is not None:
                self.failures[key] = failure
            for waiting in self._waiting.pop(key, []):
                if failure is None:
                    self._make_ready(waiting)
                else:
                    self._read(key)
                    self._skip(waiting, failure)

    def _skip(self, name: str, failure: Failure) -> None:
        self._progress.skipped(_kind(self._jobs[name]), len(_results(self._jobs[name])))
        self._end(name, failure)

    def _payload(self, key: str) -> object:
        """A result that a job needs, or where several do a stand-in for it, sent to workers once."""
        if key not in self._payloads:
            entry = self.store.get(key)
            if entry is None:
                raise StoreError(f"{self.store.path(key)}: disappeared while it was needed; run it again")
            self._payloads[key] = self._executor.share(entry.payload) if self._readers[key] > 1 else entry.payload
        payload = self._payloads[key]
        self._read(key)
        return payload

    def _read(self, key: str) -> None:
        """A job that was to read a payload has been given it, or never will be."""
        self._readers[key] -= 1
        if self._readers[key] <= 0:
            del self._readers[key]
            self._payloads.pop(key, None)

    def _workload(self, fingerprint: str) -> Any:
        if fingerprint not in self._workloads:
            self._workloads[fingerprint] = self._executor.share(self._load(fingerprint))
        return self._workloads[fingerprint]


def _name(job: Job) -> str:
    """Unique among jobs: each result is made by one of them."""
    return f"assess {job.wanted[0].key}" if isinstance(job, Assessment) else job.key


def _results(job: Job) -> tuple[str, ...]:
    return tuple(part.key for part in job.wanted) if isinstance(job, Assessment) else (job.key,)


def _needs(job: Job) -> str | None:
    match job:
        case TrainInputs():
            return None
        case ExecuteInputs():
            return job.model.key
        case Assessment():
            return job.execution.key


def _kind(job: Job) -> str:
    return {TrainInputs: "train", ExecuteInputs: "execute", Assessment: "price"}[type(job)]

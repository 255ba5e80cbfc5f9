"""Running what is to be done: jobs in order of what they need, results into the store as they come."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from codesign.errors import StoreError
from codesign.exploration.executors.base import Completion, Executor, Failure, Task
from codesign.exploration.jobs import ExecuteInputs, Output, TrainInputs, run_assess, run_execute, run_train
from codesign.exploration.progress import Progress
from codesign.exploration.store import Store
from codesign.exploration.work import Assessment, Work

if TYPE_CHECKING:
    from codesign.workload.dataset import Workload

__all__ = ["run_work"]

Job = TrainInputs | ExecuteInputs | Assessment


def run_work(
    work: Work,
    *,
    store: Store,
    executor: Executor,
    workload: Callable[[], Workload],
    progress: Progress,
) -> dict[str, Failure]:
    """Run all jobs; each is in the store before anything that needs it starts.

    Args:
        workload: gives the workload; called only where a job needs it.

    Returns:
        By key, why a result is missing: its own failure, or that of what it needs.

    Raises:
        StoreError: a result cannot be kept.
    """
    runner = _Runner(work=work, store=store, executor=executor, load=workload, progress=progress)
    runner.run()
    return runner.failures


@dataclass(kw_only=True)
class _Runner:
    work: Work
    store: Store
    executor: Executor
    load: Callable[[], Workload]
    progress: Progress
    failures: dict[str, Failure] = field(default_factory=dict)
    ready: list[tuple[int, str]] = field(default_factory=list)  # a heap: trainings first, the longest jobs there are
    waiting: dict[str, list[str]] = field(default_factory=dict)  # names of jobs by the key that they wait for
    jobs: dict[str, tuple[int, Job]] = field(default_factory=dict)  # rank and job by name
    shared: Any = None

    def run(self) -> None:
        everything: list[Job] = [*self.work.trainings, *self.work.executions, *self.work.assessments]
        unfinished = {one.key for one in self.work.trainings} | {one.key for one in self.work.executions}
        for rank, job in enumerate(everything):
            name, needs = _name(job), _needs(job)
            self.jobs[name] = (rank, job)
            if needs is not None and needs in unfinished:
                self.waiting.setdefault(needs, []).append(name)
            else:
                heapq.heappush(self.ready, (rank, name))
        under_way = 0
        while self.ready or under_way:
            while self.ready and under_way < self.executor.slots:
                self.submit(heapq.heappop(self.ready)[1])
                under_way += 1
            self.complete(self.executor.wait())
            under_way -= 1

    def submit(self, name: str) -> None:
        job = self.jobs[name][1]
        function: Callable[..., Any]
        arguments: tuple[Any, ...]
        match job:
            case TrainInputs():
                function, arguments = run_train, (job, self.workload())
                if self.executor.in_process:
                    function = partial(run_train, on_epoch=partial(self.progress.epoch, self.label(job)))
            case ExecuteInputs():
                function, arguments = run_execute, (job, self.payload(job.model.key), self.workload())
            case Assessment():
                function, arguments = run_assess, (self.payload(job.execution.key), job.wanted)
        self.progress.started(_kind(job), self.label(job))
        self.executor.submit(Task(key=name, function=function, arguments=arguments))

    def complete(self, completion: Completion) -> None:
        job = self.jobs[completion.key][1]
        kind, label = _kind(job), self.label(job)
        if completion.failure is not None:
            self.progress.failed(kind, label, completion.failure)
            self.fail(job, completion.failure)
            return
        if isinstance(job, Assessment):
            for one, output in zip(job.wanted, completion.output, strict=True):
                if isinstance(output, Failure):
                    self.progress.failed(kind, label, output)
                    self.failures[one.key] = output
                else:
                    self.store.put(one.key, output.payload, output.facts)
        else:
            self.keep(job.key, completion.output, completion.wall_s)
        self.progress.finished(kind, label, completion.wall_s)

    def keep(self, key: str, output: Output, wall_s: float) -> None:
        self.store.put(key, output.payload, {**output.facts, "wall_s": round(wall_s, 3)})
        for name in self.waiting.pop(key, []):
            heapq.heappush(self.ready, (self.jobs[name][0], name))

    def fail(self, job: Job, failure: Failure) -> None:
        """Note why the results of a job, and all that need them, will be missing."""
        if isinstance(job, Assessment):
            self.failures.update({one.key: failure for one in job.wanted})
            return
        self.failures[job.key] = failure
        for name in self.waiting.pop(job.key, []):
            needing = self.jobs[name][1]
            self.progress.skipped(_kind(needing), self.label(needing))
            self.fail(needing, failure)

    def payload(self, key: str) -> bytes:
        entry = self.store.get(key)
        if entry is None:
            raise StoreError(f"{self.store.path(key)}: vanished while the sweep ran; run it again")
        return entry.payload

    def workload(self) -> Any:
        if self.shared is None:
            self.shared = self.executor.share(self.load())
        return self.shared

    def label(self, job: Job) -> str:
        return self.work.labels[job.execution.key if isinstance(job, Assessment) else job.key]


def _name(job: Job) -> str:
    return f"assess {job.execution.key}" if isinstance(job, Assessment) else job.key


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

"""What the driver of a sweep takes for each job, and where: the measured half of `scaling.py`."""

from __future__ import annotations

import io
import os
import resource
import shutil
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from scaling_plans import large_sweep, plan_of, replace_jobs


class Split:
    """Processor time of this thread by what it was spent on; inner parts count once."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begin = time.thread_time()
        self._inside.append(0.0)
        yield
        spent = time.thread_time() - begin
        self.cpu_s[name] += spent - self._inside.pop()
        if self._inside:
            self._inside[-1] += spent

    def watch(self, owner: Any, part: str, *methods: str) -> None:
        """Count an object's methods as a part."""
        for method in methods:
            setattr(owner, method, self.part(part)(getattr(owner, method)))


def null_executor(in_flight: int) -> Any:
    """An executor in this process whose tasks have ended as soon as they are submitted."""
    from codesign.exploration.executors.base import Completion, Executor, Task
    from codesign.exploration.resources import JobResources

    class Null(Executor):
        name = "null"

        def __init__(self) -> None:
            self._tasks: deque[Task] = deque()

        @property
        def has_room(self) -> bool:
            return len(self._tasks) < in_flight

        def lacking(self, resources: JobResources) -> str:
            return ""

        def share(self, value: object) -> object:
            return value

        def submit(self, task: Task) -> None:
            self._tasks.append(task)

        def wait(self, timeout_s: float | None = None) -> Completion | None:
            if not self._tasks:
                return None
            task = self._tasks.popleft()
            return Completion(key=task.key, output=task.function(*task.arguments), failure=None, wall_s=0.0)

        def close(self) -> None:
            self._tasks.clear()

    return Null()


def measure_plan(kind: str, jobs: int, *, forced: bool, in_flight: int, folder: Path) -> dict[str, Any]:
    """Build, key, look up and run a plan with jobs that do nothing, stage by stage, in this process.

    Args:
        forced: whether files are forced to the disk as they are in earnest.
        in_flight: jobs that are under way at once.
        folder: for the store.
    """
    from codesign.exploration import runner as runner_module
    from codesign.exploration.jobs.store import Store
    from codesign.exploration.work import find_work

    stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        stages[name] = {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "resident_mb": psutil.Process().memory_info().rss / 1e6,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        }

    with stage("start"):
        large_sweep("trainings", 1)
    with stage("read the file"):
        spec = large_sweep(kind, jobs)
    with stage("plan"):
        plan = plan_of(spec)
    with stage("hash of all keys"):
        plan.config_hash  # noqa: B018
    store = Store(tempfile.mkdtemp(dir=folder))
    with stage("look up, empty store"):
        work = find_work(plan, store)
    replace_jobs(runner_module)
    if not forced:
        os.fsync = lambda fd: None
    split = Split()
    with stage("run"):
        tasks = run_work(plan, work, store, null_executor(in_flight), split)
    with stage("look up, all there"):
        again = find_work(plan, store)
    shutil.rmtree(store.root)
    if again.jobs:
        raise SystemExit(f"{len(again.jobs)} jobs were not found again")
    return {
        "points": len(plan.points),
        "results": work.reused + sum(work.to_run.values()),
        "tasks": tasks,
        "stages": stages,
        "split_cpu_us": {part: 1e6 * seconds / tasks for part, seconds in split.cpu_s.items()},
    }


def run_work(plan: Any, work: Any, store: Any, executor: Any, split: Split) -> int:
    """Run work as `run_sweep` does, with its record, its front and the progress of a log; how many tasks there were."""
    from codesign.exploration.runner import Runner
    from codesign.exploration.running import RunArguments
    from codesign.exploration.runs.front_watch import FrontWatch
    from codesign.exploration.runs.progress import Progress
    from codesign.exploration.runs.record import recorded
    from codesign.exploration.runs.shown import LogView

    spec, watch, progress = plan.spec, FrontWatch(plan), Progress(LogView(io.StringIO()))
    run = RunArguments(store=store, output=Path(store.root) / "out", progress=progress)
    record = recorded(run, spec, kind="sweep", configuration=plan.config_hash)
    with record, progress.seen_by(watch):
        split.watch(store, "store, write", "put_many")
        split.watch(store, "store, read", "get", "facts")
        split.watch(executor, "executor", "submit", "wait", "share")
        split.watch(progress, "progress", "added", "started", "result", "finished", "pulse")
        no_workload: Any = lambda name: b""  # noqa: E731
        runner = Runner(store=store, executor=executor, workload=no_workload, progress=progress, spec=spec)
        with split.part("bookkeeping"):
            progress.planned(work, executor.name)
            runner.add(work)
            runner.run()
    if runner.failures:
        raise SystemExit(f"{len(runner.failures)} jobs failed: {next(iter(runner.failures.values()))}")
    return len(work.jobs)

"""What the driver of a sweep takes for each job, and where: the measured half of `scaling.py`."""

from __future__ import annotations

import io
import os
import resource
import shutil
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import psutil
from scaling_plans import large_sweep, plan_of, replace_jobs


class Split:
    """Time of this thread by what it was spent on: on the processor, and by the clock; inner parts count once."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.wall_s: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._inside: list[list[float]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        cpu, wall = time.thread_time(), time.perf_counter()
        self._inside.append([0.0, 0.0])
        try:
            yield
        finally:
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            inner_cpu, inner_wall = self._inside.pop()
            self.cpu_s[name] += cpu - inner_cpu
            self.wall_s[name] += wall - inner_wall
            self.calls[name] += 1
            if self._inside:
                self._inside[-1][0] += cpu
                self._inside[-1][1] += wall

    def watch(self, owner: Any, part: str, *methods: str) -> None:
        """Count an object's methods as a part."""
        for method in methods:
            setattr(owner, method, self._timed(part, getattr(owner, method)))

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.part(part):
                return function(*arguments, **options)

        return timed


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

        def check(self, resources: JobResources) -> None:
            pass

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
    found = work.reused + sum(work.to_run.values())
    return {
        "kind": kind,
        "forced": forced,
        "in_flight": in_flight,
        "points": len(plan.points),
        "results": found,
        "tasks": tasks,
        "stages": stages,
        "split_cpu_us": {part: 1e6 * seconds / tasks for part, seconds in split.cpu_s.items()},
        "split_wall_us": {part: 1e6 * seconds / tasks for part, seconds in split.wall_s.items()},
        "bytes_a_point": 1e6
        * (stages["run"]["resident_mb"] - stages["read the file"]["resident_mb"])
        / len(plan.points),
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
        runner = Runner(store=store, executor=executor, workload=no_workload, progress=progress)
        with split.part("bookkeeping"):
            progress.planned(work, executor.name)
            runner.add(work)
            runner.run()
    if runner.failures:
        raise SystemExit(f"{len(runner.failures)} jobs failed: {next(iter(runner.failures.values()))}")
    return len(work.jobs)

"""Jobs through Ray: rates, processor time by process, parallel efficiency. The other measured half of `scaling.py`."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from scaling_driver import Split, run_work
from scaling_plans import MODEL, large_sweep, plan_of, sleep_for, spin_for

LARGER_SMOKE = """\
name: scaling_smoke
workload: {name: digits, timesteps: 5, train: 600, validation: 100, test: 200}
network: {hidden: "[32x2]"}
preset: nmnist
recipe_defaults: {epochs: EPOCHS, batch_size: 50, learning_rate: 5.0e-3}
recipes:
  layered: {method: layered}
  unlayered: {method: unlayered, policy: random, group_size: 8}
chips:
  mubrain_layersync2024: {capacity: scaled}
  mubrain: {capacity: scaled, schedules: [layered, asynchronous]}
schedules:
  asynchronous: {policy: random, group_size: 8, stop: drained}
seeds: {training: SEEDS}
axes:
  chip.mubrain.energies.synaptic_operation: [1 pJ, 2 pJ, 4 pJ, 8 pJ]
"""


def processor_seconds() -> Counter[str]:
    """Processor time so far of this process and of those below it, by what they are."""
    driver = psutil.Process()
    found = Counter({"driver": sum(driver.cpu_times()[:2])})
    for process in driver.children(recursive=True):
        with suppress(psutil.Error):
            role = "workers" if "".join(process.cmdline()).startswith("ray::") else "services of Ray"
            found[role] += sum(process.cpu_times()[:2])
    return found


@contextmanager
def ray_executor(workers: int) -> Iterator[tuple[Any, float]]:
    """A Ray executor that has started, and how long that took."""
    from codesign.exploration.executors.ray import RayExecutor
    from codesign.exploration.resources import JobResources

    start = time.perf_counter()
    with RayExecutor(workers=workers) as executor:
        executor.lacking(JobResources())
        yield executor, time.perf_counter() - start


def warm_up(executor: Any, workers: int) -> None:
    """Have every worker process started, and its imports done."""
    run_tasks(executor, partial(sleep_for, 0.2, b""), 4 * workers, kind="warm")


def run_tasks(executor: Any, function: Callable[[], Any], count: int, *, kind: str) -> float:
    """Seconds for `count` calls of a function, without runner and store."""
    from codesign.exploration.executors.base import Task

    start, sent, ended = time.perf_counter(), 0, 0
    while ended < count:
        while sent < count and executor.has_room:
            executor.submit(Task(key=f"{kind} {sent}", kind=kind, function=function, arguments=()))
            sent += 1
        completion = executor.wait(60.0)
        if completion is None:
            raise SystemExit("no task has ended for a minute")
        if completion.failure is not None:
            raise SystemExit(f"a task failed: {completion.failure}")
        ended += 1
    return time.perf_counter() - start


def measure_jobs(workers: int, jobs: int, job_s: float, folder: Path) -> dict[str, Any]:
    """Trainings that only sleep, through Ray: what Ray and driver take for each."""
    import codesign.exploration.runner
    from codesign.exploration.jobs.store import Entry, Store
    from codesign.exploration.work import find_work

    plan = plan_of(large_sweep("trainings", 7 * jobs))
    store = Store(tempfile.mkdtemp(dir=folder))
    work = find_work(plan, store)
    work = replace(work, jobs=work.jobs[:jobs])
    runner: Any = codesign.exploration.runner
    runner.run_train = partial(_sleeping_train, job_s, Entry(payload=MODEL, facts={}))
    split = Split()
    with ray_executor(workers) as (executor, start_s):
        warm_up(executor, workers)
        before, start = processor_seconds(), time.perf_counter()
        tasks = run_work(plan, work, store, executor, split)
        wall, used = time.perf_counter() - start, processor_seconds() - before
    return {
        "start_s": start_s,
        "tasks": tasks,
        "wall_s": wall,
        "utilization": tasks * job_s / (workers * wall),
        "cpu_us": {role: 1e6 * seconds / tasks for role, seconds in used.items()},
        "split_cpu_us": {part: 1e6 * seconds / tasks for part, seconds in split.cpu_s.items()},
    }


def _sleeping_train(seconds: float, output: Any, *inputs: Any, report: object = None) -> Any:
    sleep_for(seconds, b"")
    return output


def measure_sweeps(seeds: int, epochs: int, folder: Path) -> list[dict[str, Any]]:
    """The same real sweep by serial, and by Ray with one and two workers; results must be equal."""
    from codesign.analysis.results.table import contents_equal, read_results
    from codesign.documents import parse_document
    from codesign.exploration.definition.spec import SweepSpec
    from codesign.exploration.executors.serial import SerialExecutor
    from codesign.exploration.jobs.store import Store
    from codesign.exploration.running import RunArguments
    from codesign.exploration.sweep import run_sweep

    text = LARGER_SMOKE.replace("SEEDS", str(list(range(seeds)))).replace("EPOCHS", str(epochs))

    def run(spec: Any, executor: Any, name: str) -> tuple[float, Any]:
        start = time.perf_counter()
        store, output = Store(folder / name / "store"), folder / name / "out"
        outcome = run_sweep(spec, RunArguments(store=store, output=output, executor=executor))
        if outcome.failed:
            raise SystemExit(f"{outcome.failed} points failed")
        return time.perf_counter() - start, read_results(outcome.results)

    small = text.replace(str(list(range(seeds))), "[0]").replace(f"epochs: {epochs}", "epochs: 1")
    run(parse_document(small, "small.yaml", SweepSpec), SerialExecutor(), "warm")  # kernels, data, imports
    spec = parse_document(text, "scaling.yaml", SweepSpec)
    wall, reference = run(spec, SerialExecutor(), "serial")
    found = [{"executor": "serial", "workers": 1, "start_s": 0.0, "wall_s": wall}]
    for workers in (1, 2):
        with ray_executor(workers) as (executor, start_s):
            wall, table = run(spec, executor, f"ray{workers}")
        if not contents_equal(table, reference):
            raise SystemExit(f"the results of {workers} workers are not those of `serial`")
        found.append({"executor": "ray", "workers": workers, "start_s": start_s, "wall_s": wall})
    return found


def measure_efficiency(jobs: int, seconds: float, folder: Path) -> list[dict[str, Any]]:
    """Jobs of about a second on one and on two workers: spinning ones, and real trainings."""
    found: list[dict[str, Any]] = []
    for name in ("spin", "training"):
        walls: dict[int, float] = {}
        for workers in (1, 2):
            with ray_executor(workers) as (executor, _):
                warm_up(executor, workers)
                if name == "spin":
                    walls[workers] = run_tasks(executor, partial(spin_for, seconds), jobs, kind="spin")
                else:
                    walls[workers] = _train(executor, jobs, folder / f"train{workers}")
        found.append(
            {
                "jobs": name,
                "count": jobs,
                "seconds_1": walls[1] / jobs,
                "wall_s": [walls[1], walls[2]],
                "efficiency": walls[1] / (2 * walls[2]),
            }
        )
    return found


def _train(executor: Any, jobs: int, folder: Path) -> float:
    """Seconds for real trainings of the digits, through runner and store."""
    from codesign.documents import parse_document
    from codesign.exploration.definition.spec import SweepSpec
    from codesign.exploration.jobs.store import Store
    from codesign.exploration.planning import build_plan
    from codesign.exploration.runner import Runner
    from codesign.exploration.runs.progress import Progress
    from codesign.exploration.work import find_work
    from codesign.workload.dataset import load_workload

    text = LARGER_SMOKE.replace("SEEDS", str(list(range(jobs)))).replace("EPOCHS", "20")
    text = text.replace("  layered: {method: layered}\n", "").replace("train: 600", "train: 1000")
    spec = parse_document(text, "trainings.yaml", SweepSpec)
    workload = load_workload(spec.workload)
    plan = build_plan(spec, workload)
    store = Store(folder)
    work = find_work(plan, store)
    trainings = tuple(job for job in work.jobs if job.kind == "train")

    def timed(some: Any) -> float:
        runner = Runner(store=store, executor=executor, workload=lambda name: workload, progress=Progress(), spec=spec)
        start = time.perf_counter()
        runner.add(replace(work, jobs=some))
        runner.run()
        if runner.failures:
            raise SystemExit(f"a training failed: {next(iter(runner.failures.values()))}")
        return time.perf_counter() - start

    timed(trainings[:2])  # kernels
    return timed(trainings[2:]) * jobs / (jobs - 2)

"""What a run is given, and work from beginning to end, on an executor that suits it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field

from codesign.arguments import flag, path
from codesign.exploration.executors import ExecutorName
from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.jobs.jobs import ExecuteInputs, TrainInputs
from codesign.exploration.jobs.store import Store
from codesign.exploration.resources import ResourcesEntry, usable_cores
from codesign.exploration.runs.progress import Progress
from codesign.exploration.work import Job, Work
from codesign.exploration.workloads import Workloads
from codesign.files import Location
from codesign.workload.dataset import Workload

_SAMPLES_PER_S = 250_000
"""Samples times timesteps that one core trains on, or runs, in a second, roughly, for networks of a few hundred
neurons."""
_PRICE_S = 0.01
"""What one core takes for a summary or a price, roughly."""
_WORTH_RAY_S = 20.0
"""Ray is used where it should save more than this: to start it and its workers takes 5 to 9 s."""


@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """What a sweep, a study or a pricing is run with.

    Attributes:
        store: where the results of jobs are kept; a point that another sweep or study ran costs nothing.
        output: folder for the files, a path or a URL; that of a study or pricing is on this machine.
        executor: runs the jobs, and is closed at the end; None chooses one.
        progress: receives what happens.
        workloads: what reads the data.
        storage: URL of the Optuna storage that keeps a study's trials; None for a journal in the output.
        models: whether to write each trained or tested model with its card too.
        again: shell command that gives the same results, for the report; "" where none does.
        resume: shell command that goes on with this very run, for its record; "" where none does.

    Raises:
        InputError: an output that is neither path nor URL, or `models` that is neither true nor false.
    """

    store: Store
    output: Location
    executor: Executor | None = None
    progress: Progress = field(default_factory=Progress)
    workloads: Workloads = field(default_factory=Workloads)
    storage: str | None = None
    models: bool = False
    again: str = ""
    resume: str = ""

    def __post_init__(self) -> None:
        path("output", self.output)
        flag("models", self.models)


def run_work(work: Work, run: RunArguments, resources: ResourcesEntry) -> dict[str, Failure]:
    """Run what is to be done, with resources as in `Runner`; by key, why a result is missing. Data are read only where
    there is something to run. Raises StoreError where a result cannot be kept."""
    progress, workload, executor = run.progress, run.workloads.load, run.executor
    if not work.jobs:
        progress.planned(work, "none needed")
        progress.added(work, ())
        return {}
    # Here, so that those who only look up results do not wait for torch and the compiler.
    from codesign.exploration.runner import Runner
    from codesign.simulation.event.ahead import compiling_ahead

    if executor is None:
        at_once = Counter(job.kind for job in work.jobs)
        alone = {kind: sum(_job_s(job, workload) for job in work.jobs if job.kind == kind) for kind in at_once}
        executor = choose_executor([(alone[kind], at_once[kind]) for kind in at_once], on_note=progress.note)
    simulates = any(job.kind != "price" for job in work.jobs)
    with compiling_ahead(progress.note) if simulates else nullcontext(), executor as chosen:
        progress.planned(work, chosen.name)
        runner = Runner(store=run.store, executor=chosen, workload=workload, progress=progress, resources=resources)
        runner.add(work)
        runner.run()
    return runner.failures


def _job_s(job: Job, load: Callable[[str], Workload]) -> float:
    """What a job takes on one core, roughly."""
    match job.wanted[0]:
        case TrainInputs() as training:
            return training.recipe.epochs * epoch_s(load(training.workload))
        case ExecuteInputs() as execution:
            workload = load(execution.model.workload)
            samples = len(getattr(workload, execution.split))
            return min(samples, execution.samples or samples) * workload.timesteps / _SAMPLES_PER_S
    return len(job.wanted) * _PRICE_S


def epoch_s(workload: Workload) -> float:
    """What an epoch takes on one core, roughly."""
    return len(workload.train) * workload.timesteps / _SAMPLES_PER_S


def choose_executor(kinds: Iterable[tuple[float, int]], *, on_note: Callable[[str], None]) -> Executor:
    """Ray on all cores where jobs can share them that take long enough for its start, unless this process uses Ray
    already; else serial.

    Args:
        kinds: of each kind of job, how long all of them take on one core, infinite where that is not known, and how
            many can run at the same time.
        on_note: as in `RayExecutor`.
    """
    cores = usable_cores()
    saved_s = sum(alone_s * (1 - 1 / min(cores, jobs)) for alone_s, jobs in kinds if min(cores, jobs) > 1)
    worth = saved_s > _WORTH_RAY_S
    if worth and "ray" in sys.modules and sys.modules["ray"].is_initialized():
        on_note("Ray is in use in this process already, so jobs run here, one after another")
        worth = False
    return named_executor("ray" if worth else "serial", on_note=on_note)


def named_executor(
    name: ExecutorName, *, workers: int | None = None, address: str | None = None, on_note: Callable[[str], None]
) -> Executor:
    """The executor of a name; the rest is for Ray's."""
    if name == "serial":
        from codesign.exploration.executors.serial import SerialExecutor

        return SerialExecutor()
    from codesign.exploration.executors.ray import RayExecutor

    return RayExecutor(workers=workers, address=address, on_note=on_note)

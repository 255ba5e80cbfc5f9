"""What a run is given, and work from beginning to end, on an executor that suits it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.jobs.store import Store
from codesign.exploration.resources import ResourcesEntry, usable_cores
from codesign.exploration.runs.progress import Progress
from codesign.exploration.work import Work
from codesign.exploration.workloads import Workloads
from codesign.files import Location
from codesign.workload.dataset import Workload

_SAMPLES_PER_S = 250_000
"""Samples times timesteps that one core trains on in a second, roughly, for networks of a few hundred neurons."""
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
        models: whether to write each trained or tested model with its card too.
        again: shell command that gives the same results, for the report; "" where none does.
        resume: shell command that goes on with this very run, for its record; "" where none does.
    """

    store: Store
    output: Location
    executor: Executor | None = None
    progress: Progress = field(default_factory=Progress)
    workloads: Workloads = field(default_factory=Workloads)
    models: bool = False
    again: str = ""
    resume: str = ""


def run_work(work: Work, run: RunArguments, resources: ResourcesEntry) -> dict[str, Failure]:
    """Run what is to be done, with resources as in `Runner`; by key, why a result is missing. Data are read only where
    there is something to run. Raises StoreError where a result cannot be kept."""
    progress, workload, executor = run.progress, run.workloads.load, run.executor
    if not work.jobs:
        progress.planned(work, "none needed")
        progress.added(work, {})
        return {}
    # Here, so that those who only look up results do not wait for torch and the compiler.
    from codesign.exploration.runner import Runner
    from codesign.simulation.event.ahead import compiling_ahead

    if executor is None:
        executor = choose_executor(
            trained=sum(one.recipe.epochs * epoch_size(workload(one.workload)) for one in work.trainings),
            at_once=len(work.trainings),
            on_note=progress.note,
        )
    simulates = any(job.kind != "price" for job in work.jobs)
    with compiling_ahead(progress.note) if simulates else nullcontext(), executor as chosen:
        progress.planned(work, chosen.name)
        runner = Runner(store=run.store, executor=chosen, workload=workload, progress=progress, resources=resources)
        runner.add(work)
        runner.run()
    return runner.failures


def epoch_size(workload: Workload) -> int:
    """Samples that an epoch trains on, times their timesteps."""
    return len(workload.train) * workload.timesteps


def choose_executor(*, trained: float, at_once: int, on_note: Callable[[str], None]) -> Executor:
    """Ray on all cores where trainings can share them that take long enough for its start, else serial.

    Args:
        trained: `epoch_size` times epochs, of all trainings together; infinite where that is not known.
        at_once: trainings that can run at the same time.
        on_note: as in `RayExecutor`.
    """
    from codesign.exploration.executors.ray import RayExecutor
    from codesign.exploration.executors.serial import SerialExecutor

    cores = min(usable_cores(), at_once)
    if cores < 2:
        return SerialExecutor()
    seconds = trained / _SAMPLES_PER_S
    return RayExecutor(on_note=on_note) if seconds * (1 - 1 / cores) > _WORTH_RAY_S else SerialExecutor()

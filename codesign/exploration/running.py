"""The arguments of a run, and running its work on a suitable executor."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.executors import named_executor
from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.jobs.jobs import ExecuteInputs, TrainInputs
from codesign.exploration.jobs.store import Store
from codesign.exploration.plan import Plan
from codesign.exploration.resources import usable_cores
from codesign.exploration.runs.progress import Progress
from codesign.exploration.work import Job, Work
from codesign.exploration.workloads import Workloads
from codesign.files import Location
from codesign.workload.dataset import Workload

_SAMPLES_PER_S = 250_000
"""Approximate number of samples times timesteps per second and core, in training and execution, for networks with a few
hundred neurons."""
_PRICE_S = 0.01
"""Approximate time of a summary or a price on one core."""
_WORTH_RAY_S = 8.0
"""Ray is used if it should save more than this: starting it and its workers, and ending them, takes 4 to 6 s."""


@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """The arguments of a sweep, a study or a pricing.

    Attributes:
        store: store of job results; a point that another sweep or study has run costs nothing.
        output: folder for the files, a path or a URL; for a study or pricing a local path.
        executor: runs the jobs, and is closed at the end; chosen automatically if None.
        storage: URL of the Optuna storage of a study's trials; a journal in the output if None.
        models: whether to also write each trained or tested model with its card.
        again: shell command that gives the same results, for the report; "" if there is none.
        resume: shell command that continues this run, for its record; "" if there is none.
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

    @classmethod
    def of(
        cls,
        name: str,
        *,
        store: Store | Location,
        output: Location | None,
        data_root: str | Path | None,
        progress: Progress,
        **others: Any,
    ) -> RunArguments:
        """The arguments of the run of a file with this name, which `progress` shows; `reports/NAME` is the usual
        output."""
        return cls(
            store=store if isinstance(store, Store) else Store(store, on_damage=progress.note),
            output=f"reports/{name}" if output is None else output,
            workloads=Workloads(data_root=data_root),
            progress=progress,
            **others,
        )


def show_notes(plan: Plan, run: RunArguments) -> None:
    """Show the notes of a plan, and what its workloads leave out."""
    left_out = (run.workloads.load(workload).left_out for workload in plan.workloads)
    for note in dict.fromkeys(filter(None, (*plan.notes, *left_out))):
        run.progress.note(note)


def run_work(work: Work, run: RunArguments, spec: SweepSpec) -> dict[str, Failure]:
    """Run work, with the resources of a sweep; return why results are missing, by key. Data is read only if there is
    something to run."""
    progress, workload, executor = run.progress, run.workloads.load, run.executor
    if not work.jobs:
        progress.planned(work, "none needed")
        progress.added(work, ())
        return {}
    # Imported here, so that runs that only look up results do not wait for torch and the compiler.
    from codesign.exploration.runner import Runner
    from codesign.simulation.event.ahead import compiling_ahead

    if executor is None:
        at_once = Counter(job.kind for job in work.jobs)
        alone = {kind: sum(_job_s(job, workload) for job in work.jobs if job.kind == kind) for kind in at_once}
        executor = choose_executor([(alone[kind], at_once[kind]) for kind in at_once], on_note=progress.note)
    simulates = any(job.kind != "price" for job in work.jobs)
    with compiling_ahead(progress.note) if simulates else nullcontext(), executor as chosen:
        progress.planned(work, chosen.name)
        runner = Runner(store=run.store, executor=chosen, workload=workload, progress=progress, spec=spec)
        runner.add(work)
        runner.run()
    return runner.failures


def _job_s(job: Job, load: Callable[[str], Workload]) -> float:
    """Approximate time of a job on one core."""
    match job.wanted[0]:
        case TrainInputs() as training:
            return training.recipe.epochs * epoch_s(load(training.workload))
        case ExecuteInputs() as execution:
            workload = load(execution.model.workload)
            samples = len(getattr(workload, execution.split))
            return min(samples, execution.samples or samples) * workload.timesteps / _SAMPLES_PER_S
    return len(job.wanted) * _PRICE_S


def epoch_s(workload: Workload) -> float:
    """Approximate time of an epoch on one core."""
    return len(workload.train) * workload.timesteps / _SAMPLES_PER_S


def choose_executor(kinds: Iterable[tuple[float, int]], *, on_note: Callable[[str], None]) -> Executor:
    """Choose Ray on all cores if running jobs in parallel saves more than its start takes and this process does not use
    Ray already; otherwise serial.

    Args:
        kinds: for each kind of job, the time of all its jobs on one core, infinite if unknown, and how many can run at
            the same time.
        on_note: called with a message, as in `RayExecutor`.
    """
    cores = usable_cores()
    saved_s = sum(alone_s * (1 - 1 / min(cores, jobs)) for alone_s, jobs in kinds if min(cores, jobs) > 1)
    worth = saved_s > _WORTH_RAY_S
    if worth and "ray" in sys.modules and sys.modules["ray"].is_initialized():
        on_note("Ray is in use in this process already, so jobs run here, one after another")
        worth = False
    return named_executor("ray" if worth else "serial", on_note=on_note)

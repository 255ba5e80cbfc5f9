"""Work from beginning to end, on an executor that suits it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.jobs.store import Store
from codesign.exploration.resources import ResourcesEntry
from codesign.exploration.runs.progress import Progress
from codesign.exploration.work import Work

if TYPE_CHECKING:
    from codesign.workload.dataset import Workload


_SAMPLES_PER_S = 250_000
"""Samples times timesteps that one core trains on in a second, roughly, for networks of a few hundred neurons."""
_WORTH_RAY_S = 20.0
"""Ray is used where it should save more than this: to start it and its workers takes 5 to 9 s."""


def run_work(
    work: Work,
    *,
    store: Store,
    workload: Callable[[], Workload],
    executor: Executor | None,
    progress: Progress,
    resources: ResourcesEntry,
    on_result: Callable[[str, bytes], None] | None = None,
) -> dict[str, Failure]:
    """Run what is to be done; by key, why a result is missing.

    Args:
        workload: gives the data; called only where there is something to run.
        executor: runs the jobs, and is closed at the end; None chooses one.
        resources, on_result: as in `Runner`.

    Raises:
        StoreError: a result cannot be kept.
    """
    if not work.jobs:
        progress.planned(work, "none needed")
        progress.added(work, {})
        return {}
    # Here, so that those who only look up results do not wait for torch and the compiler.
    from codesign.exploration.runner import Runner
    from codesign.simulation.event.ahead import compiling_ahead

    if executor is None:
        training = workload().train
        executor = choose_executor(
            epochs=sum(job.recipe.epochs for job in work.trainings),
            at_once=len(work.trainings),
            samples=len(training) * training.timesteps,
            on_note=progress.note,
        )
    simulates = bool(work.trainings or work.executions)
    with compiling_ahead(progress.note) if simulates else nullcontext(), executor as chosen:
        progress.planned(work, chosen.name)
        runner = Runner(
            store=store,
            executor=chosen,
            workload=lambda fingerprint: workload(),
            progress=progress,
            resources=resources,
            on_result=on_result,
        )
        runner.add(work)
        runner.run()
    return runner.failures


def choose_executor(*, epochs: float, at_once: int, samples: int, on_note: Callable[[str], None]) -> Executor:
    """Ray on all cores where trainings can share them that take long enough for its start, else serial.

    Args:
        epochs: of all trainings together; infinite where that is not known.
        at_once: trainings that can run at the same time.
        samples: of an epoch, times their timesteps.
        on_note: as in `RayExecutor`.
    """
    from codesign.exploration.executors.ray import RayExecutor
    from codesign.exploration.executors.serial import SerialExecutor

    cores = min(os.cpu_count() or 1, at_once)
    if cores < 2:
        return SerialExecutor()
    seconds = epochs * samples / _SAMPLES_PER_S
    return RayExecutor(on_note=on_note) if seconds * (1 - 1 / cores) > _WORTH_RAY_S else SerialExecutor()

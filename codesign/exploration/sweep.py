"""A sweep from its specification to results and report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.library import load_sweep
from codesign.exploration.plan import Plan, build_plan
from codesign.exploration.point_rows import point_rows
from codesign.exploration.provenance import describe_sweep
from codesign.exploration.rows import Columns
from codesign.exploration.runner import Runner
from codesign.exploration.runs.front_watch import FrontRelay, FrontWatch
from codesign.exploration.runs.progress import Progress
from codesign.exploration.runs.recorder import recorded_run
from codesign.exploration.spec import SweepSpec
from codesign.exploration.store import Store
from codesign.exploration.work import Work, find_work
from codesign.files import Location, join, open_folder
from codesign.results import read_results, write_results

if TYPE_CHECKING:
    from codesign.workload.dataset import Workload

__all__ = ["SAMPLES_PER_S", "WORTH_RAY_S", "SweepOutcome", "choose_executor", "load_sweep", "plan_sweep", "run_sweep"]

SAMPLES_PER_S = 250_000
"""Samples times timesteps that one core trains on in a second, roughly, for networks of a few hundred neurons."""
WORTH_RAY_S = 20.0
"""Ray is used where it should save more than this: to start it and its workers takes 5 to 9 s."""


@dataclass(frozen=True, kw_only=True)
class SweepOutcome:
    """What a sweep left.

    Attributes:
        results, report: the files, as paths or, where the output is at a URL, as URLs.
        ok, infeasible, failed: design points by status.
    """

    results: Location
    report: Location
    ok: int
    infeasible: int
    failed: int


def plan_sweep(spec: SweepSpec, *, data_root: Path | None = None, cache_root: Path | None = None) -> Plan:
    """The design points of a sweep; reads which data there is, but not the data.

    Raises:
        InputError: parts of the sweep do not fit each other.
        DataError: the dataset is missing or damaged.
    """
    from codesign.workload.dataset import workload_fingerprint
    from codesign.workload.datasets.registry import get_dataset

    dataset = get_dataset(spec.workload.name)
    fingerprint = workload_fingerprint(spec.workload, data_root=data_root, cache_root=cache_root)
    return build_plan(spec, workload=fingerprint, input_grid=dataset.grid, classes=dataset.classes)


def run_sweep(
    spec: SweepSpec,
    *,
    store: Store,
    output: Location,
    executor: Executor | None = None,
    progress: Progress | None = None,
    data_root: Path | None = None,
    cache_root: Path | None = None,
    command: str | None = None,
    resume: str | None = None,
) -> SweepOutcome:
    """Run what is not in the store, then write `results.parquet` and `report.html`.

    Run again after an interruption it goes on where it stopped; after a change it runs only what the change affects.

    Args:
        store: where the results of jobs are kept.
        output: folder for the two files, a path or a URL.
        executor: runs the jobs, and is closed at the end; None chooses one.
        progress: is told what happens.
        data_root, cache_root: folders of datasets and of binned events; found by the settings if None.
        command: shell command that reproduces the results, for the report.
        resume: shell command that goes on with this very run, for its record.

    Raises:
        InputError, DataError: as `plan_sweep`; or the two files cannot be written.
        StoreError: a result cannot be kept.
    """
    progress = progress or Progress()
    open_folder(output).check_writable()  # before anything long is run
    plan = plan_sweep(spec, data_root=data_root, cache_root=cache_root)
    watch = FrontWatch(plan)
    work = find_work(plan, store, on_result=watch.take)
    data = _Data(spec=spec, data_root=data_root, cache_root=cache_root)
    with recorded_run(
        progress,
        kind="sweep",
        name=spec.name,
        title=spec.title,
        configuration=plan.config_hash,
        store=store,
        output=output,
        command=resume,
    ) as recorded:
        failures = _run(work, store, data, executor, FrontRelay(watch, recorded), watch)
        return _write(plan, work, store, data, output, command, failures)


def _run(
    work: Work, store: Store, data: _Data, executor: Executor | None, progress: FrontRelay, watch: FrontWatch
) -> dict[str, Failure]:
    """Run what is to be done; by key, why a result is missing."""
    failures: dict[str, Failure] = {}
    if work.jobs:
        if executor is None:
            training = data.workload.train
            executor = choose_executor(
                work, training_samples=len(training), timesteps=training.timesteps, on_note=progress.note
            )
        with executor as chosen:
            progress.planned(work, chosen.name)
            runner = Runner(
                store=store,
                executor=chosen,
                workload=lambda fingerprint: data.workload,
                progress=progress,
                resources=data.spec.resources.by_kind,
                on_result=watch.take,
            )
            runner.add(work)
            runner.run()
            failures = runner.failures
    else:
        progress.planned(work, "none needed")
        progress.added(work, {})
    progress.show()
    return failures


def _write(
    plan: Plan,
    work: Work,
    store: Store,
    data: _Data,
    output: Location,
    command: str | None,
    failures: Mapping[str, Failure],
) -> SweepOutcome:
    """The results file and the report, from what the store holds."""
    from codesign.reporting.html import write_report

    statuses: Counter[str] = Counter()

    def rows() -> Iterator[Columns]:
        for row in point_rows(plan.points, plan.shape, store, failures):
            statuses[row["status"]] += 1
            yield row

    metadata = describe_sweep(plan, work.tallies, data.workload, command=command, failed=len(failures))
    results, report = join(output, "results.parquet"), join(output, "report.html")
    write_results(results, rows(), metadata)
    write_report(read_results(results), report)
    return SweepOutcome(
        results=results,
        report=report,
        ok=statuses["ok"],
        infeasible=statuses["infeasible"],
        failed=statuses["failed"],
    )


@dataclass(kw_only=True)
class _Data:
    """The workload, loaded once and only if somebody asks."""

    spec: SweepSpec
    data_root: Path | None
    cache_root: Path | None

    @cached_property
    def workload(self) -> Workload:
        from codesign.workload.dataset import load_workload

        return load_workload(self.spec.workload, data_root=self.data_root, cache_root=self.cache_root)


def choose_executor(work: Work, *, training_samples: int, timesteps: int, on_note: Callable[[str], None]) -> Executor:
    """Ray on all cores where several trainings are to be run that take long enough for its start, else serial."""
    from codesign.exploration.executors.ray import RayExecutor
    from codesign.exploration.executors.serial import SerialExecutor

    cores = min(os.cpu_count() or 1, len(work.trainings))
    if cores < 2:
        return SerialExecutor()
    epochs = sum(training.recipe.epochs for training in work.trainings)
    seconds = epochs * training_samples * timesteps / SAMPLES_PER_S
    return RayExecutor(on_note=on_note) if seconds * (1 - 1 / cores) > WORTH_RAY_S else SerialExecutor()

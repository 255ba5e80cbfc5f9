"""A sweep from its specification to results and report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from codesign.analysis.table import read_results, write_results
from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.library import load_sweep
from codesign.exploration.plan import Plan, build_plan
from codesign.exploration.point_rows import point_rows
from codesign.exploration.provenance import describe_sweep
from codesign.exploration.rows import Columns
from codesign.exploration.running import run_work
from codesign.exploration.runs.front_watch import FrontRelay, FrontWatch
from codesign.exploration.runs.progress import Progress
from codesign.exploration.runs.recorder import recorded_run
from codesign.exploration.spec import SweepSpec
from codesign.exploration.store import Store
from codesign.exploration.work import Work, find_work
from codesign.files import Location, join, open_folder

if TYPE_CHECKING:
    from codesign.exploration.models import ModelFiles
    from codesign.workload.dataset import Workload

__all__ = ["SweepOutcome", "load_sweep", "plan_sweep", "run_sweep"]


@dataclass(frozen=True, kw_only=True)
class SweepOutcome:
    """What a sweep left.

    Attributes:
        results, report: the files, as paths or, where the output is at a URL, as URLs.
        models: where they were asked for.
        ok, infeasible, failed: design points by status.
    """

    results: Location
    report: Location
    ok: int
    infeasible: int
    failed: int
    models: ModelFiles | None = None


def plan_sweep(spec: SweepSpec, *, data_root: Path | None = None, cache_root: Path | None = None) -> Plan:
    """The design points of a sweep; reads which data there is, but not the data.

    Raises:
        InputError: parts of the sweep do not fit each other.
        DataError: the dataset is missing or damaged.
    """
    from codesign.workload.dataset import outline_workload

    return build_plan(spec, outline_workload(spec.workload, data_root=data_root, cache_root=cache_root))


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
    models: bool = False,
) -> SweepOutcome:
    """Run what is not in the store, then write `results.parquet`, `report.html` and, if asked for, `models/`.

    Run again after an interruption it goes on where it stopped; after a change it runs only what the change affects.

    Args:
        store: where the results of jobs are kept.
        output: folder for the files, a path or a URL.
        executor: runs the jobs, and is closed at the end; None chooses one.
        progress: is told what happens.
        data_root, cache_root: folders of datasets and of binned events; found by the settings if None.
        command: shell command that reproduces the results, for the report.
        resume: shell command that goes on with this very run, for its record.
        models: whether to write each trained model with its card too.

    Raises:
        InputError, DataError: as `plan_sweep`; or the files cannot be written.
        StoreError: a result cannot be kept.
    """
    progress = progress or Progress()
    open_folder(output).check_writable()  # before anything long is run
    plan = plan_sweep(spec, data_root=data_root, cache_root=cache_root)
    watch = FrontWatch(plan)
    work = find_work(plan, store, on_result=watch.take, models=models)
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
        relay = FrontRelay(watch, recorded)
        failures = run_work(
            work,
            store=store,
            workload=lambda: data.workload,
            executor=executor,
            progress=relay,
            resources=spec.resources.by_kind,
            on_result=watch.take,
        )
        relay.show()
        outcome = _write(plan, work, store, data, output, command, failures)
        return _with_models(outcome, plan, store, data, output, failures) if models else outcome


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


def _with_models(
    outcome: SweepOutcome, plan: Plan, store: Store, data: _Data, output: Location, failures: Mapping[str, Failure]
) -> SweepOutcome:
    """Write the models, which the store holds; the outcome with them."""
    from codesign.exploration.models import write_models

    reasons = {key: str(failure) for key, failure in failures.items()}
    table = read_results(outcome.results)
    written = write_models(
        {"": plan}, table, output=output, store=store, workload=lambda fingerprint: data.workload, reasons=reasons
    )
    return replace(outcome, models=written)


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

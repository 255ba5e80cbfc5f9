"""Running a sweep, from its specification to results and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.remarks import over_budget, silent_networks
from codesign.analysis.results.columns import AXIS_PREFIX, TRIAL_AXIS
from codesign.analysis.results.metadata import ResultMetadata
from codesign.analysis.results.table import write_results
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.executors.base import Failure
from codesign.exploration.model_files import ModelFiles, write_models
from codesign.exploration.plan import Plan
from codesign.exploration.planning import plan_designs
from codesign.exploration.point_rows import point_rows
from codesign.exploration.provenance import describe_sweep
from codesign.exploration.running import RunArguments, run_work, show_notes
from codesign.exploration.runs.front_watch import FrontWatch
from codesign.exploration.runs.record import Kind, check_output, recorded
from codesign.exploration.work import find_work
from codesign.exploration.workloads import Workloads
from codesign.files import Location, held, join, lock_of
from codesign.files.once import reading_once
from codesign.reporting.html import write_report


@dataclass(frozen=True, kw_only=True)
class SweepOutcome:
    """The outcome of a sweep: the content of its results file, the paths or URLs of that file and the report, and
    models if requested."""

    table: AnsweredTable = field(repr=False)
    results: Location
    report: Location
    models: ModelFiles | None = None

    @property
    def ok(self) -> int:
        """Design points with a result."""
        return int((self.table.frame["status"] == "ok").sum())

    @property
    def failed(self) -> int:
        """Design points that can be run but have no result."""
        return int((self.table.frame["status"] == "failed").sum())

    @property
    def failures(self) -> str:
        return f"{self.failed} of {self.failed + self.ok} feasible rows of results failed"


@reading_once()
def plan_sweep(spec: SweepSpec, *, data_root: str | Path | None = None) -> Plan:
    """The design points of a sweep. Looks up the available data without binning it."""
    return plan_designs(spec, Workloads(data_root=data_root).outline)


@reading_once()
def run_sweep(spec: SweepSpec, run: RunArguments, *, kind: Kind = "sweep") -> SweepOutcome:
    """Run the jobs that are not in the store, then write `results.parquet`, `report.html` and, if requested, `models/`.

    Run again after an interruption, a sweep continues where it stopped; after a change, it runs only what the change
    affects.
    """
    check_output(run.output, kind)  # before anything that takes long
    plan = plan_designs(spec, run.workloads.outline)
    watch = FrontWatch(plan)
    work = find_work(plan, run.store, on_result=watch.result, models=run.models)
    record = recorded(run, spec, kind=kind, configuration=plan.config_hash)
    with held(lock_of(run.output)), record, run.progress.seen_by(watch):
        show_notes(plan, run)
        failures = run_work(work, run, spec)
        watch.show()
        metadata = describe_sweep(plan, [work], run, failed=len(failures))
        return write_outcome({"": plan}, metadata, run, failures)


def write_outcome(
    plans: Mapping[str, Plan], metadata: ResultMetadata, run: RunArguments, failures: Mapping[str, Failure]
) -> SweepOutcome:
    """Write the results file, the report and, if requested, the models of plans whose jobs have been run. Plans are
    given by trial of a study, or as "" for a sweep. Notes silent networks and trainings over budget."""
    results, report, files = join(run.output, "results.parquet"), join(run.output, "report.html"), None
    rows = (
        {**row, f"{AXIS_PREFIX}{TRIAL_AXIS}": label} if label else row
        for label, plan in plans.items()
        for row in point_rows(plan.points, run.store, failures)
    )
    table = AnsweredTable.of(write_results(results, rows, metadata))  # report and terminal ask it the same questions
    write_report(table, report)
    if run.models:
        files = write_models(plans, table, run, failures)
    for note in filter(None, (silent_networks(table), over_budget(table))):
        run.progress.note(note)
    return SweepOutcome(table=table, results=results, report=report, models=files)

"""A study from its specification to trials, results and report."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from codesign.analysis.columns import AXIS_PREFIX
from codesign.analysis.metadata import AxisFacts, ResultMetadata, StudyFacts
from codesign.analysis.table import read_results, write_results
from codesign.errors import InputError
from codesign.exploration.composition import Chosen, load_chosen
from codesign.exploration.executors.base import Executor
from codesign.exploration.library import find_sweep
from codesign.exploration.plan import Plan, build_plan
from codesign.exploration.point_rows import point_row
from codesign.exploration.provenance import describe_sweep
from codesign.exploration.runner import JOB_KINDS, Runner
from codesign.exploration.running import choose_executor
from codesign.exploration.runs.progress import Progress, Search
from codesign.exploration.runs.recorder import recorded_run
from codesign.exploration.spec import SweepSpec
from codesign.exploration.store import Store
from codesign.exploration.study.domains import Value
from codesign.exploration.study.driver import ELAPSED, Driver, Evaluations
from codesign.exploration.study.evaluation import Outcome
from codesign.exploration.study.facts import describe_study, front_numbers, told_states, trial_values
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.exploration.study.storage import StudyPlaces, definition_of, open_study
from codesign.exploration.study.trials_table import write_trials
from codesign.files import Location, join, open_folder
from codesign.workload.spec import WorkloadSpec

if TYPE_CHECKING:
    from optuna.study import Study

    from codesign.exploration.models import ModelFiles
    from codesign.workload.dataset import Workload, WorkloadOutline

__all__ = ["StudyOutcome", "choose_study", "load_study", "run_study"]

TRIAL_AXIS = "trial"
BASELINE = "baseline"


@dataclass(frozen=True, kw_only=True)
class StudyOutcome:
    """What a study left.

    Attributes:
        results: rows of the front's trials and of the baseline on the test split.
        trials: every trial, on the validation split.
        report: the page.
        facts: what was searched and found.
        failed: rows of `results` without a result, and trials that failed.
        models: where they were asked for.
    """

    results: Location
    trials: Location
    report: Location
    facts: StudyFacts
    failed: int
    models: ModelFiles | None = None


def choose_study(
    name_or_path: str | Path, *, dataset: str | None = None, scale: str | None = None
) -> Chosen[StudySpec]:
    """Find, read and check a study file at one of its datasets and scales; what is left out is the first of each.

    Raises:
        InputError: there is no such file, dataset or scale.
        DocumentError: it has mistakes.
    """
    return load_chosen(find_sweep(name_or_path), StudySpec, dataset=dataset, scale=scale)


def load_study(name_or_path: str | Path, *, dataset: str | None = None, scale: str | None = None) -> StudySpec:
    """What a study file says, as `choose_study`."""
    return choose_study(name_or_path, dataset=dataset, scale=scale).spec


def run_study(
    spec: StudySpec,
    *,
    store: Store,
    output: Location,
    storage: str | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    data_root: Path | None = None,
    cache_root: Path | None = None,
    command: str,
    resume: str | None = None,
    models: bool = False,
) -> StudyOutcome:
    """Search until the budget is spent, test the front, and write `results.parquet`, `trials.parquet` and a report.

    Interrupted anywhere and run again, it goes on where it was and ends with the same files.

    Args:
        store: where the results of jobs are kept; shared with sweeps, so that a point which one of them ran is free.
        output: folder for the files, and for the journal of trials.
        storage: URL of another Optuna storage; None for the journal.
        executor: runs the jobs, and is closed at the end; None chooses one.
        progress: is told what happens.
        data_root, cache_root: folders of datasets and of binned events; found by the settings if None.
        command: shell command that reproduces the results, for the report.
        resume: shell command that goes on with this very run, for its record.
        models: whether to write each model that was tested, with its card, too.

    Raises:
        InputError: parts of the file do not fit each other, the baseline lacks an objective, or another process runs
            the study.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    from codesign.exploration.models import write_models
    from codesign.reporting.html import write_report

    progress = progress or Progress()
    open_folder(output).check_writable()
    plans = _Plans(spec=spec, data_root=data_root, cache_root=cache_root)
    baseline_plan = plans.validation({}, None)  # what does not fit together shows before anything is opened
    places = StudyPlaces.of(spec.name, output=output, url=storage)
    definition = definition_of(spec, baseline_plan.workload)
    with (
        open_study(spec, places, definition=definition, on_note=progress.note) as study,
        recorded_run(
            progress,
            kind="study",
            name=spec.name,
            title=spec.title,
            configuration=definition,
            store=store,
            output=output,
            command=resume,
        ) as watched,
    ):
        with executor or _choose_executor(spec, plans, watched) as chosen:
            runner = Runner(
                store=store,
                executor=chosen,
                workload=plans.workload,
                progress=watched,
                resources=spec.resources.by_kind,
                order=tuple(reversed(JOB_KINDS)),  # what a trial still needs goes before the trainings of the next
            )
            evaluations = Evaluations(spec=spec, plan=plans.validation, store=store, runner=runner)
            search = Search(
                trials=spec.budget.trials,
                time_s=spec.budget.time,
                told=told_states(study),
                elapsed_s=float(study.user_attrs.get(ELAPSED, 0.0)),
                executor=chosen.name,
                place=str(places if places.journal is None else places.journal.absolute()),
            )
            watched.study_begins(search)
            baseline = _evaluate_baseline(evaluations)
            Driver(spec, study, evaluations, place=str(places), baseline=baseline, progress=watched).run()
            tested = _test(spec, study, plans, evaluations, models=models)
        facts = describe_study(spec, study, baseline=baseline)
        rows = [
            {**point_row(point, plan.shape, store, runner.failures), f"{AXIS_PREFIX}{TRIAL_AXIS}": label}
            for label, plan in tested.items()
            for point in plan.points
        ]
        metadata = _metadata(spec, plans, baseline_plan, tested, evaluations, command, failed=len(runner.failures))
        results, trials, report = (join(output, name) for name in ("results.parquet", "trials.parquet", "report.html"))
        write_results(results, rows, dataclasses.replace(metadata, study=facts))
        write_trials(trials, spec.objectives, facts)
        table = read_results(results)
        write_report(table, report)
        reasons = {key: str(failure) for key, failure in runner.failures.items()}
        written = (
            write_models(tested, table, output=output, store=store, workload=plans.workload, reasons=reasons)
            if models
            else None
        )
        failed_rows = sum(row["status"] == "failed" for row in rows)
        failed_trials = sum(trial.state == "failed" for trial in facts.trials)
        return StudyOutcome(
            results=results,
            trials=trials,
            report=report,
            facts=facts,
            failed=failed_rows + failed_trials,
            models=written,
        )


@dataclass(kw_only=True)
class _Plans:
    """Design points of trials, and the workloads that they need, each loaded once and only if somebody asks."""

    spec: StudySpec
    data_root: Path | None
    cache_root: Path | None
    _specs: dict[str, WorkloadSpec] = field(default_factory=dict)
    _outlines: dict[WorkloadSpec, WorkloadOutline] = field(default_factory=dict)
    _loaded: dict[str, Workload] = field(default_factory=dict)

    def validation(self, values: Mapping[str, Value], level: FidelityLevel | None) -> Plan:
        """A trial at a level, on the validation split. Raises InputError for values that do not go together."""
        return self._plan(self.spec.trial_sweep(values, level=level), with_float_weights=False)

    def test(self, values: Mapping[str, Value]) -> Plan:
        """A trial at the full level, on the test split."""
        return self._plan(self.spec.trial_sweep(values, split="test"), with_float_weights=True)

    def workload(self, fingerprint: str) -> Workload:
        """The workload of that fingerprint."""
        from codesign.workload.dataset import load_workload

        if fingerprint not in self._loaded:
            self._loaded[fingerprint] = load_workload(
                self._specs[fingerprint], data_root=self.data_root, cache_root=self.cache_root
            )
        return self._loaded[fingerprint]

    def _plan(self, sweep: SweepSpec, *, with_float_weights: bool) -> Plan:
        from codesign.workload.dataset import outline_workload

        if sweep.workload not in self._outlines:
            outline = outline_workload(sweep.workload, data_root=self.data_root, cache_root=self.cache_root)
            self._outlines[sweep.workload] = outline
            self._specs[outline.fingerprint] = sweep.workload
        return build_plan(sweep, self._outlines[sweep.workload], with_float_weights=with_float_weights)


def _evaluate_baseline(evaluations: Evaluations) -> Outcome:
    """The file as it stands, on the validation split.

    Raises:
        InputError: it fails, or its chip does not give all objectives, so that the study asks for what it cannot have.
    """
    outcome = evaluations.begin(BASELINE, {}, None)
    if outcome is not None:
        return outcome  # it does not fit, or is too large: whether something else is not is worth a search
    while outcome is None:
        evaluations.runner.step()
        outcome = evaluations.outcome(BASELINE)
    if not outcome.values:
        raise InputError(f"the baseline, which is the file as it stands, has no result: {outcome.reason}")
    return outcome


def _test(spec: StudySpec, study: Study, plans: _Plans, evaluations: Evaluations, *, models: bool) -> dict[str, Plan]:
    """Run the front's trials and the baseline on the test split; their plans, by label."""
    values = trial_values(study)
    tested = {BASELINE: plans.test({})}
    tested.update({str(number): plans.test(values[number]) for number in front_numbers(spec, study)})
    for label, plan in tested.items():
        evaluations.add(plan, f"test of {label if label == BASELINE else f'trial {label}'}", models=models)
    evaluations.runner.run()
    return tested


def _metadata(
    spec: StudySpec,
    plans: _Plans,
    baseline: Plan,
    tested: Mapping[str, Plan],
    evaluations: Evaluations,
    command: str,
    *,
    failed: int,
) -> ResultMetadata:
    points = tuple(point for one in tested.values() for point in one.points)
    plan = dataclasses.replace(baseline, spec=spec, points=points)
    metadata = describe_sweep(
        plan, evaluations.tallies, plans.workload(baseline.workload), command=command, failed=failed
    )
    return dataclasses.replace(metadata, axes=(AxisFacts(name=TRIAL_AXIS),))


def _choose_executor(spec: StudySpec, plans: _Plans, progress: Progress) -> Executor:
    """One for trainings of trials in flight, and of their seeds."""
    training = plans.workload(plans.validation({}, None).workload).train
    seeds = len(spec.seeds.training)
    longest = max(recipe.epochs for recipe in spec.recipes.values())
    return choose_executor(
        epochs=math.inf if spec.budget.trials is None else longest * seeds * spec.budget.trials,
        at_once=spec.in_flight * spec.cohort * seeds,
        samples=len(training) * training.timesteps,
        on_note=progress.note,
    )

"""A study from its specification to trials, results and report."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from codesign.analysis.columns import AXIS_PREFIX
from codesign.analysis.metadata import AxisFacts, ResultMetadata, StudyFacts
from codesign.analysis.table import read_results, write_results
from codesign.errors import InputError
from codesign.exploration.executors.base import Executor
from codesign.exploration.library import choose_sweep
from codesign.exploration.plan import Plan, build_plan
from codesign.exploration.point_rows import point_row
from codesign.exploration.provenance import describe_sweep
from codesign.exploration.runner import JOB_KINDS, Runner
from codesign.exploration.running import choose_executor
from codesign.exploration.runs.progress import Progress, Search
from codesign.exploration.runs.recorder import recorded_run
from codesign.exploration.store import Store
from codesign.exploration.study.domains import Value
from codesign.exploration.study.driver import ELAPSED, Driver
from codesign.exploration.study.evaluation import Evaluations, Outcome
from codesign.exploration.study.facts import describe_study
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.exploration.study.storage import StudyPlaces, definition_of, open_study
from codesign.exploration.study.trials import front_numbers, told_states, told_trials, write_trials
from codesign.exploration.sweep import Commands
from codesign.exploration.workloads import Workloads
from codesign.files import Location, join, open_folder

if TYPE_CHECKING:
    from optuna.study import Study

    from codesign.exploration.models import ModelFiles

__all__ = ["StudyOutcome", "load_study", "run_study"]

_TRIAL_AXIS = "trial"
_BASELINE = "baseline"


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


def load_study(name_or_path: str | Path, *, dataset: str | None = None, scale: str | None = None) -> StudySpec:
    """What a study file says, as `choose_sweep`."""
    return choose_sweep(name_or_path, StudySpec, dataset=dataset, scale=scale).spec


def run_study(
    spec: StudySpec,
    *,
    store: Store,
    output: Location | StudyPlaces,
    executor: Executor | None = None,
    progress: Progress | None = None,
    workloads: Workloads | None = None,
    commands: Commands | None = None,
    models: bool = False,
) -> StudyOutcome:
    """Search until the budget is spent, test the front, and write `results.parquet`, `trials.parquet` and a report.

    Interrupted anywhere and run again, it goes on where it was and ends with the same files.

    Args:
        store: where the results of jobs are kept; shared with sweeps, so that a point which one of them ran is free.
        output: folder for the files, and for the journal of trials; or that and where else the trials are.
        executor: runs the jobs, and is closed at the end; None chooses one.
        progress: is told what happens.
        workloads, commands: what reads the data, with folders found by the settings if None; and commands to show.
        models: whether to write each model that was tested, with its card, too.

    Raises:
        InputError: parts of the file do not fit each other, the baseline lacks an objective, or another process runs
            the study.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    progress, commands = progress or Progress(), commands or Commands()
    places = output if isinstance(output, StudyPlaces) else StudyPlaces(name=spec.name, output=output)
    open_folder(places.output).check_writable()
    plans = _Plans(spec=spec, workloads=workloads or Workloads())
    baseline = plans.of({})  # what does not fit together shows before anything is opened
    definition = definition_of(spec, baseline.workload)
    with (
        open_study(spec, places, definition=definition, on_note=progress.note) as study,
        recorded_run(
            progress,
            kind="study",
            name=spec.name,
            title=spec.title,
            configuration=definition,
            store=store,
            output=places.output,
            command=commands.resume,
        ) as recorded,
    ):
        with executor or _choose_executor(spec, plans, recorded) as chosen:
            evaluations = _evaluations(plans, store, chosen, recorded)
            search = _Search(spec=spec, study=study, plans=plans, evaluations=evaluations)
            search.run(chosen.name, str(places), recorded)
            search.test(models=models)
        return search.write(places.output, commands.again or f"codesign study {shlex.quote(spec.name)}", models=models)


@dataclass(kw_only=True)
class _Search:
    """A study from its first trial to its report.

    Attributes:
        baseline: the outcome of the file as it stands.
        tested: plans on the test split, by label: those of the baseline and of the front's trials.
    """

    spec: StudySpec
    study: Study
    plans: _Plans
    evaluations: Evaluations
    baseline: Outcome = field(init=False)
    tested: dict[str, Plan] = field(init=False)

    def run(self, executor: str, place: str, progress: Progress) -> None:
        """Evaluate the baseline and propose trials until the budget is spent.

        Raises:
            InputError: the baseline fails, or its chip does not give all objectives: the study asks for what it cannot
                have.
        """
        budget = self.spec.budget
        progress.study_begins(
            Search(
                trials=budget.trials,
                time_s=budget.time,
                told=told_states(self.study),
                elapsed_s=float(self.study.user_attrs.get(ELAPSED, 0.0)),
                executor=executor,
                place=place,
            )
        )
        runs = self.evaluations.begin(_BASELINE, {}, None)
        while (outcome := self.evaluations.outcome(_BASELINE)) is None:
            self.evaluations.runner.step()
        if runs and not outcome.values:  # one that does not fit, or is too large, is not run, and others may do
            raise InputError(f"the baseline, which is the file as it stands, has no result: {outcome.reason}")
        self.baseline = outcome
        Driver(self.spec, self.study, self.evaluations, place=place, baseline=outcome, progress=progress).run()

    def test(self, *, models: bool) -> None:
        """Run the front's trials and the baseline on the test split."""
        trials = told_trials(self.study)
        self.tested = {
            _BASELINE: self.plans.of({}, split="test"),
            **{
                str(number): self.plans.of(trials[number].values, split="test")
                for number in front_numbers(self.spec, trials)
            },
        }
        for label, plan in self.tested.items():
            self.evaluations.add(plan, f"test of {label if label == _BASELINE else f'trial {label}'}", models=models)
        self.evaluations.runner.run()

    def write(self, output: Location, command: str, *, models: bool) -> StudyOutcome:
        """Results, trials, report and models."""
        from codesign.exploration.models import write_models
        from codesign.reporting.html import write_report

        store, failures = self.evaluations.store, self.evaluations.runner.failures
        facts = describe_study(self.spec, self.study, baseline=self.baseline)
        rows = [
            {**point_row(point, plan.shape, store, failures), f"{AXIS_PREFIX}{_TRIAL_AXIS}": label}
            for label, plan in self.tested.items()
            for point in plan.points
        ]
        results, trials, report = (join(output, name) for name in ("results.parquet", "trials.parquet", "report.html"))
        write_results(results, rows, self._metadata(facts, command))
        write_trials(trials, self.spec, facts)
        table = read_results(results)
        write_report(table, report)
        written = None
        if models:
            load = self.plans.workloads.load
            written = write_models(self.tested, table, output=output, store=store, workload=load, reasons=failures)
        failed = [row["status"] for row in rows] + [trial.state for trial in facts.trials]
        return StudyOutcome(
            results=results, trials=trials, report=report, facts=facts, failed=failed.count("failed"), models=written
        )

    def _metadata(self, facts: StudyFacts, command: str) -> ResultMetadata:
        plans = list(self.tested.values())
        points = tuple(point for plan in plans for point in plan.points)
        plan = dataclasses.replace(plans[0], spec=self.spec, points=points)
        metadata = describe_sweep(
            plan,
            self.evaluations.works,
            self.plans.workloads.load(plan.workload),
            command=command,
            failed=len(self.evaluations.runner.failures),
        )
        return dataclasses.replace(metadata, axes=(AxisFacts(name=_TRIAL_AXIS),), study=facts)


@dataclass(frozen=True, kw_only=True)
class _Plans:
    """Design points of trials."""

    spec: StudySpec
    workloads: Workloads

    def of(
        self,
        values: Mapping[str, Value],
        level: FidelityLevel | None = None,
        *,
        split: Literal["validation", "test"] = "validation",
    ) -> Plan:
        """A trial at a level, None for the full one. Raises InputError for values that do not go together."""
        sweep = self.spec.trial_sweep(values, level=level, split=split)
        outline = self.workloads.outline(sweep.workload)
        return build_plan(sweep, outline, with_float_weights=split == "test")


def _evaluations(plans: _Plans, store: Store, executor: Executor, progress: Progress) -> Evaluations:
    runner = Runner(
        store=store,
        executor=executor,
        workload=plans.workloads.load,
        progress=progress,
        resources=plans.spec.resources.by_kind,
        order=tuple(reversed(JOB_KINDS)),  # what a trial still needs goes before the trainings of the next
    )
    return Evaluations(spec=plans.spec, plan=plans.of, store=store, runner=runner)


def _choose_executor(spec: StudySpec, plans: _Plans, progress: Progress) -> Executor:
    """One for trainings of trials in flight, and of their seeds."""
    training = plans.workloads.load(plans.of({}).workload).train
    seeds = len(spec.seeds.training)
    longest = max(recipe.epochs for recipe in spec.recipes.values())
    return choose_executor(
        epochs=math.inf if spec.budget.trials is None else longest * seeds * spec.budget.trials,
        at_once=spec.in_flight * spec.cohort * seeds,
        samples=len(training) * training.timesteps,
        on_note=progress.note,
    )

"""A study from its specification to trials, results and report."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

from optuna.study import Study

from codesign.analysis.results.columns import BASELINE, TRIAL_AXIS
from codesign.analysis.results.metadata import AxisFacts, StudyFacts, TrialFacts
from codesign.analysis.results.study import trial_name
from codesign.exploration.definition.library import choose_sweep
from codesign.exploration.executors.base import Executor
from codesign.exploration.plan import Plan
from codesign.exploration.provenance import describe_sweep
from codesign.exploration.runner import Runner
from codesign.exploration.running import RunArguments, choose_executor, epoch_s, show_notes
from codesign.exploration.runs.progress import Progress
from codesign.exploration.runs.record import check_output, recorded
from codesign.exploration.study.driver import Driver
from codesign.exploration.study.evaluation import Evaluations, trial_plan
from codesign.exploration.study.facts import describe_study, write_trials
from codesign.exploration.study.outcomes import front_of, reported_trials
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.study.storage import Trials, definition_of, open_study
from codesign.exploration.sweep import SweepOutcome, write_outcome
from codesign.exploration.workloads import Workloads
from codesign.files import Location, join
from codesign.files.once import reading_once
from codesign.simulation.event.ahead import compiling_ahead


@dataclass(frozen=True, kw_only=True)
class StudyOutcome(SweepOutcome):
    """The outcome of a study: results of the front's trials and of the baseline on the test split, a file of all trials
    on the validation split, and facts about the search."""

    trials: Location
    facts: StudyFacts

    @property
    def failed(self) -> int:
        """Number of rows without a result and of trials that failed."""
        return super().failed + self._failed_trials

    @property
    def _failed_trials(self) -> int:
        return sum(trial.state == "failed" for trial in self.facts.trials)

    @property
    def failures(self) -> str:
        again = "; failed trials are not run again: to retry them, move the journal away or give another storage"
        return f"failed trials and tested design points: {self.failed}{again if self._failed_trials else ''}"


def load_study(name_or_path: str | Path, *, dataset: str | None = None, scale: str | None = None) -> StudySpec:
    """Load a study file at one of its datasets and scales, by default the first of each.

    Args:
        name_or_path: path of a file, or name of a shipped one.

    Raises:
        InputError: the file, dataset or scale does not exist.
        DocumentError: the file has mistakes.
    """
    return choose_sweep(name_or_path, StudySpec, dataset=dataset, scale=scale).spec


@reading_once()
def plan_baseline(spec: StudySpec, *, data_root: str | Path | None = None) -> Plan:
    """The design points of the baseline."""
    return trial_plan(spec, Workloads(data_root=data_root), {})


@reading_once()
def run_study(spec: StudySpec, run: RunArguments) -> StudyOutcome:
    """Search until the budget is spent, test the front, and write `results.parquet`, `trials.parquet` and a report, as
    `codesign.run_study` says."""
    output, progress, workloads = run.output, run.progress, run.workloads
    kept = Trials(output, run.storage)
    check_output(output, "study")
    baseline = trial_plan(spec, workloads, {})  # finds mismatches before anything is opened
    definition = definition_of(spec, baseline.workload)
    with (
        open_study(spec, kept, definition=definition, on_note=progress.note) as study,
        recorded(run, spec, kind="study", configuration=definition),
    ):
        show_notes(baseline, run)
        executor = run.executor or _choose_executor(spec, workloads, baseline, progress)
        with compiling_ahead(progress.note), executor as chosen:
            runner = Runner(
                store=run.store,
                executor=chosen,
                workload=workloads.load,
                progress=progress,
                spec=spec,
                order=("price", "execute", "train"),  # finish a trial before the trainings of the next
            )
            evaluations = Evaluations(spec=spec, workloads=workloads, runner=runner)
            outcome = Driver(study, evaluations, place=str(kept)).run()
            tested = _test(study, evaluations, models=run.models)
        facts = with_tests(describe_study(spec, study, baseline=outcome), tested, evaluations)
        return _write(evaluations, tested, facts, run)


def _test(study: Study, evaluations: Evaluations, *, models: bool) -> dict[str, Plan]:
    """Run the front's trials and the baseline on the test split, and return their plans by label."""
    spec, trials = evaluations.spec, reported_trials(study)
    values = {BASELINE: {}, **{str(number): trials[number].values for number in sorted(front_of(spec, trials))}}
    plans = {label: trial_plan(spec, evaluations.workloads, of, split="test") for label, of in values.items()}
    for label, plan in plans.items():
        evaluations.add(plan, f"test of {label if label == BASELINE else f'trial {label}'}", models=models)
    evaluations.runner.run()
    return plans


def with_tests(facts: StudyFacts, tested: dict[str, Plan], evaluations: Evaluations) -> StudyFacts:
    """Facts that also say which constraints are violated on the test split."""

    def told(trial: TrialFacts) -> TrialFacts:
        plan = tested.get(trial_name(trial))
        found = None if plan is None else evaluations.outcome(plan)
        if found is None or not found.violations:
            return trial
        return dataclasses.replace(trial, reason_on_test=found.reason)

    baseline = None if facts.baseline is None else told(facts.baseline)
    return dataclasses.replace(facts, baseline=baseline, trials=tuple(map(told, facts.trials)))


def _write(evaluations: Evaluations, tested: dict[str, Plan], facts: StudyFacts, run: RunArguments) -> StudyOutcome:
    spec, failures = evaluations.spec, evaluations.runner.failures
    metadata = describe_sweep(Plan.together(spec, tested.values()), evaluations.works, run, failed=len(failures))
    metadata = dataclasses.replace(metadata, axes=(AxisFacts(name=TRIAL_AXIS),), study=facts)
    trials = join(run.output, "trials.parquet")
    write_trials(trials, spec, facts)
    outcome = write_outcome(tested, metadata, run, failures)
    return StudyOutcome(**vars(outcome), trials=trials, facts=facts)


def _choose_executor(spec: StudySpec, workloads: Workloads, baseline: Plan, progress: Progress) -> Executor:
    """Choose an executor for the trainings of all trials in flight and their seeds."""
    seeds = len(spec.seeds.training)
    longest = max(recipe.epochs for recipe in spec.recipes.values())
    trials = math.inf if spec.budget.trials is None else spec.budget.trials
    trained_s = longest * seeds * trials * epoch_s(workloads.load(baseline.workload))
    return choose_executor([(trained_s, spec.in_flight * spec.cohort * seeds)], on_note=progress.note)

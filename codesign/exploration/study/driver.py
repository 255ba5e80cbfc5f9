"""The search loop of a study: trials are proposed, evaluated cohort by cohort and level by level, and reported in
order. The baseline is evaluated at the same time as the first trials.

A cohort is proposed when the one `in_flight` cohorts before it has been reported to Optuna. So each proposal depends on
the seed and on the trials reported so far, but not on the speed of jobs, the number of workers, or interruptions.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from codesign.analysis.results.beyond_chip import DROPS
from codesign.analysis.results.columns import BASELINE
from codesign.errors import InputError, StoreError
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.plan import Plan
from codesign.exploration.runs.progress import TrialCounts
from codesign.exploration.study.evaluation import Evaluations
from codesign.exploration.study.outcomes import (
    TRIAL,
    Outcome,
    best_of,
    ended_text,
    front_lines,
    reported_trials,
    volume_text,
)
from codesign.exploration.study.samplers import SeededSampler
from codesign.files.folder import reason_of
from codesign.terminal_text import escaped

ELAPSED = "codesign_elapsed_s"
"""User attribute of a study: time spent searching, including earlier runs."""


@dataclass(kw_only=True)
class _Member:
    """A trial of a cohort: Optuna's, None if an earlier run has reported it, with the values of its parameters, and its
    outcome once it has ended."""

    number: int
    trial: Trial | None
    values: Mapping[str, Value]
    outcome: Outcome | None = None


@dataclass(frozen=True, kw_only=True)
class _Cohort:
    """Trials that compete, and their evaluation, which yields while jobs run."""

    members: Sequence[_Member]
    evaluation: Iterator[None]


class Driver:
    """Runs a study's search until its budget is spent. Raises StoreError if `place`, where trials are stored, cannot be
    written, and InputError if another process works on the same trials."""

    def __init__(self, study: Study, evaluations: Evaluations, *, place: str) -> None:
        spec = evaluations.spec
        self._spec, self._study, self._evaluations, self._space = spec, study, evaluations, spec.search_space
        self._place, self._progress = place, evaluations.runner.progress
        self._cohorts: deque[_Cohort] = deque()
        self._asked = 0
        self._elapsed_before = float(study.user_attrs.get(ELAPSED, 0.0))
        study.sampler = SeededSampler(spec.sampler.name, seed=spec.sampler.seed, options=spec.sampler.options)

    @property
    def elapsed_s(self) -> float:
        return self._elapsed_before + time.monotonic() - self._start

    def run(self) -> Outcome:
        """Search, and return the baseline's outcome. A search that is interrupted and run again ends as if it had not
        been."""
        size, budget, trials = self._spec.cohort, self._spec.budget, self._study.get_trials(deepcopy=False)
        told: Counter[str] = Counter(trial.state for trial in reported_trials(self._study).values())
        search = TrialCounts(trials=budget.trials, time_s=budget.time, told=dict(told), place=escaped(self._place))
        executor = self._evaluations.runner.executor.name
        self._progress.study_begins(search, elapsed_s=self._elapsed_before, executor=executor)
        self._check_own(trials)
        self._asked = len(trials)
        baseline, begun = None, self._evaluations.begin(BASELINE, {}, None)
        for first in range(0, len(trials), size):  # continue unreported trials of an earlier run
            if not all(trial.state.is_finished() for trial in trials[first : first + size]):
                self._begin(first)
        self._start = time.monotonic()
        while True:
            while len(self._cohorts) < self._spec.in_flight and self._may_ask():
                self._begin(self._asked - self._asked % size)  # possibly one that an earlier budget cut short
            for cohort in self._cohorts:
                next(cohort.evaluation, None)
            if baseline is None:
                if (baseline := self._evaluations.outcome(begun)) is not None:
                    _check_baseline(baseline, runs=isinstance(begun, Plan))
                    self._show_front(baseline)
            elif not self._cohorts:
                return baseline
            elif all(member.outcome is not None for member in self._cohorts[0].members):
                self._tell(self._cohorts.popleft(), baseline)
                continue  # propose again before reporting another
            self._evaluations.runner.step()

    # proposing -------------------------------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        trials, time_s = self._spec.budget.trials, self._spec.budget.time
        return (trials is None or self._asked < trials) and (time_s is None or self.elapsed_s < time_s)

    def _begin(self, first: int) -> None:
        """Begin a cohort with the trials that it already has, and proposals for the others."""
        most = self._spec.budget.trials
        end = first + self._spec.cohort if most is None else min(first + self._spec.cohort, max(most, self._asked))
        reported, members = reported_trials(self._study), list[_Member]()
        for number in range(first, end):
            if (known := reported.get(number)) is None:
                members.append(self._proposed(number))
            else:  # competes, by its results in the store, with trials of its cohort that were not reported
                members.append(_Member(number=number, trial=None, values=known.values))
        self._cohorts.append(_Cohort(members=members, evaluation=self._evaluated(members)))

    def _proposed(self, number: int) -> _Member:
        with self._storing():
            trial = self._trial(number)
            values = self._space.draw(trial)
        self._progress.trial_began()
        return _Member(number=number, trial=trial, values=values)

    def _trial(self, number: int) -> Trial:
        """A trial to evaluate: new, or of an earlier run, which may have ended during a draw."""
        if number < self._asked:
            return Trial(self._study, self._study.get_trials(deepcopy=False)[number]._trial_id)
        trial = self._study.ask()
        if trial.number != number:
            raise InputError(f"{self._place}: another process adds trials; only one may search at a time")
        self._check_own(self._study.get_trials(deepcopy=False)[number:])
        self._asked = number + 1
        return trial

    def _check_own(self, trials: Sequence[FrozenTrial]) -> None:
        """Refuse trials whose values this study did not draw: they were added with Optuna's `enqueue_trial`."""
        if any("fixed_params" in trial.system_attrs for trial in trials):
            raise InputError(
                f"{self._place}: holds trials that were enqueued, but a study draws all of its trials; "
                "choose another output or storage: finished jobs are kept"
            )

    # evaluating ------------------------------------------------------------------------------------------------------

    def _evaluated(self, members: Sequence[_Member]) -> Iterator[None]:
        """Evaluate a cohort level by level, at each level the best trials of the previous one."""
        left = {member.number: member for member in members}
        for level, fidelity in enumerate(self._spec.levels):
            suffix = f" level {level}" if self._spec.fidelity else ""
            begun = {
                number: self._evaluations.begin(f"trial {number}{suffix}", member.values, fidelity)
                for number, member in left.items()
            }
            outcomes: dict[int, Outcome] = {}
            while len(outcomes) < len(begun):
                for number in [number for number in begun if number not in outcomes]:
                    if (outcome := self._evaluations.outcome(begun[number])) is not None:
                        outcomes[number] = replace(outcome, level=level, values=left[number].values)
                if len(outcomes) < len(begun):
                    yield
            best: list[int] = []
            if fidelity is not None and self._spec.fidelity is not None:
                best = best_of(self._spec, outcomes, self._spec.fidelity.kept_of(len(outcomes)))
            for number in outcomes.keys() - set(best):
                outcome = outcomes[number]
                dropped = fidelity is not None and len(outcome.objectives) > 0
                left[number].outcome = replace(outcome, state="dropped") if dropped else outcome
            left = {number: left[number] for number in best}

    # reporting -------------------------------------------------------------------------------------------------------

    def _tell(self, cohort: _Cohort, baseline: Outcome) -> None:
        for member in cohort.members:
            if member.trial is not None and member.outcome is not None:
                with self._storing():
                    self._tell_trial(member.trial, member.outcome)
                self._progress.trial_ended(ended_text(self._spec, member.number, member.outcome), member.outcome.state)
        self._show_front(baseline)
        with self._storing():
            self._study.set_user_attr(ELAPSED, round(self.elapsed_s, 3))

    def _tell_trial(self, trial: Trial, outcome: Outcome) -> None:
        trial.set_user_attr(TRIAL, asdict(outcome))
        if outcome.state == "failed":
            self._study.tell(trial, state=TrialState.FAIL)
            return
        # A trial that was dropped has values of a cheaper evaluation. For Optuna it violates a constraint by the number
        # of levels that it lacks: it is worse than all trials that got further, and never on Optuna's front.
        unfit = not (outcome.objectives or outcome.violations)
        short = len(self._spec.levels) - 1 - outcome.level
        violations: dict[str, float] = {"fidelity levels short": short, "does not fit": unfit}
        for constraint in self._spec.constraints:
            violations[constraint.summary] = outcome.violations.get(constraint.summary, 0)
        for name, violation in violations.items():
            if name not in trial.constraints:  # a killed run may have set it; Optuna warns of a second time
                trial.set_constraint(name, float(violation))
        self._study.tell(trial, list(outcome.objectives or self._spec.references))

    def _show_front(self, baseline: Outcome) -> None:
        trials = reported_trials(self._study)
        lines = front_lines(self._spec, baseline, trials)
        self._progress.front(lines, volume_text(self._spec, baseline, trials))

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            name = self._spec.sampler.name
            raise InputError(f"sampler: '{name}' cannot propose a trial with these options: {error}") from error
        except OSError as error:
            raise StoreError(f"{self._place}: cannot be written: {reason_of(error)}; finished jobs are kept") from error
        except UpdateFinishedTrialError as error:
            raise InputError(f"{self._place}: another process ends trials; only one may search at a time") from error


def _check_baseline(baseline: Outcome, *, runs: bool) -> None:
    """Check that a baseline that `runs`, unlike one too large for its chip, has a result. Other trials may be feasible
    where the baseline is not."""
    if runs and not baseline.objectives and baseline.reason != DROPS:
        raise InputError(f"the baseline, the file without its space, has no result: {baseline.reason}")

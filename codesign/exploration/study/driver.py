"""Driving a search: trials are proposed, evaluated cohort by cohort and level by level, and told in order.

A cohort is proposed when the one `in_flight` before it has been told. So each proposal depends on the seed and on which
trials have been told, and not on how fast jobs were, on how many workers, or after how many interruptions.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from codesign.errors import InputError, StoreError
from codesign.exploration.plan import Plan
from codesign.exploration.point_rows import point_row
from codesign.exploration.runner import JOB_KINDS, Runner
from codesign.exploration.runs.progress import Progress
from codesign.exploration.store import Store
from codesign.exploration.study.domains import Value
from codesign.exploration.study.evaluation import Outcome, best_of, constraint_text, evaluate_rows, known_outcome
from codesign.exploration.study.found import TRIAL, Found, final_state
from codesign.exploration.study.samplers import make_sampler
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.exploration.work import JobTally, Work, find_work

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["ELAPSED", "Driver", "Evaluations"]

ELAPSED = "codesign_elapsed_s"
"""User attribute of a study: time at work, of earlier runs too."""

Planner = Callable[[Mapping[str, Value], "FidelityLevel | None"], Plan]


@dataclass(kw_only=True)
class Evaluations:
    """Evaluates trials through a runner.

    Args:
        plan: the design points of a trial at a level, on the validation split.
    """

    spec: StudySpec
    plan: Planner
    store: Store
    runner: Runner
    _works: list[Work] = field(default_factory=list)
    _under_way: dict[str, tuple[Plan, set[str]]] = field(default_factory=dict)

    def begin(self, name: str, values: Mapping[str, Value], level: FidelityLevel | None) -> Outcome | None:
        """Start a trial at a level; its outcome where nothing need be run for it."""
        try:
            plan = self.plan(values, level)
        except InputError as error:  # values that do not go together, which no single parameter shows
            return Outcome(state="infeasible", reason=str(error))
        known = known_outcome(self.spec, plan)
        if known is not None:
            return known
        self.add(plan, name)
        keys = {key for point in plan.points if point.jobs is not None for key in point.jobs.keys}
        self._under_way[name] = (plan, keys)
        return None

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of a trial that was begun; None while it is under way."""
        plan, keys = self._under_way[name]
        keys -= {key for key in keys if not self.runner.unfinished(key)}
        if keys:
            return None
        del self._under_way[name]
        rows = [point_row(point, plan.shape, self.store, self.runner.failures) for point in plan.points]
        return evaluate_rows(self.spec, rows)

    def add(self, plan: Plan, name: str, *, models: bool = False) -> None:
        """Have everything run that a plan needs and that is not in the store; `models` as in `find_work`."""
        work = find_work(plan, self.store, models=models)
        self._works.append(work)
        labels = {key: f"{name}: {label}" for key, label in work.labels.items()}
        self.runner.add(replace(work, labels=labels))

    @property
    def tallies(self) -> dict[str, JobTally]:
        """Jobs by kind, of everything that was added."""
        return {
            kind: JobTally(
                to_run=sum(getattr(work, kind).to_run for work in self._works),
                in_store=sum(getattr(work, kind).in_store for work in self._works),
            )
            for kind in JOB_KINDS
        }


@dataclass(kw_only=True)
class _Candidate:
    trial: Trial | None  # None where it has been told
    values: dict[str, Value]


@dataclass(kw_only=True)
class _Cohort:
    """Trials that compete: how far they are.

    Attributes:
        level: at which those still in it are.
        evaluating: numbers of those whose evaluation at the level is under way.
        outcomes: of those still in it, at the level.
        final: (level, outcome) of those that are not.
    """

    candidates: dict[int, _Candidate]
    level: int = 0
    evaluating: set[int] = field(default_factory=set)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    final: dict[int, tuple[int, Outcome]] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return len(self.final) == len(self.candidates)


class Driver:
    """Runs a study's search until its budget is spent.

    Args:
        place: of the study's trials, for messages.

    Raises:
        StoreError: that place cannot be written.
        InputError: somebody else works on the same trials.
    """

    def __init__(
        self,
        spec: StudySpec,
        study: Study,
        evaluations: Evaluations,
        *,
        place: str,
        baseline: Outcome,
        progress: Progress,
    ) -> None:
        self._spec = spec
        self._study = study
        self._evaluations = evaluations
        self._place = place
        self._progress = progress
        self._found = Found(spec, baseline)
        self._levels = spec.levels
        self._cohorts: deque[_Cohort] = deque()
        self._asked = 0
        self._start = time.monotonic()
        self._elapsed_before = float(study.user_attrs.get(ELAPSED, 0.0))

    @property
    def elapsed_s(self) -> float:
        """Time at work, of earlier runs too."""
        return self._elapsed_before + time.monotonic() - self._start

    def run(self) -> None:
        """Search. Interrupted anywhere and run again, it ends as if it had not been."""
        self._take_up()
        while True:
            while len(self._cohorts) < self._spec.in_flight and self._may_ask():
                self._ask()
            if not self._cohorts:
                return
            moved = [self._advance(cohort) for cohort in self._cohorts]
            told = False
            while self._cohorts and self._cohorts[0].ended:
                self._tell(self._cohorts.popleft())
                told = True
                break  # before another is told, one more may be asked
            if not told and not any(moved):
                self._evaluations.runner.step()

    def _take_up(self) -> None:
        """Cohorts of an earlier run that have not been told: their trials go on."""
        trials = self._study.get_trials(deepcopy=False)
        self._asked = len(trials)
        self._found.take_up(trials)
        self._show_front()
        size = self._spec.cohort
        for first in range(0, len(trials), size):
            members = trials[first : first + size]
            if all(trial.state.is_finished() for trial in members):
                continue
            numbers = [trial.number for trial in members]
            self._start_cohort({number: self._resumed(number) for number in numbers})
            # A cohort that was being asked for is completed with the very trials that it would have had.
            missing = min(size, self._most_trials() - first) - len(members)
            if missing > 0 and first + size > len(trials):
                self._ask_into(self._cohorts[-1], missing)

    def _resumed(self, number: int) -> _Candidate:
        import optuna

        frozen = self._study.get_trials(deepcopy=False)[number]
        if frozen.state.is_finished():
            if TRIAL not in frozen.user_attrs:
                raise InputError(f"{self._place}: trial {number} was ended by somebody else; choose another --output")
            return _Candidate(trial=None, values=frozen.user_attrs[TRIAL]["values"])
        values = self._drawn(frozen)
        self._study.sampler = self._sampler(number)
        with self._storing():
            trial = optuna.trial.Trial(self._study, frozen._trial_id)
            return _Candidate(trial=trial, values=self._draw(trial) if values is None else values)

    def _drawn(self, frozen: FrozenTrial) -> dict[str, Value] | None:
        """Values of a trial; None where its process ended in the middle of drawing them."""
        import optuna

        try:
            return self._spec.search_space.draw(optuna.trial.FixedTrial(frozen.params))
        except ValueError:
            return None

    def _draw(self, trial: Trial) -> dict[str, Value]:
        """Values for a trial that has the study's sampler for itself."""
        together = trial.relative_params

        def before(path: str) -> None:
            if path not in together:
                self._study.sampler = self._sampler(trial.number, path)

        return self._spec.search_space.draw(trial, before=before)

    def _most_trials(self) -> int:
        return self._spec.budget.trials or 10**9

    def _may_ask(self) -> bool:
        if self._asked >= self._most_trials():
            return False
        limit_s = self._spec.budget.time
        return limit_s is None or self.elapsed_s < limit_s

    def _ask(self) -> None:
        """Propose a cohort, or what is missing in one that an earlier budget cut short."""
        size = self._spec.cohort
        first = self._asked - self._asked % size
        cohort = self._start_cohort({number: self._resumed(number) for number in range(first, self._asked)})
        self._ask_into(cohort, min(first + size, self._most_trials()) - self._asked)

    def _ask_into(self, cohort: _Cohort, count: int) -> None:
        for _ in range(count):
            number = self._asked
            self._study.sampler = self._sampler(number)
            with self._storing():
                trial = self._study.ask()
                if trial.number != number:
                    raise InputError(f"{self._place}: another process adds trials; one may search at a time")
                self._asked += 1
                cohort.candidates[number] = _Candidate(trial=trial, values=self._draw(trial))
            self._begin(cohort, number)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError

        try:
            yield
        except UpdateFinishedTrialError as error:
            raise InputError(f"{self._place}: another process ends trials; one may search at a time") from error
        except (OSError, StorageInternalError) as error:
            reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [""])[0]
            raise StoreError(f"{self._place}: cannot be written: {reason}; finished jobs are kept") from error

    def _sampler(self, number: int, parameter: str = "") -> Any:
        entry = self._spec.sampler
        try:
            return make_sampler(entry.name, seed=entry.seed, number=number, options=entry.options, parameter=parameter)
        except (TypeError, ValueError) as error:
            raise InputError(f"sampler.options: {error}") from None

    def _start_cohort(self, candidates: dict[int, _Candidate]) -> _Cohort:
        cohort = _Cohort(candidates=candidates)
        self._cohorts.append(cohort)
        for number in candidates:
            self._begin(cohort, number)
        return cohort

    def _begin(self, cohort: _Cohort, number: int) -> None:
        values, level = cohort.candidates[number].values, self._levels[cohort.level]
        if cohort.level == 0 and cohort.candidates[number].trial is not None:
            self._progress.trial_began(number)
        known = self._evaluations.begin(_label(number, cohort.level, len(self._levels)), values, level)
        if known is None:
            cohort.evaluating.add(number)
        else:
            cohort.outcomes[number] = known

    def _advance(self, cohort: _Cohort) -> bool:
        """Take in what has ended, and let the best go on to the next level; whether anything changed."""
        before = len(cohort.evaluating)
        for number in sorted(cohort.evaluating):
            outcome = self._evaluations.outcome(_label(number, cohort.level, len(self._levels)))
            if outcome is not None:
                cohort.outcomes[number] = outcome
                cohort.evaluating.discard(number)
        if cohort.evaluating or cohort.ended:
            return len(cohort.evaluating) < before
        self._finish_level(cohort)
        return True

    def _finish_level(self, cohort: _Cohort) -> None:
        outcomes, level = cohort.outcomes, cohort.level
        chosen: list[int] = []
        if level < len(self._levels) - 1:
            assert self._spec.fidelity is not None
            count = max(1, math.ceil(self._spec.fidelity.keep * len(outcomes)))
            chosen = best_of(self._spec, outcomes, count)
        for number, outcome in outcomes.items():
            if number not in chosen:
                cohort.final[number] = (level, outcome)
        cohort.level, cohort.outcomes = level + 1, {}
        for number in chosen:
            self._begin(cohort, number)

    def _tell(self, cohort: _Cohort) -> None:
        for number, candidate in sorted(cohort.candidates.items()):
            if candidate.trial is not None:
                level, outcome = cohort.final[number]
                with self._storing():
                    self._tell_one(candidate, level, outcome)
                short = level < len(self._levels) - 1
                text = self._found.told(number, outcome, short=short)
                self._progress.trial_ended(text, final_state(outcome, short=short))
        self._show_front()
        with self._storing():
            self._study.set_user_attr(ELAPSED, round(self.elapsed_s, 3))

    def _show_front(self) -> None:
        self._progress.front(self._found.front)
        self._progress.hypervolume(self._found.volume_text)

    def _tell_one(self, candidate: _Candidate, level: int, outcome: Outcome) -> None:
        from optuna.trial import TrialState

        trial, short = candidate.trial, len(self._levels) - 1 - level
        assert trial is not None
        trial.set_user_attr(
            TRIAL,
            {
                "state": final_state(outcome, short=short > 0),
                "level": level,
                "values": candidate.values,
                "objectives": list(outcome.values),
                "spreads": list(outcome.spreads),
                "violations": {text: by for text, by in outcome.violations.items() if by > 0},
                "reason": outcome.reason,
            },
        )
        if outcome.state == "failed":
            self._study.tell(trial, state=TrialState.FAIL)
            return
        # A trial that was dropped has values of a cheaper evaluation. To Optuna it violates a constraint by the levels
        # that it is short of: worse than all that got further, and never on its front.
        _constrain(trial, "fidelity levels short", float(short))
        _constrain(trial, "does not fit", 0.0 if outcome.values or outcome.violations else 1.0)
        for constraint in self._spec.constraints:
            text = constraint_text(constraint)
            _constrain(trial, text, float(outcome.violations.get(text, 0.0)))
        references = [objective.reference for objective in self._spec.objectives]
        self._study.tell(trial, list(outcome.values or references))


def _constrain(trial: Trial, name: str, violation: float) -> None:
    """Optuna keeps the first value and warns of others: a run that was killed here has set it already."""
    if name not in trial.constraints:
        trial.set_constraint(name, violation)


def _label(number: int, level: int, levels: int) -> str:
    return f"trial {number}" + (f" level {level}" if levels > 1 else "")

"""Driving a search: trials are proposed, evaluated cohort by cohort and level by level, and told in order.

A cohort is proposed when the one `in_flight` before it has been told. So each proposal depends on the seed and on which
trials have been told, and not on how fast jobs were, on how many workers, or after how many interruptions.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codesign.errors import InputError, StoreError
from codesign.exploration.runs.progress import Progress
from codesign.exploration.study.domains import Value
from codesign.exploration.study.evaluation import Evaluations, Outcome, best_of, constraint_text
from codesign.exploration.study.live_front import LiveFront
from codesign.exploration.study.samplers import make_sampler
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.study.trials import TRIAL, TrialRecord, told_trials

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["ELAPSED", "Driver"]

ELAPSED = "codesign_elapsed_s"
"""User attribute of a study: time at work, of earlier runs too."""


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    trial: Trial | None  # None where it has been told
    values: dict[str, Value]


@dataclass(kw_only=True)
class _Cohort:
    """Trials that compete.

    Attributes:
        candidates: by number.
        ended: (level, outcome) of those that do not go on.
        evaluation: what is still to be done; gives way while jobs run.
    """

    candidates: dict[int, _Candidate]
    ended: dict[int, tuple[int, Outcome]] = field(default_factory=dict)
    evaluation: Iterator[None] = field(default_factory=lambda: iter(()))


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
        self._front = LiveFront(spec, baseline, told_trials(study))
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
                self._begin(self._asked - self._asked % self._spec.cohort)  # one that an earlier budget cut short, too
            if not self._cohorts:
                return
            for cohort in self._cohorts:
                next(cohort.evaluation, None)
            first = self._cohorts[0]
            if len(first.ended) == len(first.candidates):
                self._tell(self._cohorts.popleft())  # before another is told, one more may be asked
            else:
                self._evaluations.runner.step()

    def _take_up(self) -> None:
        """Trials of an earlier run that have not been told go on."""
        trials = self._study.get_trials(deepcopy=False)
        self._asked = len(trials)
        self._show_front()
        size = self._spec.cohort
        for first in range(0, len(trials), size):
            if not all(trial.state.is_finished() for trial in trials[first : first + size]):
                self._begin(first)

    # proposing -------------------------------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        budget = self._spec.budget
        if budget.trials is not None and self._asked >= budget.trials:
            return False
        return budget.time is None or self.elapsed_s < budget.time

    def _begin(self, first: int) -> None:
        """Begin a cohort: its trials that there are already, and proposals for the others."""
        most = self._spec.budget.trials
        end = first + self._spec.cohort if most is None else min(first + self._spec.cohort, max(most, self._asked))
        candidates: dict[int, _Candidate] = {}
        for number in range(first, end):
            candidates[number] = self._resumed(number) if number < self._asked else self._proposed(number)
            if candidates[number].trial is not None:
                self._progress.trial_began(number)
        cohort = _Cohort(candidates=candidates)
        cohort.evaluation = self._evaluated(cohort)
        self._cohorts.append(cohort)

    def _resumed(self, number: int) -> _Candidate:
        import optuna

        frozen = self._study.get_trials(deepcopy=False)[number]
        if frozen.state.is_finished():
            record = TrialRecord.of(frozen)
            if record is None:
                raise InputError(f"{self._place}: trial {number} was ended by somebody else; choose another --output")
            return _Candidate(trial=None, values=record.values)
        values = self._drawn(frozen)
        self._study.sampler = self._sampler(number)
        with self._storing():
            trial = optuna.trial.Trial(self._study, frozen._trial_id)
            return _Candidate(trial=trial, values=self._draw(trial) if values is None else values)

    def _proposed(self, number: int) -> _Candidate:
        self._study.sampler = self._sampler(number)
        with self._storing():
            trial = self._study.ask()
            if trial.number != number:
                raise InputError(f"{self._place}: another process adds trials; one may search at a time")
            self._asked += 1
            return _Candidate(trial=trial, values=self._draw(trial))

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

    def _sampler(self, number: int, parameter: str = "") -> BaseSampler:
        entry = self._spec.sampler
        return make_sampler(entry.name, seed=entry.seed, number=number, options=entry.options, parameter=parameter)

    # evaluating ------------------------------------------------------------------------------------------------------

    def _evaluated(self, cohort: _Cohort) -> Iterator[None]:
        """Evaluate a cohort at one level after the other, of each the best of the level before."""
        numbers = sorted(cohort.candidates)
        for level, fidelity in enumerate(self._spec.levels):
            suffix = f" level {level}" if self._spec.fidelity else ""
            names = {number: f"trial {number}{suffix}" for number in numbers}

            waiting = list(numbers)
            for number in numbers:
                self._evaluations.begin(names[number], cohort.candidates[number].values, fidelity)
            outcomes: dict[int, Outcome] = {}
            while True:
                for number in waiting:
                    if (outcome := self._evaluations.outcome(names[number])) is not None:
                        outcomes[number] = outcome
                waiting = [number for number in waiting if number not in outcomes]
                if not waiting:
                    break
                yield
            numbers = []
            if fidelity is not None and self._spec.fidelity is not None:
                numbers = best_of(self._spec, outcomes, math.ceil(self._spec.fidelity.keep * len(outcomes)))
            cohort.ended.update({number: (level, outcomes[number]) for number in outcomes if number not in numbers})

    # telling ---------------------------------------------------------------------------------------------------------

    def _tell(self, cohort: _Cohort) -> None:
        for number, candidate in sorted(cohort.candidates.items()):
            if candidate.trial is not None:
                level, outcome = cohort.ended[number]
                short = len(self._spec.levels) - 1 - level
                record = TrialRecord.ended(candidate.values, level, outcome, short=short)
                with self._storing():
                    self._tell_trial(candidate.trial, record, outcome, short=short)
                self._front.add(number, record)
                self._progress.trial_ended(self._front.text(number, record), record.state)
        self._show_front()
        with self._storing():
            self._study.set_user_attr(ELAPSED, round(self.elapsed_s, 3))

    def _tell_trial(self, trial: Trial, record: TrialRecord, outcome: Outcome, *, short: int) -> None:
        from optuna.trial import TrialState

        trial.set_user_attr(TRIAL, record.as_json())
        if outcome.state == "failed":
            self._study.tell(trial, state=TrialState.FAIL)
            return
        # A trial that was dropped has values of a cheaper evaluation. To Optuna it violates a constraint by the levels
        # that it is short of: worse than all that got further, and never on its front.
        unfit = not (outcome.values or outcome.violations)
        violations: dict[str, float] = {"fidelity levels short": short, "does not fit": unfit}
        for constraint in self._spec.constraints:
            text = constraint_text(constraint)
            violations[text] = outcome.violations.get(text, 0)
        for name, violation in violations.items():
            if name not in trial.constraints:  # a run that was killed here has set it, and Optuna warns of a second
                trial.set_constraint(name, float(violation))
        self._study.tell(trial, list(outcome.values or self._spec.references))

    def _show_front(self) -> None:
        self._progress.front(self._front.lines)
        self._progress.hypervolume(self._front.volume_text)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError

        try:
            yield
        except (ArithmeticError, TypeError, ValueError) as error:
            name = self._spec.sampler.name
            raise InputError(f"sampler: '{name}' cannot propose a trial with these options: {error}") from error
        except UpdateFinishedTrialError as error:
            raise InputError(f"{self._place}: another process ends trials; one may search at a time") from error
        except (OSError, StorageInternalError) as error:
            reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [""])[0]
            raise StoreError(f"{self._place}: cannot be written: {reason}; finished jobs are kept") from error

"""What a running study has found so far, for whoever watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codesign.analysis.formatting import column_label, quantity
from codesign.analysis.pareto import hypervolume
from codesign.exploration.runs.progress import FrontLine
from codesign.exploration.study.evaluation import Outcome, front_of
from codesign.exploration.study.spec import StudySpec

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["TRIAL", "Found", "final_state"]

TRIAL = "codesign"
"""User attribute of a trial in Optuna's storage: what it was and gave, as JSON."""
_BASELINE = "baseline"


def final_state(outcome: Outcome, *, short: bool) -> str:
    """How a trial ended: one that has values `short` of the last level was dropped there."""
    return "dropped" if outcome.values and short else outcome.state


class Found:
    """Values of complete trials, and the front of them."""

    def __init__(self, spec: StudySpec, baseline: Outcome) -> None:
        self._spec = spec
        self._directions = [objective.direction for objective in spec.objectives]
        self._references = [objective.reference for objective in spec.objectives]
        self._values: dict[str, Sequence[float]] = {}
        if baseline.state == "complete":
            self._values[_BASELINE] = baseline.values

    def take_up(self, trials: Sequence[FrozenTrial]) -> None:
        """Trials of an earlier run."""
        for trial in trials:
            facts = trial.user_attrs.get(TRIAL)
            if trial.state.is_finished() and facts is not None and facts["state"] == "complete":
                self._values[f"trial {trial.number}"] = facts["objectives"]

    def told(self, number: int, outcome: Outcome, *, short: bool) -> str:
        """Note how a trial ended; in a line."""
        state = final_state(outcome, short=short)
        if state == "complete":
            self._values[f"trial {number}"] = outcome.values
        reason = f" ({outcome.reason})" if outcome.reason else ""
        values = f": {', '.join(self._texts(outcome.values))}" if outcome.values else ""
        return f"trial {number} {state}{reason}{values}"

    @property
    def front(self) -> list[FrontLine]:
        """The front, the best in the first objective first; the baseline takes part."""
        names = list(self._values)
        on_front = front_of(self._spec, list(self._values.values()))
        best = [name for name, chosen in zip(names, on_front, strict=True) if chosen]
        sign = -1 if self._directions[0] == "maximize" else 1
        best.sort(key=lambda name: sign * self._values[name][0])
        columns = [objective.column for objective in self._spec.objectives]
        labels = tuple(map(column_label, columns))
        return [
            FrontLine(name=name, labels=labels, values=tuple(map(quantity, self._values[name], columns)))
            for name in best
        ]

    @property
    def volume(self) -> float:
        """Hypervolume of the trials and the baseline."""
        return hypervolume(list(self._values.values()), self._directions, self._references)

    @property
    def volume_text(self) -> str:
        """The hypervolume, in multiples of the baseline's alone where that has one."""
        baseline = hypervolume(
            [values for name, values in self._values.items() if name == _BASELINE], self._directions, self._references
        )
        return f"{self.volume / baseline:.3g} times the baseline's" if baseline else f"{self.volume:.3g}"

    def _texts(self, values: Sequence[float]) -> list[str]:
        columns = [objective.column for objective in self._spec.objectives]
        return [
            f"{column_label(column)} {quantity(value, column)}" for column, value in zip(columns, values, strict=True)
        ]

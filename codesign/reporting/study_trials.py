"""A study's trials beside the design points that were tested, and how trials and their parameters are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from codesign.analysis.columns import COLUMNS
from codesign.analysis.comparison import Comparison, compare
from codesign.analysis.formatting import UNKNOWN, column_label, quantity
from codesign.analysis.fronts import comparison_group
from codesign.analysis.metadata import Objective, ParameterFacts, Scalar, StudyFacts, TrialFacts
from codesign.analysis.points import Point
from codesign.analysis.table import ResultTable
from codesign.errors import InputError
from codesign.units import format_si

__all__ = [
    "BASELINE",
    "TRIAL_AXIS",
    "Study",
    "best_first",
    "mark",
    "parameter_text",
    "read_study",
    "scalar_text",
    "short_names",
    "trial_name",
    "trial_title",
]

TRIAL_AXIS = "trial"
"""The axis of a study's results that names the trial of a row."""
BASELINE = "baseline"
"""The trial that is no trial: what the file gives without any search."""

_DRAWN = 8
_DESCRIBED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """What was searched, joined with what was tested.

    Attributes:
        objectives: one a value of each trial.
        tested: by name of the trial, the design point of its rows; trials without a result on test have none.
    """

    facts: StudyFacts
    objectives: tuple[Objective, ...]
    tested: dict[str, Point]

    @cached_property
    def front(self) -> tuple[TrialFacts, ...]:
        """Trials on the front, best in the first objective first."""
        found = [trial for trial in self.facts.trials if trial.on_front]
        return tuple(sorted(found, key=lambda trial: best_first(trial, 0, self.objectives[0])))

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Parameters that matter most, by the largest share in any objective; in the space's order where unknown."""
        shares = self.facts.importances.values()
        names = [parameter.name for parameter in self.facts.parameters]
        order = {name: position for position, name in enumerate(names)}
        known = [name for name in names if any(name in share for share in shares)]
        ranked = sorted(known, key=lambda name: (-max(share.get(name, 0.0) for share in shares), order[name]))
        return tuple(ranked or names)[:_DRAWN]

    @cached_property
    def spaces(self) -> dict[str, ParameterFacts]:
        return {parameter.name: parameter for parameter in self.facts.parameters}

    def point(self, trial: TrialFacts) -> Point | None:
        """What the trial gave on test; None without a result there."""
        return self.tested.get(trial_name(trial))

    def best(self, index: int) -> TrialFacts | None:
        """The trial on the front that is best in an objective on validation; None on an empty front."""
        known = [trial for trial in self.front if trial.values[index] is not None]
        return min(known, key=lambda trial: best_first(trial, index, self.objectives[index]), default=None)

    def against_baseline(self, trial: TrialFacts, objective: Objective) -> Comparison | str:
        """The trial against the baseline on test, or why they cannot be compared."""
        key = trial.number, objective.column
        if key not in self._compared:
            self._compared[key] = self._compare(trial, objective)
        return self._compared[key]

    def text(self, trial: TrialFacts, name: str) -> str:
        """A parameter of a trial with its unit."""
        return parameter_text(trial.parameters.get(name), self.spaces.get(name))

    def describe(self, trial: TrialFacts) -> str:
        """What hovering a trial says."""
        state: str = "on the front" if trial.on_front else trial.state
        if trial.state == "dropped":
            state = f"dropped at level {trial.level + 1} of {len(self.facts.levels)}"
        values = [
            f"{column_label(objective.column)} {quantity(value, objective.column)}"
            for objective, value in zip(self.objectives, trial.values, strict=True)
        ]
        known = [name for name in self.drawn if name in trial.parameters][:_DESCRIBED]
        parameters = [f"{name} {self.text(trial, name)}" for name in known]
        return f"{trial_title(trial)}, {state}: {', '.join(values)}" + (
            f"; {', '.join(parameters)}" if parameters else ""
        )

    @cached_property
    def _compared(self) -> dict[tuple[int | None, str], Comparison | str]:
        return {}

    def _compare(self, trial: TrialFacts, objective: Objective) -> Comparison | str:
        if self.facts.baseline is None:
            return "the study has no baseline"
        own, other = self.point(trial), self.point(self.facts.baseline)
        if own is None or other is None:
            return f"{trial_title(trial) if own is None else 'the baseline'} has no result on test"
        groups = [comparison_group(point, (objective,)) for point in (own, other)]
        if groups[0] != groups[1]:
            return f"its value does not compare with the baseline’s ({groups[0]}, against {groups[1]})"
        found = compare(objective.column, own, other, more_is_better=objective.direction == "maximize")
        return found or "no training seed has the value on both sides"


def read_study(table: ResultTable, points: tuple[Point, ...]) -> Study:
    """The study of a results file.

    Args:
        points: those of `gather(table)`.

    Raises:
        InputError: trials and rows do not fit together.
    """
    facts, objectives = table.metadata.study, table.metadata.objectives
    assert facts is not None, "only results of a study have one to read"
    where = f"study of {table.metadata.sweep}"
    for objective in objectives:
        known = COLUMNS.get(objective.column)
        if known is None or known.kind not in ("float", "int"):
            raise InputError(f"{where}: an objective must be a numeric column, found {objective.column!r}")
    for trial in (*facts.trials, *([facts.baseline] if facts.baseline else [])):
        if not len(trial.values) == len(trial.spreads) == len(objectives):
            raise InputError(
                f"{where}: {trial_title(trial)} must have a value and a spread for each of {len(objectives)} "
                f"objectives, found {len(trial.values)} and {len(trial.spreads)}"
            )
    tested: dict[str, Point] = {}
    for point in points:
        name = dict(point.axes).get(TRIAL_AXIS)
        if not isinstance(name, str):
            raise InputError(f"{where}: rows must name their trial in the text column axis.{TRIAL_AXIS}, found {name}")
        if name in tested:
            raise InputError(f"{where}: trial {name} has rows of more than one design point; a study tests one each")
        tested[name] = point
    return Study(facts=facts, objectives=objectives, tested=tested)


def trial_name(trial: TrialFacts) -> str:
    """As the rows name it: `12`, or `baseline`."""
    return BASELINE if trial.number is None else str(trial.number)


def trial_title(trial: TrialFacts) -> str:
    """As sentences name it."""
    return "the baseline" if trial.number is None else f"trial {trial.number}"


def mark(trial: TrialFacts) -> str:
    """What figures and tables refer to it by; design points are referred to by plain numbers."""
    return f"t{trial_name(trial)}"


def best_first(trial: TrialFacts, index: int, objective: Objective) -> tuple[bool, float, int]:
    """A key that sorts the best in an objective first, the earlier of equal ones, and unknown values last."""
    value = trial.values[index]
    sign = -1 if objective.direction == "maximize" else 1
    return value is None, sign * (value or 0.0), -1 if trial.number is None else trial.number


def parameter_text(value: Scalar, parameter: ParameterFacts | None) -> str:
    """A parameter's value with its unit; a dash where it takes no part."""
    if parameter is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
        if parameter.unit:
            return format_si(value, parameter.unit)
        if parameter.kind == "integer":
            return str(round(value))
    return scalar_text(value)


def scalar_text(value: Scalar) -> str:
    """A value without a unit, as a YAML file would have it."""
    match value:
        case None:
            return UNKNOWN
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def _last_word(name: str) -> str:
    *_, before, last = ("", *name.split("."))
    return f"{before} {last}" if last.isdecimal() else last


def short_names(names: list[str]) -> dict[str, str]:
    """The last word of each path, with the number of a layer, and the whole of those that could be another's."""
    last = [_last_word(name) for name in names]
    return {name: end if last.count(end) == 1 else name for name, end in zip(names, last, strict=True)}

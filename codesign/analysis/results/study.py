"""A study's trials joined with the design points that were tested, and the texts of trials and their parameters."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from codesign.analysis.results.columns import BASELINE, NUMERIC_COLUMNS, TRIAL_AXIS
from codesign.analysis.results.formatting import column_label, listed, quantity, upper, written
from codesign.analysis.results.metadata import Objective, ParameterFacts, Scalar, StudyFacts, TrialFacts
from codesign.analysis.results.points import Point
from codesign.analysis.results.table import ResultTable
from codesign.errors import InputError

_DRAWN = 8
_DESCRIBED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """What was searched and what was tested.

    Attributes:
        objectives: one per value of each trial.
        tested: by name of the trial, the design point of its rows; missing for trials without a result on test.
    """

    facts: StudyFacts
    objectives: tuple[Objective, ...]
    tested: Mapping[str, Point]

    @cached_property
    def everything(self) -> tuple[TrialFacts, ...]:
        """All trials, preceded by the baseline if there is one."""
        return (*([self.facts.baseline] if self.facts.baseline else []), *self.facts.trials)

    @cached_property
    def complete(self) -> tuple[TrialFacts, ...]:
        """Trials with values of the full fidelity, in order of their numbers."""
        return tuple(trial for trial in self.facts.trials if trial.state == "complete")

    @cached_property
    def front(self) -> tuple[TrialFacts, ...]:
        """Trials on the front, best in the first objective first."""
        found = [trial for trial in self.facts.trials if trial.on_front]
        return tuple(sorted(found, key=lambda trial: self.best_first(trial, 0)))

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Parameters that matter most, by their largest share in any objective; in the space's order if unknown."""
        shares = self.facts.importances.values()
        ranked = sorted(self.spaces, key=lambda name: -max((share.get(name, 0.0) for share in shares), default=0.0))
        return tuple(ranked)[:_DRAWN]

    @cached_property
    def spaces(self) -> Mapping[str, ParameterFacts]:
        return {parameter.name: parameter for parameter in self.facts.parameters}

    @cached_property
    def emptiness(self) -> str:
        """Why no trial is on the front; "" if one is, or if there are no trials."""
        trials = self.facts.trials
        if self.front or not trials:
            return ""
        states = Counter(trial.state for trial in trials).most_common()
        refused = [f"{upper(trial_title(trial))}: {trial.reason}" for trial in trials if trial.reason]
        said = (
            f"No trial is on the front: {listed([f'{count:,} {state}' for state, count in states])}",
            "None is better than all references" if self.complete else "",
            *refused[:1],
            "What follows is the baseline" if self.tested else "",
        )
        return f"{'. '.join(filter(None, said))}."

    @cached_property
    def hypervolume(self) -> float | None:
        """Hypervolume of all complete trials; None without trials, with one objective, or if an objective has no
        reference."""
        if len(self.objectives) < 2:
            return None
        return max((trial.hypervolume for trial in self.complete if trial.hypervolume is not None), default=None)

    def best_first(self, trial: TrialFacts, index: int) -> tuple[float, ...]:
        """A key that sorts the best in an objective first, of equal ones the best in the other objectives, in their
        order, then the earlier, and unknown values last."""
        signs = [-1.0 if objective.direction == "maximize" else 1.0 for objective in self.objectives]
        keys = [math.inf if v is None else s * v for s, v in zip(signs, trial.values, strict=True)]
        return (keys.pop(index), *keys, -1 if trial.number is None else trial.number)

    def best(self, index: int) -> TrialFacts | None:
        """The trial on the front that is best in an objective on validation; None on an empty front."""
        known = [trial for trial in self.front if trial.values[index] is not None]
        return min(known, key=lambda trial: self.best_first(trial, index), default=None)

    def text(self, trial: TrialFacts, name: str) -> str:
        return parameter_text(trial.parameters.get(name), self.spaces.get(name))

    def describe(self, trial: TrialFacts) -> str:
        state: str = "on the front" if trial.on_front else trial.state
        if trial.state == "dropped":
            state = f"dropped at level {trial.level + 1} of {len(self.facts.levels)}"
        values = [
            f"{column_label(objective.column)} {quantity(value, objective.column)}"
            for objective, value in zip(self.objectives, trial.values, strict=True)
        ]
        told = "; ".join(filter(None, [", ".join(values), self.chosen(trial)]))
        return f"{trial_title(trial)}, {state}: {told}"

    def named_in(self, texts: Sequence[str]) -> list[str]:
        """The parameters of the trials that texts name."""
        named = {number for text in texts for number in re.findall(r"\btrial (\d+)\b", text, re.IGNORECASE)}
        trials = [trial for trial in self.facts.trials if trial_name(trial) in named]
        return [f"{upper(trial_title(trial))}: {self.chosen(trial)}." for trial in trials]

    def chosen(self, trial: TrialFacts) -> str:
        """A trial's most important parameters, and how many more it has."""
        known = [name for name in self.drawn if trial.parameters.get(name) is not None][:_DESCRIBED]
        told = ", ".join(f"{name} {self.text(trial, name)}" for name in known)
        more = sum(value is not None for value in trial.parameters.values()) - len(known)
        return f"{told} and {more} more" if more > 0 else told


def read_study(table: ResultTable, points: Sequence[Point]) -> Study | None:
    """The study of a results file and its points; None for a sweep. Raises InputError if trials and rows do not
    match."""
    facts, objectives = table.metadata.study, table.metadata.objectives
    if facts is None:
        return None
    where = f"study of {table.metadata.sweep}"
    for objective in objectives:
        if objective.column not in NUMERIC_COLUMNS:
            raise InputError(f"{where}: an objective must be a numeric column, found {objective.column!r}")
    tested: dict[str, Point] = {}
    for point in points:
        name = dict(point.axes).get(TRIAL_AXIS)
        if not isinstance(name, str):
            raise InputError(f"{where}: rows must name their trial in the text column axis.{TRIAL_AXIS}, found {name}")
        if name in tested:
            raise InputError(f"{where}: trial {name} has rows of more than one design point; a study tests one each")
        tested[name] = point
    study = Study(facts=facts, objectives=objectives, tested=tested)
    for trial in study.everything:
        if not len(trial.values) == len(trial.spreads) == len(objectives):
            raise InputError(
                f"{where}: {trial_title(trial)} must have a value and a spread for each of {len(objectives)} "
                f"objectives, found {len(trial.values)} and {len(trial.spreads)}"
            )
    return study


def violated(point: Point, option: str = "the baseline") -> str:
    """Say which constraints of its study a point violates that is the baseline and stands for an option; "" for any
    other point, or if none."""
    facts = None if point.whole.metadata is None else point.whole.metadata.study
    baseline = None if facts is None or dict(point.axes).get(TRIAL_AXIS) != BASELINE else facts.baseline
    if baseline is None or not baseline.violations:
        return ""
    here = "" if option == "the baseline" else f", here {option},"
    return f"The baseline{here} {baseline.reason}."


def violated_on_test(point: Point, option: str) -> str:
    """Say which constraints, which were judged on validation, a trial violates on test that stands for an option; "" if
    none, or if the trial is the baseline and violates constraints on validation, too."""
    facts = None if point.whole.metadata is None else point.whole.metadata.study
    if facts is None or violated(point):
        return ""
    name, trials = dict(point.axes).get(TRIAL_AXIS), (*([facts.baseline] if facts.baseline else []), *facts.trials)
    reasons = [trial.reason_on_test for trial in trials if trial_name(trial) == name and trial.reason_on_test]
    return f"On test, {option} {reasons[0]}." if reasons else ""


def trial_name(trial: TrialFacts) -> str:
    """Name of a trial in rows: `12`, or `baseline`."""
    return BASELINE if trial.number is None else str(trial.number)


def trial_title(trial: TrialFacts) -> str:
    """Name of a trial in sentences."""
    return "the baseline" if trial.number is None else f"trial {trial.number}"


def parameter_text(value: Scalar, parameter: ParameterFacts | None) -> str:
    """A parameter's value with its unit, as in a YAML file; a dash if it does not apply."""
    return written(value, "" if parameter is None else parameter.unit, 4)

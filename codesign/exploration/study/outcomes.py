"""Outcomes of trials: the best of a cohort, the front and its hypervolume, as numbers and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np
from optuna.study import Study

from codesign.analysis.results.formatting import column_label, multiple, quantity
from codesign.analysis.results.pareto import front_order, hypervolume, pareto_ranking
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.runs.progress import FrontLine
from codesign.exploration.study.spec import StudySpec

Name = TypeVar("Name")
TRIAL = "codesign"
"""User attribute of a trial in Optuna's storage: its outcome, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The parameters and results of a trial. Optuna's storage keeps its fields as JSON.

    Attributes:
        state: `dropped` for a trial whose objectives are from a level below the last fidelity level.
        level: the last fidelity level at which it was evaluated.
        values: values of its parameters, as written in a file.
        objectives: means over training seeds, in SI units; empty if it was not run or failed.
        spreads: sample standard deviations of the objectives over training seeds; None with fewer than two.
        violations: violation of each constraint as a share of its limit; satisfied constraints are left out.
        reason: why it is infeasible or failed; otherwise None.
    """

    state: Literal["complete", "dropped", "infeasible", "failed"]
    level: int = 0
    values: Mapping[str, Value] = field(default_factory=dict)
    objectives: Sequence[float] = ()
    spreads: Sequence[float | None] = ()
    violations: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


def reported_trials(study: Study) -> dict[int, Outcome]:
    """Outcomes of the trials that have been reported, by number."""
    return {
        trial.number: Outcome(**trial.user_attrs[TRIAL])
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and TRIAL in trial.user_attrs
    }


def best_of(spec: StudySpec, outcomes: Mapping[int, Outcome], count: int) -> list[int]:
    """Numbers of the best trials that have objectives, at most `count`, best first. Trials that violate a constraint
    come last, in the order of their violations: at another level they may satisfy it."""
    numbers = sorted(number for number, outcome in outcomes.items() if outcome.state == "complete")
    order = pareto_ranking([outcomes[number].objectives for number in numbers], spec.directions, spec.references)
    violating = sorted(
        (sum(outcome.violations.values()), number)
        for number, outcome in outcomes.items()
        if outcome.state == "infeasible" and outcome.objectives
    )
    return [*(numbers[position] for position in order), *(number for _, number in violating)][:count]


def volume(spec: StudySpec, outcomes: Sequence[Outcome]) -> float:
    """Hypervolume of the complete trials among `outcomes`, up to the references."""
    values = [outcome.objectives for outcome in outcomes if outcome.state == "complete"]
    return hypervolume(values, spec.directions, spec.references)


def front_of(spec: StudySpec, outcomes: Mapping[Name, Outcome]) -> list[Name]:
    """Names on the front of the complete trials that are better than all references, the best in the first objective
    first; only the first of equal trials."""
    complete = [name for name, outcome in outcomes.items() if outcome.state == "complete"]
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in spec.directions])
    values = np.array([outcomes[name].objectives for name in complete]).reshape(-1, len(signs))
    better = np.flatnonzero((values * signs > np.array(spec.references) * signs).all(axis=1))
    distinct: dict[tuple[float, ...], Name] = {}
    for position in better[front_order(values[better], spec.directions)]:
        distinct.setdefault(tuple(values[position]), complete[position])
    return list(distinct.values())


def front_lines(spec: StudySpec, baseline: Outcome, trials: Mapping[int, Outcome]) -> list[FrontLine]:
    """The front for the display, including the baseline, the best in the first objective first."""
    every = {"baseline": baseline, **{f"trial {n}": trial for n, trial in trials.items()}}
    labels = tuple(map(column_label, spec.objective_columns))
    return [
        FrontLine(name=name, labels=labels, values=tuple(map(quantity, every[name].objectives, spec.objective_columns)))
        for name in front_of(spec, every)
    ]


def volume_text(spec: StudySpec, baseline: Outcome, trials: Mapping[int, Outcome]) -> str:
    """The trials' hypervolume as text, in multiples of the baseline's if that has one; "" until a trial is complete."""
    if not any(trial.state == "complete" for trial in trials.values()):
        return ""
    so_far, alone = volume(spec, list(trials.values())), volume(spec, [baseline])
    return f"{multiple(so_far / alone)} times the baseline's" if alone else f"{so_far:.3g}"


def ended_text(spec: StudySpec, number: int, outcome: Outcome) -> str:
    reason = f" ({outcome.reason})" if outcome.reason else ""
    pairs = zip(spec.objective_columns, outcome.objectives, strict=False)
    values = ", ".join(f"{column_label(column)} {quantity(value, column)}" for column, value in pairs)
    return f"trial {number} {outcome.state}{reason}{': ' if values else ''}{values}"

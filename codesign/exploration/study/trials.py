"""Trials that have been reported, as Optuna's storage keeps them, and their front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from optuna.study import Study

from codesign.analysis.results.formatting import column_label, quantity
from codesign.analysis.results.pareto import front_order, hypervolume
from codesign.exploration.runs.progress import FrontLine
from codesign.exploration.study.evaluation import Outcome
from codesign.exploration.study.spec import StudySpec

Name = TypeVar("Name")

TRIAL = "codesign"
"""User attribute of a trial in Optuna's storage: its outcome, as JSON."""


def told_trials(study: Study) -> dict[int, Outcome]:
    """Outcomes of the trials that have been reported, by number."""
    return {
        trial.number: Outcome(**trial.user_attrs[TRIAL])
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and TRIAL in trial.user_attrs
    }


def volume(spec: StudySpec, outcomes: Sequence[Outcome]) -> float:
    """Hypervolume of the complete ones of some trials up to the references."""
    values = [outcome.objectives for outcome in outcomes if outcome.state == "complete"]
    return hypervolume(values, spec.directions, spec.references)


def _front(spec: StudySpec, outcomes: Mapping[Name, Outcome]) -> list[Name]:
    """Which are on the front of those that are better than all references, best in the first objective first."""
    complete = [name for name, outcome in outcomes.items() if outcome.state == "complete"]
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in spec.directions])
    values = np.array([outcomes[name].objectives for name in complete]).reshape(-1, len(signs))
    better = np.flatnonzero((values * signs > np.array(spec.references) * signs).all(axis=1))
    return [complete[better[position]] for position in front_order(values[better], spec.directions)]


def front_numbers(spec: StudySpec, trials: Mapping[int, Outcome]) -> list[int]:
    """Numbers of the complete trials that are better than the references and that no other one beats.

    Of equal ones the first.
    """
    distinct: dict[tuple[float, ...], int] = {}
    for number in sorted(_front(spec, trials)):
        distinct.setdefault(tuple(trials[number].objectives), number)
    return sorted(distinct.values())


def front_lines(spec: StudySpec, baseline: Outcome, trials: Mapping[int, Outcome]) -> list[FrontLine]:
    """The front for the display, the best in the first objective first; the baseline takes part."""
    columns = [objective.column for objective in spec.objectives]
    every = {"baseline": baseline, **{f"trial {n}": trial for n, trial in trials.items()}}
    return [
        FrontLine(
            name=name,
            labels=tuple(map(column_label, columns)),
            values=tuple(map(quantity, every[name].objectives, columns)),
        )
        for name in _front(spec, every)
    ]


def volume_text(spec: StudySpec, baseline: Outcome, trials: Mapping[int, Outcome]) -> str:
    """The trials' hypervolume, in multiples of the baseline's alone where that has one; empty before a trial is
    complete."""
    if not any(trial.state == "complete" for trial in trials.values()):
        return ""
    so_far, alone = volume(spec, list(trials.values())), volume(spec, [baseline])
    return f"{so_far / alone:.3g} times the baseline's" if alone else f"{so_far:.3g}"


def ended_text(spec: StudySpec, number: int, outcome: Outcome) -> str:
    columns = [objective.column for objective in spec.objectives]
    reason = f" ({outcome.reason})" if outcome.reason else ""
    pairs = zip(columns, outcome.objectives, strict=False)
    values = ", ".join(f"{column_label(column)} {quantity(value, column)}" for column, value in pairs)
    return f"trial {number} {outcome.state}{reason}{': ' if values else ''}{values}"

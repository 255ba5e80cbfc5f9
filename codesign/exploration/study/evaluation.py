"""What a trial gives: mean values of its design points over training seeds, constraints, and who goes on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from codesign.analysis.columns import COLUMNS
from codesign.analysis.pareto import pareto_front, pareto_ranking
from codesign.exploration.plan import Plan
from codesign.exploration.rows import Columns
from codesign.exploration.study.spec import ConstraintEntry, StudySpec
from codesign.units import format_si

__all__ = ["Outcome", "best_of", "constraint_text", "evaluate_rows", "front_of", "known_outcome"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a trial ended at a fidelity level.

    Attributes:
        state: `complete`, `infeasible` or `failed`.
        values: one an objective, in SI units: mean over training seeds; empty where it was not run or failed.
        spreads: sample standard deviations over training seeds; None with fewer than two.
        violations: by constraint, by how much it is violated; 0 or below where it is not.
        reason: why it is infeasible or failed.
    """

    state: Literal["complete", "infeasible", "failed"]
    values: tuple[float, ...] = ()
    spreads: tuple[float | None, ...] = ()
    violations: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


def constraint_text(constraint: ConstraintEntry) -> str:
    """A constraint in words, by which it is also known to Optuna."""
    limit = constraint.at_most if constraint.at_least is None else constraint.at_least
    assert limit is not None
    unit = COLUMNS[constraint.column].unit
    text = format_si(limit, unit) if unit else f"{limit:.12g}"
    return f"{constraint.column} {'at most' if constraint.at_least is None else 'at least'} {text}"


def known_outcome(spec: StudySpec, plan: Plan) -> Outcome | None:
    """The outcome of a trial that need not be run, because it cannot be or must not; None for one that has to be."""
    for point in plan.points:
        if point.jobs is None:
            return Outcome(state="infeasible", reason=point.reason)
    columns = plan.points[0].columns
    known = [one for one in spec.constraints if columns.get(one.column) is not None]
    violations = {constraint_text(one): one.violation(columns[one.column]) for one in known}
    if all(violation <= 0 for violation in violations.values()):
        return None
    return Outcome(state="infeasible", violations=violations, reason=_violation_reason(violations))


def evaluate_rows(spec: StudySpec, rows: Sequence[Columns]) -> Outcome:
    """The outcome of a trial from its rows, one a training and evaluation seed."""
    for row in rows:
        if row["status"] != "ok":
            return Outcome(state="failed", reason=row["reason"])
    values, spreads = [], []
    for objective in spec.objectives:
        by_seed = _by_seed(rows, objective.column)
        if by_seed is None:
            return _unknown(objective.column, rows)
        values.append(statistics.fmean(by_seed))
        spreads.append(statistics.stdev(by_seed) if len(by_seed) > 1 else None)
    violations: dict[str, float] = {}
    for constraint in spec.constraints:
        found = _by_seed(rows, constraint.column)
        if found is None:
            return _unknown(constraint.column, rows)
        violations[constraint_text(constraint)] = constraint.violation(statistics.fmean(found))
    reason = _violation_reason(violations)
    state: Literal["complete", "infeasible"] = "complete" if reason is None else "infeasible"
    return Outcome(state=state, values=tuple(values), spreads=tuple(spreads), violations=violations, reason=reason)


def _unknown(column: str, rows: Sequence[Columns]) -> Outcome:
    return Outcome(state="infeasible", reason=f"{column} is not known on chip {rows[0]['chip']}")


def best_of(spec: StudySpec, outcomes: Mapping[int, Outcome], count: int) -> list[int]:
    """Numbers of the best trials that have values, so many at most, best first.

    Those that violate a constraint come last, by how much: at another level they may not.
    """
    numbers = sorted(number for number, outcome in outcomes.items() if outcome.state == "complete")
    values = [outcomes[number].values for number in numbers]
    directions = [objective.direction for objective in spec.objectives]
    order = pareto_ranking(values, directions, [objective.reference for objective in spec.objectives])
    violating = sorted(
        (sum(by for by in outcome.violations.values() if by > 0), number)
        for number, outcome in outcomes.items()
        if outcome.state == "infeasible" and outcome.values
    )
    return [*(numbers[position] for position in order), *(number for _, number in violating)][:count]


def front_of(spec: StudySpec, values: Sequence[Sequence[float]]) -> list[bool]:
    """Whether each is on the front of those that are better than the objectives' references, which count at all."""
    signs = [1.0 if objective.direction == "maximize" else -1.0 for objective in spec.objectives]
    limits = [objective.reference for objective in spec.objectives]
    counts = [
        all(sign * value > sign * limit for sign, value, limit in zip(signs, row, limits, strict=True))
        for row in values
    ]
    able = [row if count else (None,) * len(row) for row, count in zip(values, counts, strict=True)]
    return list(pareto_front(able, [objective.direction for objective in spec.objectives]))


def _by_seed(rows: Sequence[Columns], column: str) -> list[float] | None:
    """Mean over evaluation seeds for each training seed; None where a row does not know it."""
    seeds: dict[int, list[Any]] = {}
    for row in rows:
        seeds.setdefault(row["training_seed"], []).append(row.get(column))
    values = [value for found in seeds.values() for value in found]
    if any(value is None or not math.isfinite(value) for value in values):
        return None
    return [float(np.mean(found)) for found in seeds.values()]


def _violation_reason(violations: Mapping[str, float]) -> str | None:
    violated = [text for text, violation in violations.items() if violation > 0]
    return f"violates {', '.join(violated)}" if violated else None

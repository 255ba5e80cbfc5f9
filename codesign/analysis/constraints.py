"""Which points meet constraints, by how much others miss them, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from codesign.analysis.formatting import column_label, is_share, points, quantity
from codesign.analysis.points import Point
from codesign.analysis.questions import Constraint

__all__ = ["doubt", "meeting", "meets", "miss_in_words", "more_is_better", "resolved", "shortfall"]


def more_is_better(column: str) -> bool:
    """Whether more of a column is better where nobody says so."""
    return column.endswith(("accuracy", "agreement"))


def resolved(constraints: Sequence[Constraint], points: Sequence[Point]) -> tuple[Constraint, ...]:
    """The constraints with `within … of best` as a limit; the best is that of these points."""
    return tuple(_resolved(constraint, points) for constraint in constraints)


def _resolved(constraint: Constraint, points: Sequence[Point]) -> Constraint:
    if constraint.relation != "within":
        return constraint
    means = [mean for point in points if (mean := point.value(constraint.column).mean) is not None]
    more = more_is_better(constraint.column)
    best = (max if more else min)(means, default=0.0)
    distance = constraint.value * abs(best) if constraint.relative else constraint.value
    return replace(constraint, relation=">=" if more else "<=", value=best - distance if more else best + distance)


def meets(point: Point, constraint: Constraint) -> bool:
    """Whether the mean over training seeds meets a constraint that is no `within`; never so if it is not known."""
    short = shortfall(point, constraint)
    return short is not None and short <= 0


def meeting(points: Sequence[Point], constraints: Sequence[Constraint]) -> list[Point]:
    """Those that meet all."""
    return [point for point in points if all(meets(point, constraint) for constraint in constraints)]


def shortfall(point: Point, constraint: Constraint, value: float | None = None) -> float | None:
    """By how much a constraint is missed: above 0 where it is, in the column's unit; None if the value is not known.

    Args:
        value: instead of the point's mean.
    """
    mean = point.value(constraint.column).mean if value is None else value
    if mean is None:
        return None
    rising = constraint.relation in (">=", ">")
    short = constraint.value - mean if rising else mean - constraint.value
    if abs(short) <= 1e-12 * max(abs(mean), abs(constraint.value)):
        short = 0.0
    return short if short or constraint.relation in (">=", "<=") else math.ulp(1.0)


def doubt(point: Point, constraints: Sequence[Constraint]) -> str:
    """A sentence on constraints that the mean meets and some training seeds do not; empty where all do."""
    said = []
    for constraint in constraints:
        seeds = point.seeds(constraint.column)
        missed = sum((shortfall(point, constraint, float(value)) or 0.0) > 0 for value in seeds)
        if missed and meets(point, constraint):
            limit, label = quantity(constraint.value, constraint.column), column_label(constraint.column)
            said.append(f"Its mean {label} meets {limit}, but {missed} of {len(seeds)} training seeds do not.")
    return " ".join(said)


def miss_in_words(point: Point, constraint: Constraint) -> str:
    """`1.2 points too low`, `1.4 times too much`, or that it is not known."""
    mean, label = point.value(constraint.column).mean, column_label(constraint.column)
    if mean is None:
        return f"its {label} is not known"
    short = shortfall(point, constraint) or 0.0
    rising = constraint.relation in (">=", ">")
    if is_share(constraint.column):
        return f"its {label} is {points(short)} points too {'low' if rising else 'high'}"
    small, large = sorted((abs(mean), abs(constraint.value)))
    factor = f"{large / small:.3g} times " if small else ""
    return f"its {label} is {factor}too {'low' if rising else 'high'}"

"""Pareto fronts over points whose objectives compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codesign.analysis.comparisons.comparability import Group, comparison_group
from codesign.analysis.comparisons.constraints import more_is_better
from codesign.analysis.comparisons.variants import by_option
from codesign.analysis.results.columns import NUMERIC_COLUMNS
from codesign.analysis.results.metadata import Objective
from codesign.analysis.results.pareto import front_order
from codesign.analysis.results.points import Point
from codesign.analysis.results.study import violated


@dataclass(frozen=True, kw_only=True)
class Front:
    """The front of one set of objectives within one group of points that compare.

    Attributes:
        members: points with all objectives known.
        best: members on the front, best in the first objective first; points that never answer, schedules that the
            chip cannot execute and a baseline that violates constraints of its study stay off it.
    """

    objectives: tuple[Objective, ...]
    group: Group
    members: tuple[Point, ...] = field(repr=False)
    best: tuple[Point, ...]


def objective_of(column: str) -> Objective:
    """Return the objective of a column, maximized if more of it is better."""
    return Objective(column=column, direction="maximize" if more_is_better(column) else "minimize")


def objective_sets(objectives: Sequence[Objective]) -> list[tuple[Objective, ...]]:
    """Return all objectives together, then the first paired with each other one: a chip without a latency still has an
    energy."""
    numeric = tuple(objective for objective in objectives if objective.column in NUMERIC_COLUMNS)
    sets = [numeric] if numeric else []
    if len(numeric) > 2:
        sets.extend((numeric[0], other) for other in numeric[1:])
    return sets


def find_fronts(points: Sequence[Point], objectives: Sequence[Objective]) -> list[Front]:
    """Return the fronts of every objective set, in the order of the sets and of each group's first point."""
    return [front for chosen in objective_sets(objectives) for front in fronts_of(points, chosen)]


def fronts_of(points: Sequence[Point], objectives: tuple[Objective, ...]) -> list[Front]:
    """Return the fronts of one objective set, group by group."""
    columns = [objective.column for objective in objectives]
    groups = by_option(points, lambda point: comparison_group(point, columns))
    return [_front(group, members, objectives) for group, members in groups.items()]


def _front(group: Group, points: Sequence[Point], objectives: tuple[Objective, ...]) -> Front:
    values = {point: [point.value(objective.column).mean for objective in objectives] for point in points}
    members = [point for point in points if None not in values[point]]
    all_silent = all(point.silent for point in points)  # then there is nothing else to show
    able = [point for point in members if not point.set_aside or (all_silent and not point.beyond_chip)]
    able = [point for point in able if not violated(point)]
    order = front_order([values[point] for point in able], [objective.direction for objective in objectives])
    best = tuple(able[place] for place in order)
    return Front(objectives=objectives, group=group, members=tuple(members), best=best)

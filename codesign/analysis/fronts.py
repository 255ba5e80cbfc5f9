"""Pareto fronts over points whose objectives may be compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import column_label, listed
from codesign.analysis.metadata import Objective
from codesign.analysis.pareto import hypervolume, pareto_front
from codesign.analysis.points import Point

__all__ = ["Comparable", "Front", "comparison_group", "find_fronts", "objective_sets"]


class Comparable(Protocol):
    """What decides which points compare; see `Point`."""

    @property
    def workload(self) -> str: ...
    @property
    def operation(self) -> str | None: ...
    @property
    def chip(self) -> str: ...
    @property
    def coverage(self) -> tuple[str, ...]: ...
    @property
    def separable(self) -> bool: ...
    @property
    def included_terms(self) -> frozenset[str]: ...


@dataclass(frozen=True, kw_only=True)
class Front:
    """The front of one set of objectives within one group of points that compare.

    Attributes:
        objectives: the set.
        group: what the members share, in words; the same words for equal groups.
        members: points with all objectives known.
        unknown: points of the group with an unknown objective; they stay off the front, as does a schedule that the
            chip cannot execute.
        best: members on the front, best in the first objective first.
        volume: hypervolume up to the fixed reference; None if an objective has none.
    """

    objectives: tuple[Objective, ...]
    group: str
    members: tuple[Point, ...]
    unknown: tuple[Point, ...]
    best: tuple[Point, ...]
    volume: float | None

    @property
    def title(self) -> str:
        return " × ".join(column_label(objective.column) for objective in self.objectives)


def objective_sets(objectives: tuple[Objective, ...]) -> list[tuple[Objective, ...]]:
    """All objectives together, then the first with each other one: a chip without a latency still has an energy."""
    numeric = tuple(o for o in objectives if o.column in COLUMNS and COLUMNS[o.column].kind in ("float", "int"))
    sets = [numeric] if numeric else []
    if len(numeric) > 2:
        sets.extend((numeric[0], other) for other in numeric[1:])
    return sets


def comparison_group(point: Comparable, objectives: tuple[Objective, ...]) -> str:
    """What a point must share with another before these objectives compare, in words.

    Energies compare only with equal coverage, energies and times only in equal operation. Single terms and the paper's
    book compare across coverages unless a term holds others too. An all-in figure compares within its chip only.
    """
    columns = {objective.column for objective in objectives}
    energies = {column for column in columns if COLUMNS[column].unit == "J"}
    words = [point.workload]
    if any(COLUMNS[column].unit for column in columns) and point.operation is not None:
        words.append(point.operation.replace("_", " "))
    if "energy_j" in energies or (energies and (not point.separable or point.included_terms)):
        words.append(f"energy of {coverage_words(point)}" + ("" if point.separable else f" on {point.chip}"))
    return ", ".join(words)


def coverage_words(point: Comparable) -> str:
    """The energy terms of a point, in words."""
    return listed([name.replace("_", " ") for name in point.coverage]) or "unknown coverage"


def find_fronts(points: tuple[Point, ...], objectives: tuple[Objective, ...]) -> list[Front]:
    """The fronts of every objective set, in order of the sets and then of the first point of each group."""
    fronts: list[Front] = []
    for chosen in objective_sets(objectives):
        groups: dict[str, list[Point]] = {}
        for point in points:
            groups.setdefault(comparison_group(point, chosen), []).append(point)
        fronts.extend(_front(name, members, chosen) for name, members in groups.items())
    return fronts


def _front(group: str, points: list[Point], objectives: tuple[Objective, ...]) -> Front:
    directions = [objective.direction for objective in objectives]
    values = [[point.value(objective.column).mean for objective in objectives] for point in points]
    known = [None not in row for row in values]
    able = [row if not point.beyond_chip else [None] * len(row) for point, row in zip(points, values, strict=True)]
    on_front = pareto_front(able, directions)
    references = [objective.reference for objective in objectives]
    first = objectives[0]
    sign = -1 if first.direction == "maximize" else 1
    best = [point for point, chosen in zip(points, on_front, strict=True) if chosen]
    return Front(
        objectives=objectives,
        group=group,
        members=tuple(point for point, there in zip(points, known, strict=True) if there),
        unknown=tuple(point for point, there in zip(points, known, strict=True) if not there),
        best=tuple(sorted(best, key=lambda point: (sign * (point.value(first.column).mean or 0.0), point.number))),
        volume=None
        if None in references
        else hypervolume(able, directions, [reference for reference in references if reference is not None]),
    )

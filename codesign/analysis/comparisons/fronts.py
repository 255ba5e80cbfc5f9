"""Pareto fronts over points whose objectives compare."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from codesign.analysis.comparisons.comparison import BY_TERM, ENERGIES
from codesign.analysis.comparisons.constraints import by_option, more_is_better
from codesign.analysis.results.columns import COLUMNS, NUMERIC_COLUMNS
from codesign.analysis.results.formatting import BOOK_WORDS, coverage_words, like
from codesign.analysis.results.metadata import Objective
from codesign.analysis.results.pareto import front_order
from codesign.analysis.results.points import Point
from codesign.hardware.terms import COVERAGE, StaticBook


@dataclass(frozen=True, kw_only=True)
class Group:
    """What points share if their objectives compare; `str` gives it in words.

    Attributes:
        operation: None if nothing that is compared depends on it.
        coverage: terms of the energy; None if no energy is compared, or only terms that include no others.
        static_book: what of the static power that energy counts; None if it is not compared, or all-in.
        chip: the chip of an all-in figure, which compares with no other chip's.
    """

    workload: str
    operation: str | None = None
    coverage: tuple[str, ...] | None = None
    static_book: StaticBook | None = None
    chip: str | None = None

    def __str__(self) -> str:
        words = [self.workload]
        if self.operation is not None:
            words.append(self.operation.replace("_", " "))
        if self.coverage is not None:
            on_chip = "" if self.chip is None else f" on {self.chip}"
            words.append(f"energy of {coverage_words(self.coverage)}{on_chip}")
        if self.static_book is not None:
            words.append(f"of {BOOK_WORDS[self.static_book]}")
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Front:
    """The front of one set of objectives within one group of points that compare.

    Attributes:
        members: points with all objectives known.
        best: members on the front, best in the first objective first; points that never answer and schedules that the
            chip cannot execute stay off it.
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


def comparison_group(point: Point, columns: Collection[str]) -> Group:
    """Return what a point must share with another for these columns to compare.

    Energies compare only with equal coverage; energies and times only in the same operation. Single terms and the
    paper's book compare across coverages unless a term includes others, which static power never does. An all-in figure
    compares only within its chip.
    """
    energies = {column for column in columns if COLUMNS[column].unit in ("J", "J·s", "W")}
    may_hold = energies - {term.column for term in COVERAGE["static"]}
    whole = not energies.isdisjoint(ENERGIES) or bool(may_hold and (not point.separable or point.included_terms))
    return Group(
        workload=point.workload,
        operation=point.operation if any(COLUMNS[column].unit not in ("", "m**2") for column in columns) else None,
        coverage=point.coverage if whole else None,
        static_book=point.static_book if energies & BY_TERM and point.separable else None,
        chip=point.chip if whole and not point.separable else None,
    )


def comparable(a: Point, b: Point, column: str) -> bool:
    """Whether two points' values of a column or measure compare as they are, even on different data."""
    one, other = (replace(comparison_group(point, (like(column),)), workload="") for point in (a, b))
    return one == other


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
    order = front_order([values[point] for point in able], [objective.direction for objective in objectives])
    best = tuple(able[place] for place in order)
    return Front(objectives=objectives, group=group, members=tuple(members), best=best)

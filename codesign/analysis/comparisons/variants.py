"""The points of each option, its variants, and the best of them, which represents it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from codesign.analysis.comparisons.comparability import ENERGIES
from codesign.analysis.results.points import Point
from codesign.hardware.terms import COVERAGE

OptionT = TypeVar("OptionT", bound=Hashable)

_TIES = (("accuracy", True), ("energy_j", False), ("latency_s", False), ("area_m2", False))
"""Tie-breakers between equally good variants, in order, and whether more of each is better."""
_DIGITS = 12


def best_variant(points: Sequence[Point], column: str, *, more: bool) -> Point | None:
    """Return the point with the least, or the most, of a column; None if no point has a value.

    For an energy, only the points with the most terms take part: a point that lacks a term only looks cheap.
    """
    known = [point for point in points if point.value(column).mean is not None]
    if column in ENERGIES:
        most = max((completeness(point) for point in known), default=0)
        known = [point for point in known if completeness(point) == most]
    return min(known, key=lambda point: rank_key(point, column, more=more), default=None)


def level_with(best: Point, points: Sequence[Point], column: str) -> list[Point]:
    """Return the points that are as good in a column as the best of them, which is the first; further ones in the order
    in which ties are broken. Energies are equal only if they hold equally many terms."""

    def key(point: Point) -> tuple[float, int]:
        return _badness(point, column, more=False), completeness(point) if column in ENERGIES else 0

    level = [point for point in points if key(point) == key(best)]
    return sorted(level, key=lambda point: rank_key(point, column, more=False))


def completeness(point: Point) -> int:
    """How many terms an energy has, not counting those that few chips have and others do not lack, such as a clock."""
    return sum(any(term.missing for term in COVERAGE.get(name, ())) for name in point.coverage)


def rank_key(point: Point, column: str, *, more: bool) -> tuple[float, ...]:
    """The sort key of a point, smallest for the best; ties go by accuracy, energy, latency, area and the point's
    number."""
    return (*(_badness(point, name, rising) for name, rising in ((column, more), *_TIES)), point.number)


def _badness(point: Point, column: str, more: bool) -> float:
    mean = point.value(column).mean
    if mean is None:
        return math.inf
    return float(f"{-mean if more else mean:.{_DIGITS}g}")


def by_option(points: Sequence[Point], option: Callable[[Point], OptionT | None]) -> dict[OptionT, list[Point]]:
    """Group points by the option that they belong to; points of no option are left out."""
    found: dict[OptionT, list[Point]] = {}
    for point in points:
        if (key := option(point)) is not None:
            found.setdefault(key, []).append(point)
    return found

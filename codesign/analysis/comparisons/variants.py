"""Which variant stands for an option: the best of those that meet the constraints, never the first of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from codesign.analysis.comparisons.comparison import ENERGIES
from codesign.analysis.results.points import Point

OptionT = TypeVar("OptionT", bound=Hashable)

_TIES = (("accuracy", True), ("energy_j", False), ("latency_s", False), ("area_m2", False))
"""What decides between variants that are equally good, in this order; and whether more of it is better."""
_DIGITS = 12


def best_variant(points: Sequence[Point], column: str, *, more: bool) -> Point | None:
    """The point with least or most of a column; None if none has it.

    Of an energy, only points with the most terms take part, since what lacks a term only looks cheap. Equal points are
    told apart by accuracy, energy, latency and area.
    """
    known = [point for point in points if point.value(column).mean is not None]
    if column in ENERGIES:
        most = max((len(point.coverage) for point in known), default=0)
        known = [point for point in known if len(point.coverage) == most]
    return min(known, key=lambda point: _key(point, column, more), default=None)


def _key(point: Point, column: str, more: bool) -> tuple[float, ...]:
    return (*(_badness(point, name, rising) for name, rising in ((column, more), *_TIES)), point.number)


def _badness(point: Point, column: str, more: bool) -> float:
    mean = point.value(column).mean
    if mean is None:
        return math.inf
    return float(f"{-mean if more else mean:.{_DIGITS}g}")


def by_option(points: Sequence[Point], option: Callable[[Point], OptionT | None]) -> dict[OptionT, list[Point]]:
    """Points by what they are an option of; those of none are left out."""
    found: dict[OptionT, list[Point]] = {}
    for point in points:
        if (key := option(point)) is not None:
            found.setdefault(key, []).append(point)
    return found

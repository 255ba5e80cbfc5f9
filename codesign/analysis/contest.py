"""Several points against each other in one column: who is best, in what share of seeds and draws, who cannot compare.

Points meet in pairs, energies on the terms that both hold. A point wins in a training seed and a joint draw of the
chips' numbers if it meets the constraints there and is as good as each other one that does; of several that are equally
good each has its part. Where it misses them, another variant of its option may stand in. Draws are those of the rows
(`codesign.analysis.robustness`): the same for all points of a chip, independent between chips. Terms that a point lacks
are drawn as well: as what they cost the other, times a factor that is log-normal around 1. Lacking a term thus makes a
point less sure, never cheaper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import shake_256
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codesign.analysis.columns import COLUMNS
from codesign.analysis.comparison import (
    Comparison,
    Obstacle,
    compare,
    compare_energies,
    energy_of,
    matched_terms,
)
from codesign.analysis.constraints import met_in
from codesign.analysis.formatting import column_label, coverage_words, listed
from codesign.analysis.fronts import comparison_group
from codesign.analysis.metadata import Objective
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import Constraint
from codesign.analysis.robustness import drawn

__all__ = ["GUESSED", "Contest", "absence", "compared", "hold", "leader", "obstacle_between"]

GUESSED = 5.0
"""What a term that a chip lacks is typically off by if it is taken from another chip: the factor by which the ten
published energies of an operation are off from the mean of the others (`docs/design.md`, Structure)."""
_DRAWS = 128
_ROUNDING = 1e-12
_NOBODY: Mapping[Point, Point] = MappingProxyType({})
_MOST = 60
"""Points that are held against each other in every draw; those that are worse on average win in none."""

Terms = tuple[str, ...] | None
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Contest:
    """What came out.

    Attributes:
        ranked: the best first.
        unranked: those that do not compare with the best, with the reason in words.
        wins: of those ranked, the share of training seeds × draws in which each meets the constraints and is the best.
        factors: of those ranked, the value over that of the best, or the best's over it where more is better; None
            where one is zero.
        level: how many of the first come to the same.
        settled: share of draws in which the mean over training seeds of the best beats the runner-up's.
        runner_up: the best against the first one that is not level with it; None without.
        terms: the energy terms on which each was held against the best, where they are not all of both.
    """

    ranked: tuple[Point, ...]
    unranked: Mapping[Point, str]
    wins: tuple[float, ...]
    factors: tuple[float | None, ...]
    level: int
    settled: float
    runner_up: Comparison | None
    terms: Mapping[Point, tuple[str, ...]] = field(default_factory=dict)


def hold(
    points: Sequence[Point],
    column: str,
    *,
    more: bool,
    names: Names,
    where: Sequence[Constraint] = (),
    rivals: Sequence[Point] = (),
    reserves: Mapping[Point, Point] = _NOBODY,
) -> Contest:
    """Hold points against each other.

    Args:
        points: one an option; any order.
        more: whether more of the column is better.
        where: constraints, none of them a `within`, that the points meet by their means.
        rivals: points that miss them by their means, and win where they meet them and are better.
        reserves: of some points, the variant of the same option that stands in where they miss the constraints.
    """
    unranked = {point: absence(point, column, names) for point in points if point.value(column).mean is None}
    known = sorted((point for point in points if point not in unranked), key=lambda p: _order(p, column, more))[:_MOST]
    ranked, pairs = _comparable(known, column, names)
    for point in known:
        if point not in ranked:
            reason = next(pairs[point, other] for other in ranked if isinstance(pairs[point, other], str))
            unranked[point] = str(reason)
    if not ranked:
        return Contest(ranked=(), unranked=unranked, wins=(), factors=(), level=0, settled=0.0, runner_up=None)
    duels = _Duels(ranked, column, more, pairs)
    order = duels.order()
    ranked = [ranked[place] for place in order]
    best = ranked[0]
    partial = {point: terms for point in ranked[1:] if (terms := duels.terms[best, point]) is not None}
    factors = (1.0, *(duels.factor(order[0], place) for place in order[1:]))
    level = next((n for n in range(1, len(order)) if duels.behind(order[0], order[n])), len(order))
    second = order[level] if level < len(order) else None
    options = [[point, *([reserves[point]] if point in reserves else [])] for point in duels.points]
    wins = duels.wins(options, rivals, where, names)
    return Contest(
        ranked=tuple(ranked),
        unranked=unranked,
        wins=tuple(float(wins[place]) for place in order),
        factors=factors,
        level=level,
        settled=1.0 if second is None else duels.settled(order[0], second),
        runner_up=None if second is None else compared(best, ranked[level], column, more=more),
        terms=partial,
    )


def leader(points: Sequence[Point], column: str, *, more: bool, names: Names) -> Point:
    """The best of points that have the column, by means and with the chips' numbers as they are, as `hold` ranks."""
    known = sorted(points, key=lambda p: _order(p, column, more))[:_MOST]
    ranked, pairs = _comparable(known, column, names)
    return ranked[_Duels(ranked, column, more, pairs).order()[0]]


def compared(best: Point, other: Point, column: str, *, more: bool) -> Comparison | None:
    """The comparison of two points in a column, energies on the terms that both hold; None where they have none."""
    terms = matched_terms(best, other) if column == "energy_j" else None
    if isinstance(terms, Obstacle):
        return None
    return compare(column, best, other, more_is_better=more) if terms is None else compare_energies(best, other, terms)


def obstacle_between(a: Point, b: Point, column: str, names: Names) -> Terms | str:
    """Why two points do not compare in a column, and what would help; else the energy terms to compare, None for all.

    Args:
        a, b: both with a value of the column.
    """
    unit = COLUMNS[column].unit
    if a.workload != b.workload:
        return f"One is measured on {a.workload}, the other on {b.workload}; run both on the same data."
    if unit not in ("", "m**2") and a.operation != b.operation:
        words = listed([f"{names.chips[p.chip]} runs {str(p.operation).replace('_', ' ')}" for p in (a, b)])
        return f"{words}; give both the same operation."
    if column != "energy_j":
        objective = (Objective(column=column, direction="minimize"),)
        if comparison_group(a, objective) != comparison_group(b, objective):
            return f"Their {column_label(column)} counts different terms; ask for energy_j, compared term by term."
        return None
    terms = matched_terms(a, b)
    if isinstance(terms, Obstacle):
        return _in_words(terms, names)
    return None if a.coverage == b.coverage else terms


def _in_words(obstacle: Obstacle, names: Names) -> str:
    chips = listed([names.chips[point.chip] for point in obstacle.points])
    match obstacle.kind:
        case "all in":
            return f"The energy of {chips} is an all-in figure; energies per operation could be compared."
        case "no common term":
            return f"The energies of {chips} have no term in common; prices of the same operation could be compared."
        case "terms within others":
            held = coverage_words(sorted(obstacle.points[0].included_terms))
            return f"The prices of {chips} include {held} in other terms; separate prices could be compared."
        case "no energy":
            return f"No energy is modelled for {chips}."


def absence(point: Point, column: str, names: Names) -> str:
    """That a point has no value of a column, and all numbers of its chip that are lacking for it."""
    label, chip = column_label(column), names.chips[point.chip]
    words = {"energy_delay_js": ("energy", "latency")}.get(column, (column.partition("_")[0],))
    entries = (entry.partition(": ") for entry in point.not_modelled)
    lacking = [reason for word, _, reason in entries if word in words]
    return f"No {label} is modelled for {chip}{f': {listed(lacking)}' if lacking else ''}."


def _comparable(
    known: Sequence[Point], column: str, names: Names
) -> tuple[list[Point], dict[tuple[Point, Point], Terms | str]]:
    """A set in which all compare, and on what: those that compare with most others come in first, then the better."""
    pairs: dict[tuple[Point, Point], Terms | str] = {}
    for number, a in enumerate(known):
        for b in known[number + 1 :]:
            pairs[a, b] = pairs[b, a] = obstacle_between(a, b, column, names)

    def met(point: Point) -> int:
        return sum(not isinstance(pairs[point, other], str) for other in known if other is not point)

    chosen: list[Point] = []
    for point in sorted(known, key=lambda p: -met(p)):  # stable: the better first
        if not any(isinstance(pairs[point, other], str) for other in chosen):
            chosen.append(point)
    return chosen, pairs


def _order(point: Point, column: str, more: bool) -> tuple[float, float]:
    mean = point.value(column).mean or 0.0
    return (-mean if more else mean), -(point.value("accuracy").mean or 0.0)


class _Duels:
    """Values of points by training seed and draw, pair by pair; less is better in all that is kept here."""

    def __init__(
        self, points: Sequence[Point], column: str, more: bool, pairs: Mapping[tuple[Point, Point], Terms | str]
    ) -> None:
        self.points, self.column = points, column
        self.terms = {pair: terms for pair, terms in pairs.items() if not isinstance(terms, str)}
        self._sign = -1.0 if more else 1.0
        self._values: dict[tuple[Point, Terms], tuple[tuple[int, ...], Floats]] = {}
        self._seeds = sorted(set.intersection(*({*map(int, point.seeds(column).index)} for point in points)))

    def values(self, point: Point, terms: Terms) -> Floats:
        """(S, D) values; (1, D) means over its own training seeds where the points have none in common."""
        if (point, terms) not in self._values:
            self._values[point, terms] = self._read(point, terms)
        seeds, values = self._values[point, terms]
        if not self._seeds:
            return np.asarray(values.mean(axis=0, keepdims=True))
        return values[[seeds.index(seed) for seed in self._seeds]]

    def _read(self, point: Point, terms: Terms) -> tuple[tuple[int, ...], Floats]:
        series = self._series(point, terms)
        nominal = tuple(int(seed) for seed in series.index), series.to_numpy(dtype=float)[:, None]
        found = drawn(point, self.column, terms)
        if found is not None and set(self._seeds) <= set(found[0]):
            return found
        return nominal

    def pair(self, a: Point, b: Point, terms: Terms) -> tuple[Floats, Floats]:
        """(S, D) values of two points, less is better; with what each lacks of the other's terms."""
        one, other = self.values(a, None), self.values(b, None)
        if terms is not None:
            owed, due = other - self.values(b, terms), one - self.values(a, terms)
            draws = max(one.shape[1], other.shape[1])
            one, other = one + _guessed(a, owed, draws), other + _guessed(b, due, draws)
        return self._sign * one, self._sign * other

    def order(self) -> list[int]:
        """Places of the points: those that beat most others on average first, then the better mean."""
        places = range(len(self.points))
        beaten = [sum(self.behind(a, b) for b in places if b != a) for a in places]
        return sorted(places, key=lambda a: (-beaten[a], self._sign * (self.points[a].value(self.column).mean or 0.0)))

    def behind(self, first: int, second: int) -> bool:
        """Whether the second is worse by means."""
        a, b = (self._sign * value for value in self.nominal(first, second))
        return a < b - _ROUNDING * abs(b)

    def wins(
        self, options: Sequence[Sequence[Point]], rivals: Sequence[Point], where: Sequence[Constraint], names: Names
    ) -> Floats:
        """(n,) share of seeds × draws in which each option meets the constraints and is the best of those that do.

        Args:
            options: of each of the points, itself and who stands in for it.
        """
        if self._seeds:
            able = [self._able(variants, where) for variants in (*options, *([rival] for rival in rivals))]
        else:  # means over different seeds say nothing of any one of them
            able = [{point: np.ones((1, 1), dtype=bool)} for point in self.points]
        best = []
        for place in range(len(options)):
            others = [entry for number, entries in enumerate(able) if number != place for entry in entries.items()]
            ways = [self._ahead(point, met, others, names) for point, met in able[place].items()]
            best.append(np.logical_or.reduce(np.broadcast_arrays(*ways)))
        table = np.array(np.broadcast_arrays(*best), dtype=float)
        shared = table / np.maximum(table.sum(axis=0), 1.0)
        return np.asarray(shared.reshape(len(options), -1).mean(axis=1))

    def _able(self, variants: Sequence[Point], where: Sequence[Constraint]) -> dict[Point, NDArray[np.bool_]]:
        """Where each variant meets the constraints and no earlier one does; those that lack a training seed are out."""
        found: dict[Point, NDArray[np.bool_]] = {}
        for point in variants:
            if set(self._seeds) <= {*map(int, point.seeds(self.column).index)}:
                taken = np.logical_or.reduce(np.broadcast_arrays(False, *found.values()))
                found[point] = met_in(point, where, self._seeds) & ~taken
        return found

    def _ahead(
        self,
        point: Point,
        met: NDArray[np.bool_],
        others: Sequence[tuple[Point, NDArray[np.bool_]]],
        names: Names,
    ) -> NDArray[np.bool_]:
        """Where a point that is `met` is as good as all others that are, of those that compare with it."""
        ahead = [met]
        for other, there in others:
            known = (point, other) in self.terms
            terms = self.terms[point, other] if known else obstacle_between(point, other, self.column, names)
            if not isinstance(terms, str):
                a, b = self.pair(point, other, terms)
                ahead.append((a <= b + _ROUNDING * np.abs(b)) | ~there)
        return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*ahead)), dtype=bool)

    def factor(self, best: int, other: int) -> float | None:
        a, b = (abs(value) for value in self.nominal(best, other))
        low, high = (a, b) if self._sign > 0 else (b, a)
        return high / low if low > 0 else None

    def nominal(self, first: int, second: int) -> tuple[float, float]:
        """Means over training seeds with the chips' numbers as they are."""
        a, b = self.points[first], self.points[second]
        one, other = (self._mean(point, self.terms[a, b]) for point in (a, b))
        return one, other

    def _mean(self, point: Point, terms: Terms) -> float:
        key = ("mean", self.column, terms)
        if key not in point.memory:
            point.memory[key] = float(self._series(point, terms).mean())
        mean = point.memory[key]
        assert isinstance(mean, float)
        return mean

    def _series(self, point: Point, terms: Terms) -> pd.Series:
        return point.seeds(self.column) if terms is None else energy_of(point, terms)

    def settled(self, best: int, other: int) -> float:
        first, second = self.points[best], self.points[other]
        a, b = (values.mean(axis=0) for values in self.pair(first, second, self.terms[first, second]))
        return float((a < b).mean())


def _guessed(point: Point, elsewhere: Floats, draws: int) -> Floats:
    """(S, D) what the terms cost that a point lacks, from what they cost the other one."""
    if not elsewhere.any():
        return elsewhere
    draws = draws if draws > 1 else _DRAWS
    seed = int.from_bytes(shake_256(point.silicon.encode()).digest(8), "big")
    places = (np.random.default_rng(seed).permutation(draws) + 0.5) / draws
    return elsewhere * GUESSED ** np.array([NormalDist().inv_cdf(place) for place in places])

"""How certain a comparison of energies or times is, given that the chips' numbers are ranges.

Everything comes from the rows: their values in joint draws of a chip's numbers, and with each number alone at the ends
of its range. Rows of one chip share their draws, so that what both sides have in common cancels; numbers of different
chips are drawn independently, even those of two descriptions of the same silicon. The model's own error on a chip is
drawn like a number, but cannot be looked up: answers say how far it would have to be off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import shake_256
from itertools import chain
from typing import Any

import numpy as np

from codesign.analysis.comparisons.comparability import BY_TERM
from codesign.analysis.results.books import MADE_OF_ENERGY, made_of
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import CONFIDENCE, GIVEN
from codesign.analysis.results.table import is_known
from codesign.arrays import Floats
from codesign.errors import InputError
from codesign.hardware.draws import DRAWS
from codesign.hardware.terms import ACTIONS, COST_TERMS, COVERAGE, ENERGY_COLUMNS, MODEL

_DRAWS = {
    "energy_j": ("energy_draws_j", "energy_at_low_j", "energy_at_high_j"),
    "latency_s": ("latency_draws_s", "latency_at_low_s", "latency_at_high_s"),
    "on_s": ("on_draws_s", "on_at_low_s", "on_at_high_s"),
}
"""The draws of a column, and its values with each number at its lower and upper end."""
DRAWN: Mapping[str, tuple[str, ...]] = {
    "energy_j": ("energy_j",),
    **{name: ("energy_j", *({other} & _DRAWS.keys())) for name, (_, other) in MADE_OF_ENERGY.items()},
    "area_m2": (),
    **dict.fromkeys(("latency_s", "decision_latency_s", "interval_s"), ("latency_s",)),
}
"""Columns that depend on the draws, and the columns of `_DRAWS` that they move with. An area is a number by itself."""

SAME = 1e-5
"""The relative difference up to which values in a draw are the same: rows hold six digits of them."""
_PRICES = frozenset(action.price for action in ACTIONS)
_UNCERTAIN = ("uncertain_numbers", "uncertain_low", "uncertain_value", "uncertain_high")
_TERMS = ("term_draws", "term_at_low", "term_at_high")


@dataclass(frozen=True, kw_only=True)
class RangedNumber:
    """One number of a chip with its range, in SI units.

    Numbers with the same silicon and path are drawn at the same place of their ranges, whatever the ranges are:
    variants that set or scale a number still share how far off it is.
    """

    silicon: str
    path: str
    chip: str = field(compare=False)
    low: float = field(compare=False)
    value: float = field(compare=False)
    high: float = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Tip:
    """The value of one number at which it alone reverses a comparison.

    Attributes:
        at: the value at which it does, in SI units.
        shared: whether both sides have the number, so that it moves on both.
        above: whether the comparison reverses above `at` or below it.
        exact: whether the difference is linear in this number; if not, `at` is interpolated.
    """

    number: RangedNumber
    at: float
    above: bool
    exact: bool
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """How certain it is that `better` is better.

    Attributes:
        better_draws, worse_draws: (D,) means over training seeds in each joint draw.
        probability: share of joint draws of the chips' numbers in which the mean over training seeds is better.
        tips: the numbers that would reverse it, the least relative change first.
        spreads: how far the range of each number moves the difference, the farthest first.
        models: the model's error on each chip that has one, as a factor; `high` is how far it is typically off. Empty
            for a single chip, where it cancels.
    """

    better_draws: Floats = field(repr=False, compare=False)
    worse_draws: Floats = field(repr=False, compare=False)
    probability: float
    tips: tuple[Tip, ...] = field(repr=False)
    spreads: Mapping[RangedNumber, float] = field(repr=False, compare=False)
    models: tuple[RangedNumber, ...] = field(repr=False)

    @property
    def settled(self) -> bool:
        """Whether it is better in at least the share of draws that an interval covers."""
        return self.probability >= CONFIDENCE


@dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """One point: (S, 1 + D + 2 n) values by training seed: the value itself, in D draws, and at both ends of n
    numbers."""

    numbers: tuple[RangedNumber, ...]
    seeds: tuple[int, ...]
    values: Floats

    @property
    def draws(self) -> Floats:
        """(S, D)"""
        return self.values[:, 1 : self.values.shape[1] - 2 * len(self.numbers)]

    @property
    def mean(self) -> float:
        return float(self.values[:, 0].mean())

    def of(self, seeds: Sequence[int]) -> _Side:
        """Keep some of the training seeds."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return _Side(numbers=self.numbers, seeds=tuple(seeds), values=self.values[rows])

    def at(self, seeds: Sequence[int]) -> _Side:
        """Repeat a given model, which is the same in all training seeds."""
        return _Side(
            numbers=self.numbers, seeds=tuple(seeds), values=np.tile(self.values.mean(axis=0), (len(seeds), 1))
        )

    def ends(self, number: RangedNumber) -> Floats:
        """Return (2,) means with a number at its ends; the mean itself if this side does not have the number."""
        if number not in self.numbers:
            return np.full(2, self.mean)
        at_ends = self.values[:, -2 * len(self.numbers) :].mean(axis=0).reshape(2, -1)
        return np.asarray(at_ends[:, self.numbers.index(number)])


def robustness_of(column: str, better: Point, worse: Point, terms: Sequence[str] | None = None) -> Robustness | None:
    """Return how certain it is that `better` needs less of a column of `DRAWN`, or of some terms of the energy; None if
    neither point's rows have draws."""
    sides = [_side(point, column, terms) for point in (better, worse)]
    ranged = next((side for side in sides if side is not None), None)
    if ranged is None or (None in sides and column in BY_TERM):  # an energy without draws is not exact
        return None
    draws = ranged.draws.shape[1]
    first, second = (side or _exact(point, column, draws) for side, point in zip(sides, (better, worse), strict=True))
    if (better.training_method == GIVEN) != (worse.training_method == GIVEN):
        given = better.training_method == GIVEN
        first, second = (first.at(second.seeds), second) if given else (first, second.at(first.seeds))
    common = [seed for seed in first.seeds if seed in second.seeds]
    if not common:
        return None
    first, second = first.of(common), second.of(common)
    better_draws, worse_draws = (side.draws.mean(axis=0) for side in (first, second))
    numbers = tuple(dict.fromkeys((*first.numbers, *second.numbers)))
    error = MODEL + ("latency" if DRAWN[column] == ("latency_s",) else "energy")
    models = tuple(number for number in numbers if number.path == error)
    tips, spreads = [], dict[RangedNumber, float]()
    for number in numbers:
        less, more = first.ends(number), second.ends(number)
        low, high = (more - less).tolist()
        spreads[number] = abs(high - low)
        same = [other for side in (first, second) for other in side.numbers if other == number]
        alike = len({(other.low, other.value, other.high) for other in same}) == 1
        if alike and (tip := _tip(number, (first.mean, *less), (second.mean, *more))) is not None:
            tips.append(replace(tip, shared=number in first.numbers and number in second.numbers))
    return Robustness(
        better_draws=better_draws,
        worse_draws=worse_draws,
        probability=float((worse_draws > better_draws).mean()),
        tips=tuple(sorted(tips, key=_change)),
        spreads=dict(sorted(spreads.items(), key=lambda spread: -spread[1])),
        models=() if any(model in first.numbers and model in second.numbers for model in models) else models,
    )


def _change(tip: Tip) -> float:
    """How far `tip.at` is from the number's value, as the logarithm of a factor."""
    return abs(math.log(tip.at / tip.number.value)) if tip.at > 0 and tip.number.value > 0 else math.inf


def _tip(number: RangedNumber, less: Sequence[float], more: Sequence[float]) -> Tip | None:
    """Return where both sides, `less` and `more`, become equal, the nearer place if both ends of the number reverse
    them. Each side gives its values with the number as it is and at its ends."""
    if number.path.startswith(MODEL):
        return None
    gain, *at_ends = np.subtract(more, less)
    tips = []
    for place, there in zip((number.low, number.high), at_ends, strict=True):
        if there <= 0 < gain and place != number.value:
            at = number.value + (place - number.value) * gain / (gain - there)
            tips.append(Tip(number=number, at=float(at), above=place > number.value, exact=number.path in _PRICES))
    return min(tips, key=lambda tip: abs(tip.at - number.value), default=None)


def same_in_draws(one: Floats, other: Floats) -> bool:
    """Whether two options have the same value in each draw."""
    return bool(np.allclose(one, other, rtol=SAME, atol=0))


def drawn(point: Point, column: str, terms: Sequence[str] | None = None) -> tuple[tuple[int, ...], Floats] | None:
    """Return the training seeds and (S, D) values in each joint draw of the chip's numbers; None if rows have no
    draws."""
    side = _side(point, column, terms) if column in DRAWN else None
    return None if side is None else (side.seeds, side.draws)


def undrawn(column: str) -> bool:
    """Whether a column depends on the chip's numbers but rows hold no draws of it."""
    priced = COLUMNS[column].unit in ("J", "s", "J·s", "W") and not column.endswith("wall_s")
    return (priced or column in ("late_fraction", "overloaded_ticks")) and column not in DRAWN


def quantiles(draws: Floats) -> Floats:
    """Return (3,): the lower end of the middle 95 % of (D,) draws, their median, and the upper end."""
    return np.quantile(draws, [(1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2])


def places_of(silicon: str, draws: int) -> Floats:
    """Return (D,) places in (0, 1) in random order, the same for every point of one silicon."""
    seed = int.from_bytes(shake_256(silicon.encode()).digest(8), "big")
    return np.asarray((np.random.default_rng(seed).permutation(draws) + 0.5) / draws)


def _side(point: Point, column: str, terms: Sequence[str] | None) -> _Side | None:
    if column == "area_m2":
        return point.remembered(("robustness", column), lambda: _area_of(point))
    whole = terms is None or tuple(sorted(terms)) == point.coverage
    told = None if whole else tuple(terms or ())
    return point.remembered(("robustness", column, told), lambda: _gathered(point, column, told))


def _exact(point: Point, column: str, draws: int) -> _Side:
    """Return a side that has the same values in each draw, such as an area without a range."""
    series = point.seeds(column)
    values = np.tile(series.to_numpy(dtype=float)[:, None], 1 + draws)
    return _Side(numbers=(), seeds=tuple(map(int, series.index)), values=values)


def _area_of(point: Point) -> _Side | None:
    """Return the area, log-uniform in its range, at the same place for all variants of one silicon; None without a
    range."""
    low, value, high = (point.value(name).mean for name in ("area_low_m2", "area_m2", "area_high_m2"))
    if low is None or value is None or high is None or not 0 < low < high:
        return None
    number = RangedNumber(silicon=point.silicon, path="area", chip=point.chip, low=low, value=value, high=high)
    draws = next((len(cell) for cell in point.cells("energy_draws_j") if is_known(cell)), DRAWS)
    values = [value, *(low * (high / low) ** places_of(f"{point.silicon} area", draws)), low, high]
    seeds = tuple(map(int, point.training_seeds))
    return _Side(numbers=(number,), seeds=seeds, values=np.tile(values, (len(seeds), 1)))


def _gathered(point: Point, column: str, terms: Sequence[str] | None) -> _Side | None:
    by_seed: dict[int, list[Floats]] = {}
    ranges: dict[tuple[str, ...], Mapping[Any, Any]] = {}
    drawn = (column, *DRAWN[column], *_UNCERTAIN, *chain(*map(_DRAWS.__getitem__, DRAWN[column])))
    needed = drawn if terms is None else (*drawn, "uncertain_terms", "term_scale_j", *_TERMS)
    read = {*needed, *(other for _, other in MADE_OF_ENERGY.values()), *ENERGY_COLUMNS.values()}
    cells = (dict(zip(read, row, strict=True)) for row in zip(*map(point.cells, read), strict=True))
    for seed, row in zip(point.cells("training_seed"), cells, strict=True):
        if all(is_known(row[name]) for name in needed):
            values = _whole(row, column) if terms is None else _parts(row, terms, column)
            by_seed.setdefault(int(seed), []).append(values)
            ranges.setdefault(tuple(row["uncertain_numbers"]), row)
    if not by_seed:
        return None
    first, *others = ranges.values()
    if others:
        raise InputError(
            f"results: uncertain_numbers must be the same in all rows of a design point, but differ for {point}"
        )
    numbers = tuple(
        RangedNumber(
            silicon=point.silicon, path=path, chip=point.chip, low=float(low), value=float(value), high=float(high)
        )
        for path, low, value, high in zip(*(first[name] for name in _UNCERTAIN), strict=True)
    )
    seeds = tuple(sorted(by_seed))
    return _Side(
        numbers=numbers, seeds=seeds, values=np.array([np.mean(by_seed[seed], axis=0) for seed in seeds], dtype=float)
    )


def _whole(row: Mapping[Any, Any], column: str) -> Floats:
    """Return (1 + D + 2 n,) values of a row, in the order of a `_Side`."""
    if "energy_j" in DRAWN[column]:
        return np.asarray(made_of(column, _drawn(row, "energy_j"), lambda other: _drawn(row, other)))
    share = row[column] / row["latency_s"] if row["latency_s"] else 1.0
    return np.array([row[column], *(share * _drawn(row, "latency_s")[1:])])


def _drawn(row: Mapping[Any, Any], column: str) -> Floats:
    """Return the values of a row likewise, (1,) if they are not drawn."""
    return np.concatenate([[row[column]], *map(row.get, _DRAWS.get(column, ()))]).astype(float)


def _parts(row: Mapping[Any, Any], terms: Sequence[str], column: str) -> Floats:
    """Return sums of some terms, or a column made of them. Terms that vary between draws have their own draws; the
    others are constant."""
    moving = list(row["uncertain_terms"])
    wanted = {term.name: row[term.column] for name in terms for term in COVERAGE[name]}
    known = {name: float(value) for name, value in wanted.items() if is_known(value)}
    fixed = sum(value for name, value in known.items() if name not in moving)
    scales = np.asarray(row["term_scale_j"], dtype=float) * [COST_TERMS[name].covered_as in terms for name in moving]
    counts = (len(row["energy_draws_j"]), len(row["uncertain_numbers"]), len(row["uncertain_numbers"]))
    by_term = [
        np.asarray(row[name], dtype=float).reshape(len(moving), count)
        for name, count in zip(_TERMS, counts, strict=True)
    ]
    energy = np.array([sum(known.values()), *(fixed + scales @ np.hstack(by_term))])
    return np.asarray(made_of(column, energy, lambda other: _drawn(row, other)))

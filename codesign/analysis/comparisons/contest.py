"""Options against each other in one column: who is best, in what share of seeds and draws, who cannot compare.

An option is represented by the best of its variants that meet the constraints. These meet in pairs, energies on the
terms that both hold. One wins in a training seed and a joint draw of the chips' numbers if it meets the constraints
there and is as good as each other one that does; of several that are equally good each has its part. Where it misses
them, another variant of its option may stand in. Draws are those of the rows, see
`codesign.analysis.comparisons.robustness`: the same for all points of a chip, independent between chips. Terms that a
point lacks are drawn as well: as what they cost the other, times a factor that is log-normal around 1. Lacking a term
thus makes a point less sure, never cheaper. A time in which neighbours agree that is not given is drawn like a term.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from codesign.analysis.comparisons.comparison import Comparison, compare, energy_of
from codesign.analysis.comparisons.constraints import best_variant, meeting, met_in, over_words, seeds_of, standing
from codesign.analysis.comparisons.obstacles import Terms, absence, obstacle_between, untimed
from codesign.analysis.comparisons.robustness import DRAWN, OF_LATENCY, drawn, places_of
from codesign.analysis.questions import Constraint
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN
from codesign.arrays import Flags, Floats
from codesign.deferred import pd
from codesign.hardware.draws import DRAWS, errors_at

GUESSED = 5.0
"""What a term that a chip lacks is typically off by if it is taken from another chip: the factor by which the ten
published energies of an operation are off from the mean of the others (`docs/design.md`, Structure)."""
_ROUNDING = 1e-12
_MOST = 60
"""Points that are held against each other in every draw; those that are worse on average win in none."""

Met = Mapping[Point, Flags]


@dataclass(frozen=True, kw_only=True, eq=False)
class Contest:
    """What is held against each other, and what comes out.

    Attributes:
        members: variants of each option that answer anything.
        label: an option as a reader says it.
        more: whether more of the column is better.
        where: constraints, none of them a `within`.
        names: for why points do not compare.
    """

    members: Mapping[Any, Sequence[Point]]
    label: Callable[[Any], str]
    column: str
    more: bool
    where: Sequence[Constraint] = ()
    names: Names

    @cached_property
    def chosen(self) -> Mapping[Any, Point]:
        """The best variant of each option that has one which meets the constraints."""
        best = {
            option: best_variant(meeting(variants, self.where), self.column, more=self.more)
            for option, variants in self.members.items()
        }
        return {option: point for option, point in best.items() if point is not None}

    def option_of(self, point: Point) -> Any:
        """The option that a chosen variant stands for."""
        return next(option for option, one in self.chosen.items() if one is point)

    def label_of(self, point: Point) -> str:
        """That option as a reader says it."""
        return self.label(self.option_of(point))

    @cached_property
    def unknown(self) -> Mapping[str, str]:
        """Options that meet the constraints and are not ranked, and why: they have no value or none that compares.
        Those of a reader's own chip first, which a line in its file may rank."""
        found = {}
        for option, variants in self.members.items():
            if option in self.chosen:
                found[option] = self.unranked.get(self.chosen[option], "")
            elif able := meeting(variants, self.where):
                found[option] = absence(able[0], self.column, self.names)
        ordered = sorted(filter(found.get, found), key=lambda option: not self.members[option][0].own_chip)
        return {self.label(option): found[option] for option in ordered}

    # by means ---------------------------------------------------------------------------------------------------------

    @cached_property
    def unranked(self) -> Mapping[Point, str]:
        """Chosen points that do not compare with the best, with the reason in words."""
        return {
            point: next(w for other in self._comparable if isinstance(w := self._terms(point, other), str))
            for point in self._foremost
            if point not in self._comparable
        }

    @cached_property
    def ranked(self) -> tuple[Point, ...]:
        """The best first: those that beat most others on average, then the better mean. On matched terms, one that the
        best beats may beat another that beats the best; the latter comes last."""
        beaten = {a: sum(self._behind(a, b) for b in self._comparable if b is not a) for a in self._comparable}
        found = sorted(self._comparable, key=lambda p: (-beaten[p], self._order(p)))
        others = sorted(found[1:], key=lambda p: 2 * self._behind(p, found[0]) + self._behind(found[0], p))
        return (*found[:1], *others)

    @cached_property
    def level(self) -> int:
        """How many of the first come to the same."""
        rest = enumerate(self.ranked[1:], start=1)
        return next((place for place, point in rest if self._behind(self.ranked[0], point)), len(self.ranked))

    @cached_property
    def second(self) -> Point | None:
        """The first one that is not level with the best."""
        return self.ranked[self.level] if self.level < len(self.ranked) else None

    @cached_property
    def runner_up(self) -> Comparison | None:
        """The best against `second`; None without."""
        if self.second is None:
            return None
        return compare(self.column, self.ranked[0], self.second, more_is_better=self.more)

    @cached_property
    def factors(self) -> Mapping[Point, float | None]:
        """Of those ranked, the value over that of the best, or the best's over it where more is better; None where one
        is not above zero."""
        best = self.ranked[0]
        return {point: 1.0 if point is best else self.times_better(best, point) for point in self.ranked}

    @cached_property
    def terms(self) -> Mapping[Point, tuple[str, ...]]:
        """The energy terms on which each was held against the best, where they are not all of both."""
        found = {point: self._terms(self.ranked[0], point) for point in self.ranked[1:]}
        return {point: terms for point, terms in found.items() if isinstance(terms, tuple)}

    def _has(self, point: Point) -> bool:
        return point.value(self.column).mean is not None

    def _order(self, point: Point) -> float:
        return self._sign * (point.value(self.column).mean or 0.0)

    @property
    def _sign(self) -> float:
        """Less is better in all that is multiplied by it."""
        return -1.0 if self.more else 1.0

    @cached_property
    def _in_order(self) -> list[Point]:
        return sorted(self.chosen.values(), key=lambda point: standing(point, self.column, more=self.more))

    @cached_property
    def _foremost(self) -> list[Point]:
        return self._in_order[:_MOST]

    @property
    def beyond(self) -> Mapping[Point, str]:
        """Chosen points that are too many to be held against all others, with that in words."""
        return dict.fromkeys(self._in_order[_MOST:], f"Not among the best {_MOST}, which are ranked.")

    @cached_property
    def _comparable(self) -> list[Point]:
        """A set in which all compare: those that compare with most others come in first, then the better."""

        def apart(a: Point) -> int:
            return sum(isinstance(self._terms(a, b), str) for b in self._foremost if b is not a)

        chosen: list[Point] = []
        for point in sorted(self._foremost, key=apart):  # stable: the better first
            if not any(isinstance(self._terms(point, other), str) for other in chosen):
                chosen.append(point)
        return chosen

    @cached_property
    def _pairs(self) -> dict[tuple[Point, Point], Terms | str]:
        return {}

    def _terms(self, a: Point, b: Point) -> Terms | str:
        if (a, b) not in self._pairs:
            self._pairs[a, b] = self._pairs[b, a] = obstacle_between(a, b, self.column, self.names)
        return self._pairs[a, b]

    def _means(self, a: Point, b: Point) -> tuple[float, float]:
        """Over training seeds, with the chips' numbers as they are, of two that compare."""
        terms = self._terms(a, b)
        assert not isinstance(terms, str)
        return self._mean(a, terms), self._mean(b, terms)

    def _mean(self, point: Point, terms: Terms) -> float:
        return point.remembered(("mean", self.column, terms), lambda: float(self._series(point, terms).mean()))

    def _series(self, point: Point, terms: Terms) -> pd.Series:
        return point.seeds(self.column) if terms is None else energy_of(point, terms, self.column)

    def _behind(self, first: Point, second: Point) -> bool:
        """Whether the second is worse by means."""
        a, b = (self._sign * mean for mean in self._means(first, second))
        return a < b - _ROUNDING * abs(b)

    def ahead(self, point: Point, other: Point) -> bool:
        """Whether a point with a value is better than another by means, where they compare."""
        return self._has(point) and not isinstance(self._terms(point, other), str) and self._behind(point, other)

    def next_to(self, point: Point) -> Point | None:
        """The first ranked option that compares with an unranked one; None without one, or a value."""
        ranked = self.ranked if self._has(point) else ()
        return next((other for other in ranked if not isinstance(self._terms(point, other), str)), None)

    def times_better(self, point: Point, other: Point) -> float | None:
        """How many times better one is than another that it compares with; None where one is not above zero."""
        own, its = self._means(point, other)
        low, high = (its, own) if self.more else (own, its)
        return high / low if low > 0 and high > 0 else None

    # by seeds and draws -----------------------------------------------------------------------------------------------

    @cached_property
    def reserves(self) -> Mapping[Point, Point]:
        """Of chosen variants that miss the constraints in some seeds or draws, the one that misses them in fewest."""
        missing = {point: option for option, point in self.chosen.items() if self._share_met(point) < 1.0}
        safest = {point: self._safest(meeting(self.members[option], self.where)) for point, option in missing.items()}
        return {point: it for point, it in safest.items() if it and self._share_met(it) > self._share_met(point)}

    @cached_property
    def _rivals(self) -> list[Point]:
        """Of each option of which none meets the constraints, the variant that meets them in most seeds and draws."""
        missing = (variants for option, variants in self.members.items() if option not in self.chosen)
        nearest = [self._safest(each) for each in missing if not meeting(each, self.where)]
        return [point for point in nearest if point is not None and self._share_met(point)]

    def _safest(self, variants: Sequence[Point]) -> Point | None:
        """Of those that meet the constraints in most seeds and draws, the best."""
        share = {variant: self._share_met(variant) for variant in variants if self._has(variant)}
        most = max(share.values(), default=0.0)
        return best_variant([point for point, met in share.items() if met == most], self.column, more=self.more)

    def _share_met(self, point: Point) -> float:
        return float(met_in(point, self.where, seeds_of(point, self.where, point.training_seeds)).mean())

    @cached_property
    def _shares(self) -> Floats:
        """(P, S, D) the part that each of those ranked has in being the best in each training seed and draw. Those that
        are best in the same of them count as one."""
        if self._seeds:
            variants = [[point, *([self.reserves[point]] if point in self.reserves else [])] for point in self.ranked]
            able = [self._able(each) for each in (*variants, *([rival] for rival in self._rivals))]
        else:  # means over different seeds say nothing of any one of them
            able = [{point: np.ones((1, 1), dtype=bool)} for point in self.ranked]
        best = []
        for place in range(len(self.ranked)):
            others = [entry for number, entries in enumerate(able) if number != place for entry in entries.items()]
            ways = [self._ahead(point, met, others) for point, met in able[place].items()]
            best.append(np.logical_or.reduce(np.broadcast_arrays(*ways)))
        table = np.array(np.broadcast_arrays(*best), dtype=float)
        _, kind, alike = np.unique(table.reshape(len(table), -1), axis=0, return_inverse=True, return_counts=True)
        table /= alike[kind.ravel()][:, None, None]
        return np.asarray(table / np.where(table.any(axis=0), table.sum(axis=0), 1.0))

    @cached_property
    def wins(self) -> Mapping[Point, float]:
        """Of those ranked, the share of training seeds × draws in which each meets the constraints and is the best."""
        return dict(zip(self.ranked, self._shares.mean(axis=(1, 2)).tolist(), strict=True))

    @property
    def drawn(self) -> bool:
        """Whether `wins` are over more than the values of a single training seed."""
        return self._shares.shape[1:] != (1, 1)

    @property
    def over(self) -> str:
        """What `wins` are shares of, in words."""
        return over_words(*self._shares.shape[1:])

    @cached_property
    def confidence(self) -> float:
        """The wins of all that are level with the best."""
        return min(1.0, sum(self.wins[point] for point in self.ranked[: self.level]))

    @cached_property
    def settled(self) -> float:
        """Share of draws in which the mean over training seeds of the best beats that of `second`."""
        if self.second is None:
            return 1.0
        a, b = (values.mean(axis=0) for values in self._pair(self.ranked[0], self.second))
        return float((a < b).mean())

    @cached_property
    def _seeds(self) -> list[int]:
        """Training seeds that the best, those level with it and the next have, given models aside."""
        first = self.ranked[: self.level + 1]
        first = tuple(point for point in first if point.training_method != GIVEN) or first
        return sorted(set.intersection(*({*map(int, point.seeds(self.column).index)} for point in first)))

    def _able(self, variants: Sequence[Point]) -> Met:
        """Where each variant meets the constraints and no earlier one does. Of those that lack a training seed, the
        ranked count with their means, which meet them, and others not at all; a given model lacks none."""
        found: dict[Point, Flags] = {}
        for point in variants:
            met = np.ones((1, 1), dtype=bool)
            known = {*map(int, point.seeds(self.column).index)}
            if whole := point.training_method == GIVEN or set(self._seeds) <= known:
                taken = np.logical_or.reduce(np.broadcast_arrays(False, *found.values()))
                met = met_in(point, self.where, self._seeds) & ~taken
            if whole or point in self.ranked:
                found[point] = met
        return found

    def _ahead(self, point: Point, met: Flags, others: Sequence[tuple[Point, Flags]]) -> Flags:
        """Where a point that is `met` is as good as all others that are, of those that compare with it."""
        ahead = [met]
        for other, there in others:
            if not isinstance(self._terms(point, other), str):
                a, b = self._pair(point, other)
                ahead.append((a <= b + _ROUNDING * np.abs(b)) | ~there)
        return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*ahead)), dtype=bool)

    def _pair(self, a: Point, b: Point) -> tuple[Floats, Floats]:
        """(S, D) values of two points, less is better; with what each lacks of the other's terms."""
        one, other, terms = self._values(a, None), self._values(b, None), self._terms(a, b)
        if isinstance(terms, tuple):
            owed, due = other - self._values(b, terms), one - self._values(a, terms)
            draws = max(one.shape[1], other.shape[1])
            one, other = one + _guessed(a, owed, draws), other + _guessed(b, due, draws)
        return self._sign * self._slowed(one, a, b), self._sign * self._slowed(other, b, a)

    def _slowed(self, values: Floats, point: Point, other: Point) -> Floats:
        """(S, D) values with the time that the point's file does not give: what the other one waits, times a factor. An
        energy grows by the static power in that time, a product by both. A power is that energy over a longer time."""
        waits = waiting_of(point, other)
        if not waits or not DRAWN.get(self.column):
            return values
        later = _guessed(point, np.full((1, 1), waits), values.shape[1])
        energy, latency, busy = (point.value(name).mean or 0.0 for name in ("energy_j", "latency_s", "on_s"))
        static = sum(point.term(name).mean or 0.0 for name in point.known_terms(("static",)))
        dearer = later * (static / busy if busy and point.operation == "accelerated" else 0.0)
        if self.column == "power_w":
            longer = later if point.operation == "accelerated" else 0.0
            return np.asarray((values * busy + dearer) / (busy + longer)) if busy else values
        if self.column in OF_LATENCY and latency:
            later = later * (point.value(self.column).mean or 0.0) / latency
        times = dict.fromkeys(("latency_s", *OF_LATENCY), later)
        grown = {"energy_j": dearer, **times}.get(self.column)
        return values + (later * energy + dearer * (latency + later) if grown is None else grown)

    def _values(self, point: Point, terms: Terms) -> Floats:
        """(S, D) values; (1, D) means over its own training seeds where it lacks one, or none are compared."""
        found = drawn(point, self.column, terms)
        series = self._series(point, terms)
        known = tuple(map(int, series.index))
        if found is None or not set(self._seeds) & set(known) <= set(found[0]):
            found = known, series.to_numpy(dtype=float)[:, None]
        seeds, values = found
        if not self._seeds or not set(self._seeds) <= set(seeds):
            return np.asarray(values.mean(axis=0, keepdims=True))
        return values[[seeds.index(seed) for seed in self._seeds]]


def waiting_of(point: Point, other: Point) -> float | None:
    """Time from which a time missing in a point's file is guessed, in seconds; 0 if there is nothing to guess, None
    if the other point has no such time."""
    if not untimed(point, "latency_s") or untimed(other, "latency_s"):
        return 0.0
    return other.value("latency_synchronization_s").mean if other.synchronization in ("barrier", "neighbour") else None


def _guessed(point: Point, elsewhere: Floats, draws: int) -> Floats:
    """(S, D) what the terms cost that a point lacks, from what they cost the other one."""
    if not elsewhere.any():
        return elsewhere
    places = places_of(point.silicon, draws if draws > 1 else DRAWS)
    return elsewhere * errors_at(GUESSED, places)

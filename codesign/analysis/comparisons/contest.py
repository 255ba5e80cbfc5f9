"""Options compared in one column: which is best, how often, and which cannot be compared.

An option is represented by its best variant that meets the constraints. Representatives are compared in pairs, their
energies on the terms that both have. An option wins in a training seed and a joint draw of the chips' numbers if it
meets the constraints there and is as good as every other option that does; equally good options share the win. Where a
representative misses the constraints, another variant of its option may win instead. Draws are those of the rows (see
`codesign.analysis.comparisons.robustness`): the same for all points of a chip, independent between chips. The cost of a
term that a point lacks is drawn, too: what it costs the other point, times a factor that is log-normal around 1. A
missing term therefore makes a point less certain, never cheaper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from codesign.analysis.comparisons.comparability import Obstacle, Terms, common_terms
from codesign.analysis.comparisons.comparison import Comparison, compare, in_draws, values_on
from codesign.analysis.comparisons.constraints import Constraint, meeting, met_in, seeds_of
from codesign.analysis.comparisons.not_modelled import absence
from codesign.analysis.comparisons.robustness import places_of, same_in_draws
from codesign.analysis.comparisons.variants import best_variant, rank_key
from codesign.analysis.results.formatting import listed
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN
from codesign.arrays import Flags, Floats
from codesign.hardware.draws import DRAWS, errors_at

GUESSED = 5.0
"""The factor by which a term taken from another chip is typically off: that by which each of the ten published energies
of an operation differs from the mean of the others (`docs/design.md`, Structure)."""
_ROUNDING, _DIGITS = 1e-12, 12
_MOST = 60
"""The most points that are compared in every draw; others are not ranked."""

Met = Mapping[Point, Flags]


@dataclass(frozen=True, kw_only=True, eq=False)
class Contest:
    """The options of a question, compared in one column.

    Attributes:
        members: the variants of each option, without those that never answer.
        label: names an option as a reader would.
        more: whether larger values of the column are better.
        where: the constraints, none of them a `within`.
        names: names for the reasons why points do not compare.
    """

    members: Mapping[Any, Sequence[Point]]
    label: Callable[[Any], str]
    column: str
    more: bool
    where: Sequence[Constraint] = ()
    names: Names

    @cached_property
    def chosen(self) -> Mapping[Any, Point]:
        """The best variant that meets the constraints, of each option that has one."""
        best = {
            option: best_variant(meeting(variants, self.where), self.column, more=self.more)
            for option, variants in self.members.items()
        }
        return {option: point for option, point in best.items() if point is not None}

    @cached_property
    def everyone(self) -> Sequence[Point]:
        """All variants of all options, whether they meet the constraints or not."""
        return [point for variants in self.members.values() for point in variants]

    def option_of(self, point: Point) -> Any:
        """Return the option that a chosen variant represents."""
        return next(option for option, one in self.chosen.items() if one is point)

    def label_of(self, point: Point) -> str:
        """Name the option of a chosen variant as a reader would."""
        return self.label(self.option_of(point))

    @cached_property
    def unknown(self) -> Mapping[str, str]:
        """The options that meet the constraints but are not ranked, with the reason: no value, or none that compares.
        Options on a reader's own chip come first, since a line in its file may get them ranked."""
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
        """The chosen points that do not compare with the best, with the reason in words."""
        return {
            point: next(filter(None, (self._obstacle(point, other) for other in self._comparable))).in_words(self.names)
            for point in self._foremost
            if point not in self._comparable
        }

    @cached_property
    def ranked(self) -> tuple[Point, ...]:
        """The comparable points, best first: by how many others they beat on average, then by the mean. On matched
        terms the order may be circular: a point that the best beats may beat one that beats the best. The latter comes
        last."""
        beaten = {a: sum(self._behind(a, b) for b in self._comparable if b is not a) for a in self._comparable}
        found = sorted(self._comparable, key=lambda p: (-beaten[p], self._order(p)))
        others = sorted(found[1:], key=lambda p: 2 * self._behind(p, found[0]) + self._behind(found[0], p))
        return (*found[:1], *others)

    @cached_property
    def level(self) -> int:
        """How many of the first points are equal."""
        rest = enumerate(self.ranked[1:], start=1)
        return next((place for place, point in rest if self._behind(self.ranked[0], point)), len(self.ranked))

    @cached_property
    def second(self) -> Point | None:
        """The first point that is not level with the best; None if all are."""
        return self.ranked[self.level] if self.level < len(self.ranked) else None

    @cached_property
    def runner_up(self) -> Comparison | None:
        """The best compared with `second`; None if there is no second, or they have no training seed in common."""
        return None if self.second is None else self.leads.get(self.second)

    @cached_property
    def alike(self) -> bool:
        """Whether the points level with the best are equal to it in each training seed and draw, terms that one of them
        lacks included."""
        return all(same_in_draws(*self._pair(self.ranked[0], point)) for point in self.ranked[1 : self.level])

    @cached_property
    def leads(self) -> Mapping[Point, Comparison]:
        """The best compared with each point that is not level with it, or with all others if all are level, where both
        have a training seed in common."""
        others = self.ranked[self.level :] or self.ranked[1:]
        found = {other: compare(self.column, self.ranked[0], other, more_is_better=self.more) for other in others}
        return {other: comparison for other, comparison in found.items() if comparison is not None}

    def times_as_many_variants(self, other: Point) -> int:
        """How many times as many variants the best was chosen from as another point, rounded up. Variants with the same
        spikes vary alike from training to training, and count as one."""
        return math.ceil(self._variants[self.ranked[0]] / self._variants[other])

    @cached_property
    def _variants(self) -> Mapping[Point, int]:
        """How many variants with different spikes each ranked point was chosen from."""
        able = {point: meeting(self.members[self.option_of(point)], self.where) for point in self.ranked}
        return {point: len({one.value("spike_density").mean for one in of}) for point, of in able.items()}

    @cached_property
    def factors(self) -> Mapping[Point, float | None]:
        """For each ranked point its value divided by the best one's, or the inverse if more is better; None if either
        is not above zero."""
        best = self.ranked[0]
        return {point: 1.0 if point is best else self.times_better(best, point) for point in self.ranked}

    @cached_property
    def terms(self) -> Mapping[Point, tuple[str, ...]]:
        """The energy terms on which each point was compared with the best, where these are not all terms of both."""
        found = {point: self._terms(self.ranked[0], point) for point in self.ranked[1:]}
        return {point: terms for point, terms in found.items() if isinstance(terms, tuple)}

    def _has(self, point: Point) -> bool:
        return point.value(self.column).mean is not None

    def _order(self, point: Point) -> float:
        return self._sign * (point.value(self.column).mean or 0.0)

    @property
    def _sign(self) -> float:
        """The factor that turns values into ones of which less is better."""
        return -1.0 if self.more else 1.0

    @cached_property
    def _foremost(self) -> list[Point]:
        return sorted(self.chosen.values(), key=lambda point: rank_key(point, self.column, more=self.more))[:_MOST]

    @property
    def beyond(self) -> int:
        """How many options are too many to be compared."""
        return max(len(self.chosen) - _MOST, 0)

    @cached_property
    def _comparable(self) -> list[Point]:
        """A set of points that all compare, filled with those that compare with most others first, then the better
        ones."""

        def apart(a: Point) -> int:
            return sum(self._obstacle(a, b) is not None for b in self._foremost if b is not a)

        chosen: list[Point] = []
        for point in sorted(self._foremost, key=apart):  # stable: the better first
            if not any(self._obstacle(point, other) for other in chosen):
                chosen.append(point)
        return chosen

    @cached_property
    def _pairs(self) -> dict[tuple[Point, Point], Terms | Obstacle]:
        return {}

    def _terms(self, a: Point, b: Point) -> Terms | Obstacle:
        if (a, b) not in self._pairs:
            self._pairs[a, b] = self._pairs[b, a] = common_terms(a, b, self.column)
        return self._pairs[a, b]

    def _obstacle(self, a: Point, b: Point) -> Obstacle | None:
        terms = self._terms(a, b)
        return terms if isinstance(terms, Obstacle) else None

    def means(self, a: Point, b: Point) -> tuple[float, float]:
        """Return the means of two comparable points over the training seeds that both have, if they share any, with the
        chips' numbers as they are."""
        terms = self._terms(a, b)
        assert not isinstance(terms, Obstacle)
        common = self._common_seeds(a, b, terms)
        return self._mean(a, terms, common), self._mean(b, terms, common)

    def _common_seeds(self, a: Point, b: Point, terms: Terms) -> frozenset[int]:
        """Return the training seeds in which both have values; none if just one is a given model, which has no other
        value in any seed."""
        if (a.training_method == GIVEN) != (b.training_method == GIVEN):
            return frozenset()
        return self._seeds_with_values(a, terms) & self._seeds_with_values(b, terms)

    def _seeds_with_values(self, point: Point, terms: Terms) -> frozenset[int]:
        key = ("seeds with values", self.column, terms)
        return point.remembered(key, lambda: frozenset(map(int, values_on(point, terms, self.column).index)))

    def _mean(self, point: Point, terms: Terms, seeds: frozenset[int]) -> float:
        """Return the mean over these training seeds, or if there are none, over all."""

        def mean() -> float:
            series = values_on(point, terms, self.column)
            return float((series[series.index.isin(seeds)] if seeds else series).mean())

        return point.remembered(("mean", self.column, terms, seeds), mean)

    def _behind(self, first: Point, second: Point) -> bool:
        """Whether the mean of the second is worse."""
        a, b = (self._sign * mean for mean in self.means(first, second))
        return a < b - _ROUNDING * abs(b)

    def ahead(self, point: Point, other: Point) -> bool:
        """Whether a point has a value, compares with the other and has the better mean."""
        return self._has(point) and self._obstacle(point, other) is None and self._behind(point, other)

    def next_to(self, point: Point) -> Point | None:
        """Return the best ranked point that compares with an unranked one; None if there is none, or it has no
        value."""
        ranked = self.ranked if self._has(point) else ()
        return next((other for other in ranked if self._obstacle(point, other) is None), None)

    def times_better(self, point: Point, other: Point) -> float | None:
        """How many times better a point is than another that it compares with; None if either is not above zero."""
        own, its = self.means(point, other)
        low, high = (its, own) if self.more else (own, its)
        return high / low if low > 0 and high > 0 else None

    # by seeds and draws -----------------------------------------------------------------------------------------------

    @cached_property
    def reserves(self) -> Mapping[Point, Point]:
        """For chosen variants that miss the constraints in some seeds or draws, the variant of the option that misses
        them in fewest."""
        missing = {point: option for option, point in self.chosen.items() if self._share_met(point) < 1.0}
        safest = {point: self._safest(meeting(self.members[option], self.where)) for point, option in missing.items()}
        return {point: it for point, it in safest.items() if it and self._share_met(it) > self._share_met(point)}

    @cached_property
    def _rivals(self) -> list[Point]:
        """For each option without a variant that meets the constraints, the variant that meets them in most seeds and
        draws."""
        missing = (variants for option, variants in self.members.items() if option not in self.chosen)
        nearest = [self._safest(each) for each in missing if not meeting(each, self.where)]
        return [point for point in nearest if point is not None and self._share_met(point)]

    def _safest(self, variants: Sequence[Point]) -> Point | None:
        """Return the best of the variants that meet the constraints in most seeds and draws."""
        share = {variant: self._share_met(variant) for variant in variants if self._has(variant)}
        most = max(share.values(), default=0.0)
        return best_variant([point for point, met in share.items() if met == most], self.column, more=self.more)

    def _share_met(self, point: Point) -> float:
        return float(met_in(point, self.where, seeds_of(point, self.where, point.training_seeds)).mean())

    @cached_property
    def _shares(self) -> Floats:
        """The (P, S, D) part that each ranked point has in being the best in each training seed and draw. Points that
        are best in exactly the same seeds and draws count as one."""
        if self.seeds:
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
        """For each ranked point the share of training seeds × draws in which it meets the constraints and is the
        best."""
        return dict(zip(self.ranked, self._shares.mean(axis=(1, 2)).tolist(), strict=True))

    @property
    def drawn(self) -> bool:
        """Whether `wins` say anything: they are shares of more than the values of a single training seed, and the best
        has a `second`, or no option with an unknown value."""
        return self._shares.shape[1:] != (1, 1) and not (self.unknown and self.second is None)

    @property
    def over(self) -> str:
        """What `wins` are shares of, in words."""
        _, seeds, draws = self._shares.shape
        return listed(["training seeds"] * (seeds > 1) + ["draws of the chips' numbers"] * (draws > 1))

    @cached_property
    def confidence(self) -> float:
        """The summed wins of all points that are level with the best; of three that always are, three thirds are 1."""
        return min(1.0, round(sum(self.wins[point] for point in self.ranked[: self.level]), _DIGITS))

    @cached_property
    def seeds(self) -> list[int]:
        """The training seeds common to the best, those level with it and the next; given models do not count."""
        first = self.ranked[: self.level + 1]
        first = tuple(point for point in first if point.training_method != GIVEN) or first
        return sorted(set.intersection(*({*map(int, point.seeds(self.column).index)} for point in first)))

    def _able(self, variants: Sequence[Point]) -> Met:
        """Return where each variant meets the constraints and no earlier one does. Ranked variants that lack a training
        seed count with their means, which meet the constraints; others that lack one do not count. A given model lacks
        none."""
        found: dict[Point, Flags] = {}
        for point in variants:
            met = np.ones((1, 1), dtype=bool)
            known = {*map(int, point.seeds(self.column).index)}
            if whole := point.training_method == GIVEN or set(self.seeds) <= known:
                taken = np.logical_or.reduce(np.broadcast_arrays(False, *found.values()))
                met = met_in(point, self.where, self.seeds) & ~taken
            if whole or point in self.ranked:
                found[point] = met
        return found

    def _ahead(self, point: Point, met: Flags, others: Sequence[tuple[Point, Flags]]) -> Flags:
        """Return where a point meets the constraints and is as good as every comparable point that meets them there."""
        ahead = [met]
        for other, there in others:
            if self._obstacle(point, other) is None:
                a, b = self._pair(point, other)
                ahead.append((a <= b + _ROUNDING * np.abs(b)) | ~there)
        return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*ahead)), dtype=bool)

    def _pair(self, a: Point, b: Point) -> tuple[Floats, Floats]:
        """Return (S, D) values of two points, less being better, with a guess of the terms that each lacks of the
        other's."""
        one, other, terms = self._values(a, None), self._values(b, None), self._terms(a, b)
        if isinstance(terms, tuple):
            owed, due = other - self._values(b, terms), one - self._values(a, terms)
            draws = max(one.shape[1], other.shape[1])
            one, other = one + _guessed(a, owed, draws), other + _guessed(b, due, draws)
        return self._sign * one, self._sign * other

    def _values(self, point: Point, terms: Terms) -> Floats:
        """Return (S, D) values, or (1, D) means over the point's own training seeds if it lacks one or none are
        compared."""
        values = in_draws(point, self.column, self.seeds or point.training_seeds, terms)
        if not self.seeds or not set(self.seeds) <= values.keys():
            return np.asarray(np.mean([*values.values()], axis=0, keepdims=True))
        return np.array([values[seed] for seed in self.seeds])


def _guessed(point: Point, elsewhere: Floats, draws: int) -> Floats:
    """Guess the (S, D) costs of the terms that a point lacks from what they cost the other one."""
    if not elsewhere.any():
        return elsewhere
    places = places_of(point.silicon, draws if draws > 1 else DRAWS)
    return elsewhere * errors_at(GUESSED, places)

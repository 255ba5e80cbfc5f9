"""The comparison of two points, paired by training seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from codesign.analysis.comparisons.comparability import BY_TERM, Obstacle, Terms, common_terms
from codesign.analysis.comparisons.robustness import DRAWN, Robustness, drawn, robustness_of, same_in_draws
from codesign.analysis.results.books import made_of
from codesign.analysis.results.columns import SIZES
from codesign.analysis.results.points import Gathered, Point
from codesign.analysis.results.samples import answer_alike, counts_samples
from codesign.analysis.results.statistics import GIVEN, Interval, difference, paired
from codesign.arrays import Floats
from codesign.deferred import pd
from codesign.hardware.terms import COVERAGE, ENERGY_COLUMNS


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """A point that is said to be `better` compared with one that is said to be `worse`.

    Attributes:
        column: the compared column, for its name and unit.
        better_mean, worse_mean: means over the seeds that both have.
        gain: the paired difference in the direction of the claim: above zero supports it.
        robustness: the effect of the ranges of the chips' numbers; None if it does not depend on any, or if they are
            unknown.
    """

    column: str
    better: Point
    worse: Point
    better_mean: float
    worse_mean: float
    gain: Interval
    robustness: Robustness | None = None

    @property
    def equal(self) -> bool:
        """Whether both are equal for each training seed, not just on average. Two networks may have equally many right
        answers by chance; with the same spikes they give the same answers."""
        by_chance = counts_samples(self.column) and not answer_alike(self.better, self.worse, self.column)
        return self.gain.mean == 0.0 and not self.gain.half_width and not by_chance

    @property
    def of_one_training(self) -> bool:
        """Whether the difference is that of a single training, which does not show how much trainings differ; not
        of two given models, which are not trained."""
        given = self.better.training_method == self.worse.training_method == GIVEN
        return self.gain.half_width is None and not given

    @property
    def alike(self) -> bool:
        """Whether both are equal in each draw of the chips' numbers, too."""
        found = self.robustness
        return self.equal and (found is None or same_in_draws(found.better_draws, found.worse_draws))

    @property
    def sides(self) -> tuple[Point, Point]:
        """Both points in the order in which the gain is the first's value less the second's."""
        rising = (self.better_mean - self.worse_mean) * (self.gain.mean or 0.0) >= 0
        return (self.better, self.worse) if rising else (self.worse, self.better)

    @property
    def in_part(self) -> bool:
        """Whether only the energy terms that both sides have are compared, because one of them has others, too."""
        return self.column in BY_TERM and self.better.coverage != self.worse.coverage

    @property
    def ratio(self) -> float | None:
        """Mean of `worse` over mean of `better`; None if one is not above zero."""
        return self.worse_mean / self.better_mean if self.better_mean > 0 and self.worse_mean > 0 else None


def compare(column: str, better: Point, worse: Point, *, more_is_better: bool) -> Comparison | None:
    """The paired comparison; None if no training seed has the value on both sides, or energies have no common term.
    `better` and `worse` change places if it is the other way round on the terms and over the seeds that both have."""
    terms = common_terms(better, worse, column)
    if isinstance(terms, Obstacle):
        return None
    values, others = values_on(better, terms, column), values_on(worse, terms, column)
    one, other = paired(values, others)
    if len(one) and one.mean() != other.mean() and (one.mean() < other.mean()) == more_is_better:
        better, worse, values, others = worse, better, others, values
    found = compare_series(column, better, worse, values, others, more_is_better=more_is_better)
    return found if found is None or more_is_better else with_robustness(found, terms)


def with_robustness(comparison: Comparison, terms: Sequence[str] | None = None) -> Comparison:
    """The comparison with the effect of the ranges of the chips' numbers, for some energy terms or all."""
    if comparison.column not in DRAWN:
        return comparison
    robustness = robustness_of(comparison.column, comparison.better, comparison.worse, terms)
    return replace(comparison, robustness=robustness)


def compare_series(
    column: str, better: Point, worse: Point, values: pd.Series, others: pd.Series, *, more_is_better: bool
) -> Comparison | None:
    """Like `compare`, for values by training seed that are not a single column."""
    gain = difference(values, others) if more_is_better else difference(others, values)
    if gain.mean is None:
        return None
    if column in SIZES:
        gain = replace(gain, half_width=gain.half_width or 0.0)
    left, right = paired(values, others)
    return Comparison(
        column=column,
        better=better,
        worse=worse,
        better_mean=float(left.mean()),
        worse_mean=float(right.mean()),
        gain=gain,
    )


def values_on(point: Point, terms: Terms, column: str) -> pd.Series:
    """A column by training seed; if it is made of the energy, of the energy of these terms alone."""
    if terms is None or tuple(sorted(terms)) == point.coverage:
        return point.seeds(column)
    energy = point.sums(ENERGY_COLUMNS[name] for name in point.known_terms(terms))
    made: pd.Series = made_of(column, energy, point.seeds)
    return made[made < math.inf]


def in_draws(point: Point, column: str, of_given: Iterable[int], terms: Terms = None) -> Mapping[int, Floats]:
    """Return, by training seed, (D,) values in the joint draws of the chip's numbers, or (1,) if the rows hold no
    draws. A given model has the same values in every seed of `of_given`."""
    series, found = values_on(point, terms, column), drawn(point, column, terms)
    seeds, values = [*map(int, series.index)], series.to_numpy(dtype=float)[:, None]
    if found is not None and set(found[0]) == set(seeds):
        seeds, values = [*found[0]], found[1]
    if point.training_method == GIVEN and seeds:
        return dict.fromkeys(of_given, values[0])
    return dict(zip(seeds, values, strict=True))


def all_values_on(whole: Gathered, terms: Terms, column: str) -> Floats:
    """What `values_on` returns, for each entry of `whole.means`; NaN where it has no value."""
    if terms is None:
        return whole.means[column]
    energy = pd.Series(0.0, index=range(whole.ends[-1]))
    for part in (ENERGY_COLUMNS[term.name] for name in terms for term in COVERAGE.get(name, ())):
        known = [value.mean is not None for value in whole.intervals(part)]
        energy += np.where(np.repeat(known, np.diff(whole.ends)), whole.means[part], 0.0)
    made: pd.Series = made_of(column, energy, whole.means.__getitem__)
    return made.where(made < math.inf).to_numpy()

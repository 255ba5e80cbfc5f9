"""Means and intervals over training seeds.

Evaluation seeds of one trained model are averaged first, because they are not independent trainings. The remaining
numbers, one per training seed, get Student's t interval. Differences are paired by training seed.

Trainings often have equally many right answers, above all if nearly all of few samples are right, and would then seem
not to differ at all. Accuracies of a point are therefore taken to deviate by at least half a sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from codesign.arrays import Floats
from codesign.deferred import pd

CONFIDENCE = 0.95
"""Two-sided coverage of every interval in the report, and the share from which on an answer is sure."""
LIKELY = 0.8
"""The share from which on an answer is likely."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and its confidence interval.

    Attributes:
        mean: mean over training seeds; None if no seed has the value.
        half_width: half of the interval's width; None with fewer than two seeds.
        seeds: number of training seeds that have the value.
    """

    mean: float | None
    half_width: float | None
    seeds: int

    @property
    def low(self) -> float | None:
        return None if self.mean is None or self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        return None if self.mean is None or self.half_width is None else self.mean + self.half_width

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above zero; False without an interval."""
        return self.low is not None and self.low > 0

    def wider(self, tries: int) -> Interval:
        """The interval that keeps its coverage if the mean is the largest of so many tries (Bonferroni)."""
        if not self.half_width:
            return self
        widened = quantile_of(self.seeds - 1, tries) / quantile_of(self.seeds - 1)
        return replace(self, half_width=widened * self.half_width)

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below zero; False without an interval."""
        return self.high is not None and self.high < 0


def seed_means(rows: pd.DataFrame, columns: Sequence[str], groups: ArrayLike) -> pd.DataFrame:
    """Means of numeric columns over the evaluation seeds of each training seed of each of the (rows,) groups: floats,
    indexed by (group, training seed) in ascending order; NaN if no row has the value."""
    seeds = rows["training_seed"].to_numpy(dtype=int)
    index = pd.MultiIndex.from_arrays([np.asarray(groups, dtype=int), seeds], names=["group", "training_seed"])
    values = {column: rows[column].to_numpy(dtype=float, na_value=np.nan) for column in columns}
    return pd.DataFrame(values, index=index).groupby(level=["group", "training_seed"]).mean()


def interval(values: ArrayLike) -> Interval:
    """Student's t interval of the mean of independent values, one per training seed."""
    numbers = np.asarray(values, dtype=float)
    return intervals(numbers, (0, len(numbers)))[0]


def intervals(values: Floats, ends: Sequence[int], least: Floats | None = None) -> list[Interval]:
    """The `interval` of each part of the values, NaN left out; `ends` is 0 and then the end of each part. The standard
    deviation of a part is taken to be at least `least` of its values."""
    known = ~np.isnan(values)
    least = np.zeros(len(known)) if least is None else least
    bounds = np.concatenate([[0], np.cumsum(known)])[np.asarray(ends)]
    values, least, starts, counts = values[known], least[known], bounds[:-1], np.diff(bounds)
    found = [Interval(mean=None, half_width=None, seeds=0)] * len(counts)
    for count in {*counts.tolist()} - {0}:  # parts of equal length, as rows of one array
        places = np.flatnonzero(counts == count)
        rows = values[starts[places, None] + np.arange(count)]
        means, halves = rows.mean(axis=1).tolist(), [None] * len(places)
        if count > 1:
            spread = np.maximum(np.std(rows, axis=1, ddof=1), least[starts[places]])
            halves = (quantile_of(count - 1) * spread / math.sqrt(count)).tolist()
        for place, mean, half in zip(places.tolist(), means, halves, strict=True):
            found[place] = Interval(mean=mean, half_width=half, seeds=count)
    return found


def half_samples(samples: Floats) -> Floats:
    """Half of one of so many samples, as a share of them; 0 where their number is unknown."""
    return np.divide(0.5, samples, out=np.zeros_like(samples), where=samples > 0)


@cache
def quantile_of(degrees_of_freedom: int, tries: int = 1) -> float:
    """Student's t quantile of a two-sided interval, or of several that have the coverage together (Bonferroni)."""
    from scipy.special import stdtrit  # scipy.stats also has it, but takes seconds to import

    return float(stdtrit(degrees_of_freedom, 1 - (1 - CONFIDENCE) / 2 / tries))


def chance_of_as_many(count: int, of: int) -> float:
    """Chance that as many `of` independent intervals, or more, lie on one side of zero without any difference."""
    from scipy.special import bdtrc

    return float(bdtrc(count - 1, of, (1 - CONFIDENCE) / 2))


GIVEN = "given"
"""The training method of a model that is not trained, and the name of its values, which are the same for every training
seed."""


def paired(one: pd.Series, other: pd.Series) -> tuple[Floats, Floats]:
    """Values of the training seeds that both have, in the same order."""
    one, other = _with_seeds_of(other, one), _with_seeds_of(one, other)
    if not one.index.equals(other.index):  # aligning takes far longer than everything done with the values
        common = one.index.intersection(other.index)
        one, other = one.loc[common], other.loc[common]
    return one.to_numpy(dtype=float), other.to_numpy(dtype=float)


def gains_over(values: pd.Series, others: pd.Series) -> pd.Series:
    """`values` minus `others`, for the training seeds that both have."""
    return (_with_seeds_of(others, values) - _with_seeds_of(values, others)).dropna()


def _with_seeds_of(others: pd.Series, values: pd.Series) -> pd.Series:
    """Values unchanged, or those of a given model repeated for the seeds of a trained one."""
    if values.name != GIVEN or others.name == GIVEN or values.empty:
        return values
    return pd.Series(float(values.mean()), index=others.index)


def difference(minuend: pd.Series, subtrahend: pd.Series) -> Interval:
    """Interval of the mean difference, paired by training seed; seeds of only one side are left out.

    Differences within rounding are zero, as is their mean; otherwise two sums of the same numbers in different order
    would differ "for certain".
    """
    left, right = paired(minuend, subtrahend)
    differences = left - right
    rounding = 1e-12 * np.maximum(np.abs(left), np.abs(right))
    found = interval(np.where(np.abs(differences) > rounding, differences, 0.0))
    zero = found.mean is not None and abs(found.mean) <= rounding.max()
    return replace(found, mean=0.0) if zero else found


def ratio(numerator: pd.Series, denominator: pd.Series) -> Interval:
    """Interval of the mean quotient, paired by training seed; seeds of only one side, and zeros, are left out."""
    above, below = paired(numerator, denominator[denominator != 0])
    return interval(above / below)

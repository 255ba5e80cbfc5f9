"""Means and intervals over training seeds.

Evaluation seeds of one trained model are averaged first: they are not independent draws of training. What is left, one
number a training seed, gets Student's t interval. Differences are paired by training seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["CONFIDENCE", "Interval", "difference", "interval", "seed_means"]

CONFIDENCE = 0.95
"""Two-sided coverage of every interval in the report."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and its confidence interval.

    Attributes:
        mean: mean over training seeds; None if no seed has the value.
        half_width: half of the interval's width; None with fewer than two seeds, which give no interval.
        seeds: training seeds that have the value.
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
        """Whether the whole interval is above zero; never so without an interval."""
        return self.low is not None and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below zero; never so without an interval."""
        return self.high is not None and self.high < 0


def seed_means(rows: pd.DataFrame, column: str) -> pd.Series:
    """Mean of `column` over the evaluation seeds of each training seed; seeds without a known value are left out.

    Returns:
        Series of floats, indexed by training seed in ascending order.
    """
    known = rows[["training_seed", column]].astype(float).dropna()
    return known.groupby("training_seed")[column].mean().sort_index()


def interval(values: pd.Series) -> Interval:
    """Student's t interval of the mean of independent values, one a training seed."""
    count = len(values)
    if count == 0:
        return Interval(mean=None, half_width=None, seeds=0)
    numbers = values.to_numpy(dtype=float)
    mean = float(numbers.mean())
    if count == 1:
        return Interval(mean=mean, half_width=None, seeds=1)
    from scipy.stats import t

    quantile = float(t.ppf((1 + CONFIDENCE) / 2, count - 1))
    return Interval(mean=mean, half_width=quantile * float(np.std(numbers, ddof=1)) / math.sqrt(count), seeds=count)


def difference(minuend: pd.Series, subtrahend: pd.Series) -> Interval:
    """Interval of the mean difference, paired by training seed; seeds that only one side has are left out.

    Differences within rounding are zero, or two sums of the same numbers in another order would differ "for certain".
    """
    common = minuend.index.intersection(subtrahend.index)
    left, right = minuend.loc[common], subtrahend.loc[common]
    differences = left - right
    rounding = 1e-12 * np.maximum(left.abs(), right.abs())
    return interval(differences.where(differences.abs() > rounding, 0.0))

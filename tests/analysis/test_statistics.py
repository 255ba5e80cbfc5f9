from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from codesign.analysis.results.formatting import quantity
from codesign.analysis.results.statistics import Interval, difference, interval, intervals, ratio, seed_means


def test_evaluation_seeds_are_averaged_within_a_training_seed_first():
    rows = pd.DataFrame({"training_seed": [1, 0, 0, 0, 2, 0], "accuracy": [0.5, 0.9, 0.6, 0.3, math.nan, 0.1]})
    rows["samples"] = pd.array([3, 1, None, 2, None, 9], dtype="Int64")
    means = seed_means(rows, ["accuracy", "samples"], [4, 4, 4, 4, 4, 7])
    assert means.loc[4].index.tolist() == [0, 1, 2]
    assert means.loc[4, "accuracy"].tolist()[:2] == pytest.approx([0.6, 0.5])
    assert math.isnan(means.loc[4, "accuracy"][2])
    assert means.loc[4, "samples"].tolist()[:2] == [1.5, 3.0]
    assert means.loc[7, "accuracy"].tolist() == [0.1]


def test_interval_of_three_seeds_by_hand():
    # Values 1, 2, 3: mean 2, sample deviation 1, t(0.975, 2) = 4.302653.
    result = interval(pd.Series([1.0, 2.0, 3.0]))
    assert result.mean == 2.0
    assert result.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert result.seeds == 3
    assert not result.above_zero


def test_intervals_of_many_are_those_of_each_to_the_last_bit():
    parts = [np.exp(np.random.default_rng(count).normal(size=count)) for count in (3, 1, 0, 5, 12, 3)]
    unknown = [np.append(part, np.nan) for part in parts]
    ends = np.cumsum([0, *map(len, unknown)]).tolist()
    assert intervals(np.concatenate(unknown), ends) == [interval(part) for part in parts]


def test_one_seed_gives_a_mean_and_no_interval_and_none_gives_neither():
    single = interval(pd.Series([0.5]))
    assert single == Interval(mean=0.5, half_width=None, seeds=1)
    assert single.low is None
    assert not single.above_zero
    assert interval(pd.Series([], dtype=float)) == Interval(mean=None, half_width=None, seeds=0)


def test_differences_are_paired_by_training_seed():
    # The seeds differ by far more than the effect does: only pairing shows it.
    better = pd.Series([0.11, 0.51, 0.91], index=[0, 1, 2])
    worse = pd.Series([0.80, 0.10, 0.50, 0.90], index=[7, 0, 1, 2])
    result = difference(better, worse)
    assert result.mean == pytest.approx(0.01)
    assert result.seeds == 3
    assert result.above_zero
    assert difference(worse, better).below_zero
    unpaired = interval(pd.Series([0.11, 0.51, 0.91]))
    assert unpaired.half_width > 0.5


@pytest.mark.parametrize(
    ("half", "text"),
    [(4.4e-10, "4.83 ± 0 mJ"), (9e-7, "4.83 ± 0 mJ"), (1.1e-6, "4.8300 ± 0.0011 mJ"), (1.2e-5, "4.830 ± 0.012 mJ")],
)
def test_a_spread_that_no_digit_of_the_mean_shows_is_none(half: float, text: str):
    assert quantity(4.83e-3, "energy_j", half) == text


def test_ratios_are_paired_and_leave_zeros_out():
    ours, theirs = pd.Series([2.0, 3.0, 1.0, 9.0]), pd.Series([5.0, 1.0, 2.0, 0.0], index=[7, 0, 1, 2])
    result = ratio(ours, theirs)  # 2 / 1 and 3 / 2
    assert (result.mean, result.seeds) == (1.75, 2)


def test_rounding_is_no_difference_and_nothing_in_common_none_at_all():
    result = difference(pd.Series([0.1 + 0.2, 0.1 + 0.2]), pd.Series([0.3, 0.3]))
    assert result == Interval(mean=0.0, half_width=0.0, seeds=2)
    assert not result.above_zero
    assert difference(pd.Series([1.0], index=[0]), pd.Series([1.0], index=[1])).mean is None

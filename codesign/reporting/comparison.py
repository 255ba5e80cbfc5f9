"""One comparison of two points, paired by training seed, and a claim made of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from codesign.reporting.points import Point
from codesign.reporting.statistics import Interval, difference
from codesign.reporting.wording import number, points, quantity

__all__ = ["Claim", "Comparison", "Status", "compare", "compare_series", "describe_gain", "standing", "status_of"]

Status = Literal["holds", "holds in part", "not shown", "cannot be asked"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """`better` against `worse`, as the claim has it.

    Attributes:
        column: what is compared, for its name and unit.
        better_mean, worse_mean: means over the seeds that both have.
        gain: the paired difference in the direction of the claim: above zero agrees with it.
    """

    column: str
    better: Point
    worse: Point
    better_mean: float
    worse_mean: float
    gain: Interval

    @property
    def status(self) -> Status:
        return "holds" if self.gain.above_zero else "not shown"

    @property
    def ratio(self) -> float | None:
        """Mean of `worse` over mean of `better`; None where the latter is zero."""
        return self.worse_mean / self.better_mean if self.better_mean else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """A statement with its standing, in a sentence computed from the rows.

    Attributes:
        name: short and stable.
        title: what is claimed.
        status: `holds` if every comparison's interval excludes zero on the claimed side, `holds in part` if some do,
            `not shown` if none does, `cannot be asked` where the rows have nothing to compare.
        sentence: what the rows say, with numbers and interval.
        comparisons: the evidence.
    """

    name: str
    title: str
    status: Status
    sentence: str
    comparisons: tuple[Comparison, ...] = ()


def compare(column: str, better: Point, worse: Point, *, more_is_better: bool) -> Comparison | None:
    """The paired comparison, or None if no training seed has the value on both sides."""
    return compare_series(
        column, better, worse, better.seeds(column), worse.seeds(column), more_is_better=more_is_better
    )


def compare_series(
    column: str, better: Point, worse: Point, values: pd.Series, others: pd.Series, *, more_is_better: bool
) -> Comparison | None:
    """Like `compare`, of values by training seed that no single column holds."""
    gain = difference(values, others) if more_is_better else difference(others, values)
    if gain.mean is None:
        return None
    common = values.index.intersection(others.index)
    return Comparison(
        column=column,
        better=better,
        worse=worse,
        better_mean=float(values.loc[common].mean()),
        worse_mean=float(others.loc[common].mean()),
        gain=gain,
    )


def status_of(comparisons: Sequence[Comparison]) -> Status:
    """What the comparisons together say of their claim."""
    holding = sum(comparison.status == "holds" for comparison in comparisons)
    if not comparisons:
        return "cannot be asked"
    return "holds" if holding == len(comparisons) else "holds in part" if holding else "not shown"


def standing(comparisons: Sequence[Comparison]) -> str:
    """How many comparisons agree with their claim beyond the spread of the seeds, in words."""
    seeds = sorted({comparison.gain.seeds for comparison in comparisons})
    spread = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    if seeds == [1]:
        return "one training seed gives no interval"
    agree = sum(comparison.gain.above_zero for comparison in comparisons)
    oppose = sum(comparison.gain.below_zero for comparison in comparisons)
    if len(comparisons) == 1:
        place = "excludes zero" if agree else "lies on the other side of zero" if oppose else "includes zero"
        return f"the interval {place}; {spread} training seeds"
    opposite = f", in {oppose} it lies on the other side" if oppose else ""
    return f"in {agree} of {len(comparisons)} comparisons the interval excludes zero{opposite}; {spread} training seeds"


def describe_gain(comparison: Comparison) -> str:
    """The difference with its interval, such as `32.4 points (95 % interval 31.5 to 33.3)`."""
    gain = comparison.gain
    assert gain.mean is not None, "compare() makes no comparison without a difference"
    if comparison.column == "accuracy":
        unit, write = " points", points
    elif quantity(1.0, comparison.column) == number(1.0):
        unit, write = "", number
    else:
        unit, write = "", lambda value: quantity(value, comparison.column)
    text = f"{_signed(write(gain.mean))}{unit}"
    if gain.low is None or gain.high is None:
        return f"{text} (no interval: one training seed)"
    return f"{text} (95 % interval {_signed(write(gain.low))} to {_signed(write(gain.high))})"


def _signed(text: str) -> str:
    return f"−{text[1:]}" if text.startswith("-") else text

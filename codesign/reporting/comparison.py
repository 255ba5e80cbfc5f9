"""One comparison of two points, paired by training seed, and a claim made of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from codesign.reporting.points import Point
from codesign.reporting.statistics import Interval, difference
from codesign.reporting.sureness import DRAWN, Sureness, describe_sureness, sureness_of
from codesign.reporting.wording import number, points, quantity

__all__ = [
    "Claim",
    "Comparison",
    "Status",
    "compare",
    "compare_series",
    "describe_gain",
    "how_sure",
    "standing",
    "status_of",
    "with_sureness",
]

Status = Literal["holds", "holds in part", "not shown", "does not hold", "cannot be asked"]
"""How a claim stands. Only a statement of the paper is said not to hold; see `codesign.reporting.paper.judging`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """`better` against `worse`, as the claim has it.

    Attributes:
        column: what is compared, for its name and unit.
        better_mean, worse_mean: means over the seeds that both have.
        gain: the paired difference in the direction of the claim: above zero agrees with it.
        sureness: what the ranges of the chips' numbers do to it; None where it depends on none or they are not known.
    """

    column: str
    better: Point
    worse: Point
    better_mean: float
    worse_mean: float
    gain: Interval
    sureness: Sureness | None = None

    @property
    def status(self) -> Status:
        """`holds in part`: beyond the spread of the seeds, but in less than 95 % of the draws of the chips' numbers."""
        if not self.gain.above_zero:
            return "not shown"
        return "holds" if self.sureness is None or self.sureness.settled else "holds in part"

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
        status: `holds` if every comparison's interval excludes zero on the claimed side, and it is so in 95 % of the
            draws of the chips' numbers if it depends on them; `holds in part` if that is so of some, or of the interval
            alone; `not shown` if no interval does; `cannot be asked` where the rows have nothing to compare.
        sentence: what the rows say, with numbers and interval.
        comparisons: the evidence.
        sureness: what the ranges of the chips' numbers do to it, in sentences; empty where it depends on none.
    """

    name: str
    title: str
    status: Status
    sentence: str
    comparisons: tuple[Comparison, ...] = ()
    sureness: str = ""


def compare(column: str, better: Point, worse: Point, *, more_is_better: bool) -> Comparison | None:
    """The paired comparison, or None if no training seed has the value on both sides."""
    found = compare_series(
        column, better, worse, better.seeds(column), worse.seeds(column), more_is_better=more_is_better
    )
    return found if found is None or more_is_better else with_sureness(found)


def with_sureness(comparison: Comparison, terms: Sequence[str] | None = None) -> Comparison:
    """The comparison with what the ranges of the chips' numbers do to it.

    Args:
        terms: energy terms that are compared; None for all.
    """
    if comparison.column not in DRAWN:
        return comparison
    found = sureness_of(comparison.column, comparison.better, comparison.worse, terms)
    return replace(comparison, sureness=found)


def how_sure(comparison: Comparison) -> str:
    """Sentences on `sureness`; empty where there is none."""
    if comparison.sureness is None:
        return ""
    return describe_sureness(
        comparison.column, comparison.better, comparison.worse, comparison.sureness, comparison.gain.mean or 0.0
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
    found = {comparison.status for comparison in comparisons}
    if not found:
        return "cannot be asked"
    return found.pop() if len(found) == 1 else "holds in part"


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

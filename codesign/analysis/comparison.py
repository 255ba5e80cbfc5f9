"""One comparison of two points, paired by training seed, and what several say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from codesign.analysis.points import Point
from codesign.analysis.robustness import DRAWN, Robustness, robustness_of
from codesign.analysis.statistics import Interval, difference

__all__ = [
    "Comparison",
    "Status",
    "compare",
    "compare_series",
    "status_of",
    "with_robustness",
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
        robustness: what the ranges of the chips' numbers do to it; None where it depends on none or they are not known.
    """

    column: str
    better: Point
    worse: Point
    better_mean: float
    worse_mean: float
    gain: Interval
    robustness: Robustness | None = None

    @property
    def status(self) -> Status:
        """`holds in part`: beyond the spread of the seeds, but in less than 95 % of the draws of the chips' numbers."""
        if not self.gain.above_zero:
            return "not shown"
        return "holds" if self.robustness is None or self.robustness.settled else "holds in part"

    @property
    def ratio(self) -> float | None:
        """Mean of `worse` over mean of `better`; None where the latter is zero."""
        return self.worse_mean / self.better_mean if self.better_mean else None


def compare(column: str, better: Point, worse: Point, *, more_is_better: bool) -> Comparison | None:
    """The paired comparison, or None if no training seed has the value on both sides."""
    found = compare_series(
        column, better, worse, better.seeds(column), worse.seeds(column), more_is_better=more_is_better
    )
    return found if found is None or more_is_better else with_robustness(found)


def with_robustness(comparison: Comparison, terms: Sequence[str] | None = None) -> Comparison:
    """The comparison with what the ranges of the chips' numbers do to it.

    Args:
        terms: energy terms that are compared; None for all.
    """
    if comparison.column not in DRAWN:
        return comparison
    found = robustness_of(comparison.column, comparison.better, comparison.worse, terms)
    return replace(comparison, robustness=found)


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

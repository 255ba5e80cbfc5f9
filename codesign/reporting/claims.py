"""A claim made of several comparisons, and how its evidence is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codesign.analysis.comparison import Comparison, Status
from codesign.analysis.formatting import number, points, quantity

__all__ = ["Claim", "describe_gain", "standing"]


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
        robustness: what the ranges of the chips' numbers do to it, in sentences; empty where it depends on none.
    """

    name: str
    title: str
    status: Status
    sentence: str
    comparisons: tuple[Comparison, ...] = ()
    robustness: str = ""


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

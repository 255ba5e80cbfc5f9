"""Statements of the paper as claims: what the paired comparisons say of each, in one form of sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from codesign.analysis.comparison import Comparison, Status, compare, compare_series
from codesign.analysis.formatting import listed, quantity
from codesign.analysis.points import Point
from codesign.reporting.claims import Claim, describe_gain, standing
from codesign.reporting.paper.cells import ratio, written_ratio
from codesign.reporting.paper.rows import name_of

__all__ = [
    "between",
    "by_a_factor",
    "judged",
    "one_of",
    "said",
    "sentence_of",
    "series_comparison",
    "statement",
]

_EQUAL = 0.02
"""Two accuracies are as good as equal if the interval of their difference goes no further down than so much."""
_SAID = 3
"""Of more comparisons than this only two are spelled out."""


def statement(
    name: str,
    title: str,
    where: str,
    found: Sequence[Comparison | None],
    *,
    nothing: str,
    equal_is_enough: bool = False,
    naming: Callable[[Point], str] = name_of,
    remark: str = "",
) -> Claim:
    """One statement of the paper, with what the rows say.

    Args:
        where: section, table or figure of the paper.
        found: comparisons in the direction of the statement; those that cannot be made are None.
        nothing: what is missing, where none can be made.
        equal_is_enough: the paper says that an accuracy is as good or better: it agrees in part if the interval ends
            no more than two points below zero.
        naming: how a point is called.
        remark: a sentence to add.
    """
    comparisons = tuple(comparison for comparison in found if comparison is not None)
    title = f"{title} ({where})"
    if not comparisons:
        return Claim(name=name, title=title, status="cannot be asked", sentence=nothing)
    sentence = sentence_of(comparisons, naming)
    return Claim(
        name=name,
        title=title,
        status=judged(comparisons, equal_is_enough=equal_is_enough),
        sentence=f"{sentence} {remark}".strip(),
        comparisons=comparisons,
    )


def judged(found: Sequence[Comparison], *, equal_is_enough: bool = False) -> Status:
    """What comparisons say of a statement of the paper.

    `does not hold` where an interval lies on the other side of zero and none on the side of the statement; `not shown`
    where the seeds are too few or too far apart to say.
    """
    return one_of([_judged(comparison, equal_is_enough) for comparison in found])


def one_of(statuses: Sequence[Status]) -> Status:
    """The status of a statement made of several."""
    distinct = set(statuses)
    if not distinct:
        return "cannot be asked"
    if len(distinct) == 1:
        return distinct.pop()
    if distinct & {"holds", "holds in part"}:
        return "holds in part"
    return "does not hold" if "does not hold" in distinct else "not shown"


def _judged(comparison: Comparison, equal_is_enough: bool) -> Status:
    if comparison.status != "not shown":
        return comparison.status
    if comparison.gain.below_zero:
        return "does not hold"
    low = comparison.gain.low
    return "holds in part" if equal_is_enough and low is not None and low > -_EQUAL else "not shown"


def sentence_of(found: Sequence[Comparison], naming: Callable[[Point], str] = name_of) -> str:
    """Each comparison with its means, difference and interval, and how many agree; of many the two that differ most."""
    shown = [said(comparison, naming) for comparison in found]
    if len(found) > _SAID:
        ordered = sorted(found, key=lambda comparison: comparison.gain.mean or 0.0)
        shown = [f"Most of all {said(ordered[-1], naming)}", f"least of all {said(ordered[0], naming)}"]
    return f"{'; '.join(shown)} ({standing(found)})."


def said(comparison: Comparison, naming: Callable[[Point], str] = name_of) -> str:
    """`Unlayered RS under Async RS: 94.6 % against 85.7 % for Layered under Async RS, a difference of …`.

    Where less is claimed, what is said is the saving: below zero it is none.
    """
    better = quantity(comparison.better_mean, comparison.column)
    worse = quantity(comparison.worse_mean, comparison.column)
    other = naming(comparison.worse)
    against = f" for {other}" if other != naming(comparison.better) else ""
    less = (comparison.gain.mean or 0.0) * (comparison.better_mean - comparison.worse_mean) < 0
    what = "saving" if less else "difference"
    return f"{naming(comparison.better)}: {better} against {worse}{against}, a {what} of {describe_gain(comparison)}"


def between(column: str, better: Point | None, worse: Point | None, *, more_is_better: bool) -> Comparison | None:
    """`compare` of points that may be missing."""
    if better is None or worse is None:
        return None
    return compare(column, better, worse, more_is_better=more_is_better)


def by_a_factor(
    name: str,
    title: str,
    where: str,
    column: str,
    pairs: Sequence[tuple[Point | None, Point | None]],
    factor: float,
    *,
    nothing: str,
    naming: Callable[[Point], str] = name_of,
    remark: str = "",
) -> Claim:
    """A statement that `column` is smaller by about a factor.

    It holds if it is smaller and the interval does not exclude the factor from below; in part if it is smaller by less.

    Args:
        pairs: the smaller and the larger of each comparison.
    """
    found = [(less, more, between(column, less, more, more_is_better=False)) for less, more in pairs]
    claim = statement(name, title, where, [one for _, _, one in found], nothing=nothing, naming=naming)
    if claim.status == "cannot be asked":
        return claim
    statuses: list[Status] = []
    factors = []
    for less, more, comparison in found:
        if comparison is None or less is None or more is None:
            continue
        scaled = compare_series(
            column, less, more, less.seeds(column), more.seeds(column) / factor, more_is_better=False
        )
        short = scaled is not None and scaled.gain.below_zero
        status = judged([comparison])
        statuses.append("holds in part" if status == "holds" and short else status)
        factors.append(written_ratio(ratio(more, less, column)))
    sentence = f"{claim.sentence} By a factor of {listed(factors)}. {remark}".strip()
    return replace(claim, status=one_of(statuses), sentence=sentence)


def series_comparison(
    column: str,
    better: Point | None,
    worse: Point | None,
    series: Callable[[Point], pd.Series],
    *,
    more_is_better: bool,
) -> Comparison | None:
    """A comparison of what `series` works out of each point, one value per training seed."""
    if better is None or worse is None:
        return None
    return compare_series(column, better, worse, series(better), series(worse), more_is_better=more_is_better)

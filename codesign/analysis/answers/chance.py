"""What the choice of test samples or training seeds may have decided."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.comparisons.comparison import Comparison, compare
from codesign.analysis.comparisons.constraints import (
    Constraint,
    largest_miss,
    meeting,
    meets,
    met_by_chance,
    missed_by_chance,
)
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.results.formatting import listed
from codesign.analysis.results.points import Point
from codesign.analysis.results.samples import answer_alike, counts_samples, lead_by_samples


def left_to_samples(comparison: Comparison, difference: str = "such a difference", least: float = 0.0) -> str:
    """Say that two shares of the test samples are no farther apart than chance, or the `least` difference asked for,
    allows, and how many samples would tell if the difference lasts."""
    samples = comparison.better.value("samples").mean
    if not counts_samples(comparison.column) or comparison.equal or not samples:
        return ""
    low, high = lead_by_samples(comparison.better, comparison.worse, comparison.column)
    if not low <= least <= high:
        return ""
    if not comparison.gain.mean or comparison.gain.mean == least:  # means of the same values may differ by rounding
        return f"With {samples:,.0f} samples, chance may hide a difference."
    apart = comparison.better_mean - comparison.worse_mean - least
    enough = max(samples * ((high - low) / 2 / apart) ** 2, 1.05 * samples + 0.5)  # rounded it is above their number
    told = f"about {float(f'{enough:.2g}'):,.0f} would tell"
    return f"With {samples:,.0f} samples, chance may make {difference}; {told}."


def undecided_by_samples(contest: Contest) -> str:
    """Say that chance may have put the best ahead of an option, whichever it is; or that all options have the same
    share of the test samples but answer differently."""
    best, label = contest.ranked[0], contest.label_of
    for other in contest.ranked[contest.level :] or contest.ranked[1:]:
        found = compare(contest.column, best, other, more_is_better=contest.more)
        difference = "such a difference" if other is contest.second else f"the difference to {label(other)}"
        if found is not None and (said := left_to_samples(found, difference)):
            return said
    return ""


def excluded_by_chance(contest: Contest) -> str:
    """Say which option would be as good as the best but may miss a constraint by chance of seeds or test samples alone.

    Of several, it is the one that misses by least. If only one option meets the constraints, options that do not
    compare with it are named too.
    """
    best, where = contest.ranked[0], contest.where
    others = {option: of for option, of in contest.members.items() if contest.chosen.get(option) is not best}
    options = {p: option for option, of in others.items() for p in of if not all(meets(p, limit) for limit in where)}
    for point in sorted(options, key=lambda point: largest_miss(point, where)):
        option, other = options[point], contest.next_to(point)
        unknown = other is None and option not in contest.chosen and len(contest.ranked) == 1
        as_good = other is not None and not contest.ahead(other, point)
        if (as_good or unknown) and missed_by_chance(point, where):
            label = contest.label(option)
            who = contest.names.upper(f"another variant of {label}" if option in contest.chosen else label)
            missed = listed([limit.text for limit in where if not meets(point, limit)])
            return f"{who} may miss {missed} only by chance."
    return ""


def included_by_chance(contest: Contest) -> str:
    """Say that the best meets a limit by no more than seeds or test samples can explain.

    Nothing is said if a variant of it, or of an option level with it, meets the limits by more and still beats the next
    one; nor if all others, some of them worse, give the same answers as the best: they then meet a limit or miss it
    together.
    """
    best, second, where = contest.ranked[0], contest.second, contest.where
    if not met_by_chance(best, where):
        return ""
    able = {point: meeting(contest.members[option], where) for option, point in contest.chosen.items()}
    level = (point for one in contest.ranked[: contest.level] for point in able[one])
    firm = (point for point in level if second is None or contest.ahead(point, second))
    others = [point for one in contest.ranked[1:] for point in able[one]]
    alike = second is not None and all(_answer_alike(best, point, where) for point in others)
    if alike or not all(met_by_chance(point, where) for point in firm):
        return ""
    limits = listed([limit.text for limit in met_by_chance(best, where)])
    return f"{contest.names.upper(contest.label_of(best))} may meet {limits} only by chance."


def left_to_chance(contest: Contest) -> str:
    """Say which constraints seeds or test samples may have decided; "" if none."""
    return excluded_by_chance(contest) or included_by_chance(contest)


def _answer_alike(one: Point, other: Point, where: Sequence[Constraint]) -> bool:
    """Whether two points give the same answers, as far as limits on shares of the test samples go."""
    columns = [limit.column for limit in where if counts_samples(limit.column)]
    return all(answer_alike(one, other, column) for column in columns)

"""What the choice of test samples, or of training seeds, may have decided."""

from __future__ import annotations

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.constraints import meeting, met_by_chance, missed_by_chance
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.results.formatting import counts_samples, listed
from codesign.analysis.results.statistics import within_chance


def left_to_samples(comparison: Comparison) -> str:
    """That two shares of the test samples are no farther apart than chance may put those of as many."""
    p, q, samples = comparison.better_mean, comparison.worse_mean, comparison.better.value("samples").mean
    if not counts_samples(comparison.column) or p == q or not samples or not within_chance(p, q, p - q, samples):
        return ""
    return f"With {samples:,.0f} test samples, chance may make such a difference."


def excluded_by_chance(contest: Contest) -> str:
    """Who would be as good as the best, and misses a constraint by no more than seeds or test samples may bring about.

    Only options of which no variant meets the constraints; those of one that has such a variant are left to the seeds.
    """
    for option, variants in contest.members.items():
        if option in contest.chosen:
            continue
        for point in variants:
            known = point.value(contest.column).mean is not None and missed_by_chance(point, contest.where)
            found = contest.against_next(point) if known else None
            if found is not None and found[1] >= 1:
                label, limits = contest.names.upper(contest.label(option)), listed([one.text for one in contest.where])
                return f"{label} would be better and may miss {limits} by chance."
    return ""


def included_by_chance(contest: Contest) -> str:
    """That the best meets a limit by no more than seeds or test samples may bring about, and another one by more.

    Only where none of the best one's variants that meets it by more is better than the next option.
    """
    best, second = contest.ranked[0], contest.second
    if second is None or not met_by_chance(best, contest.where):
        return ""
    firm = {
        contest.chosen[option]: [
            point
            for point in meeting(contest.members[option], contest.where)
            if not met_by_chance(point, contest.where)
        ]
        for option in contest.chosen
    }
    safe = any(contest.ahead(point, second) for point in firm[best])
    if safe or not any(firm[point] for point in contest.ranked[contest.level :]):
        return ""
    limits = listed([limit.text for limit in contest.where])
    return f"{contest.names.upper(contest.label_of(best))} may meet {limits} only by chance."

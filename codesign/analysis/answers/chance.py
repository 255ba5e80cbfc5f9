"""What the choice of test samples or training seeds may have decided."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.constraints import (
    Constraint,
    foremost,
    largest_miss,
    meeting,
    meets,
    met_by_chance,
    missed_by_chance,
)
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.results.columns import SIZES
from codesign.analysis.results.formatting import listed, quantity, whole_percent
from codesign.analysis.results.measures import mean_of
from codesign.analysis.results.points import Point
from codesign.analysis.results.samples import (
    accuracy_of_a_choice,
    answer_alike,
    counts_samples,
    lead_by_samples,
    samples_of,
)
from codesign.analysis.results.statistics import CONFIDENCE, GIVEN, Interval, chance_of_as_many
from codesign.units import plural

_ROUNDING = 1e-12


def one_training(shared: str = "", *, given: bool = False) -> str:
    """Say what a single training seed, or models that are `given`, leave open."""
    once = "A given model" if given else f"One training seed{shared}"
    return f"{once} does not show how much trainings differ; three or more {'trainings ' * given}would."


def of_one_training(contest: Contest) -> bool:
    """Whether a single training, or a given model of each, tells the best, and those level with it, from the next or
    that all are level though their spikes differ; or whether a single training tells that the best meets the limits."""
    best, *others = contest.ranked
    if any(trained_once(best, limit.column) for limit in contest.where):
        return True
    if contest.second is None and (not contest.seeds or all(answer_alike(best, of, "spike_density") for of in others)):
        return False
    return len(contest.seeds) < 2 and contest.column not in SIZES


def trained_once(point: Point, column: str) -> bool:
    """Whether only one training tells what a column or measure of a point is. A given model is not trained."""
    return column not in SIZES and point.training_method != GIVEN and mean_of(column, point).seeds == 1


def left_to_samples(
    comparison: Comparison, difference: str = "such a difference", *, least: float = 0.0, times: float = 1.0
) -> str:
    """Say that the choice of test samples leaves open whether a share is more than `times` another plus `least`, and
    how many samples would tell if the difference lasts."""
    samples = samples_of(comparison.better, comparison.column)
    if not counts_samples(comparison.column) or comparison.equal or not samples:
        return ""
    one, other = comparison.sides
    low, high = lead_by_samples(one, other, comparison.column, times)
    if not low <= least <= high:
        return ""
    means = (comparison.better_mean, comparison.worse_mean)
    first, second = means if one is comparison.better else means[::-1]
    apart = first - times * second - least
    if not comparison.gain.mean or abs(apart) < _ROUNDING:  # means of the same values may differ by rounding
        return f"With {plural(round(samples), 'sample')}, chance may hide a difference."
    enough = max(samples * ((high - low) / 2 / apart) ** 2, 1.05 * samples + 0.5)  # rounded it is above their number
    told = f"about {float(f'{enough:.2g}'):,.0f} would tell"
    return f"With {plural(round(samples), 'sample')}, {difference} may be chance; {told}."


def undecided_by_samples(contest: Contest) -> str:
    """Say that the best may be ahead of another option, not only the next, by chance of the test samples alone, or that
    options with the same share of them answer differently; "" if neither."""
    for other, found in contest.leads.items():
        difference = "such a difference" if other is contest.second else f"the difference to {contest.label_of(other)}"
        if said := left_to_samples(found, difference):
            return said
    return ""


def partly_luck(contest: Contest) -> str:
    """Say how accurate the best is where it is chosen on other seeds and samples than it is measured on; "" if that
    is nearer to its accuracy than to the end of the interval over its training seeds."""
    if contest.column != "accuracy" or not contest.more:
        return ""
    options = (contest.members[contest.option_of(point)] for point in contest.ranked)
    points = foremost([point for variants in options for point in meeting(variants, contest.where)], contest.column)
    stated, expected = contest.ranked[0].value(contest.column), accuracy_of_a_choice(points)
    if expected is None or (stated.mean or 0.0) - expected < (stated.half_width or 0.0) / 2:
        return ""
    share = quantity(expected, contest.column)
    return f"The highest of several is partly luck: chosen on other seeds and samples, the best has {share} accuracy."


def undecided_by_seeds(contest: Contest) -> tuple[Point, Interval, int] | None:
    """The first point whose difference from the best may be zero, as far as the training seeds tell; that difference,
    and the number of tries for which its interval is widened. None if there is no such point."""
    for other, found in contest.leads.items():
        tries = contest.times_as_many_variants(other)
        if found.gain.half_width is not None and not found.gain.wider(tries).above_zero:
            return other, found.gain, tries
    return None


def excluded_by_chance(contest: Contest) -> str:
    """Name an option that may miss the constraints only by chance of seeds or test samples, and would otherwise be as
    good as the best, or not comparable with the only one that meets them; of several, the nearest miss. "" if none."""
    best, where = contest.ranked[0], contest.where
    others = {option: points for option, points in contest.members.items() if contest.chosen.get(option) is not best}
    able = {*meeting([point for points in others.values() for point in points], where)}
    options = {point: option for option, points in others.items() for point in points if point not in able}
    for point in sorted(options, key=lambda point: largest_miss(point, where)):
        other = contest.next_to(point)
        as_good = len(contest.ranked) == 1 if other is None else not contest.ahead(other, point)
        if as_good and missed_by_chance(point, where):
            label, missed = contest.label(options[point]), listed([of.in_words for of in where if not meets(point, of)])
            who = f"another variant of {label}" if options[point] in contest.chosen else label
            return f"{contest.names.upper(who)} may miss {missed} only by chance."
    return ""


def included_by_chance(contest: Contest) -> str:
    """Say which limits the best meets by no more than seeds or test samples can explain; "" if none. A limit does not
    count if all others, some of them worse, have the same spikes: then all meet it or miss it together."""
    best, where = contest.ranked[0], contest.where
    others = [point for one in contest.ranked[1:] for point in meeting(contest.members[contest.option_of(one)], where)]

    def together(limit: Constraint) -> bool:
        return contest.second is not None and all(answer_alike(best, point, limit.column) for point in others)

    limits = [limit for limit in met_by_chance(best, where) if not together(limit)]
    told = listed([limit.in_words for limit in limits])
    return f"{contest.names.upper(contest.label_of(best))} may meet {told} only by chance." if limits else ""


def few_on_one_side(few: Sequence[Interval], several: int) -> str:
    """Say that chance alone may put so few of several differences on one side; "" if it hardly puts as many there, if
    one is there even with an interval widened for their number, or if one has no interval."""
    widened = [gain.wider(several) for gain in few]
    chance = chance_of_as_many(len(few), several)
    told = any(gain.half_width is None or gain.above_zero or gain.below_zero for gain in widened)
    if not few or chance <= 1 - CONFIDENCE or told:
        return ""
    many = f"at least {len(few)} of {several} comparisons"
    return f"Even if nothing differed, {many} would look like this by chance in {whole_percent(chance)} of cases."


def left_to_chance(contest: Contest) -> str:
    """Say which constraints seeds or test samples may have decided; "" if none."""
    return excluded_by_chance(contest) or included_by_chance(contest)

"""Remarks on an answer: what a side lacks, what seeds leave open, the other book."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from codesign.analysis.answers.chance import (
    excluded_by_chance,
    included_by_chance,
    of_one_training,
    one_training,
    partly_luck,
    undecided_by_samples,
    undecided_by_seeds,
)
from codesign.analysis.comparisons.comparability import ENERGIES, Obstacle
from codesign.analysis.comparisons.comparison import values_on
from codesign.analysis.comparisons.constraints import Constraint, doubt
from codesign.analysis.comparisons.contest import GUESSED, Contest
from codesign.analysis.comparisons.not_modelled import (
    may_overload,
    terms_left_out,
    times_in_others,
    too_low,
    unmodelled,
)
from codesign.analysis.comparisons.robustness import drawn, quantiles, undrawn
from codesign.analysis.comparisons.variants import by_option
from codesign.analysis.comparisons.wording import tip_sentence
from codesign.analysis.results.beyond_chip import CANNOT_WAIT
from codesign.analysis.results.columns import TRIAL_AXIS
from codesign.analysis.results.formatting import (
    chance_percent,
    column_label,
    coverage_words,
    few_listed,
    in_times,
    listed,
    quantity,
    whole_percent,
)
from codesign.analysis.results.naming import Names, points_in_words
from codesign.analysis.results.points import Point
from codesign.analysis.results.samples import samples_of, share_by_samples
from codesign.analysis.results.statistics import GIVEN, quantile_of
from codesign.analysis.results.study import violated, violated_on_test
from codesign.analysis.results.table import ResultTable
from codesign.hardware.terms import (
    BOOKS,
    COST_TERMS,
    COVERAGE,
    ENLARGED,
    HELD,
    SATURATE,
    STRUCTURE_CITATION,
    WAITING_KINDS,
    weight,
)
from codesign.units import plural

_ABOUT_CHIPS = ("chip", "capacity", "operation", "mapping", "synchronization", TRIAL_AXIS)
OVER_BUDGET = "trained with a budget that it does not keep to: "
"""The beginning of the assumption of a row that was trained over its budget."""
_MOST_SEEDS = 100
_MUCH = 2.0
"""The factor between the results of two books from which on both are given."""
_MOST_SAMPLES = 0.5
"""The share of samples without an output spike above which a network is named."""
_LITTLE = 0.005
"""Shares of an energy below this are too small to mention."""
_IN_REAL_TIME = (
    "Latency is the work on all frames, without the time between them; decision_latency_s is from the last on."
)


def remarks_on(contest: Contest, told: Sequence[Point], columns: Collection[str] = ()) -> tuple[str, ...]:
    """Return what to know of a contest that has a best option, most important first. `told` are the points that the
    answer names, `columns` those shown besides the deciding one."""
    best, names = contest.ranked[0], contest.names
    said = [guesses(point, names.upper(contest.label_of(point))) for point in told]
    said += [violated(point, contest.label_of(point)) for point in told]
    said += [violated_on_test(point, contest.label_of(point)) for point in told]
    said += [may_miss(point, contest.everyone, contest.where, names) for point in told]
    said += [terms_left_out(point, contest.column, names) for point in told]
    said += [doubt(point, contest.where, f" of {contest.label_of(point)}" * bool(told[1:])) for point in told]
    said += [_seeds_wanted(contest), undecided_by_samples(contest), partly_luck(contest)]
    said += [excluded_by_chance(contest), included_by_chance(contest)]
    said.append(_areas_of_cores(contest) if "area_m2" in (contest.column, *columns) else "")
    said.append(without_draws(contest.column, *columns, *(limit.column for limit in contest.where)))
    if contest.runner_up is not None and not _lacking_terms(contest):
        said.append(tip_sentence(contest.runner_up, names))
    if contest.terms:
        said.append(
            f"What one side's energy lacks is taken to cost what it costs the other, within a factor of {GUESSED:.0f}."
        )
    said += contest.unknown.values()
    if contest.column == "latency_s" and best.operation == "real_time":
        said.append(_IN_REAL_TIME)
    return tuple(one for one in dict.fromkeys(said) if one and not any(one in other for other in said if other != one))


def guesses(point: Point, label: str) -> str:
    """Say that a point may be right no more often than the commonest class given to all samples; "" if the test samples
    show that it is."""
    share, metadata = point.value("accuracy").mean, point.whole.metadata
    if share is None or metadata is None:
        return ""
    commonest, samples = metadata.workload.commonest, samples_of(point, "accuracy")
    if share_by_samples(point, "accuracy")[0] > commonest:
        return ""
    right = quantity(share, "accuracy") + (f" of {plural(round(samples), 'sample')}" if samples else "")
    guess = f"always giving the commonest class, that of {quantity(commonest, 'accuracy')} of the samples,"
    return f"{label} has {right} right; {guess} may do as well."


def _areas_of_cores(contest: Contest) -> str:
    """Say which areas are derived, and so count cores alone, if others are not derived; "" otherwise."""
    derived = [contest.label_of(point) for point in contest.ranked if _is_of_cores(point)]
    if len(derived) in (0, len(contest.ranked)):
        return ""
    whose = few_listed(derived)
    return f"The area of {whose} is derived and counts cores alone; areas that files give may be those of whole chips."


def _is_of_cores(point: Point) -> bool:
    """Whether the area of a point's chip is derived from the structure of its cores, which leaves out all else."""
    numbers = () if point.chip_facts is None else point.chip_facts.numbers
    return any(number.name == "area" and number.source == STRUCTURE_CITATION for number in numbers)


def in_the_way(contest: Contest, asked: Collection[str]) -> tuple[str, ...]:
    """Say why the sentence on the best may mean less than it seems to; `asked` are the facts or axes that distinguish
    the options."""
    said = _on_two_chips(contest, asked), _unawaited(contest), _of_other_bits(contest), _lacking_terms(contest)
    return *said, best_left_out(contest)


def best_left_out(contest: Contest) -> str:
    """Say which time the value of the best leaves out, for certain or unless another time contains it, or which terms
    of an energy, of which another option has none to guess from; "" if none. The most of a column is in doubt if
    another's value leaves out a time."""
    best, *others = contest.ranked
    lower = others if contest.more else [best]
    untimed = (too_low(one, contest.ranked, contest.column, contest.names) for one in lower)
    if said := next(filter(None, untimed), ""):
        return said
    for other, terms in contest.terms.items():
        lacking = sorted({*_without(other, terms)} - {*best.coverage})
        free = [name for name in lacking if not any(other.value(term.column).mean for term in COVERAGE[name])]
        if free:
            label, its = contest.label_of(best), contest.label_of(other)
            return f"The energy of {label} lacks {coverage_words(free)}, of which {its} has none to guess from."
    return ""


def _of_other_bits(contest: Contest) -> str:
    """Say that the energy of the best is for other weight bits than it was run with; "" if it is not, or if all are."""
    held = [next((entry for entry in point.assumptions if HELD in entry), "") for point in contest.ranked]
    if contest.column not in ENERGIES or not held[0] or all(held):
        return ""
    label = contest.names.upper(contest.label_of(contest.ranked[0]))
    return f"{label} is {held[0].partition(': ')[2]}, which its energy is for."


def _on_two_chips(contest: Contest, asked: Collection[str]) -> str:
    """Say that the best is on another chip than the next; "" if it is not, or if the facts or axes that are `asked`
    about are a chip's."""
    best, other = contest.ranked[0], contest.second
    about_chips = any(name in _ABOUT_CHIPS or name.startswith("chip.") for name in asked)
    if about_chips or other is None or best.chip == other.chip:
        return ""
    names = contest.names
    label, chip = names.upper(contest.label_of(best)), names.chips[best.chip]
    next_best = f"{contest.label_of(other)} on {names.chips[other.chip]}"
    return f"{label} is at its best on {chip} and {next_best}; select one chip to compare on it."


def _unawaited(contest: Contest) -> str:
    """Say that the best or the next does not wait although its chip does; "" if neither does so, or all options."""
    waiting = [point for point in contest.ranked if point.synchronization in WAITING_KINDS]
    free = [point for point in waiting if point.inference == "asynchronous" and not point.layered]
    if len(free) == len(contest.ranked) or not (told := [point for point in contest.ranked[:2] if point in free]):
        return ""
    label, schedule = contest.label_of(told[0]), contest.names.of("schedule", told[0].schedule)
    said = f"The schedule of {label}, {schedule}, does not wait as the chip does"
    return f"{said}; `select: {{schedule: chip}}` keeps to the chips' own."


def left_aside(points: Sequence[Point], able: Collection[Point], names: Names) -> tuple[str, ...]:
    """Say which points are left out and why, and of the others, which have seeds without a result or a right answer."""
    said, kept = list[str](), {*able}
    projections = CANNOT_WAIT if kept else ""  # not told of single points where others take part
    off = by_option(points, lambda p: None if p in kept or p.set_aside in ("", projections) else p.set_aside)
    for why, of in off.items():
        chips = listed([*dict.fromkeys(names.chips[point.chip] for point in of)])
        said.append(f"Left out: {plural(len(of), 'point')} of {chips}, since {why}.")
    if mixed := [point for point in points if point.silent_seeds and not point.silent]:
        said.append(f"At {first_named(mixed, names)}, some training seeds have no right answer, which counts.")
    trained = [point for point in points if point.training_method != GIVEN]
    most = len({seed for point in trained for seed in point.training_seeds})
    if fewer := [point for point in trained if len(point.training_seeds) < most]:
        said.append(f"At {first_named(fewer, names)}, not all {most} training seeds have a result.")
    return tuple(said)


def first_named(points: Sequence[Point], names: Names) -> str:
    """Name the first point, and say how many more there are."""
    also = f" and {plural(len(points) - 1, 'more point')}" if points[1:] else ""
    return f"{names.point(points[0])}{also}"


def silent_networks(table: ResultTable) -> str:
    """Say how often a network does not answer most samples, where, and what is likely to blame; "" if all do."""
    undecided, ok = table.frame["undecided_fraction"], table.frame["status"] == "ok"
    silent = undecided > _MOST_SAMPLES
    if not silent.any():
        return ""
    what = "Most samples have no output spike, which counts as wrong,"
    if (undecided[silent] == 1).all():
        what = "No sample has an output spike"
    where = "" if silent.sum() == ok.sum() else points_in_words(table, silent)
    told = f"{what} in {silent.sum()} of {plural(int(ok.sum()), 'row')}{where}. "
    if (table.frame.loc[silent, ["input_events", "input_macs"]] == 0).all(axis=None):
        return f"{told}Samples have no input there: no event falls into their timesteps"
    saturate = any(SATURATE in entry for entries in table.frame["assumptions"][silent].dropna() for entry in entries)
    return (
        f"{told}Likely: {'potentials that saturate below the threshold (potential_bits); ' * saturate}"
        "thresholds too high for the weights, since a layer that never fires learns nothing, or for their few bits; "
        "too little training; a spike_cost too high, or a budget too small; potentials that decay before spikes have "
        "added up; or a synchronization_threshold above the messages that come"
    )


def over_budget(table: ResultTable) -> str:
    """Say which trainings took more than their budget; "" if none."""
    frame = table.frame
    over = frame["assumptions"].map(
        lambda entries: entries is not None and any(entry.startswith(OVER_BUDGET) for entry in entries)
    )
    if not over.any():
        return ""
    named = listed([f"'{name}'" for name in sorted(set(frame["recipe"][over]))])
    return (
        f"In {over.sum()} of {plural(len(frame), 'row')}, no epoch of the training of {named} kept within its budget: "
        "see validation_density or validation_energy_j. More epochs, a higher spike_cost to begin with, or a larger "
        "budget may help"
    )


def without_draws(*columns: str) -> str:
    """Say which columns depend on the chips' numbers but have no draws; "" if none."""
    labels = [column_label(column) for column in dict.fromkeys(columns) if undrawn(column)]
    return f"The ranges of the chips' numbers do not count in {listed(labels)}." if labels else ""


# energies that do not hold all terms ---------------------------------------------------------------------------------


def may_miss(point: Point, others: Collection[Point], where: Sequence[Constraint], names: Names) -> str:
    """Say which limit on an energy or time a point may miss because its own value leaves something out, for certain or
    unless its other times contain what those of others do not, or because its ticks may overload; "" if none."""
    for limit in where:
        if limit.is_least:
            continue
        if said := unmodelled(point, limit.column, names) or times_in_others(point, others, limit.column, names):
            return f"{said} Counting it, {limit.in_words} may be missed."
        if may_overload(point, limit.column):
            chip = names.chips[point.chip]
            return f"It is not known whether ticks of {chip} overload, and so whether it meets {limit.in_words}."
    return ""


def _lacking_terms(contest: Contest) -> str:
    """Say that the energy of the best lacks terms that are more than a little of another point's, or that the energy of
    a point that seems better lacks such terms of the best's; "" if neither."""
    best, sign = contest.ranked[0], -1.0 if contest.more else 1.0
    for point, terms in contest.terms.items():
        own, its = (sign * (each.value(contest.column).mean or 0.0) for each in (best, point))
        for one, other in ((best, point), *([(point, best)] if its < own else [])):
            if share := lacks(one, other, terms):
                missing, of_other = coverage_words(_without(other, terms)), whole_percent(share)
                label, its_label = contest.label_of(one), contest.label_of(other)
                return f"The energy of {label} lacks {missing}: {of_other} of that of {its_label}."
    return ""


def draws_against(contest: Contest) -> str:
    """Say that most seeds, or the ranges of the chips' numbers, favour another option than the means do; "" if not."""
    likely = max(contest.wins, key=lambda point: contest.wins[point])
    if not contest.drawn or likely in contest.ranked[: contest.level] or contest.wins[likely] <= contest.confidence:
        return ""
    share = chance_percent(contest.wins[likely])
    return f"But in {share} of {contest.over} it is {contest.label_of(likely)}."


def enlarged(contest: Contest) -> str:
    """Say that the best is on a chip that was made larger than it is, with larger capacities or more cores or chips; ""
    if not."""
    best = contest.ranked[0]
    if not any(entry.endswith(ENLARGED) for entry in best.assumptions):
        return ""
    whose = "its file's" if best.own_chip else "published"
    return f"{contest.names.chips[best.chip]} is enlarged, at {whose} prices."


def costs_and_guesses(points: Sequence[Point], names: Names) -> str:
    """Say what a sample costs at each point, and which points may only guess."""
    told = (guesses(point, names.chips[point.chip]) for point in points)
    return " ".join(filter(None, [_costs_in_ranges(points, names), *told]))


def _costs_in_ranges(points: Sequence[Point], names: Names) -> str:
    """Say what a sample costs at each point, with the middle 95 % of the draws of the chip's numbers."""
    said, brackets = [], ""
    for point in points:
        costs = []
        for column in ("energy_j", "latency_s"):
            if (value := point.value(column).mean) is not None:
                cost = f"{'at least ' if unmodelled(point, column, names) else ''}{quantity(value, column)}"
                if (found := drawn(point, column)) is not None:
                    low, _, high = quantiles(found[1].mean(axis=0))
                    cost += f" ({quantity(low, column)} to {quantity(high, column)})"
                    brackets = " In brackets: 95 % of the draws of the chips' numbers."
                costs.append(cost)
        if costs:
            said.append(f"{listed(costs)} on {names.chips[point.chip]}")
    return f"A sample takes {'; '.join(said)}.{brackets}" if said else ""


def lacks(point: Point, other: Point, terms: tuple[str, ...] | Obstacle) -> float:
    """Return the share of another point's energy in terms that this one lacks; 0 if it is small or they do not
    compare."""
    if isinstance(terms, Obstacle) or point is other or not _without(other, terms):
        return 0.0
    share = 1 - float(values_on(other, terms, "energy_j").mean()) / (other.value("energy_j").mean or math.nan)
    return share if share >= _LITTLE else 0.0


def _without(point: Point, terms: Sequence[str]) -> list[str]:
    return sorted(set(point.coverage) - set(terms))


# what else there is --------------------------------------------------------------------------------------------------


def other_book(contest: Contest) -> str:
    """Say by what factor the next chip is worse counting the cores in use alone, if that differs much from the board's
    factor; "" if not, or if the results are in that book anyway."""
    best, other = contest.ranked[0], contest.second
    if other is None or contest.column != "energy_j" or contest.more or best.static_book != "board":
        return ""
    factor = contest.factors[other]
    if best.silicon == other.silicon or not factor:
        return ""
    terms = contest.terms.get(other, best.coverage)
    low, high = (_of_cores_in_use(point, terms) for point in (best, other))
    if not low or not high or max(factor / (high / low), high / low / factor) < _MUCH:
        return ""
    other_chip, chip = (contest.names.chips[point.chip] for point in (other, best))
    return f"Counting the cores in use alone, {other_chip} needs {in_times(high / low, more=True)} than {chip}."


def _of_cores_in_use(point: Point, terms: Sequence[str]) -> float | None:
    share = point.value("core_share").mean
    if share is None or not point.separable:
        return None
    known = point.known_terms(terms)
    weights = {name: float(weight(COST_TERMS[name], BOOKS["cores_in_use"], share)) for name in known}
    return sum(of * (point.term(name).mean or 0.0) for name, of in weights.items())


def _seeds_wanted(contest: Contest) -> str:
    """Say how many training seeds would tell the best from another option, if their spread is what leaves it open; ""
    if not.

    With m and s the mean and standard deviation of the paired difference, an interval of n seeds excludes zero if t(n)
    · s / √n < m."""
    if contest.second is not None and contest.runner_up is None:
        return "The best and the next have no training seed in common, so nothing says how sure the difference is."
    if of_one_training(contest):
        told = contest.ranked[: contest.level + 1]
        several = any(point.value(contest.column).seeds > 1 for point in told)
        return one_training(" in common" * several, given=all(point.training_method == GIVEN for point in told))
    found, undecided = contest.runner_up, undecided_by_seeds(contest)
    if found is None or undecided is None or (found.robustness is not None and not found.robustness.settled):
        return ""
    other, gain, tries = undecided
    if not gain.mean:
        return ""
    deviation = (gain.half_width or 0.0) * math.sqrt(gain.seeds) / quantile_of(gain.seeds - 1)
    to = "" if other is contest.second else f" to {contest.label_of(other)}"
    best = contest.label_of(contest.ranked[0])
    why = f", since {best} was chosen from {tries} times as many variants" if gain.above_zero else ""
    for n in range(gain.seeds + 1, _MOST_SEEDS + 1):
        if quantile_of(n - 1, tries) * deviation / math.sqrt(n) < gain.mean:
            said = f"Over {gain.seeds} training seeds the difference{to} may be zero{why}"
            return f"{said}; if it stays this large, about {n} would settle it."
    return ""

"""`choose`: which option is best, each at the best of its variants that meet the constraints."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

from codesign.analysis.answers.answers import Answer, Option, Standing, values_of
from codesign.analysis.answers.chance import left_to_chance, of_one_training, undecided_by_samples, undecided_by_seeds
from codesign.analysis.answers.remarks import (
    best_left_out,
    draws_against,
    enlarged,
    in_the_way,
    left_aside,
    may_miss,
    other_book,
    remarks_on,
    without_draws,
)
from codesign.analysis.answers.selecting import NONE_TAKES_PART, points_in, taking_part, value_of, why_without
from codesign.analysis.answers.switching import switches
from codesign.analysis.comparisons.constraints import largest_miss, meeting, misses_in_words, resolved
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.comparisons.not_modelled import absence, unmodelled
from codesign.analysis.comparisons.variants import best_variant, by_option
from codesign.analysis.comparisons.wording import named_number
from codesign.analysis.questions import ChooseQuestion
from codesign.analysis.results.beyond_chip import CANNOT_WAIT
from codesign.analysis.results.columns import AXIS_PREFIX, SIZES
from codesign.analysis.results.formatting import (
    column_label,
    coverage_words,
    extreme,
    few_listed,
    in_points,
    in_times,
    is_counted,
    is_share,
    listed,
    quantity,
)
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import CONFIDENCE, LIKELY
from codesign.analysis.results.study import violated
from codesign.units import plural

_MOST_SENTENCES = 3
"""The most sentences of an answer; anything further becomes a remark."""


def choose(name: str, question: ChooseQuestion, points: Sequence[Point], names: Names) -> Answer:
    """Answer a question of the form `choose`. Points that are `set_aside` take no part, except schedules that the chip
    cannot execute, if the question names them."""
    selected = points_in(points, question.select)
    able = taking_part(selected, question.select)
    path = question.choose.removeprefix(AXIS_PREFIX)
    concerned = [point for point in selected if value_of(point, path) is not None]
    members = by_option(able, lambda point: value_of(point, path))
    contest = Contest(
        members=members,
        label=lambda option: names.choice(path, members[option][0]),
        column=question.column,
        more=question.most is not None,
        where=resolved(question.where, [point for variants in members.values() for point in variants]),
        names=names,
    )
    answer = partial(
        Answer,
        name=name,
        form="choose",
        column=contest.column,
        more=contest.more,
        question=question.ask or _asked(question, members, names),
        options=options_of(contest),
        able=able,
        where=contest.where,
    )
    failed = _failed(points, question, path, names)
    if not contest.ranked:
        standing, sentence = _nothing_ranked(contest, why_without(points, question.select))
        remarks = filter(None, (failed, *left_aside(concerned, able, names)))
        return answer(standing=standing, sentence=sentence, remarks=tuple(remarks))
    turns, further = switches(contest), _further(contest, question)
    said = [_sentence(contest), *filter(None, further), *turns[:1]]
    further_remarks = (
        *turns[1:],
        *remarks_on(contest, contest.ranked[:1]),
        _cannot_wait(selected, path, contest),
        failed,
        f"Not ranked, beyond the best: {plural(contest.beyond, 'option')}." if contest.beyond else "",
        *left_aside([*dict.fromkeys((*contest.ranked, *concerned))], able, names),
    )
    return answer(
        standing="open" if failed and not contest.ranked[1:] else standing_of(contest),
        sentence=" ".join(said[:_MOST_SENTENCES]),
        confidence=None if failed and contest.second is None else shown_confidence(contest),
        comparisons=() if contest.runner_up is None else (contest.runner_up,),
        remarks=(*said[_MOST_SENTENCES:], *(one for one in further_remarks if one and one not in " ".join(said))),
    )


def _failed(points: Sequence[Point], question: ChooseQuestion, path: str, names: Names) -> str:
    """Say which options have no result because jobs failed; "" if none."""
    if not points or not (points[0].whole.failed["status"] == "failed").any():
        return ""
    without = points_in(points[0].whole.without_result, question.select)
    failed = [point for point in without if "failed" in point.cells("status")]
    with_result = {value_of(point, path) for point in points_in(points, question.select)}
    options = by_option(failed, lambda point: value_of(point, path))
    gone = {names.choice(path, of[0]) for option, of in options.items() if option not in with_result}
    return f"There is no result for {few_listed(sorted(gone))}: jobs failed." if gone else ""


def standing_of(contest: Contest) -> Standing:
    """Return the verdict of a contest.

    Besides its share, `sure` needs intervals over training seeds that exclude the opposite, test samples that show the
    differences, limits that are met without doubt, and a best whose value leaves out no time and no energy that cannot
    be guessed. From a single training, and of given models, `likely` needs test samples that show the difference. A
    contest is open if all other options are unknown.
    """
    if undecided(contest) or (contest.unknown and contest.second is None):
        return "open"
    best, where, runner_up = contest.ranked[0], contest.where, contest.runner_up
    limits_by_chance = left_to_chance(contest)
    lead_by_chance = runner_up is not None and bool(undecided_by_samples(contest))
    if runner_up is None:
        several = best.value(contest.column).seeds > 1
        shown = several or all(limit.column in SIZES for limit in where)
    else:
        several = runner_up.gain.half_width is not None
        shown = undecided_by_seeds(contest) is None and not lead_by_chance
    if not several and (limits_by_chance or lead_by_chance):
        return "open"
    undrawn = without_draws(contest.column, *(limit.column for limit in where))
    may_be_too_low = best_left_out(contest) or may_miss(best, contest.everyone, where, contest.names)
    lacking = may_be_too_low or of_one_training(contest)
    if contest.confidence >= CONFIDENCE and shown and not (limits_by_chance or lacking or undrawn):
        return "sure"
    return "likely" if contest.confidence >= LIKELY else "open"


def undecided(contest: Contest) -> bool:
    """Whether the best and the next have no training seed in common, or all options are level on average, but not in
    each training seed and draw of the chips' numbers."""
    if contest.second is not None:
        return contest.runner_up is None
    return not (_level_in_seeds(contest) and contest.alike)


def _level_in_seeds(contest: Contest) -> bool:
    """Whether all options are equal in each training seed, with the chips' numbers as they are."""
    found = contest.leads.values()
    return len(found) == len(contest.ranked) - 1 and all(one.equal for one in found)


def shown_confidence(contest: Contest) -> float | None:
    """The confidence to show: None for a single training seed without draws, and for options that are level only on
    average or share no seed."""
    return contest.confidence if contest.drawn and not undecided(contest) else None


# rows ----------------------------------------------------------------------------------------------------------------


def options_of(contest: Contest, columns: Sequence[str] = ()) -> tuple[Option, ...]:
    """Return the ranked points of a contest as rows of an answer, then those that do not compare, then options without
    a point."""
    shown = (*columns, contest.column, *(limit.column for limit in contest.where))
    ranked = [
        Option(
            label=contest.label_of(point),
            point=point,
            values=values_of(point, shown),
            factor=contest.factors[point],
            wins=contest.wins[point] if contest.drawn else None,
            obstacle=_in_part(contest, point) if point in contest.terms else "",
        )
        for point in contest.ranked
    ]
    unranked = sorted(contest.unranked.items(), key=lambda one: contest.label_of(one[0]))
    others = [
        Option(label=contest.label_of(point), point=point, values=values_of(point, shown), obstacle=reason)
        for point, reason in unranked
    ]
    return (*ranked, *others, *_missed(contest))


def _in_part(contest: Contest, point: Point) -> str:
    """Say on which terms an energy was compared with the best's, without those that neither is charged for."""
    charged = {*point.charged, *contest.ranked[0].charged}
    return f"on {coverage_words([name for name in contest.terms[point] if name in charged])} only"


def _missed(contest: Contest) -> tuple[Option, ...]:
    """Options of which no variant takes part, each with the variant that comes nearest, in order of their misses."""
    found: list[tuple[tuple[int, float], Option]] = []
    for option, variants in contest.members.items():
        if option in contest.chosen or not variants:
            continue
        if able := meeting(variants, contest.where):
            point = best_variant(able, "accuracy", more=True) or able[0]
            miss = 0, 0.0
            reason = absence(point, contest.column, contest.names)
        else:
            point = _nearest(contest, variants)
            miss = largest_miss(point, contest.where)
            reason = f"At best {listed(misses_in_words(point, contest.where))}."
        values = values_of(point, [contest.column, *(limit.column for limit in contest.where)])
        label = contest.label(option)
        found.append((miss, Option(label=label, point=point, values=values, obstacle=reason, takes_part=False)))
    return tuple(option for _, option in sorted(found, key=lambda one: (one[0], one[1].label)))


def _nearest(contest: Contest, variants: Sequence[Point]) -> Point:
    """Return the variant that misses the constraints by least; of several, the best."""
    least = min(largest_miss(point, contest.where) for point in variants)
    nearest = [point for point in variants if largest_miss(point, contest.where) == least]
    return best_variant(nearest, contest.column, more=contest.more) or nearest[0]


# sentences -----------------------------------------------------------------------------------------------------------


def _asked(question: ChooseQuestion, options: Collection[object], names: Names) -> str:
    path = question.choose.removeprefix(AXIS_PREFIX)
    what = path if path == question.choose else _asked_axis(path, options, names)
    aim = f"the {extreme(question.column, more=question.most is not None)} {column_label(question.column)}"
    limits = f" with {listed([limit.in_words for limit in question.where])}" if question.where else ""
    chip = question.select.get("chip")
    told = isinstance(chip, str) and (len(names.chips) > 1 or chip not in names.chips)
    on = f" on {names.of('chip', chip)}" if told else ""
    return f"Which {what} has {aim}{on}{limits}?"


def _asked_axis(path: str, options: Collection[object], names: Names) -> str:
    """The subject of a question about an axis: `width`, `number of cores`, `energy of a hop`, `setting of gating`."""
    word, parameter = names.axis(path), path.split(".", 2)[-1]
    if parameter.startswith(("energies.", "times.")):
        return named_number(parameter) + names.owners.get(path, "")
    if options and {"True", "False", "yes", "no", "unknown"}.issuperset(options):
        return f"setting of {word}"
    return f"number of {word}" if is_counted(word) and any(str(each)[:1].isdigit() for each in options) else word


def _nothing_ranked(contest: Contest, why: str) -> tuple[Standing, str]:
    """Return the verdict of an answer without a best option, and the reason; `why` ends the sentence if no point takes
    part."""
    if contest.unknown:
        return "cannot be asked", next(iter(contest.unknown.values()))
    variants = {point: option for option, members in contest.members.items() for point in members}
    if not variants:
        return "cannot be asked", NONE_TAKES_PART + why
    nearest = _nearest(contest, [*variants])
    label = contest.names.upper(contest.label(variants[nearest]))
    misses = listed(misses_in_words(nearest, contest.where))
    return (
        "not met",
        f"Nothing meets {listed([limit.in_words for limit in contest.where])}. {label} comes nearest: {misses}.",
    )


def _sentence(contest: Contest) -> str:
    """Name the best option, and say by how much it is better."""
    best, other, column = contest.ranked[0], contest.second, contest.column
    value, label = quantity(best.value(column).mean, column), column_label(column)
    if unmodelled(best, column, contest.names):
        value = f"at least {value}"
    if len(contest.ranked) == 1:
        limits = listed([limit.in_words for limit in contest.where])
        only = "can be compared" if contest.unknown else f"meets {limits}" if limits else "gives a result"
        return f"{contest.names.upper(contest.label_of(best))} is the only one that {only}, with {value} {label}."
    level = [contest.label_of(point) for point in contest.ranked[: contest.level]]
    if other is None:
        average = " on average" if not _level_in_seeds(contest) and best.value(column).seeds > 1 else ""
        end = " on the terms that both have" if contest.terms else f", {value}"
        ranges = " The ranges of the chips' numbers leave open which is better."
        left_open = ranges if not (average or contest.terms or contest.alike) else ""
        return f"{contest.names.upper(listed(level))} have the same {label}{average}{end}.{left_open}"
    second, factor = contest.label_of(other), contest.factors[other]
    if is_share(column):
        best_mean, its_mean = contest.means(best, other)
        ahead = f"{in_points(abs(best_mean - its_mean))} points {'above' if contest.more else 'below'} {second}"
    elif factor is None:
        ahead = f"where {second} comes to {quantity(other.value(column).mean, column)}"
    else:
        both = " on the terms that both have" if other in contest.terms else ""
        ahead = f"{in_times(factor, more=contest.more)} than {second}{both}"
    verb, most = "have" if level[1:] else "has", extreme(column, more=contest.more)
    left_open = "" if contest.alike else " Which of these is best is left open."
    return f"{contest.names.upper(listed(level))} {verb} the {most} {label}: {value}, {ahead}.{left_open}"


def _further(contest: Contest, question: ChooseQuestion) -> Iterator[str]:
    """Yield what qualifies or completes the first sentence, most important first."""
    yield draws_against(contest)
    yield from (violated(point, contest.label_of(point)) for point in contest.ranked[:2])
    yield from in_the_way(contest, (question.choose.removeprefix(AXIS_PREFIX),))
    yield _not_ranked(contest)
    if question.choose.startswith(AXIS_PREFIX) and contest.second is not None:
        yield _at_an_end(contest, question.choose)
    yield other_book(contest)
    yield enlarged(contest)


def _cannot_wait(points: Sequence[Point], path: str, contest: Contest) -> str:
    """Name the options that are left out altogether because their neurons would wait where the chip cannot; "" if
    none."""
    waiting = {value_of(point, path): point for point in points if point.set_aside == CANNOT_WAIT}
    gone = [point for option, point in waiting.items() if option is not None and option not in contest.members]
    labels = listed([contest.names.choice(path, point) for point in gone])
    return f"Left out: {labels}, since {CANNOT_WAIT}." if gone else ""


def _not_ranked(contest: Contest) -> str:
    """Name the options that the first sentence does not rank, with the reason if it is a reader's own chip."""
    if not contest.unknown:
        return ""
    labels = first, *others = [*contest.unknown]
    said = f"{contest.names.upper(few_listed(labels))} {'are' if others else 'is'} not ranked."
    own = any(variants[0].own_chip and contest.label(option) == first for option, variants in contest.members.items())
    return f"{said} {contest.unknown[first]}" if own else said


def _at_an_end(contest: Contest, path: str) -> str:
    """Say that the best value of a numeric axis is the smallest or largest tried; "" for 0, or 1 without a unit, mostly
    the limit of what is possible; if values beyond it were tried without a result, as where the network does not fit;
    and if no cores are left to spread over."""
    best, whole = contest.option_of(contest.ranked[0]), contest.ranked[0].whole
    tried = [cell for frame in (whole.frame, whole.failed) for cell in frame[path].dropna() if isinstance(cell, float)]
    limits = (0,) if whole.units.get(path.removeprefix(AXIS_PREFIX)) else (0, 1)
    if contest.level > 1 or best in limits or best not in (min(tried, default=None), max(tried, default=None)):
        return ""
    end, further = ("largest", "larger") if best == max(tried) else ("smallest", "smaller")
    if end == "largest" and path.endswith(".spread") and contest.ranked[0].value("core_share").mean == 1:
        return ""
    lanes = end == "largest" and path.endswith((".vector_width", ".structure.lanes"))
    why = ": in this model, lanes that messages fill cost only area" * lanes  # docs/design.md
    return f"It is the {end} that was tried, so a {further} one may be better still{why}."

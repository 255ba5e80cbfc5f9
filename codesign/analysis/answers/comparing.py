"""`compare`: two sides, each at its best variant under the same constraints."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from codesign.analysis.answers.answers import Answer, Standing
from codesign.analysis.answers.chance import left_to_samples
from codesign.analysis.answers.choosing import options_of, shown_confidence, standing_of
from codesign.analysis.answers.remarks import enlarged, in_the_way, left_aside, other_book, remarks_on
from codesign.analysis.answers.selecting import points_in, why_without
from codesign.analysis.comparisons.comparability import Obstacle, common_terms
from codesign.analysis.comparisons.comparison import Comparison, compare
from codesign.analysis.comparisons.constraints import meeting, more_is_better, resolved
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.comparisons.not_modelled import absence, too_low
from codesign.analysis.questions import CHOICES, CompareQuestion, Selection
from codesign.analysis.results.formatting import (
    column_label,
    in_points,
    in_times,
    is_counted,
    is_share,
    listed,
    quantity,
    written,
)
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point

_UNPAIRED = "The two sides have no training seed in common."


def compare_sides(name: str, question: CompareQuestion, points: Sequence[Point], names: Names) -> Answer:
    """Answer a question of the form `compare`, without points that never answer or drop spikes."""
    selected = points_in(points, question.select)
    sides = [_side(side, question, selected) for side in question.compare]
    labels = [_label(side, names) for side in sides]
    answering = [point for point in selected if not point.silent and not point.drops_spikes]
    members = {place: points_in(answering, side) for place, side in enumerate(sides)}
    of_sides = {*members[0], *members[1]}
    able = [point for point in answering if point in of_sides]
    contest = Contest(
        members=members,
        label=labels.__getitem__,
        column=question.columns[0],
        more=more_is_better(question.columns[0]),
        where=resolved(question.where, able),
        names=names,
    )
    answer = partial(
        Answer,
        name=name,
        form="compare",
        column=contest.column,
        more=contest.more,
        question=question.ask or f"{names.upper(labels[0])} against {labels[1]}: how do they differ?",
        options=options_of(contest, question.columns),
        able=able,
        where=contest.where,
    )
    concerned = {point for side in sides for point in points_in(selected, side)}
    aside = left_aside([point for point in selected if point in concerned], answering, names)
    if len(contest.chosen) < 2:
        reasons = [why_without(points, {**question.select, **side}) for side in sides]
        standing, sentence = _without_variant(contest, reasons)
        return answer(standing=standing, sentence=sentence, remarks=aside)
    first, second = contest.chosen.values()
    if first is second:
        same = f"Both sides are at their best at {names.point(first)}; name sides that have no point in common."
        return answer(standing="cannot be asked", sentence=same, options=(), remarks=aside)
    found, obstacles = _compared(first, second, question.columns, names)
    untimed = {one: said for one in found if (said := too_low(one.better, (first, second), one.column, names))}
    if len(contest.ranked) < 2 or not found:
        return answer(standing="cannot be asked", sentence=next(iter(contest.unranked.values()), _UNPAIRED))
    qualified = *in_the_way(contest, {*sides[0], *sides[1]}), enlarged(contest), other_book(contest)
    return answer(
        standing=standing_of(contest),
        sentence=" ".join(filter(None, [_sentence(contest, found, untimed), *qualified])),
        confidence=shown_confidence(contest),
        comparisons=found,
        remarks=tuple(
            one
            for one in (*remarks_on(contest, (first, second), question.columns), *untimed.values(), *obstacles, *aside)
            if one not in qualified
        ),
    )


def _side(side: str | Selection, question: CompareQuestion, points: Sequence[Point]) -> Selection:
    """Return what a side's name selects: a value of the same fact as the other side's, if one fact has both."""
    if not isinstance(side, str):
        return side
    wanted = {other for other in question.compare if isinstance(other, str)}
    known = {fact: {getattr(point, fact) for point in points} for fact in CHOICES}
    if points and not any(side in values for values in known.values()):
        without = points[0].whole.without_result  # many, which take a while
        known = {fact: values | {getattr(point, fact) for point in without} for fact, values in known.items()}
    order = sorted(CHOICES, key=lambda fact: not known[fact].issuperset(wanted))
    return {next((fact for fact in order if side in known[fact]), "chip"): side}


def _label(side: Selection, names: Names) -> str:
    words = []
    for key, wanted in side.items():
        values = wanted if isinstance(wanted, list | tuple) else (wanted,)
        if key in names.axes and isinstance(values[0], str | bool):
            words.append(listed([names.option(key, written(value)) for value in values], "or"))
        elif isinstance(wanted, bool):
            words.append(f"{'' if wanted else 'not '}{key.replace('_', ' ')}")
        else:
            said = listed([names.of(key, value) for value in values], "or")
            words.append(said if isinstance(values[0], str) else f"{names.axis(key).replace('_', ' ')} {said}")
    return ", ".join(words)


def _with_variant(side: int, contest: Contest) -> str:
    """A side's label, with what distinguishes its best variant from its others and from the other side's best: `acorn
    (spread 8)`."""
    label, parts = contest.label(side), contest.names.parts
    both, variants = map(parts, contest.chosen.values()), map(parts, contest.members[side])
    known = zip(parts(contest.chosen[side]), zip(*both, strict=True), zip(*variants, strict=True), strict=True)
    told = [own.removesuffix(f" of {label}") for own, *all_ in known if own and all(len({*of}) > 1 for of in all_)]
    return f"{label} ({', '.join(told)})" if told else label


def _without_variant(contest: Contest, reasons: Sequence[str]) -> tuple[Standing, str]:
    """Return the verdict of a comparison of which a side has no variant that takes part; name the side and the
    reason, which is the side's among `reasons` if its rows have no result."""
    lacking = {option: variants for option, variants in contest.members.items() if option not in contest.chosen}
    for variants in lacking.values():
        if able := meeting(variants, contest.where):
            return "cannot be asked", absence(able[0], contest.column, contest.names)
    if empty := [option for option, variants in lacking.items() if not variants]:
        why = max((reasons[option] for option in empty), key=len)
        return "cannot be asked", f"No variant of {listed([*map(contest.label, empty)])} takes part{why}"
    limits = listed([limit.in_words for limit in contest.where])
    return "not met", f"No variant of {listed([*map(contest.label, lacking)])} meets {limits}."


def _compared(
    a: Point, b: Point, columns: Sequence[str], names: Names
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Compare the better side with the worse in each column that both have, and say why they do not compare in the
    others, or which side has no value."""
    found, obstacles, absent = [], [], []
    for column in columns:
        if lacking := [point for point in (a, b) if point.value(column).mean is None]:
            absent += [absence(point, column, names) for point in lacking]
            continue
        terms, more = common_terms(a, b, column), more_is_better(column)
        if isinstance(terms, Obstacle):
            obstacles.append(terms.in_words(names))
            continue
        sides = (a, b) if more else (b, a)
        if (one := compare(column, *sides, more_is_better=more)) is not None:
            found.append(one)
    return tuple(found), tuple(dict.fromkeys([*obstacles, *absent]))


def _sentence(contest: Contest, found: Sequence[Comparison], untimed: Collection[Comparison]) -> str:
    """Say how the first side compares with the second, two columns per sentence, and what seeds, draws or a time that
    the lower value leaves out leave open. The certainty of the first column is shown next to the sentence."""
    told = [one for one in found if one.gain.mean and (one is found[0] or (_clear(one) and one not in untimed))]
    differ = [_difference(one, contest.chosen[0]) for one in told]
    same = listed([_values_of_both(one, contest.chosen[0]) for one in found if one.alike])
    open_ = listed([_values_of_both(one, contest.chosen[0]) for one in found if one not in told and not one.alike])
    one, other = (_with_variant(side, contest) for side in contest.chosen)
    both = f"{one} and {other}"
    said = (
        f"{contest.names.upper(one)} has {listed(differ[:2])} than {other}." if differ else "",
        f"It has {listed(differ[2:4])}." if differ[2:] else "",
        f"{'They' if differ else contest.names.upper(both)} have the same {same}." if same else "",
        f"It is open whether {'they' if differ or same else both} differ in {open_}." if open_ else "",
    )
    return " ".join(filter(None, said))


def _clear(comparison: Comparison) -> bool:
    """Whether neither the seeds, if there are several, nor the draws nor the test samples leave a difference open."""
    seeds, draws = comparison.gain, comparison.robustness
    by_seeds = seeds.above_zero or seeds.half_width is None
    return by_seeds and (draws is None or draws.settled) and not left_to_samples(comparison)


def _difference(comparison: Comparison, first: Point) -> str:
    """Say a difference: `1.4 times less energy per sample`, `2.1 points more accuracy`."""
    label, more = column_label(comparison.column), more_is_better(comparison.column) == (comparison.better is first)
    said = "more" if more else "less"
    if is_share(comparison.column):
        said = f"{in_points(comparison.gain.mean or 0.0)} points {said}"
    elif comparison.ratio is not None:
        said = in_times(comparison.ratio if comparison.ratio >= 1 else 1 / comparison.ratio, more=more)
    if is_counted(comparison.column):
        said = said.replace("less", "fewer")
    return f"{said} {label}{_on_terms(comparison, ' (', ')')}"


def _values_of_both(comparison: Comparison, first: Point) -> str:
    """Say the values of both sides: `accuracy (96.1 % against 95.8 %)`, `latency (5 µs)`."""
    means = [comparison.better_mean, comparison.worse_mean][:: 1 if comparison.better is first else -1]
    values = " against ".join(dict.fromkeys(quantity(mean, comparison.column) for mean in means))
    return f"{column_label(comparison.column)} ({values}{_on_terms(comparison, ', ')})"


def _on_terms(comparison: Comparison, before: str, after: str = "") -> str:
    """Say that energies with different terms are compared on the common ones; "" if their terms are the same."""
    return f"{before}on the terms that both have{after}" if comparison.in_part else ""

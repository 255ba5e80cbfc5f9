"""`choose`: which option is best, each at the best of its variants that meet the constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from codesign.analysis.answers import Answer, Option, Standing
from codesign.analysis.columns import AXIS_PREFIX
from codesign.analysis.comparison import Comparison
from codesign.analysis.constraints import doubt, meeting, met_in, miss_in_words, resolved, shortfall
from codesign.analysis.contest import Contest, absence, hold
from codesign.analysis.formatting import column_label, coverage_words, in_times, is_share, listed, quantity, upper
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import ChooseQuestion, Constraint
from codesign.analysis.remarks import (
    accuracy_remark,
    idle_remark,
    lacking_terms,
    left_out,
    other_book,
    seeds_wanted,
    silent_remark,
    terms_remarks,
)
from codesign.analysis.selecting import points_in
from codesign.analysis.statistics import CONFIDENCE, Interval
from codesign.analysis.switching import switches
from codesign.analysis.variants import best_variant, by_option
from codesign.analysis.wording import scaled_sentence, tip_sentence
from codesign.units import in_percent

__all__ = ["SHOWN", "choose", "option_of", "options_of", "standing_of", "values_of"]

SHOWN = ("accuracy", "energy_j", "latency_s", "area_m2")
"""What the table of an answer shows beside the column that decides."""
LIKELY = 0.8
_MOST_NAMED, _MOST_SENTENCES = 3, 3
"""Options and sentences of an answer; what else there is to say becomes a remark."""


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """A question with the points that it is about.

    Attributes:
        members: all variants of each option that answer anything.
        where: the constraints with their limits.
        chosen: the best variant of each option that has one.
    """

    question: ChooseQuestion
    names: Names
    members: Mapping[object, Sequence[Point]]
    where: tuple[Constraint, ...]
    chosen: Mapping[object, Point]

    @property
    def more(self) -> bool:
        return self.question.most is not None

    def rivals(self) -> list[Point]:
        """Of each option of which none meets the constraints, the variant that meets them in most seeds and draws."""
        found = []
        for option, variants in self.members.items():
            if option not in self.chosen and not meeting(variants, self.where):
                best = max(variants, key=self._share_met)
                found += [best] if self._share_met(best) else []
        return found

    @cached_property
    def reserves(self) -> dict[Point, Point]:
        """Of chosen variants that miss the constraints in some seeds or draws, the one that misses them in fewest."""
        found: dict[Point, Point] = {}
        for option, point in self.chosen.items() if self.where else ():
            if (least := self._share_met(point)) < 1.0:
                share = {variant: self._share_met(variant) for variant in meeting(self.members[option], self.where)}
                safest = [variant for variant, met in share.items() if met == max(share.values()) > least]
                reserve = best_variant(safest, self.question.column, more=self.more)
                found |= {} if reserve is None else {point: reserve}
        return found

    def _share_met(self, point: Point) -> float:
        return float(met_in(point, self.where, [*map(int, point.training_seeds)]).mean())

    def label(self, option: object) -> str:
        """An option as a reader says it."""
        if not self.question.choose.startswith(AXIS_PREFIX):
            return self.names.of(self.question.choose, option)
        path = self.question.choose.removeprefix(AXIS_PREFIX)
        point = self.members[option][0]
        value = next(text for (name, _), text in zip(point.axes, point.axis_values, strict=True) if name == path)
        return self.names.option(path, value)


def choose(name: str, question: ChooseQuestion, points: Sequence[Point], names: Names) -> Answer:
    """The answer to a question of the form `choose`.

    Args:
        points: all of the results; those that answer nothing are left out, and schedules that the chip cannot execute.
        names: of all of the results.
    """
    selected = points_in(points, question.select)
    choice = _choice(question, selected, names)
    contest = hold(
        list(choice.chosen.values()),
        question.column,
        more=choice.more,
        names=names,
        where=choice.where,
        rivals=choice.rivals(),
        reserves=choice.reserves,
    )
    answer = partial(
        Answer,
        name=name,
        form="choose",
        column=question.column,
        question=question.ask or _asked(choice),
        options=_options(choice, contest),
    )
    if not contest.ranked:
        return answer(
            standing="cannot be asked", sentence=_nothing(choice, contest), remarks=silent_remark(selected, names)
        )
    confidence, turns = sum(contest.wins[: contest.level]), _switches(choice, contest)
    said = [_sentence(choice, contest), *filter(None, _further(choice, contest)), *turns[:1]]
    return answer(
        standing=_standing(choice, contest, confidence),
        sentence=" ".join(said[:_MOST_SENTENCES]),
        confidence=confidence if len(contest.ranked) > 1 or not _unknown(choice, contest) else None,
        comparisons=() if contest.runner_up is None else (contest.runner_up,),
        remarks=(*said[_MOST_SENTENCES:], *turns[1:], *_remarks(choice, contest, selected)),
    )


def option_of(choose: str) -> Callable[[Point], object]:
    """What a point is an option of: a chip, a schedule, a recipe, or a value of an axis."""
    if choose.startswith(AXIS_PREFIX):
        path = choose.removeprefix(AXIS_PREFIX)
        return lambda point: dict(point.axes).get(path)
    return lambda point: getattr(point, choose)


def standing_of(confidence: float, runner_up: Comparison | None) -> Standing:
    """`sure` needs, besides its share, an interval over training seeds that excludes the opposite."""
    if confidence >= CONFIDENCE and (runner_up is None or runner_up.gain.above_zero):
        return "sure"
    return "likely" if confidence >= LIKELY else "open"


def _standing(choice: _Choice, contest: Contest, confidence: float) -> Standing:
    """Open where all others are unknown; one training seed does not make sure that a constraint is met."""
    if len(contest.ranked) > 1:
        return standing_of(confidence, contest.runner_up)
    if _unknown(choice, contest):
        return "open"
    several = contest.ranked[0].value(choice.question.column).seeds > 1
    return standing_of(confidence if several or not choice.where else min(confidence, LIKELY), None)


def _unknown(choice: _Choice, contest: Contest) -> list[object]:
    """Options that meet the constraints and are not ranked, since they have no value or none that compares."""
    return [
        option
        for option, variants in choice.members.items()
        if (choice.chosen[option] in contest.unranked if option in choice.chosen else meeting(variants, choice.where))
    ]


def values_of(point: Point | None, columns: Sequence[str]) -> dict[str, Interval]:
    """Means and intervals of those columns that a point has."""
    found = {} if point is None else {column: point.value(column) for column in columns}
    return {column: value for column, value in found.items() if value.mean is not None}


def _choice(question: ChooseQuestion, selected: Sequence[Point], names: Names) -> _Choice:
    able = [point for point in selected if not point.silent and not _beyond(point, question)]
    where = resolved(question.where, able)
    members = by_option(able, option_of(question.choose))
    best = {
        option: best_variant(meeting(variants, where), question.column, more=question.most is not None)
        for option, variants in members.items()
    }
    chosen = {option: point for option, point in best.items() if point is not None}
    return _Choice(question=question, names=names, members=members, where=where, chosen=chosen)


def _beyond(point: Point, question: ChooseQuestion) -> bool:
    """Whether the chip cannot execute the schedule, and nobody asked for it by name."""
    return point.beyond_chip and not {"schedule", "inference"} & set(question.select)


def _options(choice: _Choice, contest: Contest) -> tuple[Option, ...]:
    columns = (*SHOWN, choice.question.column, *(limit.column for limit in choice.where))
    by_point = {point: option for option, point in choice.chosen.items()}
    missed = [
        Option(label=choice.label(option), point=None, values=values, obstacle=reason)
        for option, variants in choice.members.items()
        if option not in choice.chosen
        for reason, values in [_missed(choice, variants)]
    ]
    taking_part = options_of(contest, lambda point: choice.label(by_point[point]), columns)
    return (*taking_part, *sorted(missed, key=lambda o: o.label))


def options_of(contest: Contest, label: Callable[[Point], str], columns: Sequence[str]) -> tuple[Option, ...]:
    """The points of a contest as rows of an answer, those that do not compare last."""
    shown = tuple(dict.fromkeys(columns))
    ranked = [
        Option(
            label=label(point),
            point=point,
            values=values_of(point, shown),
            factor=factor,
            wins=wins,
            obstacle=_in_part(contest, point) if point in contest.terms else "",
        )
        for point, wins, factor in zip(contest.ranked, contest.wins, contest.factors, strict=True)
    ]
    unranked = [
        Option(label=label(point), point=point, values=values_of(point, shown), obstacle=reason)
        for point, reason in contest.unranked.items()
    ]
    return (*ranked, *sorted(unranked, key=lambda o: o.label))


def _in_part(contest: Contest, point: Point) -> str:
    """On which terms an energy was held against the best's; those that neither is charged for go without saying."""
    charged = {*point.charged, *contest.ranked[0].charged}
    return f"on {coverage_words([name for name in contest.terms[point] if name in charged])} only"


def _missed(choice: _Choice, variants: Sequence[Point]) -> tuple[str, dict[str, Interval]]:
    """Why no variant of an option takes part, and the value of the nearest in the column that it misses."""
    if able := meeting(variants, choice.where):
        return absence(able[0], choice.question.column, choice.names), {}
    for limit in choice.where:
        if not meeting(variants, (limit,)):
            short = {point: s for point in variants if (s := shortfall(point, limit)) is not None}
            nearest = min(short, key=lambda point: short[point], default=variants[0])
            return f"At best {miss_in_words(nearest, limit)}.", values_of(nearest, (limit.column,))
    return "No variant meets all constraints.", {}


# sentences -----------------------------------------------------------------------------------------------------------


def _asked(choice: _Choice) -> str:
    question = choice.question
    what = question.choose
    if what.startswith(AXIS_PREFIX):
        what = choice.names.axis(what)
    label = column_label(question.column)
    aim = f"the highest {label}" if choice.more else f"the least {label}"
    limits = f" with {listed([limit.text for limit in question.where])}" if question.where else ""
    return f"Which {what} has {aim}{limits}?"


def _nothing(choice: _Choice, contest: Contest) -> str:
    if not choice.members:
        return "No point of the results takes part."
    if contest.unranked:
        return next(iter(contest.unranked.values()))
    variants = [point for variants in choice.members.values() for point in variants]
    reason, _ = _missed(choice, variants)
    return reason if meeting(variants, choice.where) else f"Nothing meets the constraints. {reason}"


def _sentence(choice: _Choice, contest: Contest) -> str:
    by_point = {point: option for option, point in choice.chosen.items()}
    best, column = contest.ranked[0], choice.question.column
    first = choice.label(by_point[best])
    value, label = quantity(best.value(column).mean, column), column_label(column)
    if left_out(best, column, choice.names):
        value = f"at least {value}"
    if len(contest.ranked) == 1:
        only = "can be compared" if _unknown(choice, contest) or not choice.where else "meets the constraints"
        return f"{upper(first)} is the only one that {only}, with {value} {label}."
    level = [choice.label(by_point[point]) for point in contest.ranked[: contest.level]]
    if contest.level == len(contest.ranked):
        return f"{upper(listed(level))} have the same {label}, {value}."
    other = contest.ranked[contest.level]
    second, factor = choice.label(by_point[other]), contest.factors[contest.level]
    second = second.removesuffix(choice.names.owners.get(choice.question.choose.removeprefix(AXIS_PREFIX), ""))
    both = " on the terms that both have" if other in contest.terms else ""
    if is_share(column):
        gain = abs((best.value(column).mean or 0.0) - (other.value(column).mean or 0.0))
        ahead = f"{in_percent(gain)} points {'above' if choice.more else 'below'} {second}"
    elif factor is None:
        ahead = f"{second} comes to {quantity(other.value(column).mean, column)}"
    else:
        ahead = f"{in_times(factor, more=choice.more)} than {second}{both}"
    verb = "has" if contest.level == 1 else "have"
    most = "highest" if choice.more else "least"
    return f"{upper(listed(level))} {verb} the {most} {label}: {value}, {ahead}."


def _further(choice: _Choice, contest: Contest) -> Iterator[str]:
    """What may stand in the way of the sentence, or goes with it: most important first."""
    yield lacking_terms(contest, choice.names)
    yield _not_ranked(choice, contest)
    yield _best_other_chip(choice, contest)
    yield _at_an_end(choice, contest)
    if choice.question.column == "energy_j" and contest.level < len(contest.ranked):
        place = _of_another_chip(contest) or contest.level
        yield other_book(contest, place, choice.names)


def _not_ranked(choice: _Choice, contest: Contest) -> str:
    """Whom the first sentence says nothing of."""
    labels = [choice.label(option) for option in _unknown(choice, contest)]
    if len(labels) > _MOST_NAMED:
        labels = [*labels[: _MOST_NAMED - 1], f"{len(labels) - _MOST_NAMED + 1} others"]
    return f"{upper(listed(labels))} {'are' if labels[1:] else 'is'} not ranked." if labels else ""


def _of_another_chip(contest: Contest) -> int | None:
    """The place of the first whose chip is no variant of the best's."""
    best = contest.ranked[0]
    return next((place for place, point in enumerate(contest.ranked) if point.silicon != best.silicon), None)


def _best_other_chip(choice: _Choice, contest: Contest) -> str:
    """How far the nearest other chip is, where the runner-up is a variant of the best one's."""
    place = _of_another_chip(contest)
    if choice.question.choose != "chip" or place is None or place <= contest.level:
        return ""
    column, factor = choice.question.column, contest.factors[place]
    label = choice.names.chips[contest.ranked[place].chip]
    if is_share(column) or factor is None:
        return f"The best other chip is {label} with {quantity(contest.ranked[place].value(column).mean, column)}."
    return f"The best other chip, {label}, has {in_times(factor, more=not choice.more)}."


def _at_an_end(choice: _Choice, contest: Contest) -> str:
    """That the best value of a numeric axis is the smallest or the largest that was tried."""
    numbers = [option for option in choice.members if isinstance(option, int | float)]
    best = next(option for option, point in choice.chosen.items() if point is contest.ranked[0])
    if not choice.question.choose.startswith(AXIS_PREFIX) or len(numbers) < 2 or len(contest.ranked) == contest.level:
        return ""
    if best == max(numbers):
        return "It is the largest that was tried, so a larger one may be better still."
    return "It is the smallest that was tried, so a smaller one may be better still." if best == min(numbers) else ""


def _switches(choice: _Choice, contest: Contest) -> list[str]:
    """Sentences on where another option wins; what is enough comes before what is needed."""
    question = choice.question
    found = switches(
        choice.members,
        choice.chosen,
        contest,
        choice.where,
        column=question.column,
        more=choice.more,
        names=choice.names,
    )
    said = []
    for one in sorted(found, key=lambda switch: switch.stricter):
        limit, label = f"{quantity(one.at, one.column)} {column_label(one.column)}", choice.label(one.option)
        if one.stricter:
            said.append(f"Where {'more' if one.at_least else 'less'} than {limit} is needed, {label} wins.")
        else:
            said.append(f"Where {limit} is enough, {label} wins.")
    return said


# remarks -------------------------------------------------------------------------------------------------------------


def _doubt(choice: _Choice, best: Point) -> str:
    """That some seeds or draws of the best miss the constraints, and which variant of its option counts there."""
    said, reserve, column = doubt(best, choice.where), choice.reserves.get(best), choice.question.column
    if not said or reserve is None:
        return said
    value = f"{quantity(reserve.value(column).mean, column)} {column_label(column)}"
    return f"{said} There {choice.names.point(reserve)} counts, with {value}."


def _remarks(choice: _Choice, contest: Contest, selected: Sequence[Point]) -> tuple[str, ...]:
    best, by_point = contest.ranked[0], {point: option for option, point in choice.chosen.items()}
    column = choice.question.column
    said = [left_out(best, column, choice.names), _doubt(choice, best), seeds_wanted(contest)]
    if contest.runner_up is not None and not lacking_terms(contest, choice.names):
        said.append(tip_sentence(contest.runner_up, choice.names))
    said += terms_remarks(contest, choice.names)
    for reason in dict.fromkeys(contest.unranked.values()):
        said.append(reason)
    labels = {point: choice.label(by_point[point]) for point in contest.ranked}
    if contest.runner_up is not None:
        said.append(scaled_sentence(best, contest.ranked[contest.level], labels))
    said += [accuracy_remark(labels, column, choice.where), idle_remark(best, column)]
    places = {(point.chip, point.schedule) for point in contest.ranked}
    if choice.question.choose == "schedule" and len({chip for chip, _ in places}) > 1:
        said.append("Each is best on a different chip; select one chip to compare only schedules.")
    everyone = {**dict.fromkeys(contest.ranked), **dict.fromkeys(selected)}
    return (*dict.fromkeys(filter(None, said)), *silent_remark(everyone, choice.names))

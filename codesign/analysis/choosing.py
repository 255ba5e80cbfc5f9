"""`choose`: which option is best, each at the best of its variants that meet the constraints."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from codesign.analysis.answers import Answer, Option, Standing
from codesign.analysis.columns import AXIS_PREFIX
from codesign.analysis.comparison import Comparison
from codesign.analysis.constraints import doubt, meeting, miss_in_words, resolved, shortfall
from codesign.analysis.contest import Contest, absence, hold
from codesign.analysis.formatting import column_label, coverage_words, is_share, listed, quantity, significant, upper
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import ChooseQuestion, Constraint
from codesign.analysis.selecting import points_in
from codesign.analysis.statistics import CONFIDENCE, Interval, quantile_of
from codesign.analysis.switching import switches
from codesign.analysis.variants import best_variant, by_option
from codesign.analysis.wording import tip_sentence

__all__ = [
    "SHOWN",
    "choose",
    "option_of",
    "options_of",
    "seeds_wanted",
    "silent_remark",
    "standing_of",
    "terms_remarks",
    "values_of",
]

SHOWN = ("accuracy", "energy_j", "latency_s", "area_m2")
"""What the table of an answer shows beside the column that decides."""
LIKELY = 0.8
_MOST_SEEDS = 100
_MOST_NAMED = 3


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
    contest = hold(list(choice.chosen.values()), question.column, more=choice.more, names=names)
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
    return answer(
        standing=standing_of(confidence, contest.runner_up),
        sentence=" ".join([_sentence(choice, contest), *_left_out(choice, contest), *turns[:1]]),
        confidence=confidence if len(contest.ranked) > 1 else None,
        comparisons=() if contest.runner_up is None else (contest.runner_up,),
        remarks=(*turns[1:], *_remarks(choice, contest, selected)),
    )


def option_of(choose: str) -> Callable[[Point], object]:
    """What a point is an option of: a chip, a schedule, a recipe, or a value of an axis."""
    if choose.startswith(AXIS_PREFIX):
        path = choose.removeprefix(AXIS_PREFIX)
        return lambda point: dict(point.axes).get(path)
    return lambda point: getattr(point, choose)


def standing_of(confidence: float, runner_up: Comparison | None) -> Standing:
    """`sure` needs, besides its share, an interval over training seeds that excludes the opposite."""
    if runner_up is None or (confidence >= CONFIDENCE and runner_up.gain.above_zero):
        return "sure"
    return "likely" if confidence >= LIKELY else "open"


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
            obstacle=f"on {coverage_words(contest.terms[point])} only" if point in contest.terms else "",
        )
        for point, wins, factor in zip(contest.ranked, contest.wins, contest.factors, strict=True)
    ]
    unranked = [
        Option(label=label(point), point=point, values=values_of(point, shown), obstacle=reason)
        for point, reason in contest.unranked.items()
    ]
    return (*ranked, *sorted(unranked, key=lambda o: o.label))


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
        what = f"value of {choice.names.axis(what)}"
    label = column_label(question.column)
    aim = f"the highest {label}" if choice.more else f"the least {label}"
    limits = f" with {listed([limit.text for limit in question.where])}" if question.where else ""
    return f"Which {what} has {aim}{limits}?"


def _nothing(choice: _Choice, contest: Contest) -> str:
    if not choice.members:
        return "No point of the results takes part."
    if contest.unranked:
        return next(iter(contest.unranked.values()))
    reason, _ = _missed(choice, [point for variants in choice.members.values() for point in variants])
    return f"Nothing meets the constraints. {reason}" if choice.where else reason


def _sentence(choice: _Choice, contest: Contest) -> str:
    by_point = {point: option for option, point in choice.chosen.items()}
    best, column = contest.ranked[0], choice.question.column
    first = choice.label(by_point[best])
    value = quantity(best.value(column).mean, column)
    label = column_label(column)
    if len(contest.ranked) == 1:
        only = "meets the constraints" if len(choice.chosen) == 1 and choice.where else "can be compared"
        return f"{upper(first)} is the only one that {only}, with {value} {label}."
    level = [choice.label(by_point[point]) for point in contest.ranked[: contest.level]]
    if contest.level == len(contest.ranked):
        return f"{upper(listed(level))} have the same {label}, {value}."
    other = contest.ranked[contest.level]
    second, factor = choice.label(by_point[other]), contest.factors[contest.level]
    both = " on the terms that both have" if other in contest.terms else ""
    if is_share(column):
        gain = abs((best.value(column).mean or 0.0) - (other.value(column).mean or 0.0))
        ahead = f"{100 * gain:.1f} points {'above' if choice.more else 'below'} {second}"
    elif factor is None:
        ahead = f"{second} comes to {quantity(other.value(column).mean, column)}"
    else:
        ahead = f"{significant(factor, 3)} times {'as much as' if choice.more else 'less than'} {second}{both}"
    verb = "has" if contest.level == 1 else "have"
    most = "highest" if choice.more else "least"
    return f"{upper(listed(level))} {verb} the {most} {label}: {value}, {ahead}."


def _left_out(choice: _Choice, contest: Contest) -> list[str]:
    """Whom the first sentence says nothing of."""
    labels = [choice.label(option) for option, point in choice.chosen.items() if point in contest.unranked]
    if len(labels) > _MOST_NAMED:
        labels = [*labels[: _MOST_NAMED - 1], f"{len(labels) - _MOST_NAMED + 1} others"]
    return [f"{upper(listed(labels))} {'are' if labels[1:] else 'is'} not ranked."] if labels else []


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


def silent_remark(points: Collection[Point], names: Names) -> tuple[str, ...]:
    """That some points, or some seeds of one, answer nothing; the point that comes first is named."""
    silent = sum(point.silent for point in points)
    mixed = [point for point in points if point.silent_seeds and not point.silent]
    said = []
    if silent:
        words = "1 point has" if silent == 1 else f"{silent:,} points have"
        said.append(f"{words} no output spike or no right answer and {'is' if silent == 1 else 'are'} left out.")
    if mixed:
        seeds = mixed[0].silent_seeds
        which = f"seed {seeds[0]} has" if len(seeds) == 1 else f"seeds {listed([str(seed) for seed in seeds])} have"
        more = f" The same holds at {len(mixed) - 1:,} more." if mixed[1:] else ""
        said.append(f"At {names.point(mixed[0])}, training {which} no right answer but counts.{more}")
    return tuple(said)


def _remarks(choice: _Choice, contest: Contest, selected: Sequence[Point]) -> tuple[str, ...]:
    best = contest.ranked[0]
    said = [doubt(best, choice.where), seeds_wanted(contest)]
    if contest.runner_up is not None and contest.runner_up.robustness is not None:
        said.append(tip_sentence(contest.runner_up, choice.names))
    said += terms_remarks(contest, choice.names)
    for reason in dict.fromkeys(contest.unranked.values()):
        said.append(reason)
    places = {(point.chip, point.schedule) for point in contest.ranked}
    if choice.question.choose == "schedule" and len({chip for chip, _ in places}) > 1:
        said.append("Each is best on a different chip; select one chip to compare only schedules.")
    return (
        *dict.fromkeys(filter(None, said)),
        *silent_remark({**dict.fromkeys(contest.ranked), **dict.fromkeys(selected)}, choice.names),
    )


def terms_remarks(contest: Contest, names: Names) -> list[str]:
    """What is left out where energies do not hold the same terms."""
    said = []
    for point, terms in contest.terms.items():
        left = sorted(({*point.coverage} | {*contest.ranked[0].coverage}) - set(terms))
        chip = names.chips[point.chip]
        said.append(f"{chip} is compared without {coverage_words(left)}, which one side does not have.")
    return said


def seeds_wanted(contest: Contest) -> str:
    """How many training seeds would tell the best from the runner-up, where their spread is what leaves it open.

    From the paired difference of mean m and deviation s: an interval of n seeds excludes zero where t(n) · s / √n < m.
    """
    found = contest.runner_up
    if found is None or found.gain.above_zero or not found.gain.mean or contest.settled < CONFIDENCE:
        return ""
    seeds = found.gain.seeds
    if found.gain.half_width is None:
        return "One training seed gives no spread; three or more would."
    deviation = found.gain.half_width * math.sqrt(seeds) / quantile_of(seeds - 1)
    wanted = next(
        (
            n
            for n in range(seeds + 1, _MOST_SEEDS + 1)
            if quantile_of(n - 1) * deviation / math.sqrt(n) < found.gain.mean
        ),
        None,
    )
    if wanted is None:
        return f"The spread of the training seeds hides the difference, and even {_MOST_SEEDS} seeds would not show it."
    return f"The spread of {seeds} training seeds leaves it open; about {wanted} would settle it."

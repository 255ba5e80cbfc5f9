"""`compare`: two sides, each at its best variant under the same constraints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from codesign.analysis.answers import Answer
from codesign.analysis.choosing import SHOWN, options_of, standing_of
from codesign.analysis.comparison import Comparison
from codesign.analysis.constraints import doubt, meeting, more_is_better, resolved
from codesign.analysis.contest import Contest, absence, compared, hold
from codesign.analysis.formatting import column_label, in_times, is_share, listed, points_with_interval, upper
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import CompareQuestion, Constraint, Selection
from codesign.analysis.remarks import (
    idle_remark,
    lacking_terms,
    left_out,
    other_book,
    seeds_wanted,
    silent_remark,
    terms_remarks,
)
from codesign.analysis.selecting import points_in
from codesign.analysis.variants import best_variant
from codesign.analysis.wording import tip_sentence

__all__ = ["compare_sides"]

_NAMED = ("chip", "schedule", "recipe")


def compare_sides(name: str, question: CompareQuestion, points: Sequence[Point], names: Names) -> Answer:
    """The answer to a question of the form `compare`.

    Args:
        points: all of the results; those that answer nothing are left out.
        names: of all of the results.
    """
    chosen = points_in(points, question.select)
    facts = _facts(chosen, question.compare)
    members = [_side(chosen, side, fact) for side, fact in zip(question.compare, facts, strict=True)]
    sides = [[point for point in side if not point.silent] for side in members]
    where = resolved(question.where, [point for side in sides for point in side])
    column, more = question.columns[0], more_is_better(question.columns[0])
    best = [best_variant(meeting(side, where), column, more=more) for side in sides]
    labels = [_label(side, fact, names) for side, fact in zip(question.compare, facts, strict=True)]
    answer = partial(
        Answer,
        name=name,
        form="compare",
        column=column,
        question=question.ask or f"{upper(labels[0])} against {labels[1]}: how do they differ?",
    )
    lacking = [label for label, point in zip(labels, best, strict=True) if point is None]
    both = [point for point in best if point is not None]
    if len(both) < 2:
        limits = listed([limit.text for limit in question.where])
        able = [point for side, found in zip(sides, best, strict=True) if not found for point in meeting(side, where)]
        sentence = f"No variant of {listed(lacking)} {f'meets {limits}' if limits else 'takes part'}."
        sentence = absence(able[0], column, names) if able else sentence
        return answer(standing="cannot be asked", sentence=sentence, remarks=silent_remark(chosen, names))
    contest = hold(both, column, more=more, names=names, where=where)
    label_of = dict(zip(both, labels, strict=True))
    options = options_of(contest, label_of.__getitem__, (*question.columns, *SHOWN))
    found = [one for each in question.columns if (one := _compared(both[0], both[1], each)) is not None]
    if len(contest.ranked) < 2 or not found:
        return answer(standing="cannot be asked", sentence=next(iter(contest.unranked.values()), ""), options=options)
    book = other_book(contest, 1, names) if column == "energy_j" and contest.level == 1 else ""
    return answer(
        standing=standing_of(sum(contest.wins[: contest.level]), contest.runner_up),
        sentence=" ".join(filter(None, (_sentence(both[0], labels, found), lacking_terms(contest, names), book))),
        confidence=sum(contest.wins[: contest.level]),
        options=options,
        comparisons=tuple(found),
        remarks=(*_remarks(both, contest, column, where, names), *silent_remark(chosen, names)),
    )


def _remarks(
    both: Sequence[Point], contest: Contest, column: str, where: Sequence[Constraint], names: Names
) -> Iterator[str]:
    known = contest.runner_up if not lacking_terms(contest, names) else None
    said = [*(left_out(point, column, names) for point in both), *(doubt(point, where) for point in both)]
    said += [seeds_wanted(contest), "" if known is None else tip_sentence(known, names)]
    return filter(None, [*said, *terms_remarks(contest, names), idle_remark(both[0], column)])


def _facts(points: Sequence[Point], sides: Sequence[str | Selection]) -> list[str]:
    """What each name is a name of: of the same thing where there is one that has all; "" for selections."""
    wanted = [side for side in sides if isinstance(side, str)]
    known = {fact: {getattr(point, fact) for point in points} for fact in _NAMED}
    of_all = [fact for fact in _NAMED if known[fact].issuperset(wanted)]
    order = (*of_all, *_NAMED)
    return [
        next((fact for fact in order if side in known[fact]), "chip") if isinstance(side, str) else "" for side in sides
    ]


def _side(points: Sequence[Point], side: str | Selection, fact: str) -> list[Point]:
    return points_in(points, {fact: side} if isinstance(side, str) else side)


def _label(side: str | Selection, fact: str, names: Names) -> str:
    if isinstance(side, str):
        return names.of(fact, side)
    words = []
    for key, wanted in side.items():
        values = wanted if isinstance(wanted, list | tuple) else (wanted,)
        said = listed([names.of(key, value) for value in values], "or")
        if isinstance(wanted, bool):
            words.append(f"{'' if wanted else 'not '}{key.replace('_', ' ')}")
        elif key in names.axes and isinstance(values[0], str):
            words.append(listed([names.option(key, str(value)) for value in values], "or"))
        else:
            words.append(said if isinstance(values[0], str) else f"{names.axis(key).replace('_', ' ')} {said}")
    return ", ".join(words)


def _compared(a: Point, b: Point, column: str) -> Comparison | None:
    """The better side against the worse; None where they do not compare."""
    first, second = a.value(column).mean, b.value(column).mean
    if first is None or second is None:
        return None
    more = more_is_better(column)
    better, worse = (a, b) if (first >= second) == more else (b, a)
    return compared(better, worse, column, more=more)


def _sentence(first: Point, labels: Sequence[str], found: Sequence[Comparison]) -> str:
    """How the first side stands to the second, two columns a sentence; what the seeds or draws leave open says so.

    How sure the first column is stands beside the sentence.
    """
    said = [_difference(one, first) for one in found if one is found[0] or _clear(one)]
    same = [column_label(one.column) for one in found if not one.gain.mean]
    open_ = [column_label(one.column) for one in found[1:] if one.gain.mean and not _clear(one)]
    differ = [words for words in said if words]
    sentences = [f"{upper(labels[0])} has {listed(differ[:2])} than {labels[1]}."] if differ else []
    sentences += [f"It has {listed(differ[2:4])}."] if differ[2:] else []
    sentences += (
        [f"{'They have' if differ else f'{upper(labels[0])} and {labels[1]} have'} the same {listed(same)}."]
        if same
        else []
    )
    return " ".join([*sentences, *([f"In {listed(open_)} they do not clearly differ."] if open_ else [])])


def _clear(comparison: Comparison) -> bool:
    """Whether neither the seeds, if there are several, nor the draws leave a difference open."""
    several = comparison.gain.half_width is not None
    return (comparison.gain.above_zero or not several) and (
        comparison.robustness is None or comparison.robustness.settled
    )


def _difference(comparison: Comparison, first: Point) -> str:
    """`1.4 times less energy per sample`, `2.1 points more accuracy`; empty for none."""
    ahead, label = comparison.better is first, column_label(comparison.column)
    more = more_is_better(comparison.column) == ahead
    if not comparison.gain.mean:
        return ""
    if is_share(comparison.column):
        return f"{points_with_interval(comparison.gain).partition(' ±')[0]} points {'more' if more else 'less'} {label}"
    if comparison.ratio is None:
        return f"{'more' if more else 'less'} {label}"
    factor = comparison.ratio if comparison.ratio >= 1 else 1 / comparison.ratio
    return f"{in_times(factor, more=more)} {label}"

"""`compare`: two sides, each at its best variant under the same constraints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from codesign.analysis.answers import Answer
from codesign.analysis.choosing import SHOWN, options_of, seeds_wanted, silent_remark, standing_of, terms_remarks
from codesign.analysis.comparison import Comparison
from codesign.analysis.constraints import meeting, more_is_better, resolved
from codesign.analysis.contest import absence, compared, hold
from codesign.analysis.formatting import column_label, is_share, listed, points_with_interval, significant, upper
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import CompareQuestion, Selection
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
    contest = hold(both, column, more=more, names=names)
    label_of = dict(zip(both, labels, strict=True))
    options = options_of(contest, label_of.__getitem__, (*question.columns, *SHOWN))
    found = [one for each in question.columns if (one := _compared(both[0], both[1], each)) is not None]
    if len(contest.ranked) < 2 or not found:
        return answer(standing="cannot be asked", sentence=next(iter(contest.unranked.values()), ""), options=options)
    tip = "" if contest.runner_up is None else tip_sentence(contest.runner_up, names)
    remarks = (*terms_remarks(contest, names), seeds_wanted(contest), tip)
    return answer(
        standing=standing_of(sum(contest.wins[: contest.level]), contest.runner_up),
        sentence=_sentence(both[0], labels, found),
        confidence=sum(contest.wins[: contest.level]),
        options=options,
        comparisons=tuple(found),
        remarks=(*filter(None, remarks), *silent_remark(chosen, names)),
    )


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
    """How the first side stands to the second, two columns a sentence."""
    said = [_difference(comparison, first) for comparison in found]
    opening = f"{upper(labels[0])} has {listed(said[:2])} than {labels[1]}."
    return opening + (f" It has {listed(said[2:4])}." if said[2:] else "")


def _difference(comparison: Comparison, first: Point) -> str:
    """`1.4 times less energy per sample`, `2.1 ± 0.4 points more accuracy`."""
    ahead, label = comparison.better is first, column_label(comparison.column)
    more = more_is_better(comparison.column) == ahead
    if not comparison.gain.mean:
        return f"no less {label}"
    if is_share(comparison.column):
        return f"{points_with_interval(comparison.gain).partition(' ±')[0]} points {'more' if more else 'less'} {label}"
    if comparison.ratio is None:
        return f"{'more' if more else 'less'} {label}"
    factor = comparison.ratio if comparison.ratio >= 1 else 1 / comparison.ratio
    return f"{significant(factor, 3)} times {'more' if more else 'less'} {label}"

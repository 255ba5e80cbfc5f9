"""`target`: which points meet all constraints, or the nearest miss and what stands in its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from codesign.analysis.answers.answers import Answer, Option, values_of
from codesign.analysis.answers.chance import one_training, trained_once
from codesign.analysis.answers.remarks import first_named, guesses, left_aside, may_miss, without_draws
from codesign.analysis.answers.selecting import NONE_TAKES_PART, points_in, taking_part, why_without
from codesign.analysis.comparisons.constraints import (
    Constraint,
    doubt,
    largest_miss,
    meeting,
    meets,
    met_by_chance,
    met_in,
    missed_by_chance,
    misses_in_words,
    resolved,
    seeds_of,
    why_unknown,
)
from codesign.analysis.comparisons.variants import best_variant, level_with
from codesign.analysis.questions import TargetQuestion
from codesign.analysis.results.formatting import column_label, extreme, listed
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.arrays import Flags
from codesign.units import plural

_MOST = 8


def reach(name: str, question: TargetQuestion, points: Sequence[Point], names: Names) -> Answer:
    """Answer a question of the form `target`, without points that are `set_aside`, as in a choice."""
    selected = points_in(points, question.select)
    able = taking_part(selected, question.select)
    where = resolved(question.target, able)
    met = meeting(able, where)
    nearest = sorted(met or able, key=lambda point: largest_miss(point, where))
    answer = partial(
        Answer,
        name=name,
        form="target",
        column=where[0].column,
        more=where[0].is_least,
        question=question.ask or f"Which points meet {listed([limit.in_words for limit in question.target])}?",
        able=able,
        where=where,
    )
    aside = left_aside(selected, able, names)
    columns = [limit.column for limit in where]
    unknown = [_not_known(able, column) for column in columns]

    def in_draws(point: Point) -> Flags:
        return met_in(point, where, seeds_of(point, where, point.training_seeds))

    if not able:
        none = NONE_TAKES_PART + why_without(points, question.select)
        return answer(standing="cannot be asked", sentence=none, remarks=aside)
    if met:
        more = where[0].is_least
        level = level_with(best_variant(met, where[0].column, more=more) or met[0], met, where[0].column)
        best, often = _most_often(level, in_draws)
        tied = first_named(sorted(level, key=lambda point: point is not best), names)
        verb, most = "have" if level[1:] else "has", extreme(where[0].column, more=more)
        has = f"{tied} {verb} the {most} {column_label(where[0].column)}"
        told = f"All constraints are met by {len(met):,} of {plural(len(able), 'point')}; {has}."
        lacking = may_miss(best, able, where, names)
        doubts = guesses(best, "It"), doubt(best, where), *_left_open(best, where), lacking
        return answer(
            standing="met",
            sentence=told,
            # not of one seed without draws, nor of a value that leaves something out
            confidence=float(often.mean()) if often.size > 1 and not lacking else None,
            options=_options(sorted(nearest, key=lambda point: point is not best), where, names),
            remarks=tuple(filter(None, [*doubts, *unknown, without_draws(*columns), *aside])),
        )
    missed = listed(misses_in_words(nearest[0], where))
    return answer(
        standing="not met",
        sentence=f"No point meets all constraints. The nearest is {names.point(nearest[0])}: {missed}.",
        options=_options(nearest, where, names),
        remarks=(*filter(None, [*_left_open(nearest[0], where), *_in_the_way(able, where), *unknown]), *aside),
    )


def _most_often(points: Sequence[Point], in_draws: Callable[[Point], Flags]) -> tuple[Point, Flags]:
    """Return the first of the points that are most often `in_draws`, and when it is; none is looked at after one that
    always is, since thousands may be level."""
    best, often = points[0], in_draws(points[0])
    for point in points[1:]:
        if often.all():
            break
        if (found := in_draws(point)).mean() > often.mean():
            best, often = point, found
    return best, often


def _left_open(point: Point, where: Sequence[Constraint]) -> tuple[str, str]:
    """Say that seeds or test samples may have decided whether a point meets the constraints, and that a single training
    has; "" if not."""
    missed = [limit for limit in where if not meets(point, limit)]
    limits = (missed if missed_by_chance(point, where) else []) if missed else met_by_chance(point, where)
    told = listed([limit.in_words for limit in limits])
    by_chance = f"It may {'miss' if missed else 'meet'} {told} only by chance." if told else ""
    return by_chance, one_training() * any(trained_once(point, limit.column) for limit in where)


def _not_known(able: Sequence[Point], column: str) -> str:
    """Say how many points do not meet a limit because their value is unknown; "" if none."""
    lacking = [point for point in able if point.value(column).mean is None]
    why = why_unknown(lacking, column)
    return f"At {plural(len(lacking), 'point')} the {column_label(column)} is not known{why}." if lacking else ""


def _options(points: Sequence[Point], where: Sequence[Constraint], names: Names) -> tuple[Option, ...]:
    return tuple(
        Option(
            label=names.point(point),
            point=point,
            values=values_of(point, [limit.column for limit in where]),
            obstacle="; ".join(misses_in_words(point, where)),
        )
        for point in points[:_MOST]
    )


def _in_the_way(able: Sequence[Point], where: Sequence[Constraint]) -> list[str]:
    """Say without which constraints points would meet the rest."""
    if len(where) == 1:
        return []
    others = {limit.in_words: len(meeting(able, [other for other in where if other is not limit])) for limit in where}
    said = [f"Only '{text}' stands in the way of {plural(n, 'point')}." for text, n in others.items() if n]
    return said or ["Whichever of them is left out, no point meets the rest."]

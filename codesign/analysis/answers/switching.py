"""Where another option starts to win as the required accuracy or another limit moves."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from itertools import groupby

from codesign.analysis.answers.chance import left_to_samples
from codesign.analysis.comparisons.comparison import compare_series
from codesign.analysis.comparisons.constraints import Constraint, meeting
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.comparisons.variants import best_variant
from codesign.analysis.results.formatting import column_label, quantity, towards
from codesign.analysis.results.points import Point


def switches(contest: Contest) -> list[str]:
    """Say the nearest switch in each direction of each limit, and of an accuracy if none is asked for.

    Sentences on what is enough come before those on what is needed. Only means count, with the chips' numbers as they
    are. Values are rounded to the side on which the sentence is true of a limit copied from it. It is not a switch if
    the paired interval over training seeds of the two points in the limited column holds zero.
    """
    limits = list(contest.where)
    if "accuracy" not in (contest.column, *(limit.column for limit in limits)):
        limits.append(Constraint(column="accuracy", relation=">=", value=float("-inf"), text=""))
    found = [switch for limit in limits for switch in _switches_of(limit, contest)]
    return [sentence for stricter, sentence in sorted(found, key=lambda switch: switch[0])]


def _switches_of(limit: Constraint, contest: Contest) -> Iterator[tuple[bool, str]]:
    """Yield whether the limit at which another option wins is stricter than the one asked for, and a sentence on it."""
    rising = limit.is_least
    sign = -1.0 if rising else 1.0
    segments = list(_segments(limit, sign, contest))
    held = max((place for place, (at, *_) in enumerate(segments) if at <= sign * limit.value), default=None)
    if held is None or segments[held][1] not in _level_options(contest):
        return

    def told(place: int, *, enough: bool) -> str:
        value = towards(sign * segments[place][0], limit.column, up=rising != enough)
        return f"{quantity(value, limit.column)} {column_label(limit.column)}"

    def wins(place: int) -> str:
        _, option, _, in_part = segments[place]
        return f"{contest.label(option)} wins{' on shared terms' * in_part}."

    def apart(place: int) -> bool:
        a, b = (segments[each][2] for each in (held, place))
        found = compare_series(limit.column, a, b, a.seeds(limit.column), b.seeds(limit.column), more_is_better=True)
        if found is None:
            return True
        clear = found.gain.above_zero or found.gain.below_zero
        return clear if found.gain.half_width is not None else not left_to_samples(found)

    if held > 0 and apart(held - 1):
        need = "more" if rising else "less"
        yield True, f"Where {need} than {told(held, enough=False)} is needed, {wins(held - 1)}"
    if held + 1 < len(segments) and apart(held + 1):
        yield False, f"Where {told(held + 1, enough=True)} is enough, {wins(held + 1)}"


def _segments(limit: Constraint, sign: float, contest: Contest) -> Iterator[tuple[float, Hashable, Point, bool]]:
    """Yield, from the strictest limit on, where the winner changes, to which option, to which variant of it, and
    whether it was compared with the next only on the terms that both have. A winner stays while it is as good as the
    next, or does not compare with it."""
    column, more = contest.column, contest.more
    others = [other for other in contest.where if other is not limit]
    unranked = {contest.option_of(point) for point in contest.unranked}
    entries = [
        (sign * mean, option, point)
        for option, points in contest.members.items()
        if option not in unranked
        for point in meeting(points, others)
        if point.value(column).mean is not None and (mean := point.value(limit.column).mean) is not None
    ]
    best: dict[Hashable, Point] = {}
    last = None
    for at, group in groupby(sorted(entries, key=lambda entry: entry[0]), key=lambda entry: entry[0]):
        before = dict(best)
        for _, option, point in group:
            kept = best_variant([point, *([best[option]] if option in best else [])], column, more=more)
            best[option] = kept or point
        changed = {option for option, point in best.items() if point is not before.get(option)}
        rivals = best if last in changed else changed  # a variant that counts more terms than before may cost more
        moved = last is None or any(contest.ahead(best[option], best[last]) for option in rivals)
        if not moved:
            continue
        held = replace(contest, members={option: [point] for option, point in best.items()}, where=())
        level = _level_options(held)
        if last not in level and best.get(last) not in held.unranked:
            last = level[0]
            yield at, last, best[last], held.second in held.terms


def _level_options(contest: Contest) -> list[Hashable]:
    return [contest.option_of(point) for point in contest.ranked[: contest.level]]

"""From where on another option wins, as the required accuracy or another limit moves."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from codesign.analysis.constraints import meeting
from codesign.analysis.contest import Contest, leader
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import Constraint
from codesign.analysis.variants import best_variant

__all__ = ["Switch", "switches"]


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Where a limit moved alone makes another option the best.

    Attributes:
        column: of the limit.
        at: the value; up to it, or from it on, the other option wins.
        at_least: whether the limit asks for at least something.
        stricter: whether the limit is stricter than asked for there, or looser.
        option: the one that wins there.
    """

    column: str
    at: float
    at_least: bool
    stricter: bool
    option: Hashable


def switches(
    members: Mapping[Hashable, Sequence[Point]],
    chosen: Mapping[Hashable, Point],
    contest: Contest,
    where: Sequence[Constraint],
    *,
    column: str,
    more: bool,
    names: Names,
) -> list[Switch]:
    """The nearest switch in each direction of each limit, and of an accuracy that nobody asked for.

    All by means, with the chips' numbers as they are.

    Args:
        members: all variants of each option.
        chosen: the best variant of each under the constraints.
        where: constraints without `within`.
    """
    options = {option: _known(points, column) for option, points in members.items()}
    now = next(option for option, point in chosen.items() if point is contest.ranked[0])
    limits = list(where)
    if column != "accuracy" and not any(limit.column == "accuracy" for limit in limits):
        limits.append(Constraint(column="accuracy", relation=">=", value=float("-inf"), text=""))
    found: list[Switch] = []
    for limit in limits:
        others = [other for other in where if other is not limit]
        allowed = {option: meeting(points, others) for option, points in options.items()}
        found += _of(limit, allowed, now, column, more, names)
    return found


def _of(
    limit: Constraint,
    allowed: Mapping[Hashable, Sequence[Point]],
    now: Hashable,
    column: str,
    more: bool,
    names: Names,
) -> Iterable[Switch]:
    """From the strictest limit on, options come in with their variants; the winner changes at some of them."""
    rising = limit.relation in (">=", ">")
    entries = sorted(
        (
            (-mean if rising else mean, number, option, point)
            for option, points in allowed.items()
            for number, point in enumerate(points)
            if (mean := point.value(limit.column).mean) is not None
        ),
        key=lambda entry: entry[:1],
    )
    asked = -limit.value if rising else limit.value
    best: dict[Hashable, Point] = {}
    segments: list[tuple[float, Hashable]] = []
    for at, group in groupby(entries, key=lambda entry: entry[0]):
        before = dict(best)
        for _, _, option, point in group:
            kept = best_variant([point, *([best[option]] if option in best else [])], column, more=more)
            best[option] = kept or point
        if best != before and (winner := _winner(best, column, more, names)) != (segments[-1][1] if segments else None):
            segments.append((at, winner))
    return _nearest(segments, asked, now, limit, rising)


def _nearest(
    segments: Sequence[tuple[float, Hashable]], asked: float, now: Hashable, limit: Constraint, rising: bool
) -> Iterable[Switch]:
    """The switch to a stricter limit first."""
    sign = -1.0 if rising else 1.0
    held = max((number for number, (at, _) in enumerate(segments) if at <= asked), default=None)
    if held is None or segments[held][1] != now:
        return
    if held > 0:
        at = segments[held][0]
        yield Switch(column=limit.column, at=sign * at, at_least=rising, stricter=True, option=segments[held - 1][1])
    if held + 1 < len(segments):
        at, option = segments[held + 1]
        yield Switch(column=limit.column, at=sign * at, at_least=rising, stricter=False, option=option)


def _winner(best: Mapping[Hashable, Point], column: str, more: bool, names: Names) -> Hashable:
    point = leader(list(best.values()), column, more=more, names=names)
    return next(option for option, held in best.items() if held is point)


def _known(points: Sequence[Point], column: str) -> list[Point]:
    return [point for point in points if point.value(column).mean is not None]

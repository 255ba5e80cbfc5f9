"""The pairs of points that a claim compares, each with the values that it is about."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from codesign.analysis.answers.selecting import FACTS, ladders_along, pairs_between, points_in, value_of
from codesign.analysis.comparisons.comparability import comparable
from codesign.analysis.questions import ClaimQuestion
from codesign.analysis.results.columns import is_of_design
from codesign.analysis.results.measures import measured, of_training
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import gains_over
from codesign.deferred import pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two points whose values, by training seed, are claimed to differ."""

    more: Point
    less: Point
    high: pd.Series
    low: pd.Series


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """The values, by training seed, that a claim is about."""

    question: ClaimQuestion
    points: Sequence[Point]

    @cached_property
    def bases(self) -> dict[int, Point]:
        """By a point's number, the point whose value is subtracted from its own."""
        asked = self.question
        sides = [points_in(self.points, side) for side in (asked.more, asked.less) if side] or [[*self.points]]
        found = [
            pair
            for side in sides
            for pair in pairs_between(self.points, asked.select, asked.relative_to or {}, among={*side})
        ]
        return {point.number: base for point, base in reversed(found)}

    def gains(self, point: Point, column: str) -> pd.Series | None:
        """Return a point's values less those that they are relative to; None if there are none."""
        if self.question.relative_to is None:
            return measured(column, point)
        base = self.bases.get(point.number)
        if base is None or not comparable(point, base, column):
            return None
        return gains_over(measured(column, point), measured(column, base))

    def pairs(self) -> list[Pair]:
        """Return the distinct pairs. Pairs that only price the same spikes on another chip repeat a comparison, as do
        other schedules of one training if the column is a measure of the training."""
        column, sides = self.question.column, list(self._sides())
        # Once per point, because a point is in many pairs.
        highs = self.with_identity({more for more, _ in sides}, column)
        lows = self.with_identity({less for _, less in sides}, self.question.column_of_less or column)
        distinct: dict[Hashable, Pair] = {}
        for more, less in sides:
            if more in highs and less in lows:
                (high, one), (low, other) = highs[more], lows[less]
                distinct.setdefault((one, other), Pair(more=more, less=less, high=high, low=low))
        return list(distinct.values())

    def with_identity(self, points: Iterable[Point], column: str) -> dict[Point, tuple[pd.Series, Hashable]]:
        """Return the values of points that have any, each with what only points with the same design and values
        share."""
        known = {point: values for point in points if (values := self.gains(point, column)) is not None}
        return {point: (values, (*self._design(point), *values.items())) for point, values in known.items()}

    def _design(self, point: Point) -> tuple[object, ...]:
        """Return everything that determines a point's spikes or, for measures of a training, the training."""
        families = ("recipe",) if of_training(self.question.column) else ("recipe", "schedule")
        return (
            *(value_of(point, name) for name, family in FACTS.items() if family in families),
            *((name, value) for name, value in point.axes if is_of_design(name) or name.startswith(families)),
        )

    def _sides(self) -> Iterable[tuple[Point, Point]]:
        asked, chosen = self.question, points_in(self.points, self.question.select)
        if asked.along is not None:
            usable = [point for point in chosen if self.gains(point, asked.column) is not None]
            steps = [step for ladder in ladders_along(usable, asked.along) for step in pairwise(ladder)]
            return [(high, low) if asked.direction == "rises" else (low, high) for low, high in steps]
        assert asked.more is not None, "the form of the question"
        assert asked.less is not None, "the form of the question"
        if asked.more == asked.less:
            return [(point, point) for point in points_in(chosen, asked.more)]
        return pairs_between(chosen, asked.more, asked.less)

"""Which points are held against each other: what must be equal, and which one stands for others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from codesign.analysis.comparison import Comparison
from codesign.analysis.points import Point

__all__ = ["Key", "LayeredRuns", "distinct", "network_of", "place_of", "same_context", "trained_for_it_first"]

Key = tuple[Hashable, ...]


def network_of(point: Point) -> Key:
    """What decides accuracy and spikes besides model and schedule: weights, and how much of the input is run."""
    return point.workload, point.topology, point.weight_bits, point.input_dropout or 0.0, point.timesteps


def place_of(point: Point) -> Key:
    """The chip that a point is run on, whatever the schedule."""
    axes = tuple((name, value) for name, value in point.axes if name.startswith("chip.") and value is not None)
    return point.chip, point.capacity, point.operation, axes


def same_context(a: Point, b: Point) -> bool:
    """Whether two points differ in nothing but model, schedule and axes that do not apply to one of them."""
    if (a.chip, a.capacity, a.operation) != (b.chip, b.capacity, b.operation) or network_of(a) != network_of(b):
        return False
    return all(x == y or x is None or y is None for (_, x), (_, y) in zip(a.axes, b.axes, strict=True))


class LayeredRuns:
    """Layered models under layered inference, found by what they can be held against."""

    def __init__(self, runs: list[Point]) -> None:
        self._runs: dict[Key, list[Point]] = {}
        self._found: dict[tuple[int, bool], list[Point]] = {}
        for run in runs:
            self._runs.setdefault(network_of(run), []).append(run)

    def beside(self, point: Point, *, same_chip: bool) -> list[Point]:
        """One run a recipe to hold against `point`: on its own chip if there is one, else on another if allowed."""
        key = point.number, same_chip
        if key not in self._found:
            own: dict[str, Point] = {}
            others: dict[str, Point] = {}
            for run in self._runs.get(network_of(point), ()):
                (own if same_context(point, run) else others).setdefault(run.recipe, run)
            self._found[key] = list((own if same_chip else {**others, **own}).values())
        return self._found[key]


def distinct(comparisons: Iterable[Comparison | None]) -> list[Comparison]:
    """One of each: chips that only price the same spikes differently repeat accuracies, and do not add evidence."""
    kept: dict[Key, Comparison] = {}
    for comparison in comparisons:
        if comparison is not None:
            values = [tuple(point.seeds(comparison.column).items()) for point in (comparison.better, comparison.worse)]
            kept.setdefault((comparison.better.recipe, comparison.worse.recipe, *values), comparison)
    return list(kept.values())


def trained_for_it_first(comparisons: list[Comparison]) -> list[Comparison]:
    """Only models evaluated under the schedule that they were trained through, as in the paper; all if none is."""
    matched = [comparison for comparison in comparisons if comparison.better.trained_for_it]
    return matched or comparisons

"""How networks answer and fire over a pass: curves of shares and accuracies, and what lists of a row come to a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from codesign.analysis.results.columns import is_of_model
from codesign.analysis.results.points import Point
from codesign.deferred import pd

Curve = list[tuple[float, float]]
"""Pairs of x and y, in ascending order of x."""


def widest_bin(points: Sequence[Point]) -> int:
    """Spikes a bin of latencies, the widest that any row of the points has."""

    def width(edges: Any) -> int:
        return int(edges[1]) - int(edges[0]) if edges is not None and len(edges) > 1 else 1

    return max((width(edges) for point in points for edges in point.rows["latency_spikes_bins"]), default=1)


def latency_curve(point: Point, width: int) -> Curve:
    """Shares by bins of `width` spikes, as `widest_bin` gives: narrower bins are powers of two and add up."""
    lists = zip(point.rows["latency_spikes_bins"], point.rows["latency_spikes_counts"], strict=True)
    known = (zip(edges, passes, strict=True) for edges, passes in lists if edges is not None and passes is not None)
    return _shares((int(edge) // width * width, int(count)) for row in known for edge, count in row)


def histogram_curve(point: Point, column: str) -> Curve:
    """Shares of a histogram by whole numbers from 0, all rows together."""
    return _shares(entry for cell in point.rows[column] if cell is not None for entry in enumerate(map(int, cell)))


def _shares(counted: Iterable[tuple[int, int]]) -> Curve:
    counts: Counter[int] = Counter()
    for edge, count in counted:
        counts[edge] += count
    total = counts.total()
    if not total:
        return []
    last = max(edge for edge, count in counts.items() if count)
    return [(float(edge), count / total) for edge, count in sorted(counts.items()) if edge <= last]


def convergence_curve(point: Point) -> Curve:
    """Mean over rows; a row whose curve ended earlier keeps its last accuracy, as its passes kept their outputs."""
    cells = (cell for cell in point.rows["convergence_accuracy"] if cell is not None and len(cell))
    curves = [[float(value) for value in cell] for cell in cells]
    if point.layered or not curves:
        return []
    length = max(map(len, curves))
    padded = [curve + [curve[-1]] * (length - len(curve)) for curve in curves]
    return [(float(step), sum(curve[step] for curve in padded) / len(padded)) for step in range(length)]


def drained_accuracies(point: Point, everything: Sequence[Point]) -> pd.Series:
    """Accuracy of the same models and schedule run until nothing waits, by training seed; empty if nobody knows.

    A row that drains beyond its answer knows it itself; else the point is looked for that differs in its stop alone.
    """

    def facets(p: Point) -> tuple[object, ...]:
        models = tuple(axis for axis in p.axes if is_of_model(axis[0], p.recipe))
        run = p.weight_bits, p.policy, p.group_size, p.input_mode, p.synchronization, p.refractory
        return p.workload, p.topology, p.recipe, models, *run

    own = point.seeds("drained_accuracy")
    if point.layered or len(own):
        return own.iloc[:0] if point.layered else own
    twins = [p for p in everything if p.stop == "drained" and not p.layered and facets(p) == facets(point)]
    return twins[0].seeds("accuracy") if twins else own


def series_of(point: Point, column: str, reduce: Callable[[Sequence[float]], float | None]) -> pd.Series:
    """What `reduce` makes of each row's list, means over evaluation seeds, by training seed; unknown ones left out."""
    values: dict[int, list[float]] = {}
    for seed, cell in zip(point.rows["training_seed"], point.rows[column], strict=True):
        value = None if cell is None or not len(cell) else reduce([float(entry) for entry in cell])
        if value is not None:
            values.setdefault(int(seed), []).append(value)
    return pd.Series({seed: sum(of_seed) / len(of_seed) for seed, of_seed in sorted(values.items())}, dtype=float)


def mean_of_histogram(counts: Sequence[float]) -> float | None:
    """Mean of whole numbers from 0, counted; None if nothing was."""
    total = sum(counts)
    return sum(value * count for value, count in enumerate(counts)) / total if total else None


def accuracy_after_output(point: Point, step: int) -> pd.Series:
    """Accuracy `step` forward steps after the first output spike; a curve that ended earlier keeps its last value.

    Args:
        step: -1 is the curve's last.
    """
    return series_of(point, "convergence_accuracy", lambda curve: curve[min(step, len(curve) - 1)])

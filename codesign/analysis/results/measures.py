"""Values of a point by training seed, which are columns or measures computed from its lists; and curves of lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from codesign.analysis.results.columns import AXIS_PREFIX, NUMERIC_COLUMNS, is_of_model
from codesign.analysis.results.formatting import MEASURES
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN, Interval, interval
from codesign.analysis.results.table import is_known
from codesign.deferred import pd

_LOSSES, _BY_STEP = "training_loss_curve", "convergence_accuracy"
_START = 10
"""The initial fall of a loss is judged by the first 1/10 of the epochs."""
_UNSTABLE = 0.5
"""A training is unstable if its loss rises again by more than this share of its fall."""


def measured(column: str, point: Point) -> pd.Series:
    """One value of a column or measure per training seed; seeds without a value are left out."""
    return _OF_MEASURES[column](point) if column in MEASURES else point.seeds(column)


def mean_of(column: str, point: Point) -> Interval:
    """Mean of a column or measure over training seeds, with its interval."""
    return interval(_OF_MEASURES[column](point)) if column in MEASURES else point.value(column)


def measures_known() -> list[str]:
    """Names of all numeric columns and measures."""
    return sorted({*NUMERIC_COLUMNS, *MEASURES})


def of_training(column: str) -> bool:
    """Whether a column or measure belongs to a training, independent of the schedule under which it is run."""
    return column.startswith(("training_", "validation_", "loss_", "epoch_", "trained_")) or column == "instability"


# curves --------------------------------------------------------------------------------------------------------------

Curve = list[tuple[float, float]]
"""Pairs of x and y, in ascending order of x."""


def widest_bin(points: Sequence[Point]) -> int:
    """Spikes per bin of latencies: the widest bin of any row of the points."""

    def width(edges: Any) -> int:
        return int(edges[1]) - int(edges[0]) if edges is not None and len(edges) > 1 else 1

    return max((width(edges) for point in points for edges in point.cells("latency_spikes_bins")), default=1)


def latency_curve(point: Point, width: int) -> Curve:
    """Shares by bins of `width` spikes, from `widest_bin`: narrower bins are powers of two and can be summed."""
    lists = zip(point.cells("latency_spikes_bins"), point.cells("latency_spikes_counts"), strict=True)
    known = (zip(edges, passes, strict=True) for edges, passes in lists if edges is not None and passes is not None)
    return _shares((int(edge) // width * width, int(count)) for row in known for edge, count in row)


def currents_curve(point: Point) -> Curve:
    """Shares of neurons by the number of currents received before they fired, over all rows."""
    cells = point.cells("currents_other_layers")
    return _shares(entry for cell in cells if cell is not None for entry in enumerate(map(int, cell)))


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
    """Mean accuracy over rows; a row whose curve ended earlier keeps its last accuracy, as its passes kept their
    outputs."""
    cells = (cell for cell in point.cells(_BY_STEP) if cell is not None and len(cell))
    curves = [[float(value) for value in cell] for cell in cells]
    if point.layered or not curves:
        return []
    length = max(map(len, curves))
    padded = [curve + [curve[-1]] * (length - len(curve)) for curve in curves]
    return [(float(step), sum(curve[step] for curve in padded) / len(padded)) for step in range(length)]


def series_of(point: Point, column: str, reduce: Callable[[Sequence[float]], float | None]) -> pd.Series:
    """The result of `reduce` on each row's list, averaged over evaluation seeds, by training seed; unknown ones are
    left out."""
    values: dict[int, list[float]] = {}
    for seed, cell in zip(point.cells("training_seed"), point.cells(column), strict=True):
        value = None if cell is None or not len(cell) else reduce([float(entry) for entry in cell])
        if value is not None:
            values.setdefault(int(seed), []).append(value)
    means = {seed: sum(of_seed) / len(of_seed) for seed, of_seed in sorted(values.items())}
    return pd.Series(means, dtype=float, name=GIVEN if point.training_method == GIVEN else None)


def mean_of_histogram(counts: Sequence[float]) -> float | None:
    """Mean of a histogram over the integers from 0; None if it is empty."""
    total = sum(counts)
    return sum(value * count for value, count in enumerate(counts)) / total if total else None


def _early_fall(curve: Sequence[float]) -> float | None:
    after = max(len(curve) // _START, 1)
    return curve[0] - curve[after] if len(curve) > after else None


def _rises_again(curve: Sequence[float]) -> float:
    lowest = min(curve)
    return float(curve[-1] - lowest > _UNSTABLE * (curve[0] - lowest))


def _instability(point: Point) -> pd.Series:
    """1 for a training seed whose loss rose again or whose training failed, otherwise 0."""
    known = series_of(point, _LOSSES, _rises_again)
    failed = (row for _, row in point.whole.failed.iterrows() if _is_failed_training_of(row, point))
    lost = {int(row["training_seed"]) for row in failed} - {*known.index}
    values: dict[Any, float] = known.to_dict() | dict.fromkeys(sorted(lost), 1.0)
    return pd.Series(values, dtype=float)


def _is_failed_training_of(row: pd.Series, point: Point) -> bool:
    """Whether a row without a result belongs to a failed training of the point's model."""
    axes = [(name, value) for name, value in point.axes if is_of_model(name, point.recipe)]
    cells = [(row.get(f"{AXIS_PREFIX}{name}"), value) for name, value in axes]
    same = all((cell if is_known(cell) else None) == value for cell, value in cells)
    untrained = row["status"] == "failed" and row[_LOSSES] is None
    return untrained and row["recipe"] == point.recipe and same


_OF_MEASURES: Mapping[str, Callable[[Point], pd.Series]] = {
    "accuracy_at_output": lambda point: series_of(point, _BY_STEP, lambda curve: curve[0]),
    "accuracy_step_later": lambda point: series_of(point, _BY_STEP, lambda curve: curve[:2][-1]),
    "accuracy_last_step": lambda point: series_of(point, _BY_STEP, lambda curve: curve[-1]),
    "accuracy_drained": lambda point: point.seeds("drained_accuracy"),
    "currents_before_firing": lambda point: series_of(point, "currents_other_layers", mean_of_histogram),
    "loss_last_epoch": lambda point: series_of(point, _LOSSES, lambda curve: curve[-1]),
    "loss_early_fall": lambda point: series_of(point, _LOSSES, _early_fall),
    "instability": _instability,
}

"""One value a training seed of what a results file holds as lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from codesign.analysis.points import Point

__all__ = ["accuracy_after_output", "mean_of_histogram", "series_of"]


def series_of(point: Point, column: str, reduce: Callable[[Sequence[float]], float | None]) -> pd.Series:
    """What `reduce` makes of each row's list, means over evaluation seeds, by training seed; unknown ones left out."""
    values: dict[int, list[float]] = {}
    for seed, cell in zip(point.rows["training_seed"], point.rows[column], strict=True):
        value = None if cell is None or not len(cell) else reduce([float(entry) for entry in cell])
        if value is not None:
            values.setdefault(int(seed), []).append(value)
    return pd.Series({seed: sum(found) / len(found) for seed, found in sorted(values.items())}, dtype=float)


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

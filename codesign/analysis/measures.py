"""What questions ask of a point, one value a training seed: columns of results, and measures made of its lists.

A measure is written in the unit of a column: `like` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from codesign.analysis.columns import AXIS_PREFIX, COLUMNS
from codesign.analysis.distributions import accuracy_after_output, drained_accuracies, mean_of_histogram, series_of
from codesign.analysis.formatting import column_label
from codesign.analysis.points import Point, is_known
from codesign.deferred import pd

__all__ = ["MEASURES", "Measure", "label_of", "like", "measured", "measures_known", "of_training"]

_START = 10
"""How steeply a loss begins to fall is judged by the first epoch in so many."""
_UNSTABLE = 0.5
"""A training is unstable if its loss rises again by more than so much of what it had fallen by."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that no column holds.

    Attributes:
        label: what it is, for a heading.
        like: the column in whose unit it is written.
        of: its values by training seed; told all points, and rows without a result.
    """

    label: str
    like: str
    of: Callable[[Point, Sequence[Point], pd.DataFrame], pd.Series]


def measured(column: str, point: Point, points: Sequence[Point] = (), failed: pd.DataFrame | None = None) -> pd.Series:
    """One value of a column or measure a training seed; seeds that have none are left out.

    Args:
        points: all of the sweep: some measures of a point are known by another.
        failed: rows of results without a result.
    """
    if column in MEASURES:
        return MEASURES[column].of(point, points, pd.DataFrame() if failed is None else failed)
    return point.seeds(column)


def measures_known() -> list[str]:
    """Names of all numeric columns and measures."""
    numeric = (name for name, column in COLUMNS.items() if column.kind in ("int", "float"))
    return sorted({*numeric, *MEASURES})


def like(column: str) -> str:
    """The column in whose unit a column or measure is written."""
    return MEASURES[column].like if column in MEASURES else column


def label_of(column: str) -> str:
    return MEASURES[column].label if column in MEASURES else column_label(column)


def of_training(column: str) -> bool:
    """Whether a column or measure is of a training, whatever the schedule it is run under."""
    return column.startswith(("training_", "validation_", "loss_", "epoch_", "trained_")) or column == "instability"


def _answered(step: int, point: Point, points: Sequence[Point], failed: pd.DataFrame) -> pd.Series:
    return accuracy_after_output(point, step)


def _drained(point: Point, points: Sequence[Point], failed: pd.DataFrame) -> pd.Series:
    return drained_accuracies(point, points)


def _currents(point: Point, points: Sequence[Point], failed: pd.DataFrame) -> pd.Series:
    return series_of(point, "currents_other_layers", mean_of_histogram)


def _loss(
    reduce: Callable[[Sequence[float]], float | None], point: Point, points: Sequence[Point], failed: pd.DataFrame
) -> pd.Series:
    return series_of(point, "training_loss_curve", reduce)


def _early_fall(curve: Sequence[float]) -> float | None:
    after = max(len(curve) // _START, 1)
    return curve[0] - curve[after] if len(curve) > after else None


def _rises_again(curve: Sequence[float]) -> float:
    lowest = min(curve)
    return float(curve[-1] - lowest > _UNSTABLE * (curve[0] - lowest))


def _instability(point: Point, points: Sequence[Point], failed: pd.DataFrame) -> pd.Series:
    """1 for a training seed whose loss rose again or whose training failed, else 0."""
    known = series_of(point, "training_loss_curve", _rises_again)
    lost = {int(row["training_seed"]) for _, row in failed.iterrows() if _is_of(row, point)} - {*known.index}
    series: pd.Series = pd.concat([known, pd.Series(1.0, index=sorted(lost), dtype=float)])
    return series


def _is_of(row: pd.Series, point: Point) -> bool:
    """Whether a row without a result is of the same training as a point."""
    own = f"recipe.{point.recipe}."
    axes = [(name, value) for name, value in point.axes if name.startswith(own)]
    cells = [(row.get(f"{AXIS_PREFIX}{name}"), value) for name, value in axes]
    same = all((cell if is_known(cell) else None) == value for cell, value in cells)
    return row["status"] == "failed" and row["recipe"] == point.recipe and same


MEASURES: Mapping[str, Measure] = {
    "accuracy_at_output": Measure(label="accuracy at the output", like="accuracy", of=partial(_answered, 0)),
    "accuracy_step_later": Measure(label="accuracy a step later", like="accuracy", of=partial(_answered, 1)),
    "accuracy_last_step": Measure(label="accuracy at the last step", like="accuracy", of=partial(_answered, -1)),
    "accuracy_drained": Measure(label="accuracy drained", like="accuracy", of=_drained),
    "currents_before_firing": Measure(
        label="currents before firing, all but the first layer", like="latency_steps", of=_currents
    ),
    "loss_first_epoch": Measure(
        label="loss in the first epoch", like="training_loss", of=partial(_loss, lambda curve: curve[0])
    ),
    "loss_lowest": Measure(label="lowest loss", like="training_loss", of=partial(_loss, min)),
    "loss_last_epoch": Measure(
        label="loss in the last epoch", like="training_loss", of=partial(_loss, lambda curve: curve[-1])
    ),
    "loss_early_fall": Measure(
        label="fall of the loss in the first tenth of the epochs", like="training_loss", of=partial(_loss, _early_fall)
    ),
    "instability": Measure(
        label="share of training seeds whose loss rose again or that failed", like="agreement", of=_instability
    ),
}

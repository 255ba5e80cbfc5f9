"""Trainings against schedules as a shaded matrix, and the names that its rows and columns have in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codesign.analysis.formatting import UNKNOWN, listed, percent, points, with_interval
from codesign.analysis.points import Point
from codesign.analysis.statistics import Interval
from codesign.analysis.transfer import Model, Setting, Transfer

__all__ = ["Head", "Matrix", "MatrixCell", "Words", "matrix_of"]


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a row or column of the matrix is: its name in the sweep, what that means, and what it stands for beside."""

    name: str
    detail: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class MatrixCell:
    """An accuracy in percent.

    Attributes:
        mean, spread: as they are read; empty where there is none.
        strength: from 0 for the least to 1 for the most accurate of the matrix; None without a result.
        best: the most accurate of its row.
        trained_for_it: the model was trained through this very schedule.
        hint: all of it in a sentence.
    """

    mean: str
    spread: str = ""
    strength: float | None = None
    best: bool = False
    trained_for_it: bool = False
    hint: str


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Trainings against schedules, and the accuracies at both ends of the shading."""

    caption: str
    columns: tuple[Head, ...]
    rows: tuple[tuple[Head, tuple[MatrixCell, ...]], ...]
    least: str
    most: str


class Words:
    """Names of models and settings, with as much as tells those of one matrix apart."""

    def __init__(self, transfer: Transfer) -> None:
        examples = [setting.example for setting in transfer.settings]
        free = [example for example in examples if not example.layered]
        self._one_chip = len({point.chip for setting in transfer.settings for point in setting.points}) == 1
        self._bits = len({example.weight_bits for example in examples}) > 1
        self._stop = len({example.stop_label for example in free}) > 1
        self._refractory = len({example.refractory for example in free}) > 1

    def model(self, model: Model) -> Head:
        """At a row."""
        return _head(model.names, self._training(model))

    def setting(self, setting: Setting) -> Head:
        """At a column."""
        return _head((self._name(setting), *setting.names[1:]), self._run(setting.example))

    def training(self, model: Model) -> str:
        """How it was trained."""
        return ", ".join(self._training(model))

    def of_model(self, model: Model) -> str:
        """In a sentence."""
        return model.names[0]

    def of_setting(self, setting: Setting) -> str:
        """In a sentence."""
        head = _head((self._name(setting),), self._run(setting.example))
        return f"{head.name} ({head.detail})" if head.detail else head.name

    def _name(self, setting: Setting) -> str:
        return setting.short_name if self._one_chip else setting.names[0]

    def _training(self, model: Model) -> list[str]:
        parts = ["layered"] if model.layered else ["unlayered", model.policy or UNKNOWN, _group(model.group_size)]
        if model.input_mode == "queued":
            parts.append("queued input")
        if model.calibration is not None:
            parts.append("calibrated" if model.calibration == "True" else f"calibrated: {model.calibration}")
        return parts

    def _run(self, point: Point) -> list[str]:
        bits = [f"{point.weight_bits} bits" if point.weight_bits else "float weights"] if self._bits else []
        if point.layered:
            return ["layers wait", *bits]
        parts = [point.policy or "no policy", _group(point.group_size)]
        if point.synchronization in ("barrier", "timer", "neighbour"):
            parts.append(point.synchronization)
        if self._stop:
            parts.append(point.stop_label)
        if point.input_mode == "queued":
            parts.append("queued input")
        if self._refractory:
            parts.append("fires once" if point.refractory else "fires again")
        return [*parts, *bits]


def _group(size: int | None) -> str:
    return f"F\u00a0=\u00a0{size or 'all'}"


def _head(names: Sequence[str], parts: Sequence[str]) -> Head:
    """A name with what it does not say itself, and what else it stands for."""
    equal = list(names[1:])
    return Head(
        name=names[0] + (f" and {len(equal)} equal" if equal else ""),
        detail=", ".join(part for part in parts if part != names[0]),
        hint=f"The same accuracies: {listed(equal)}." if equal else "",
    )


def matrix_of(transfer: Transfer, words: Words) -> Matrix:
    """Means over training seeds, the shading from the least to the most accurate of them all."""
    accuracies = {
        pair: point.value("accuracy") for pair in transfer.cells if (point := transfer.cell(*pair)) is not None
    }
    means = [value.mean for value in accuracies.values() if value.mean is not None]
    low, high = min(means), max(means)

    def cell(model: Model, setting: Setting, best: float) -> MatrixCell:
        value = accuracies.get((model, setting), Interval(mean=None, half_width=None, seeds=0))
        under = f"{words.of_model(model)} under {words.of_setting(setting)}"
        if value.mean is None:
            return MatrixCell(mean=UNKNOWN, hint=f"{under}: no result")
        return MatrixCell(
            mean=points(value.mean),
            spread="" if value.half_width is None else f"± {points(value.half_width)}",
            strength=(value.mean - low) / (high - low) if high > low else 0.0,
            best=value.mean == best,
            trained_for_it=transfer.trained_for(model, setting),
            hint=f"{under}: {with_interval(value, 'accuracy')}, {value.seeds} training seed{'s' * (value.seeds != 1)}",
        )

    rows = []
    for model in transfer.models:
        best = max(value.mean or 0.0 for (row, _), value in accuracies.items() if row is model)
        rows.append((words.model(model), tuple(cell(model, setting, best) for setting in transfer.settings)))
    return Matrix(
        caption="Accuracy in % by training (rows) and by how the model is run (columns), ± 95 % interval.",
        columns=tuple(words.setting(setting) for setting in transfer.settings),
        rows=tuple(rows),
        least=percent(low),
        most=percent(high),
    )

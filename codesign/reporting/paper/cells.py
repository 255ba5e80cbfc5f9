"""Cells of the paper's number, the sweep's, and what lies between them."""

from __future__ import annotations

from collections.abc import Callable

from codesign.analysis import statistics
from codesign.analysis.formatting import UNKNOWN, number, points, with_interval
from codesign.analysis.points import Point
from codesign.analysis.statistics import Interval
from codesign.reporting.paper.rows import RepeatedRow, inference_name, training_name
from codesign.reporting.tables import Cell

__all__ = [
    "apart",
    "here",
    "multiple",
    "of_own",
    "printed",
    "quotient",
    "ratio",
    "remark_cell",
    "row_names",
    "scaled",
    "seeds_cell",
    "written_ratio",
]


_ROUNDING = 1e-12
"""Relative spread that equal numbers get from their ratio."""


def row_names(found: RepeatedRow) -> tuple[Cell, Cell]:
    """Training and inference as the paper's tables name them."""
    return Cell(text=training_name(found.pair.training)), Cell(text=inference_name(found.pair.inference))


def remark_cell(found: RepeatedRow) -> Cell:
    """In what a row is not as printed."""
    return Cell(text="no result" if found.point is None else found.remark)


def seeds_cell(point: Point | None, column: str = "accuracy") -> Cell:
    """Training seeds behind the sweep's numbers."""
    count = 0 if point is None else point.value(column).seeds
    return Cell(text=str(count) if count else UNKNOWN, order=count)


def printed(value: float | None, write: Callable[[float], str] = number) -> Cell:
    """The paper's number; a dash where it prints none."""
    return Cell(text=UNKNOWN if value is None else write(value), order=value)


def here(point: Point | None, column: str) -> Cell:
    """The sweep's mean with its interval."""
    if point is None or point.value(column).mean is None:
        return Cell(text=UNKNOWN)
    return Cell(text=with_interval(point.value(column), column), order=point.value(column).mean)


def scaled(point: Point | None, column: str, factor: float) -> Cell:
    """The sweep's mean with its interval, in the unit of the paper's column."""
    return _cell(None if point is None else _times(point.value(column), factor), digits=4)


def apart(point: Point | None, paper: float | None) -> Cell:
    """The sweep's accuracy less the paper's, in percentage points; the paper's is one number without a spread."""
    value = None if point is None else point.value("accuracy")
    if value is None or value.mean is None or paper is None:
        return Cell(text=UNKNOWN)
    text = points(value.mean - paper)
    sign = "" if text == "0.0" or text.startswith("−") else "+"
    spread = "" if value.half_width is None else f" ± {points(value.half_width)}"
    return Cell(text=sign + text + spread, order=value.mean - paper)


def multiple(point: Point | None, column: str, paper: float | None) -> Cell:
    """The sweep's number as a multiple of the paper's."""
    return _cell(None if point is None or not paper else _times(point.value(column), 1 / paper))


def of_own(point: Point | None, reference: Point | None, column: str) -> Cell:
    """A number of the sweep as a multiple of another of its own, paired by training seed."""
    return _cell(ratio(point, reference, column))


def ratio(point: Point | None, reference: Point | None, column: str) -> Interval | None:
    """`column` of one point as a multiple of the other's, paired by training seed; None without both."""
    if point is None or reference is None:
        return None
    return statistics.ratio(point.seeds(column), reference.seeds(column))


def quotient(value: float | None, other: float | None) -> float | None:
    """One of the paper's numbers as a multiple of another; None without both."""
    return value / other if value is not None and other else None


def written_ratio(value: Interval | None) -> str:
    """A ratio with its interval, such as `0.377 ± 0.012`."""
    return _cell(value).text


def _times(value: Interval, factor: float) -> Interval:
    return Interval(
        mean=None if value.mean is None else value.mean * factor,
        half_width=None if value.half_width is None else value.half_width * factor,
        seeds=value.seeds,
    )


def _cell(value: Interval | None, digits: int = 3) -> Cell:
    if value is None or value.mean is None:
        return Cell(text=UNKNOWN)
    half = value.half_width
    if half is not None and half <= _ROUNDING * abs(value.mean):
        half = 0.0
    spread = "" if half is None else f" ± {number(half, 2)}"
    return Cell(text=number(value.mean, digits) + spread, order=value.mean)

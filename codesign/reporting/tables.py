"""The report's tables as typed cells; how they look is the template's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import (
    UNKNOWN,
    column_label,
    coverage_words,
    listed,
    number,
    percent,
    quantity,
    with_interval,
)
from codesign.analysis.fronts import Front
from codesign.analysis.metadata import Objective
from codesign.analysis.points import Point
from codesign.analysis.statistics import Interval

__all__ = [
    "Cell",
    "Heading",
    "Table",
    "accuracy_and_density",
    "all_points",
    "operations_and_energy",
    "pareto_table",
    "shortened",
    "text_table",
    "without_repeats",
]

_COVERS = "Only energies with the same coverage compare."


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: what is read.
        order: what a numeric column is sorted by; None sorts last.
    """

    text: str
    order: float | None = None


@dataclass(frozen=True, kw_only=True)
class Heading:
    """One column's head.

    Attributes:
        numeric: the column is right-aligned and sorted by `Cell.order`.
        hint: what hovering says.
        links: addresses in the column's cells become links.
        wide: cells hold sentences and need room.
    """

    text: str
    numeric: bool = False
    hint: str = ""
    links: bool = False
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        points: numbers of the points, or marks of the trials, that the rows stand for, one per row; empty where rows
            are neither.
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    points: tuple[int | str, ...] = ()


def text_table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of plain texts; addresses in a column named `source` become links."""
    return Table(
        caption=caption,
        headings=tuple(Heading(text=text, links=text == "source") for text in headings),
        rows=tuple(tuple(Cell(text=text) for text in row) for row in rows),
    )


def shortened(table: Table, limit: int) -> Table:
    """The first rows of a table, and how many there are in its caption; the table itself if it is no longer."""
    if len(table.rows) <= limit:
        return table
    return Table(
        caption=f"{table.caption} The first {limit} of {len(table.rows)}.",
        headings=table.headings,
        rows=table.rows[:limit],
        points=table.points[:limit],
    )


def without_repeats(table: Table) -> Table:
    """The table without columns that say the same in every row: the caption says it once."""
    if len(table.rows) < 2:
        return table
    alike = {n for n, cells in enumerate(zip(*table.rows, strict=True)) if len({cell.text for cell in cells}) == 1}
    said = [f"{table.headings[n].text} {table.rows[0][n].text}" for n in sorted(alike) if table.rows[0][n].text]
    return replace(
        table,
        caption=f"{table.caption} In all rows: {', '.join(said)}." if said else table.caption,
        headings=tuple(heading for n, heading in enumerate(table.headings) if n not in alike),
        rows=tuple(tuple(cell for n, cell in enumerate(row) if n not in alike) for row in table.rows),
    )


def pareto_table(fronts: Sequence[Front], objectives: tuple[Objective, ...]) -> Table:
    """Every point that is on some front, most accurate first within points that compare with each other."""
    on: dict[int, list[Front]] = {}
    points: dict[int, Point] = {}
    for front in fronts:
        for point in front.best:
            points[point.number] = point
            on.setdefault(point.number, []).append(front)
    columns = ["accuracy", *(o.column for o in objectives if o.column != "accuracy" and o.column in COLUMNS)]
    for column in ("energy_j", "latency_s", "spike_density", "latency_steps", "latency_spikes"):
        if column not in columns:
            columns.append(column)
    ordered = sorted(
        points.values(), key=lambda p: (p.workload, p.coverage, -(p.value("accuracy").mean or 0), p.number)
    )
    covers = list(dict.fromkeys(coverage_words(point.coverage) for point in ordered))
    alike = f" Energies cover {covers[0]}." if len(covers) == 1 else ""
    return Table(
        caption="Pareto front: no point that compares with these is as good in every objective and better in one. "
        f"Layered inference on a chip that cannot wait for layers is a projection and stays off it.{alike}",
        headings=(
            Heading(text="#", numeric=True),
            Heading(text="chip"),
            Heading(text="training"),
            Heading(text="inference"),
            *(_heading(column) for column in columns),
            *([] if alike else [Heading(text="energy covers", hint=_COVERS, wide=True)]),
            Heading(text="front of"),
        ),
        rows=tuple(
            (
                _point_number(point),
                Cell(text=_chip(point)),
                Cell(text=_training(point)),
                Cell(text=_inference(point)),
                *(_value(point, column) for column in columns),
                *([] if alike else [Cell(text=coverage_words(point.coverage))]),
                Cell(text="; ".join(dict.fromkeys(_front_name(front, fronts) for front in on[point.number]))),
            )
            for point in ordered
        ),
        points=tuple(point.number for point in ordered),
    )


def accuracy_and_density(points: Sequence[Point]) -> Table:
    """The form of the paper's Table 2."""
    return Table(
        caption="Accuracy and spike density by training and inference (form of the paper's Table 2). Where there is "
        "little contention, the policy decides little, and accuracy says little about asynchrony.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="chip"),
            _heading("accuracy"),
            _heading("spike_density"),
            _heading("contention"),
            _heading("agreement"),
            Heading(text="seeds", numeric=True, hint="training seeds behind the interval"),
        ),
        rows=tuple(
            (
                Cell(text=_training(point)),
                Cell(text=_inference(point)),
                Cell(text=_chip(point)),
                _value(point, "accuracy"),
                _value(point, "spike_density"),
                _value(point, "contention"),
                _value(point, "agreement"),
                _seeds(point),
            )
            for point in points
        ),
        points=tuple(point.number for point in points),
    )


def operations_and_energy(points: Sequence[Point]) -> Table:
    """The form of the paper's Table 3, with both books of energy side by side."""
    return Table(
        caption="Synaptic operations (SOs) and energy per sample (form of the paper's Table 3), in both books.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="chip"),
            Heading(text="SOs ×10⁴, paper", numeric=True, hint=COLUMNS["paper_synaptic_operations"].meaning),
            Heading(text="energy µJ, paper", numeric=True, hint=COLUMNS["paper_energy_j"].meaning),
            Heading(text="SOs ×10⁴, all synapses", numeric=True, hint=COLUMNS["synaptic_operations"].meaning),
            Heading(text="energy µJ of SOs, all synapses", numeric=True),
            Heading(text="energy µJ, all terms", numeric=True, hint=COLUMNS["energy_j"].meaning),
            Heading(text="all terms are", wide=True),
        ),
        rows=tuple(
            (
                Cell(text=_training(point)),
                Cell(text=_inference(point)),
                Cell(text=_chip(point)),
                _scaled(point.value("paper_synaptic_operations"), 1e-4),
                _scaled(point.value("paper_energy_j"), 1e6),
                _scaled(point.value("synaptic_operations"), 1e-4),
                _scaled(point.value("energy_synaptic_operation_j"), 1e6),
                _scaled(point.value("energy_j"), 1e6),
                Cell(text=coverage_words(point.coverage)),
            )
            for point in points
        ),
        points=tuple(point.number for point in points),
    )


def all_points(points: Sequence[Point]) -> Table:
    """Every point, with what sets it apart and what it scores."""
    axes = [name for name, _ in points[0].axes] if points else []
    columns = (
        "accuracy",
        "energy_j",
        "paper_energy_j",
        "latency_s",
        "decision_latency_s",
        "energy_delay_js",
        "area_m2",
        "spike_density",
        "synaptic_operations",
        "latency_steps",
        "latency_spikes",
        "contention",
        "agreement",
        "undecided_fraction",
        "tied_fraction",
    )
    return Table(
        caption="All points: means over evaluation seeds, then over training seeds, ± 95 % interval.",
        headings=(
            Heading(text="#", numeric=True),
            *(Heading(text=text) for text in ("chip", "schedule", "recipe", "training", "inference")),
            *(
                Heading(text=name.replace("_", " "), numeric=not any(isinstance(p.axes[i][1], str) for p in points))
                for i, name in enumerate(axes)
            ),
            Heading(text="bits", numeric=True, hint="weight bits evaluated"),
            Heading(text="seeds", numeric=True),
            *(_heading(column) for column in columns),
            Heading(text="energy covers", wide=True),
            Heading(text="latency model", wide=True),
            *(Heading(text=text) for text in ("capacity", "mapping", "operation")),
        ),
        rows=tuple(
            (
                _point_number(point),
                Cell(text=point.chip),
                Cell(text=point.schedule),
                Cell(text=point.recipe),
                Cell(text=point.training_label),
                Cell(text=_inference(point)),
                *(_axis(value, text) for (_, value), text in zip(point.axes, point.axis_values, strict=True)),
                Cell(text=str(point.weight_bits or "float"), order=point.weight_bits),
                _seeds(point),
                *(_value(point, column) for column in columns),
                Cell(text=coverage_words(point.coverage)),
                Cell(text=point.latency_model or UNKNOWN),
                Cell(text=point.capacity or UNKNOWN),
                Cell(text=point.mapping or UNKNOWN),
                Cell(text=(point.operation or UNKNOWN).replace("_", " ")),
            )
            for point in points
        ),
        points=tuple(point.number for point in points),
    )


def _heading(column: str) -> Heading:
    return Heading(text=column_label(column), numeric=True, hint=COLUMNS[column].meaning)


def _value(point: Point, column: str) -> Cell:
    value = point.value(column)
    text = with_interval(value, column) if column in ("accuracy", "spike_density") else quantity(value.mean, column)
    return Cell(text=text, order=value.mean)


def _scaled(value: Interval, factor: float) -> Cell:
    if value.mean is None:
        return Cell(text=UNKNOWN)
    text = number(value.mean * factor)
    if value.half_width is not None:
        text += f" ± {number(value.half_width * factor, 2)}"
    return Cell(text=text, order=value.mean)


def _axis(value: str | float | None, text: str) -> Cell:
    return Cell(text=text, order=None if isinstance(value, str) else value)


def _point_number(point: Point) -> Cell:
    return Cell(text=str(point.number), order=point.number)


def _seeds(point: Point) -> Cell:
    return Cell(text=str(point.value("accuracy").seeds), order=point.value("accuracy").seeds)


def _chip(point: Point) -> str:
    return point.place + (" (scaled)" if point.capacity == "scaled" else "")


def _training(point: Point) -> str:
    return f"{point.training_label} ({point.recipe})"


def _inference(point: Point) -> str:
    details = [] if point.inference == "layered" else [f"F = {point.group_size or 'all'}"]
    if point.stop == "on_output":
        details.append(f"stop {point.steps_after_output} after output")
    elif point.stop == "margin":
        details.append(f"stop {point.stop_label}")
    elif point.inference != "layered":
        details.append("drained")
    if point.timesteps is not None:
        details.append(f"first {point.timesteps} timesteps")
    if point.input_dropout:
        details.append(f"{percent(point.input_dropout)} of input events lost")
    return f"{point.inference_label}{', ' if details else ''}{', '.join(details)}"


def _front_name(front: Front, fronts: Sequence[Front]) -> str:
    """`all`, or the objective that the front sets against the first one."""
    most = max(len(other.objectives) for other in fronts)
    if len(front.objectives) == most:
        return "all objectives" if most > 2 else listed([column_label(o.column) for o in front.objectives])
    return column_label(front.objectives[-1].column)

"""The page about a priced grid: all its points as a density, its Pareto front on top and in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.formatting import column_label, listed, percent, quantity
from codesign.reporting.charts.base import Figure, data_address, evenly
from codesign.reporting.charts.density import density_figure
from codesign.reporting.tables import Cell, Heading, Table
from codesign.reporting.templates import render_page, resource
from codesign.units import format_si

__all__ = ["Density", "PricingPage", "VariedPrice", "render_pricing"]

_BINS_A_DECADE = 50
_LOWEST = 324 * _BINS_A_DECADE
_FRONT_ROWS = 300
_ELEMENTS = 120
_COSTS = (
    *("accuracy", "energy_j", "energy_cores_in_use_j", "latency_s", "energy_replay_j", "latency_replay_s"),
    *("energy_delay_js", "area_m2"),
)
_LABELS = {"energy_replay_j": "energy, replayed", "latency_replay_s": "latency, replayed"}

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class VariedPrice:
    """A price that takes n values.

    Attributes:
        path: in the chip's file.
        group: name of the prices that it moves with, "" for none.
        shown: (n,) SI numbers, cycles or factors; words where their forms differ.
        unit: of `shown`, "" for none.
    """

    path: str
    group: str
    shown: tuple[float | str, ...]
    unit: str


class Density:
    """How many points of a recipe have which latency and energy, in bins of equal ratio.

    Attributes:
        counts: points by bin (latency, energy); bin b holds seconds or joules from 10^(b / _BINS_A_DECADE) on.
    """

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.counts: Counter[tuple[int, int]] = Counter()

    def add(self, latency_s: Floats, energy_j: Floats) -> None:
        """Add n points, (n,) each, in seconds and joules; zeros, and what is not known, are left out."""
        known = (latency_s > 0) & (energy_j > 0)
        bins = [np.floor(np.log10(values[known]) * _BINS_A_DECADE).astype(np.int64) for values in (latency_s, energy_j)]
        # One number for both is sorted much faster than pairs. A float lies within 10^±324.
        codes, counts = np.unique((bins[0] + _LOWEST) * 2 * _LOWEST + bins[1] + _LOWEST, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            latency, energy = divmod(code, 2 * _LOWEST)
            self.counts[latency - _LOWEST, energy - _LOWEST] += count


@dataclass(frozen=True, kw_only=True)
class PricingPage:
    """What the page says.

    Attributes:
        size: design points.
        combinations: of the prices that time depends on.
        objectives: column and direction of each.
        energy: column of the energy that is drawn.
        models: recipe, seed and accuracy of each.
        front: rows of `front.parquet`, each with a `number` of its own.
        not_modelled: what the chip's numbers and the axes leave out.
        assumptions: of the network's place on the chip.
    """

    title: str
    description: str
    sweep: str
    chip: str
    synchronization: str
    schedule: str
    operation: str
    size: int
    combinations: int
    objectives: tuple[tuple[str, str], ...]
    energy: str
    axes: tuple[VariedPrice, ...]
    models: tuple[tuple[str, int, float], ...]
    clouds: tuple[Density, ...]
    front: tuple[Mapping[str, Any], ...]
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]


def render_pricing(page: PricingPage) -> str:
    """The page as HTML: one self-contained file, the same bytes every time."""
    aims = [f"{towards} {_label(column)}" for column, towards in page.objectives]
    return render_page(
        "pricing.html.j2",
        page=page,
        summary=_summary(page),
        objectives=listed(aims),
        figures=[(figure, data_address(figure)) for figure in _figures(page)],
        energy=_label(page.energy),
        front=_front_table(page),
        axes=_axis_table(page),
        models=_model_table(page),
        bound=page.synchronization in ("asynchronous", "clocked"),
        css=resource("report.css"),
        js=resource("report.js"),
    )


def _summary(page: PricingPage) -> str:
    models = f"{len(page.models)} model{'s' * (len(page.models) != 1)}"
    return (
        f"{page.size:,} design points, {len(page.axes)} prices of {page.chip}, each on {models} of the sweep "
        f"“{page.sweep}” under the schedule “{page.schedule}”, in {page.operation.replace('_', ' ')} operation. "
        f"{page.combinations:,} combinations of prices that time depends on. {len(page.front):,} on the front."
    )


def _label(column: str) -> str:
    return column if "." in column else _LABELS.get(column) or column_label(column)


# tables --------------------------------------------------------------------------------------------------------------


def _front_table(page: PricingPage) -> Table:
    rows = evenly(page.front, _FRONT_ROWS)
    costs = [name for name in _COSTS if any(row.get(name) is not None for row in page.front)]
    headings = [Heading(text="point", numeric=True), Heading(text="recipe")]
    headings += [Heading(text=_label(name), numeric=True) for name in costs]
    headings += [Heading(text=axis.path, numeric=_numeric(axis)) for axis in page.axes]
    cells = [
        (
            Cell(text=f"{row['point']:,}", order=row["point"]),
            Cell(text=row["recipe"]),
            *(Cell(text=_cost(row.get(name), name), order=row.get(name)) for name in costs),
            *(_axis_cell(row[axis.path], axis) for axis in page.axes),
        )
        for row in rows
    ]
    caption = "Points that no other beats in all objectives; equal ones stand together."
    if len(rows) < len(page.front):
        caption += f" {len(rows):,} of {len(page.front):,}, evenly chosen; front.parquet has all."
    return Table(
        caption=caption,
        headings=tuple(headings),
        rows=tuple(cells),
        points=tuple(row["number"] for row in rows),
    )


def _axis_table(page: PricingPage) -> Table:
    rows = [
        (
            Cell(text=axis.path),
            Cell(text=axis.group),
            Cell(text=str(len(axis.shown)), order=len(axis.shown)),
            Cell(text=", ".join(_value(value, axis) for value in evenly(axis.shown, 16))),
        )
        for axis in page.axes
    ]
    headings = (
        Heading(text="price"),
        Heading(text="moves with"),
        Heading(text="values", numeric=True),
        Heading(text="which", wide=True),
    )
    return Table(caption="What varies, all in every combination.", headings=headings, rows=tuple(rows))


def _model_table(page: PricingPage) -> Table:
    rows = [
        (
            Cell(text=recipe),
            Cell(text=str(seed), order=seed),
            Cell(text=percent(accuracy), order=accuracy),
        )
        for recipe, seed, accuracy in page.models
    ]
    headings = (
        Heading(text="recipe"),
        Heading(text="training seed", numeric=True),
        Heading(text="accuracy", numeric=True),
    )
    caption = "The models. The front holds means over the seeds of a recipe."
    return Table(caption=caption, headings=headings, rows=tuple(rows))


def _numeric(axis: VariedPrice) -> bool:
    return not any(isinstance(value, str) for value in axis.shown)


def _axis_cell(value: float | str, axis: VariedPrice) -> Cell:
    return Cell(text=_value(value, axis), order=None if isinstance(value, str) else value)


def _value(value: float | str, axis: VariedPrice) -> str:
    if isinstance(value, str):
        return value
    return format_si(value, axis.unit) if axis.unit else f"{value:,.4g}"


def _cost(value: float | None, column: str) -> str:
    return quantity(value, {"energy_replay_j": "energy_j", "latency_replay_s": "latency_s"}.get(column, column))


# figures -------------------------------------------------------------------------------------------------------------


def _figures(page: PricingPage) -> list[Figure]:
    """One a recipe, all on the same axes."""
    drawn = [cloud for cloud in page.clouds if cloud.counts]
    bins = [at for cloud in drawn for at in cloud.counts]
    if not bins:
        return []
    step = _BINS_A_DECADE
    limits = [
        (10 ** (min(at[i] for at in bins) / step), 10 ** ((max(at[i] for at in bins) + 1) / step)) for i in (0, 1)
    ]
    figures = []
    for number, cloud in enumerate(drawn, start=1):
        front = [row for row in page.front if row["recipe"] == cloud.recipe and row["latency_s"] and row[page.energy]]
        figures.append(
            density_figure(
                f"points-{number}",
                cloud.recipe,
                cloud.counts,
                [(row["latency_s"], row[page.energy], _title(row, page)) for row in evenly(front, _ELEMENTS)],
                bins_a_decade=step,
                limits=limits,
                energy=_label(page.energy),
                note=f"{sum(cloud.counts.values()):,} points, {len(front):,} of them on the front.",
            )
        )
    return figures


def _title(row: Mapping[str, Any], page: PricingPage) -> str:
    costs = [f"{_label(name)} {_cost(row[name], name)}" for name in _COSTS if row.get(name) is not None]
    prices = [f"{axis.path} {_value(row[axis.path], axis)}" for axis in page.axes]
    return f"#{row['point']} {row['recipe']}: {', '.join(costs)}; {', '.join(prices)}"

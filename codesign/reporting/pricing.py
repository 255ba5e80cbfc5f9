"""The page of a priced grid: the density of all points, with the Pareto front on top and in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codesign.analysis.answers.selecting import as_number
from codesign.analysis.comparisons.wording import named_number
from codesign.analysis.results.formatting import column_label, extreme, listed, percent, quantity
from codesign.arrays import Floats
from codesign.deferred import alt
from codesign.hardware.terms import WAITING_KINDS
from codesign.reporting.charts.base import EDGE, Figure, Row, axis_of, evenly, figure, of_more, source, tooltip
from codesign.reporting.pieces import (
    Cell,
    Heading,
    Section,
    Table,
    numeric,
    table_of,
    text_table,
    with_rows,
    without_repeats,
)
from codesign.reporting.templates import render_page
from codesign.units import format_si, plural

_BINS_A_DECADE = 30
_LOWEST = 324 * _BINS_A_DECADE
_ELEMENTS = 120
_HEIGHT = 320
_BOUND = (
    "Without synchronization, latency here is the stepwise bound: each forward step takes as long as its busiest core "
    "and its longest way, never less than if all messages are replayed."
)
_PACE = (
    "A point with a late fraction falls behind its input in that share of its steps. Only the front says so, and, "
    "without synchronization, only if it is replayed."
)
_COSTS = (
    *("accuracy", "energy_j", "energy_cores_in_use_j", "latency_s", "energy_replay_j", "latency_replay_s"),
    *("energy_delay_js", "area_m2", "late_fraction"),
)
_REPLAYED = {
    "energy_replay_j": ("energy, replayed", "energy_j"),
    "latency_replay_s": ("latency, replayed", "latency_s"),
}
"""Columns that results do not have: the label of each, and the column in whose unit it is written."""


@dataclass(frozen=True, kw_only=True)
class VariedPrice:
    """A price with n values.

    Attributes:
        group: name of the group of prices that vary together with it, "" for none.
        shown: (n,) SI numbers, cycles or factors; words if their forms differ.
        unit: unit of `shown`, "" for none.
        bare: kind of numbers without a unit: `x` for factors, `cycles`, or "" for counts.
    """

    path: str
    group: str
    shown: tuple[float | str, ...]
    unit: str
    bare: str = ""


class Density:
    """Histogram of latency and energy over the points of a recipe, with bins of equal ratio.

    Attributes:
        counts: number of points by bin (latency, energy); bin b begins at 10^(b / _BINS_A_DECADE) seconds or joules.
    """

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.counts: Counter[tuple[int, int]] = Counter()

    def add(self, latency_s: Floats, energy_j: Floats) -> None:
        """Add n points, arrays of shape (n,) in seconds and joules; points with a zero or unknown value are left
        out."""
        known = (latency_s > 0) & (energy_j > 0)
        bins = [np.floor(np.log10(values[known]) * _BINS_A_DECADE).astype(np.int64) for values in (latency_s, energy_j)]
        # Combining both into one number is much faster to sort than pairs. Floats are within 10^±324.
        codes, counts = np.unique((bins[0] + _LOWEST) * 2 * _LOWEST + bins[1] + _LOWEST, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            latency, energy = divmod(code, 2 * _LOWEST)
            self.counts[latency - _LOWEST, energy - _LOWEST] += count


@dataclass(frozen=True, kw_only=True)
class PricingPage:
    """Content of the page.

    Attributes:
        size: number of design points.
        objectives: column and direction of each objective.
        energy: column of the energy in the figures.
        models: recipe, seed and accuracy of each model.
        front: rows of `front.parquet`.
        not_modelled: effects that the chip's numbers and the axes leave out.
        assumptions: assumptions about placement, neurons, schedule and costs that the chip does not state or have.
    """

    title: str
    description: str
    sweep: str
    chip: str
    synchronization: str
    schedule: str
    operation: str
    size: int
    objectives: tuple[tuple[str, str], ...]
    energy: str
    axes: tuple[VariedPrice, ...]
    models: tuple[tuple[str, int, float], ...]
    clouds: tuple[Density, ...]
    front: tuple[Mapping[str, Any], ...]
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]


def render_pricing(page: PricingPage) -> str:
    """The page as HTML: one self-contained file, with the same bytes every time."""
    caption = "Points that no other beats in all objectives; equal ones stand together."
    drawn, front = _figures(page), without_repeats(table_of(caption, _cells(page, page.front)))
    body = (
        *with_rows(_best_table(page)),
        *drawn,
        _reading(page) if drawn else "Energy or latency is 0 or not known, so nothing can be drawn.",
        *remarks(page),
        front if front.rows else "The front is empty: each point lacks an objective, answers nothing, or drops spikes.",
    )
    models = text_table(
        "The models. The front holds means over the seeds of a recipe.",
        ("recipe", "training seed", "accuracy"),
        [(recipe, str(seed), percent(accuracy)) for recipe, seed, accuracy in page.models],
    )
    folded = (
        Section(name="axes", title="What varies", body=(_axis_table(page),)),
        Section(name="models", title="Models", body=(models,)),
        Section(name="not-modelled", title="What is not modelled", body=page.not_modelled),
        Section(name="assumptions", title="Assumptions", body=page.assumptions),
    )
    main = Section(name="main", title=page.title, body=body)
    return render_page(
        "page/plain.html.j2",
        scripts=("common.js",),
        parts=(main, *folded),
        title=page.title,
        introduction=[*filter(None, [page.description]), _summary(page)],
        main=main,
        sections=[section for section in folded if section.body],
    )


def _reading(page: PricingPage) -> str:
    aims = listed([f"{towards} {_label(column)}" for column, towards in page.objectives])
    return (
        "Shade: how many design points lie there, on a logarithmic scale. Dots: the front. The objectives are to "
        f"{aims}; a dot that looks beaten here is better in one that is not drawn. All other numbers are the chip's "
        "own or follow from its structure; the report of a sweep with the chosen prices says what their ranges leave "
        "open."
    )


def _summary(page: PricingPage) -> str:
    models = plural(len(page.models), "model")
    operation = page.operation.replace("_", "-")
    return (
        f"{plural(page.size, 'design point')} of {page.chip}; {plural(len(page.axes), 'price')} varied. Each is run on "
        f"{models} of the sweep “{page.sweep}” under the schedule “{page.schedule}”, in {operation} operation."
    )


def remarks(page: PricingPage) -> list[str]:
    """Remarks on the meaning and limits of latencies, and on recipes that are left out because no seed has a right
    answer."""
    answering = {recipe for recipe, _, accuracy in page.models if accuracy}
    silent = [recipe for recipe in dict.fromkeys(recipe for recipe, *_ in page.models) if recipe not in answering]
    said = [f"The recipe {recipe} has no right answer, and is on no front." for recipe in silent]
    late = page.operation == "real_time" and any(row.get("late_fraction") != 0 for row in page.front)  # or not known
    return said + [_BOUND] * (page.synchronization not in WAITING_KINDS) + [_PACE] * late


def _label(column: str) -> str:
    return _REPLAYED[column][0] if column in _REPLAYED else column if "." in column else column_label(column)


def best_points(page: PricingPage) -> dict[str, Mapping[str, Any]]:
    """The best point of the front in each objective that is a cost, by what is best about it, such as `least energy per
    sample and least latency`; the other costs break ties, then the prices."""
    signs = {column: -1 if towards == "maximize" else 1 for column, towards in page.objectives}
    columns, best = list(signs), dict[str, Mapping[str, Any]]()
    for column in columns:
        order = [column, *(name for name in columns if name in _COSTS), *columns]
        known = [row for row in page.front if column in _COSTS and row.get(column) is not None]
        if known:
            name = f"{extreme(column, more=signs[column] < 0)} {_label(column)}"
            best[name] = min(known, key=lambda row: [signs[name] * (row.get(name) or 0.0) for name in order])
    return {listed([name for name in best if best[name] is row]): row for row in best.values()}


def point_text(row: Mapping[str, Any], page: PricingPage) -> str:
    """A point of the front in words: its number, its recipe, the costs that are objectives, and its prices."""
    sought = [name for name, _ in page.objectives if name in _COSTS and row.get(name) is not None]
    costs = [f"{_label(name)} {_cost(row[name], name)}" for name in sought]
    prices = [f"{named_number(axis.path)} {_value(row[axis.path], axis)}" for axis in page.axes]
    return f"#{row['point']} {row['recipe']}: {', '.join(costs)}; {', '.join(prices)}"


# tables --------------------------------------------------------------------------------------------------------------


def _best_table(page: PricingPage) -> Table:
    best = best_points(page)
    cells = [{Heading("what"): Cell(name), **of} for name, of in zip(best, _cells(page, [*best.values()]), strict=True)]
    return without_repeats(table_of("The best point in each objective that is no price.", cells, "best"))


def _cells(page: PricingPage, rows: Sequence[Mapping[str, Any]]) -> list[dict[Heading, Cell]]:
    """Points of the front as rows of a table."""
    costs = [name for name in _COSTS if any(row.get(name) is not None for row in page.front)]
    return [
        {
            numeric("point"): Cell(f"{row['point']:,}", row["point"]),
            Heading("recipe"): Cell(row["recipe"]),
            **{numeric(_label(name)): Cell(_cost(row.get(name), name), row.get(name)) for name in costs},
            **{_heading(axis): Cell(_value(row[axis.path], axis), as_number(row[axis.path])) for axis in page.axes},
        }
        for row in rows
    ]


def _heading(axis: VariedPrice) -> Heading:
    words = any(isinstance(value, str) for value in axis.shown)
    return Heading(named_number(axis.path), numeric=not words, hint=axis.path)


def _axis_table(page: PricingPage) -> Table:
    rows = []
    for axis in page.axes:
        which = ", ".join(_value(value, axis) for value in evenly(axis.shown, 16))
        rows.append((named_number(axis.path), axis.path, axis.group, str(len(axis.shown)), which))
    headings = ("price", "in the file", "moves with", "values", "which")
    return text_table("What varies, all in every combination.", headings, rows)


def _value(value: float | str, axis: VariedPrice) -> str:
    if isinstance(value, str):  # as in the file, since other values have another form
        return f"{value} cycles" if axis.bare == "cycles" and value.replace(".", "").isdigit() else value
    if axis.unit:
        return format_si(value, axis.unit)
    return {"x": "x{:,.4g}", "cycles": "{:,.4g} cycles"}.get(axis.bare, "{:,.4g}").format(value)


def _cost(value: float | None, column: str) -> str:
    return quantity(value, _REPLAYED[column][1] if column in _REPLAYED else column)


# figures -------------------------------------------------------------------------------------------------------------


def _figures(page: PricingPage) -> list[Figure]:
    """One figure per recipe, all with the same axes."""
    clouds = [cloud for cloud in page.clouds if cloud.counts]
    bins = [at for cloud in clouds for at in cloud.counts]
    if not bins:
        return []
    ends = [(min(at[i] for at in bins), max(at[i] for at in bins) + 1) for i in (0, 1)]
    limits = [(10 ** (low / _BINS_A_DECADE), 10 ** (high / _BINS_A_DECADE)) for low, high in ends]
    return [_density(f"points-{number}", cloud, page, limits) for number, cloud in enumerate(clouds, start=1)]


def _density(name: str, cloud: Density, page: PricingPage, limits: Sequence[tuple[float, float]]) -> Figure:
    """Energy against latency of a recipe's points, both logarithmic, within the limits of each axis: the density, and
    the front on top."""
    cells: list[Row] = [{"across": x, "up": y, "count": count} for (x, y), count in sorted(cloud.counts.items())]
    edges = {"left": "datum.across", "right": "datum.across + 1", "low": "datum.up", "high": "datum.up + 1"}
    across, up = (alt.Scale(type="log", nice=False, domain=list(ends), padding=8) for ends in limits)
    energy = axis_of("energy_j", limits[1], logarithmic=True, title=_label(page.energy))
    shades = (
        alt.Chart(source(cells))
        .transform_calculate(**{edge: f"pow(10, ({bin}) / {_BINS_A_DECADE})" for edge, bin in edges.items()})
        .mark_rect()
        .encode(
            x=alt.X("left:Q", scale=across, axis=axis_of("latency_s", limits[0], logarithmic=True)),
            x2=alt.X2("right:Q"),
            y=alt.Y("low:Q", scale=up, axis=energy),
            y2=alt.Y2("high:Q"),
            color=alt.Color("count:Q", scale=alt.Scale(type="log", range="heatmap"), legend=alt.Legend(title="points")),
        )
    )
    front = [row for row in page.front if row["recipe"] == cloud.recipe and row["latency_s"] and row[page.energy]]
    marks: list[Row] = [
        {"x": row["latency_s"], "y": row[page.energy], "point": point_text(row, page)}
        for row in evenly(front, _ELEMENTS)
    ]
    dots = alt.Chart(source(marks)).mark_point(size=28, filled=True, opacity=1, stroke=EDGE, strokeWidth=0.8)
    chart = alt.layer(
        shades,
        dots.encode(x=alt.X("x:Q"), y=alt.Y("y:Q"), color=alt.ColorValue("#d55e00"), tooltip=tooltip(point="point")),
    )
    note = f"{plural(sum(cloud.counts.values()), 'point')}, {len(front):,} of them on the front."
    drawn = of_more(len(marks), len(front), "points of the front")
    return figure(name, cloud.recipe, chart.properties(width="container", height=_HEIGHT), note, drawn)

"""Figure 4, repeated: currents integrated before firing, and spikes per neuron, of models that wait for layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from codesign.analysis.distributions import histogram_curve, mean_of_histogram, series_of
from codesign.analysis.formatting import UNKNOWN, number
from codesign.analysis.points import Point
from codesign.analysis.statistics import interval
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.lines import Line, draw_lines
from codesign.reporting.paper.cells import here, seeds_cell
from codesign.reporting.paper.judging import between, series_comparison, statement
from codesign.reporting.paper.numbers import Pair
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, drops_its_queue, inference_name
from codesign.reporting.svg import INK, render
from codesign.reporting.tables import Cell, Heading, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["repeat_figure4"]

_POLICIES = ("random", "momentum")
_RUNS = 8
_NEEDS = "Needs a layered-trained model under layered and under asynchronous inference, {}; the sweep lacks one."


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """One inference of the layered-trained model."""

    name: str
    point: Point

    @property
    def stop(self) -> str:
        if self.point.layered or self.point.stop == "drained":
            return "drained"
        return "on output" if drops_its_queue(self.point) else "read on output, drained"


def repeat_figure4(sweep: Repeated) -> Part:
    """The paper's figure 4 from the sweep's layered-trained models."""
    layered = sweep.find(Pair(training=None, inference=None)).point
    runs = [_Run(name="Layered", point=layered)] if layered else []
    runs += _asynchronous(sweep)
    drawn = runs[:_RUNS]
    wanted = (
        ("layered inference", any(run.point.layered for run in runs)),
        (
            "asynchronous inference stopped on output",
            any(run.stop == "on output" for run in runs),
        ),
        ("asynchronous inference drained", any(run.stop == "drained" and not run.point.layered for run in runs)),
    )
    missing = [name for name, there in wanted if not there]
    table = _table(runs)
    return Part(
        claims=tuple(_claims(layered, [run for run in runs if not run.point.layered])),
        table=table,
        brief=table_brief(table),
        panels=tuple(_panels(drawn)),
        legend=tuple(
            LegendEntry(glyph="■", color=color, text=_label(run))
            for run, color in zip(drawn, palette(len(drawn)), strict=True)
        ),
        remarks=(
            "The paper draws this figure and prints no numbers of it. All models here were trained with layers "
            "waiting.",
        ),
        missing=f"The sweep has no layered-trained model under {', nor under '.join(missing)}." if missing else "",
    )


def table_brief(table: Table) -> Table:
    """The first columns, for a terminal."""
    return Table(
        caption="Figure 4: layered-trained models here",
        headings=table.headings[:5],
        rows=tuple(row[:5] for row in table.rows),
    )


def _asynchronous(sweep: Repeated) -> list[_Run]:
    """Each policy and F once on output and once drained: largest F first, random scheduling before others."""
    runs = []
    for policy in _POLICIES:
        pair = Pair(training=None, inference=policy)
        for group_size in sweep.group_sizes(pair):
            for stop in ("on_output", "drained"):
                point = sweep.find(pair, stop=stop, group_size=group_size).point
                if point is not None:
                    runs.append(_Run(name=f"{inference_name(policy)}, F = {group_size}", point=point))
    return runs


def _label(run: _Run) -> str:
    return run.name if run.point.layered else f"{run.name}, {run.stop}"


def _currents(point: Point) -> pd.Series:
    return series_of(point, "currents_other_layers", mean_of_histogram)


def _panels(runs: Sequence[_Run]) -> list[Panel]:
    panels = []
    for name, column, which in (
        ("other", "currents_other_layers", "all but the first layer"),
        ("first", "currents_first_layer", "first layer"),
    ):
        lines = [Line(curve=histogram_curve(run.point, column)) for run in runs]
        if any(line.curve for line in lines):
            title = f"Currents integrated before firing, {which}"
            drawing = draw_lines(lines, "currents integrated before a spike", "share of spikes")
            note = "Top row of the figure. The last value holds all above it."
            if name == "first":
                note = "Neurons that the input reaches, which the figure leaves out: a whole frame arrives at once."
            panels.append(
                Panel(title=title, svg=render(f"paper-{name}", drawing, size=(3.6, 2.7), label=title), note=note)
            )
    if runs:
        title = "Spikes a neuron"
        size = (3.8, 0.9 + 0.28 * len(runs))
        note = "Bottom row of the figure. Lines: 25th to 75th percentile over samples."
        panels.append(Panel(title=title, svg=render("paper-spikes", _bars(runs), size=size, label=title), note=note))
    return panels


def _bars(runs: Sequence[_Run]) -> Callable[[Figure], None]:
    def draw(figure: Figure) -> None:
        import seaborn

        axes = figure.subplots()
        for row, (run, color) in enumerate(zip(runs, palette(len(runs)), strict=True)):
            axes.barh(row, run.point.value("spike_density").mean or 0.0, color=color, height=0.7)
            quartiles = run.point.means("spike_density_quartiles")
            if quartiles:
                axes.plot([quartiles[0], quartiles[2]], [row, row], color=INK, linewidth=1)
        axes.set_yticks(range(len(runs)), [_label(run) for run in runs])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("spikes per neuron")
        seaborn.despine(ax=axes, left=True)

    return draw


def _table(runs: Sequence[_Run]) -> Table:
    return Table(
        caption="Layered-trained models by inference, here; means with 95 % intervals over training seeds.",
        headings=(
            Heading(text="inference"),
            Heading(text="pass"),
            Heading(text="currents", numeric=True, hint="integrated before firing, all but the first layer"),
            Heading(text="spikes a neuron", numeric=True),
            Heading(text="accuracy", numeric=True),
            Heading(text="25 % to 75 % of samples", numeric=True, hint="spikes a neuron"),
            Heading(text="seeds", numeric=True),
        ),
        rows=tuple(_row(run) for run in runs),
    )


def _row(run: _Run) -> tuple[Cell, ...]:
    currents = interval(_currents(run.point))
    spread = "" if currents.half_width is None else f" ± {number(currents.half_width, 2)}"
    quartiles = run.point.means("spike_density_quartiles")
    return (
        Cell(text=run.name),
        Cell(text=run.stop),
        Cell(text=number(currents.mean) + spread, order=currents.mean),
        here(run.point, "spike_density"),
        here(run.point, "accuracy"),
        Cell(
            text=f"{number(quartiles[0], 3)} to {number(quartiles[2], 3)}" if quartiles else UNKNOWN,
            order=quartiles[1] if quartiles else None,
        ),
        seeds_cell(run.point),
    )


def _claims(layered: Point | None, runs: Sequence[_Run]) -> list[Claim]:
    names = {run.point.number: _label(run) for run in runs}

    def naming(point: Point) -> str:
        return names.get(point.number, "Layered")

    stopped = [run.point for run in runs if run.stop == "on output"]
    drained = [run.point for run in runs if run.stop == "drained"]
    return [
        statement(
            "reactive",
            "Without layer synchronization neurons are more reactive: they fire after fewer currents",
            "section 4.2",
            [
                series_comparison("currents_other_layers", point, layered, _currents, more_is_better=False)
                for point in (stopped or drained)
            ],
            nothing=_NEEDS.format("with the currents recorded"),
            naming=naming,
        ),
        statement(
            "more spikes drained",
            "Drained, asynchronous inference fires more spikes than layered inference",
            "section 4.2",
            [between("spike_density", point, layered, more_is_better=True) for point in drained],
            nothing=_NEEDS.format("drained"),
            naming=naming,
        ),
        statement(
            "fewer spikes on output",
            "Stopped as soon as a decision is made, asynchronous inference is consistently sparser",
            "section 4.2",
            [between("spike_density", point, layered, more_is_better=False) for point in stopped],
            nothing=_NEEDS.format("stopped on output with its queue dropped"),
            naming=naming,
        ),
    ]

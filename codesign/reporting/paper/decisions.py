"""Figures 5 and 6, repeated: how right the first output spike is, and after how many spikes it comes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from codesign.analysis.comparison import Comparison, compare_series
from codesign.analysis.distributions import (
    accuracy_after_output,
    convergence_curve,
    drained_accuracies,
    latency_curve,
    widest_bin,
)
from codesign.analysis.formatting import with_interval
from codesign.analysis.points import Point
from codesign.analysis.statistics import interval
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.lines import Line, draw_lines
from codesign.reporting.paper.accuracy import LAYERED_MS, PAIRS
from codesign.reporting.paper.cells import here, of_own, remark_cell, row_names, seeds_cell
from codesign.reporting.paper.judging import by_a_factor, statement
from codesign.reporting.paper.numbers import FASTER_UP_TO, Pair
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, RepeatedRow, name_of
from codesign.reporting.svg import render
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["repeat_figure5", "repeat_figure6"]

_SIZE = (4.4, 3.0)


def repeat_figure5(sweep: Repeated) -> Part:
    """The paper's figure 5: the longest curve that the sweep has of each training under its inference."""
    pairs = [*PAIRS[1:], LAYERED_MS]
    found = [_longest(sweep, pair) for pair in pairs]
    if found[-1].point is None:
        found.pop()  # the paper has no such row
    present = [one.point for one in found if one.point is not None]
    drained = {point.number: drained_accuracies(point, sweep.points) for point in present}
    table = _convergence_table(found, drained)
    return Part(
        claims=tuple(_convergence_claims(found, drained)),
        table=table,
        brief=Table(
            caption="Figure 5: accuracy here",
            headings=(*table.headings[:3], *table.headings[4:6]),
            rows=tuple((*row[:3], *row[4:6]) for row in table.rows),
        ),
        panels=tuple(_convergence_panels(present, drained)),
        legend=_legend(present),
        remarks=("The paper draws this figure and prints no numbers of it. Step 0 is that of the first output spike.",),
        missing=sweep.missing(found),
    )


def repeat_figure6(sweep: Repeated) -> Part:
    """The paper's figure 6: spikes until the first output spike of a pass."""
    found = sweep.find_all(PAIRS)
    present = [one.point for one in found if one.point is not None]
    width = widest_bin(present)
    lines = [Line(curve=latency_curve(point, width)) for point in present]
    title = "Spikes until the first output spike of a pass"
    panels = []
    if any(line.curve for line in lines):
        drawing = draw_lines(lines, "spikes propagated in a forward pass", "share of passes")
        svg = render("paper-latency", drawing, size=_SIZE, label=title)
        panels = [Panel(title=title, svg=svg, note="Passes without an output spike are left out.")]
    table = _latency_table(found)
    return Part(
        claims=tuple(_latency_claims(found)),
        table=table,
        brief=Table(
            caption="Figure 6: spikes until a decision, here",
            headings=(*table.headings[:4], table.headings[5]),
            rows=tuple((*row[:4], row[5]) for row in table.rows),
        ),
        panels=tuple(panels),
        legend=_legend(present),
        remarks=(
            "The paper draws this figure and prints no numbers of it. Its measure of latency is spikes until a "
            "decision, as if each took the same time and one were processed after the other.",
        ),
        missing=sweep.missing(found),
    )


def _legend(points: Sequence[Point]) -> tuple[LegendEntry, ...]:
    colors = palette(len(points))
    return tuple(
        LegendEntry(glyph="▬", color=color, text=name_of(point, group_size=True))
        for point, color in zip(points, colors, strict=True)
    )


def _longest(sweep: Repeated, pair: Pair) -> RepeatedRow:
    """The row whose curve goes on longest, drained ones too: a dropped queue ends it one step after the output."""
    points = [point for point in sweep.matching(pair, stop=None) if convergence_curve(point)]
    if not points:
        return RepeatedRow(pair=pair, point=None)
    best = points[0].group_size
    alike = [point for point in points if point.group_size == best]
    return RepeatedRow(pair=pair, point=max(alike, key=lambda point: (len(convergence_curve(point)), -point.number)))


def _convergence_panels(points: Sequence[Point], drained: dict[int, pd.Series]) -> list[Panel]:
    lines = [Line(curve=convergence_curve(point), level=interval(drained[point.number]).mean) for point in points]
    if not lines:
        return []
    title = "Accuracy after the first output spike"
    drawing = draw_lines(lines, "forward steps after the first output spike", "accuracy", dashed_levels=True)
    return [
        Panel(
            title=title,
            svg=render("paper-convergence", drawing, size=_SIZE, label=title),
            note="Dashed: once all activity has drained.",
        )
    ]


def _convergence_table(found: Sequence[RepeatedRow], drained: dict[int, pd.Series]) -> Table:
    def accuracy(values: pd.Series | None) -> Cell:
        known = interval(pd.Series(dtype=float) if values is None else values)
        return Cell(text=with_interval(known, "accuracy"), order=known.mean)

    return Table(
        caption="Accuracy by when the answer is read, here; means with 95 % intervals over training seeds.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="at the output", numeric=True, hint="in the step of the first output spike"),
            Heading(text="1 step later", numeric=True),
            Heading(text="last step", numeric=True, hint="of the curve"),
            Heading(text="drained", numeric=True),
            Heading(text="seeds", numeric=True),
        ),
        rows=tuple(
            (
                *row_names(one),
                *(accuracy(accuracy_after_output(one.point, step) if one.point else None) for step in (0, 1, -1)),
                accuracy(drained[one.point.number] if one.point else None),
                seeds_cell(one.point),
            )
            for one in found
        ),
    )


def _convergence_claims(found: Sequence[RepeatedRow], drained: dict[int, pd.Series]) -> list[Claim]:
    unlayered = [one.point for one in found if one.point is not None and one.pair.training is not None]
    momentum = [point for point in unlayered if point.training_policy == "momentum"]
    nothing = "Needs an unlayered model under the schedule that it was trained through, with answers read later."

    def first_against_last(point: Point) -> Comparison | None:
        first, last = accuracy_after_output(point, 0), accuracy_after_output(point, -1)
        return compare_series("accuracy", point, point, first, last, more_is_better=True)

    def early_against_drained(point: Point) -> Comparison | None:
        early, all_spikes = accuracy_after_output(point, 1), drained[point.number]
        return compare_series("accuracy", point, point, early, all_spikes, more_is_better=True)

    state = partial(statement, nothing=nothing)
    return [
        state(
            "right at once",
            "Models trained with unlayered backpropagation are right as soon as the output layer fires: the answer "
            "then is as good as steps later, or better",
            "section 4.3",
            [first_against_last(point) for point in unlayered],
            equal_is_enough=True,
            remark="The first output spike against the last step of the curve.",
        ),
        state(
            "no need to drain",
            "Draining the network adds nothing to an early answer",
            "figure 5, section 4.3",
            [early_against_drained(point) for point in unlayered],
            equal_is_enough=True,
            remark="One step after the first output spike, the paper’s default, against the drained pass.",
        ),
        state(
            "momentum gains",
            "Momentum scheduling gains accuracy by answering early",
            "section 4.3",
            [early_against_drained(point) for point in momentum],
            remark="As above, one step after the first output spike.",
        ),
    ]


def _latency_table(found: Sequence[RepeatedRow]) -> Table:
    reference = found[0].point
    return Table(
        caption="Spikes and forward steps until the first output spike, here; 95 % intervals over training seeds.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="spikes until output", numeric=True),
            Heading(text="of layered", numeric=True, hint="as a multiple of Layered under Layered, paired by seed"),
            Heading(text="steps until output", numeric=True, hint="a layered step takes a whole layer"),
            Heading(text="accuracy", numeric=True),
            Heading(text="seeds", numeric=True),
            Heading(text="not as printed", wide=True),
        ),
        rows=tuple(
            (
                *row_names(one),
                here(one.point, "latency_spikes"),
                of_own(one.point, reference, "latency_spikes"),
                here(one.point, "latency_steps"),
                here(one.point, "accuracy"),
                seeds_cell(one.point),
                remark_cell(one),
            )
            for one in found
        ),
    )


def _latency_claims(found: Sequence[RepeatedRow]) -> list[Claim]:
    layered, layered_rs, unlayered_rs, unlayered_ms = (one.point for one in found)
    nothing = "The sweep lacks one of the trainings and inferences that this compares."
    return [
        by_a_factor(
            "earlier decisions",
            "Models trained with unlayered backpropagation decide after fewer spikes, up to 2× faster",
            "abstract, section 4.5",
            "latency_spikes",
            [(unlayered_rs, layered), (unlayered_ms, layered)],
            FASTER_UP_TO,
            nothing=nothing,
        ),
        by_a_factor(
            "training matters",
            "They decide earlier than models trained with layers waiting, under the same asynchronous inference",
            "section 4.5",
            "latency_spikes",
            [(unlayered_rs, layered_rs)],
            1.0,
            nothing=nothing,
        ),
    ]

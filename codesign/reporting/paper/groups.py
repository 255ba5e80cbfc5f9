"""Figure 7, repeated: accuracy and density against F of inference, and unlayered training beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from codesign.analysis.comparison import Comparison, compare_series
from codesign.analysis.formatting import UNKNOWN, percent
from codesign.analysis.points import Point
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.lines import Line, draw_lines
from codesign.reporting.paper.accuracy import LAYERED, LAYERED_RS, UNLAYERED_MS, UNLAYERED_RS
from codesign.reporting.paper.cells import apart, here, of_own, printed, remark_cell, seeds_cell
from codesign.reporting.paper.judging import between, by_a_factor, statement
from codesign.reporting.paper.numbers import CIFAR10_DENSITY_FACTOR, CIFAR10_RECOVERED, LARGER_GROUP_SIZES, Pair
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, RepeatedRow, inference_name, name_of, training_name
from codesign.reporting.svg import render
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["repeat_figure7"]

_NEEDS = "The sweep lacks one of the trainings and inferences that this compares."
_SIZE = (3.8, 2.7)
_NAMING = partial(name_of, group_size=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Runs:
    """A model under asynchronous inference, by F from the largest."""

    pair: Pair
    found: dict[int, RepeatedRow]

    def point(self, group_size: int | None) -> Point | None:
        one = self.found.get(group_size) if group_size is not None else None
        return one.point if one else None

    @property
    def points(self) -> list[Point]:
        return [one.point for one in self.found.values() if one.point is not None]


def repeat_figure7(sweep: Repeated) -> Part:
    """The paper's figure 7, with what section 4.6 prints of it."""
    layered = sweep.find(LAYERED)
    # Where outputs are potentials passes are drained, since the answer is there when all spikes have been processed.
    stop = "on_output" if any(sweep.matching(pair) for pair in (LAYERED_RS, UNLAYERED_RS)) else "drained"
    runs = [_runs(sweep, pair, stop) for pair in (LAYERED_RS, UNLAYERED_RS, UNLAYERED_MS)]
    drawn = [one for one in runs if one.found]
    absent = [layered] if layered.point is None else []
    absent += [RepeatedRow(pair=one.pair, point=None) for one in runs[:2] if not one.found]
    table = _table(sweep, layered, runs)
    return Part(
        claims=tuple(_claims(layered.point, *runs[:2])),
        table=table,
        brief=Table(
            caption="Figure 7: the paper’s text and here",
            headings=(*table.headings[:2], Heading(text="paper", numeric=True), table.headings[3], table.headings[5]),
            rows=tuple((*row[:4], row[5]) for row in table.rows),
        ),
        panels=tuple(_panels(layered.point, drawn)),
        legend=tuple(
            LegendEntry(glyph="▬", color=color, text=f"{training_name(one.pair.training)} under Async")
            for one, color in zip(drawn, palette(len(drawn)), strict=True)
        ),
        remarks=(
            "Section 4.6 prints 71 % for unlayered training with random scheduling, F = 512 in training and 64 in "
            "inference, and a density of about 1/4; the rest of the figure is drawn alone. What the density is a "
            "quarter of is not said: here it is that of the layered-trained model under the same inference.",
        ),
        missing=sweep.missing(absent),
    )


def _runs(sweep: Repeated, pair: Pair, stop: str) -> _Runs:
    sizes = sweep.group_sizes(pair)
    found = {size: sweep.find(pair, stop=stop, group_size=size) for size in sizes}
    return _Runs(pair=pair, found={size: one for size, one in found.items() if one.point is not None})


def _table(sweep: Repeated, layered: RepeatedRow, runs: Sequence[_Runs]) -> Table:
    rows = [(layered, None)] + [(one, size) for run in runs for size, one in run.found.items()]
    return Table(
        caption="Accuracy and spike density by F of inference: what the paper prints, and here with 95 % intervals.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="accuracy, paper", numeric=True),
            Heading(text="accuracy, here", numeric=True),
            Heading(text="here − paper", numeric=True, hint="percentage points"),
            Heading(text="density, here", numeric=True, hint="spikes per hidden neuron per sample"),
            Heading(text="of layered training, paper", numeric=True),
            Heading(text="of layered training, here", numeric=True, hint="under the same inference, paired by seed"),
            Heading(text="seeds", numeric=True),
            Heading(text="not as printed", wide=True),
        ),
        rows=tuple(_row(sweep, one, size, runs[0]) for one, size in rows),
    )


def _row(sweep: Repeated, one: RepeatedRow, size: int | None, layered_runs: _Runs) -> tuple[Cell, ...]:
    is_printed = sweep.beside.dataset == "CIFAR-10" and one.pair == UNLAYERED_RS and size == LARGER_GROUP_SIZES[1]
    accuracy = CIFAR10_RECOVERED if is_printed else None
    twin = layered_runs.point(size) if one.pair != LAYERED_RS and one.pair.inference == "random" else None
    inference = inference_name(one.pair.inference) + (f", F = {size}" if size else "")
    return (
        Cell(text=training_name(one.pair.training)),
        Cell(text=inference),
        printed(accuracy, percent),
        here(one.point, "accuracy"),
        apart(one.point, accuracy),
        here(one.point, "spike_density"),
        Cell(text="about 1/4", order=CIFAR10_DENSITY_FACTOR) if is_printed else Cell(text=UNKNOWN),
        of_own(one.point, twin, "spike_density"),
        seeds_cell(one.point),
        remark_cell(one),
    )


def _panels(layered: Point | None, drawn: Sequence[_Runs]) -> list[Panel]:
    panels = []
    for column, title in (
        ("accuracy", "Accuracy by F of inference"),
        ("spike_density", "Spike density by F of inference"),
    ):
        lines = [Line(curve=_curve(run, column), half_widths=_halves(run, column)) for run in drawn]
        if any(line.curve for line in lines):
            level = layered.value(column).mean if layered else None
            note = "Bands: 95 % intervals." + ("" if level is None else " Dashed: layered training, layered inference.")
            lines[0] = Line(curve=lines[0].curve, half_widths=lines[0].half_widths, level=level)
            drawing = draw_lines(lines, "F of inference", column, marker="o", evenly_spaced=True, dashed_levels=True)
            panels.append(
                Panel(title=title, svg=render(f"paper-{column}", drawing, size=_SIZE, label=title), note=note)
            )
    return panels


def _curve(run: _Runs, column: str) -> list[tuple[float, float]]:
    known = [(float(point.group_size or 0), point.value(column).mean) for point in run.points]
    return sorted((x, y) for x, y in known if y is not None)


def _halves(run: _Runs, column: str) -> tuple[float | None, ...]:
    known = sorted((float(point.group_size or 0), point.number, point) for point in run.points)
    return tuple(point.value(column).half_width for _, _, point in known if point.value(column).mean is not None)


def _claims(layered: Point | None, layered_rs: _Runs, unlayered_rs: _Runs) -> list[Claim]:
    steps = list(pairwise(layered_rs.points))
    common = [size for size in layered_rs.found if size in unlayered_rs.found]
    twins = [(unlayered_rs.point(size), layered_rs.point(size)) for size in common]
    state = partial(statement, nothing=_NEEDS, naming=_NAMING)
    return [
        state(
            "hurts",
            "A deeper network loses accuracy, too, if it was trained with layers waiting and runs without",
            "section 4.6",
            [between("accuracy", layered, point, more_is_better=True) for point in layered_rs.points],
        ),
        state(
            "smaller groups cost more",
            "It loses the more the smaller F",
            "figure 7",
            [between("accuracy", larger, smaller, more_is_better=True) for larger, smaller in steps],
        ),
        state(
            "smaller groups fire more",
            "And it fires more the smaller F",
            "figure 7",
            [between("spike_density", smaller, larger, more_is_better=True) for larger, smaller in steps],
        ),
        state(
            "recovers",
            "Unlayered training recovers accuracy even with a large F in training",
            "section 4.6",
            [between("accuracy", unlayered, other, more_is_better=True) for unlayered, other in twins],
        ),
        state(
            "recovers more",
            "It recovers the more the smaller F of inference",
            "appendix A.10",
            [_more_gain(layered_rs, unlayered_rs, large, small) for large, small in pairwise(common)],
            remark="Compared are gains over layered training under the same inference.",
        ),
        by_a_factor(
            "a quarter of the density",
            "Unlayered training lowers density to about 1/4",
            "section 4.6",
            "spike_density",
            twins,
            1 / CIFAR10_DENSITY_FACTOR,
            nothing=_NEEDS,
            naming=_NAMING,
        ),
    ]


def _more_gain(layered: _Runs, unlayered: _Runs, large: int, small: int) -> Comparison | None:
    found = [runs.point(size) for size in (small, large) for runs in (unlayered, layered)]
    small_unlayered, small_layered, large_unlayered, large_layered = found
    if small_unlayered is None or small_layered is None or large_unlayered is None or large_layered is None:
        return None
    gain = (small_unlayered.seeds("accuracy") - small_layered.seeds("accuracy")).dropna()
    other = (large_unlayered.seeds("accuracy") - large_layered.seeds("accuracy")).dropna()
    return compare_series("accuracy", small_unlayered, large_unlayered, gain, other, more_is_better=True)

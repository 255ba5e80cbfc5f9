"""Figures of how asynchronous networks behave: the paper's figures 4, 5 and 6, and the sweep's axes."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.distributions import (
    Curve,
    convergence_curve,
    drained_accuracies,
    histogram_curve,
    latency_curve,
    widest_bin,
)
from codesign.analysis.formatting import column_label
from codesign.analysis.points import Point
from codesign.analysis.statistics import interval
from codesign.reporting.figures import MOST_PANELS, LegendEntry, Panel, clipped, palette, with_left_out
from codesign.reporting.lines import MOST_POINTS, Line, draw_lines
from codesign.reporting.svg import render

__all__ = [
    "axis_panels",
    "behaviour_legend",
    "behaviour_panels",
    "behaviour_points",
]

_SERIES = 6
_SIZE = (3.3, 2.5)


def behaviour_points(points: Sequence[Point]) -> list[Point]:
    """At most six points to draw: the trainings and inferences of the paper's Table 2, on the chip that shows most."""
    places: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        key = (point.workload, point.topology, point.chip, point.capacity, point.operation, point.weight_bits)
        places.setdefault(key, []).append(point)
    if not places:
        return []
    members = max(places.values(), key=lambda group: (sum(p.free_running for p in group), len(group)))
    wanted = [p for p in members if p.training_method == "layered" or p.trained_for_it] or members
    distinct: dict[tuple[object, ...], Point] = {}
    for point in sorted(wanted, key=lambda p: (p.training_method, not p.layered, p.number)):
        distinct.setdefault((point.recipe, point.schedule), point)
    return list(distinct.values())[:_SERIES]


def behaviour_legend(points: Sequence[Point]) -> list[LegendEntry]:
    """Colours of the lines in `behaviour_panels`."""
    return [
        LegendEntry(glyph="▬", color=color, text=f"{point.recipe} under {point.schedule}")
        for point, color in zip(points, palette(len(points)), strict=True)
    ]


def behaviour_panels(points: Sequence[Point], everything: Sequence[Point]) -> list[Panel]:
    """Spikes until the first output spike, accuracy by steps after it, and currents integrated before firing.

    Args:
        points: what is drawn, as chosen by `behaviour_points`.
        everything: where the drained twin of a point is looked for.
    """
    width = widest_bin(points)
    drained = [_drained_accuracy(point, everything) for point in points]
    specifications = (
        (
            "latency",
            "Spikes until the first output spike",
            [latency_curve(p, width) for p in points],
            "spikes propagated in a forward pass",
            "share of passes",
            "Form of the paper's figure 6; passes without an output spike are left out.",
            [None] * len(points),
        ),
        (
            "convergence",
            "Accuracy after the first output spike",
            [convergence_curve(p) for p in points],
            "forward steps after the first output spike",
            "accuracy",
            "Form of the paper's figure 5." + (" Dotted: drained." if any(v is not None for v in drained) else ""),
            drained,
        ),
        (
            "currents-first",
            "Messages before firing, first layer",
            [histogram_curve(p, "currents_first_layer") for p in points],
            "messages received before a spike",
            "share of spikes",
            "Form of the paper's figure 4; the last value holds all above it.",
            [None] * len(points),
        ),
        (
            "currents-other",
            "Messages before firing, other layers",
            [histogram_curve(p, "currents_other_layers") for p in points],
            "messages received before a spike",
            "share of spikes",
            "Form of the paper's figure 4; the last value holds all above it.",
            [None] * len(points),
        ),
    )
    return [
        Panel(
            title=title,
            svg=render(name, draw_lines(lines, x_label, y_label), size=_SIZE, label=title),
            note=note + f" Long lines are drawn by {MOST_POINTS:,} of their points." * (_longest(curves) > MOST_POINTS),
        )
        for name, title, curves, x_label, y_label, note, levels in specifications
        for lines in [[Line(curve=curve, level=level) for curve, level in zip(curves, levels, strict=True)]]
        if any(curves)
    ]


def _longest(curves: Sequence[Curve]) -> int:
    return max(map(len, curves), default=0)


def axis_panels(points: Sequence[Point], columns: Sequence[str]) -> tuple[list[Panel], list[LegendEntry]]:
    """How each objective changes along each numeric axis, other things equal; at most six lines."""
    names = [name for name, _ in points[0].axes] if points else []
    panels: list[Panel] = []
    legend: dict[str, LegendEntry] = {}
    left = 0
    for index, name in enumerate(names):
        lines = _axis_lines(points, index)
        if not lines:
            continue
        colors = palette(len(lines))
        for (label, _), color in zip(lines, colors, strict=True):
            legend.setdefault(f"{label}/{color}", LegendEntry(glyph="▬", color=color, text=label))
        for column in columns:
            curves = [
                sorted((x, y) for x, point in line if (y := point.value(column).mean) is not None) for _, line in lines
            ]
            if len(panels) == MOST_PANELS:
                left += any(curves)
            elif any(curves):
                title = f"{column_label(column)} by {name.replace('_', ' ')}"
                unit = points[0].axis_units[index]
                x_label = f"{clipped(name.rpartition('.')[2].replace('_', ' '))}{f' [{unit}]' if unit else ''}"
                drawing = draw_lines([Line(curve=curve) for curve in curves], x_label, column, marker="o")
                panels.append(Panel(title=title, svg=render(f"axis{len(panels)}", drawing, size=_SIZE, label=title)))
    return with_left_out(panels, left, "axes"), list(legend.values())


def _axis_lines(points: Sequence[Point], index: int) -> list[tuple[str, list[tuple[float, Point]]]]:
    lines: dict[tuple[object, ...], list[tuple[float, Point]]] = {}
    for point in points:
        value = point.axes[index][1]
        if isinstance(value, float):
            others = tuple(axis for position, axis in enumerate(point.axes) if position != index)
            key = (point.chip, point.schedule, point.recipe, point.capacity, point.operation, others)
            lines.setdefault(key, []).append((value, point))
    long = [line for line in lines.values() if len({x for x, _ in line}) > 1]
    best = sorted(long, key=lambda line: -max(point.value("accuracy").mean or 0.0 for _, point in line))[:_SERIES]
    return [(f"{line[0][1].recipe} under {line[0][1].schedule} on {line[0][1].chip}", line) for line in best]


def _drained_accuracy(point: Point, everything: Sequence[Point]) -> float | None:
    return interval(drained_accuracies(point, everything)).mean

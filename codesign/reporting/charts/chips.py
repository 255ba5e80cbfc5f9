"""Energy of a synaptic operation against area, a mark a chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codesign.deferred import alt
from codesign.reporting.charts.base import EDGE, Figure, Row, axis_of, color, figure, nominal, source

_WIDTH, _HEIGHT = 960.0, 420.0
_LETTER, _LINE = 6.4, 13.0
_KINDS = ("an operation alone", "with other terms in it", "all-in: does not compare")
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class ChipMark:
    """A chip on the plot.

    Attributes:
        area_m2, energy_j: low end, value and high end.
        node: a word such as `28 nm`, which gives the colour.
        hollow: whether one of the two numbers is estimated and not published.
        kind: what the energy is, 0 of an operation alone, 1 with other terms in it, 2 all-in; the marker's shape.
    """

    name: str
    area_m2: tuple[float, float, float]
    energy_j: tuple[float, float, float]
    node: str
    hollow: bool
    kind: int


def chips_figure(marks: Sequence[ChipMark]) -> Figure:
    """Both axes are logarithmic; names stand where they cover least."""
    nodes = sorted({m.node for m in marks}, key=lambda n: float(n.split()[0]) if n[:1].isdigit() else math.inf)
    rows, used = _rows(marks), [_KINDS[kind] for kind in sorted({mark.kind for mark in marks})]
    areas, energies = ([end for mark in marks for end in getattr(mark, name)] for name in ("area_m2", "energy_j"))

    def scale(name: str) -> alt.Scale:
        return alt.Scale(type="log", nice=False, domain=list(_limits([getattr(mark, name) for mark in marks])))

    x = alt.X("x:Q", scale=scale("area_m2"), axis=axis_of("area_m2", areas, logarithmic=True))
    y = alt.Y(
        "y:Q",
        scale=scale("energy_j"),
        axis=axis_of("energy_j", energies, logarithmic=True, title="energy of a synaptic operation"),
    )
    base = alt.Chart(source(rows)).encode(x=x, y=y, color=color("node", nodes, "node"))
    points = base.mark_point(size=80, strokeWidth=1.6, opacity=1).encode(
        shape=alt.Shape(
            "kind:N",
            scale=nominal(used, range=[("circle", "triangle-up", "square")[_KINDS.index(kind)] for kind in used]),
            legend=alt.Legend(title="energy of", symbolFillColor=EDGE, symbolStrokeColor=EDGE)
            if len(used) > 1
            else None,
        ),
        fill=alt.Fill("node:N", scale=nominal(nodes), legend=alt.Legend(title="node") if len(nodes) > 1 else None),
        fillOpacity=alt.condition("datum.hollow", alt.value(0), alt.value(1)),
    )
    bars = [
        base.mark_rule(opacity=0.5).encode(y="low:Q", y2="high:Q"),
        base.mark_rule(opacity=0.5).encode(x="left:Q", x2="right:Q"),
    ]
    lead = alt.Chart(source([row for row in rows if row["far"]])).mark_rule(strokeWidth=0.6, opacity=0.8)
    lines = lead.encode(x="x:Q", y="y:Q", x2="nameX:Q", y2="nameY:Q", color=alt.value(EDGE))
    names = base.mark_text(fontSize=11).encode(x="nameX:Q", y="nameY:Q", text="name:N")
    layers = [
        *([lines] if any(row["far"] for row in rows) else []),
        *bars,
        points,
        names.encode(color=alt.value(EDGE)),
    ]
    return figure(
        "chips",
        "Energy of a synaptic operation against the area of the chip",
        alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT),
        "Bars: ranges, those of the files or assumed from how a number is known. Hollow: one of the two numbers is "
        "estimated. Energies with different shapes do not compare: an all-in one holds everything that a chip spent.",
    )


def _rows(marks: Sequence[ChipMark]) -> list[Row]:
    limits = [_limits([getattr(mark, name) for mark in marks]) for name in ("area_m2", "energy_j")]

    def back(place: float, size: float, ends: tuple[float, float]) -> float:
        return ends[0] * math.pow(ends[1] / ends[0], place / size)

    rows: list[Row] = []
    for mark, (left, low, right, high), centre in zip(marks, *name_boxes(marks), strict=True):
        end = min(max(centre[0], left), right), min(max(centre[1], low), high)
        rows.append(
            {
                "name": mark.name,
                "node": mark.node,
                "kind": _KINDS[mark.kind],
                "hollow": mark.hollow,
                "x": mark.area_m2[1],
                "left": mark.area_m2[0],
                "right": mark.area_m2[2],
                "y": mark.energy_j[1],
                "low": mark.energy_j[0],
                "high": mark.energy_j[2],
                "nameX": back((left + right) / 2, _WIDTH, limits[0]),
                "nameY": back((low + high) / 2, _HEIGHT, limits[1]),
                "far": math.dist(centre, end) > 16,
            }
        )
    return rows


def _limits(values: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    low, high = min(ends[0] for ends in values), max(ends[2] for ends in values)
    room = max((high / low) ** 0.08, 1.5)
    return low / room, high * room


# names that do not lie on each other ---------------------------------------------------------------------------------


def name_boxes(marks: Sequence[ChipMark]) -> tuple[list[Box], list[tuple[float, float]]]:
    """Where names stand and marks lie, in pixels from the lower left corner of the axes.

    A name takes the place around its mark where it covers least of marks, bars, names and of what is outside; of equal
    places the nearest.
    """
    (left, right), (low, high) = (_limits([getattr(mark, name) for mark in marks]) for name in ("area_m2", "energy_j"))

    def at(x: float, y: float) -> tuple[float, float]:
        return _WIDTH * math.log(x / left) / math.log(right / left), _HEIGHT * math.log(y / low) / math.log(high / low)

    centres = [at(mark.area_m2[1], mark.energy_j[1]) for mark in marks]
    taken: list[tuple[Box, float]] = [((x - 5, y - 5, x + 5, y + 5), 1.0) for x, y in centres]
    for mark, (x, y) in zip(marks, centres, strict=True):
        (start, bottom), (end, top) = at(mark.area_m2[0], mark.energy_j[0]), at(mark.area_m2[2], mark.energy_j[2])
        taken += [((x - 1, bottom, x + 1, top), 0.3), ((start, y - 1, end, y + 1), 0.3)]
    boxes: dict[int, Box] = {}
    for number in sorted(range(len(marks)), key=lambda number: centres[number]):
        places = _around(centres[number], _LETTER * len(marks[number].name))
        costs = [
            sum(weight * _overlap(box, other) for other, weight in taken) + 3 * _outside(box) + place / 8
            for place, box in enumerate(places)
        ]
        boxes[number] = places[costs.index(min(costs))]
        taken.append((boxes[number], 1.0))
    return [boxes[number] for number in range(len(marks))], centres


def _around(centre: tuple[float, float], wide: float) -> list[Box]:
    x, y = centre
    places = []
    for radius in (12, 20, 32, 48, 72):
        for turn in (math.tau * step / 16 for step in range(16)):
            left, low = x + (radius + wide / 2) * math.cos(turn) - wide / 2, y + radius * math.sin(turn) - _LINE / 2
            places.append((left, low, left + wide, low + _LINE))
    return places


def _overlap(a: Box, b: Box) -> float:
    """Area that two boxes share, with a pixel of room between them."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]) + 1, min(a[3], b[3]) - max(a[1], b[1]) + 1
    return across * down if across > 0 and down > 0 else 0.0


def _outside(box: Box) -> float:
    over = max(-box[0], 0) + max(box[2] - _WIDTH, 0) + max(-box[1], 0) + max(box[3] - _HEIGHT, 0)
    return over * _LINE

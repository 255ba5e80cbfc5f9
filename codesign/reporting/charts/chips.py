"""Chart of the energy of a synaptic operation against area, one mark per chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codesign.deferred import alt
from codesign.reporting.charts.base import EDGE, Figure, Row, axis_of, color, figure, nominal, source

_WIDTH, _HEIGHT = 960.0, 420.0
_KINDS = ("an operation alone", "with other terms in it", "all-in: does not compare")


@dataclass(frozen=True, kw_only=True)
class ChipMark:
    """A chip on the plot.

    Attributes:
        area_m2, energy_j: low end, value and high end.
        node: name of the node, such as `28 nm`; the colour.
        hollow: whether one of the two numbers is estimated, not published.
        kind: kind of energy: 0 for an operation alone, 1 with other terms in it, 2 all-in; the marker's shape.
    """

    name: str
    area_m2: tuple[float, float, float]
    energy_j: tuple[float, float, float]
    node: str
    hollow: bool
    kind: int


def chips_figure(marks: Sequence[ChipMark]) -> Figure:
    """The chart with two logarithmic axes; the names of chips at the same place are in one line."""
    nodes = sorted({m.node for m in marks}, key=lambda n: float(n.split()[0]) if n[:1].isdigit() else math.inf)
    rows, used = _rows(marks), [_KINDS[kind] for kind in sorted({mark.kind for mark in marks})]
    areas, energies = ([end for mark in marks for end in getattr(mark, name)] for name in ("area_m2", "energy_j"))
    x = alt.X("x:Q", scale=_scale(areas), axis=axis_of("area_m2", areas, logarithmic=True))
    title = "energy of a synaptic operation"
    y = alt.Y("y:Q", scale=_scale(energies), axis=axis_of("energy_j", energies, logarithmic=True, title=title))
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
    bars = base.mark_rule(opacity=0.5)
    names = base.mark_text(fontSize=11, align="left", dx=9, dy=-7).encode(
        text=alt.Text("names:N"), color=alt.ColorValue(EDGE)
    )
    layers = (
        bars.encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        bars.encode(x=alt.X("left:Q"), x2=alt.X2("right:Q")),
        points,
        names,
    )
    return figure(
        "chips",
        "Energy of a synaptic operation against the area of the chip",
        alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT),
        "Bars: ranges, given with a number or assumed from how it is known. Hollow: one of the two numbers is "
        "estimated. Energies with different shapes do not compare: an all-in one holds everything that a chip spent.",
    )


def _rows(marks: Sequence[ChipMark]) -> list[Row]:
    names: dict[tuple[float, float], list[str]] = {}
    for mark in marks:
        names.setdefault((mark.area_m2[1], mark.energy_j[1]), []).append(mark.name)
    return [
        {
            "name": mark.name,
            "names": ", ".join(of) if (of := names.pop((mark.area_m2[1], mark.energy_j[1]), None)) else "",
            "node": mark.node,
            "kind": _KINDS[mark.kind],
            "hollow": mark.hollow,
            **dict(zip(("left", "x", "right"), mark.area_m2, strict=True)),
            **dict(zip(("low", "y", "high"), mark.energy_j, strict=True)),
        }
        for mark in marks
    ]


def _scale(values: Sequence[float]) -> alt.Scale:
    low, high = min(values), max(values)
    room = max((high / low) ** 0.08, 1.5)
    return alt.Scale(type="log", nice=False, domain=[low / room, high * room])

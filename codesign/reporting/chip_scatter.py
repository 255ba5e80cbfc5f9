"""Chips as marks on two logarithmic axes, each with its name beside it and its ranges as bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.reporting.figures import Panel, engineering, palette
from codesign.reporting.svg import INK, picture, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ChipMark", "chip_panel", "chip_picture", "name_boxes"]

_SIZE = (8.6, 5.4)
_BOX = (0.085, 0.1, 0.685, 0.86)
"""Left, bottom, width and height of the axes, as shares of the figure."""
_WIDTH, _HEIGHT = 72 * _SIZE[0] * _BOX[2], 72 * _SIZE[1] * _BOX[3]
_LETTER, _LINE = 4.1, 9.0
_SHAPES = ("o", "^", "s")
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


def chip_panel(marks: Sequence[ChipMark]) -> Panel:
    """The plot for a page."""
    title = "Energy of a synaptic operation against the area of the chip"
    return Panel(title=title, svg=render("chips", _drawing(marks), size=_SIZE, label=title), note=_NOTE)


_NOTE = (
    "Bars: ranges, those of the files or assumed from how a number is known. Hollow: one of the two numbers is "
    "estimated. Energies with different shapes do not compare: an all-in one holds everything that a chip spent."
)


def chip_picture(marks: Sequence[ChipMark], form: str) -> bytes:
    """The plot as a file of its own, `svg` or `png`, on white."""
    return picture(_drawing(marks), size=_SIZE, form=form)


def _drawing(marks: Sequence[ChipMark]) -> Callable[[Figure], None]:
    nodes = sorted(
        {mark.node for mark in marks}, key=lambda node: float(node.split()[0]) if node[:1].isdigit() else 1e9
    )
    colors = dict(zip(nodes, palette(len(nodes)), strict=True))

    def draw(figure: Figure) -> None:
        import seaborn
        from matplotlib.ticker import LogLocator, NullFormatter

        figure.set_layout_engine("none")
        axes = figure.add_axes(_BOX)
        limits = [_limits([getattr(mark, name) for mark in marks]) for name in ("area_m2", "energy_j")]
        axes.set(xscale="log", yscale="log", xlim=[end * 1e6 for end in limits[0]], ylim=limits[1])
        axes.set_xlabel("area [mm²]")
        axes.set_ylabel("energy of a synaptic operation")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_formatter(engineering("J"))
        for axis, (low, high) in zip((axes.xaxis, axes.yaxis), limits, strict=True):
            axis.set_minor_formatter(NullFormatter())
            if high / low < 100:
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.grid(visible=False, which="minor")
        for mark in marks:
            _draw_mark(axes, mark, colors[mark.node])
        _draw_names(axes, marks)
        _draw_legend(axes, marks, colors)
        seaborn.despine(ax=axes)

    return draw


def _limits(values: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    low, high = min(ends[0] for ends in values), max(ends[2] for ends in values)
    room = max((high / low) ** 0.08, 1.5)
    return low / room, high * room


def _draw_mark(axes: Axes, mark: ChipMark, color: str) -> None:
    (left, x, right), (low, y, high) = [end * 1e6 for end in mark.area_m2], mark.energy_j
    axes.plot([x, x], [low, high], color=color, linewidth=1, alpha=0.6, zorder=2)
    axes.plot([left, right], [y, y], color=color, linewidth=1, alpha=0.6, zorder=2)
    axes.plot(
        [x],
        [y],
        linestyle="none",
        marker=_SHAPES[mark.kind],
        markersize=7,
        markerfacecolor="none" if mark.hollow else color,
        markeredgecolor=color,
        markeredgewidth=1.3,
        zorder=4,
    )


def _draw_legend(axes: Axes, marks: Sequence[ChipMark], colors: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    def handle(shape: str, color: str, text: str, *, hollow: bool = False) -> Line2D:
        face = "none" if hollow else color
        return Line2D(
            [], [], linestyle="none", marker=shape, color=color, markerfacecolor=face, markeredgecolor=color, label=text
        )

    handles = [handle("o", color, node) for node, color in colors.items()]
    words = ("an operation alone", "with other terms in it", "all-in: does not compare")
    used = {mark.kind for mark in marks}
    handles += [handle(_SHAPES[kind], INK, text) for kind, text in enumerate(words) if kind in used and used != {0}]
    if any(mark.hollow for mark in marks):
        handles.append(handle("o", INK, "hollow: estimated", hollow=True))
    axes.legend(handles=handles, frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))


# names that do not lie on each other ---------------------------------------------------------------------------------


def name_boxes(marks: Sequence[ChipMark]) -> tuple[list[Box], list[tuple[float, float]]]:
    """Where names stand and marks lie, in points from the lower left corner of the axes.

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
    """Boxes of a name around a mark, from near to far."""
    x, y = centre
    places = []
    for radius in (9, 16, 26, 40, 60):
        for turn in (math.tau * step / 16 for step in range(16)):
            left, low = x + (radius + wide / 2) * math.cos(turn) - wide / 2, y + radius * math.sin(turn) - _LINE / 2
            places.append((left, low, left + wide, low + _LINE))
    return places


def _draw_names(axes: Axes, marks: Sequence[ChipMark]) -> None:
    """Names, with a line to the mark where that is far."""
    for mark, (left, low, right, high), (x, y) in zip(marks, *name_boxes(marks), strict=True):
        place = ((left + right) / 2 / _WIDTH, (low + high) / 2 / _HEIGHT)
        axes.text(
            *place, mark.name, fontsize=7.5, ha="center", va="center_baseline", transform=axes.transAxes, zorder=5
        )
        end = (min(max(x, left), right), min(max(y, low), high))
        if math.dist((x, y), end) > 12:
            xs, ys = [x / _WIDTH, end[0] / _WIDTH], [y / _HEIGHT, end[1] / _HEIGHT]
            axes.plot(xs, ys, color=INK, linewidth=0.4, alpha=0.7, transform=axes.transAxes, zorder=1)


def _overlap(a: Box, b: Box) -> float:
    """Area that two boxes share, with a point of room between them."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]) + 1, min(a[3], b[3]) - max(a[1], b[1]) + 1
    return across * down if across > 0 and down > 0 else 0.0


def _outside(box: Box) -> float:
    over = max(-box[0], 0) + max(box[2] - _WIDTH, 0) + max(-box[1], 0) + max(box[3] - _HEIGHT, 0)
    return over * _LINE

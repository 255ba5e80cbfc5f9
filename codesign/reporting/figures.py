"""The report's figures, one SVG a panel so that a narrow page can stack them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import column_label, coverage_words, quantity, with_interval
from codesign.analysis.fronts import Front
from codesign.analysis.metadata import Objective
from codesign.analysis.points import Point
from codesign.hardware.terms import ENERGY_COLUMNS, StaticBook
from codesign.reporting.svg import FAINT, INK, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter, Locator

__all__ = [
    "CLOUD_LIMIT",
    "MOST_PANELS",
    "LegendEntry",
    "Panel",
    "Styles",
    "clipped",
    "describe",
    "energy_panels",
    "engineering",
    "evenly",
    "few_ticks",
    "label_axis",
    "palette",
    "pareto_panels",
    "percent_ticks",
    "styles_of",
    "with_left_out",
]

Item = TypeVar("Item")

CLOUD_LIMIT = 1000
"""With more points than this in all panels together, those off the fronts are drawn as a picture and not one by one.
On a crowded front every so many points have an element of their own, and all are in the table or the results file."""

MOST_PANELS = 24
"""Drawings of one kind on a page."""

_MARKERS = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"), ("*", "★"))
_BARS = 12
_FRONT_ELEMENTS = 150
_LABEL = 20
_SIZE = (3.3, 2.7)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One drawing: a heading, the `<svg>` and a line below it."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """A glyph in a colour (None for the page's ink) and what it stands for."""

    glyph: str
    color: str | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Styles:
    """Colours of recipes and markers of chips, the same in all figures."""

    colors: dict[str, str]
    markers: dict[str, tuple[str, str]]

    @property
    def legend(self) -> list[LegendEntry]:
        recipes = [LegendEntry(glyph="●", color=color, text=name) for name, color in self.colors.items()]
        chips = [LegendEntry(glyph=glyph, color=None, text=name) for name, (_, glyph) in self.markers.items()]
        return recipes + (chips if len(chips) > 1 else [])


def with_left_out(panels: list[Panel], left: int, what: str) -> list[Panel]:
    """The panels, the last of which says how many others are not drawn."""
    if not panels or left <= 0:
        return panels
    note = f"{panels[-1].note} {left:,} more {what} are not drawn; the results file has all.".strip()
    return [*panels[:-1], replace(panels[-1], note=note)]


def palette(count: int) -> list[str]:
    """Colours that can be told apart by most eyes on light and on dark ground."""
    import seaborn

    base = [str(color) for color in seaborn.color_palette("colorblind").as_hex()]
    return [base[index % len(base)] for index in range(count)]


def styles_of(points: Sequence[Point]) -> Styles:
    """Styles by recipe and chip, in alphabetical order."""
    recipes = sorted({point.recipe for point in points})
    chips = sorted({point.chip for point in points})
    return Styles(
        colors=dict(zip(recipes, palette(len(recipes)), strict=True)),
        markers={chip: _MARKERS[index % len(_MARKERS)] for index, chip in enumerate(chips)},
    )


def pareto_panels(fronts: Sequence[Front], styles: Styles) -> list[Panel]:
    """One panel a pair of objectives and group of points that compare."""
    drawn = [front for front in fronts if len(front.objectives) == 2 and front.members]
    one_by_one = sum(len(front.members) for front in drawn) <= CLOUD_LIMIT
    panels = []
    for number, front in enumerate(drawn[:MOST_PANELS]):
        own = front.members if one_by_one else front.best[:: 1 + len(front.best) // _FRONT_ELEMENTS]
        y, x = front.objectives
        note = f"{len(front.best)} of {len(front.members)} on the front"
        if front.unknown:
            note += f"; {len(front.unknown)} not drawn: {column_label(x.column)} or {column_label(y.column)} unknown"
        panels.append(
            Panel(
                title=str(front.group),
                svg=render(
                    f"pareto{number}",
                    _pareto_drawing(front, own, styles),
                    size=_SIZE,
                    label=f"{column_label(y.column)} against {column_label(x.column)}, {front.group}",
                    titles={f"p-{point.number}": describe(point, front.objectives) for point in own},
                ),
                note=note,
            )
        )
    return with_left_out(panels, len(drawn) - MOST_PANELS, "fronts")


def describe(point: Point, objectives: Sequence[Objective]) -> str:
    """What hovering a point says."""
    columns = dict.fromkeys([o.column for o in objectives] + ["accuracy", "energy_j", "latency_s", "latency_spikes"])
    values = [f"{column_label(column)} {with_interval(point.value(column), column)}" for column in columns]
    return f"#{point.number} {point.recipe} under {point.schedule} on {point.place}: {', '.join(values)}"


def energy_panels(points: Sequence[Point]) -> tuple[list[Panel], list[LegendEntry]]:
    """Energy by term, one panel per chip: the scales differ, and so may what the energies cover."""
    used = [term for term in ENERGY_COLUMNS if any(p.separable and p.term(term).mean for p in points)]
    colors = dict(zip(used, palette(len(used)), strict=True))
    legend = [LegendEntry(glyph="■", color=colors[term], text=term.replace("_", " ")) for term in used]
    if any(not point.separable for point in points):
        legend.append(LegendEntry(glyph="■", color="#949494", text="not split into terms"))
    panels = []
    chips = sorted({point.chip for point in points if point.value("energy_j").mean is not None})
    for number, chip in enumerate(chips[:MOST_PANELS]):
        known = [p for p in points if p.chip == chip and p.value("energy_j").mean is not None]
        shown = sorted(known, key=lambda p: (-(p.value("accuracy").mean or 0.0), p.number))[:_BARS]
        note = f"Covers {coverage_words(shown[0].coverage)}."
        if len(shown) < len(known):
            note += f" The {len(shown)} most accurate of {len(known)} points."
        panels.append(
            Panel(
                title=chip,
                svg=render(
                    f"energy{number}",
                    _energy_drawing(shown, colors),
                    size=(4.4, 0.8 + 0.25 * len(shown)),
                    label=f"energy per sample by term on {chip}",
                ),
                note=note,
            )
        )
    return with_left_out(panels, len(chips) - MOST_PANELS, "chips"), legend


def _pareto_drawing(front: Front, own: Sequence[Point], styles: Styles) -> Callable[[Figure], None]:
    y_objective, x_objective = front.objectives

    def coordinates(point: Point) -> tuple[float, float]:
        x, y = point.value(x_objective.column).mean, point.value(y_objective.column).mean
        assert x is not None, "members of a front have known objectives"
        assert y is not None, "members of a front have known objectives"
        return x, y

    def draw(figure: Figure) -> None:
        import seaborn

        axes = figure.subplots()
        _axis_scales(axes, [coordinates(point)[0] for point in front.members], front)
        if len(own) < len(front.members):
            cloud = [coordinates(point) for point in front.members]
            colors = [styles.colors[point.recipe] for point in front.members]
            xs, ys = zip(*cloud, strict=True)
            axes.scatter(xs, ys, s=6, c=colors, alpha=0.4, linewidths=0, rasterized=True)
        best = sorted(coordinates(point) for point in front.best)
        stairs = "steps-post" if y_objective.direction != x_objective.direction else "default"
        axes.plot(*zip(*best, strict=True), color=INK, linewidth=0.8, linestyle=(0, (4, 3)), drawstyle=stairs, zorder=2)
        for point in own:
            x, y = coordinates(point)
            color, (marker, _) = styles.colors[point.recipe], styles.markers[point.chip]
            half = point.value(y_objective.column).half_width
            if half is not None:
                ends = (y - half, y + half)
                if y_objective.column == "accuracy":
                    ends = (max(ends[0], 0.0), min(ends[1], 1.0))
                axes.plot([x, x], ends, color=color, linewidth=1, alpha=0.6, zorder=2)
            chosen = point in front.best
            axes.plot(
                [x],
                [y],
                marker=marker,
                markersize=7 if chosen else 6,
                markerfacecolor=color if chosen else "none",
                markeredgecolor=color,
                markeredgewidth=1.2,
                linestyle="none",
                zorder=4 if chosen else 3,
                gid=f"p-{point.number}",
            )
        seaborn.despine(ax=axes)

    return draw


def _energy_drawing(points: Sequence[Point], colors: dict[str, str]) -> Callable[[Figure], None]:
    def draw(figure: Figure) -> None:
        import seaborn

        axes = figure.subplots()
        for row, point in enumerate(points):
            left = 0.0
            for term in ENERGY_COLUMNS if point.separable else ():
                width = point.term(term).mean
                if width:
                    axes.barh(row, width, left=left, color=colors[term], height=0.7)
                    left += width
            total = point.value("energy_j").mean or 0.0
            if not point.separable:
                axes.barh(row, total, color="#949494", height=0.7)
            axes.text(max(left, total), row, f"  {quantity(total, 'energy_j')}", va="center", fontsize=8)
        axes.set_yticks(range(len(points)), [_bar_label(point) for point in points])
        axes.invert_yaxis()
        axes.margins(x=0.22)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(engineering("J"))
        axes.xaxis.set_major_locator(few_ticks(2))
        axes.set_xlabel(column_label("energy_j", points[0].static_book if points[0].separable else None))
        seaborn.despine(ax=axes, left=True)

    return draw


def _bar_label(point: Point) -> str:
    """Recipe, schedule and, where the sweep has axes, their values here."""
    known = zip(point.axes, point.axis_values, strict=True)
    axes = [clipped(text, 8) for (_, value), text in known if value is not None]
    return " · ".join([clipped(point.recipe), clipped(point.schedule), *axes[:2]])


def _axis_scales(axes: Axes, xs: Sequence[float], front: Front) -> None:
    if xs and min(xs) > 0 and max(xs) / min(xs) > 30:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(few_ticks(3))
    for axis, objective in zip((axes.yaxis, axes.xaxis), front.objectives, strict=True):
        label_axis(axis, objective.column, front.group.static_book)
    axes.margins(0.08)
    axes.tick_params(which="both", color=FAINT)


def label_axis(axis: Axis, column: str, book: StaticBook | None = None) -> None:
    """Name an axis after a column, and the book of its energies, and write its ticks in the column's unit."""
    from matplotlib.ticker import NullFormatter

    axis.set_label_text(column_label(column, book))
    unit = COLUMNS[column].unit if column in COLUMNS else ""
    if unit:
        axis.set_major_formatter(engineering(unit))
    elif column == "accuracy":
        axis.set_major_formatter(percent_ticks())
    axis.set_minor_formatter(NullFormatter())


def clipped(text: str, most: int = _LABEL) -> str:
    """A name short enough to leave room for what is drawn; wide letters count twice."""
    width = 0
    for position, letter in enumerate(text):
        width += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if width > most:
            return f"{text[: max(position - 1, 1)]}…"
    return text


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly, with both ends."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def percent_ticks() -> Formatter:
    """Fractions as `94.5 %`, with no more digits than the ticks need."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{100 * value:.4g} %")


def engineering(unit: str) -> Formatter:
    """Numbers in an SI unit with its prefixes."""
    from matplotlib.ticker import EngFormatter

    return EngFormatter(unit=unit)


def few_ticks(count: int) -> Locator:
    """At most so many intervals between ticks: numbers with units are wide."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count)

"""Lines against a number: curves with bands and levels, in the page's colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.analysis.distributions import Curve
from codesign.reporting.figures import evenly, label_axis, palette, percent_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MOST_POINTS", "Line", "draw_lines"]

MOST_POINTS = 1000
"""Of one line; of longer ones this many are drawn, evenly spaced along the curve."""

_TICKS = 9
_DASHES = ((), (5, 2), (1, 1.5), (6, 2, 1.5, 2), (3, 1.5), (8, 3))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve.

    Attributes:
        curve: empty for a line that is not drawn, but has its colour.
        half_widths: of the interval around each of its points; None where there is none; empty for all without.
        level: where a horizontal line of the same colour stands; None for none.
    """

    curve: Curve
    half_widths: tuple[float | None, ...] = ()
    level: float | None = None


def draw_lines(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    marker: str = "",
    evenly_spaced: bool = False,
    dashed_levels: bool = False,
) -> Callable[[Figure], None]:
    """Draw lines on one pair of axes.

    Args:
        y_label: a column, or a label; one that begins with `share` counts from zero in percent.
        evenly_spaced: each x is a tick, whatever lies between them.
        dashed_levels: curves are solid and levels dashed, as in the paper's figure 5; else curves have dashes of their
            own and levels are dotted.
    """

    def draw(figure: Figure) -> None:
        import seaborn
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        known = sorted({x for line in lines for x, _ in line.curve})
        for number, (line, color) in enumerate(zip(lines, palette(len(lines)), strict=True)):
            if not line.curve:
                continue
            values, y = zip(*evenly(line.curve, MOST_POINTS), strict=True)
            x = [known.index(value) for value in values] if evenly_spaced else values
            dashes = () if dashed_levels else _DASHES[number % len(_DASHES)]
            axes.plot(x, y, color=color, linewidth=1.6, dashes=dashes, marker=marker, markersize=4)
            if line.half_widths:
                halves = [half or 0.0 for half in evenly(line.half_widths, MOST_POINTS)]
                low = [value - half for value, half in zip(y, halves, strict=True)]
                high = [value + half for value, half in zip(y, halves, strict=True)]
                axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
            if line.level is not None:
                axes.axhline(line.level, color=color, linewidth=0.9, linestyle="--" if dashed_levels else ":")
        axes.set_xlabel(x_label)
        if evenly_spaced:
            ticks = evenly(known, _TICKS)
            axes.set_xticks([known.index(tick) for tick in ticks], [f"{tick:.4g}" for tick in ticks])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=all(x.is_integer() for x in known)))
        if y_label.startswith("share"):
            axes.set_ylabel(y_label)
            axes.yaxis.set_major_formatter(percent_ticks())
            axes.set_ylim(bottom=0)
        else:
            label_axis(axes.yaxis, y_label)
        seaborn.despine(ax=axes)

    return draw

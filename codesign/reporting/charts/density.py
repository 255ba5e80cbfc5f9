"""How many design points of a priced grid lie where, and its front on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codesign.deferred import alt
from codesign.reporting.charts.base import EDGE, Figure, Row, axis_of, figure, source, tooltip

_HEIGHT = 320


def density_figure(
    name: str,
    title: str,
    counts: Mapping[tuple[int, int], int],
    front: Sequence[tuple[float, float, str]],
    *,
    bins_a_decade: float,
    limits: Sequence[tuple[float, float]],
    energy: str,
    note: str,
) -> Figure:
    """Energy against latency, both logarithmic.

    Args:
        counts: points by bin (latency, energy); bin b holds from 10^(b / bins_a_decade) on.
        front: latency in seconds, energy in joules and what hovering says, of points that are marked.
        limits: ends of latency and of energy, the same for all figures of a page.
        energy: what the energy is called.
    """
    cells: list[Row] = [{"across": x, "up": y, "count": count} for (x, y), count in sorted(counts.items())]
    edges = {"left": "datum.across", "right": "datum.across + 1", "low": "datum.up", "high": "datum.up + 1"}

    def scale(ends: tuple[float, float]) -> alt.Scale:
        return alt.Scale(type="log", nice=False, domain=list(ends), padding=8)

    x = alt.X("left:Q", scale=scale(limits[0]), axis=axis_of("latency_s", limits[0], logarithmic=True))
    y = alt.Y("low:Q", scale=scale(limits[1]), axis=axis_of("energy_j", limits[1], logarithmic=True, title=energy))
    shades = (
        alt.Chart(source(cells))
        .transform_calculate(**{name: f"pow(10, ({bin}) / {bins_a_decade:g})" for name, bin in edges.items()})
        .mark_rect()
        .encode(
            x=x,
            x2="right:Q",
            y=y,
            y2="high:Q",
            color=alt.Color("count:Q", scale=alt.Scale(type="log", range="heatmap"), legend=alt.Legend(title="points")),
        )
    )
    marks: list[Row] = [{"x": latency, "y": joules, "point": text} for latency, joules, text in front]
    dots = alt.Chart(source(marks)).mark_point(size=28, filled=True, opacity=1, stroke=EDGE, strokeWidth=0.8)
    chart = alt.layer(shades, dots.encode(x="x:Q", y="y:Q", color=alt.value("#d55e00"), tooltip=tooltip(point="point")))
    return figure(name, title, chart.properties(width="container", height=_HEIGHT), note)

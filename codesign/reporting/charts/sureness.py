"""A chart of the certainty of comparisons: the range of each side over the ranges of the chips' numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.robustness import quantiles
from codesign.analysis.results.formatting import column_label, quantity
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.deferred import alt
from codesign.reporting.charts.base import (
    Figure,
    Row,
    axis_of,
    color,
    figure,
    named_rows,
    of_more,
    quantitative,
    source,
    tooltip,
)

_MOST = 16


def ranges_figure(
    comparisons: Sequence[Comparison], names: Names, say: Callable[[Point], str], column: str
) -> Figure | None:
    """Both sides of all comparisons of a column, with 95 % of the draws of the chips' numbers; None if there are
    none."""
    rows: dict[str, Row] = {}
    for comparison in comparisons:
        found = comparison.robustness
        if comparison.column != column or found is None:
            continue
        for point, mean, draws in (
            (comparison.better, comparison.better_mean, found.better_draws),
            (comparison.worse, comparison.worse_mean, found.worse_draws),
        ):
            low, _, high = quantiles(draws).tolist()
            ends = f"{quantity(low, column)} to {quantity(high, column)}"
            label = say(point) + ", on shared terms" * comparison.in_part
            named = {"point": label, "chip": names.chips[point.chip], "text": quantity(mean, column), "ends": ends}
            rows.setdefault(label, {**named, "value": mean, "low": low, "high": high})
    known = sorted(rows.values(), key=lambda row: (float(row["value"] or 0.0), str(row["point"])))
    drawn = known[:_MOST]
    if not drawn:
        return None
    values = [float(row[name] or 0.0) for row in drawn for name in ("value", "low", "high")]
    points, height = named_rows("point", (str(row["point"]) for row in drawn))
    base = alt.Chart(source(drawn), width="container", height=height).encode(
        y=points,
        color=color("chip", sorted({str(row["chip"]) for row in drawn}), "chip", orient="bottom"),
        tooltip=tooltip(point="point", text="value", ends="95 % of the draws"),
    )
    scale, axis = quantitative(values), axis_of(column, values)
    bars = base.mark_rule(size=3, opacity=0.5).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2=alt.X2("high:Q"))
    chart = alt.layer(bars, base.mark_point(filled=True, size=80, opacity=1).encode(x=alt.X("value:Q", scale=scale)))
    title = f"{column_label(column).capitalize()} over the ranges of the chips' numbers"
    name, left_out = column.rpartition("_")[0].replace("_", "-"), of_more(len(drawn), len(known), "points")
    return figure(f"ranges-{name}", title, chart, "Bars: 95 % of the joint draws.", left_out)

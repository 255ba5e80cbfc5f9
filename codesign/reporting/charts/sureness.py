"""Charts of how sure a comparison is: where the chips' numbers put each side, and from where on the other one wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.robustness import Tip, quantiles
from codesign.analysis.comparisons.wording import describe_range, describe_tip, subject_of
from codesign.analysis.results.formatting import column_label, quantity
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.deferred import alt
from codesign.hardware.terms import MODEL
from codesign.reporting.charts.base import (
    Figure,
    Row,
    axis_of,
    color,
    figure,
    log_ticks,
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
    """Each side of the comparisons of a column, with 95 % of the draws of the chips' numbers; None without any."""
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
    bars = base.mark_rule(size=3, opacity=0.5).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q")
    chart = alt.layer(bars, base.mark_point(filled=True, size=80, opacity=1).encode(x=alt.X("value:Q", scale=scale)))
    title = f"{column_label(column).capitalize()} over the ranges of the chips' numbers"
    name, left_out = column.rpartition("_")[0].replace("_", "-"), of_more(len(drawn), len(known), "points")
    return figure(f"ranges-{name}", title, chart, "Bars: 95 % of the joint draws.", left_out)


def tips_figure(comparisons: Sequence[Comparison], names: Names, say: Callable[[Point], str]) -> Figure | None:
    """The numbers that alone can turn a comparison round: each with its range and where it does; None without any."""
    rows: list[Row] = []
    for comparison in comparisons:
        sides = f"{say(comparison.better)} against {say(comparison.worse)}"
        for tip in comparison.robustness.tips if comparison.robustness else ():
            if tip.number.path.startswith(MODEL) or not min(tip.number.low, tip.number.value, tip.at) > 0:
                continue
            rows.append({**_tip(tip, names), "of": column_label(comparison.column), "sides": sides})
    distinct = {(row["number"], row["sides"], row["of"]): row for row in rows}
    known = sorted(distinct.values(), key=lambda row: float(row["off"] or 0.0))
    drawn = known[:_MOST]
    if not drawn:
        return None
    values = [float(row[name] or 0.0) for row in drawn for name in ("low", "high", "at")]
    ticks = alt.Axis(
        title="value over the one that is taken",
        labelExpr="'× ' + format(datum.value, '.3~g')",
        values=log_ticks(min(values), max(values)),
    )
    numbers, height = named_rows("number", (str(row["number"]) for row in drawn))
    base = alt.Chart(source(drawn), width="container", height=height).encode(
        y=numbers, tooltip=tooltip(sides="reverses", of="in", when="once", range="number")
    )
    scale = quantitative(values, type="log", nice=False, padding=12)
    bars = base.mark_rule(size=3, opacity=0.5).encode(x=alt.X("low:Q", scale=scale, axis=ticks), x2="high:Q")
    value = base.mark_tick(thickness=2, size=14, style="quiet").encode(x=alt.X("one:Q", scale=scale))
    dots = base.mark_point(shape="diamond", filled=True, size=110, opacity=1).encode(
        x=alt.X("at:Q", scale=scale), color=color("of", (str(row["of"]) for row in drawn), "other side wins in")
    )
    return figure(
        "tipping-points",
        "Numbers of a chip that alone turn a comparison round",
        alt.layer(bars, value, dots),
        "Bars: the range of a number. Diamonds: the value beyond which the other side wins. The nearest come first.",
        of_more(len(drawn), len(known), "numbers"),
    )


def _tip(tip: Tip, names: Names) -> Row:
    number = tip.number
    return {
        "number": subject_of(number, names),
        "range": describe_range(number, names),
        "when": describe_tip(tip, names),
        "one": 1,
        "low": number.low / number.value,
        "high": number.high / number.value,
        "at": tip.at / number.value,
        "off": max(tip.at / number.value, number.value / tip.at),
    }

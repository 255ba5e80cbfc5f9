"""Charts of a sweep: two columns against each other, effects of choices, trainings by schedules, parts, ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from codesign.analysis.answers.effects import effects_of, is_ratio
from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.constraints import more_is_better
from codesign.analysis.comparisons.fronts import fronts_of, objective_of
from codesign.analysis.comparisons.robustness import quantiles
from codesign.analysis.results.formatting import (
    column_label,
    coverage_words,
    extreme,
    in_points,
    is_share,
    like,
    percent,
    quantity,
    significant,
    with_interval,
)
from codesign.analysis.results.measures import mean_of
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import Interval
from codesign.deferred import alt
from codesign.hardware.terms import ENERGY_COLUMNS
from codesign.reporting.charts.base import (
    EDGE,
    Figure,
    Row,
    axis_of,
    color,
    ends_of,
    figure,
    named_columns,
    named_rows,
    nominal,
    of_more,
    places,
    quantitative,
    source,
    tooltip,
)

_MOST_BARS, _MOST_RANGES = 12, 16
_HEIGHT = 340
_FAR_APART = 8
"""Bars whose sums differ by more than this factor are drawn as shares, because short bars would show nothing."""
_TIMES = {
    "latency_compute_s": "cores at work",
    "latency_network_s": "messages under way",
    "latency_synchronization_s": "waiting for others",
}


def scatter(
    points: Sequence[Point], names: Names, *, x: str = "energy_j", y: str = "accuracy", by: str = "chip"
) -> Figure | None:
    """Two columns of all points that have both, coloured by chip, schedule or recipe, with the fronts of comparable
    points; None without points."""
    objectives = objective_of(y), objective_of(x)
    fronts = [front for front in fronts_of(points, objectives) if front.members]
    members = [(group, point) for group, front in enumerate(fronts) for point in front.members]
    if not members:
        return None
    best = {point.number for front in fronts for point in front.best}
    rows: list[Row] = [
        {
            "x": point.value(x).mean,
            "y": point.value(y).mean,
            "of": names.of(by, getattr(point, by)),
            **_texts(point, names, (x, y)),
            "group": group,
            "best": point.number in best,
        }
        for group, point in members
    ]
    xs, ys = ([point.value(column).mean or 0.0 for _, point in members] for column in (x, y))
    horizontal = alt.X("x:Q", scale=quantitative(xs), axis=axis_of(x, xs, title=column_label(x, points[0].static_book)))
    vertical = alt.Y("y:Q", scale=quantitative(ys), axis=axis_of(y, ys, title=column_label(y, points[0].static_book)))
    shown = alt.selection_point(name="shown", fields=["of"], bind="legend")
    of = sorted({str(row["of"]) for row in rows})
    base = alt.Chart(source(rows)).encode(x=horizontal, y=vertical, color=color("of", of, by))
    bars = base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    edges = base.transform_filter("datum.best").mark_line(strokeDash=[4, 3], strokeWidth=1, interpolate="step-after")
    marks = base.mark_point(size=70, strokeWidth=1.5).encode(
        fill=alt.Fill("of:N", scale=nominal(of), legend=None),
        fillOpacity=alt.condition("datum.best", alt.value(0.9), alt.value(0)),
        opacity=alt.condition(shown, alt.value(1), alt.value(0.08), empty=True),
        tooltip=tooltip(point="point", xs=column_label(x), ys=column_label(y), covers="energy of"),
    )
    edge, marks = edges.encode(detail=alt.Detail("group:N"), color=alt.ColorValue(EDGE)), marks.properties(name="marks")
    chart = alt.layer(edge, bars, marks.add_params(shown)).properties(width="container", height=_HEIGHT)
    return figure(
        f"{y}-{x}".replace("_", "-"),
        f"{column_label(y).capitalize()} against {column_label(x)}",
        chart,
        "Filled: on the front of the means. Dashed lines join points whose numbers compare, such as energies of the "
        "same parts.",
    )


def _texts(point: Point, names: Names, columns: tuple[str, str]) -> dict[str, Any]:
    """Texts of the tooltip, and the ends of the interval of y."""
    x, y = (point.value(column) for column in columns)
    low, high = (y.mean if end is None else end for end in ends_of(y, columns[1]))
    return {
        "low": low,
        "high": high,
        "point": f"{names.point(point)} (#{point.number})",
        "xs": with_interval(x, columns[0]),
        "ys": with_interval(y, columns[1]),
        "covers": coverage_words(point.charged),
    }


def effects_figure(points: Sequence[Point], names: Names, column: str) -> Figure | None:
    """The effect of each option of each choice on a column, all else equal: a dot for the mean over blocks of points
    that differ in this choice alone, a bar from the least to the most of them; None if no choice has an effect."""
    found, factors = effects_of(points, column, names), is_ratio(column)
    no_effect = 1 if factors else 0
    if all(effect.low == effect.high == no_effect for effect in found):
        return None

    def written(value: float) -> str:
        if factors:
            return f"× {significant(value, 3)}"
        said = in_points(value) if is_share(column) else significant(value, 3).replace("-", "−")
        signed = f"+{said}" if value > 0 and said != "0.0" else said
        return f"{signed} points" if is_share(column) else signed

    order = [e.option if e.choice in e.option else f"{e.choice} {e.option}" for e in found]
    rows: list[Row] = [
        {
            "option": label,
            "choice": effect.choice,
            "mean": effect.mean,
            "low": effect.low,
            "high": effect.high,
            "none": no_effect,
            "value": written(effect.mean),
            "ends": f"{written(effect.low)} to {written(effect.high)}",
            "blocks": effect.blocks,
        }
        for label, effect in zip(order, found, strict=True)
    ]
    tip = tooltip(option="option", value="against the mean of all", ends="from case to case", blocks="cases")
    choices = dict.fromkeys(effect.choice for effect in found)
    options, height = named_rows("option", order)
    chart = alt.Chart(source(rows), width="container", height=height)
    base = chart.encode(y=options, color=alt.Color("choice:N", scale=nominal(choices), legend=None), tooltip=tip)
    values = [end for effect in found for end in (effect.low, effect.high)]
    log = factors and min(values) > 0
    shown = "100 * datum.value" if is_share(column) else "datum.value"
    ticks = "'× ' + format(datum.value, ',.9~g')" if factors else f"datum.value ? format({shown}, '+,.9~g') : 0"
    axis = alt.Axis(
        title="against the mean of all" + ", points" * is_share(column), labelExpr=ticks, **places(values, log)
    )
    x = alt.X("low:Q", scale=alt.Scale(type="log" if log else "linear", nice=not log, padding=8), axis=axis)
    middle = chart.mark_rule(strokeDash=[3, 3], aria=False).encode(x=alt.X("none:Q"), color=alt.ColorValue(EDGE))
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("mean:Q"))
    layers = alt.layer(base.mark_rule(opacity=0.45, size=3).encode(x=x, x2=alt.X2("high:Q")), middle, dots)
    largest = max(found, key=lambda effect: abs(math.log(effect.mean) if log else effect.mean - no_effect))
    return figure(
        f"effects-{column}".replace("_", "-"),
        f"What each choice does to {column_label(column, points[0].static_book)}",
        layers,
        f"Largest: {order[found.index(largest)]}, {written(largest.mean)}.",
    )


def matrix_figure(name: str, points: Sequence[Point], names: Names, column: str, *, title: str = "") -> Figure | None:
    """A column or measure of each training under each schedule, with the best variant in each cell; None if no point
    has it."""
    sign = 1.0 if more_is_better(like(column)) else -1.0
    cells: dict[tuple[str, str], tuple[Point, Interval]] = {}
    for point in sorted(points, key=lambda point: _by_training_and_schedule(point, names)):
        key, value = (names.training(point), names.run(point)), mean_of(column, point)
        if value.mean is not None and (key not in cells or sign * value.mean > sign * (cells[key][1].mean or 0.0)):
            cells[key] = point, value
    if not cells:
        return None
    rows: list[Row] = [
        {
            "trained": key[0],
            "run": key[1],
            "value": value.mean,
            "text": quantity(value.mean, column) + " ◆" * _trained_for(point),
            "full": with_interval(value, column),
            "point": names.point(point),
        }
        for key, (point, value) in cells.items()
    ]
    best = max(cells, key=lambda key: sign * (cells[key][1].mean or 0.0))
    across, width = named_columns("trained", (trained for trained, _ in cells))
    down, height = named_rows("run", (run for _, run in cells))
    base = alt.Chart(source(rows)).encode(
        x=across, y=down, tooltip=tooltip(point="best variant", full=column_label(column))
    )
    shade = alt.Color("value:Q", scale=alt.Scale(range="heatmap"), legend=None)
    shades = base.mark_rect(fillOpacity=0.55).encode(color=shade)
    chart = alt.layer(shades, base.mark_text(fontSize=11).encode(text=alt.Text("text:N")))
    return figure(
        name,
        title or f"{column_label(column).capitalize()} by training and by how the model is run",
        chart.properties(width=width, height=height),
        f"{extreme(column, more=sign > 0).capitalize()}: {with_interval(cells[best][1], column)}, {', '.join(best)}.",
        "Rows: how a model is run. Columns: how it was trained. ◆ trained as it is run: through this policy and F, or "
        "with layers waiting. The best of several chips and variants.",
    )


def _by_training_and_schedule(point: Point, names: Names) -> tuple[Any, ...]:
    """Sort key: layered trainings and runs first, then by policy or schedule, and F."""
    trained = point.training_method != "layered", point.training_policy or "", point.training_group_size or 0
    return *trained, not point.layered, names.schedules[point.schedule], point.group_size or 0, point.number


def _trained_for(point: Point) -> bool:
    return point.trained_for_it or (point.layered and point.training_method == "layered")


def parts_figure(points: Sequence[Point], names: Names, column: str) -> Figure | None:
    """Energy (`energy_j`) or time (`latency_s`) by part, one stacked bar per point, the first on top; None if no point
    has parts."""
    rows: list[Row] = []
    largest: list[str] = []
    known = [(point, parts) for point in points if (parts := _parts(point, column))]
    drawn = known[:_MOST_BARS]
    totals = [sum(parts.values()) for _, parts in drawn]
    by_chip = len({point.chip for point, _ in drawn}) == len(drawn)
    for (point, parts), total in zip(drawn, totals, strict=True):
        label = names.chips[point.chip] if by_chip else names.point(point)
        bar = f"{label}: {quantity(total, column)}"
        part, most = max(parts.items(), key=lambda item: item[1])
        largest += [f"{label} {part}, {percent(most / total)}"] if most < total else []
        for part, value in parts.items():
            texts = {"point": names.point(point), "text": quantity(value, column), "share": percent(value / total)}
            rows.append({"bar": bar, "part": part, "value": value, **texts})
    if not rows:
        return None
    shares = max(totals) > _FAR_APART * min(totals)
    axis = axis_of("agreement", [], title="share") if shares else axis_of(column, [])
    bars, height = named_rows("bar", (str(row["bar"]) for row in rows))
    base = alt.Chart(source(rows), width="container", height=height)
    chart = base.mark_bar(height={"band": 0.75}).encode(
        x=alt.X("value:Q", stack="normalize" if shares else "zero", axis=axis),
        y=bars,
        color=color("part", (str(row["part"]) for row in rows), "part", orient="bottom", columns=4),
        tooltip=tooltip(point="point", part="part", text=column_label(column), share="share"),
    )
    return figure(
        f"{column.partition('_')[0]}-parts",
        f"{column_label(column).capitalize()} by part",
        chart,
        f"Largest part: {'; '.join(largest)}." if largest else "",
        "Bars are shares, since the sums lie far apart." if shares else "",
        of_more(len(drawn), len(known), "points"),
    )


def _parts(point: Point, column: str) -> Mapping[str, float]:
    """Values above zero by part, with parts in words."""
    times: Iterable[tuple[str, float | None]]
    if column == "latency_s":
        times = ((word, point.value(name).mean) for name, word in _TIMES.items())
    elif not point.separable:
        times = (("not split into parts", point.value("energy_j").mean),)
    else:
        times = ((name.replace("_", " "), point.term(name).mean) for name in ENERGY_COLUMNS)
    return {word: value for word, value in times if value}


def ranges_figure(comparisons: Sequence[Comparison], say: Callable[[Point], str], column: str) -> Figure | None:
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
            named = {"point": label, "text": quantity(mean, column), "ends": ends}
            rows.setdefault(label, {**named, "value": mean, "low": low, "high": high})
    known = sorted(rows.values(), key=lambda row: (float(row["value"] or 0.0), str(row["point"])))
    drawn = known[:_MOST_RANGES]
    if not drawn:
        return None
    values = [float(row[name] or 0.0) for row in drawn for name in ("value", "low", "high")]
    points, height = named_rows("point", (str(row["point"]) for row in drawn))
    base = alt.Chart(source(drawn), width="container", height=height).encode(
        y=points, tooltip=tooltip(point="point", text="value", ends="95 % of the draws")
    )
    scale, axis = quantitative(values), axis_of(column, values)
    bars = base.mark_rule(size=3, opacity=0.5).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2=alt.X2("high:Q"))
    means = base.mark_point(style="quiet", filled=True, size=80, opacity=1).encode(x=alt.X("value:Q", scale=scale))
    chart = alt.layer(bars, means)
    title = f"{column_label(column).capitalize()} over the ranges of the chips' numbers"
    name, left_out = column.rpartition("_")[0].replace("_", "-"), of_more(len(drawn), len(known), "points")
    return figure(f"ranges-{name}", title, chart, "Bars: 95 % of the joint draws.", left_out)

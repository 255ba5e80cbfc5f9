"""Charts of the figures that a sweep's file requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from codesign.analysis.answers.selecting import ladders_along, number_of, points_in, unit_of
from codesign.analysis.figures import FigureEntry
from codesign.analysis.results.formatting import column_label, quantity
from codesign.analysis.results.measures import (
    Curve,
    convergence_curve,
    currents_curve,
    latency_curve,
    mean_of,
    widest_bin,
)
from codesign.analysis.results.naming import Names, names_of
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import Interval, interval
from codesign.deferred import alt
from codesign.reporting.charts.base import (
    Figure,
    Row,
    axis_of,
    color,
    ends_of,
    figure,
    in_lines,
    named_rows,
    of_more,
    quantitative,
    source,
    tooltip,
    whole_places,
)
from codesign.reporting.charts.sweeps import matrix_figure
from codesign.reporting.pieces import Section

LineT = TypeVar("LineT", bound=Sequence[object])
Saying = Callable[[Point], str]
"""Returns the name of a point."""
_Drawn = tuple[str, Any, *tuple[str, ...]]
"""A default title, a chart and notes."""

_MOST_LINES, _MOST_BARS, _MOST_STEPS = 8, 16, 200
_HEIGHT = 260
_BANDS = "Bands: 95 % intervals over training seeds."
_LEGEND = {"orient": "bottom", "columns": 2, **in_lines(40)}  # a name that is cut off could be mistaken for another


def asked_section(entries: Sequence[FigureEntry], points: Sequence[Point]) -> Section:
    """The section of a file's figures that have something to show."""
    drawn = [asked_figure(f"asked-{number}", entry, points) for number, entry in enumerate(entries, start=1)]
    return Section(name="asked-figures", title="Figures that the file asks for", body=tuple(filter(None, drawn)))


def asked_figure(name: str, entry: FigureEntry, points: Sequence[Point]) -> Figure | None:
    """One figure; None if no point has its values."""
    chosen, names = points_in(points, entry.select), names_of(points)
    say = names.told_apart(chosen)
    match entry.figure:
        case "matrix":
            return matrix_figure(name, chosen, names, entry.column, title=entry.title)
        case "accuracy_by_step":
            drawn = _steps(entry, chosen, points, names)
        case "spikes_until_output":
            title, x = "Spikes until the first output spike of a pass", "spikes propagated in a forward pass"
            passes, note = (
                partial(latency_curve, width=widest_bin(chosen)),
                "Passes without an output spike are left out.",
            )
            drawn = _shares(title, chosen, say, passes, x, "passes", note)
        case "currents_before_firing":
            title = "Currents integrated before firing, all but the first layer"
            x, note = "currents integrated before a spike", "The last value holds all above it."
            drawn = _shares(title, chosen, say, currents_curve, x, "spikes", note)
        case "spikes_per_neuron":
            drawn = _spikes(chosen, say)
        case "epochs":
            drawn = _epochs(entry.column, chosen, names.training)
        case "along":
            drawn = _along(entry, chosen, points, names)
    return None if drawn is None else figure(name, entry.title or drawn[0], *drawn[1:])


def _curves(points: Sequence[Point], curve: Callable[[Point], LineT], say: Saying) -> tuple[dict[str, LineT], str]:
    """Curves by point name, of the first points that have one, without repeated curves; and a sentence on how many are
    drawn."""
    curves: dict[str, LineT] = {}
    for point in points:
        found = curve(point)
        if found and found not in curves.values():
            curves.setdefault(say(point), found)
    drawn = dict([*curves.items()][:_MOST_LINES])
    return drawn, of_more(len(drawn), len(curves), "lines")


def _steps(entry: FigureEntry, chosen: Sequence[Point], points: Sequence[Point], names: Names) -> _Drawn | None:
    say = names.told_apart(chosen)
    curves, left_out = _curves(chosen, convergence_curve, say)
    if not curves:
        return None
    rows = [_row(line, x, y, "accuracy") for line, curve in curves.items() for x, y in curve[:_MOST_STEPS]]
    levels, note = _levels(entry, "accuracy", points, names)
    known = {say(point): point.value("drained_accuracy").mean for point in chosen if say(point) in curves}
    drained = [_row(line, 0.0, level, "accuracy") for line, level in known.items() if level is not None]
    drawn = _line(rows, "forward steps after the first output spike", "accuracy") + _across([*drained, *levels], rows)
    notes = "Dashed: once all activity has drained." if drained else "", note, left_out
    return "Accuracy by forward steps after the first output spike", drawn, *notes


def _shares(
    title: str, chosen: Sequence[Point], say: Saying, curve: Callable[[Point], Curve], x: str, of: str, note: str
) -> _Drawn | None:
    curves, left_out = _curves(chosen, curve, say)
    if not curves:
        return None
    rows = [_row(line, at, y, "agreement") for line, found in curves.items() for at, y in found]
    return title, _line(rows, x, "agreement", f"share of {of}"), note, left_out


def _epochs(curves_in: str, chosen: Sequence[Point], say: Saying) -> _Drawn | None:
    column = curves_in.removesuffix("_curve")

    def by_epoch(point: Point) -> list[tuple[float, Interval]]:
        trained = point.rows.drop_duplicates("training_seed")  # other evaluation seeds repeat its curve
        curves = [list(map(float, cell)) for cell in trained[curves_in] if cell is not None and len(cell)]
        longest = max(map(len, curves), default=0)
        return [(float(e + 1), interval([curve[e] for curve in curves if len(curve) > e])) for e in range(longest)]

    lines, left_out = _curves(chosen, by_epoch, say)
    rows = [_with_band(line, x, value, column) for line, values in lines.items() for x, value in values]
    if not rows:
        return None
    title = f"{column_label(column).capitalize()} by epoch"
    return title, _band(rows) + _line(rows, "epoch", column), _BANDS, left_out


def _along(entry: FigureEntry, chosen: Sequence[Point], points: Sequence[Point], names: Names) -> _Drawn | None:
    column = entry.column
    found = [ladder for ladder in ladders_along(chosen, entry.along) if len(ladder) > 1]
    ladders = found[:_MOST_LINES]
    say = names.told_apart([ladder[0] for ladder in ladders])
    named = [say(ladder[0]) for ladder in ladders]
    rows: list[Row] = []
    for number, (line, ladder) in enumerate(zip(named, ladders, strict=True), start=1):
        line = f"{line} ({number})" if named.count(line) > 1 else line
        for point in ladder:
            x = number_of(point, entry.along) or 0.0  # a ladder consists of numbers
            rows.append(_with_band(line, x, mean_of(column, point), column))
    rows = [row for row in rows if row["y"] is not None]
    if not rows:
        return None
    levels, dashed = _levels(entry, column, points, names)
    unit = next(filter(None, (unit_of(point, entry.along) for point in chosen)), "")
    x_title = f"{_words(entry.along)}{f' in {unit}' if unit else ''}"
    drawn = _band(rows, ordinal=True) + _line(rows, x_title, column, ordinal=True)
    if levels:
        drawn += _across(levels, rows)
    title = f"{column_label(column).capitalize()} by {_words(entry.along)}"
    return title, drawn, _BANDS, dashed, of_more(len(ladders), len(found), "lines")


def _levels(entry: FigureEntry, column: str, points: Sequence[Point], names: Names) -> tuple[list[Row], str]:
    """Rows of the points whose values are lines across a figure, and a note on them."""
    across = points_in(points, entry.level) if entry.level else []
    say, levels = names.told_apart(across), dict[str, Row]()
    for point in across:
        mean, line = mean_of(column, point).mean, say(point)
        if mean is not None:
            levels.setdefault(line, _row(line, 0.0, mean, column))
    if not levels:
        return [], ""
    runs = "; ".join(dict.fromkeys(names.run(point) for point in across))
    drawn = [*levels.values()][:_MOST_LINES]
    return drawn, f"Dashed: {runs}. {of_more(len(drawn), len(levels), 'dashed lines')}".rstrip()


def _spikes(chosen: Sequence[Point], say: Saying) -> _Drawn | None:
    rows: dict[str, Row] = {}
    known = [(point, mean) for point in chosen if (mean := point.value("spike_density").mean) is not None]
    for point, mean in known[:_MOST_BARS]:
        quartiles = point.means("spike_density_quartiles")
        low, high = (quartiles[0], quartiles[2]) if quartiles else (None, None)
        rows[say(point)] = {**_row(say(point), mean, mean, "spike_density"), "low": low, "high": high}
    if not rows:
        return None
    names, height = named_rows("line", rows)
    base = alt.Chart(source(rows.values()))
    bars = base.mark_bar().encode(
        y=names, x=alt.X("x:Q", title="spikes per neuron"), tooltip=tooltip(line="", text="spikes")
    )
    spread = base.mark_rule(strokeWidth=2).encode(y=names, x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    drawn = (bars + spread).properties(width="container", height=height)
    note = "Lines: 25th to 75th percentile over samples."
    return "Spikes per neuron and sample", drawn, note, of_more(len(rows), len(known), "bars")


# parts ----------------------------------------------------------------------------------------------------------------


def _words(along: str) -> str:
    if along.endswith("group_size"):
        return f"group size of {'training' if along.startswith(('recipe.', 'training')) else 'inference'}"
    return along.rpartition(".")[2].replace("_", " ")


def _row(line: str, x: float, y: float | None, column: str) -> dict[str, str | float | bool | None]:
    return {"line": line, "x": x, "y": y, "text": quantity(y, column)}


def _with_band(line: str, x: float, value: Interval, column: str) -> Row:
    return _row(line, x, value.mean, column) | dict(zip(("low", "high"), ends_of(value, column), strict=True))


def _x(title: str, rows: Sequence[Row], *, ordinal: bool) -> alt.X:
    if ordinal:
        return alt.X("x:O", title=title, axis=alt.Axis(labelAngle=0))
    axis = alt.Axis(grid=False, **whole_places([float(row["x"] or 0.0) for row in rows]))
    return alt.X("x:Q", title=title, axis=axis, scale=alt.Scale(nice=False, zero=False))


def _line(rows: Sequence[Row], x: str, column: str, y: str = "", *, ordinal: bool = False) -> Any:
    """Lines by name; `column` determines the format of values."""
    values = [value for row in rows for name in ("y", "low", "high") if isinstance(value := row.get(name), float)]
    axis = axis_of(column, values, title=y or column_label(column))
    return (
        alt.Chart(source(rows))
        .mark_line(point=ordinal)
        .encode(
            x=_x(x, rows, ordinal=ordinal),
            y=alt.Y("y:Q", axis=axis, scale=quantitative(values)),
            color=color("line", [str(row["line"]) for row in rows], "", **_LEGEND),
            tooltip=tooltip(line="", x=x, text=y or column_label(column)),
        )
        .properties(width="container", height=_HEIGHT)
    )


def _band(rows: Sequence[Row], *, ordinal: bool = False) -> Any:
    known = [row for row in rows if row["low"] is not None]
    return (
        alt.Chart(source(known))
        .mark_area(opacity=0.18)
        .encode(
            x=_x("", rows, ordinal=ordinal),
            y=alt.Y("low:Q"),
            y2=alt.Y2("high:Q"),
            color=color("line", [str(row["line"]) for row in rows], "", **_LEGEND),
        )
    )


def _across(levels: Sequence[Row], rows: Sequence[Row]) -> Any:
    """Dashed lines across a chart, in the colours of its lines with the same names."""
    names = [str(row["line"]) for row in (*rows, *levels)]
    return (
        alt.Chart(source(levels))
        .mark_rule(strokeDash=[6, 4])
        .encode(y=alt.Y("y:Q"), color=color("line", names, "", **_LEGEND), tooltip=tooltip(line="", text="level"))
    )

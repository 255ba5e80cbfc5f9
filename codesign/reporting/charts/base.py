"""Charts in Vega-Lite: what each is made of, how all of them look on light and on dark ground, and their files.

A chart's rows have fields that the program names; names of chips, recipes and axes are values in them, never a field
or a part of an expression. A chart has no name or number that Altair made up, so that it is the same bytes every time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from threading import Lock
from typing import Any, TypeVar

from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import column_label, is_share
from codesign.deferred import alt
from codesign.reporting.forms import Form

Row = Mapping[str, str | float | bool | None]

Item = TypeVar("Item")

_WIDE = 30
"""Values that span a larger factor than this are drawn on a logarithmic axis."""
_SCALE = 2
"""Pixels of a PNG for each of a chart's own."""
_WIDTH = 560
"""Of a chart that fills its column, in a file of its own."""
_MOST_TICKS, _NARROW, _ROOM = 8, 4, 1.2
_DIGITS = ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
_LETTERS_BESIDE, _LETTERS_ABOVE = 48, 16
"""In a line of the name of a row, and of a column."""
_LINE, _ROW, _COLUMN = 13, 24, 110
"""Pixels of a line, of a row and of a column."""
EDGE = "#8a8f98"
"""A grey that is seen on light and on dark ground."""
_FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
# Okabe and Ito's colours, which eyes with any colour blindness tell apart, and four darker ones for long lists; both
# brightened for dark ground.
_CATEGORIES = {
    "light": (
        *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b98600", "#56b4e9", "#5d3a9b", "#767676"),
        *("#7a4a1e", "#8aa51d", "#8c2d5a", "#30404f"),
    ),
    "dark": (
        *("#56a8e0", "#f08a3c", "#2fc79a", "#e39cc4", "#e6c229", "#9ad4f5", "#b39ddb", "#a8a8a8"),
        *("#c99a6b", "#c3dc5b", "#d6699b", "#7f97ad"),
    ),
}
_INKS = {
    "light": {"ink": "#1b1f24", "quiet": "#57606a", "line": "#d8dee4", "ground": "#ffffff"},
    "dark": {"ink": "#e6edf3", "quiet": "#9aa4af", "line": "#363d46", "ground": "#14181d"},
}


_SETTING = Lock()
"""Altair's settings are those of the process, and pages are drawn in several threads."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart with what stands around it on a page.

    Attributes:
        name: of small letters, digits and hyphens, unique on a page; its files are called so.
        spec: Vega-Lite with its data in it and without a look.
    """

    name: str
    title: str
    spec: Mapping[str, Any] = field(repr=False)
    note: str = ""


def figure(name: str, title: str, chart: Any, *notes: str) -> Figure:
    """A chart of Altair as a page holds it, with what there is to say below it; "" says nothing."""
    with _SETTING, alt.data_transformers.enable("default", max_rows=None, consolidate_datasets=False):
        spec: dict[str, Any] = chart.to_dict(validate=False)  # which would look at every row of the data
    spec.pop("config", None)
    return Figure(name=name, title=title, spec={**spec, "description": title}, note=" ".join(filter(None, notes)))


def styled(drawn: Figure) -> alt.Chart | alt.LayerChart:
    """The figure as a chart of Altair with title and look, which a notebook shows and can change."""
    kind, spec = (alt.LayerChart if "layer" in drawn.spec else alt.Chart), _alone(drawn)
    data = spec.pop("data", alt.Undefined)  # of which Altair would try every row as every kind of data
    chart = kind.from_dict(spec, validate=False)
    chart.data = data
    return chart


def _alone(drawn: Figure) -> dict[str, Any]:
    width = {"width": _WIDTH} if drawn.spec.get("width") == "container" else {}
    return {**drawn.spec, **width, "title": drawn.title, "config": looks()}


def looks(*, dark: bool = False) -> dict[str, Any]:
    """Configuration of Vega-Lite for all charts, on light or on dark ground."""
    side = "dark" if dark else "light"
    ink, quiet, line, ground = (_INKS[side][name] for name in ("ink", "quiet", "line", "ground"))
    ramp = ["#26303a", "#3d6f96", "#7fc4f0"] if dark else ["#eef3f7", "#8ab8d8", "#0a4f80"]
    labels = {"labelColor": quiet, "labelFontSize": 11, "labelLimit": 220}
    titles = {"titleColor": ink, "titleFontSize": 12, "titleFontWeight": 600}
    lines = {"domainColor": line, "tickColor": line, "gridColor": line, "gridOpacity": 0.7}
    return {
        "background": ground,
        "font": _FONT,
        "padding": 6,
        "view": {"stroke": None},
        "axis": {**labels, **titles, **lines},
        "axisBand": {"grid": False, "ticks": False, "domain": False},
        "header": {**labels, **titles, "labelColor": ink, "labelFontSize": 12},
        "legend": {**labels, **titles, "symbolLimit": 30, "symbolOpacity": 1},
        "title": {"color": ink, "fontSize": 13, "fontWeight": 600, "anchor": "start", "subtitleColor": quiet},
        "range": {"category": list(_CATEGORIES[side]), "ramp": ramp, "heatmap": ramp},
        "text": {"color": ink},
        "rule": {"color": quiet},
        "style": {"quiet": {"color": quiet, "stroke": quiet}, "front": {"stroke": ink, "fill": ink}},
    }


def picture(drawn: Figure, form: Form) -> bytes:
    """The figure as a file of its own, with its title; text stays text in SVG and PDF."""
    import vl_convert

    spec, version = _alone(drawn), ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    given: dict[str, Any] = {"vl_version": version, "allowed_base_urls": []}
    match form:
        case "svg":
            return vl_convert.vegalite_to_svg(spec, **given).encode()
        case "png":
            return bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE, **given))
        case "pdf":
            return bytes(vl_convert.vegalite_to_pdf(spec, **given))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly, with both ends."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def of_more(shown: int, known: int, what: str) -> str:
    """That a chart holds some of what there is, as a sentence; "" for all."""
    return f"{shown:,} of {known:,} {what} are drawn." if shown < known else ""


# parts of charts ------------------------------------------------------------------------------------------------------


def source(rows: Iterable[Row]) -> dict[str, Any]:
    """Rows as a chart's data; numbers that are not finite become null."""
    return {"values": [{name: _finite(value) for name, value in row.items()} for row in rows]}


def _finite(value: str | float | bool | None) -> str | float | bool | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ticks(column: str, unit: str) -> dict[str, Any]:
    """How an axis writes a column's values, or those of another number in `unit`: SI prefixes with the unit, or
    percent."""
    unit = unit or (COLUMNS[column].unit if column in COLUMNS else "")
    if is_share(column):
        return {"labelExpr": "format(100 * datum.value, ',.4~g') + ' %'"}
    if unit == "m**2":
        return {"labelExpr": "format(datum.value * 1e6, ',.4~g') + ' mm²'"}
    # The unit is one of the program's own; a space belongs before the prefix.
    return {"labelExpr": f"replace(format(datum.value, '.4~s'), regexp('([^0-9.]?)$'), ' $1{unit}')"} if unit else {}


def axis_of(
    column: str, values: Sequence[float], *, unit: str = "", logarithmic: bool | None = None, **more: Any
) -> alt.Axis:
    """The axis of values of a results column, or of another number in `unit`; logarithmic as a scale of `quantitative`
    would be, unless that is said."""
    logarithmic = wide_spread(values) if logarithmic is None else logarithmic
    placed = {"values": log_ticks(min(values), max(values))} if logarithmic else {"tickCount": 6}
    return alt.Axis(**{"title": column_label(column), **_ticks(column, unit), **placed, **more})


def wide_spread(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis shows more: all above zero, and far apart."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > _WIDE


def log_ticks(low: float, high: float) -> list[float]:
    """At most eight round numbers from about `low` to `high`, two at least where the ends differ."""
    if low == high:
        return [low]
    if high < _NARROW * low:  # so short a piece of a logarithmic axis is nearly even
        step = next(step for step in _steps((high - low) / _MOST_TICKS) if high - low <= (_MOST_TICKS - 1) * step)
        return [float(f"{n * step:.9g}") for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ladders = [[float(f"{digit}e{power}") for power in powers for digit in digits] for digits in _DIGITS]
    ladders += [[float(f"1e{power}") for power in powers[::every]] for every in range(2, len(powers) + 2)]
    inside = ([value for value in ladder if low / _ROOM <= value <= high * _ROOM] for ladder in ladders)
    return next(values for values in inside if len(values) <= _MOST_TICKS)


def _steps(least: float) -> Iterator[float]:
    """1, 2 and 5 times powers of ten, from about `least` on."""
    power = math.floor(math.log10(least))
    return (float(f"{digit}e{power + more}") for more in range(3) for digit in (1, 2, 5))


def quantitative(values: Sequence[float], **more: Any) -> alt.Scale:
    """A scale for values, logarithmic where they lie far apart, with no zero unless asked for."""
    kind = {"type": "log", "nice": False, "padding": 12} if wide_spread(values) else {"nice": True, "zero": False}
    return alt.Scale(**{**kind, **more})


def nominal(names: Iterable[str], **more: Any) -> alt.Scale:
    """A scale for names in this order; names are its domain, never part of an expression."""
    return alt.Scale(domain=list(dict.fromkeys(names)), **more)


def named_rows(field: str, names: Iterable[str]) -> tuple[alt.Y, int]:
    """An axis of names from top to bottom, long ones in several lines, and the height that its rows take."""
    known = list(dict.fromkeys(names))
    lines = max((len(wrap(name, _LETTERS_BESIDE)) for name in known), default=1)
    raised: Any = {  # or it would hang from the middle of its row
        "condition": [
            {"test": f"length(datum.label) > {n * _LETTERS_BESIDE}", "value": -n * _LINE / 2} for n in (2, 1)
        ],
        "value": 0,
    }
    axis = alt.Axis(title=None, labelOffset=raised, **in_lines(_LETTERS_BESIDE))
    return alt.Y(f"{field}:N", scale=nominal(known), axis=axis), max(_ROW, _LINE * lines + 8) * len(known)


def named_columns(field: str, names: Iterable[str]) -> tuple[alt.X, int]:
    """An axis of names from left to right above a chart, and the width that its columns take."""
    known = list(dict.fromkeys(names))
    lines = max((len(wrap(name, _LETTERS_ABOVE)) for name in known), default=1)
    above: dict[str, Any] = {"orient": "top", "labelAngle": 0, "labelPadding": 4 + _LINE * (lines - 1)}
    axis = alt.Axis(title=None, **above, **in_lines(_LETTERS_ABOVE))
    return alt.X(f"{field}:N", scale=nominal(known), axis=axis), _COLUMN * len(known)


def in_lines(letters: int) -> dict[str, Any]:
    """Labels in lines of so many letters, broken between words."""
    ends = f"regexp('(.{{1,{letters}}})(?: +|$)', 'g')"
    return {"labelExpr": rf"split(trim(replace(datum.label, {ends}, '$1\n')), '\n')", "labelLimit": 0}


def color(field: str, names: Iterable[str], title: str, **more: Any) -> alt.Color:
    """Colours by name, with a legend where there is more than one."""
    known = list(dict.fromkeys(names))
    legend = alt.Legend(title=title, **more) if len(known) > 1 else None
    return alt.Color(f"{field}:N", scale=nominal(known), legend=legend)


def tooltip(**titles: str) -> list[alt.Tooltip]:
    """What hovering says: texts by field, each under its title."""
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()]

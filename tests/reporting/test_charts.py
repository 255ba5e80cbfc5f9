"""Charts: the same bytes every time, hostile names inert, files that open."""

from __future__ import annotations

import json
import operator
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import altair as alt
import pytest
from drawn_rows import rows_of
from hypothesis import given
from hypothesis import strategies as st

from codesign.reporting.charts.base import (
    Figure,
    axis_of,
    color,
    figure,
    looks,
    picture,
    places,
    quantitative,
    source,
    styled,
    whole_places,
)
from codesign.reporting.forms import FORMS

HOSTILE = "</script><img src=x onerror=alert(1)>'\"]; datum.chip `${1}` \\ [a.b] {{x}} \x01 = 1"


def scatter(name: str = "chip") -> Figure:
    rows = [{"x": 1e-6, "y": 0.5, "chip": name}, {"x": 1e-3, "y": 0.75, "chip": "other"}, {"x": float("nan"), "y": 1.0}]
    xs, ys = [1e-6, 1e-3], [0.5, 0.75]
    chart = alt.Chart(source(rows), width="container").mark_point()
    return figure(
        "scatter",
        f"of {name}",
        chart.encode(
            x=alt.X("x:Q", scale=quantitative(xs), axis=axis_of("energy_j", xs)),
            y=alt.Y("y:Q", scale=quantitative(ys), axis=axis_of("accuracy", ys)),
            color=color("chip", ("chip", name), "chip"),
        ),
    )


def expressions(spec: object) -> list[str]:
    """All that Vega-Lite would parse as an expression, a field or a name in one."""
    if isinstance(spec, list):
        return [text for part in spec for text in expressions(part)]
    if not isinstance(spec, dict):
        return []
    keys = ("expr", "labelExpr", "calculate", "filter", "test", "field", "groupby", "as", "name", "sort", "signal")
    own = [json.dumps(spec[key]) for key in keys if key in spec]
    return own + [text for part in spec.values() for text in expressions(part)]


def test_names_are_values_and_never_part_of_an_expression():
    drawn = scatter(HOSTILE)
    assert rows_of(drawn)[0] == {"x": 1e-6, "y": 0.5, "chip": HOSTILE}
    assert rows_of(drawn)[2]["x"] is None
    assert not [text for text in expressions(drawn.spec) if "script" in text or "onerror" in text]
    root = ET.fromstring(picture(scatter(HOSTILE.replace("\x01", "")), "svg"))
    assert "onerror" in "".join(root.itertext())
    assert not [node for node in root.iter() if node.tag.endswith(("script", "image", "img"))]


@pytest.mark.parametrize("form", FORMS)
def test_a_saved_chart_is_a_real_file(form):
    content = picture(scatter(), form)
    assert content.startswith({"svg": b"<svg", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}[form])
    if form != "pdf":  # whose library numbers its objects in another order each time
        assert content == picture(scatter(), form)
    if form == "svg":
        root = ET.fromstring(content)
        assert len(re.findall(r'aria-roledescription="point"', content.decode())) == 2
        assert {"1 µJ", "1 mJ", "50 %", "of chip"} <= {text.strip() for text in root.itertext()}


def test_a_figure_has_no_look_of_its_own_and_gets_one_for_a_notebook():
    assert "config" not in scatter().spec
    drawn = scatter()
    assert styled(drawn).to_dict()["config"]["background"] == "#ffffff"
    assert styled(drawn).data is drawn.spec["data"]  # Altair would look at every row for seconds


def test_ticks_of_a_logarithmic_axis_are_round_and_few():
    wide = [3e-6, 2e-5, 5e-4]
    assert axis_of("energy_j", wide).to_dict()["values"] == pytest.approx([5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4])
    assert "values" not in axis_of("energy_j", [1.0, 30.0]).to_dict()  # 30 times as much is not far apart


def luminance(color: Sequence[float]) -> float:
    """The relative luminance of WCAG 2.1."""
    linear = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color)
    return sum(map(operator.mul, (0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("dark", [False, True])
def test_values_are_read_on_each_shade_of_a_matrix(dark):
    look, opacity = looks(dark=dark), 0.55  # of `matrix_figure`
    for shade in look["range"]["heatmap"]:
        shade, ground, ink = (
            [int(of[n : n + 2], 16) / 255 for n in (1, 3, 5)]
            for of in (shade, look["background"], look["text"]["color"])
        )
        below = luminance([opacity * a + (1 - opacity) * b for a, b in zip(shade, ground, strict=True)])
        low, high = sorted((below, luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_no_tick_stands_between_few_whole_numbers():
    assert whole_places([1.0, 2.0]) == {"values": [1, 2]}
    assert whole_places([0.5, 7.0])["values"] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert "values" not in whole_places([1.0, 200.0])


@given(low=st.floats(1e-15, 1e6), factor=st.floats(4.001, 1e15))
def test_a_logarithmic_axis_has_two_to_eight_ticks_whatever_it_spans(low, factor):
    ticks = places([low, low * factor], True)["values"]
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert low / 1.21 <= ticks[0]
    assert ticks[-1] <= low * factor * 1.21

"""The first screen after a control was moved says what the program answers if the file asks for it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Browser, Tab, chromium, needs_chromium
from page_controls import choose, drawn, require, rows, settled
from synthetic_sweep import page_of, synthetic_metadata, synthetic_page, synthetic_rows

from codesign.analysis.comparisons.fronts import fronts_of
from codesign.analysis.results.metadata import AxisFacts, Objective
from codesign.analysis.results.points import gather
from codesign.analysis.results.table import read_results
from codesign.reporting.html import render_report

pytestmark = [needs_chromium, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "reports" / "example" / "results.parquet"
TICKS = "[...document.querySelectorAll('#front .role-axis-label text')].map(each => each.textContent)"
COLUMNS = ("accuracy", "energy_j")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


def shown(browser: Browser, folder: Path, page: str) -> Tab:
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    return drawn(browser.open(path))


@pytest.mark.parametrize("option", ["chip", "recipe", "axis.schedule.async_random.group_size"])
def test_a_moved_control_says_what_the_file_would_be_told(browser, tmp_path, option):
    """Speck's energy lacks terms, so it stands for no recipe that Loihi gives whole; F 8 is not called 8."""
    table = read_results(EXAMPLE)
    table.metadata.questions.clear()
    table.metadata.questions["any"] = {"choose": option, "least": "energy_j"}
    table.metadata.questions["sharp"] = {"choose": option, "least": "energy_j", "where": ["accuracy >= 96.5 %"]}
    tab = shown(browser, tmp_path, render_report(table))
    tab.run("document.querySelector('button[data-asked=\"1\"]').click()")
    settled(tab)
    asked = [row[:2] for row in rows(tab) if len(row) > 1 and row[1] != "not ranked"]
    tab.run("document.querySelector('button[data-asked=\"0\"]').click()")
    settled(tab)
    require(tab, 96.5)
    assert tab.run("document.getElementById('now').textContent").startswith(f"With these settings: {asked[0][0]} has")
    assert [row[:2] for row in rows(tab) if len(row) > 1 and row[1] != "not ranked"] == asked


def test_the_line_is_the_front_of_all_that_compares(browser, tmp_path):
    """Loihi pays for a term that costs nothing on µBrain; their energies compare all the same."""
    table = read_results(EXAMPLE)
    table.metadata.questions.clear()
    table.metadata.questions["any"] = {"choose": "recipe", "least": "energy_j"}
    tab = shown(browser, tmp_path, render_report(table))
    objectives = tuple(
        Objective(column=column, direction=direction, reference=1.0)
        for column, direction in zip(COLUMNS, ("maximize", "minimize"), strict=True)
    )
    front = max(fronts_of(gather(table), objectives), key=lambda each: len(each.members))
    assert len({point.chip for point in front.best}) > 1
    corners = tab.run("document.querySelector('#front .mark-line path').getAttribute('d')")
    heights = {round(float(y), 2) for y in re.findall(r"[ML][-\d.]+,([-\d.]+)", corners)}
    assert len(heights) == len({point.value("accuracy").mean for point in front.best})  # some are equal
    assert "Line: front." in tab.run("document.getElementById('legend').textContent")


def test_energies_that_compare_have_a_ratio_side_by_side(browser, tmp_path):
    """10.34 nJ of µBrain over 15.92 µJ of Loihi; Speck's lacks terms."""
    tab = shown(browser, tmp_path, render_report(read_results(EXAMPLE)))
    for name in ("Loihi", "µBrain", "Speck"):
        button = "[...document.querySelectorAll('#decision tbody button')].find(each => each.textContent === '{}')"
        tab.run(f"{button.format(name)}.click()")
        settled(tab)
    line = "[...document.querySelectorAll('#pinned tbody tr')].find(row => row.cells[0].textContent === 'energy')"
    cells = tab.run(f"[...{line}.cells].map(cell => cell.textContent)")
    assert ["×" in cell for cell in cells[1:]] == [False, True, False]
    assert float(re.search(r"\(([\d.]+) ×\)", cells[2])[1]) == pytest.approx(10.34448e-3 / 15.92347, rel=2e-3)


@pytest.mark.parametrize("book", ["board", "cores_in_use"])
def test_a_power_is_of_the_chosen_book_and_compares_as_in_the_answers(browser, tmp_path, book):
    """TrueNorth's lacks a term here, so that it is not ranked."""
    table = read_results(EXAMPLE)
    table.metadata.questions.clear()
    table.metadata.questions["any"] = {"choose": "chip", "least": "energy_j"}
    table.metadata.questions["power"] = {"choose": "chip", "least": "power_w"}
    lacking = table.frame["chip"] == "truenorth"
    table.frame["energy_coverage"] = [
        [name for name in cell if name != "hop"] if lacks and cell is not None else cell
        for cell, lacks in zip(table.frame["energy_coverage"], lacking, strict=True)
    ]
    tab = shown(browser, tmp_path, render_report(replace(table, metadata=replace(table.metadata, static_book=book))))
    tab.run("document.querySelector('button[data-asked=\"1\"]').click()")
    settled(tab)
    asked = [row[:2] for row in rows(tab) if len(row) > 1]
    assert "not ranked" in dict(asked)["TrueNorth"]
    tab = shown(browser, tmp_path, render_report(table))
    choose(tab, "objective", "power_w")
    choose(tab, "book", book)
    assert [row[:2] for row in rows(tab) if len(row) > 1] == asked


def test_a_limit_on_energy_is_held_against_the_book_that_the_file_names(browser, tmp_path):
    """Layered training spends 9.2 µJ of Loihi's board, of which 8.4 µJ are those of the cores in use."""
    metadata = replace(synthetic_metadata(), static_book="cores_in_use")
    question = {"choose": "recipe", "least": "latency_s", "where": ["energy_j < 8.5 uJ"], "select": {"chip": "loihi"}}
    metadata.questions["limited"] = question
    tab = shown(browser, tmp_path, page_of(synthetic_rows((0, 1)), metadata))
    assert "beyond a limit" not in tab.run("document.getElementById('legend').textContent")
    choose(tab, "objective", "energy_j")
    assert len([row for row in rows(tab) if row[1] != "not ranked"]) == 3


def test_what_some_points_have_none_of_is_drawn_on_a_linear_axis(browser, tmp_path):
    values = {"layered": 0.0, "unlayered_rs": 0.05, "unlayered_ms": 0.1}
    metadata = synthetic_metadata()
    metadata.questions["waits"] = {"choose": "recipe", "least": "contention"}
    given = [row | {"contention": values[row["recipe"]]} for row in synthetic_rows((0, 1))]
    tab = shown(browser, tmp_path, page_of(given, metadata))
    assert "x is linear" in tab.run("document.getElementById('legend').textContent")
    assert {"0 %", "10 %"} <= set(tab.run(TICKS))
    assert all(tick.endswith(" %") for tick in tab.run(TICKS))
    places = tab.run("[...document.querySelectorAll('#front .mark-symbol path')].map(e => e.getBoundingClientRect().x)")
    assert max(places) - min(places) > 300
    assert [row[1] for row in rows(tab)] == ["best", "5.0 points", "10.0 points"]
    assert tab.complaints == []


def test_more_of_an_agreement_is_better_under_each_question(browser, tmp_path):
    values = {"layered": 0.7, "unlayered_rs": 0.8, "unlayered_ms": 0.9}
    metadata = synthetic_metadata()
    metadata.questions["least"] = {"choose": "recipe", "least": "energy_j"}
    metadata.questions["agreement"] = {"choose": "recipe", "most": "agreement"}
    given = [row | {"agreement": values[row["recipe"]]} for row in synthetic_rows((0, 1))]
    tab = shown(browser, tmp_path, page_of(given, metadata))
    choose(tab, "objective", "agreement")
    assert "highest agreement" in tab.run("document.getElementById('now').textContent")
    assert [row[1] for row in rows(tab)] == ["best", "−10.0 points", "−20.0 points"]


def test_values_of_an_axis_are_sorted_and_found_as_numbers(browser, tmp_path):
    metadata = synthetic_metadata()
    sizes = (9e-10, 1e-9, 1.5e-9, 1e-6)
    at = [row | {"axis.delay": size} for size in sizes for row in synthetic_rows((0,)) if row["chip"] == "loihi"]
    tab = shown(browser, tmp_path, page_of(at, replace(metadata, axes=(AxisFacts(name="delay", unit="s"),))))
    tab.run("document.getElementById('all-points').open = true")
    settled(tab)
    head = "document.querySelector('#points-table button[data-key=\"axis.delay\"]')"
    tab.run(f"{head}.click()")
    column = tab.run(f"{head}.parentElement.cellIndex")
    cells = f"[...document.querySelectorAll('#points-table tbody tr')].map(row => row.cells[{column}].textContent)"
    assert list(dict.fromkeys(tab.run(cells))) == ["900 ps", "1 ns", "1.5 ns", "1 µs"]
    tab.run(
        "(() => { const i = document.getElementById('points-filter'); i.value = '1 ns'; "
        "i.dispatchEvent(new Event('input')) })()"
    )
    assert set(tab.run(cells)) == {"1 ns"}  # a number is a whole one: not in 1.5


def test_a_saved_chart_has_ink_for_its_light_paper(browser, tmp_path):
    tab = shown(browser, tmp_path, synthetic_page())
    tab.media(prefers_color_scheme="dark")
    settled(tab)
    tab.run("window.blobs = []; URL.createObjectURL = blob => { blobs.push(blob); return '#' }")
    tab.run("document.querySelector('#chart-tools .menu button').click()")
    tab.run("new Promise(done => { const w = () => blobs.length ? done() : setTimeout(w, 50); w() })")
    drawing = tab.run("blobs[0].text()")
    light, dark = (
        tab.run(f"JSON.parse(document.getElementById('looks').textContent).{shade}.axis.titleColor")
        for shade in ("light", "dark")
    )
    assert light in drawing
    assert dark not in drawing


def test_a_saved_table_says_which_energies_are_only_the_least(browser, tmp_path):
    tab = shown(browser, tmp_path, synthetic_page())
    tab.run("document.getElementById('all-points').open = true")
    settled(tab)
    tab.run("window.blobs = []; URL.createObjectURL = blob => { blobs.push(blob); return '#' }")
    tab.run("document.getElementById('points-save').click()")
    saved = list(csv.DictReader(io.StringIO(tab.run("blobs[0].text()"))))
    cells = "[...document.querySelectorAll('#points-table tbody tr')].map(row => row.textContent.includes('≥ '))"
    assert [row["energy_j_is_least"] == "true" for row in saved] == tab.run(cells)
    assert {row["energy_j_is_least"] for row in saved} == {"true", "false"}


def test_paper_has_the_whole_chart(browser, tmp_path):
    tab = shown(browser, tmp_path, synthetic_page())
    tab.resize(1400, 1400)
    settled(tab)
    tab.media("print")
    ends = "(each => [each.right, each.bottom])(document.querySelector('{}').getBoundingClientRect())"
    chart, frame = (tab.run(ends.format(selector)) for selector in ("#front svg", "#front-figure"))
    assert chart[0] <= frame[0]
    assert chart[1] <= frame[1]

"""What the controls of a page do; the first screen then says what the program answers if the file asks for it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import needs_chromium
from page_controls import ask, choose, click, count, enter, require, rows, said, settled, texts_of
from synthetic_sweep import page_of, synthetic_metadata, synthetic_rows

from codesign.analysis.comparisons.fronts import fronts_of
from codesign.analysis.results.metadata import AxisFacts, Objective
from codesign.analysis.results.points import gather
from codesign.analysis.results.table import read_results
from codesign.reporting.html import render_report

pytestmark = [needs_chromium, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "reports" / "example" / "results.parquet"
TICKS = "#front .role-axis-label text"
MARKS = "#front .mark-symbol path"
ROWS = "#points-table tbody tr"
SAVED = "window.blobs = []; URL.createObjectURL = blob => { blobs.push(blob); return '#' }"


@pytest.fixture(autouse=True)
def all_answers(monkeypatch):
    """The first screen has a button for each question, however many there are."""
    monkeypatch.setattr("codesign.reporting.html._MOST_ANSWERS", 10)


def example_without_static_power():
    """The example, as if what Speck draws at rest were not known."""
    table = read_results(EXAMPLE)
    of, frame = table.frame["chip"] == "speck", table.frame
    frame.loc[of, "energy_j"] -= frame.loc[of, "energy_static_chip_j"]
    frame.loc[of, "energy_static_chip_j"] = float("nan")
    frame.loc[of, "energy_coverage"] = frame["energy_coverage"].map(
        lambda terms: [one for one in terms if one != "static"]
    )
    return table


def page_asking(table, questions):
    """The page of a table that asks these questions alone."""
    named = {str(number): question for number, question in enumerate(questions)}
    return render_report(replace(table, metadata=replace(table.metadata, questions=named)))


def moved(shown, table, choices, percent):
    """On a page that asks for each choice without and with a limit on the accuracy: ask for it without, move the
    control to the limit, and yield the tab and its ranking, which is that of the choice with the limit."""
    limit = f"accuracy >= {percent} %"
    pairs = [(choice, {**choice, "where": [*choice.get("where", ()), limit]}) for choice in choices]
    tab = shown(page_asking(table, sum(pairs, ())))
    for place in range(0, 2 * len(pairs), 2):
        ask(tab, place + 1)
        sharp = ranked(tab)
        ask(tab, place)
        require(tab, percent)
        assert ranked(tab) == sharp
        yield tab, sharp


def sorted_by(tab, key):
    """A column of the table of all points, after a click on its heading, which sorts by it."""
    head = f'#points-table button[data-key="{key}"]'
    click(tab, head)
    column = tab.run(f"document.querySelector('{head}').parentElement.cellIndex")
    return texts_of(tab, f"{ROWS} > :nth-child({column + 1})")


def ranked(tab):
    return [row[:2] for row in rows(tab) if len(row) > 1 and row[1] != "not ranked"]


def test_controls_decide_again(tab):
    """By hand: 7.311 µJ of µBrain over the 6.678 µJ that Loihi spends on synaptic operations; 33 ms over 243.76 µs."""
    require(tab, 90)
    assert [row[:2] for row in rows(tab)][:2] == [["Loihi", "best"], ["µBrain", "1.09 ×"]]
    assert "Loihi has the least energy on shared terms at 90 %" in said(tab, "now")
    assert rows(tab)[2][:2] == ["TrueNorth", "not ranked"]  # all in, so it compares with none
    choose(tab, "objective", "latency_s")
    assert rows(tab)[0][:2] == ["Loihi", "best"]
    assert rows(tab)[1][:2] == ["TrueNorth", "135 ×"]
    assert "latency" in tab.run("document.querySelector('#front svg').textContent")
    assert said(tab, "now").startswith("With these settings: Loihi")
    choose(tab, "objective", "accuracy")
    best, second = rows(tab)[:2]
    assert second[1].startswith("−")
    assert f"{best[0]} has the highest accuracy" in said(tab, "now")
    choose(tab, "objective", "latency_s")
    require(tab, 99.9)
    assert "nothing that compares is left" in said(tab, "now")
    click(tab, "#reset")
    assert said(tab, "now") == ""
    row = "[...document.querySelectorAll('#decision tr')].find(each => each.textContent.startsWith('Loihi'))"
    energy = f"{row}.querySelector('[data-label^=\"least energy\"]').firstChild.textContent"
    board = tab.run(energy)
    choose(tab, "book", "cores_in_use")  # of Loihi's 0.9 µJ of static power, a 32nd counts
    assert tab.run(energy) != board


def test_axes_and_legend(tab):
    assert "Faint: not accurate enough; the chip's neurons cannot wait" in said(tab, "legend")
    before, drawn = texts_of(tab, TICKS), count(tab, MARKS)
    choose(tab, "vertical", "linear")
    assert texts_of(tab, TICKS) != before
    click(tab, "#legend button")
    assert count(tab, MARKS) < drawn
    assert tab.run("document.querySelector('#legend button').getAttribute('aria-pressed')") == "false"
    assert tab.run("getComputedStyle(document.querySelector('#legend button')).opacity") == "1"  # still to be read
    click(tab, "#legend button")
    for left in ("All points are switched off.", None):
        for place in range(count(tab, "#legend button")):
            click(tab, f"#legend button:nth-of-type({place + 1})")
        assert left is None or said(tab, "front") == left
    assert count(tab, MARKS) == drawn
    choose(tab, "vertical", "log")


def test_marks_grow_with_latency(tab):
    heights = f"[...document.querySelectorAll('{MARKS}')].map(each => each.getBoundingClientRect().height)"
    alike = tab.run(heights)
    assert max(alike) < 3 * min(alike)
    enter(tab, "size", "latency_s", "change")
    assert max(tab.run(heights)) > 3 * min(tab.run(heights))
    assert "Size: latency from " in said(tab, "legend")
    enter(tab, "size", "", "change")
    assert tab.run(heights) == pytest.approx(alike, rel=1e-3)


def test_the_keyboard_reaches_points_and_pins_them(tab):
    tab.run("document.querySelector('#marks button').focus()")
    first = tab.run("document.activeElement.dataset.point")
    assert "accuracy" in tab.run("document.activeElement.getAttribute('aria-label')")
    assert not tab.run("document.getElementById('tip').hidden")
    assert "± 95 % over training seeds" in said(tab, "tip")
    tab.press("Enter", 13, "\r")
    settled(tab)
    tab.press("ArrowRight", 39)
    assert tab.run("document.activeElement.dataset.point") not in (first, None)
    tab.press("Enter", 13, "\r")
    settled(tab)
    assert count(tab, "#pinned thead button") == 2
    for left in (1, 0):
        tab.run("document.querySelector('#pinned thead button').focus()")
        tab.press("Enter", 13, "\r")
        settled(tab)
        assert tab.run("document.activeElement.closest('#pinned') !== null") is (left > 0)
    assert tab.run("document.getElementById('pinned').hidden")
    assert tab.run("document.activeElement.getAttribute('aria-label')") == "Decision table"


def test_energies_that_leave_out_a_term_are_marked_side_by_side(tab):
    """µBrain's lacks static power; Loihi's has it."""
    for name in ("Loihi", "µBrain"):
        button = f"[...document.querySelectorAll('#decision tbody button')].find(each => each.textContent === '{name}')"
        tab.run(f"{button}.click()")
        settled(tab)
    line = "[...document.querySelectorAll('#pinned tbody tr')].find(row => row.cells[0].textContent === 'energy')"
    cells = tab.run(f"[...{line}.cells].map(cell => cell.textContent)")
    assert [cell.startswith("≥ ") for cell in cells[1:]] == [False, True]


def test_the_keyboard_keeps_its_place(tab):
    tab.run("document.querySelector('#decision tbody button').focus()")
    tab.press("Enter", 13, "\r")
    settled(tab)
    assert tab.run("document.activeElement.matches('#decision button[aria-pressed=true]')")
    tab.run("document.querySelector('#chart-tools summary').focus()")
    for key, code, text in (("Enter", 13, "\r"), ("Tab", 9, ""), ("Escape", 27, "")):
        tab.press(key, code, text)
    assert tab.run("document.activeElement.matches('#chart-tools .menu:not([open]) summary')")


def test_the_chart_fits_its_place_whatever_is_pinned(tab):
    for pinned in (True, False):
        click(tab, "#decision tbody button")
        drawn, place = tab.run("['#front svg', '#front'].map(each => document.querySelector(each).clientHeight)")
        assert drawn == place, pinned


def test_points_are_told_apart_without_seeing(tab):
    heard = tab.run(
        "[...document.querySelectorAll('#front [aria-roledescription=point]')].map(e => e.getAttribute('aria-label'))"
    )
    assert len({*heard}) == len(heard) == 15
    assert all(" energy " in text and " accuracy " in text for text in heard)
    assert texts_of(tab, "#all-points summary")[0].startswith("All points 15, ")


def test_all_points_are_sorted_filtered_and_saved(tab):
    tab.run("document.getElementById('all-points').open = true")
    settled(tab)
    assert count(tab, ROWS) == 15
    energies = sorted_by(tab, "energy_j")
    least = [text.startswith("≥ ") for text in energies]  # those that leave out a term
    assert set(least) == {True, False}
    values = [float(text.removeprefix("≥ ").split()[0]) for text in energies]
    assert values == sorted(values, reverse=True)
    tab.run(SAVED)
    click(tab, "#points-save")
    saved = list(csv.DictReader(io.StringIO(tab.run("blobs[0].text()"))))
    assert [row["energy_j_is_least"] == "true" for row in saved] == least
    for words, found in (("loihi", 3), ("", 15)):
        enter(tab, "points-filter", words)
        assert count(tab, ROWS) == found


def test_dark_ground_has_another_look_and_a_saved_chart_ink_for_light_paper(tab):
    ground = "getComputedStyle(document.body).backgroundColor"
    before = tab.run(ground)
    tab.media(prefers_color_scheme="dark")
    settled(tab)
    assert tab.run(ground) != before
    assert tab.run("document.getElementById('front').dataset.shade") == "dark"
    tab.run(SAVED)
    tab.run(
        "document.querySelectorAll('#chart-tools .menu button').forEach((each, place) => "
        "{ if (place !== 1) each.click() })"
    )
    tab.run("new Promise(done => { const w = () => blobs.length > 1 ? done() : setTimeout(w, 50); w() })")
    drawing, table = sorted(tab.run("Promise.all(blobs.map(blob => blob.text()))"), key=lambda text: "<svg" not in text)
    assert table.startswith("point,chip,")
    assert "TrueNorth" in drawing  # with its legend
    light, dark = (
        tab.run(f"JSON.parse(document.getElementById('looks').textContent).{shade}.axis.titleColor")
        for shade in ("light", "dark")
    )
    assert light in drawing
    assert dark not in drawing


# what the program answers ---------------------------------------------------------------------------------------------


def test_an_axis_on_a_fact_is_named_once(shown):
    bits = [
        row | {"weight_bits": value, "axis.chip.mubrain.weight_bits": float(value), "accuracy": row["accuracy"] - loss}
        for row in synthetic_rows((0,))
        if row["chip"] == "mubrain" and row["status"] == "ok"
        for value, loss in zip((4, 8), (0, 0.1) if row["schedule"] == "async_random" else (0.1, 0), strict=True)
    ]
    tab = shown(page_of(bits, synthetic_metadata()))
    assert [text.count("weight bits") for text in texts_of(tab, "#decision th small")] == [1, 1]


def test_a_moved_control_says_what_the_file_would_be_told(shown):
    """Speck's energy lacks terms, so it stands for no recipe that Loihi gives whole; a group size of 8 is not called 8.

    The line in the chart is the front of all that compares: Loihi pays for a term that costs nothing on µBrain, and
    their energies compare all the same.
    """
    table = example_without_static_power()
    options = ("chip", "axis.schedule.async_random.group_size", "recipe")
    choices = [{"choose": option, "least": "energy_j"} for option in options]
    for tab, sharp in moved(shown, table, choices, 96.5):
        assert said(tab, "now").startswith(f"With these settings: {sharp[0][0]} has")
    ask(tab, 4)
    objectives = (
        Objective(column="accuracy", direction="maximize", reference=1.0),
        Objective(column="energy_j", direction="minimize", reference=1.0),
    )
    front = max(fronts_of(gather(table), objectives), key=lambda each: len(each.members))
    assert len({point.chip for point in front.best}) > 1
    corners = tab.run("document.querySelector('#front .mark-line path').getAttribute('d')")
    heights = {round(float(y), 2) for y in re.findall(r"[ML][-\d.]+,([-\d.]+)", corners)}
    assert len(heights) == len({point.value("accuracy").mean for point in front.best})  # some are equal
    assert "Line: front." in said(tab, "legend")


def test_a_moved_control_keeps_other_limits_and_what_does_not_compare(shown):
    """µBrain runs in real time; Speck's energy lacks terms in each book, and Loihi's terms hold no others; no page has
    `neurons` of itself."""
    table = example_without_static_power()
    table.frame.loc[table.frame["chip"] == "mubrain", "operation"] = "real_time"
    table.frame["neurons"] = (
        table.frame["recipe"].map({"layered": 300, "layered_sparse": 30}).fillna(20).astype("Int64")
    )
    columns = "energy_j", "latency_s", "energy_cores_in_use_j", "neurons", "paper_energy_j"
    choices = [{"choose": "chip", "least": column} for column in columns]
    choices[0]["where"] = ["neurons <= 250"]
    *_, (tab, _) = moved(shown, table, choices, 97)
    ask(tab, 2)
    require(tab, 90)
    assert "does not compare: operation " in said(tab, "decision")


def test_a_moved_control_counts_the_training_seeds_that_both_have(shown):
    """Some trainings failed: over its own seeds, a recipe seems better or worse than over those of another."""
    table = example_without_static_power()
    lost = {"layered": (0, 1), "unlayered_sparse": (3,), "unlayered_random": (0, 4)}
    failed = [seed in lost.get(name, ()) for name, seed in table.frame[["recipe", "training_seed"]].to_numpy()]
    table = replace(table, frame=table.frame[~np.array(failed)])
    least = (("chip", "energy_j"), ("recipe", "energy_delay_js"), ("recipe", "latency_s"))
    choices = [{"choose": option, "least": column} for option, column in least]
    for tab, _ in moved(shown, table, [*choices, {"choose": "recipe", "most": "accuracy"}], 94):
        assert said(tab, "now")


def test_ticks_of_energies_that_hardly_differ_are_told_apart(shown):
    """As in real time, where all that differs is a small part."""
    table = read_results(EXAMPLE)
    table = replace(table, frame=table.frame[table.frame["chip"] == "loihi"].copy())
    table.frame["energy_j"] = 4e-3 + table.frame["energy_j"] / 10
    ticks = [tick for tick in texts_of(shown(render_report(table)), TICKS) if tick.endswith("mJ")]
    assert len(ticks) == len(set(ticks)) > 2


def test_a_moved_control_ranks_those_that_compare_with_most_others(shown):
    """Loihi compares with Speck and TrueNorth, by terms; µBrain, cheaper than all of them, with itself alone."""
    table = example_without_static_power()
    table.frame.loc[table.frame["chip"].str.startswith("mubrain"), "operation"] = "real_time"
    ((tab, sharp),) = moved(shown, table, [{"choose": "chip", "least": "energy_j"}], 82)
    assert sharp == [["Speck", "best"], ["Loihi", "1.41 ×"], ["TrueNorth", "0.0833 ×"]]  # terms run in a circle
    assert "a smaller factor may be lower down" in said(tab, "decision-line")


def test_those_that_a_question_is_about_stay_as_a_control_moves(shown):
    """Schedules asked for by name, though the chip cannot wait; two sides and no third; the only training that there
    is; and of two that are level the first. Each says what the same question of the other column says."""
    table = read_results(EXAMPLE)
    table = replace(table, frame=table.frame[table.frame["recipe"] == "layered"])
    named = {"choose": "schedule", "select": {"chip": "mubrain", "schedule": ["layered", "async_momentum"]}}
    pairs = (
        ({**named, "least": "energy_j"}, {**named, "most": "accuracy"}),
        (
            {"compare": ["mubrain", "loihi"], "columns": ["energy_j"]},
            {"compare": ["mubrain", "loihi"], "columns": ["accuracy"]},
        ),
        ({"choose": "recipe", "least": "energy_j"}, {"choose": "recipe", "most": "accuracy"}),
        ({"choose": "chip", "least": "energy_j"}, {"choose": "chip", "most": "accuracy"}),
    )
    tab = shown(page_asking(table, sum(pairs, ())))
    for place in range(len(pairs)):
        ask(tab, 2 * place)
        choose(tab, "objective", "accuracy")
        moved = ranked(tab)
        ask(tab, 2 * place + 1)
        assert moved == ranked(tab)
        assert len(moved) == (2, 2, 1, 5)[place]


def test_what_a_file_asks_of_other_columns_and_limits(shown):
    """A limit on energy is held against the book that the file names: layered training spends 9.2 µJ of Loihi's board,
    of which 8.4 µJ are those of the cores in use. More of an agreement is better under each question."""
    limited = {"least": "latency_s", "where": ["energy_j < 8.5 uJ"], "select": {"chip": "loihi"}}
    asked = {"waits": {"least": "contention"}, "agreement": {"most": "agreement"}, "limited": limited}
    questions = {name: {"choose": "recipe", **of} for name, of in asked.items()}
    metadata = replace(synthetic_metadata(**questions), static_book="cores_in_use")
    values = {"layered": (0.0, 0.7), "unlayered_rs": (0.05, 0.8), "unlayered_ms": (0.1, 0.9)}
    given = [
        row | dict(zip(("contention", "agreement"), values[row["recipe"]], strict=True))
        for row in synthetic_rows((0, 1))
    ]
    tab = shown(page_of(given, metadata))
    # Of what some points have none, the axis is linear.
    assert "x is linear" in said(tab, "legend")
    assert {"0 %", "10 %"} <= set(texts_of(tab, TICKS))
    assert all(tick.endswith(" %") for tick in texts_of(tab, TICKS))
    places = tab.run(f"[...document.querySelectorAll('{MARKS}')].map(each => each.getBoundingClientRect().x)")
    assert max(places) - min(places) > 300
    assert [row[1] for row in rows(tab)] == ["best", "5.0 points", "10.0 points"]
    choose(tab, "objective", "agreement")
    assert "highest agreement" in said(tab, "now")
    assert [row[1] for row in rows(tab)] == ["best", "−10.0 points", "−20.0 points"]
    ask(tab, 2)
    assert "beyond a limit" not in said(tab, "legend")
    choose(tab, "objective", "energy_j")
    assert len(ranked(tab)) == 3


def test_a_limit_near_the_best_follows_the_book(shown):
    """Of the cores in use, too, Loihi spends over a tenth more on plain layered training than on the cheapest."""
    near = {
        "choose": "recipe",
        "most": "accuracy",
        "where": ["energy_j within 10 % of best"],
        "select": {"chip": "loihi"},
    }
    table = read_results(EXAMPLE)
    tab = shown(page_asking(table, [near]))
    choose(tab, "book", "cores_in_use")
    moved = ranked(tab)
    in_use = replace(table, metadata=replace(table.metadata, static_book="cores_in_use"))
    assert moved == ranked(shown(page_asking(in_use, [near])))
    assert len(moved) == 4


@pytest.mark.parametrize(
    "sides", [["layered", "unlayered_sparse"], [{"training_method": "layered"}, {"training_method": "unlayered"}]]
)
def test_sides_stay_as_they_are_named_where_their_best_differ_in_chips_too(shown, sides):
    """Of two trainings, one is most accurate on Loihi, the other on Speck; both need the least energy on Speck."""
    table = read_results(EXAMPLE)
    on = {"layered": ("loihi", "speck"), "unlayered_sparse": ("speck",)}
    kept = [chip in on.get(of, ()) for of, chip in table.frame[["recipe", "chip"]].to_numpy()]
    table = replace(table, frame=table.frame[kept])
    columns = "accuracy", "energy_j"
    tab = shown(page_asking(table, [{"compare": sides, "columns": [column]} for column in columns]))
    choose(tab, "objective", "energy_j")
    moved = ranked(tab)
    ask(tab, 1)
    assert moved == ranked(tab)


def test_sides_named_by_no_fact_of_the_page_do_not_lend_their_names_to_chips(shown):
    question = {"compare": [{"free_running": True}, {"free_running": False}], "columns": ["energy_j"]}
    tab = shown(page_asking(read_results(EXAMPLE), [question]))
    choose(tab, "objective", "accuracy")
    assert {name for name, _ in ranked(tab)} <= {"µBrain", "µBrain, dropping", "Loihi", "Speck", "TrueNorth"}


def test_a_target_is_ranked_by_its_first_column(shown):
    """The soonest answer of all is µBrain's, and not the cheapest; a moved control looks for the best of each chip."""
    table = read_results(EXAMPLE)
    tab = shown(page_asking(table, [{"target": ["latency_s < 1 s", "accuracy >= 95 %"]}]))
    first, head = rows(tab)[0], texts_of(tab, "#decision thead th")
    assert (head[1], first[1]) == ("least latency", "best")
    assert first[0].startswith("µBrain, random order")
    require(tab, 97.5)
    assert [row[0] for row in rows(tab)[:2]] == ["Loihi", "Speck"]


def test_what_no_point_has_may_be_asked_for(shown):
    metadata = synthetic_metadata(fast={"choose": "chip", "least": "latency_s"})
    rows_without = [row | {"latency_s": None} for row in synthetic_rows((0, 1))]
    tab = shown(page_of(rows_without, metadata))
    assert any("No latency is modelled for Loihi" in row[0] for row in rows(tab))
    assert count(tab, MARKS)


def test_values_of_an_axis_are_sorted_by_size(shown):
    metadata = replace(synthetic_metadata(), axes=(AxisFacts(name="delay", unit="s"),))
    loihi = [row for row in synthetic_rows((0,)) if row["chip"] == "loihi"]
    tab = shown(page_of([row | {"axis.delay": at} for at in (9e-10, 1e-9, 1e-6) for row in loihi], metadata))
    tab.run("document.getElementById('all-points').open = true")
    settled(tab)
    assert list(dict.fromkeys(sorted_by(tab, "axis.delay"))) == ["900 ps", "1 ns", "1 µs"]

from __future__ import annotations

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import pytest
from hostile_texts import Page
from made_up_answers import row
from synthetic_study import rows_on_test, small_study, study_metadata
from synthetic_sweep import (
    Row,
    base_row,
    mubrain_row,
    page_of,
    printed,
    synthetic,
    synthetic_metadata,
    synthetic_page,
    synthetic_rows,
    table_of,
    with_ranges,
)

from codesign.reporting.html import render_report, write_report


@pytest.fixture(scope="module")
def report() -> str:
    return synthetic_page()


@cache
def columns(text: str) -> dict:
    return json.loads(re.search(r'id="points">(.*?)</script>', text)[1])


def measure(text: str, key: str) -> list:
    return next(each["mean"] for each in columns(text)["measures"] if each["key"] == key)


def test_the_page_is_whole_and_its_ids_are_unique(report):
    page = Page(report)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_nothing_runs_but_its_own_scripts(report):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', report)[1]
    assert "default-src 'none'" in html.unescape(policy)
    assert "unsafe" not in policy
    assert " style=" not in report.partition("<script type=")[0]


def test_the_answer_comes_first(report):
    question = "Which chip has the least energy per sample"
    places = [report.index(text) for text in ("<h1>", question, 'id="front"', "How far to trust", "<details")]
    assert places == sorted(places)
    assert "What does it cost to do without layer synchronization?" in report
    assert "accuracies are those of a small sample. Energy: " in report
    assert '<a href="#answers">3 more questions below</a>' in report


def test_what_has_no_result_is_told_before_the_folds(report):
    first = report.partition("<details")[0]
    assert "1 infeasible: mubrain, async random (layered training); 1 failed: " in first
    assert '<a href="#failures">' in first
    assert "without a result." not in page_of(synthetic_rows((0,))[:5])


def test_every_table_and_heading_has_a_name(report):
    for page in (report, page_of(rows_on_test(), study_metadata(small_study()))):
        assert '<th scope="col"><button type="button"></button></th>' not in page
        assert 'aria-label=""' not in page
        assert page.count("<main>") == 1
        assert page.index("<main>") < page.index('class="answers"')


def test_answers_stand_in_the_order_of_the_file():
    """A claim, which has no options, a comparison that cannot be ranked, and the choice that is open."""
    metadata = synthetic_metadata(
        loss={"claim": "It loses", "column": "accuracy", "more": {"layered": True}, "less": {"layered": False}},
        choice={"ask": "Which chip?", "choose": "chip", "least": "energy_j"},
        sides={"ask": "Or these?", "compare": ["loihi", "nowhere"]},
    )
    text = page_of(synthetic_rows(), metadata)
    articles = re.findall(r'<article class="answer( open)?">\s*<h2>.*?>([^<]+)<', text)
    assert articles == [("", "It loses"), (" open", "Which chip?"), ("", "Or these?")]


def test_two_sides_that_differ_in_an_axis_are_options_by_that_axis():
    rows = [row("a", width, 0, energy_j=1e-9 * width) for width in (1.0, 2.0)]
    metadata = synthetic_metadata(it={"ask": "Wider?", "compare": [{"axis.width": 1.0}, {"axis.width": 2.0}]})
    assert columns(page_of(rows, metadata))["asked"][0]["by"] == "axis.width"


def test_only_a_value_that_is_known_is_a_lower_bound():
    """No latency is known of the first, and so no product, though its energy leaves out something."""
    lacking = ["energy of hops: a gives no energies.hop"]
    given = {"energy_j": 1e-9, "not_modelled": lacking}
    rows = [row("a", 1.0, 0, **given), row("b", 1.0, 0, **given, latency_s=1e-6, energy_delay_js=1e-15)]
    least = {one["key"]: one.get("least") for one in columns(page_of(rows))["measures"]}
    assert (least["energy_j"], least["energy_delay_js"]) == ([0, 1], [1])


def test_everything_that_a_reader_needs_is_there(report):
    for text in (
        "layer 0 needs 147,968 synapses, the chip has 37,366",
        "TrainingDivergedError: the loss is not finite in epoch 3",
        "latency: circuit times not published",
        "capacity scaled: 147,968 synapses",
        "codesign sweep sweeps/synthetic.yaml --output reports/synthetic",
        "5f2c0d6a91",
        "26 pJ",
        "2.13.0",
        "31 timesteps of 10 ms",
        "5 of 7 published measurements recomputed; errors −0.5 % to +72 %, median 9 %",
        "0.75 V, 20 °C",
        "truenorth has ticks in which a core or a link has more to do than fits",
    ):
        assert text in report, text


def test_the_columns_hold_what_the_results_say(report):
    """Every point, in both books, as far as four digits go."""
    points = synthetic().points
    for key in ("accuracy", "energy_j", "energy_cores_in_use_j", "latency_s"):
        means = [point.value(key).mean for point in points]
        for shown, mean in zip(measure(report, key), means, strict=True):
            assert shown == (mean if mean is None else pytest.approx(mean, rel=5e-4)), key
    chips = next(fact for fact in columns(report)["facts"] if fact["key"] == "chip")
    assert [chips["codes"][code] for code in chips["of"]] == [point.chip for point in points]
    assert columns(report)["numbers"] == [point.number for point in points]


def test_values_of_axes_are_said_with_what_they_are_of():
    widths = [mubrain_row("layered", "random", 0, 0) | {"axis.width": width, "weight_bits": width} for width in (4, 8)]
    facts = {fact["key"]: fact for fact in columns(page_of(widths))["facts"]}
    assert (facts["axis.width"]["lead"], facts["weight_bits"]["lead"]) == ("width", "weight bits")
    facts = {fact["key"]: fact for fact in columns(page_of(rows_on_test(), study_metadata()))["facts"]}
    assert facts["axis.trial"]["lead"] == ""
    assert {"the baseline", "trial 0"} <= {*facts["axis.trial"]["words"]}


def test_no_two_columns_of_the_table_of_points_have_the_same_name(example_page):
    """Its axis is the group size of one schedule; every schedule has one."""
    labels = [column["label"] for of in ("facts", "measures") for column in columns(example_page)[of]]
    assert len({*labels}) == len(labels)
    assert {"group size", "group size (all points)", "time of a sample"} <= {*labels}


def test_energies_are_held_against_each_other_on_the_terms_that_both_have(report):
    points, groups = synthetic().points, columns(report)["groups"]["board"]
    place = {point.chip: number for number, point in enumerate(points)}
    group = {chip: groups["of"][number] for chip, number in place.items()}
    loihi = points[place["loihi"]].value("energy_synaptic_operation_j").mean
    held = groups["held"]["energy_j"]
    assert held[group["mubrain"]][place["loihi"]] == pytest.approx(loihi, rel=1e-8)
    assert held[group["truenorth"]][place["loihi"]] is None  # all in: not to be split
    assert held[group["loihi"]][place["loihi"]] is True  # the whole


def test_the_same_results_give_the_same_bytes_in_any_thread(report, tmp_path):
    paths = [tmp_path / "deep" / "report.html", tmp_path / "beside.html"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write_report, [table_of(synthetic_rows())] * 2, paths))
    assert [path.read_bytes() for path in paths] == [report.encode()] * 2


def failed(number: int, reason: str) -> Row:
    return base_row("layered", "mubrain", "x", number, 0) | {"status": "failed", "reason": reason}


def test_long_tables_and_texts_are_cut_and_say_so():
    text = page_of([failed(n, f"reason {n}") for n in range(1200)])
    assert "reason 999" in text
    assert "reason 1000" not in text
    assert "The first 1,000 of 1,200 rows; the results file has all." in text
    text = page_of([failed(n, f"{n:04}" + "x" * 3000) for n in range(1200)])
    assert "x" * 996 + "…<" in text
    assert len(text) < 2_000_000


def test_nothing_in_a_page_turns_its_text_around():
    steering = "\x00\x07\x1b\x7f\x9b\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
    rows = [
        row | {"recipe": steering, "chip": steering, "chip_title": steering, "axis.mode": f"{steering}{seed}"}
        for seed in (0, 1)
        for row in [mubrain_row("layered", "random", seed, 0)]
    ]
    text = page_of([*rows, failed(0, steering)], replace(synthetic_metadata(), title=steering, command=steering))
    assert not set(steering) & set(text)
    assert "<h1>\\x00\\x07\\x1b\\x7f\\x9b\\u061c\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069</h1>" in text
    assert not set(steering) & set(json.dumps(columns(text), ensure_ascii=False))


def test_a_large_sweep_stays_below_two_megabytes():
    rows = []
    for number in range(1100):
        row = mubrain_row("unlayered_rs", ("layered", "random", "momentum")[number % 3], 0, 0)
        row |= {"axis.lanes": float(number), "axis.mode": f"mode{number % 7}", "point": str(number)}
        row |= {"accuracy": 0.5 + number / 4000, "energy_j": 1e-6 + number * 1e-9, "latency_s": 1e-3 + number * 1e-6}
        rows.append(row)
    text = page_of(rows)
    assert len(text.encode()) < 1_400_000
    assert len(columns(text)["numbers"]) == 1100


def test_a_page_with_too_many_points_holds_those_on_a_front_and_the_most_accurate(monkeypatch):
    monkeypatch.setattr("codesign.reporting.page.data.MOST_POINTS", 3)
    numbers = ((0.9, 4.123456789e-6), (0.5, 1e-6), (0.85, 5e-6), (0.8, 6e-6))  # nothing beats the first two in both
    rows = [
        mubrain_row("layered", "random", 0, 0)
        | {
            "accuracy": accuracy,
            "energy_j": energy,
            "spike_density": 1.234567,
            "latency_s": None,
            "axis.lanes": float(place),
            "point": str(place),
        }
        for place, (accuracy, energy) in enumerate(numbers)
    ]
    text = page_of(rows)
    shown = {fact["key"]: fact["codes"] for fact in columns(text)["facts"]}["axis.lanes"]
    assert shown == ["0.0", "1.0", "2.0"]
    means = {measure["key"]: measure["mean"][0] for measure in columns(text)["measures"]}
    assert (means["energy_j"], means["spike_density"]) == (
        4.12345679e-6,
        1.235,
    )  # what decides has nine digits, not four
    told = " ".join(Page(text).text.split())
    assert "3 of 4 points are in this page: those on a front and the most accurate." in told
    assert "4 design points, 1 training seed each. Data: nmnist, 60 test samples. 300 of 70,000 recordings" in told


def test_what_a_question_asks_for_is_in_the_page_of_however_many_points(monkeypatch):
    monkeypatch.setattr("codesign.reporting.page.data._MANY", 0)
    limited = {"choose": "chip", "least": "power_w", "where": ["neurons <= 300"]}
    rows = [row | {"power_w": 1e-3, "neurons": 202} for row in synthetic_rows()]
    keys = {each["key"] for each in columns(page_of(rows, synthetic_metadata(it=limited)))["measures"]}
    assert {"power_w", "neurons"} <= keys
    assert "spike_density" not in keys


def test_a_column_without_values_is_no_obstacle():
    rows = [
        row | {"energy_j": None, "accuracy": None} for row in synthetic_rows(seeds=(0, 1)) if row["chip"] != "truenorth"
    ]
    text = page_of(rows)
    assert not re.search(r"\b(nan|none|<na>)\b", Page(text).text, flags=re.IGNORECASE)


def test_networks_that_never_answer_are_told_on_the_first_screen():
    mute = {"undecided_fraction": 1.0, "accuracy": 0.0}
    rows = [row | mute for row in synthetic_rows((0,)) if row["status"] == "ok"]
    first = page_of(rows).partition("How far to trust")[0]
    assert f"No sample has an output spike in {len(rows)} of {len(rows)} rows" in first
    assert "No question is asked" not in first


def test_a_sweep_of_failures_is_a_report_too():
    rows = [base_row("layered", "mubrain", "x", 0, 0) | {"status": "failed", "reason": "the loss is not finite"}]
    for text in (page_of(rows), page_of([])):
        assert "No design point has a result" in text
        assert "0 training seeds" not in text
        assert "How far to trust" not in text
        assert Page(text).open == []
    assert "the loss is not finite" in page_of(rows)


def test_a_single_point_is_told_with_the_ranges_of_its_costs():
    """Nothing can be asked of it. 2 nJ times 0.5 to 2, log-uniform: 95 % lie from 2 · 4^-0.475 to 2 · 4^0.475."""
    rows = [row("a", 1.0, seed, energy_j=2e-9, latency_s=None) for seed in range(3)]
    rows = [with_ranges(each, synaptic_operation=("energies.synaptic_operation", 0.5, 2.0)) for each in rows]
    table = table_of(rows, replace(synthetic_metadata(), question="What does it cost?"))
    told = "A sample takes at least 2 nJ (1.0"
    page = " ".join(Page(render_report(table)).text.split())
    assert f"What does it cost? {told}" in page
    assert " to 3.8" in page.partition(told)[2][:20]
    assert told in " ".join(printed(table).split())
    without = " ".join(printed(table_of([mubrain_row("layered", "random", 0, 0)])).split())
    assert "A sample takes at least 7.81 µJ on µBrain. accuracy" in without  # no range, so nothing in brackets


def test_a_single_point_that_only_guesses_is_told():
    rows = [row("a", 1.0, seed, accuracy=0.95) for seed in range(3)]
    metadata = synthetic_metadata()
    table = table_of(rows, replace(metadata, workload=replace(metadata.workload, commonest=0.95)))
    told = "a has 95.0 % of 60 samples right; always giving the commonest class, that of 95.0 % of the samples, may"
    for text in (Page(render_report(table)).text, printed(table)):
        assert told in " ".join(text.split())


def test_the_summary_says_how_many_seeds_trained_points_have():
    """A training of one recipe failed; a given model has none."""
    rows = [mubrain_row("layered", "random", seed, 0) for seed in (0, 1)]
    other = mubrain_row("unlayered_rs", "random", 0, 0)
    for some, seeds in (([*rows, other], ", 2 training seeds each."), ([other | {"training_method": "given"}], "")):
        told = " ".join(Page(page_of(some)).text.split())
        assert f"{seeds} Data: " in told
        assert ("training seed" in told.partition(" Data: ")[0][-30:]) == bool(seeds)

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import matplotlib as mpl
import pytest
from pages import HOSTILE, Page, assert_harmless
from synthetic_sweep import (
    Row,
    base_row,
    mubrain_row,
    page_of,
    synthetic_metadata,
    synthetic_page,
    synthetic_rows,
    table_of,
)

from codesign.analysis.metadata import ChipFacts
from codesign.analysis.table import ResultTable
from codesign.reporting.html import write_report


@pytest.fixture(scope="module")
def table() -> ResultTable:
    return table_of(synthetic_rows())


@pytest.fixture(scope="module")
def report() -> str:
    return synthetic_page()


def test_the_page_is_whole_and_its_ids_are_unique(report):
    page = Page(report)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_fetched(report):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', report)
    assert "default-src 'none'" in policy[1]
    fetched = [a for a in Page(report).addresses if a[0] != "a" and not a[2].startswith(("#", "data:"))]
    assert fetched == []
    assert "@import" not in report
    assert not re.search(r"url\((?!#)", report)


def test_the_first_screen_comes_first(report):
    places = [
        report.index(text) for text in ('id="verdict"', 'id="fronts"', 'id="pareto0-', 'id="energy"', 'id="all-points"')
    ]
    assert places == sorted(places)
    assert "What does it cost to do without layer synchronization?" in report
    assert "300 of 70,000 recordings" in report


def test_everything_that_a_reader_needs_is_there(report):
    for text in (
        "falls by 29.4 to 32.4 points",
        "layer 0 needs 147,968 synapses, the chip has 37,366",
        "TrainingDivergedError: the loss is not finite in epoch 3",
        "latency: circuit times not published",
        "capacity scaled: 147,968 synapses",
        "codesign sweep sweeps/synthetic.yaml --output reports/synthetic",
        "5f2c0d6a91",
        "26 pJ",
        "all in",
        "2.13.0",
        "How each chip was charged",
        "How busy its cores are",
        "Before and after quantization",
        "5 of 7 published measurements recomputed; errors −0.5 % to +72 %, median 9 %",
        "0.75 V, 20 °C",
        "truenorth has ticks in which a core has more work than fits",
    ):
        assert text in report, text
    assert 'id="sureness"' not in report  # no number has a range


def test_points_can_be_hovered_and_focused(report):
    points = re.findall(
        r'<g id="pareto\d+-p-(\d+)" class="point" data-point="(\d+)" tabindex="0"[^>]*><title>([^<]*)', report
    )
    assert points
    assert all(first == second for first, second, _ in points)
    assert all("accuracy" in title for _, _, title in points)


def test_ink_follows_the_page(report):
    drawings = re.findall(r"<svg.*?</svg>", report, flags=re.DOTALL)
    assert len(drawings) > 6
    for drawing in drawings:
        assert "currentColor" in drawing
        assert "#000000" not in drawing
        assert "#ffffff" not in drawing


def test_the_same_results_give_the_same_bytes_in_any_thread(table, report, tmp_path):
    before = dict(mpl.rcParams)
    paths = [tmp_path / "deep" / "report.html", tmp_path / "beside.html"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write_report, [table, table], paths))
    assert [path.read_bytes() for path in paths] == [report.encode()] * 2
    assert dict(mpl.rcParams) == before


def test_names_are_text_whatever_they_hold():
    """In every section, answers to questions of the file and the trainings by ways to run them among them."""

    def renamed(row: Row) -> Row:
        changes = {name: HOSTILE + row[name] for name in ("recipe", "schedule", "chip")}
        changes |= {"assumptions": [HOSTILE], "latency_model": HOSTILE, "axis.<b>": HOSTILE}
        return row | changes

    rows = [renamed(row) for row in synthetic_rows(seeds=(0, 1)) if row["status"] == "ok"]
    rows += [
        row | {"recipe": HOSTILE + "twin", "point": row["point"] + "t"} for row in rows if "mubrain" in row["chip"]
    ]
    rows.append(base_row("layered", HOSTILE, "x", 0, 0) | {"status": "failed", "reason": HOSTILE})
    plain = synthetic_metadata()
    metadata = replace(
        plain,
        questions={
            HOSTILE: {
                "claim": HOSTILE,
                "source": HOSTILE,
                "column": "accuracy",
                "more": {"recipe": HOSTILE},
                "less": {},
            },
            "printed": {
                "printed": HOSTILE,
                "columns": ["accuracy"],
                "rows": {"a": {"label": HOSTILE, "of": {"layered": True}, "values": {"accuracy": HOSTILE}}},
                "remarks": [HOSTILE],
            },
        },
        workload=replace(plain.workload, name=HOSTILE, coverage=HOSTILE),
        recipes={HOSTILE: {HOSTILE: HOSTILE}},
        versions={HOSTILE: HOSTILE},
        chips={HOSTILE: ChipFacts(title=HOSTILE, citation=HOSTILE, synchronization=HOSTILE, notes=(HOSTILE,))},
        **dict.fromkeys(("title", "question", "description", "command", "topology"), HOSTILE),
    )
    text = page_of(rows, metadata)
    assert_harmless(text)
    assert 'id="transfer"' in text
    assert 'id="asked"' in text


def failed(number: int, reason: str) -> Row:
    return base_row("layered", "mubrain", "x", number, 0) | {"status": "failed", "reason": reason}


def test_long_tables_and_texts_are_cut_and_say_so():
    text = page_of([failed(n, f"reason {n}") for n in range(1200)])
    assert "reason 999" in text
    assert "reason 1000" not in text
    assert "The first 1,000 of 1,200 rows; the results file has all." in text
    text = page_of([failed(n, f"{n:04}" + "x" * 50_000) for n in range(1200)])
    assert "x" * 996 + "… (49,004 more characters in the results file)" in text
    assert len(text) < 1_500_000


def test_nothing_in_a_page_turns_its_text_around():
    steering = "\x00\x07\x1b\x7f\x9b\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
    rows = [
        row | {"recipe": steering, "chip": steering, "chip_title": steering, "axis.mode": steering}
        for row in (mubrain_row("layered", "random", seed, 0) for seed in (0, 1))
    ]
    text = page_of([*rows, failed(0, steering)], replace(synthetic_metadata(), title=steering, command=steering))
    assert not set(steering) & set(text)
    assert "<h1>\\x00\\x07\\x1b\\x7f\\x9b\\u061c\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069</h1>" in text


def test_names_in_other_scripts_are_drawn_as_text():
    rows = [mubrain_row("layered", "random", seed, 0) | {"recipe": "尖峰"} for seed in (0, 1)]
    assert "尖峰" in page_of(rows)


def test_a_large_sweep_stays_below_two_megabytes():
    rows = []
    for number in range(1100):
        row = mubrain_row("unlayered_rs", ("layered", "random", "momentum")[number % 3], 0, 0)
        row |= {"axis.lanes": float(number), "axis.mode": f"mode{number % 7}", "point": str(number)}
        row |= {"accuracy": 0.5 + number / 4000, "energy_j": 1e-6 + number * 1e-9, "latency_s": 1e-3 + number * 1e-6}
        rows.append(row)
    text = page_of(rows)
    assert len(text.encode()) < 2_000_000
    assert "800 of 1100 points" in text


@pytest.mark.parametrize("missing", ["energy_j", "accuracy"])
def test_a_column_without_values_is_no_obstacle(missing):
    rows = [row | {missing: None} for row in synthetic_rows(seeds=(0, 1)) if row["chip"] != "truenorth"]
    text = page_of(rows)
    assert not re.search(r"\b(nan|none|<na>)\b", Page(text).text, flags=re.IGNORECASE)


def test_rows_without_any_optional_column():
    text = page_of([base_row("layered", "mubrain", "layered", 0, 0)])
    assert "The front is empty" in text
    assert Page(text).open == []


def test_a_sweep_of_failures_is_a_report_too():
    rows = [base_row("layered", "mubrain", "x", 0, 0) | {"status": "failed", "reason": "the loss is not finite"}]
    text = page_of(rows)
    assert "No design point has a result" in text
    assert "the loss is not finite" in text
    assert "The front is empty" in text
    empty = page_of([])
    assert "0 design points from 0 rows" in empty

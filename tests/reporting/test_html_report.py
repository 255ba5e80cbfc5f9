from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pytest
from synthetic_sweep import Row, base_row, mubrain_row, synthetic_metadata, synthetic_rows, written

from codesign.analysis.metadata import ChipFacts
from codesign.analysis.table import ResultTable
from codesign.errors import InputError
from codesign.reporting.html import render_report, write_report

HOSTILE = "</title></svg></script><img src=x onerror=alert(1)>\"'&${x}$_^{"
VOID = {"meta", "input", "br", "img", "path", "use", "rect", "link"}


class Page(HTMLParser):
    """Collects what a browser would fetch or run, ids, and whether tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str, str]] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + " "

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                self.addresses.append((tag, name, value or ""))
            if name.startswith("on"):
                self.handlers.append(name)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ResultTable:
    return written(tmp_path_factory.mktemp("r") / "r.parquet", synthetic_rows())


@pytest.fixture(scope="module")
def report(table: ResultTable) -> str:
    return render_report(table)


def test_the_page_is_whole_and_its_ids_are_unique(report: str) -> None:
    page = Page(report)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_fetched(report: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', report)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    fetched = [a for a in Page(report).addresses if a[0] != "a" and not a[2].startswith(("#", "data:"))]
    assert fetched == []
    assert "@import" not in report
    assert not re.search(r"url\((?!#)", report)


def test_the_first_screen_comes_first(report: str) -> None:
    places = [
        report.index(text) for text in ('id="verdict"', 'id="fronts"', 'id="pareto0-', 'id="energy"', 'id="all-points"')
    ]
    assert places == sorted(places)
    assert "What does it cost to do without layer synchronization?" in report
    assert "300 of 70,000 recordings" in report


def test_everything_that_a_reader_needs_is_there(report: str) -> None:
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
    ):
        assert text in report, text


def test_points_can_be_hovered_and_focused(report: str) -> None:
    points = re.findall(
        r'<g id="pareto\d+-p-(\d+)" class="point" data-point="(\d+)" tabindex="0"[^>]*><title>([^<]*)', report
    )
    assert points
    assert all(first == second for first, second, _ in points)
    assert all("accuracy" in title for _, _, title in points)


def test_ink_follows_the_page(report: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", report, flags=re.DOTALL)
    assert len(drawings) > 6
    for drawing in drawings:
        assert "currentColor" in drawing
        assert "#000000" not in drawing
        assert "#ffffff" not in drawing


def test_the_same_results_give_the_same_bytes_in_any_thread(table: ResultTable, report: str, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(render_report, [table, table])) == [report, report]
    assert dict(mpl.rcParams) == before
    write_report(table, tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").read_bytes() == report.encode()


def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    def renamed(row: Row) -> Row:
        changes = {"recipe": HOSTILE, "schedule": HOSTILE, "chip": HOSTILE, "assumptions": [HOSTILE]}
        return row | changes | {"latency_model": HOSTILE, "energy_coverage": [HOSTILE], "axis.<b>": HOSTILE}

    rows = [renamed(mubrain_row("unlayered_rs", "random", seed, 0)) for seed in (0, 1)]
    rows.append(base_row("layered", HOSTILE, "x", 0, 0) | {"status": "failed", "reason": HOSTILE})
    metadata = replace(
        synthetic_metadata(),
        title=HOSTILE,
        question=HOSTILE,
        description=HOSTILE,
        command=HOSTILE,
        topology=HOSTILE,
        recipes={HOSTILE: {HOSTILE: HOSTILE}},
        versions={HOSTILE: HOSTILE},
        chips={HOSTILE: ChipFacts(title=HOSTILE, citation=HOSTILE, synchronization=HOSTILE, notes=(HOSTILE,))},
    )
    text = render_report(written(tmp_path / "r", rows, metadata))
    page = Page(text)
    assert page.open == []
    assert "img" not in page.tags
    assert page.handlers == []
    assert page.tags.count("script") == 1
    assert "<img" not in text


def test_names_in_other_scripts_are_drawn_as_text(tmp_path: Path) -> None:
    rows = [mubrain_row("layered", "random", seed, 0) | {"recipe": "尖峰"} for seed in (0, 1)]
    assert "尖峰" in render_report(written(tmp_path / "r", rows))


def test_a_large_sweep_stays_below_two_megabytes(tmp_path: Path) -> None:
    rows = []
    for number in range(1500):
        row = mubrain_row("unlayered_rs", ("layered", "random", "momentum")[number % 3], 0, 0)
        row |= {"axis.lanes": float(number), "axis.mode": f"mode{number % 7}", "point": str(number)}
        row |= {"accuracy": 0.5 + number / 4000, "energy_j": 1e-6 + number * 1e-9, "latency_s": 1e-3 + number * 1e-6}
        rows.append(row)
    text = render_report(written(tmp_path / "r", rows))
    assert len(text.encode()) < 2_000_000
    assert "800 of 1500 points" in text


@pytest.mark.parametrize("missing", ["energy_j", "latency_s", "accuracy", "spike_density", "convergence_accuracy"])
def test_a_column_without_values_is_no_obstacle(tmp_path: Path, missing: str) -> None:
    rows = [row | {missing: None} for row in synthetic_rows(seeds=(0, 1)) if row["chip"] != "truenorth"]
    text = render_report(written(tmp_path / "r", rows))
    assert not re.search(r"\b(nan|none|<na>)\b", Page(text).text, flags=re.IGNORECASE)


def test_rows_without_any_optional_column(tmp_path: Path) -> None:
    text = render_report(written(tmp_path / "r", [base_row("layered", "mubrain", "layered", 0, 0)]))
    assert "The front is empty" in text
    assert Page(text).open == []


def test_a_sweep_of_failures_is_a_report_too(tmp_path: Path) -> None:
    rows = [base_row("layered", "mubrain", "x", 0, 0) | {"status": "failed", "reason": "the loss is not finite"}]
    text = render_report(written(tmp_path / "r", rows))
    assert "No design point has a result" in text
    assert "the loss is not finite" in text
    assert "The front is empty" in text
    empty = render_report(written(tmp_path / "e", []))
    assert "0 design points from 0 rows" in empty


def test_a_report_that_cannot_be_written_is_an_input_error(table: ResultTable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(table, tmp_path / "file" / "report.html")

"""A browser for the tests that see pages as a reader does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Browser, Tab, chromium
from page_controls import ask, drawn
from synthetic_sweep import synthetic_page

from codesign.analysis.results.table import read_results
from codesign.reporting.html import render_report


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def synthetic(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Tab:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(synthetic_page(), encoding="utf-8")
    return drawn(browser.open(path))


@pytest.fixture(scope="session")
def example_page() -> str:
    """The page of the shipped example."""
    return render_report(read_results(Path(__file__).parents[2] / "reports" / "example" / "results.parquet"))


@pytest.fixture
def tab(synthetic: Tab) -> Iterator[Tab]:
    """The page of the synthetic sweep with its own question, nothing pinned, on a wide screen."""
    synthetic.call("Page.bringToFront")  # nothing is drawn in a tab that others hide
    synthetic.media(prefers_color_scheme="light")
    synthetic.resize(1400, 900)
    synthetic.run("document.querySelectorAll('#marks [aria-pressed=true]').forEach(each => each.click())")
    synthetic.run("document.getElementById('all-points').open = false")
    ask(synthetic, 0)
    yield synthetic
    assert (synthetic.complaints, synthetic.requests) == ([], [])


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Callable[[str], Tab]]:
    """Opens a page that has a first screen; nothing may be complained of."""
    tabs: list[Tab] = []

    def show(page: str) -> Tab:
        path = tmp_path / f"page{len(tabs)}.html"
        path.write_text(page, encoding="utf-8")
        tabs.append(drawn(browser.open(path)))
        return tabs[-1]

    yield show
    assert [(each.complaints, each.requests) for each in tabs] == [([], [])] * len(tabs)
    for each in tabs:
        each.close()

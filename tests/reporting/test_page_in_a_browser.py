"""Pages as a reader has them: what fits, what the controls do, what the keyboard reaches, and what never runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Tab, chromium, needs_chromium
from hostile_texts import HOSTILE, RUN, with_more
from page_controls import choose, drawn, require, rows, settled
from plain_pages import chips_page, prices_page
from synthetic_study import rows_on_test, small_study, study_metadata
from synthetic_sweep import page_of, synthetic_metadata, synthetic_page, synthetic_rows

from codesign.analysis.results.table import read_results
from codesign.reporting.html import render_report

pytestmark = [needs_chromium, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "reports" / "example" / "results.parquet"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(synthetic_page(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tab(browser: Browser, page: Path) -> Tab:
    return drawn(browser.open(page))


@pytest.fixture(autouse=True)
def as_asked(tab: Tab) -> None:
    """Each test begins with the page's own question, nothing pinned, on a wide screen."""
    tab.call("Page.bringToFront")  # nothing is drawn in a tab that others hide
    tab.resize(1400, 900)
    tab.media(prefers_color_scheme="light")
    tab.run("document.querySelectorAll('#marks [aria-pressed=true]').forEach(each => each.click())")
    tab.run("document.querySelector('button[data-asked=\"0\"]').click()")
    settled(tab)


def test_the_first_screen_holds_the_answer(tab):
    """Question, answer, chart, table and trust, without scrolling and in few words."""
    for selector in ("h1", ".answers", "#page-controls", "#front svg", "#decision", ".trust"):
        bottom = tab.run(f"document.querySelector('{selector}').getBoundingClientRect().bottom")
        assert 0 < bottom <= 900, selector
    assert tab.run("document.documentElement.scrollWidth") <= 1400
    fits = "(each => each.scrollHeight <= each.clientHeight && each.scrollWidth <= each.clientWidth)"
    assert tab.run(f"[...document.querySelectorAll('.side, .side .scroll')].every({fits})")
    assert tab.run("document.querySelector('.first').innerText.split(/\\s+/).length") <= 350
    width, height = tab.run(
        "(({width, height}) => [width, height])(document.querySelector('#front').getBoundingClientRect())"
    )
    assert width > 600
    assert height > 250


def test_a_phone_has_it_in_one_column(tab):
    tab.resize(390, 844)
    settled(tab)
    assert tab.run("document.documentElement.scrollWidth") <= 390
    tops = [
        tab.run(f"document.querySelector('{selector}').getBoundingClientRect().top")
        for selector in ("h1", ".answer.open h2", ".answer.open p", "#decision", "#front")
    ]
    assert tops == sorted(tops)
    assert tops[3] < 844  # the table begins on the first screen
    cut = (
        "[...document.querySelectorAll('#decision *')].filter(each => getComputedStyle(each).display !== 'none' && "
        "!each.closest('thead') && each.getBoundingClientRect().right > 390).length"
    )
    assert tab.run(cut) == 0


def test_each_question_of_the_example_has_its_answer_in_few_words(browser, tmp_path):
    """The page that the README shows: one sentence a question, the table whole, names beside their own marks."""
    path = tmp_path / "report.html"
    path.write_text(render_report(read_results(EXAMPLE)), encoding="utf-8")
    tab = drawn(browser.open(path))
    for place in range(2):
        tab.run(f"document.querySelector('button[data-asked=\"{place}\"]').click()")
        settled(tab)
        shown = tab.run("document.querySelector('.first').innerText")
        assert len(shown.split()) <= 440
        prose = "[...document.querySelectorAll('.answers p, .trust, .facts, #decision-line, #now, td[colspan]')]"
        unsigned = "each.innerText.replace(each.querySelector('.badge')?.innerText ?? '', '')"
        for text in tab.run(f"{prose}.map(each => {unsigned})"):
            assert all(len(re.findall(r"\d+([.,]\d+)*", sentence)) <= 2 for sentence in re.split(r"\. |\n", text)), text
        opened = tab.run("[...document.querySelectorAll('.answer.open')].map(each => each.innerText)")
        assert len(opened) == 1
        assert tab.run("document.querySelector('#decision tbody button').textContent") in opened[0]
        assert tab.run("(each => each.scrollWidth <= each.clientWidth)(document.querySelector('.side .scroll'))")
        names = tab.run(
            "[...document.querySelectorAll('#front .mark-text.role-mark text')].map(each => each.textContent)"
        )
        assert "µBrain" in names
        sides = "(({left, top, right, bottom}) => [left, top, right, bottom])(each.getBoundingClientRect())"
        texts, marks = (
            tab.run(f"[...document.querySelectorAll('#front .{kind}')].map(each => {sides})")
            for kind in ("mark-text.role-mark text", "mark-symbol path")
        )
        for left, top, right, bottom in (box for box in texts if box[0] < box[2]):
            assert all(a >= right or c <= left or b >= bottom or d <= top for a, b, c, d in marks)
    tab.resize(390, 844)
    settled(tab)
    assert tab.run(
        "[...document.querySelectorAll('.answer p:first-of-type')].every(each => each.innerText.length > 30)"
    )


def test_controls_decide_again(tab):
    """By hand: 7.311 µJ of µBrain over the 6.678 µJ that Loihi spends on synaptic operations; 33 ms over 243.76 µs."""
    require(tab, 90)
    assert [row[:2] for row in rows(tab)][:2] == [["Loihi", "best"], ["µBrain", "1.09 ×"]]
    assert rows(tab)[2][:2] == ["TrueNorth", "not ranked"]  # all in, so it compares with none
    choose(tab, "objective", "latency_s")
    assert rows(tab)[0][:2] == ["Loihi", "best"]
    assert rows(tab)[1][:2] == ["TrueNorth", "135 ×"]
    assert "latency" in tab.run("document.querySelector('#front svg').textContent")
    assert tab.run("document.getElementById('now').textContent").startswith("With these settings: Loihi")
    choose(tab, "objective", "accuracy")
    best, second = rows(tab)[:2]
    said = tab.run("document.getElementById('now').textContent")
    assert second[1].startswith("−")
    assert f"{best[0]} has the highest accuracy" in said
    assert f"ahead of {second[0]} by {second[1][1:]}." in said
    choose(tab, "objective", "latency_s")
    require(tab, 99.9)
    assert "nothing that compares is left" in tab.run("document.getElementById('now').textContent")
    tab.run("document.getElementById('reset').click()")
    settled(tab)
    assert tab.run("document.getElementById('now').textContent") == ""


def test_the_book_changes_what_is_charged(tab):
    """Loihi's 0.9 µJ of static power count for a 32nd in the cores in use."""
    require(tab, 90)

    def energy() -> str:
        tab.run("document.querySelector('#legend')")  # the table follows the controls at once
        row = "[...document.querySelectorAll('#decision tr')].find(each => each.textContent.startsWith('Loihi'))"
        return tab.run(f"{row}.querySelector('[data-label^=\"least energy\"]').firstChild.textContent")

    board = energy()
    choose(tab, "book", "cores_in_use")
    assert energy() != board


def test_axes_and_legend(tab):
    def ticks() -> str:
        return tab.run("[...document.querySelectorAll('#front .role-axis-label')].map(each => each.textContent).join()")

    before = ticks()
    choose(tab, "vertical", "linear")
    assert ticks() != before
    shapes = "document.querySelectorAll('#front .mark-symbol path').length"
    count = tab.run(shapes)
    tab.run("document.querySelector('#legend button').click()")
    settled(tab)
    assert tab.run(shapes) < count
    assert tab.run("document.querySelector('#legend button').getAttribute('aria-pressed')") == "false"
    tab.run("document.querySelector('#legend button').click()")
    each = "[...Array(document.querySelectorAll('#legend button').length).keys()].forEach(place => "
    tab.run(f"{each}document.querySelectorAll('#legend button')[place].click())")
    settled(tab)
    assert tab.run("document.getElementById('front').textContent") == "All points are switched off."
    tab.run(f"{each}document.querySelectorAll('#legend button')[place].click())")
    settled(tab)
    assert tab.run(shapes) == count
    choose(tab, "vertical", "log")


def test_marks_grow_with_latency(tab):
    def size(column: str) -> None:
        tab.run(
            f"(() => {{ const s = document.getElementById('size'); s.value = '{column}'; "
            "s.dispatchEvent(new Event('change')) })()"
        )
        settled(tab)

    heights = (
        "[...document.querySelectorAll('#front .mark-symbol path')].map(each => each.getBoundingClientRect().height)"
    )
    alike = tab.run(heights)
    assert max(alike) < 3 * min(alike)
    size("latency_s")
    assert max(tab.run(heights)) > 3 * min(tab.run(heights))
    assert "Size: latency from " in tab.run("document.getElementById('legend').textContent")
    size("")
    assert tab.run(heights) == pytest.approx(alike, rel=1e-3)


def test_the_keyboard_reaches_points_and_pins_them(tab):
    tab.run("document.querySelector('#marks button').focus()")
    first = tab.run("document.activeElement.dataset.point")
    assert "accuracy" in tab.run("document.activeElement.getAttribute('aria-label')")
    assert not tab.run("document.getElementById('tip').hidden")
    tab.press("Enter", 13, "\r")
    settled(tab)
    tab.press("ArrowRight", 39)
    assert tab.run("document.activeElement.dataset.point") not in (first, None)
    tab.press("Enter", 13, "\r")
    settled(tab)
    assert tab.run("document.querySelectorAll('#pinned thead button').length") == 2
    tab.run("document.querySelectorAll('#pinned thead button').forEach(each => each.click())")
    settled(tab)
    assert tab.run("document.getElementById('pinned').hidden")


def test_all_points_are_sorted_and_filtered(tab):
    tab.run("document.getElementById('all-points').open = true")
    settled(tab)
    count = "document.querySelectorAll('#points-table tbody tr').length"
    assert tab.run(count) == 15
    tab.run("document.querySelector('#points-table button[data-key=energy_j]').click()")
    column = (
        "[...document.querySelectorAll('#points-table thead button')].findIndex(b => b.dataset.key === 'energy_j') + 1"
    )
    energies = tab.run(
        f"[...document.querySelectorAll('#points-table tbody tr')].map(r => r.cells[{column}].textContent)"
    )
    assert any(text.startswith("≥ ") for text in energies)  # those that leave out a term
    values = [float(text.removeprefix("≥ ").split()[0]) for text in energies]
    assert values == sorted(values, reverse=True)
    tab.run(
        "(() => { const i = document.getElementById('points-filter'); i.value = 'loihi'; "
        "i.dispatchEvent(new Event('input')) })()"
    )
    assert tab.run(count) == 3
    tab.run("document.getElementById('all-points').open = false")


def test_a_chart_is_saved_with_its_legend(tab):
    tab.run("window.blobs = []; URL.createObjectURL = blob => { blobs.push(blob); return '#' }")
    tab.run(
        "document.querySelectorAll('#chart-tools .menu button').forEach((each, place) => "
        "{ if (place !== 1) each.click() })"
    )
    tab.run("new Promise(done => { const w = () => blobs.length > 1 ? done() : setTimeout(w, 50); w() })")
    texts = tab.run("Promise.all(blobs.map(blob => blob.text()))")
    drawing = next(text for text in texts if "<svg" in text)
    assert "TrueNorth" in drawing
    assert next(text for text in texts if "<svg" not in text).startswith("point,chip,")


def test_dark_ground_has_another_look(tab):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.run(ground)
    tab.media(prefers_color_scheme="dark")
    settled(tab)
    assert tab.run(ground) != light
    assert tab.run("document.getElementById('front').dataset.shade") == "dark"


def test_nothing_was_complained_of(tab):
    assert tab.complaints == []
    assert tab.requests == []


def sweep_page(more: str = "") -> str:
    return page_of(*with_more(synthetic_rows((0, 1)), synthetic_metadata(), more)) if more else synthetic_page()


def test_faint_points_are_explained(tab):
    assert "Faint: not accurate enough; the chip cannot wait" in tab.run(
        "document.getElementById('legend').textContent"
    )


def test_values_of_an_axis_that_were_asked_for_are_not_said_to_be_left_out(browser, tmp_path):
    path, metadata = tmp_path / "page.html", synthetic_metadata()
    asked = {"choose": "axis.width", "least": "energy_j", "select": {"width": [4.0, 8.0]}}
    metadata.questions["width"] = asked
    rows = [row | {"axis.width": w} for w in (4.0, 8.0, 16.0) for row in synthetic_rows((0,)) if row["chip"] == "loihi"]
    path.write_text(page_of(rows, metadata), encoding="utf-8")
    line = drawn(browser.open(path)).run("document.getElementById('decision-line').textContent")
    assert "Not asked: width 16." in line


def study_page() -> str:
    return page_of(rows_on_test(), study_metadata(small_study()))


HOSTILE_PAGES = {"sweep": sweep_page, "prices": prices_page, "chips": chips_page}
PAGES = {**HOSTILE_PAGES, "study": study_page, "nothing": lambda: page_of([])}


def unfolded(browser: Browser, path: Path, width: int = 1400, **features: str) -> Tab:
    """The page with every section open and its charts drawn."""
    tab = browser.open(path, width, **features)
    tab.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    missing = "[...document.querySelectorAll('.chart')].some(each => !each.querySelector('svg, canvas'))"
    tab.run(f"new Promise(done => {{ const wait = () => {missing} ? setTimeout(wait, 30) : done(); wait() }})")
    settled(tab)
    return tab


@pytest.mark.parametrize("name", PAGES)
def test_every_page_fits_its_screen_and_paper(browser, tmp_path, name):
    path = tmp_path / "page.html"
    path.write_text(PAGES[name](), encoding="utf-8")
    grounds, heights = set(), []
    for width, shade in ((1400, "light"), (390, "dark")):
        tab = unfolded(browser, path, width, prefers_color_scheme=shade, prefers_reduced_motion="reduce")
        assert tab.run("document.documentElement.scrollWidth") <= width
        heights.append(tab.run("[...document.querySelectorAll('figure .chart svg')].map(each => each.clientHeight)"))
        grounds.add(tab.run("getComputedStyle(document.body).backgroundColor"))
        still = "(style => style.transitionDuration === '0s' && style.animationName === 'none')(getComputedStyle(each))"
        assert tab.run(f"[...document.querySelectorAll('*')].every(each => {still})")
        tab.media("print")
        assert tab.run("getComputedStyle(document.documentElement).colorScheme") == "light"
        tab.resize(720, 1000)  # A4 between its margins
        ends = "[...document.querySelectorAll('table, .chart svg')].map(each => each.getBoundingClientRect().right)"
        assert max(tab.run(ends), default=0) <= 720
        assert (tab.complaints, tab.requests) == ([], [])
    assert len(grounds) == 2
    assert all(narrow >= 0.9 * wide for wide, narrow in zip(*heights, strict=True))  # no chart is squeezed flat


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_payloads_in_every_name_stay_texts(browser, tmp_path, name):
    path, trap = tmp_path / "hostile.html", tmp_path / "trap.html"
    trap.write_text(f"<!DOCTYPE html><html><body>{HOSTILE}</body></html>", encoding="utf-8")
    assert browser.open(trap).run("document.documentElement.getAttribute('data-owned')") == "1"  # it would be seen
    path.write_text(HOSTILE_PAGES[name](HOSTILE), encoding="utf-8")
    tab = unfolded(browser, path)
    tab.run("document.querySelectorAll('#legend button, #decision button, th button').forEach(each => each.click())")
    tab.run("document.querySelector('#marks button')?.focus()")
    settled(tab)
    assert RUN in tab.run("document.body.innerText")
    assert tab.run("document.documentElement.getAttribute('data-owned')") is None
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert tab.complaints == []
    assert tab.requests == []
    # What the policy would do with a script or a style that came in all the same.
    tab.run(
        "(() => { const s = document.createElement('script'); s.textContent = "
        + repr(RUN)
        + "; document.body.append(s); "
        "document.body.setAttribute('style', 'opacity: 0') })()"
    )
    assert tab.run("document.documentElement.getAttribute('data-owned')") is None
    assert tab.run("getComputedStyle(document.body).opacity") == "1"
    refused = tab.call("Runtime.evaluate", expression="eval('1')", allowUnsafeEvalBlockedByCSP=False)
    assert "EvalError" in str(refused)

"""Pages as a reader has them: what fits, and what never runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import Browser, Tab, needs_chromium
from hostile_texts import HOSTILE, RUN, with_more
from page_controls import ask, click, count, settled, texts_of
from plain_pages import prices_page
from synthetic_study import rows_on_test, small_study, study_metadata
from synthetic_sweep import page_of, synthetic_metadata, synthetic_page, synthetic_rows

from codesign.analysis.results.metadata import ResultMetadata

pytestmark = [needs_chromium, pytest.mark.slow]


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
    tab.resize(320, 640)  # or a screen of 1280 at four times its size
    settled(tab)
    assert tab.run("document.documentElement.scrollWidth") <= 320


def test_each_question_of_the_example_has_its_answer_in_few_words(shown, example_page):
    """The page that the README shows: one sentence a question, the table whole, names beside their own marks."""
    tab = shown(example_page)
    for place in range(2):
        ask(tab, place)
        words, unseen = (
            len(tab.run(f"[...document.querySelectorAll('{of}')].map(each => each.innerText).join(' ')").split())
            for of in (".first", ".first select option:not(:checked)")
        )
        assert words - unseen <= 350
        prose = "[...document.querySelectorAll('.answers p, .trust, .facts, #decision-line, #now, td[colspan]')]"
        unsigned = "each.innerText.replace(each.querySelector('.badge')?.innerText ?? '', '')"
        for text in tab.run(f"{prose}.map(each => {unsigned})"):
            assert all(len(re.findall(r"\d+([.,]\d+)*", sentence)) <= 2 for sentence in re.split(r"\. |\n", text)), text
        opened = tab.run("[...document.querySelectorAll('.answer.open')].map(each => each.innerText)")
        assert len(opened) == 1
        assert texts_of(tab, "#decision tbody button")[0] in opened[0]
        for width in (1024, 1250, 1400):
            tab.resize(width, 900)
            settled(tab)
            assert tab.run("(each => each.scrollWidth <= each.clientWidth)(document.querySelector('.side .scroll'))")
        assert "µBrain" in texts_of(tab, "#front .mark-text.role-mark text")
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


def test_a_link_unfolds_its_section_each_time_that_it_is_followed(tab):
    for _ in range(2):
        click(tab, '.answers a[href="#answers"]')
        assert tab.run("document.getElementById('answers').open")
        tab.run("document.getElementById('answers').open = false")


def sweep_page(more: str = "") -> str:
    return page_of(*with_more(synthetic_rows((0, 1)), asked(more), more)) if more else synthetic_page()


def asked(more: str) -> ResultMetadata:
    """With a claim and a printed table."""
    claim = {"claim": f"It loses{more}", "source": f"a paper{more}", "column": "accuracy"}
    sides = {"more": {"recipe": f"layered{more}"}, "less": {}}
    row = {"label": f"a row{more}", "of": {"layered": True}, "values": {"accuracy": f"?{more}"}}
    printed = {"printed": f"a table{more}", "columns": ["accuracy"], "rows": {"a": row}, "remarks": [f"a remark{more}"]}
    return synthetic_metadata(**{f"claim{more}": claim | sides}, printed=printed)


def study_page(more: str = "") -> str:
    rows, metadata = rows_on_test(), study_metadata(small_study())
    return page_of(*with_more(rows, metadata, more)) if more else page_of(rows, metadata)


HOSTILE_PAGES = {"sweep": sweep_page, "study": study_page, "prices": prices_page}
PAGES = {**HOSTILE_PAGES, "nothing": lambda: page_of([])}
TOLD = {
    "sweep": (
        synthetic_metadata().question,
        "It loses",
        "a row",
        "a remark",
        "layered",
        "loihi",
        "Loihi",
        "A made-up sweep.",
        "a paper",
    ),
    "study": (
        synthetic_metadata().question,
        "recipe.group_size",
        "momentum",
        "the loss is not finite in epoch 3",
        "TPE, 10 startup trials",
    ),
    "prices": ("a name", "layered", "a hop", "its place"),
}
"""Texts of others on each page."""


BROKEN_WORDS = r"""[...document.querySelectorAll('table:not(:has(th:nth-child(16))) th')].flatMap(head => {
  const texts = document.createTreeWalker(head, NodeFilter.SHOW_TEXT), range = document.createRange(), found = []
  while (texts.nextNode())
    for (const word of texts.currentNode.data.matchAll(/\p{L}+/gu)) {
      range.setStart(texts.currentNode, word.index)
      range.setEnd(texts.currentNode, word.index + word[0].length)
      if (range.getClientRects().length > 1) found.push(word[0])
    }
  return found
})"""


def unfolded(browser: Browser, path: Path, **features: str) -> Tab:
    """The page with every section open and its charts drawn."""
    tab = browser.open(path, **features)
    tab.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    wait_for_charts(tab)
    return tab


def wait_for_charts(tab: Tab) -> None:
    missing = "[...document.querySelectorAll('.chart')].some(each => !each.querySelector('svg, canvas'))"
    tab.run(f"new Promise(done => {{ const wait = () => {missing} ? setTimeout(wait, 30) : done(); wait() }})")
    settled(tab)


def look_at(tab: Tab, width: int) -> tuple[str, list[int]]:
    """The ground and the heights of all charts of a page that fits its width and stands still."""
    assert tab.run("document.documentElement.scrollWidth") <= width
    still = "(style => style.transitionDuration === '0s' && style.animationName === 'none')(getComputedStyle(each))"
    assert tab.run(f"[...document.querySelectorAll('*')].every(each => {still})")
    ground = tab.run("getComputedStyle(document.body).backgroundColor")
    return ground, tab.run("[...document.querySelectorAll('figure .chart svg')].map(each => each.clientHeight)")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_fits_its_screen_and_paper(browser, tmp_path, name):
    path = tmp_path / "page.html"
    path.write_text(PAGES[name](), encoding="utf-8")
    tab = unfolded(browser, path, prefers_color_scheme="light", prefers_reduced_motion="reduce")
    light, wide = look_at(tab, 1400)
    tab.media("print")
    tab.resize(720, 1000)  # A4 between its margins
    assert tab.run(BROKEN_WORDS) == []
    ends = "[...document.querySelectorAll('table, .chart svg')].map(each => each.getBoundingClientRect().right)"
    assert max(tab.run(ends), default=0) <= 720
    tab.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    tab.resize(390, 900)
    tab.run("document.querySelectorAll('.chart').forEach(each => each.replaceChildren())")
    tab.media(prefers_color_scheme="dark", prefers_reduced_motion="reduce")  # for which all charts are drawn anew
    wait_for_charts(tab)
    dark, narrow = look_at(tab, 390)
    scrolling = "[...document.querySelectorAll('.chart')].filter(each => each.scrollWidth > each.clientWidth)"
    assert tab.run(f"{scrolling}.every(each => each.tabIndex === 0)")  # the keyboard reaches it
    assert dark != light
    # None is squeezed flat; the first takes what a wide screen has left.
    assert all(after >= 0.9 * min(before, 350) for before, after in zip(wide, narrow, strict=True))
    tab.media("print")
    assert tab.run("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert (tab.complaints, tab.requests) == ([], [])
    tab.close()


def test_a_payload_that_ran_would_be_seen(browser, tmp_path):
    path = tmp_path / "trap.html"
    path.write_text(f"<!DOCTYPE html><html><body>{HOSTILE}</body></html>", encoding="utf-8")
    tab = browser.open(path)
    assert tab.run("document.documentElement.getAttribute('data-owned')") == "1"
    tab.close()


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_payloads_in_every_name_stay_texts(browser, tmp_path, name):
    path = tmp_path / "hostile.html"
    path.write_text(HOSTILE_PAGES[name](HOSTILE), encoding="utf-8")
    tab = unfolded(browser, path)
    tab.run("document.querySelectorAll('#legend button, #decision button, th button').forEach(each => each.click())")
    tab.run("document.querySelector('#marks button')?.focus()")
    settled(tab)
    text = tab.run("document.body.innerText")
    assert [what for what in TOLD[name] if f"{what}</title>" not in text] == []
    assert tab.run("document.documentElement.getAttribute('data-owned')") is None
    assert count(tab, "img") == 0
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
    tab.close()

"""The page of prices."""

from __future__ import annotations

import json
import re

from hostile_texts import HARMLESS, HOSTILE, Page, check_obeys_nothing
from plain_pages import prices_page


def test_names_are_text_whatever_they_hold():
    text = prices_page(HOSTILE)
    check_obeys_nothing(text, prices_page(HARMLESS))
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert not [address for tag, address in page.addresses if tag != "a"]
    assert text == prices_page(HOSTILE)


def test_a_page_of_prices_says_first_what_is_best_and_with_which_prices():
    """Of six points on the front, the first has the least energy and the last the least latency."""
    answers = re.findall("<p>(.*?)</p>", prices_page().partition('class="answers"')[2])[:2]
    assert answers == [
        "Point 0, trained by the recipe layered, has the least energy per sample (10 nJ), at 1 ms latency. "
        "Receiving a message takes 1 ns. Vector width is 4.",
        "Point 5, trained by the recipe random, has the least latency (167 µs), at 60 nJ energy per sample. "
        "Receiving a message takes 2 ns. Vector width is all.",
    ]


def test_what_has_one_value_does_not_vary():
    assert "; 2 prices vary. " in prices_page()


def test_points_of_the_front_that_are_not_drawn_are_told():
    text = prices_page(on_front=260)
    assert text.count("130 of them on the front. 120 of 130 points of the front are drawn.") == 2
    assert "of the front are drawn" not in prices_page()


def test_one_point_and_none_that_can_be_drawn():
    assert "1 point, 3 of them on the front." in prices_page(points=1)
    assert "Energy or latency is 0 or not known, so nothing can be drawn." in prices_page(points=0)


def test_a_density_is_as_coarse_as_a_page_needs_and_loses_no_point():
    text = prices_page(points=40_000)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text)[1])
    cells = [figure["layer"][0]["data"]["values"] for figure in figures.values()]
    assert [sum(cell["count"] for cell in of) for of in cells] == [40_000, 40_000]
    # Of 100 × 50 bins in each, about all are filled, and a quarter of them is left.
    assert all(len(of) <= 26 * 51 for of in cells)
    calculated = {each["as"]: each["calculate"] for each in figures["points-1"]["layer"][0]["transform"]}
    assert calculated["left"] == "pow(10, (datum.across) / 25)"
    assert {cell["across"] for cell in cells[0]} == set(range(-125, -75))  # 10⁻⁵ to 10⁻³ s

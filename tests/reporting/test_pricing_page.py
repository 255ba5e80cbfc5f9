"""The page of prices."""

from __future__ import annotations

import re
from types import SimpleNamespace

from hostile_texts import Page
from plain_pages import prices_page

from codesign.reporting.pricing import best_points


def test_the_same_prices_give_the_same_page():
    page = prices_page()
    assert page == prices_page()
    ids = Page(page).ids
    assert len(set(ids)) == len(ids)


def test_a_page_of_prices_says_first_what_is_best_and_with_which_prices():
    """Of six points on the front, the first has the least energy and the last the least latency."""
    rows = re.findall(
        "<tr>(.*?)</tr>", prices_page().partition("The best point in each objective that is no price.")[2]
    )[1:3]
    assert [re.findall("<td[^>]*>(.*?)</td>", row) for row in rows] == [
        ["least energy per sample", "0", "layered", "10 nJ", "1 ms", "1 ns", "4"],
        ["least latency", "5", "random", "60 nJ", "167 µs", "2 ns", "all"],
    ]


def test_of_points_equally_soon_the_one_with_less_energy_is_the_best():
    """Though more static power, which is easier to build, is an objective too, and stands between them."""
    objectives = (("latency_s", "minimize"), ("static_power.chip", "maximize"), ("energy_j", "minimize"))
    front = [{"latency_s": 1e-6, "static_power.chip": power, "energy_j": power * 1e-3} for power in (2e-3, 1e-3)]
    best = best_points(SimpleNamespace(objectives=objectives, front=front))
    assert best == {"least latency and least energy per sample": front[1]}


def test_points_of_the_front_that_are_not_drawn_are_told():
    text = prices_page(on_front=260)
    assert text.count("130 of them on the front. 120 of 130 points of the front are drawn.</p>") == 2
    assert "of the front are drawn" not in prices_page()


def test_one_point_and_none_that_can_be_drawn():
    assert "1 point, 3 of them on the front." in prices_page(points=1)
    assert "Energy or latency is 0 or not known, so nothing can be drawn." in prices_page(points=0)

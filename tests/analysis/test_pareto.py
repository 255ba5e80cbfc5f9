from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.analysis.results.pareto import front_order, hypervolume, pareto_front, pareto_ranking


def test_a_front_is_read_from_its_best_in_the_first_objective():
    values = [[0.5, 1.0], [0.9, 2.0], [0.5, 1.0], [None, 0.0], [0.4, 1.5]]
    assert front_order(values, ["maximize", "minimize"]) == [1, 0, 2]
    assert front_order(values, ["minimize", "minimize"]) == [4, 0, 2]
    assert front_order([], ["minimize"]) == []


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_an_unknown_objective_keeps_a_point_off_the_front_and_beats_nobody(unknown):
    front = pareto_front([[0.5, 1.0], [0.9, unknown]], ["maximize", "minimize"])
    assert front.tolist() == [True, False]
    assert pareto_front([[None, 1.0]], ["maximize", "minimize"]).tolist() == [False]


def test_hypervolume_by_hand():
    # Two rectangles from (0, 3): 0.9 x (3 - 2) and 0.8 x (2 - 1).
    values = [[0.9, 2.0], [0.8, 1.0], [None, 0.5], [0.5, 3.5]]
    assert hypervolume(values, ["maximize", "minimize"], [0.0, 3.0]) == pytest.approx(0.9 + 0.8)


OBJECTIVE = st.one_of(st.none(), st.integers(0, 4).map(float))


@settings(max_examples=50)
@given(st.lists(st.tuples(OBJECTIVE, OBJECTIVE, OBJECTIVE), max_size=8))
def test_the_front_is_what_the_definition_says(points):
    signs = (1, -1, -1)
    known = [None not in point for point in points]

    def dominates(a: tuple[float | None, ...], b: tuple[float | None, ...]) -> bool:
        gains = [sign * (x - y) for sign, x, y in zip(signs, a, b, strict=True)]
        return min(gains) >= 0 and max(gains) > 0

    expected = [
        known[i] and not any(known[j] and dominates(points[j], points[i]) for j in range(len(points)))
        for i in range(len(points))
    ]
    assert pareto_front(points, ["maximize", "minimize", "minimize"]).tolist() == expected
    order = np.random.default_rng(0).permutation(len(points))
    shuffled = pareto_front([points[i] for i in order], ["maximize", "minimize", "minimize"])
    assert shuffled.tolist() == [expected[i] for i in order]


def test_one_objective_is_ranked_by_its_value():
    assert pareto_ranking([(1.0,), (3.0,), (2.0,), (3.0,)], ["maximize"], [0.0]) == [1, 3, 2, 0]
    assert pareto_ranking([(1.0,), (3.0,), (2.0,)], ["minimize"], [0.0]) == [0, 2, 1]


POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 2), min_size=1, max_size=12)


@given(POINTS)
@settings(max_examples=200)
def test_ranking_is_what_it_is_by_definition(points):
    values = np.array(points, dtype=float)
    directions, reference = ["maximize", "minimize"], [0.0, 6.0]
    order = pareto_ranking(values, directions, reference)
    assert sorted(order) == list(range(len(points)))

    def beats(a: Any, b: Any) -> bool:
        return a[0] >= b[0] and a[1] <= b[1] and tuple(a) != tuple(b)

    left, ranks = set(range(len(points))), {}
    while left:
        layer = {i for i in left if not any(beats(values[j], values[i]) for j in left)}
        ranks.update(dict.fromkeys(layer, len(set(ranks.values()))))
        left -= layer

    def added(i: int) -> float:
        if any(points[j] == points[i] for j in range(i)):
            return 0.0
        layer = sorted({points[j] for j in ranks if ranks[j] == ranks[i]})
        others = [point for point in layer if point != points[i]]
        whole = hypervolume(layer, directions, reference)
        return whole - (hypervolume(others, directions, reference) if others else 0.0)

    keys = [(ranks[i], -round(added(i), 9), i) for i in order]
    assert keys == sorted(keys)

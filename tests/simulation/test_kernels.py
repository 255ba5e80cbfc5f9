"""The parts that kernels are made of, against numpy."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from codesign.simulation.event import numbers, priorities, propagation, vector
from codesign.simulation.event import rows as rows_module
from codesign.simulation.event import selection as selection_module
from codesign.simulation.event.draws import absorb, survivors, uniform_number, uniform_numbers
from codesign.simulation.event.rows import Rows
from codesign.simulation.event.selection import FEW, FIRST, LAST
from codesign.simulation.event.vector import LANES

BEHIND = 5 * LANES
"""Room behind arrays of keys, as the engine's scratch has it."""


def compiled(function: Callable[..., Any]) -> Any:
    return numba.njit(error_model="numpy")(function)


class FromPython:
    """A module's compiled functions, which are made to be called by others, callable from here."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._module, name)
        called = numba.njit(error_model="numpy", _nrt=False)(lambda *arguments: inner(*arguments))
        setattr(self, name, called)
        return called


rows, selection = FromPython(rows_module), FromPython(selection_module)
ranks = FromPython(priorities)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


class _Queue(NamedTuple):
    chosen: np.ndarray
    ordered: np.ndarray
    layer_ends: np.ndarray


class _Wiring(NamedTuple):
    source_layer: np.ndarray
    single_row: np.ndarray


# vectors -------------------------------------------------------------------------------------------------------------


LOADERS = {vector.LANES: vector.load, vector.BLOCK: vector.load_block, vector.WIDE: vector.load_wide}
each_length = pytest.mark.parametrize("lanes", LOADERS)


def test_numbers_are_compared_by_lane():
    values = np.random.default_rng(1).integers(-3, 4, LANES + 3, dtype=np.int32)

    @compiled
    def calculate(values, number):
        some = numbers.numbers(values, 3)
        counts = numbers.count_above(
            numbers.count_above(numbers.repeated(np.int32(0)), number, some), np.int32(0), some
        )
        return numbers.reaching(values, 3, number), numbers.below(some, number), numbers.below(counts, np.int32(2))

    for number in np.unique(values):
        reaching, below, seldom = values[3:] >= number, values[3:] < number, values[3:] >= min(number, 0)
        for found, expected in zip(calculate(values, number), (reaching, below, seldom), strict=True):
            assert [bool(found >> lane & 1) for lane in range(LANES)] == expected.tolist()


@each_length
def test_multiply_add_rounds_once(lanes: int):
    """(1 + 2⁻¹²)² − 1 = 2⁻¹¹ + 2⁻²⁴, of which a product rounded to float32 keeps only the first."""
    load = LOADERS[lanes]

    @compiled
    def calculate(a, result):
        x = load(a, 0)
        vector.store(result, 0, vector.multiply_add(x, x, vector.fill_as(x, np.float32(-1))))

    result = np.zeros(lanes, dtype=np.float32)
    calculate(np.full(lanes, 1 + 2**-12, dtype=np.float32), result)
    assert (result == np.float32(2**-11 + 2**-24)).all()


@each_length
def test_total_adds_halves_to_each_other(lanes: int):
    load = LOADERS[lanes]

    @compiled
    def total(a):
        return vector.total(load(a, 0))

    def by_halves(a: np.ndarray) -> np.float32:
        while len(a) > 1:
            a = a[: len(a) // 2] + a[len(a) // 2 :]
        return a[0]

    rng = np.random.default_rng(lanes)
    in_turn = 0
    for _ in range(200):
        a = rng.normal(size=lanes).astype(np.float32)
        assert total(a) == by_halves(a)
        in_turn += by_halves(a) == np.cumsum(a, dtype=np.float32)[-1]
    assert in_turn < 150  # the order is seen at all


# rows of weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [lanes * LANES for lanes in (1, 4, 8, 31)])
def test_rows_of_weights_are_numpys(width: int):
    """Small integers, whose sums are exact in any order; other slots keep what they hold."""
    rng = np.random.default_rng(width)

    def integers(count: int) -> np.ndarray:
        return rng.integers(-4, 5, count).astype(np.float32)

    at, begin, end = LANES, 2, 9
    weights, gradient, x = integers(20 * width), integers(20 * width), integers(at + 2 * width)
    row = (rng.permutation(20)[:12] * width).astype(np.int32)
    scale, dots = integers(12), integers(12)
    used, target = [slice(start, start + width) for start in row[begin:end]], slice(at, at + width)

    expected = x.copy()
    expected[target] += sum(weights[one] for one in used)
    found = x.copy()
    rows.add_rows(width, found, at, weights, row, begin, end)
    assert np.array_equal(found, expected)

    expected = x.copy()
    expected[target] += sum(s * weights[one] for s, one in zip(scale[begin:end], used, strict=True))
    found = x.copy()
    rows.add_scaled_rows(width, found, at, weights, Rows(row, 1, begin, end), scale, 0)
    assert np.array_equal(found, expected)

    expected_gradient, expected_dots = gradient.copy(), dots.copy()
    for n, one in zip(range(begin, end), used, strict=True):
        expected_gradient[one] += scale[n] * x[target]
        expected_dots[n] += weights[one] @ x[target]
    found_gradient, found_dots = gradient.copy(), dots.copy()
    named = Rows(row, 1, begin, end)
    rows.dot_and_accumulate(width, x, at, weights, found_gradient, named, scale, found_dots)
    assert np.array_equal(found_gradient, expected_gradient)
    assert np.array_equal(found_dots, expected_dots)
    found_gradient = gradient.copy()
    rows.accumulate_rows(width, x, at, found_gradient, named, scale, 0)
    assert np.array_equal(found_gradient, expected_gradient)

    assert rows.dot(x, at, width, weights, row[begin]) == weights[used[0]] @ x[target]

    expected = x.copy()
    expected[:width] = sum(x[3 + i] * weights[width * (2 + i) :][:width] for i in range(7))
    found = x.copy()
    rows.multiply_transposed(width, found, width, weights, 2 * width, x, 3, 7)
    assert np.array_equal(found, expected)


# choosing ------------------------------------------------------------------------------------------------------------

SPECIAL = floats(
    -np.inf, np.inf, -0.0, 0.0, 1e-45, -1e-45, np.finfo(np.float32).max, np.finfo(np.float32).min, 1.0, -1.0
)


def test_keys_are_in_the_order_of_priorities():
    rng = np.random.default_rng(4)
    priorities = np.concatenate(
        [SPECIAL, (rng.normal(size=500) * 10.0 ** rng.integers(-40, 38, 500)).astype(np.float32)]
    )
    keys = np.array([ranks.key_of(priority) for priority in priorities])
    assert keys.min() > LAST
    assert keys.max() < FIRST
    order = np.sign(keys[:, None] - keys[None])
    with np.errstate(invalid="ignore"):
        expected = (priorities[:, None] > priorities[None]).astype(int) - (priorities[:, None] < priorities[None])
    assert np.array_equal(order, expected)


def random_keys(rng: np.random.Generator, count: int, wanted: int) -> np.ndarray:
    """Keys of priorities with many ties, with extremes, close together or far apart.

    Some are beyond those of any priority, as where inputs go first: at the end only where enough others are left.
    """
    kind = rng.integers(7)
    priorities = {
        0: lambda: rng.integers(0, 3, count),
        1: lambda: rng.choice(SPECIAL, count),
        2: lambda: rng.random(count),
        3: lambda: 1 + rng.integers(0, 4, count) * 2.0**-23,
        4: lambda: rng.normal(size=count) * 10.0 ** rng.integers(-40, 38, count),
        5: lambda: np.full(count, rng.choice(SPECIAL)),
        6: lambda: -rng.integers(0, 1 << 24, count),
    }[int(kind)]()
    keys = np.array([ranks.key_of(one) for one in priorities.astype(np.float32)], dtype=np.int32)
    if rng.random() < 0.2:
        keys[rng.random(count) < rng.random()] = FIRST
    if rng.random() < 0.2:
        keys[rng.permutation(count)[: rng.integers(count - wanted + 1)]] = LAST
    return keys


def with_room(values: np.ndarray) -> np.ndarray:
    """The array with something behind it that would be chosen if it were looked at."""
    return np.concatenate([values, np.full(BEHIND, FIRST, dtype=np.int32)])


def best(keys: np.ndarray, sources: np.ndarray, wanted: int) -> set[int]:
    return set(sources[np.lexsort((sources, -keys.astype(np.int64)))][:wanted].tolist())


def test_draws_of_a_vector_are_those_of_each_source():
    @compiled
    def calculate(sources, keys, inputs, found, expected):
        numbers.store_numbers(found, 0, uniform_numbers(numbers.numbers(sources, 0), keys[0], keys[1], inputs))
        for i in range(LANES):
            expected[i] = uniform_number(keys, np.int64(sources[i]) - inputs, inputs)

    rng = np.random.default_rng(8)
    found, expected = np.zeros(LANES, dtype=np.int32), np.zeros(LANES, dtype=np.float32)
    for _ in range(100):
        sources = rng.integers(0, 50, LANES).astype(np.int32)
        calculate(sources, rng.integers(0, 1 << 63, 2, dtype=np.uint64) * np.uint64(2), 20, found, expected)
        assert found.view(np.float32).tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 2


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_events_of_a_vector_of_entries_are_lost_as_those_of_each(probability: float):
    @compiled
    def calculate(indices, values, found, expected, key, probability):
        propagation.keep_events(indices, values, found, 1, 2, key, probability)
        for entry in range(LANES):
            expected[entry] = survivors(absorb(key, indices[1 + entry]), np.int64(values[1 + entry]), probability)

    rng = np.random.default_rng(9)
    for _ in range(20):
        indices = rng.integers(0, 1 << 20, LANES + 1).astype(np.int32)
        values = rng.integers(0, rng.choice([2, 6]), LANES + 1).astype(np.float32)
        found, expected = np.full(LANES + 3, -1, dtype=np.float32), np.zeros(LANES, dtype=np.float32)
        key = rng.integers(0, 1 << 63, dtype=np.uint64)
        calculate(indices, values, found, expected, key, np.float32(probability))
        assert found.tolist() == [-1, -1, *expected.tolist(), -1]


SIZES = [2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129, 500]


@pytest.mark.parametrize("count", SIZES)
def test_the_best_are_chosen_and_ties_go_to_the_lowest(count: int):
    for seed in range(40):
        rng = np.random.default_rng([count, seed, 1])
        wanted = int(rng.integers(1, count))
        keys = random_keys(rng, count, wanted)
        sources = rng.permutation(1 << 12)[:count].astype(np.int32)
        if rng.random() < 0.2:
            sources += (1 << 24) - (1 << 12) - 1
        waiting, chosen = with_room(sources), np.full(count + 1, -1, dtype=np.int32)
        with_keys = with_room(keys)
        few = np.full(4 * LANES, FIRST, dtype=np.int32)
        least, reached = selection.separator(with_keys, few, count, wanted)
        if reached > wanted:
            scratch = np.full(count + BEHIND, FIRST, dtype=np.int32)
            selection.keep_lowest_equals(with_keys, waiting, count, least, wanted, scratch, few)
            assert waiting[:count].tolist() == sources.tolist()
        assert selection.move_reaching(with_keys, least, waiting, count, chosen) == wanted
        expected = best(keys, sources, wanted)
        assert set(chosen[:wanted].tolist()) == expected
        assert sorted(waiting[: count - wanted].tolist()) == sorted(set(sources.tolist()) - expected)
        assert (chosen[wanted:] == -1).all()


@pytest.mark.parametrize("count", SIZES)
def test_a_choice_of_one_is_the_best(count: int):
    for seed in range(40):
        rng = np.random.default_rng([count, seed, 3])
        keys, sources = random_keys(rng, count, 1), rng.permutation(1 << 12)[:count].astype(np.int32)
        waiting, chosen = with_room(sources), np.full(2, -1, dtype=np.int32)
        behind = rng.integers(LAST, FIRST, BEHIND, dtype=np.int32, endpoint=True)
        selection.choose_one(np.concatenate([keys, behind]), waiting, count, chosen)
        assert {int(chosen[0])} == best(keys, sources, 1)
        assert sorted([*waiting[: count - 1].tolist(), int(chosen[0])]) == sorted(sources.tolist())
        assert chosen[1] == -1


@pytest.mark.skipif(sys.platform != "linux", reason="memory that is never written is taken elsewhere")
def test_entries_beyond_2_to_the_32_stay_where_they_are():
    """A batch may have so many, and a place without its upper bits is one at the start."""
    far = 1 << 32
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE, which Python knows from 3.13 on
    starts = np.frombuffer(mmap.mmap(-1, 4 * (far + 64), flags=flags), dtype=np.int32)
    starts[far : far + 2], starts[:2] = [1, 2], 3
    weights, ones = np.repeat(np.arange(4, dtype=np.float32), LANES), np.ones(LANES, dtype=np.float32)
    x, gradient = np.zeros(LANES, dtype=np.float32), np.zeros(4 * LANES, dtype=np.float32)
    of_frame = Rows(starts, LANES, far, far + 2), ones, far
    rows.add_scaled_rows(LANES, x, 0, weights, *of_frame)
    rows.accumulate_rows(LANES, ones, 0, gradient, *of_frame)
    assert (x == 1 + 2).all()
    assert gradient.reshape(4, LANES)[:, 0].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(("layers", "count"), [(1, 1), (4, 0), (4, 8), (8, 255), (8, 256), (9, 0), (9, 20), (12, 300)])
def test_sources_are_ordered_by_layer(layers: int, count: int):
    """As a stable sort; many sources or layers take a way of their own."""
    random = np.random.default_rng(count)
    source_layer = np.sort(random.integers(0, layers, 400)).astype(np.int32)
    chosen = random.permutation(400)[:count].astype(np.int32)
    queue = _Queue(chosen, np.zeros(count, dtype=np.int32), np.zeros(layers, dtype=np.int64))
    single_row, rows = np.arange(400, dtype=np.int32)[::-1].copy(), np.zeros(count, dtype=np.int32)
    selection.order_by_layer(_Wiring(source_layer, single_row), queue, rows, count)
    assert rows.tolist() == single_row[queue.ordered].tolist()
    assert queue.ordered.tolist() == chosen[np.argsort(source_layer[chosen], kind="stable")].tolist()
    ends = np.cumsum(np.bincount(source_layer[chosen], minlength=layers)).tolist()
    assert queue.layer_ends.tolist() == ends
    queue.layer_ends[:] = -1
    selection.end_by_layer(source_layer, queue.ordered, count, queue.layer_ends)
    assert queue.layer_ends.tolist() == ends


@pytest.mark.parametrize("count", [one for one in SIZES if one <= FEW])
def test_a_choice_among_few_is_the_same_or_left_open(count: int):
    for seed in range(60):
        rng = np.random.default_rng([count, seed, 2])
        wanted = int(rng.integers(1, count))
        keys = random_keys(rng, count, wanted)
        sources = rng.permutation(1 << 12)[:count].astype(np.int32)
        waiting, chosen = with_room(sources), np.full(count + 1, -1, dtype=np.int32)
        found = selection.choose_among_few(with_room(keys), waiting, count, wanted, chosen)
        in_order = np.sort(keys)[::-1]
        assert found == (in_order[wanted - 1] != in_order[wanted])
        if found:
            expected = best(keys, sources, wanted)
            assert set(chosen[:wanted].tolist()) == expected
            assert sorted(waiting[: count - wanted].tolist()) == sorted(set(sources.tolist()) - expected)
        else:
            assert waiting[:count].tolist() == sources.tolist()
            assert (chosen == -1).all()

"""The parts that kernels are made of, against numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numba
import numpy as np
import pytest

from codesign.simulation.event import priorities, vector
from codesign.simulation.event import selection as selection_module
from codesign.simulation.event.arrays import made
from codesign.simulation.event.selection import FIRST, LAST
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


selection, ranks = FromPython(selection_module), FromPython(priorities)


class OfNumPys(NamedTuple):
    """`NDArray[np.int32]` before NumPy 2.5, and a type with the same argument as since."""

    before: Annotated[np.ndarray[Any, np.dtype[np.int32]], "rows"]
    since: Annotated[list[np.int32], "rows", 2]


def test_numbers_are_found_in_the_annotations_of_any_numpy():
    arrays = made(OfNumPys, {"rows": 3})
    assert [(array.dtype, array.shape) for array in arrays] == [(np.int32, (3,)), (np.int32, (3, 2))]


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


# vectors -------------------------------------------------------------------------------------------------------------


LOADERS = {vector.LANES: vector.load, vector.BLOCK: vector.load_block, vector.WIDE: vector.load_wide}
each_length = pytest.mark.parametrize("lanes", LOADERS)


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

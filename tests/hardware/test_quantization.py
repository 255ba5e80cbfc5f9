from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import InputError
from codesign.hardware.parts import WeightGrid
from codesign.hardware.quantization import Grid, grid_of, potential_ranges, potential_steps, quantize_weights

UNSIGNED, FULL, ONE_SCALE = Grid(signed=False), Grid(levels="full"), Grid(scale="network")


def quantized(values: list[float], bits: int | None, grid: Grid | None = None) -> list[float]:
    return quantize_weights({"connections.0.weight": torch.tensor(values)}, bits, grid)["connections.0.weight"].tolist()


def test_three_bits_have_seven_levels_and_keep_zero_and_the_largest() -> None:
    assert quantized([-3.0, -1.4, -0.4, 0.0, 0.6, 1.6, 2.9], 3) == [-3.0, -1.0, 0.0, 0.0, 1.0, 2.0, 3.0]


def test_two_bits_are_ternary() -> None:
    assert quantized([-0.8, -0.3, 0.39, 0.41], 2) == pytest.approx([-0.8, 0, 0, 0.8])


def test_one_bit_keeps_signs_and_the_mean_magnitude() -> None:
    assert quantized([-2.0, 1.0, 0.0, 3.0], 1) == [-1.5, 1.5, 1.5, 1.5]


def test_nothing_changes_without_bits_and_the_original_never() -> None:
    state = {"connections.0.weight": torch.tensor([0.1, 0.25]), "bias": torch.tensor([0.123])}
    same = quantize_weights(state, None)
    assert torch.equal(same["connections.0.weight"], state["connections.0.weight"])
    coarse = quantize_weights(state, 2)
    assert torch.equal(coarse["bias"], state["bias"])
    assert state["connections.0.weight"].tolist() == pytest.approx([0.1, 0.25])
    coarse["bias"] += 1
    assert state["bias"].item() == pytest.approx(0.123)


def test_layers_have_scales_of_their_own_and_zeros_stay() -> None:
    state = {"a.weight": torch.tensor([1.0, 0.4]), "b.weight": torch.tensor([10.0, 0.4]), "c.weight": torch.zeros(2)}
    coarse = quantize_weights(state, 3)
    assert coarse["a.weight"].tolist() == pytest.approx([1.0, 1 / 3])
    assert coarse["b.weight"].tolist() == pytest.approx([10.0, 0.0])
    assert coarse["c.weight"].tolist() == [0, 0]


def test_weights_without_a_sign_lose_the_negative_ones_and_use_all_levels_for_the_rest() -> None:
    assert quantized([-3.0, -0.2, 0.0, 0.4, 0.6, 3.0], 2, UNSIGNED) == [0, 0, 0, 0, 1, 3]  # 0 to 3
    assert quantized([-3.0, 0.4, 0.6, 1.0], 1, UNSIGNED) == pytest.approx([0, 0, 1, 1])
    assert quantized([-3.0, -1.0], 4, UNSIGNED) == [0, 0]


def test_full_levels_reach_one_step_further_below_zero() -> None:
    assert quantized([-4.0, -3.4, -0.4, 0.6, 2.9], 3, FULL) == [-4, -3, 0, 1, 3]  # −4 to 3, steps of 1
    assert quantized([-3.0, 3.0], 3, FULL) == [-3, 3]  # the positive one decides
    assert quantized([-3.0, 3.0], 3) == [-3, 3]
    assert quantized([-4.0, 2.9], 3) == pytest.approx([-4, 8 / 3])  # symmetric: steps of 4/3
    assert quantized([-2.0, 1.0, 0.0, 3.0], 1, FULL) == [-1.5, 1.5, 1.5, 1.5]  # one bit is one bit


def test_a_network_may_have_one_scale() -> None:
    state = {"a.weight": torch.tensor([1.0, -0.4]), "b.weight": torch.tensor([3.0, 0.6]), "bias": torch.tensor([0.3])}
    coarse = quantize_weights(state, 3, ONE_SCALE)
    assert coarse["a.weight"].tolist() == [1.0, 0.0]
    assert coarse["b.weight"].tolist() == [3.0, 1.0]
    assert coarse["bias"].tolist() == pytest.approx([0.3])
    assert quantize_weights(state, 1, ONE_SCALE)["a.weight"].tolist() == [1.25, -1.25]  # mean of 1, 0.4, 3 and 0.6


def test_a_chip_says_which_integers_its_weights_are() -> None:
    said = WeightGrid(signed=False, scale="network", levels="full", confidence="stated", source="made_up")
    assert grid_of(said) == Grid(signed=False, scale="network")  # no sign, so no level below zero
    assert grid_of(None) == Grid()
    state = {"a.weight": torch.tensor([-1.0, 0.4, 3.0])}
    assert quantize_weights(state, 2, said)["a.weight"].tolist() == [0, 0, 3]


def test_potentials_count_in_steps_of_their_layers_weights() -> None:
    state = {"a.weight": torch.tensor([3.0, -1.0]), "b.weight": torch.zeros(2), "c.weight": torch.tensor([-6.0])}
    ranges = potential_ranges(state, 5, weight_bits=3)  # −16 to 15
    assert ranges == ((-16.0, 15.0), (-math.inf, math.inf), (-32.0, 30.0))
    assert potential_ranges(state, 5, weight_bits=3, grid=ONE_SCALE) == ((-32.0, 30.0),) * 3
    assert potential_ranges(state, 2, weight_bits=1)[0] == (-4.0, 2.0)
    assert potential_ranges(state, 2, weight_bits=2, grid=UNSIGNED)[2] == (-math.inf, math.inf)
    with pytest.raises(InputError, match="potential bits: must be between 1 and 32, found 33"):
        potential_ranges(state, 33, weight_bits=3)
    assert potential_steps(state, 2, weight_bits=3) == (0.25, 0.0, 0.5)
    assert potential_steps(state, 0, weight_bits=3, grid=ONE_SCALE) == (2.0,) * 3
    with pytest.raises(InputError, match="potential fraction bits: must be between 0 and 24, found 25"):
        potential_steps(state, 25, weight_bits=3)


@settings(deadline=None)
@given(
    st.lists(st.floats(-10, 10, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=20),
    st.integers(1, 16),
    st.sampled_from([Grid(), FULL, UNSIGNED]),
)
def test_few_values_close_by_and_again_the_same(values: list[float], bits: int, grid: Grid) -> None:
    once = quantized(values, bits, grid)
    symmetric = grid.signed and grid.levels == "symmetric"
    assert len(set(once)) <= max(2, 2**bits - symmetric)
    assert quantized(once, bits, grid) == pytest.approx(once, rel=1e-5)
    if bits > 1 or not grid.signed:
        kept = values if grid.signed else [max(value, 0.0) for value in values]
        most = 2 ** (bits - 1) - 1 if grid.signed else 2**bits - 1
        step = max(max(kept) / most, -min(kept) / (most + (grid.signed and not symmetric)))
        assert max(abs(a - b) for a, b in zip(kept, once, strict=True)) <= step / 2 * (1 + 1e-5) + 1e-9

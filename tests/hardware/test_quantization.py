from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import InputError
from codesign.hardware.quantization import quantize_weights


def quantized(values: list[float], bits: int | None) -> list[float]:
    return quantize_weights({"connections.0.weight": torch.tensor(values)}, bits)["connections.0.weight"].tolist()


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


@pytest.mark.parametrize("bits", [0, 33, -1])
def test_bits_out_of_range_are_refused(bits: int) -> None:
    with pytest.raises(InputError, match="between 1 and 32"):
        quantized([1.0], bits)


@settings(deadline=None)
@given(
    st.lists(st.floats(-10, 10, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=20),
    st.integers(1, 16),
)
def test_few_values_close_by_and_again_the_same(values: list[float], bits: int) -> None:
    once = quantized(values, bits)
    assert len(set(once)) <= max(2, 2**bits - 1)
    assert quantized(once, bits) == pytest.approx(once, rel=1e-5)
    if bits > 1:
        step = max(map(abs, values)) / (2 ** (bits - 1) - 1)
        assert max(abs(a - b) for a, b in zip(values, once, strict=True)) <= step / 2 * (1 + 1e-5) + 1e-9

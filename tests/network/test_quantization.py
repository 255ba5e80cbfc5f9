"""Weights and potentials of few bits, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from networks import network_of
from torch.nn.utils import prune

from codesign.errors import InputError
from codesign.network.quantization import Quantization, quantize
from codesign.network.topology import TopologySpec

UNSIGNED, FULL, ONE_SCALE = {"signed": False}, {"levels": "full"}, {"scale": "network"}


def together(layers: list[torch.Tensor], bits: int, **grid: Any) -> list[list[float]]:
    quantization = Quantization(bits=bits, **grid)
    return [found.tolist() for found in quantization.weights(layers, quantization.scales(layers))]


def quantized(values: list[float], bits: int, **grid: Any) -> list[float]:
    return together([torch.tensor(values)], bits, **grid)[0]


@pytest.mark.parametrize(
    ("bits", "grid", "values", "expected"),
    [
        # seven levels, of which zero and the largest number are some
        (3, {}, [-3.0, -1.4, -0.4, 0.0, 0.6, 1.6, 2.9], [-3, -1, 0, 0, 1, 2, 3]),
        (1, {}, [-2.0, 1.0, 0.0, 3.0], [-1.5, 1.5, 1.5, 1.5]),  # signs and the mean magnitude
        # without a sign: none below zero, and all levels for the rest
        (2, UNSIGNED, [-3.0, -0.2, 0.0, 0.4, 0.6, 3.0], [0, 0, 0, 0, 1, 3]),
        (1, UNSIGNED, [-3.0, 0.4, 0.6, 1.0], [0, 0, 1, 1]),
        (4, UNSIGNED, [-3.0, -1.0], [0, 0]),
        (3, FULL, [-4.0, -3.4, -0.4, 0.6, 2.9], [-4, -3, 0, 1, 3]),  # −4 to 3, steps of 1
        (3, FULL, [-3.0, 3.0], [-3, 3]),  # the positive one decides
        (1, FULL, [-2.0, 1.0, 0.0, 3.0], [-1.5, 1.5, 1.5, 1.5]),  # one bit is one bit
    ],
)
def test_levels_by_hand(bits: int, grid: dict[str, Any], values: list[float], expected: list[float]) -> None:
    assert quantized(values, bits, **grid) == pytest.approx(expected)


def test_one_bit_is_no_plural() -> None:
    assert Quantization(bits=1).summary.startswith("1 bit a weight, ")


def test_layers_have_scales_of_their_own_and_zeros_stay() -> None:
    layers = [torch.tensor([1.0, 0.4]), torch.tensor([10.0, 0.4]), torch.zeros(2)]
    coarse = together(layers, 3)
    assert coarse[:2] == [pytest.approx([1.0, 1 / 3]), pytest.approx([10.0, 0.0])]
    assert coarse[2] == [0, 0]
    assert layers[0].tolist() == pytest.approx([1.0, 0.4])


def test_a_network_may_have_one_scale() -> None:
    layers = [torch.tensor([1.0, -0.4]), torch.tensor([3.0, 0.6])]
    assert together(layers, 3, **ONE_SCALE) == [[1, 0], [3, 1]]
    assert together(layers, 1, **ONE_SCALE)[0] == [1.25, -1.25]  # mean of 1, 0.4, 3 and 0.6


def test_potentials_count_in_steps_of_their_layers_weights() -> None:
    layers = [torch.tensor([3.0, -1.0]), torch.zeros(2), torch.tensor([-6.0])]

    def steps(**grid: Any) -> Any:
        quantization = Quantization(bits=3, **grid)
        return quantization.potential_steps(quantization.scales(layers))

    def ranges(bits: int, potential_bits: int, **grid: Any) -> Any:
        quantization = Quantization(bits=bits, potential_bits=potential_bits, **grid)
        return quantization.potential_ranges(quantization.scales(layers))

    assert ranges(3, 5) == ((-16.0, 15.0), (-math.inf, math.inf), (-32.0, 30.0))  # −16 to 15
    assert ranges(3, 5, **ONE_SCALE) == ((-32.0, 30.0),) * 3
    assert ranges(1, 2)[0] == (-4.0, 2.0)
    assert ranges(2, 2, **UNSIGNED)[2] == (-math.inf, math.inf)
    assert steps(potential_fraction_bits=2) == (0.25, 0.0, 0.5)
    assert steps(potential_fraction_bits=0, **ONE_SCALE) == (2.0,) * 3


@pytest.mark.parametrize("current", [{}, {"synaptic_time_constant": "5 ms", "tick": True}])
def test_a_gain_is_as_good_as_weights_multiplied_by_it(current: dict[str, Any]) -> None:
    amplified = network_of("1-2-1", [[0.5], [1.5]], [[3.0, -1.0]], gain=(0.125, 4.0), **current)
    plain = network_of("1-2-1", [[0.0625], [0.1875]], [[12.0, -4.0]], **current)
    for network in (amplified, plain):
        quantize(network, Quantization(bits=3, potential_bits=5, potential_fraction_bits=1))
    assert amplified.potential_ranges == plain.potential_ranges == ((-1, 0.9375), (-64, 60))
    assert plain.potential_steps == (0.03125, 2)
    assert amplified.potential_steps == ((0.25, 0.5) if current else (0.03125, 2))  # a current has no gain


def test_a_network_is_quantized_in_place_and_becomes_float_again() -> None:
    network = network_of("1-2-1", [[0.4], [1.0]], [[3.0, -1.0]])
    floats = [weight.detach().clone() for weight in network.weights()]
    quantize(network, Quantization(bits=3, potential_bits=5, potential_fraction_bits=1))
    assert [weight.flatten().tolist() for weight in network.weights()] == [pytest.approx([1 / 3, 1]), [3, -1]]
    assert network.potential_ranges == (pytest.approx((-16 / 3, 5)), (-16, 15))  # of the float weights' scales
    assert network.potential_steps == (pytest.approx(1 / 6), 0.5)
    mixed = network_of("1-2-1", [[0.4], [1.0]], [[3.0, -1.0]], time_constant="20 ms", potential_step=(0.25, None))
    quantize(mixed, Quantization(bits=3, potential_fraction_bits=1))
    assert mixed.potential_steps == (0.25, 0.5)  # a layer without a step of its own has the chip's
    quantize(network, None, weights=floats)
    assert all(map(torch.equal, network.weights(), floats))
    assert (network.potential_ranges, network.potential_steps) == (None, None)


@pytest.mark.parametrize("grid", [{}, ONE_SCALE])
def test_an_average_is_the_sum_over_weights_that_are_divided_by_its_window(grid: dict[str, Any]) -> None:
    """The same network in two forms is the same on a chip, also where a skip comes to the same layer."""
    skip, found = {"from": "input", "to": 1, "kind": "linear"}, []
    for kind, factor in (("average_pool", 1.0), ("sum_pool", 0.25)):
        layers = [{"kind": "conv2d", "channels": 1, "kernel": 1}, {"kind": kind, "kernel": 2}]
        layers.append({"kind": "linear", "neurons": 2})
        network = network_of(TopologySpec.model_validate({"input": [1, 2, 2], "layers": layers, "skips": [skip]}))
        behind = torch.tensor([[3.0], [-0.8]]) * factor
        network.load_weights([torch.ones(1, 1, 1, 1), behind, torch.tensor([[0.5] * 4, [0.2] * 4])])
        quantize(network, Quantization(bits=3, potential_bits=5, potential_fraction_bits=1, **grid))
        found.append((network.all_weights(), network.potential_ranges, network.potential_steps))
        network.weights()[1].detach().div_(factor)
    assert all(map(torch.equal, *(one[0] for one in found)))
    assert found[0][1:] == found[1][1:]
    assert found[0][2][1] == pytest.approx(1 / 6 if grid else 0.125)  # half a third of 1, or of 3 / 4


def test_weights_that_are_computed_or_shared_are_not_changed_in_vain() -> None:
    pruned, tied = network_of("8-2"), network_of("8-8-8")
    prune.l1_unstructured(pruned.connections[0], "weight", 0.5)
    tied.connections[1].weight = tied.connections[0].weight
    for network in (pruned, tied):
        with pytest.raises(InputError, match=r"weight \d must be a parameter of its own to be changed.*prune\.remove"):
            quantize(network, Quantization(bits=3))
    prune.remove(pruned.connections[0], "weight")
    quantize(pruned, Quantization(bits=3))


@example([1.0, 2.0], 13, {})
@given(
    st.lists(st.floats(-10, 10, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=20),
    st.integers(1, 16),
    st.sampled_from([{}, FULL, UNSIGNED]),
)
def test_few_values_close_by_and_again_the_same(values: list[float], bits: int, grid: dict[str, Any]) -> None:
    once = quantized(values, bits, **grid)
    signed, symmetric = grid is not UNSIGNED, not grid
    assert len(set(once)) <= max(2, 2**bits - symmetric)
    assert quantized(once, bits, **grid) == pytest.approx(once, rel=1e-5)
    if bits > 1 or not signed:
        kept = values if signed else [max(value, 0.0) for value in values]
        most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        step = max(max(kept) / most, -min(kept) / (most + (signed and not symmetric)))
        rounding = 2**-23 * max(map(abs, kept))  # of float32
        assert max(abs(a - b) for a, b in zip(kept, once, strict=True)) <= step / 2 * (1 + 1e-5) + rounding + 1e-9

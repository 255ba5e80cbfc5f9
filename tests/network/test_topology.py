"""Shapes of networks."""

from __future__ import annotations

import pytest

from codesign.errors import InputError
from codesign.network.topology import TopologySpec, network_shape, parse_topology


def test_the_papers_notation():
    shape = network_shape(parse_topology("2312-[64x3]-10"))
    assert shape.input_size == 2312
    assert shape.layer_sizes == (64, 64, 64, 10)
    assert shape.neurons == 202
    assert shape.hidden_neurons == 192
    assert [layer.synapses for layer in shape.layers] == [147968, 4096, 4096, 640]
    assert [layer.fan_in for layer in shape.layers] == [2312, 64, 64, 64]
    assert shape.starts == (0, 64, 128, 192, 202)
    assert shape.mean_hidden_fan_out == 46  # (64 + 64 + 10) / 3, as the paper's Table 3 needs it
    assert parse_topology("5 - [4×2] - 3") == parse_topology("5-4-4-3")


@pytest.mark.parametrize("text", ["", "10", "10-", "a-b", "10-[3x]-2", "10--3", "10-0-3", "10-[3x2000]-2", "-3-2"])
def test_other_notations_are_errors(text: str):
    with pytest.raises(InputError, match="topology"):
        parse_topology(text)


def test_convolutions_and_pools_by_hand():
    spec = {
        "input": [1, 4, 4],
        "layers": [
            {"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1},
            {"kind": "sum_pool", "kernel": 2},
            {"kind": "linear", "neurons": 3},
        ],
    }
    conv, linear = network_shape(TopologySpec.model_validate(spec)).layers
    assert (conv.channels, conv.height, conv.width, conv.neurons) == (2, 4, 4, 32)
    assert conv.fan_in == 9
    assert conv.synapses == 2 * (2 + 3 + 3 + 2) ** 2  # border positions see 2 of 3 taps along an axis
    assert conv.weights == 18
    assert linear.fan_in == 32
    assert linear.synapses == 96
    assert linear.weights == 2 * 2 * 2 * 3


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"kind": "sum_pool", "kernel": 3}, {"kind": "linear", "neurons": 2}], "does not divide"),
        ([{"kind": "conv2d", "channels": 1, "kernel": 9}], "does not fit"),
        ([{"kind": "sum_pool", "kernel": 2}], "must have neurons"),
    ],
)
def test_impossible_shapes_are_errors(layers: list[dict[str, object]], message: str):
    with pytest.raises(InputError, match=message):
        TopologySpec(input=[1, 4, 4], layers=layers)

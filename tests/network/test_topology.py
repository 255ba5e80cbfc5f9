"""Shapes of networks."""

from __future__ import annotations

import pytest

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, network_shape, parse_topology


def test_the_papers_notation():
    shape = network_shape("2312-[64x3]-10")
    assert network_shape(parse_topology("2312-[64x3]-10")) == shape
    assert shape.input_size == 2312
    assert shape.layer_sizes == (64, 64, 64, 10)
    assert shape.neurons == 202
    assert shape.hidden_neurons == 192
    assert [layer.synapses for layer in shape.layers] == [147968, 4096, 4096, 640]
    assert [layer.fan_in for layer in shape.layers] == [2312, 64, 64, 64]
    assert shape.starts == (0, 64, 128, 192, 202)
    assert shape.mean_hidden_fan_out == 46  # (64 + 64 + 10) / 3, as the paper's Table 3 needs it
    assert parse_topology("5 - [4×2] - 3") == parse_topology("5-4-4-3")
    assert len(parse_topology("5-[4x999]-3").layers) == 1000  # as many as files may list


@pytest.mark.parametrize("text", ["", "10", "a-b", "10--3", "10-0-3", "10-[3x2000]-2", "5r-3", 12])
def test_other_notations_are_errors(text: str | int):
    with pytest.raises(InputError, match="topology"):
        network_shape(text)  # type: ignore[arg-type]


def test_a_grouped_dilated_rectangular_layer_by_hand():
    """6 channels of 5×7 behind a pool of 1×2: 5×3, of which the last column of neurons is in no window; behind it, a
    pool of all three columns and a fully connected layer."""
    pool = {"kind": "average_pool", "kernel": [1, 2], "stride": [1, 2]}
    conv = {"kind": "conv2d", "channels": 4, "kernel": [2, 3], "stride": [2, 1], "padding": [0, 1], "dilation": [3, 1]}
    after = [{"kind": "sum_pool", "kernel": [1, 3]}, {"kind": "linear", "neurons": 3}]
    spec = {"input": [6, 5, 7], "layers": [pool, {**conv, "groups": 2}, *after]}
    layer, linear = network_shape(TopologySpec.model_validate(spec)).layers
    assert (linear.fan_in, linear.synapses, linear.weights) == (12, 3 * 12, 3 * 4)
    # of the rows only taps 0 and 3 fit, once
    assert (layer.channels, layer.height, layer.width, layer.neurons) == (4, 1, 3, 12)
    assert layer.fan_in == 3 * (2 * 3) * 2  # channels of a group, taps, neurons in a window
    assert layer.synapses == 4 * 3 * (2 * (2 + 3 + 2)) * 2
    assert layer.weights == 4 * 3 * 2 * 3
    fan_out = SpikingNetwork(TopologySpec.model_validate(spec), NeuronSpec(), timestep_s=1).fan_out()[:35]
    # each row of a channel, by column: the 2 channels of its group times positions that see the window
    assert fan_out.tolist() == [4, 4, 6, 6, 4, 4, 0] + [0] * 14 + [4, 4, 6, 6, 4, 4, 0] + [0] * 7


CONV = {"kind": "conv2d", "channels": 2, "kernel": 2}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"kind": "sum_pool", "kernel": [2, 5]}, {"kind": "linear", "neurons": 2}], "pool of 2×5 does not fit 4×4"),
        ([{"kind": "sum_pool", "kernel": 2, "stride": 1}, {"kind": "linear", "neurons": 2}], "must be the kernel, 2"),
        ([{**CONV, "kernel": [1, 3], "dilation": [1, 2]}], "kernel of 1×5 does not fit 4×4"),
        ([{**CONV, "groups": 2}], "groups must divide the channels 1 before and 2 here, found 2"),
        ([{**CONV, "kind": "conv1d"}], "along a grid of height 1, found 4×4; use a conv2d"),
        ([{"kind": "sum_pool", "kernel": 2}], "must have neurons"),
        ([{"kind": "max_pool", "kernel": 2}, {"kind": "linear", "neurons": 2}], "must directly follow a layer of"),
        (
            [CONV, {"kind": "max_pool", "kernel": 2}, {"kind": "sum_pool", "kernel": 1}, CONV],
            "must directly follow a layer of",
        ),
    ],
)
def test_impossible_shapes_are_errors(layers: list[dict[str, object]], message: str):
    with pytest.raises(InputError, match=message):
        TopologySpec(input=[1, 4, 4], layers=layers)

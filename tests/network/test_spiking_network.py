"""The network as a torch module, and its connections against explicit synapses."""

from __future__ import annotations

import math

import pytest
import torch
from networks import network_of

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.neuron_numbers import of_decay
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec

SPEC = {
    "input": [2, 6, 6],
    "layers": [
        {"kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1, "stride": 1},
        {"kind": "sum_pool", "kernel": 2},
        {"kind": "conv2d", "channels": 6, "kernel": [2, 1], "dilation": [1, 2], "groups": 2},
        {"kind": "average_pool", "kernel": 2},  # leaves out a column of three
        {"kind": "linear", "neurons": 4},
    ],
}


def test_numbers_are_float32_whatever_a_notebook_has_set() -> None:
    topology = TopologySpec.model_validate(SPEC | {"delayed": [{"from": 2, "to": 2, "delay": 1}]})
    torch.set_default_dtype(torch.float64)
    try:
        network = SpikingNetwork(topology, NeuronSpec(bias=True), timestep_s=0.01)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_fans_and_messages_count_synapses_of_the_dense_matrix_whatever_weighs_nothing() -> None:
    network = SpikingNetwork(TopologySpec.model_validate(SPEC), NeuronSpec(), timestep_s=0.01)
    for connection, layer in zip(network.layer_connections(), network.shape.layers, strict=True):
        with torch.no_grad():
            connection.weight.fill_(1.0)
        alone = torch.eye(connection.inputs, dtype=torch.float64)
        exists = connection.currents(alone, connection.weight.double()).T != 0
        assert connection.fan_out().tolist() == exists.sum(dim=0).tolist()
        assert connection.fan_in().tolist() == exists.sum(dim=1).tolist()
        assert int(exists.sum()) == layer.synapses
        assert int(connection.fan_in().max()) == layer.fan_in
        spikes = torch.randint(0, 3, (2, connection.inputs), generator=torch.Generator().manual_seed(1)).double()
        with torch.no_grad():
            connection.weight.zero_()
        assert torch.equal(connection.messages(spikes), spikes @ exists.double().T)


SIDES = {"kernel": (3, 2), "stride": (1, 2), "padding": (2, 1), "dilation": (1, 2)}


@pytest.mark.parametrize(
    ("source", "kernel", "arguments"),
    [
        ((4, 7, 9), (1, 1), {"kernel": 3}),
        ((4, 7, 9), (2, 3), {"kernel": 2, "stride": 2, "padding": 1, "groups": 2}),
        ((4, 9, 6), (2, 1), {**SIDES, "groups": 4}),
        ((4, 11), 2, {"kernel": 2, "stride": 2, "padding": 1, "dilation": 3, "groups": 2}),
    ],
)
def test_currents_are_those_of_torchs_own_layers(source, kernel, arguments):
    """With the arguments as torch takes them, behind a pool that leaves out what fills no window."""
    flat, channels = len(source) == 2, 8
    layer = {"kind": "conv1d" if flat else "conv2d", "channels": channels, **arguments}
    sides = (1, kernel) if flat else kernel
    layers = [{"kind": "average_pool", "kernel": sides}, layer]
    network = SpikingNetwork(TopologySpec(input=source, layers=layers), NeuronSpec(), timestep_s=0.01)
    (connection,) = network.layer_connections()
    pool, convolution = (torch.nn.AvgPool1d, torch.nn.Conv1d) if flat else (torch.nn.AvgPool2d, torch.nn.Conv2d)
    named = {"kernel_size" if name == "kernel" else name: value for name, value in arguments.items()}
    theirs = torch.nn.Sequential(pool(kernel), convolution(source[0], channels, bias=False, **named)).double()
    spikes = torch.randint(0, 3, (2, *source), generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        theirs[1].weight.copy_(connection.weight.reshape(theirs[1].weight.shape))
        found = connection.currents(spikes.flatten(1), connection.weight.double())
        torch.testing.assert_close(found, theirs(spikes).flatten(1))


def test_is_an_ordinary_module():
    network, other, again = (network_of("5-4-3", bias=True, seed=seed) for seed in (1, 2, 1))
    assert {name for name, _ in network.named_parameters()} == {"bias", "connections.0.weight", "connections.1.weight"}
    assert not torch.equal(network.weights()[0], other.weights()[0])
    other.load_state_dict(network.state_dict())
    assert torch.equal(network.weights()[0], other.weights()[0])
    assert torch.equal(network.weights()[0], again.weights()[0])
    assert network.weights()[0].abs().max() <= 1 / math.sqrt(5)
    assert "5-4-3, timestep_s=0.01" in repr(network.double())


@pytest.mark.parametrize(
    "usual", [{"reset_delay": [False] * 2}, {"reset_value": [0.0] * 2}, {"reset": ["zero"] * 2, "reset_delay": True}]
)
def test_usual_values_may_be_given_for_each_layer(usual):
    """As a script does that reads all parameters of each layer from another framework."""
    assert NeuronSpec(**{"reset": ["subtract"] * 2, **usual}).each("reset") in [("subtract",), ("zero",)]


def test_a_part_of_a_state_changes_nothing_else():
    network = network_of("5-4-3", gain=0.5, synaptic_time_constant="3 ms")
    network.input_gate = torch.tensor([True, False, True, True, True])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    part = {name: tensor + 1 for name, tensor in before.items() if name in ("connections.1.weight", "gain")}
    network.load_state_dict(part, strict=False)
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(tensor, {**before, **part}[name]) for name, tensor in after.items())


def test_time_constants_give_decays_to_the_last_bit():
    network = network_of("2-1000-2")
    decay = torch.cat([torch.rand(998, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1e-40, 1, 0.1])])
    network.time_constant = torch.from_numpy(of_decay(decay.numpy(), network.timestep_s))
    assert torch.equal(network.decay, decay)
    assert torch.equal(network.double().float().decay, decay)
    assert network.threshold.dtype == torch.float32


def test_weights_from_elsewhere_are_taken_in_torchs_order_or_not_at_all() -> None:
    network = network_of("4-3-2", threshold=0.7)
    elsewhere = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), torch.nn.Linear(3, 2, bias=False))
    first, second = (weight.detach() for weight in elsewhere.parameters())
    network.load_weights([first, second.numpy()])
    assert all(torch.equal(own, weight) for own, weight in zip(network.weights(), (first, second), strict=True))
    assert (network.threshold == 0.7).all()
    for wrong in ([second, first], [first], [first.T + 1, second]):
        with pytest.raises(InputError, match=r"^weights: this network needs \[\(3, 4\), \(2, 3\)\]"):
            network.load_weights(wrong)
    assert torch.equal(network.weights()[0], first)
    with pytest.raises(InputError, match=r"there are biases; make the network with NeuronSpec\(bias=True\)"):
        network.load_weights([first, torch.ones(3), second])


def test_biases_follow_the_weights_of_their_layers() -> None:
    layers = [{"kind": "conv2d", "channels": 2, "kernel": 2}, {"kind": "linear", "neurons": 3}]
    network = network_of({"input": [1, 3, 3], "layers": layers}, bias=True)
    weights = [torch.zeros(2, 1, 2, 2), torch.zeros(3, 8)]
    biases = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])]
    network.load_weights([weights[0], biases[0], weights[1], biases[1]])
    assert network.bias.tolist() == [1.0] * 4 + [2.0] * 4 + [3.0, 4.0, 5.0]
    network.load_weights([weights[0], weights[1], biases[1] + 1])  # the other layer's stays
    assert network.bias.tolist() == [1.0] * 4 + [2.0] * 4 + [4.0, 5.0, 6.0]
    for wrong, message in (
        ([biases[0], *weights], "input to output, where a bias follows the weight of its layer"),
        ([weights[0], biases[1], weights[1]], "the bias of layer 0 must have 2 numbers, found 3"),
    ):
        with pytest.raises(InputError, match=message):
            network.load_weights(wrong)

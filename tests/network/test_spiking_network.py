"""The network as a torch module, and its connections against explicit synapses."""

from __future__ import annotations

import math

import pytest
import torch

from codesign.network.connection import Connection
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, parse_topology

SPEC = {
    "input": [2, 6, 6],
    "layers": [
        {"kind": "conv2d", "channels": 3, "kernel": 3, "padding": 1, "stride": 1},
        {"kind": "sum_pool", "kernel": 2},
        {"kind": "conv2d", "channels": 2, "kernel": 2, "stride": 1},
        {"kind": "average_pool", "kernel": 2},
        {"kind": "linear", "neurons": 4},
    ],
}


@pytest.fixture
def convolutional() -> SpikingNetwork:
    return SpikingNetwork(TopologySpec.model_validate(SPEC), NeuronSpec(), timestep_s=0.01, seed=3)


def matrix(connection: Connection) -> torch.Tensor:
    """The connection as a dense (outputs, inputs) matrix, column by column."""
    return connection.currents(torch.eye(connection.inputs, dtype=torch.float64), connection.weight.double()).T


def test_gradients_are_adjoints(convolutional: SpikingNetwork):
    generator = torch.Generator().manual_seed(0)
    for connection in convolutional.layer_connections():
        spikes = torch.rand((3, connection.inputs), dtype=torch.float64, generator=generator)
        gradient = torch.rand((3, connection.outputs), dtype=torch.float64, generator=generator)
        weight = connection.weight.detach().double().requires_grad_()
        spikes.requires_grad_()
        (connection.currents(spikes, weight) * gradient).sum().backward()
        torch.testing.assert_close(connection.spikes_gradient(gradient, weight.detach()), spikes.grad)
        torch.testing.assert_close(connection.weight_gradient(gradient, spikes.detach()), weight.grad)


def test_fans_count_synapses_of_the_dense_matrix(convolutional: SpikingNetwork):
    for connection, layer in zip(convolutional.layer_connections(), convolutional.shape.layers, strict=True):
        with torch.no_grad():
            connection.weight.fill_(1.0)
        exists = matrix(connection) != 0
        assert connection.fan_out().tolist() == exists.sum(dim=0).tolist()
        assert connection.fan_in().tolist() == exists.sum(dim=1).tolist()
        assert int(exists.sum()) == layer.synapses
        assert int(connection.fan_in().max()) == layer.fan_in


def test_messages_count_synapses_even_where_weights_cancel(convolutional: SpikingNetwork):
    for connection in convolutional.layer_connections():
        with torch.no_grad():
            connection.weight.fill_(1.0)
        exists = (matrix(connection) != 0).double()
        spikes = torch.randint(0, 3, (2, connection.inputs), generator=torch.Generator().manual_seed(1)).double()
        with torch.no_grad():
            connection.weight.zero_()
        assert torch.equal(connection.messages(spikes), spikes @ exists.T)


def test_average_pool_divides_by_its_window():
    spec = {"input": [1, 2, 2], "layers": [{"kind": "average_pool", "kernel": 2}, {"kind": "linear", "neurons": 1}]}
    network = SpikingNetwork(TopologySpec.model_validate(spec), NeuronSpec(), timestep_s=0.01)
    connection = network.layer_connections()[0]
    currents = connection.currents(torch.tensor([[1.0, 2.0, 0.0, 3.0]]), torch.tensor([[0.5]]))
    assert currents.tolist() == [[0.75]]


def test_is_an_ordinary_module():
    network = SpikingNetwork(parse_topology("5-4-3"), NeuronSpec(bias=True), timestep_s=0.01, seed=1)
    assert {name for name, _ in network.named_parameters()} == {"bias", "connections.0.weight", "connections.1.weight"}
    other = SpikingNetwork(parse_topology("5-4-3"), NeuronSpec(bias=True), timestep_s=0.01, seed=2)
    assert not torch.equal(network.weights()[0], other.weights()[0])
    other.load_state_dict(network.state_dict())
    assert torch.equal(network.weights()[0], other.weights()[0])
    again = SpikingNetwork(parse_topology("5-4-3"), NeuronSpec(bias=True), timestep_s=0.01, seed=1)
    assert torch.equal(network.weights()[0], again.weights()[0])
    assert network.weights()[0].abs().max() <= 1 / math.sqrt(5)


def test_decay_by_hand():
    leaky = NeuronSpec.model_validate({"time_constant": "5 ms"})
    network = SpikingNetwork(parse_topology("2-2"), leaky, timestep_s=0.01)
    assert network.decay.tolist() == pytest.approx([math.exp(-2)] * 2)
    assert leaky.decay(0.01) == pytest.approx(math.exp(-2))
    network = SpikingNetwork(parse_topology("2-2"), NeuronSpec(), timestep_s=0.01)
    assert network.decay.tolist() == [1.0, 1.0]

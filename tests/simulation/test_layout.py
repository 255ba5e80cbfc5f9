"""The event engine's layout: rows added by taps, in plain numpy, are what the network's own connections compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_cases import deep_convolutional, wide_linear

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec
from codesign.simulation.event.layout import MemoryLayout


def networks() -> list[SpikingNetwork]:
    """Free weights: nothing here depends on the order of sums by more than rounding."""
    topologies = [deep_convolutional(np.random.default_rng(seed)) for seed in range(24)]
    topologies += [wide_linear(np.random.default_rng(seed)) for seed in range(6)]
    return [SpikingNetwork(one, NeuronSpec(), timestep_s=0.01, seed=i) for i, one in enumerate(topologies)]


NETWORKS = networks()
each_network = pytest.mark.parametrize("network", NETWORKS, ids=range(len(NETWORKS)))


def rows_of(layout: MemoryLayout, source: int) -> list[tuple[slice, slice]]:
    """For each tap of a source: the row among the packed weights, and the slots that it is added to."""
    wiring = layout.wiring
    place = wiring.source_position[source]
    found = []
    for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
        width = wiring.layer_width[wiring.source_layer[source]]
        row = wiring.source_row[source] + wiring.tap_row[tap]
        slot = wiring.position_slot[wiring.tap_position[tap]]
        found.append((slice(row, row + width), slice(slot, slot + width)))
    return found


def slots_of_layers(network: SpikingNetwork, layout: MemoryLayout) -> list[np.ndarray]:
    of_neurons = layout.wiring.source_slot[network.shape.input_size :]
    return [of_neurons[neurons] for neurons in network.layer_slices]


@each_network
def test_rows_at_the_slots_of_taps_are_the_connections_matrices(network: SpikingNetwork):
    """So a spike adds its currents, and the product of its rows with a gradient at their slots is the adjoint."""
    layout = MemoryLayout(network)
    packed = layout.pack(network.weights()).astype(np.float64)
    first = 0
    for connection, slots in zip(network.layer_connections(), slots_of_layers(network, layout), strict=True):
        x = np.zeros((connection.inputs, layout.slots))
        for j in range(connection.inputs):
            for row, target in rows_of(layout, first + j):
                x[j, target] += packed[row]
        single = torch.eye(connection.inputs, dtype=torch.float64)
        expected = connection.currents(single, connection.weight.detach().double())
        np.testing.assert_allclose(x[:, slots], expected.numpy(), rtol=1e-6, atol=1e-7)
        x[:, slots] = 0
        assert not x.any()  # neither padding nor another layer
        first += connection.inputs


def test_a_network_whose_windows_lie_in_the_padding_alone_has_no_taps():
    layer = {"kind": "conv2d", "channels": 2, "kernel": 2, "dilation": 3, "padding": 1}
    network = SpikingNetwork(TopologySpec(input=(1, 2, 2), layers=[layer]), NeuronSpec(), timestep_s=1e-3)
    wiring = MemoryLayout(network).wiring
    assert len(wiring.tap_row) == 0
    assert wiring.fan_out.tolist() == [0] * 6

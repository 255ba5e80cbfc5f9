"""Shallow inhibition first: the shallowest layer that waits leaves first, within it the most inhibitory neuron.

In layered inference each layer finishes before the next one begins. If a group cannot hold a whole layer, inhibitory
neurons should leave before excitatory ones, since excitation alone makes neurons fire that stay silent under layered
inference. The order never changes, so an arbiter of fixed priority follows it if neurons are numbered accordingly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codesign.deferred import torch
from codesign.simulation.policies.policy import Policy, Waiting

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


def score(network: SpikingNetwork) -> torch.Tensor:
    """(N,) rank of each neuron, from 1: by layer, then by the sum of its outgoing weights (lowest first), then by
    index.

    The sum counts a weight once per synapse, multiplied by the factors of pools in between.
    """
    connections, sizes = network.layer_connections(), network.shape.layer_sizes
    sums = []
    for connection in connections[1:]:
        everyone = torch.ones((1, connection.outputs), dtype=torch.float64)
        sums.append(connection.spikes_gradient(everyone, connection.weight.detach().cpu().double())[0])
    sums.append(torch.zeros(sizes[-1], dtype=torch.float64))  # output neurons have no successors
    places = [
        start + 1 + of_layer.argsort(stable=True).argsort()
        for start, of_layer in zip(network.shape.starts, sums, strict=False)
    ]
    return torch.cat(places)


def priority(waiting: Waiting) -> Any:
    """Minus the neuron's rank; inputs, at 0, come before all neurons."""
    return -waiting.score


SHALLOW_INHIBITION_FIRST = Policy(name="shallow_inhibition_first", priority=priority, score=score)

"""Connections whose spikes arrive in a later timestep: recurrence, feedback and axonal delays."""

from __future__ import annotations

import math

import torch

from codesign.network.layers import Delayed
from codesign.network.topology import TopologySpec, network_shape


class DelayedConnection(torch.nn.Module):
    """Synapses from every neuron of a layer to every neuron of a layer, the same or any other, with one delay.

    x_i(t) = Σ_j W_ij c_j(t − d), with c the spikes that a neuron emitted in a timestep.

    Args:
        spec: which layers, counted from 0, and d ≥ 1, in timesteps.
        sources, targets: neurons of the two layers.
        generator: source of the initial weights, uniform in ±1/√sources.

    Attributes:
        weight: (targets, sources) parameter.
    """

    def __init__(self, spec: Delayed, sources: int, targets: int, generator: torch.Generator) -> None:
        super().__init__()
        self.source, self.target, self.delay = spec.from_, spec.to, spec.delay
        bound = 1 / math.sqrt(sources)
        self.weight = torch.nn.Parameter((2 * torch.rand((targets, sources), generator=generator) - 1) * bound)

    def extra_repr(self) -> str:
        """Layers and delay."""
        return f"layer {self.source} to layer {self.target}, delay={self.delay}"


def delayed_connections(topology: TopologySpec, generator: torch.Generator) -> list[DelayedConnection]:
    """Those of a topology, in its order."""
    sizes = network_shape(topology).layer_sizes
    return [DelayedConnection(spec, sizes[spec.from_], sizes[spec.to], generator) for spec in topology.later]

"""A feed-forward spiking network as a torch module: parameters and state dict like any other."""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from codesign.errors import InputError
from codesign.network.connection import Connection, Grid
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import AveragePool, LayerShape, NetworkShape, SumPool, TopologySpec, network_shape

__all__ = ["SpikingNetwork"]


class SpikingNetwork(torch.nn.Module):
    """L layers of spiking neurons; layer l feeds layer l + 1.

    The module holds what training changes (the weight of each connection, and a bias where the neuron has one) and the
    neurons' constants; `codesign.simulate` runs it.

    Args:
        topology: layers and input.
        neuron: parameters of every neuron.
        timestep_s: Δt, the length of a timestep in seconds, from which the decay between timesteps follows.
        seed: of the initial weights; the same seed gives the same weights.

    Attributes:
        connections: one `Connection` a layer of neurons; `connections[0]` comes from the input.
        bias: (N,) parameter, or None.
        threshold: (N,) float32 buffer, U_thr of each neuron.
        time_constant: (N,) float64 buffer, τ_m of each neuron in seconds, infinite without leak.
        potential_ranges: lowest and highest potential of each layer's neurons, where they saturate; None by default. No
            part of the state dict.
    """

    threshold: torch.Tensor
    time_constant: torch.Tensor

    def __init__(self, topology: TopologySpec, neuron: NeuronSpec, *, timestep_s: float, seed: int = 0) -> None:
        super().__init__()
        self.topology = topology
        self.neuron = neuron
        self.timestep_s = timestep_s
        self.shape: NetworkShape = network_shape(topology)
        generator = torch.Generator().manual_seed(seed)
        self.connections = torch.nn.ModuleList(_connections(topology, self.shape, generator))
        self.bias = torch.nn.Parameter(torch.zeros(self.shape.neurons)) if neuron.bias else None
        self.register_buffer("threshold", torch.full((self.shape.neurons,), neuron.threshold))
        constants = torch.full((self.shape.neurons,), neuron.time_constant, dtype=torch.float64)
        self.register_buffer("time_constant", constants)
        self._potential_ranges: tuple[tuple[float, float], ...] | None = None

    @property
    def potential_ranges(self) -> tuple[tuple[float, float], ...] | None:
        """(low, high) of each layer: an evaluated potential v = (1 − r)(u + x) is clamped to it before it is compared
        with the threshold. For inference only; None where potentials do not saturate.

        Raises:
            InputError: on setting, if there is not one pair a layer with low ≤ 0 ≤ high.
        """
        return self._potential_ranges

    @potential_ranges.setter
    def potential_ranges(self, ranges: tuple[tuple[float, float], ...] | None) -> None:
        layers = len(self.shape.layers)
        if ranges is not None:
            if len(ranges) != layers:
                raise InputError(
                    f"potential_ranges: must have one range for each of {layers} layers, found {len(ranges)}"
                )
            for layer, (low, high) in enumerate(ranges):
                if not low <= 0 <= high:
                    raise InputError(f"potential_ranges: layer {layer} must have low ≤ 0 ≤ high, found ({low}, {high})")
            ranges = tuple((float(low), float(high)) for low, high in ranges)
        self._potential_ranges = ranges

    @property
    def decay(self) -> torch.Tensor:
        """(N,) float32 factor exp(−Δt/τ_m) of each neuron's potential from one timestep to the next."""
        return torch.exp(-self.timestep_s / self.time_constant).to(torch.float32)

    def potential_bounds(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(N,) float32 lowest and highest potential of each neuron; None where potentials do not saturate."""
        if self.potential_ranges is None:
            return None
        bounds = torch.tensor(self.potential_ranges, dtype=torch.float32, device=self.threshold.device)
        low, high = bounds.repeat_interleave(torch.tensor(self.shape.layer_sizes, device=bounds.device), dim=0).T
        return low, high

    @property
    def layer_slices(self) -> tuple[slice, ...]:
        """Where each layer's neurons stand among all N."""
        return tuple(slice(start, end) for start, end in pairwise(self.shape.starts))

    def layer_connections(self) -> list[Connection]:
        """`connections` with their type."""
        return [connection for connection in self.connections if isinstance(connection, Connection)]

    def weights(self) -> list[torch.nn.Parameter]:
        """The weight of each connection, input to output."""
        return [connection.weight for connection in self.layer_connections()]

    def fan_in(self) -> torch.Tensor:
        """(N,) int64 synapses that end in each neuron."""
        return torch.cat([connection.fan_in() for connection in self.layer_connections()])

    def fan_out(self) -> torch.Tensor:
        """(input_size + N,) int64 synapses that leave each input, then each neuron; output neurons have none."""
        parts = [connection.fan_out() for connection in self.layer_connections()]
        outputs = torch.zeros(self.shape.layers[-1].neurons, dtype=torch.int64)
        return torch.cat([*parts, outputs])


def _connections(topology: TopologySpec, shape: NetworkShape, generator: torch.Generator) -> list[Connection]:
    grid: Grid = topology.input if isinstance(topology.input, tuple) else (topology.input, 1, 1)
    pools: list[SumPool | AveragePool] = []
    connections: list[Connection] = []
    for spec in topology.layers:
        if isinstance(spec, SumPool | AveragePool):
            pools.append(spec)
            continue
        layer: LayerShape = shape.layers[len(connections)]
        target: Grid = (layer.channels, layer.height, layer.width)
        connection = Connection(grid, tuple(pools), spec, target, generator)
        assert connection.outputs == math.prod(target)
        connections.append(connection)
        grid, pools = target, []
    return connections

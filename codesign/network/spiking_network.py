"""A feed-forward spiking network as a torch module: parameters and state dict like any other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ValidationError

from codesign.arguments import real, whole
from codesign.documents import dotted, reason
from codesign.errors import InputError
from codesign.network.connection import Connection
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import (
    NetworkShape,
    Pool,
    TopologySpec,
    input_grid,
    network_shape,
    window_of,
)
from codesign.units import HELD_IN_SI

__all__ = ["SpikingNetwork"]


class SpikingNetwork(torch.nn.Module):
    """L layers of spiking neurons; layer l feeds layer l + 1.

    Weights of your own are loaded by `load_weights`. The state dict holds `connections.0.weight` and so on, `threshold`
    and `time_constant`, and, where the network has them, `bias` and `input_gate`.

    The module holds what training changes (the weight of each connection, and a bias where the neuron has one) and the
    neurons' constants. `codesign.simulate` runs it and returns all counters; called like any module it returns scores.

    Args:
        topology: layers and input.
        neuron: parameters of every neuron.
        timestep_s: Δt, the length of a timestep in seconds, from which the decay between timesteps follows.
        seed: of the initial weights; the same seed gives the same weights.

    Raises:
        InputError: naming the number that is none, or out of range.

    Attributes:
        connections: one `Connection` a layer of neurons; `connections[0]` comes from the input.
        bias: (N,) parameter, or None.
        threshold: (N,) float32 buffer, U_thr of each neuron. Gradients reach it where it requires them.
        time_constant: (N,) float64 buffer, τ_m of each neuron in seconds, infinite without leak. Gradients likewise.
        input_gate: bool buffer, whether events of each input may pass, or None, where all may. One number for each
            column of the first layer's weights: an input of a fully connected layer, or a window of the pools before
            it; a channel of a convolution. Events of closed inputs are dropped before they reach the network.
        potential_ranges: lowest and highest potential of each layer's neurons, where they saturate; None by default. No
            part of the state dict.
        potential_steps: to whose multiples the potentials of each layer's neurons are truncated as they decay; None by
            default. No part of the state dict.
    """

    threshold: torch.Tensor
    time_constant: torch.Tensor
    input_gate: torch.Tensor | None
    run: ClassVar[Callable[..., torch.Tensor] | None] = None
    """What `forward` calls; put here by `codesign.simulation.engine`, since engines know networks, not the reverse."""

    def __init__(self, topology: TopologySpec, neuron: NeuronSpec, *, timestep_s: float, seed: int = 0) -> None:
        super().__init__()
        _check_neuron(neuron)
        self.topology = topology
        self.neuron = neuron
        self.timestep_s = real("timestep_s", timestep_s)
        self.shape: NetworkShape = network_shape(topology)
        neuron.steepness_of_layers(len(self.shape.layers))
        generator = torch.Generator().manual_seed(whole("seed", seed, least=-1 << 63, most=1 << 63))
        self.connections = torch.nn.ModuleList(_connections(topology, generator))
        self.bias = torch.nn.Parameter(torch.zeros(self.shape.neurons)) if neuron.bias else None
        self.register_buffer("threshold", torch.full((self.shape.neurons,), neuron.threshold))
        constants = torch.full((self.shape.neurons,), neuron.time_constant, dtype=torch.float64)
        self.register_buffer("time_constant", constants)
        self.register_buffer("input_gate", None)
        self.register_load_state_dict_pre_hook(_expect_gate)  # type: ignore[no-untyped-call]
        self._potential_ranges: tuple[tuple[float, float], ...] | None = None
        self._potential_steps: tuple[float, ...] | None = None

    def forward(self, events: Any, schedule: Any = None, **options: Any) -> torch.Tensor:
        """Scores of a batch, differentiable in the parameters: `codesign.simulate` without counters.

        Args:
            events: an `EventBatch` of B samples.
            schedule: a `Schedule`; None is layered inference.
            options: `regularization`, `seed`, `epoch`, `idle_gradient` and `engine` of `simulate`.

        Returns:
            (B, C) output spike counts, or output potentials with `readout: potential`.
        """
        if SpikingNetwork.run is None:
            raise RuntimeError("no engine is loaded: import codesign.simulation.engine")
        return SpikingNetwork.run(self, events, schedule, **options)

    def extra_repr(self) -> str:
        """Sizes and neuron, shown before the connections."""
        sizes = "-".join(map(str, (self.shape.input_size, *self.shape.layer_sizes)))
        changed = self.neuron.model_dump(exclude_defaults=True)
        neuron = ", ".join(f"{name}={value}" for name, value in changed.items())
        return f"{sizes}, timestep_s={self.timestep_s}" + (f", {neuron}" if neuron else "")

    def check_numbers(self) -> None:
        """That every number is one with which a neuron can be simulated.

        Raises:
            InputError: a weight, bias or threshold is not finite, a time constant is not above 0, or a gate is none of
                this network.
        """
        numbers: dict[str, torch.Tensor] = {
            f"weights of layer {layer}": weight for layer, weight in enumerate(self.weights())
        }
        if self.bias is not None:
            numbers["biases"] = self.bias
        numbers["thresholds"] = self.threshold
        for name, tensor in numbers.items():
            if tensor.device.type != "meta" and not _is_finite(tensor.detach()):
                raise InputError(f"network: {name} must be finite, found NaN or an infinite one")
        if self.time_constant.device.type != "meta" and not bool((self.time_constant > 0).all()):
            raise InputError("network: time constants must be above 0 s, or infinite for no leak, found others")
        gate, columns = self.input_gate, self.input_columns
        if gate is not None and (gate.dtype != torch.bool or gate.shape != (columns,)):
            raise InputError(
                f"network: input_gate must be bool of shape ({columns},), found {gate.dtype} of {tuple(gate.shape)}"
            )

    @property
    def input_columns(self) -> int:
        """Columns of the first layer's weights, each of which a number of `input_gate` is for."""
        return self.layer_connections()[0].columns

    def input_mask(self) -> torch.Tensor | None:
        """(inputs,) bool, whether events of each input may pass; None without an `input_gate`."""
        return None if self.input_gate is None else self.layer_connections()[0].of_inputs(self.input_gate)

    @property
    def open_inputs(self) -> int | None:
        """Inputs that `input_gate` leaves open; None without one."""
        mask = self.input_mask()
        return None if mask is None else int(mask.sum())

    @property
    def potential_ranges(self) -> tuple[tuple[float, float], ...] | None:
        """(low, high) of each layer: an evaluated potential v = (1 − r)(u + x) is clamped to it before it is compared
        with the threshold. For inference only; None where potentials do not saturate.

        Raises:
            InputError: on setting, if there is not one pair per layer with low ≤ 0 ≤ high.
        """
        return self._potential_ranges

    @potential_ranges.setter
    def potential_ranges(self, ranges: tuple[tuple[float, float], ...] | None) -> None:
        if ranges is not None:
            self._check_layers("potential_ranges", "range", ranges)
            for layer, (low, high) in enumerate(ranges):
                if not low <= 0 <= high:
                    raise InputError(f"potential_ranges: layer {layer} must have low ≤ 0 ≤ high, found ({low}, {high})")
            ranges = tuple((float(low), float(high)) for low, high in ranges)
        self._potential_ranges = ranges

    @property
    def potential_steps(self) -> tuple[float, ...] | None:
        """δ of each layer: what a potential u keeps of a timestep is a multiple of it, δ · trunc(decay · round(u / δ)),
        truncated towards 0 before the bias is added; 0 where a layer's potentials decay as they are. For inference
        only; None where all do.

        Raises:
            InputError: on setting, if there is not one step per layer that is finite and at least 0.
        """
        return self._potential_steps

    @potential_steps.setter
    def potential_steps(self, steps: tuple[float, ...] | None) -> None:
        if steps is not None:
            self._check_layers("potential_steps", "step", steps)
            steps = tuple(real(f"potential_steps: that of layer {layer}", step) for layer, step in enumerate(steps))
        self._potential_steps = steps

    def _check_layers(self, name: str, noun: str, given: tuple[Any, ...]) -> None:
        layers = len(self.shape.layers)
        if len(given) != layers:
            raise InputError(f"{name}: must have one {noun} for each of {layers} layers, found {len(given)}")

    @property
    def decay(self) -> torch.Tensor:
        """(N,) float32 factor exp(−Δt/τ_m) of each neuron's potential from one timestep to the next."""
        return torch.exp(-self.timestep_s / self.time_constant).to(torch.float32)

    @property
    def surrogate_steepness(self) -> torch.Tensor:
        """(N,) float64 α of each neuron's surrogate gradient."""
        of_layers = self.neuron.steepness_of_layers(len(self.shape.layers))
        return self.of_neurons(torch.tensor(of_layers, dtype=torch.float64))

    def potential_bounds(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(N,) float32 lowest and highest potential of each neuron; None where potentials do not saturate."""
        if self.potential_ranges is None:
            return None
        low, high = self.of_neurons(torch.tensor(self.potential_ranges, dtype=torch.float32)).T
        return low, high

    def potential_grid(self) -> torch.Tensor | None:
        """(N,) float32 `potential_steps` of each neuron; None where no potential is truncated."""
        steps = self.potential_steps
        return None if steps is None else self.of_neurons(torch.tensor(steps, dtype=torch.float32))

    def of_neurons(self, of_layers: torch.Tensor) -> torch.Tensor:
        """(N, …) on the network's device from (L, …) numbers of layers."""
        return of_layers.repeat_interleave(torch.tensor(self.shape.layer_sizes), dim=0).to(self.threshold.device)

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

    def load_weights(self, weights: Iterable[Any]) -> None:
        """Take weights that were trained elsewhere. Thresholds, time constants and biases stay as they are.

        Args:
            weights: a tensor or array for each layer of neurons, input to output, in torch's order: (neurons, inputs)
                of a linear layer, (channels, input channels / groups, *kernel) of a convolution.

        Raises:
            InputError: other numbers of layers or shapes, or a number that is not finite; no weight is then changed.
        """
        given = [torch.as_tensor(weight).detach() for weight in weights]
        needed, shapes = ([tuple(weight.shape) for weight in found] for found in (self.weights(), given))
        if shapes != needed:
            raise InputError(f"weights: this network needs {needed}, input to output, found {shapes}")
        for layer, weight in enumerate(given):
            if not bool(torch.isfinite(weight).all()):
                raise InputError(f"weights: layer {layer} must be finite, found NaN or an infinite one")
        with torch.no_grad():
            for own, weight in zip(self.weights(), given, strict=True):
                own.copy_(weight)

    def max_pools(self) -> torch.Tensor | None:
        """(N,) int64 window of a max pool that holds each neuron, −1 where none does; None without max pools."""
        connections, found, known = self.layer_connections()[1:], [], 0
        for connection in connections:
            window = connection.window
            held = torch.from_numpy(window.held()) if window.first else torch.full((connection.inputs,), -1)
            found.append(torch.where(held < 0, held, known + held))
            known += math.prod(window.pooled) if window.first else 0
        outputs = torch.full((self.shape.layers[-1].neurons,), -1)
        return torch.cat([*found, outputs]).to(self.threshold.device) if known else None

    def fan_in(self) -> torch.Tensor:
        """(N,) int64 synapses that end in each neuron."""
        return torch.cat([connection.fan_in() for connection in self.layer_connections()])

    def fan_out(self) -> torch.Tensor:
        """(input_size + N,) int64 synapses that leave each input, then each neuron; output neurons have none."""
        parts = [connection.fan_out() for connection in self.layer_connections()]
        outputs = torch.zeros(self.shape.layers[-1].neurons, dtype=torch.int64)
        return torch.cat([*parts, outputs])


def _expect_gate(network: SpikingNetwork, state: dict[str, torch.Tensor], prefix: str, *_: Any) -> None:
    """Before a state dict is loaded: whether the network has a gate, and its shape, follow from the state dict."""
    given, columns = f"{prefix}input_gate" in state, network.input_columns
    network.input_gate = torch.ones(columns, dtype=torch.bool, device=network.threshold.device) if given else None


def _check_neuron(neuron: NeuronSpec) -> None:
    """Check again the numbers that bypassed a specification's own checks, as in presets and copies."""
    try:
        NeuronSpec.model_validate(dict(neuron), context=HELD_IN_SI)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise InputError(f"neuron.{dotted(wrong['loc'])}: {reason(wrong)}") from None


def _is_finite(numbers: torch.Tensor) -> bool:
    """Whether all are. On the CPU by numpy: torch's threads would go on spinning on cores that kernels want."""
    if numbers.device.type != "cpu" or numbers.dtype not in (torch.float32, torch.float64):
        return bool(torch.isfinite(numbers).all())
    array = numbers.numpy()
    with np.errstate(all="ignore"):  # a sum is quick, and finite only if everything is; it may overflow
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def _connections(topology: TopologySpec, generator: torch.Generator) -> list[Connection]:
    grid = input_grid(topology)
    pools: list[Pool] = []
    connections: list[Connection] = []
    for spec in topology.layers:
        if isinstance(spec, Pool):
            pools.append(spec)
            continue
        window = window_of(grid, pools, spec)
        connections.append(Connection(pools, spec, window, generator))
        grid, pools = window.grid, []
    return connections

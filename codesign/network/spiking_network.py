"""A spiking network as a torch module: parameters and state dict like any other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import torch

from codesign.arguments import one_of, real, seconds, whole
from codesign.arrays import array_of
from codesign.errors import InputError
from codesign.network.connection import Connection, DelayedConnection, windows_of_max_pools
from codesign.network.direct_connection import DirectConnection, direct_connections
from codesign.network.loading import SentAsCopy, load_weights
from codesign.network.neuron import NeuronSpec, check_neuron
from codesign.network.neuron_numbers import OF_NEURONS, are_finite, check_numbers, others, time_constants, type_of
from codesign.network.topology import NetworkShape, TopologySpec, as_topology, layers_of_neurons, network_shape

Decaying = Literal["time_constant", "synaptic_time_constant"]


class SpikingNetwork(SentAsCopy):
    """L layers of spiking neurons; layer l feeds layer l + 1, over skips later ones, over delayed connections any.

    Weights of your own are loaded by `load_weights`. The state dict holds `connections.0.weight` and so on, `threshold`
    and `time_constant`, and, where the network has them, `bias` and `input_gate`.

    The module holds what training changes (the weight of each connection, and a bias where the neuron has one) and the
    neurons' constants. `codesign.simulate` runs it and returns all counters; called like any module it returns scores.

    Args:
        topology: layers and input, as a spec or a text such as `512-64-10`.
        neuron: parameters of every neuron.
        timestep_s: Δt, in seconds or a time such as `1 ms`; the decay between timesteps follows from it.
        seed: of the initial weights.

    Raises InputError naming the number that is not finite, or out of range.

    Attributes:
        connections: one `Connection` a layer of neurons; `connections[0]` comes from the input.
        delayed_connections: one `DelayedConnection` for each that arrives in a later timestep.
        direct_connections: one `DirectConnection` for each skip, and then each connection within a pass.
        bias: (N,) parameter, or None.
        threshold: (N,) float32 buffer, U_thr of each neuron. Gradients reach it where it requires them.
        time_constant: (N,) float64 buffer, τ_m of each neuron in seconds, infinite without leak. Gradients likewise.
        gain, reset_amount, reset_value, floor, initial_potential: (N,) float32 buffers, what `NeuronSpec` has of these
            names for each neuron, or None where all have its default. They get no gradients.
        synaptic_time_constant: (N,) float64 buffer or None likewise, in seconds, 0 where there is no synaptic current.
        input_gate: bool buffer, whether events of each input may pass, or None, where all may; others are dropped. One
            for each column of the first layer's weights: an input of a fully connected layer, or a window of the pools
            before it; a channel of a convolution.
        potential_ranges: lowest and highest potential of each layer's neurons, where they saturate; None by default. No
            part of the state dict.
        potential_steps: to whose multiples the potentials of each layer's neurons are truncated as they decay; by
            default what `NeuronSpec.potential_step` says. No part of the state dict.
    """

    threshold: torch.Tensor
    time_constant: torch.Tensor
    input_gate: torch.Tensor | None
    gain: torch.Tensor | None
    reset_amount: torch.Tensor | None
    reset_value: torch.Tensor | None
    floor: torch.Tensor | None
    initial_potential: torch.Tensor | None
    synaptic_time_constant: torch.Tensor | None

    def __init__(
        self, topology: TopologySpec | str, neuron: NeuronSpec, *, timestep_s: float | str, seed: int = 0
    ) -> None:
        super().__init__()
        check_neuron(neuron)
        self.topology, self.neuron = as_topology(topology), neuron
        self.timestep_s = seconds("timestep_s", timestep_s)
        self.shape: NetworkShape = network_shape(self.topology)
        neuron.of_layers("surrogate_steepness", len(self.shape.layers))
        generator = torch.Generator().manual_seed(whole("seed", seed, least=-1 << 63, most=1 << 63))
        self.connections = torch.nn.ModuleList(
            Connection(*layer, generator) for layer in layers_of_neurons(self.topology)
        )
        later = (DelayedConnection(one, self.shape.layer_sizes, generator) for one in self.shape.delayed)
        self.delayed_connections = torch.nn.ModuleList(later)
        self.direct_connections = torch.nn.ModuleList(direct_connections(self.topology, generator))
        self.bias = torch.nn.Parameter(torch.zeros(self.shape.neurons, dtype=torch.float32)) if neuron.bias else None
        self.register_buffer("threshold", self.neuron_numbers("threshold"))
        self.register_buffer("time_constant", self.neuron_numbers("time_constant", torch.float64))
        self.register_buffer("input_gate", None)
        for name in OF_NEURONS:
            default = NeuronSpec.model_fields[name].default
            own = set(neuron.of_layers(name, len(self.shape.layers))) != {default}
            self.register_buffer(name, self.neuron_numbers(name, type_of(name)) if own else None)
        self.register_load_state_dict_pre_hook(_expect_buffers)  # type: ignore[no-untyped-call]
        self._potential_ranges: tuple[tuple[float, float], ...] | None = None
        self._potential_steps: tuple[float, ...] | None = None

    def forward(self, events: Any, schedule: Any = None, **options: Any) -> torch.Tensor:
        """Scores of a batch: the logits of `codesign.simulate` without counters.

        Args:
            events: an `EventBatch` of B samples.
            schedule: a `Schedule`; None is layered inference.
            options: `regularization`, `seed`, `epoch`, `idle_gradient` and `engine` of `simulate`.

        Returns:
            (B, C) output spike counts, or output potentials with `readout: potential`.
        """
        scores: torch.Tensor = import_module("codesign.simulation.engine").scores_of(self, events, schedule, **options)
        return scores  # imported only now: engines know networks, not the reverse

    def extra_repr(self) -> str:
        """Sizes and neuron, shown before the connections."""
        sizes = "-".join(map(str, (self.shape.input_size, *self.shape.layer_sizes)))
        numbers = dict(self.neuron.__repr_args__()) | self.own_numbers()
        neuron = ", ".join(f"{name}={value}" for name, value in numbers.items())
        return f"{sizes}, timestep_s={self.timestep_s}, {neuron}"

    def check_numbers(self) -> None:
        """That every number is one with which a neuron can be simulated.

        Raises:
            InputError: a weight, bias or threshold is not finite, a time constant is not above 0, one of `OF_NEURONS`
                requires a gradient, or a gate is none of this network.
        """
        numbers = {"biases": self.bias, **{name: getattr(self, name) for name in OF_NEURONS}}
        numbers |= {"thresholds": self.threshold, "time_constant": self.time_constant}
        if not are_finite(weights := self.all_weights()):  # their names take longer than the look
            kinds = self.all_connections().items()
            names = (f"weights of {kind} {number}" for kind, ones in kinds for number in range(len(ones)))
            numbers = dict(zip(names, weights, strict=True)) | numbers
        check_numbers({name: tensor for name, tensor in numbers.items() if tensor is not None})
        gate = self.input_gate
        if gate is not None and (gate.dtype != torch.bool or gate.shape != (self.input_columns,)):
            found = f"{gate.dtype} of {tuple(gate.shape)}"
            raise InputError(f"network: input_gate must be bool of shape ({self.input_columns},), found {found}")

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
        with the threshold. For inference only; None where potentials do not saturate. Raises InputError on setting
        anything but one pair per layer with low ≤ 0 ≤ high.
        """
        return self._potential_ranges

    @potential_ranges.setter
    def potential_ranges(self, ranges: tuple[tuple[float, float], ...] | None) -> None:
        if ranges is not None:
            ranges = tuple(map(tuple, self._of_each_layer("potential_ranges", "(low, high)", ranges, 2)))
            for layer, (low, high) in enumerate(ranges):
                if not low <= 0 <= high:
                    raise InputError(f"potential_ranges: layer {layer} must have low ≤ 0 ≤ high, found ({low}, {high})")
        self._potential_ranges = ranges

    @property
    def potential_steps(self) -> tuple[float, ...] | None:
        """δ of each layer: what a potential u keeps of a timestep is a multiple of it, δ · trunc(decay · round(u / δ)),
        truncated towards 0 before the bias is added; 0 where a layer's potentials decay as they are; None where all do.
        For inference only. To set None leaves what the neuron itself says. Raises InputError on setting anything but
        one step per layer that is finite and at least 0.
        """
        return self._potential_steps or self.neuron.potential_steps(len(self.shape.layers))

    @potential_steps.setter
    def potential_steps(self, steps: tuple[float, ...] | None) -> None:
        if steps is not None:
            numbers = enumerate(self._of_each_layer("potential_steps", "step", steps))
            steps = tuple(real(f"potential_steps: that of layer {layer}", step) for layer, step in numbers)
        self._potential_steps = steps

    def _of_each_layer(self, name: str, noun: str, given: Any, *of_one: int) -> list[Any]:
        numbers, layers = array_of(name, given), len(self.shape.layers)
        if numbers.shape != (layers, *of_one) or numbers.dtype.kind not in "iuf":
            raise InputError(f"{name}: must have one {noun} for each of {layers} layers, found {given!r:.80}")
        return list(numbers.astype(np.float64).tolist())

    @property
    def decay(self) -> torch.Tensor:
        """(N,) float32 factor exp(−Δt/τ_m) of each neuron's potential from one timestep to the next."""
        return torch.exp(-self.timestep_s / self.time_constant).to(torch.float32)

    @property
    def surrogate_steepness(self) -> torch.Tensor:
        """(N,) float64 α of each neuron's surrogate gradient."""
        return self.neuron_numbers("surrogate_steepness", torch.float64).to(self.threshold.device)

    def neuron_numbers(self, name: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """(N,) what `neuron` says of a number; where that is None, −∞ for a floor and 0 for a time."""
        of_layers = self.neuron.of_layers(name, len(self.shape.layers))
        numbers = torch.empty(self.shape.neurons, dtype=dtype)
        for neurons, number in zip(self.layer_slices, of_layers, strict=True):
            numbers[neurons] = number if number is not None else -math.inf if name == "floor" else 0
        return numbers

    def own_numbers(self) -> dict[str, str]:
        """Those numbers of neurons that are others than `neuron` says, each in words: their range, as `0.2 to 0.97`."""
        names = [name for name in ("threshold", "time_constant", *OF_NEURONS) if getattr(self, name) is not None]
        return others({name: (getattr(self, name), self.neuron_numbers(name, type_of(name))) for name in names})

    def neuron_flags(self, name: str, value: Any) -> torch.Tensor:
        """(N,) bool on the network's device, whether that is what `neuron` says of each."""
        of_layers = self.neuron.of_layers(name, len(self.shape.layers))
        return self.of_neurons(torch.tensor([one == value for one in of_layers]))

    def reset_to(self) -> torch.Tensor:
        """(N,) float32 potential that a hard reset leaves."""
        zeros = torch.zeros_like(self.threshold, requires_grad=False)
        return zeros if self.reset_value is None else self.reset_value.where(self.neuron_flags("reset", "value"), zeros)

    @property
    def holds(self) -> bool:
        """Whether a neuron can be held through the timestep after it fired."""
        return True in self.neuron.each("reset_delay")

    @property
    def ticks(self) -> bool:
        """Whether a neuron can be evaluated without a message."""
        return True in self.neuron.each("tick")

    def held(self) -> torch.Tensor:
        """(N,) bool, who is held through the timestep after it fired: hard resets that are delayed."""
        return self.neuron_flags("reset_delay", value=True) & ~self.neuron_flags("reset", "subtract")

    @property
    def has_own_numbers(self) -> bool:
        """Whether neurons have any of the numbers that most networks do without, such as a gain."""
        return any(getattr(self, name) is not None for name in OF_NEURONS)

    @property
    def bursts(self) -> bool:
        """Whether an evaluation can emit more than one spike."""
        return self.neuron.each("most_spikes") != (1,)

    def compared_threshold(self) -> torch.Tensor:
        """(N,) float32 numbers that a potential must exceed to fire: with `>=` those just below the thresholds."""
        threshold = self.threshold.detach()
        if self.neuron.comparison == ">":
            return threshold
        below = torch.nextafter(threshold, torch.full_like(threshold, -math.inf))
        return torch.where(self.neuron_flags("comparison", ">="), below, threshold)

    @property
    def timeless(self) -> bool:
        """Whether nothing depends on how long a timestep is: there is neither a leak nor a synaptic current."""
        return self.synaptic_time_constant is None and bool(torch.isinf(self.time_constant).all())

    def flows(self) -> torch.Tensor:
        """(N,) bool, who has a synaptic current."""
        constants = self.synaptic_time_constant
        return torch.zeros_like(self.threshold, dtype=torch.bool) if constants is None else constants > 0

    def current_bias(self) -> torch.Tensor | None:
        """(N,) biases of neurons with a synaptic current, which they add to; 0 of others. None without either."""
        if self.bias is None or self.synaptic_time_constant is None:
            return None
        return torch.where(self.flows(), self.bias.detach(), 0.0)

    def potential_bias(self) -> torch.Tensor | None:
        """(N,) biases of neurons without one, which add to their potentials; 0 of others. None without biases."""
        if self.bias is None or self.synaptic_time_constant is None:
            return None if self.bias is None else self.bias.detach()
        return torch.where(self.flows(), 0.0, self.bias.detach())

    def synaptic_decay(self) -> torch.Tensor | None:
        """(N,) float32 factor α of each neuron's synaptic current from one timestep to the next; None without any."""
        constants = self.synaptic_time_constant
        if constants is None:
            return None
        return torch.where(constants > 0, torch.exp(-self.timestep_s / constants), 0.0).to(torch.float32)

    def set_decay(self, decay: float | torch.Tensor, *, which: Decaying = "time_constant") -> None:
        """Give neurons time constants with which exactly these float32 numbers are left after a timestep.

        Args:
            decay: between 0 and 1: one for all, (L,) one for each layer of neurons or (N,) for each neuron.
            which: `time_constant`, of potentials (β), or `synaptic_time_constant`, of synaptic currents (α).

        Raises:
            InputError: they are of another shape or out of range, or a timestep of 0 s leaves a leak no time.
        """
        one_of("which", which, get_args(Decaying))
        layers, neurons = len(self.shape.layers), self.shape.neurons
        constants = time_constants(decay, self.timestep_s, layers, neurons).to(self.threshold.device)
        of_neurons = constants if constants.shape == (neurons,) else self.of_neurons(constants.expand(layers))
        setattr(self, which, of_neurons.clone().requires_grad_(getattr(getattr(self, which), "requires_grad", False)))

    def expect_buffers(self, names: Iterable[str]) -> None:
        """Have exactly those buffers of a state dict that a network may lack, with room for what will be loaded."""
        given, device = set(names), self.threshold.device
        gate = torch.ones(self.input_columns, dtype=torch.bool, device=device)
        self.input_gate = gate if "input_gate" in given else None
        for name in OF_NEURONS:
            room = torch.zeros(self.threshold.shape, dtype=type_of(name), device=device)
            setattr(self, name, room if name in given else None)

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

    def delayed(self) -> list[DelayedConnection]:
        """`delayed_connections` with their type."""
        return [one for one in self.delayed_connections if isinstance(one, DelayedConnection)]

    def delayed_weights(self) -> list[torch.nn.Parameter]:
        """The weight of each delayed connection."""
        return [one.weight for one in self.delayed()]

    def direct(self) -> list[DirectConnection]:
        """`direct_connections` with their type."""
        return [one for one in self.direct_connections if isinstance(one, DirectConnection)]

    def all_weights(self) -> list[torch.nn.Parameter]:
        """The weight of each connection, then of each delayed and of each direct connection."""
        return [connection.weight for connections in self.all_connections().values() for connection in connections]

    def all_connections(self) -> dict[str, Any]:
        """Connections in this order, by what messages call their kind."""
        of_kinds = {"layer": self.connections, "delayed connection": self.delayed_connections}
        return {**of_kinds, "direct connection": self.direct_connections}

    def layers_fed(self) -> list[int]:
        """The layer that each of these leads to."""
        return [*range(len(self.connections)), *(one.target for one in self.shape.further)]

    def load_weights(self, weights: Iterable[Any]) -> None:
        """Take weights that were trained elsewhere. Thresholds, time constants and biases not given stay as they are.

        Args:
            weights: a tensor or array for each layer of neurons, input to output, in torch's order: (neurons, inputs)
                of a linear layer, (channels, input channels / groups, *kernel) of a convolution; then (targets,
                sources) of each delayed connection; then of each direct one, (channels, 1, 1, 1) of an identity. In a
                network whose neurons have a `bias`, (channels,) biases may follow the weight of their layer.

        Raises:
            InputError: wrong shapes, numbers that are not finite or that a shared weight cannot have; none is changed.
        """
        load_weights(weights, self.all_weights, self.bias, self.shape)

    def max_pools(self) -> torch.Tensor | None:
        """(N,) int64 window of a max pool that holds each neuron, −1 where none does; None without max pools."""
        windows = windows_of_max_pools(self.layer_connections())
        return None if windows is None else windows.to(self.threshold.device)

    def fan_in(self) -> torch.Tensor:
        """(N,) int64 synapses that end in each neuron."""
        return torch.cat([connection.fan_in() for connection in self.layer_connections()])

    def fan_out(self) -> torch.Tensor:
        """(input_size + N,) int64 synapses from each input, then each neuron, to the next layer; 0 for outputs."""
        outputs = torch.zeros(self.shape.layers[-1].neurons, dtype=torch.int64)
        return torch.cat([*(connection.fan_out() for connection in self.layer_connections()), outputs])


def _expect_buffers(network: SpikingNetwork, state: dict[str, torch.Tensor], prefix: str, *_: Any) -> None:
    """Before a state dict is loaded: whether the network has a gate, and numbers of its own for each neuron, follows
    from the state dict."""
    network.expect_buffers(name.removeprefix(prefix) for name in state if name.startswith(prefix))

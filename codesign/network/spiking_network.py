"""A spiking network as a torch module: parameters and state dict like any other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from codesign.arguments import instance, seconds, whole
from codesign.arrays import Integers
from codesign.errors import InputError
from codesign.network.connection import Connection, FurtherConnection, further_connections, windows_of_max_pools
from codesign.network.loading import load_weights
from codesign.network.neuron import OF_NEURONS, NeuronSpec
from codesign.network.neuron_numbers import check_numbers, range_in_words, type_of
from codesign.network.sent_as_copy import SentAsCopy
from codesign.network.topology import NetworkShape, TopologySpec, as_topology, layers_of_neurons, network_shape


class SpikingNetwork(SentAsCopy):
    """L layers of spiking neurons: layer l feeds layer l + 1, skips feed later layers, delayed connections any layer.

    `load_weights` loads your own weights. The state dict holds `connections.0.weight` and so on, `threshold`,
    `time_constant` and, if the network has them, `bias` and `input_gate`.

    The module holds what training changes (the weight of each connection, and a bias if neurons have one) and the
    neurons' constants. `codesign.simulate` runs it and returns all counters; calling it as a module returns scores.

    Args:
        topology: layers and input, as a spec or a text such as `512-64-10`.
        neuron: parameters of every neuron.
        timestep_s: Δt, in seconds or a time such as `1 ms`; the decay between timesteps follows from it.
        seed: determines the initial weights.

    Raises InputError, naming the number, if one is not finite or out of range.

    Attributes:
        connections: one `Connection` per layer of neurons; `connections[0]` comes from the input.
        delayed_connections: one `FurtherConnection` per connection with a delay of at least one timestep.
        direct_connections: one `FurtherConnection` per skip, then per connection within a pass.
        bias: (N,) parameter, or None.
        threshold: (N,) float32 buffer, U_thr of each neuron. It gets gradients if it requires them.
        time_constant: (N,) float64 buffer, τ_m of each neuron in seconds, infinite without leak. It may require
            gradients.
        gain, floor and so on: (N,) float32 buffers with the parameters of `NeuronSpec` that `OF_NEURONS` names, each
            None if all neurons have the default. They cannot learn. `synaptic_time_constant` is float64, in seconds,
            and 0 for neurons without it.
        input_gate: bool buffer: whether events of each input pass or are dropped; None if all pass. One entry per
            column of the first layer's weights: per input of a fully connected layer or window of the pools before it,
            or per channel of a convolution.
        potential_ranges: (low, high) of each layer, with low ≤ 0 ≤ high: an evaluated potential v = (1 − r)(u + x) is
            clamped to this range before it is compared with the threshold. For inference only, not part of the state
            dict; None if potentials do not saturate.
        potential_steps: step of each layer; decay truncates potentials to multiples of it. By default that of
            `NeuronSpec.potential_step`. Not part of the state dict.
    """

    threshold: torch.Tensor
    time_constant: torch.Tensor
    input_gate: torch.Tensor | None
    gain: torch.Tensor | None
    synaptic_time_constant: torch.Tensor | None

    def __init__(
        self, topology: TopologySpec | str, neuron: NeuronSpec, *, timestep_s: float | str, seed: int = 0
    ) -> None:
        super().__init__()
        instance("neuron", neuron, NeuronSpec)
        self.topology, self.neuron = as_topology(topology), neuron
        self.timestep_s = seconds("timestep_s", timestep_s)
        self.shape: NetworkShape = network_shape(self.topology)
        neuron.of_layers("surrogate_steepness", len(self.shape.layers))
        generator = torch.Generator().manual_seed(whole("seed", seed, least=-1 << 63, most=1 << 63))
        self.connections = torch.nn.ModuleList(
            Connection(*layer, generator) for layer in layers_of_neurons(self.topology)
        )
        further = further_connections(self.topology, generator)
        self.delayed_connections = torch.nn.ModuleList(one for one in further if one.shape.delay)
        self.direct_connections = torch.nn.ModuleList(one for one in further if not one.shape.delay)
        self.bias = torch.nn.Parameter(torch.zeros(self.shape.neurons, dtype=torch.float32)) if neuron.bias else None
        self.register_buffer("threshold", self.neuron_numbers("threshold"))
        self.register_buffer("time_constant", self.neuron_numbers("time_constant", torch.float64))
        self.register_buffer("input_gate", None)
        for name in OF_NEURONS:
            default = NeuronSpec.model_fields[name].default
            own = set(neuron.of_layers(name, len(self.shape.layers))) != {default}
            self.register_buffer(name, self.neuron_numbers(name, type_of(name)) if own else None)
        self.register_load_state_dict_pre_hook(_expect_buffers)  # type: ignore[no-untyped-call]
        self.potential_ranges: tuple[tuple[float, float], ...] | None = None
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
        return scores  # the import is here because engines know networks, not the reverse

    def extra_repr(self) -> str:
        """Sizes and neuron, shown before the connections."""
        sizes = "-".join(map(str, (self.shape.input_size, *self.shape.layer_sizes)))
        numbers = dict(self.neuron.__repr_args__()) | self.own_numbers()
        neuron = ", ".join(f"{name}={value}" for name, value in numbers.items())
        return f"{sizes}, timestep_s={self.timestep_s}, {neuron}"

    def check_numbers(self) -> None:
        """Check that neurons can be simulated with all numbers.

        Raises:
            InputError: a weight, bias or threshold is not finite, or a time constant is not above 0.
        """
        numbers: dict[str, torch.Tensor | None] = {
            f"weights of {name}": one.weight for name, one in self.all_connections().items()
        }
        numbers |= {"biases": self.bias, **{name: getattr(self, name) for name in OF_NEURONS}}
        numbers |= {"thresholds": self.threshold, "time_constant": self.time_constant}
        check_numbers({name: tensor for name, tensor in numbers.items() if tensor is not None})

    @property
    def input_columns(self) -> int:
        """Number of columns of the first layer's weights, which is the length of `input_gate`."""
        return self.layer_connections()[0].columns

    def input_mask(self) -> torch.Tensor | None:
        """(inputs,) bool, whether events of each input pass; None without an `input_gate`."""
        return None if self.input_gate is None else self.layer_connections()[0].of_inputs(self.input_gate)

    @property
    def open_inputs(self) -> int | None:
        """Number of inputs that `input_gate` leaves open; None without one."""
        mask = self.input_mask()
        return None if mask is None else int(mask.sum())

    @property
    def potential_steps(self) -> tuple[float, ...] | None:
        """δ of each layer: a potential u decays to δ · trunc(decay · round(u / δ)), truncated towards 0 before the bias
        is added. 0 for layers without truncation, None if no layer truncates. For inference only. Setting None restores
        the neuron's own steps.
        """
        return self._potential_steps or self.neuron.potential_steps(len(self.shape.layers))

    @potential_steps.setter
    def potential_steps(self, steps: tuple[float, ...] | None) -> None:
        self._potential_steps = steps

    @property
    def decay(self) -> torch.Tensor:
        """(N,) float32 factor exp(−Δt/τ_m) of each neuron's potential from one timestep to the next."""
        return torch.exp(-self.timestep_s / self.time_constant).to(torch.float32)

    @property
    def surrogate_steepness(self) -> torch.Tensor:
        """(N,) float64 α of each neuron's surrogate gradient."""
        return self.neuron_numbers("surrogate_steepness", torch.float64).to(self.threshold.device)

    def neuron_numbers(self, name: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """(N,) values of a parameter according to `neuron`, with the number that stands for None."""
        of_layers = self.neuron.of_layers(name, len(self.shape.layers))
        numbers = torch.empty(self.shape.neurons, dtype=dtype)
        for neurons, number in zip(self.layer_slices, of_layers, strict=True):
            numbers[neurons] = OF_NEURONS[name].absent if number is None else number
        return numbers

    def numbers_of(self, name: str) -> torch.Tensor:
        """(N,) numbers of a parameter in `OF_NEURONS`, even if all neurons have the default; without a `reset_amount`,
        the thresholds."""
        held: torch.Tensor | None = getattr(self, name)
        if held is None and name == "reset_amount":
            return self.threshold
        return self.neuron_numbers(name, type_of(name)).to(self.threshold.device) if held is None else held

    def own_numbers(self) -> dict[str, str]:
        """Per-neuron parameters that differ from `neuron`, as text: a value or a range, such as `0.2 to 0.97`."""
        told = {}
        for name in ("threshold", "time_constant", *OF_NEURONS):
            held: torch.Tensor | None = getattr(self, name)
            if held is not None and not held.is_meta:
                said = self.neuron_numbers(name, torch.float64)
                if not torch.allclose(held.detach().cpu().double(), said, rtol=1e-6, atol=0):
                    told[name] = range_in_words(name, held.detach())
        return told

    def neuron_flags(self, name: str, value: Any) -> torch.Tensor:
        """(N,) bool on the network's device, whether a parameter of `neuron` has this value for each neuron."""
        of_layers = self.neuron.of_layers(name, len(self.shape.layers))
        return self.of_neurons(torch.tensor([one == value for one in of_layers]))

    def reset_to(self) -> torch.Tensor:
        """(N,) float32 potential after a hard reset."""
        return self.numbers_of("reset_value").where(self.neuron_flags("reset", "value"), 0.0)

    @property
    def holds(self) -> bool:
        """Whether neurons can be held during the timestep after they fired."""
        return True in self.neuron.each("reset_delay")

    @property
    def ticks(self) -> bool:
        """Whether neurons can be evaluated without a message."""
        return True in self.neuron.each("tick")

    def held(self) -> torch.Tensor:
        """(N,) bool, which neurons are held during the timestep after they fired: those with a delayed hard reset."""
        return self.neuron_flags("reset_delay", value=True) & ~self.neuron_flags("reset", "subtract")

    @property
    def has_own_numbers(self) -> bool:
        """Whether neurons have any of the parameters that most networks lack, such as a gain."""
        return any(getattr(self, name) is not None for name in OF_NEURONS)

    @property
    def bursts(self) -> bool:
        """Whether an evaluation can emit more than one spike."""
        return self.neuron.each("most_spikes") != (1,)

    def compared_threshold(self) -> torch.Tensor:
        """(N,) float32 numbers that a potential must exceed to fire: with `>=`, those just below the thresholds."""
        threshold = self.threshold.detach()
        if self.neuron.comparison == ">":
            return threshold
        below = torch.nextafter(threshold, torch.full_like(threshold, -math.inf))
        return torch.where(self.neuron_flags("comparison", ">="), below, threshold)

    @property
    def timeless(self) -> bool:
        """Whether nothing depends on the length of a timestep: there is neither a leak nor a synaptic current."""
        return self.synaptic_time_constant is None and bool(torch.isinf(self.time_constant).all())

    def flows(self) -> torch.Tensor:
        """(N,) bool, which neurons have a synaptic current."""
        constants = self.synaptic_time_constant
        return torch.zeros_like(self.threshold, dtype=torch.bool) if constants is None else constants > 0

    def current_bias(self) -> torch.Tensor | None:
        """(N,) biases added to synaptic currents; 0 for neurons without one. None if there are none."""
        if self.bias is None or self.synaptic_time_constant is None:
            return None
        return torch.where(self.flows(), self.bias.detach(), 0.0)

    def potential_bias(self) -> torch.Tensor | None:
        """(N,) biases added to potentials; 0 for neurons with a synaptic current. None without biases."""
        if self.bias is None or self.synaptic_time_constant is None:
            return None if self.bias is None else self.bias.detach()
        return torch.where(self.flows(), 0.0, self.bias.detach())

    def synaptic_decay(self) -> torch.Tensor | None:
        """(N,) float32 factor α of each neuron's synaptic current per timestep; None without synaptic currents."""
        constants = self.synaptic_time_constant
        if constants is None:
            return None
        return torch.where(constants > 0, torch.exp(-self.timestep_s / constants), 0.0).to(torch.float32)

    def expect_buffers(self, names: Iterable[str]) -> None:
        """Create those optional buffers that a state dict names."""
        device = self.threshold.device
        for name in names:
            if name in OF_NEURONS:
                setattr(self, name, torch.zeros(self.threshold.shape, dtype=type_of(name), device=device))
            elif name == "input_gate":
                self.input_gate = torch.ones(self.input_columns, dtype=torch.bool, device=device)

    def potential_bounds(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(N,) float32 lowest and highest potential of each neuron; None if potentials do not saturate."""
        if self.potential_ranges is None:
            return None
        low, high = self.of_neurons(torch.tensor(self.potential_ranges, dtype=torch.float32)).T
        return low, high

    def potential_grid(self) -> torch.Tensor | None:
        """(N,) float32 `potential_steps` of each neuron; None if no potential is truncated."""
        steps = self.potential_steps
        return None if steps is None else self.of_neurons(torch.tensor(steps, dtype=torch.float32))

    def of_neurons(self, of_layers: torch.Tensor) -> torch.Tensor:
        """(N, …) values of neurons, given (L, …) values of layers, on the network's device."""
        return of_layers.repeat_interleave(torch.tensor(self.shape.layer_sizes), dim=0).to(self.threshold.device)

    @property
    def layer_slices(self) -> tuple[slice, ...]:
        """The slice of each layer's neurons among all N."""
        return tuple(slice(start, end) for start, end in pairwise(self.shape.starts))

    def layer_connections(self) -> list[Connection]:
        """`connections` with their type."""
        return [connection for connection in self.connections if isinstance(connection, Connection)]

    def weights(self) -> list[torch.nn.Parameter]:
        """The weight of each connection, input to output."""
        return [connection.weight for connection in self.layer_connections()]

    def delayed(self) -> list[FurtherConnection]:
        """`delayed_connections` with their type."""
        return [one for one in self.delayed_connections if isinstance(one, FurtherConnection)]

    def direct(self) -> list[FurtherConnection]:
        """`direct_connections` with their type."""
        return [one for one in self.direct_connections if isinstance(one, FurtherConnection)]

    def further(self) -> list[FurtherConnection]:
        """Delayed connections, then direct ones."""
        return [*self.delayed(), *self.direct()]

    def all_weights(self) -> list[torch.nn.Parameter]:
        """The weight of each connection, then of each delayed and of each direct connection."""
        return [connection.weight for connection in self.all_connections().values()]

    def own_weights(self) -> list[torch.nn.Parameter]:
        """`all_weights`, for writing. Raises InputError if what is written to one would be lost or change another, as
        with torch's pruning and parametrizations, or a parameter that two connections share."""
        weights = self.all_weights()
        for number, (one, again) in enumerate(zip(weights, self.all_weights(), strict=True)):
            shared = any(one is other for other in weights[:number])
            if shared or one is not again or not isinstance(one, torch.nn.Parameter):
                raise InputError(
                    f"network: weight {number} must be a parameter of its own to be changed, found one that is shared "
                    "or computed; torch's remove_parametrizations or prune.remove makes it one"
                )
        return weights

    def all_connections(self) -> dict[str, Connection]:
        """All connections by their names in messages, such as `layer 0`, in the order of `all_weights`."""
        kinds: dict[str, Sequence[Connection]] = {"layer": self.layer_connections()}
        kinds |= {"delayed connection": self.delayed(), "direct connection": self.direct()}
        return {f"{kind} {number}": one for kind, ones in kinds.items() for number, one in enumerate(ones)}

    def layers_fed(self) -> list[int]:
        """The target layer of each of `all_connections`."""
        return [*range(len(self.connections)), *(one.target for one in self.shape.further)]

    def load_weights(self, weights: Iterable[Any]) -> None:
        """Load weights that were trained elsewhere. Thresholds, time constants and biases not given are unchanged.

        Other frameworks evaluate every neuron in every timestep. Without `NeuronSpec(tick=True)` only messages make a
        neuron fire, and spikes from a bias, a soft reset or a synaptic current alone are lost. Where layers do
        not wait, `refractory=False` keeps what a soft reset leaves. snnTorch subtracts a timestep later, which is
        `reset_amount=threshold / beta` here. `codesign.import_model` reads all of this from a module.

        Args:
            weights: one tensor or array per layer of neurons, input to output, with torch's shapes: (neurons, inputs)
                for a linear layer, (channels, input channels / groups, *kernel) for a convolution; then (targets,
                sources) for each delayed connection; then one for each direct connection, (channels, 1, 1, 1) for an
                identity. If neurons have a `bias`, (channels,) biases may follow the weight of their layer.

        Raises:
            InputError: wrong shapes, or a weight is no parameter of its own; nothing is changed.
        """
        load_weights(weights, self.own_weights(), self.bias, self.shape)

    def max_pools(self) -> torch.Tensor | None:
        """(N,) int64 max-pool window that contains each neuron, −1 if none; None without max pools."""
        windows = windows_of_max_pools(self.layer_connections())
        return None if windows is None else windows.to(self.threshold.device)

    def fan_in(self) -> torch.Tensor:
        """(N,) int64 number of synapses that end in each neuron."""
        return torch.cat([connection.fan_in() for connection in self.layer_connections()])

    def fan_out(self) -> torch.Tensor:
        """(input_size + N,) int64 synapses from each input, then each neuron, to the next layer; 0 for outputs."""
        outputs = torch.zeros(self.shape.layers[-1].neurons, dtype=torch.int64)
        return torch.cat([*(connection.fan_out() for connection in self.layer_connections()), outputs])

    def zero_fan_out(self) -> Integers:
        """(input_size + N,) number of the synapses in `fan_out` whose weight is 0; empty if there are none."""
        weights = [weight.numpy(force=True) for weight in self.weights()]
        if all(np.count_nonzero(weight != 0) == weight.size for weight in weights):  # faster than on floats
            return np.zeros(0, dtype=np.int64)
        zeros = [connection.fan_out(connection.weight == 0).numpy() for connection in self.layer_connections()]
        return np.concatenate([*zeros, np.zeros(self.shape.layers[-1].neurons, dtype=np.int64)])


def _expect_buffers(network: SpikingNetwork, state: dict[str, torch.Tensor], prefix: str, *_: Any) -> None:
    """Hook before a state dict is loaded, which may bring a gate and per-neuron parameters."""
    network.expect_buffers(name.removeprefix(prefix) for name in state if name.startswith(prefix))

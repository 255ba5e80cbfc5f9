"""The input of engines: a network, a batch and everything that says how the batch is run, in one record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import torch

from codesign.arguments import instance, one_of, whole
from codesign.errors import InputError
from codesign.network.neuron import OF_NEURONS
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.execution import Slice
from codesign.simulation.idle import IdleGradient
from codesign.simulation.input import admitted
from codesign.simulation.loss import CrossEntropy, SpikeCost
from codesign.simulation.policies import Policy, get_policy
from codesign.simulation.recording import slices_of
from codesign.simulation.schedule import Regularization, Schedule, check_returns
from codesign.simulation.service import ServiceModel
from codesign.workload.events import EventBatch

MOST_WAITING = 1 << 24
"""Most spikes of a neuron that may wait at once: as many as float32 counts exactly."""
TOO_MANY_WAIT = (
    f"more than {MOST_WAITING} spikes of one neuron wait; a higher threshold, a lower most_spikes or larger groups "
    "make them fewer"
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A batch to be run through a network, with everything checked.

    Attributes:
        network, schedule, regularization, idle_gradient, seed, epoch: as given to `simulate`.
        events: the given events that reach the network; see `codesign.simulation.input`.
        counters: whether an `Execution` is requested.
        learns: whether to keep what gradients need.
        recompute: whether to keep nothing for gradients, and to run the batch again when they are requested.
        loss: a loss that engines know, if the scores are needed only for it; None if all results are requested.
        spike_cost: weights of spikes, or None.

    Raises:
        InputError: they do not match each other.
    """

    network: SpikingNetwork
    events: EventBatch
    schedule: Schedule
    regularization: Regularization
    idle_gradient: IdleGradient = "all"
    seed: int = 0
    epoch: int = 0
    counters: bool = False
    learns: bool = False
    recompute: bool = False
    loss: CrossEntropy | None = None
    spike_cost: SpikeCost | None = None

    def __post_init__(self) -> None:
        for name, kind in (
            ("network", SpikingNetwork),
            ("events", EventBatch),
            ("schedule", Schedule),
            ("regularization", Regularization),
        ):
            instance(name, getattr(self, name), kind)
        whole("seed", self.seed, least=-1 << 63, most=1 << 63)
        whole("epoch", self.epoch, most=1 << 63)
        one_of("idle_gradient", self.idle_gradient, get_args(IdleGradient))
        _check_tensors(self.network, learns=self.learns)
        self.network.check_numbers()
        self._check_sizes()
        passing = admitted(self.network, self.events, self.schedule, seed=self.seed, epoch=self.epoch)
        object.__setattr__(self, "events", passing)
        if self.network.neuron.readout == "potential" and self.schedule.stop != "drained":
            raise InputError("stop: must be 'drained' with readout 'potential', as `schedule.drained()` is")
        if (service := self.schedule.service) is not None:
            if (given := len(service.message_s)) != (slices := len(self.slices)):
                raise InputError(f"service: must describe {slices} slices of the network on the cores, found {given}")
        elif self.policy.uses_service:
            raise InputError(f"policy '{self.policy.name}': needs the schedule's `service`, a chip's service times")
        self._check_spike_cost()
        once = self.refractory and self.regularization.refractory_dropout < 1
        check_returns(self.network.shape, fires_once=once)

    def _check_sizes(self) -> None:
        network, events, shape = self.network, self.events, self.network.shape
        if events.input_size != shape.input_size:
            raise InputError(f"the network has {shape.input_size} inputs, the events have {events.input_size}")
        grid = network.topology.input
        if isinstance(grid, tuple) and events.grid not in (None, grid):
            raise InputError(f"the network has inputs on the grid {grid}, the events on {events.grid}")
        if not (math.isclose(events.timestep_s, network.timestep_s) or network.timeless):  # 9 * 1e-3 s is not 9 ms
            raise InputError(
                f"the network has timesteps of {network.timestep_s} s, the events of {events.timestep_s} s"
            )
        if events.timestep_s == 0 and events.timesteps > 1 and not network.timeless:
            raise InputError(
                f"events: timestep_s must be above 0 for {events.timesteps} timesteps of a network with a leak, found 0"
            )
        for name in ("synchronization_threshold", "cores"):
            value = getattr(self.schedule, name)
            if isinstance(value, tuple) and len(value) != shape.neurons:
                raise InputError(f"{name}: must be one for each of {shape.neurons} neurons, found {len(value)}")

    def _check_spike_cost(self) -> None:
        if (cost := self.spike_cost) is None:
            return
        neurons, layers = self.network.shape.neurons, len(self.network.shape.layers)
        if (len(cost.weights), len(cost.multipliers), len(cost.floors)) != (neurons, layers, layers):
            raise InputError(f"spike_cost: must have {neurons} weights, {layers} multipliers and {layers} floors")

    @property
    def readings(self) -> int:
        """R, the number of times a sample's outputs are read: after each timestep, or once."""
        summed = self.network.neuron.readout == "potential" or (self.loss is not None and self.loss.of == "sum")
        return 1 if summed else self.events.timesteps

    @cached_property
    def parameters(self) -> list[torch.Tensor]:
        """The tensors that an engine computes gradients of, in this order: weights of connections, of delayed and of
        direct ones, the bias if there is one, and the (N,) thresholds and decays if they require gradients."""
        network = self.network
        return [
            *network.all_weights(),
            *([] if network.bias is None else [network.bias]),
            *([network.threshold] if network.threshold.requires_grad else []),
            *([network.decay] if network.time_constant.requires_grad else []),
        ]

    @property
    def learns_threshold(self) -> bool:
        return self.learns and self.network.threshold.requires_grad

    @property
    def learns_decay(self) -> bool:
        return self.learns and self.network.time_constant.requires_grad

    @property
    def policy(self) -> Policy:
        return get_policy(self.schedule.policy)

    @property
    def service(self) -> ServiceModel | None:
        """Service times for the policy; None if it does not use them."""
        return self.schedule.service if self.policy.uses_service else None

    @property
    def slices(self) -> tuple[Slice, ...]:
        return slices_of(self.network, self.schedule)

    @property
    def refractory(self) -> bool:
        return self.network.neuron.refractory and self.schedule.refractory

    @property
    def gated(self) -> bool:
        """Whether neurons wait for messages or send barrier messages."""
        return self.schedule.synchronized or self.schedule.barrier_messages

    @property
    def first_step(self) -> int:
        """Forward step in which layered inference evaluates the first layer; each later layer follows a step later."""
        return int(self.schedule.input_mode == "queued")

    @property
    def announces(self) -> bool:
        """Whether barrier messages are sent even in a timestep without events; output neurons have no successors."""
        return self.schedule.barrier_messages and len(self.network.shape.layers) > 1

    @property
    def thresholds(self) -> torch.Tensor:
        """(N,) int64 messages that each neuron needs before it may fire."""
        threshold = self.schedule.synchronization_threshold
        if threshold == "layer":
            return self.network.fan_in()
        if isinstance(threshold, int):
            return torch.full((self.network.shape.neurons,), threshold, dtype=torch.int64)
        return torch.tensor(threshold, dtype=torch.int64)


def _check_tensors(network: SpikingNetwork, *, learns: bool) -> None:
    """Raises InputError that names the first weight or neuron parameter, which users may replace, that is not dense
    real numbers of the network's shape, or that requires a gradient but cannot learn."""
    for name, tensor, shape in _tensors(network):
        if tensor.shape != shape:
            raise InputError(f"network: {name} must have shape {shape}, found {tuple(tensor.shape)}")
        if tensor.layout != torch.strided or tensor.dtype not in (torch.float32, torch.float64):
            found = f"{tensor.dtype}, {tensor.layout}"
            raise InputError(f"network: {name} must be dense, of float32 or float64, found {found}")
        if learns and tensor.requires_grad and name in OF_NEURONS:
            raise InputError(
                f"network: {name} cannot learn; only weights, biases, threshold and time_constant can. "
                f"`network.{name} = network.{name}.detach()` keeps it fixed"
            )


def _tensors(network: SpikingNetwork) -> Iterator[tuple[str, torch.Tensor, tuple[int, ...]]]:
    """Names, tensors and expected shapes of these parameters."""
    for name, connection in network.all_connections().items():
        yield f"weights of {name}", connection.weight, connection.weight_shape
    for name in ("threshold", "time_constant", "bias", *OF_NEURONS):
        if (tensor := getattr(network, name)) is not None:
            yield name, tensor, (network.shape.neurons,)

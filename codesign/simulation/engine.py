"""`simulate`: one call for every engine. All engines mean the same; they differ in speed and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation import gradient, reference
from codesign.simulation.execution import Execution
from codesign.simulation.recording import Recorder
from codesign.simulation.schedule import Regularization, Schedule
from codesign.workload.events import EventBatch

__all__ = ["Simulation", "engine_names", "simulate"]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What `simulate` returns.

    Attributes:
        logits: (B, C) output spike counts or potentials, differentiable in the network's parameters.
        emitted: spikes emitted by hidden neurons, summed over the batch.
        execution: all counters; None unless they were asked for.
    """

    logits: torch.Tensor
    emitted: int
    execution: Execution | None


class Engine(Protocol):
    """An engine runs one checked batch."""

    def __call__(
        self,
        network: SpikingNetwork,
        events: EventBatch,
        schedule: Schedule,
        regularization: Regularization,
        *,
        seed: int,
        epoch: int,
        counters: bool,
    ) -> Simulation: ...


def _reference(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    *,
    seed: int,
    epoch: int,
    counters: bool,
) -> Simulation:
    recorder = Recorder(network, events, schedule) if counters else None
    trace = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in network.parameters())
    result = reference.run(
        network, events, schedule, regularization, seed=seed, epoch=epoch, recorder=recorder, trace=trace
    )
    logits = gradient.logits(network, result)
    execution = None if recorder is None else recorder.execution(logits)
    return Simulation(logits=logits, emitted=result.emitted, execution=execution)


_ENGINES: dict[str, Engine] = {"reference": _reference}


def engine_names() -> tuple[str, ...]:
    """Names of the engines, sorted."""
    return tuple(sorted(_ENGINES))


def simulate(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    *,
    regularization: Regularization | None = None,
    seed: int = 0,
    epoch: int = 0,
    counters: bool = True,
    engine: str = "reference",
) -> Simulation:
    """Run a batch through a network under a schedule (paper, Algorithm 1).

    Every sample is independent of its batch: its random draws are a hash of the seed, the epoch and its id. An empty
    batch, a sample without events, a network that never fires or never decides, and an F beyond all neurons are all
    ordinary cases.

    Args:
        network: on any device.
        events: B samples of T timesteps; `input_size` and `timestep_s` as the network's.
        schedule: how forward passes are executed.
        regularization: dropouts and noise, for training; None for none.
        seed, epoch: of all random draws.
        counters: whether to return an `Execution`.
        engine: name of the engine.

    Raises:
        InputError: network, events and schedule do not fit each other, or the engine or policy does not exist.
    """
    if engine not in _ENGINES:
        raise InputError(f"unknown engine '{engine}'{suggestion(engine, _ENGINES)}")
    _check(network, events, schedule)
    run = _ENGINES[engine]
    return run(network, events, schedule, regularization or Regularization(), seed=seed, epoch=epoch, counters=counters)


def _check(network: SpikingNetwork, events: EventBatch, schedule: Schedule) -> None:
    shape = network.shape
    if events.input_size != shape.input_size:
        raise InputError(f"the network has {shape.input_size} inputs, the events have {events.input_size}")
    if events.timestep_s != network.timestep_s and not torch.isinf(network.time_constant).all():
        raise InputError(f"the network decays by {network.timestep_s} s a timestep, events have {events.timestep_s} s")
    for name in ("synchronization_threshold", "cores"):
        value = getattr(schedule, name)
        if isinstance(value, tuple) and len(value) != shape.neurons:
            raise InputError(f"{name}: must have one number for each of {shape.neurons} neurons, found {len(value)}")
    if network.neuron.readout == "potential" and schedule.stop != "drained":
        raise InputError("stop: must be 'drained' with readout 'potential', since output neurons never fire")

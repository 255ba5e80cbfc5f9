"""`simulate`: one call for every engine. All engines mean the same; they differ in speed and memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation import gradient, reference
from codesign.simulation.execution import Execution
from codesign.simulation.idle import IdleGradient, check_idle_gradient
from codesign.simulation.loss import Loss, check_loss, cross_entropy
from codesign.simulation.policies import get_policy
from codesign.simulation.recording import Recorder, slices_of
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.simulation.service import check_service
from codesign.workload.events import EventBatch

__all__ = ["DEFAULT_ENGINE", "ClassificationLoss", "Simulation", "classification_loss", "engine_names", "simulate"]

DEFAULT_ENGINE = "auto"
"""`event` for a network on the CPU, `reference` for one elsewhere."""


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


@dataclass(frozen=True, kw_only=True)
class ClassificationLoss:
    """What `classification_loss` returns.

    Attributes:
        value: mean of the loss over samples, a scalar, differentiable in the network's parameters.
        logits: (B, C) output spike counts or potentials, without gradient.
        emitted: spikes emitted by hidden neurons, summed over the batch.
    """

    value: torch.Tensor
    logits: torch.Tensor
    emitted: int


class Engine(Protocol):
    """An engine runs one checked batch."""

    def __call__(
        self,
        network: SpikingNetwork,
        events: EventBatch,
        schedule: Schedule,
        regularization: Regularization,
        idle_gradient: IdleGradient,
        *,
        seed: int,
        epoch: int,
        counters: bool,
    ) -> Simulation: ...


def _learns(network: SpikingNetwork) -> bool:
    """Whether a run now has to keep what gradients need."""
    return torch.is_grad_enabled() and any(parameter.requires_grad for parameter in network.parameters())


def _reference(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    idle_gradient: IdleGradient,
    *,
    seed: int,
    epoch: int,
    counters: bool,
) -> Simulation:
    recorder = Recorder(network, events, schedule) if counters else None
    scores, emitted = _reference_scores(
        network, events, schedule, regularization, idle_gradient, seed=seed, epoch=epoch, recorder=recorder
    )
    logits = scores.sum(dim=1)
    execution = None if recorder is None else recorder.execution(logits)
    return Simulation(logits=logits, emitted=emitted, execution=execution)


def _reference_scores(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    idle_gradient: IdleGradient,
    *,
    seed: int,
    epoch: int,
    recorder: Recorder | None,
) -> tuple[torch.Tensor, int]:
    """Scores as `gradient.scores` gives them, and spikes emitted by hidden neurons."""
    result = reference.run(
        network,
        events,
        schedule,
        regularization,
        seed=seed,
        epoch=epoch,
        recorder=recorder,
        trace=_learns(network),
        idle_gradient=idle_gradient,
    )
    return gradient.scores(network, result), result.emitted


def _event(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    idle_gradient: IdleGradient,
    *,
    seed: int,
    epoch: int,
    counters: bool,
) -> Simulation:
    from codesign.simulation.event import engine  # here, so that nobody else waits for the compiler to load

    logits, emitted, execution = engine.run(
        network, events, schedule, regularization, idle_gradient, seed=seed, epoch=epoch, counters=counters
    )
    return Simulation(logits=logits, emitted=emitted, execution=execution)


_ENGINES: dict[str, Engine] = {"event": _event, "reference": _reference}


def engine_names() -> tuple[str, ...]:
    """Names of the engines, sorted."""
    return tuple(sorted(_ENGINES))


def _engine_name(engine: str, network: SpikingNetwork) -> str:
    if engine == DEFAULT_ENGINE:
        return "event" if network.threshold.device.type == "cpu" else "reference"
    if engine not in _ENGINES:
        raise InputError(f"unknown engine '{engine}'{suggestion(engine, _ENGINES)}")
    return engine


def simulate(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    *,
    regularization: Regularization | None = None,
    seed: int = 0,
    epoch: int = 0,
    counters: bool = True,
    idle_gradient: IdleGradient = "all",
    engine: str = DEFAULT_ENGINE,
) -> Simulation:
    """Run a batch through a network under a schedule (paper, Algorithm 1).

    Every sample is independent of its batch: its random draws are a hash of the seed, the epoch and its id. An empty
    batch, a sample without events, a network that never fires or never decides, and an F beyond all neurons are all
    ordinary cases.

    Args:
        network: on any device; engine `event` needs float32 on the CPU, and uses `torch.get_num_threads()` threads.
        events: B samples of T timesteps; `input_size` and `timestep_s` as the network's.
        schedule: how forward passes are executed; with stop `read_early` the logits have no gradient.
        regularization: dropouts and noise, for training; None for none.
        seed, epoch: of all random draws.
        counters: whether to return an `Execution`.
        idle_gradient: which silent neurons get a gradient; see `codesign.simulation.idle`.
        engine: name of the engine; all mean the same.

    Raises:
        InputError: network, events and schedule do not fit each other, or the engine or policy does not exist.
    """
    run = _ENGINES[_engine_name(engine, network)]
    regularization = regularization or Regularization()
    if isinstance(schedule, Schedule) and schedule.stop == "read_early" and network.neuron.readout == "spikes":
        whole = schedule.drained()
        _check(network, events, whole, idle_gradient)
        with torch.no_grad():
            drained = run(network, events, whole, regularization, idle_gradient, seed=seed, epoch=epoch, counters=True)
        return _read_early(drained, schedule.steps_after_output, counters=counters)
    _check(network, events, schedule, idle_gradient)
    return run(network, events, schedule, regularization, idle_gradient, seed=seed, epoch=epoch, counters=counters)


def _read_early(drained: Simulation, steps_after_output: int, *, counters: bool) -> Simulation:
    """The answer at the decision, without gradient, of a run that went on until nothing waited."""
    assert drained.execution is not None
    execution = drained.execution.decided(steps_after_output)
    logits = torch.as_tensor(execution.scores, dtype=drained.logits.dtype, device=drained.logits.device)
    return replace(drained, logits=logits, execution=execution if counters else None)


def classification_loss(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    *,
    regularization: Regularization | None = None,
    seed: int = 0,
    epoch: int = 0,
    idle_gradient: IdleGradient = "all",
    loss: Loss = "sum",
    engine: str = DEFAULT_ENGINE,
) -> ClassificationLoss:
    """Mean cross-entropy between the softmaxed scores of a batch and its labels (paper, section 3.2).

    With loss `sum` the same as `simulate` and `torch.nn.functional.cross_entropy`, but where the loss is known
    beforehand the event engine runs each sample forwards and at once backwards, and keeps the trace of one sample
    instead of a batch.

    Args and errors: as for `simulate`; labels must be below the number of outputs, and `loss` is one of
    `codesign.simulation.loss`, of which `timestep` needs output spikes or a single timestep.
    """
    name = _engine_name(engine, network)
    _check(network, events, schedule, idle_gradient)
    if schedule.stop == "read_early":
        raise InputError("stop: 'read_early' has no gradient; train with 'drained' or 'on_output'")
    check_loss(loss, network.neuron, events.timesteps)
    classes = network.shape.layers[-1].neurons
    wrong = events.labels[(events.labels < 0) | (events.labels >= classes)]
    if len(wrong):
        raise InputError(f"the network has {classes} outputs, found label {int(wrong[0])}")
    regularization = regularization or Regularization()
    if name == "event":
        from codesign.simulation.event import engine as event_engine

        value, logits, emitted = event_engine.classification_loss(
            network, events, schedule, regularization, idle_gradient, loss, seed=seed, epoch=epoch
        )
        return ClassificationLoss(value=value, logits=logits, emitted=emitted)
    scores, emitted = _reference_scores(
        network, events, schedule, regularization, idle_gradient, seed=seed, epoch=epoch, recorder=None
    )
    summed = scores.sum(dim=1, keepdim=True)
    labels = torch.from_numpy(events.labels).to(scores.device)
    value = cross_entropy(summed if loss == "sum" else scores, labels)
    return ClassificationLoss(value=value, logits=summed[:, 0].detach(), emitted=emitted)


def _check(network: SpikingNetwork, events: EventBatch, schedule: Schedule, idle_gradient: str) -> None:
    for name, value, kind in (("events", events, EventBatch), ("schedule", schedule, Schedule)):
        if not isinstance(value, kind):
            raise InputError(f"{name}: must be {kind.__name__}, found {type(value).__name__}")
    check_idle_gradient(idle_gradient)
    network.check_numbers()
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
    if schedule.service is not None:
        check_service(schedule.service, slices_of(network, schedule))
    elif get_policy(schedule.policy).uses_service:
        raise InputError(f"policy '{schedule.policy}': needs the schedule's `service`, the service times of a chip")
    if network.potential_ranges is not None and _learns(network):
        raise InputError(
            "potential_ranges: are for inference only, found parameters that require gradients; "
            "simulate under torch.no_grad()"
        )


def _forward(network: SpikingNetwork, events: EventBatch, schedule: Schedule | None, **options: Any) -> torch.Tensor:
    """`SpikingNetwork.forward`."""
    return simulate(network, events, LAYERED if schedule is None else schedule, counters=False, **options).logits


SpikingNetwork.run = staticmethod(_forward)

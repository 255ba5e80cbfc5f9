"""`simulate`: one call for every engine. All engines return the same; they differ in speed and memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from itertools import chain
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch

from codesign.arguments import instance, one_of
from codesign.devices import made_on
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation import gradient
from codesign.simulation.idle import IdleGradient
from codesign.simulation.loss import CrossEntropy, Loss, LossFunction, SpikeCost, check_loss, minimizable
from codesign.simulation.results import ClassificationLoss, Simulation
from codesign.simulation.run import Run
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.workload.events import EventBatch

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_ENGINE = "auto"
"""`event` for a network on the CPU, `reference` for one on another device."""


def _event(run: Run) -> Simulation:
    from codesign.simulation.event import engine  # here, so that only this engine waits for the compiler to load

    return engine.run(run)


_ENGINES: dict[str, Callable[[Run], Simulation]] = {"event": _event, "reference": gradient.run}
"""An engine takes a checked run."""


def engine_names() -> tuple[str, ...]:
    """Names of the engines, sorted."""
    return tuple(sorted(_ENGINES))


def engine_name(engine: str, network: SpikingNetwork) -> str:
    """The engine that a network is simulated with. Raises InputError if there is none of this name."""
    one_of("engine", engine, (DEFAULT_ENGINE, *_ENGINES))
    if engine != DEFAULT_ENGINE:
        return engine
    return "event" if network.threshold.device.type == "cpu" else "reference"


def _learns(network: SpikingNetwork) -> bool:
    tensors = chain(network.parameters(), network.buffers())
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _eager(function: Callable[Concatenate[SpikingNetwork, P], R]) -> Callable[Concatenate[SpikingNetwork, P], R]:
    """`function` as a graph break for compiled programs, as with `torch.compiler.disable`, and creating tensors on the
    network's device whatever torch's default device is.

    `torch.compiler.disable` itself would load torch's compiler, which takes over a second, so it is applied only if the
    compiler is already loaded.
    """

    @wraps(function)
    def called(network: SpikingNetwork, *args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            return torch.compiler.disable(called)(network, *args, **kwargs)  # type: ignore[no-any-return, no-untyped-call]
        instance("network", network, SpikingNetwork)
        with made_on(network.threshold.device):
            return function(network, *args, **kwargs)

    return called  # type: ignore[return-value]


@_eager
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
    spike_cost: SpikeCost | None = None,
    recompute: bool = False,
    engine: str = DEFAULT_ENGINE,
) -> Simulation:
    """Run a batch through a network under a schedule (paper, Algorithm 1).

    Every sample is independent of its batch: its random draws are a hash of the seed, the epoch and its id. An empty
    batch, a sample without events, a network that never fires or never decides, and an F larger than the network are
    all valid. Second derivatives are not available: under `create_graph=True` gradients are constants.

    Args:
        network: on any device; engine `event` needs float32 on the CPU, and uses `torch.get_num_threads()` threads.
        events: B samples of T timesteps, with the network's `input_size` and `timestep_s`.
        schedule: how forward passes are executed; with stop `read_early` or `read_margin` the logits have no gradient.
        regularization: dropouts and noise for training, or None.
        seed, epoch: determine all random draws.
        counters: whether to return an `Execution`.
        idle_gradient: which silent neurons get a gradient; see docs/design.md (Gradient).
        spike_cost: costs of spikes, needed for `Simulation.charges`.
        recompute: run the batch again to compute the gradient instead of keeping intermediate results: half as long
            again, with memory for one sample instead of the batch, and the same numbers. Engine `reference` ignores it.
        engine: name of the engine; results are the same, but for rounding (docs/design.md, Randomness).

    Raises:
        InputError: network, events and schedule do not match, the engine or policy does not exist, or a parameter of
            the network is not finite.
    """
    name = engine_name(engine, network)
    early = isinstance(schedule, Schedule) and schedule.goes_on and network.neuron.readout == "spikes"
    run = Run(
        network=network,
        events=events,
        schedule=schedule.drained() if early else schedule,
        regularization=regularization or Regularization(),
        idle_gradient=idle_gradient,
        seed=seed,
        epoch=epoch,
        counters=counters or early,
        learns=_learns(network) and not early,
        recompute=recompute,
        spike_cost=spike_cost,
    )
    simulation = _ENGINES[name](run)
    return _read_early(simulation, schedule, counters=counters) if early else simulation


def _read_early(drained: Simulation, schedule: Schedule, *, counters: bool) -> Simulation:
    """The answer at the decision, without gradient, from a run that continued until nothing waited."""
    execution = drained.execution
    assert execution is not None
    if schedule.stop == "read_margin":
        execution = execution.at_margin(schedule.margin)
    else:
        execution = execution.decided(schedule.steps_after_output)
    logits = torch.as_tensor(execution.scores, dtype=drained.logits.dtype, device=drained.logits.device)
    return replace(drained, scores=logits[:, None], execution=execution if counters else None)


@_eager
def classification_loss(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    *,
    regularization: Regularization | None = None,
    seed: int = 0,
    epoch: int = 0,
    idle_gradient: IdleGradient = "all",
    loss: Loss | CrossEntropy | LossFunction = "sum",
    spike_cost: SpikeCost | None = None,
    engine: str = DEFAULT_ENGINE,
) -> ClassificationLoss:
    """Mean cross-entropy between the softmax of a batch's scores and its labels (paper, section 3.2), plus the cost of
    spikes.

    With loss `sum` and no cost this equals `simulate` followed by `torch.nn.functional.cross_entropy`. But because the
    loss is known in advance, the event engine runs each sample forwards and immediately backwards, and keeps the trace
    of one sample instead of the whole batch. A loss of your own is called with the simulation of the whole batch.

    Args and errors: as for `simulate`; labels must be below the number of outputs. `loss` is one of
    `codesign.simulation.loss`, by name or with its parameters (`timestep` needs output spikes or a single timestep), or
    a function of a `Simulation` without counters and (B,) int64 labels that returns a scalar with gradient.
    `spike_cost` is added to it.
    """
    name = engine_name(engine, network)
    criterion = CrossEntropy(of=loss) if isinstance(loss, str) else loss
    known = criterion if type(criterion) is CrossEntropy else None  # a subclass may compute anything
    run = Run(
        network=network,
        events=events,
        schedule=schedule,
        regularization=regularization or Regularization(),
        idle_gradient=idle_gradient,
        seed=seed,
        epoch=epoch,
        learns=_learns(network),
        loss=known,
        spike_cost=spike_cost,
    )
    if schedule.goes_on:
        raise InputError(f"stop: '{schedule.stop}' has no gradient; train with 'drained' or 'on_output'")
    check_loss(criterion, network.neuron, run.events.timesteps)
    check_labels(network, events)
    if known is not None and name == "event" and run.learns and len(events):
        from codesign.simulation.event.engine import learn

        value, outcome = learn(run)
    else:
        outcome = _ENGINES[name](run)
        labels = torch.from_numpy(events.labels.copy()).to(outcome.scores.device)
        value = minimizable(criterion(outcome, labels), learns=run.learns)
        if spike_cost is not None and outcome.charges is not None:
            value = value + spike_cost.of(outcome.charges).mean()
    return ClassificationLoss(
        value=value,
        logits=outcome.logits.detach(),
        spikes=outcome.spikes.detach(),
        charges=None if outcome.charges is None else outcome.charges.detach(),
    )


def check_labels(network: SpikingNetwork, events: EventBatch, name: str = "events") -> None:
    """Raises InputError if `network` or `events` has another type, or if the network has no output for some label."""
    instance("network", network, SpikingNetwork)
    instance(name, events, EventBatch)
    classes = network.shape.layers[-1].neurons
    wrong = events.labels[(events.labels < 0) | (events.labels >= classes)]
    if len(wrong):
        raise InputError(
            f"{name}: labels must be 0 … {classes - 1} for a network with {classes} outputs, found {int(wrong[0])}"
        )


def scores_of(network: SpikingNetwork, events: EventBatch, schedule: Schedule | None, **options: Any) -> torch.Tensor:
    """The result of calling a network like any other module."""
    return simulate(network, events, LAYERED if schedule is None else schedule, counters=False, **options).logits


if hasattr(os, "register_at_fork"):  # torch would wait forever for threads that a forked process lacks
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))

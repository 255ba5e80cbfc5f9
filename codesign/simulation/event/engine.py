"""The event engine: compiled kernels joined to torch's graph."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.event.assembly import assemble
from codesign.simulation.event.batch import Batch
from codesign.simulation.event.run import Recorded, forward, learn, release, replay
from codesign.simulation.execution import Execution
from codesign.simulation.idle import IdleGradient
from codesign.simulation.loss import Loss, cross_entropy
from codesign.simulation.schedule import Regularization, Schedule
from codesign.workload.events import EventBatch

__all__ = ["classification_loss", "run"]


def run(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    idle_gradient: IdleGradient,
    *,
    seed: int,
    epoch: int,
    counters: bool,
) -> tuple[torch.Tensor, int, Execution | None]:
    """(B, C) logits with their gradient, spikes emitted by hidden neurons, and counters if they are wanted."""
    parameters = _parameters(network)
    batch = Batch(
        network,
        events,
        schedule,
        regularization,
        idle_gradient,
        seed=seed,
        epoch=epoch,
        traced=_learns(parameters),
        recorded=counters,
    )
    scores, recorded = _scores(batch, parameters)
    execution = assemble(network, events, batch, recorded) if counters else None
    return scores[:, 0], recorded.emitted, execution


def classification_loss(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    idle_gradient: IdleGradient,
    loss: Loss,
    *,
    seed: int,
    epoch: int,
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Mean loss with its gradient, (B, C) logits without, and spikes emitted by hidden neurons."""
    parameters = _parameters(network)
    batch = Batch(
        network,
        events,
        schedule,
        regularization,
        idle_gradient,
        seed=seed,
        epoch=epoch,
        traced=_learns(parameters),
        recorded=False,
        by_timestep=loss == "timestep",
    )
    if not batch.rules.traced or not len(events):
        scores, recorded = _scores(batch, parameters)
        value = cross_entropy(scores, torch.from_numpy(events.labels))
        return value, scores.detach().sum(dim=1), recorded.emitted
    learnt, losses, emitted, gradients = learn(batch)
    mean = torch.tensor(losses.mean(), dtype=torch.float32)
    value = _Loss.apply(mean, gradients, *parameters)  # type: ignore[no-untyped-call]
    return value, torch.from_numpy(learnt.sum(axis=1)), emitted


def _learns(parameters: Sequence[torch.Tensor]) -> bool:
    return torch.is_grad_enabled() and any(parameter.requires_grad for parameter in parameters)


def _scores(batch: Batch, parameters: Sequence[torch.Tensor]) -> tuple[torch.Tensor, Recorded]:
    """Run a batch; (B, R, C) scores, joined to torch's graph if a trace was asked for."""
    recorded = forward(batch)
    scores: torch.Tensor = torch.from_numpy(recorded.scores)
    if batch.rules.traced:
        weakref.finalize(recorded, release, recorded.segments, batch.resources)
        scores = _Scores.apply(batch, recorded, *parameters)  # type: ignore[no-untyped-call]
    return scores, recorded


def _parameters(network: SpikingNetwork) -> list[torch.Tensor]:
    return [*network.weights(), *([] if network.bias is None else [network.bias])]


class _Scores(torch.autograd.Function):
    """Joins a run to torch's graph: (B, R, C) scores forwards, the recorded schedule replayed backwards."""

    @staticmethod
    def forward(ctx: Any, batch: Batch, recorded: Recorded, *parameters: torch.Tensor) -> torch.Tensor:
        ctx.batch, ctx.recorded = batch, recorded
        ctx.save_for_backward(*parameters)
        return torch.from_numpy(recorded.scores.copy())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        _ = ctx.saved_tensors  # torch's check that no weight was changed in place, and that the graph is still there
        gradient = output_gradients[0].to(torch.float32).contiguous().numpy()
        return (None, None, *replay(ctx.batch, ctx.recorded, gradient))


class _Loss(torch.autograd.Function):
    """Joins a loss whose gradients were computed along with it to torch's graph."""

    @staticmethod
    def forward(
        ctx: Any, loss: torch.Tensor, gradients: Sequence[torch.Tensor], *parameters: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(*parameters, *gradients)
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        saved = ctx.saved_tensors
        gradients = saved[len(saved) // 2 :]
        return (None, None, *(gradient * output_gradients[0] for gradient in gradients))

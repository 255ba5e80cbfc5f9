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
from codesign.simulation.schedule import Regularization, Schedule
from codesign.workload.events import EventBatch

__all__ = ["cross_entropy", "run"]


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
    traced = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in parameters)
    batch = Batch(
        network,
        events,
        schedule,
        regularization,
        idle_gradient,
        seed=seed,
        epoch=epoch,
        traced=traced,
        recorded=counters,
    )
    recorded = forward(batch)
    execution = assemble(network, events, batch, recorded) if counters else None
    logits: torch.Tensor = torch.from_numpy(recorded.logits)
    if traced:
        weakref.finalize(recorded, release, recorded.segments, batch.resources)
        logits = _Logits.apply(batch, recorded, *parameters)  # type: ignore[no-untyped-call]
    return logits, recorded.emitted, execution


def cross_entropy(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    regularization: Regularization,
    idle_gradient: IdleGradient,
    *,
    seed: int,
    epoch: int,
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Mean cross-entropy with its gradient, (B, C) logits without, and spikes emitted by hidden neurons."""
    parameters = _parameters(network)
    traced = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in parameters)
    if not traced or not len(events):
        logits, emitted, _ = run(
            network, events, schedule, regularization, idle_gradient, seed=seed, epoch=epoch, counters=False
        )
        labels = torch.from_numpy(events.labels)
        return torch.nn.functional.cross_entropy(logits, labels), logits.detach(), emitted
    batch = Batch(
        network,
        events,
        schedule,
        regularization,
        idle_gradient,
        seed=seed,
        epoch=epoch,
        traced=True,
        recorded=False,
    )
    scores, losses, emitted, gradients = learn(batch)
    mean = torch.tensor(losses.mean(), dtype=torch.float32)
    loss: torch.Tensor = _Loss.apply(mean, gradients, *parameters)  # type: ignore[no-untyped-call]
    return loss, torch.from_numpy(scores), emitted


def _parameters(network: SpikingNetwork) -> list[torch.Tensor]:
    return [*network.weights(), *([] if network.bias is None else [network.bias])]


class _Logits(torch.autograd.Function):
    """Joins a run to torch's graph: logits forwards, the recorded schedule replayed backwards."""

    @staticmethod
    def forward(ctx: Any, batch: Batch, recorded: Recorded, *parameters: torch.Tensor) -> torch.Tensor:
        ctx.batch, ctx.recorded = batch, recorded
        ctx.save_for_backward(*parameters)
        return torch.from_numpy(recorded.logits.copy())

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

"""The event engine: compiled kernels joined to torch's graph."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.event.batch import Batch
from codesign.simulation.event.chunks import Recorded, forward, learn_batch, release, replay
from codesign.simulation.event.execution import to_execution
from codesign.simulation.run import EngineResult, Run

__all__ = ["learn", "run"]


def run(run: Run) -> EngineResult:
    """Run a batch; scores are joined to torch's graph if the run learns."""
    batch = Batch(run)
    recorded = forward(batch)
    scores: torch.Tensor = torch.from_numpy(recorded.scores)
    if run.learns:
        weakref.finalize(recorded, release, recorded.segments, batch.resources)
        scores = _Scores.apply(batch, recorded, *_parameters(run.network))  # type: ignore[no-untyped-call]
    execution = to_execution(batch, recorded) if run.counters else None
    return EngineResult(scores=scores, emitted=recorded.emitted, execution=execution)


def learn(run: Run) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Mean loss with its gradient, (B, C) logits without, and spikes emitted by hidden neurons."""
    learnt = learn_batch(Batch(run))
    mean = torch.tensor(learnt.losses.mean(), dtype=torch.float32)
    value = _Loss.apply(mean, learnt.gradients, *_parameters(run.network))  # type: ignore[no-untyped-call]
    return value, torch.from_numpy(learnt.scores.sum(axis=1)), learnt.emitted


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

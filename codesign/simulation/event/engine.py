"""The event engine: compiled kernels joined to torch's graph."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

from codesign.simulation.event.batch import Batch, Results
from codesign.simulation.event.chunks import Recorded, backward, forward, learn_batch, mean_loss, release
from codesign.simulation.event.compilation import tell_of_compiling
from codesign.simulation.event.execution import to_execution
from codesign.simulation.results import Simulation
from codesign.simulation.run import Run


def run(run: Run) -> Simulation:
    """Run a batch; the results are part of torch's graph if the run learns."""
    tell_of_compiling()
    batch = Batch(run)
    recorded = forward(batch.ruled(traced=False, keeps_found=False) if run.recompute else batch)
    results = _tensors(recorded.results)
    if run.learns:
        weakref.finalize(recorded, release, recorded.pieces, batch.resources)
        results = _Outputs.apply(batch, recorded, *run.parameters)  # type: ignore[no-untyped-call]
    return _result(run, results, to_execution(batch, recorded) if run.counters else None)


def learn(run: Run) -> tuple[torch.Tensor, Simulation]:
    """Mean cross-entropy plus mean cost of spikes, with gradient, and the batch's results, without."""
    tell_of_compiling()
    batch = Batch(run)
    results, losses, gradients = learn_batch(batch)
    value = _Loss.apply(mean_loss(run, losses, results.charges), gradients, *run.parameters)  # type: ignore[no-untyped-call]
    return value, _result(run, _tensors(results))


def _result(run: Run, results: Sequence[torch.Tensor], execution: Any = None) -> Simulation:
    scores, spikes, charges = results
    return Simulation(
        scores=scores, spikes=spikes, charges=None if run.spike_cost is None else charges, execution=execution
    )


def _tensors(results: Results) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.from_numpy(results.scores), _floats(results.spikes), _floats(results.charges)


def _floats(array: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))


class _Outputs(torch.autograd.Function):
    """Joins a run to torch's graph: returns scores, spikes and charges; its backward replays the recorded schedule or
    runs the batch again."""

    @staticmethod
    def forward(ctx: Any, batch: Batch, recorded: Recorded, *parameters: torch.Tensor) -> Any:
        ctx.batch, ctx.recorded = batch, recorded
        ctx.save_for_backward(*parameters)
        scores, *counts = _tensors(recorded.results)
        return (scores.clone(), *counts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        _ = ctx.saved_tensors  # torch checks that no weight was changed in place and that the graph still exists
        gradients = (gradient.to(torch.float32).contiguous().numpy() for gradient in output_gradients)
        return (None, None, *backward(ctx.batch, ctx.recorded, *gradients))


class _Loss(torch.autograd.Function):
    """Joins a loss whose gradients were computed along with it to torch's graph."""

    @staticmethod
    def forward(ctx: Any, loss: float, gradients: Sequence[torch.Tensor], *parameters: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(*parameters, *gradients)
        return torch.tensor(loss, dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        saved = ctx.saved_tensors
        gradients, factor = saved[len(saved) // 2 :], output_gradients[0].numpy()
        # not by torch, whose threads would keep spinning on the cores that kernels need
        return (None, None, *(torch.from_numpy(gradient.numpy() * factor) for gradient in gradients))

"""What a simulation and a loss return, joined to torch's graph where the run learns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from codesign.arrays import OfArrays
from codesign.deferred import torch
from codesign.simulation.execution import Execution


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Simulation(OfArrays):
    """What `simulate` returns.

    Attributes:
        scores: (B, T, C) output spikes of each timestep, differentiable in the network's parameters; with output
            potentials, where the answer is read early, which has no gradient, or where a loss asks for sums alone,
            (B, 1, C).
        spikes: (B, L) spikes emitted by each layer, the output layer the last, differentiable likewise.
        charges: (B, L) what these weigh by the `spike_cost`, differentiable likewise; None without one.
        execution: all counters; None unless they were asked for.
    """

    scores: torch.Tensor
    spikes: torch.Tensor
    charges: torch.Tensor | None = None
    execution: Execution | None = None

    @cached_property
    def logits(self) -> torch.Tensor:
        """(B, C) output spike counts or potentials, differentiable as `scores` are."""
        return self.scores.sum(dim=1)

    @property
    def emitted(self) -> int:
        """Spikes emitted by hidden neurons, summed over the batch."""
        return _of_hidden(self.spikes)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ClassificationLoss(OfArrays):
    """What `classification_loss` returns.

    Attributes:
        value: mean of the loss over samples, a scalar, differentiable in the network's parameters.
        logits: (B, C) output spike counts or potentials, without gradient.
        spikes: (B, L) spikes emitted by each layer, without gradient.
        charges: (B, L) what these weigh by the `spike_cost`, without gradient; None without a cost.
    """

    value: torch.Tensor
    logits: torch.Tensor
    spikes: torch.Tensor
    charges: torch.Tensor | None = None

    @property
    def emitted(self) -> int:
        """Spikes emitted by hidden neurons, summed over the batch."""
        return _of_hidden(self.spikes)


def _of_hidden(spikes: torch.Tensor) -> int:
    return int(spikes.numpy(force=True)[:, :-1].sum(dtype=float))

"""Results of a simulation and of a loss, part of torch's graph if the run learns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from codesign.arrays import OfArrays
from codesign.deferred import torch
from codesign.simulation.execution import Execution


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Simulation(OfArrays):
    """Result of `simulate`.

    Attributes:
        scores: (B, T, C) output spikes of each timestep, differentiable in the network's parameters. (B, 1, C) for
            output potentials, for answers that are read early (without gradient), or if a loss needs only sums.
        spikes: (B, L) spikes emitted by each layer, output layer last, also differentiable.
        charges: (B, L) the sums of their weights in `spike_cost`, also differentiable; None without a cost.
        execution: all counters; None unless requested.
    """

    scores: torch.Tensor
    spikes: torch.Tensor
    charges: torch.Tensor | None = None
    execution: Execution | None = None

    @cached_property
    def logits(self) -> torch.Tensor:
        """(B, C) output spike counts or potentials, differentiable like `scores`."""
        return self.scores.sum(dim=1)

    @property
    def emitted(self) -> int:
        """Spikes emitted by hidden neurons, summed over the batch."""
        return int(self.spikes.numpy(force=True)[:, :-1].sum(dtype=float))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ClassificationLoss(OfArrays):
    """Result of `classification_loss`.

    Attributes:
        value: mean loss over samples, a scalar, differentiable in the network's parameters.
        logits: (B, C) output spike counts or potentials, without gradient.
        spikes: (B, L) spikes emitted by each layer, without gradient.
        charges: (B, L) the sums of their weights in `spike_cost`, without gradient; None without a cost.
    """

    value: torch.Tensor
    logits: torch.Tensor
    spikes: torch.Tensor
    charges: torch.Tensor | None = None

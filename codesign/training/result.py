"""What comes of a training: a report of each epoch, and a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from codesign.arrays import OfArrays
from codesign.units import in_percent


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """How training stands after an epoch.

    Attributes:
        epoch: 1 for the first.
        epochs: most epochs that will be run.
        loss: the recipe's, mean over the training samples, without weight decay and what spikes cost.
        training_accuracy: under the training schedule, of a mixture each sample's own, with its dropouts, while weights
            changed.
        validation_accuracy: under the training schedule without dropouts, after the epoch; with the recipe's
            `validation_margin`, if it has one; of a mixture the mean over its entries.
        spike_density: emitted spikes per hidden neuron per training sample, while weights changed.
        validation_density: likewise per validation sample, as `validation_accuracy`.
        spike_cost: λ of the hidden layer whose spikes cost most; 0 where they cost nothing.
        energy_j: mean of a validation sample, where a budget measures it.
        updates_s: wall time of the epoch's updates, without validation.
        elapsed_s, remaining_s: wall time since the start, and expected until the last epoch.
    """

    epoch: int
    epochs: int
    loss: float
    training_accuracy: float
    validation_accuracy: float
    spike_density: float
    validation_density: float
    spike_cost: float
    energy_j: float | None
    updates_s: float
    elapsed_s: float
    remaining_s: float


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class TrainingResult(OfArrays):
    """A trained model.

    Attributes:
        state: state dict of the network, on the CPU, after the best epoch; calibrated where the recipe says so.
        best_epoch: its number, from 1; `train` says what makes an epoch the best, and of equal ones the first is.
        history: one report an epoch run.
        memory_bytes: how far the process's resident memory rose above what it held before the first update, network,
            data and compiled code being there; None where that cannot be measured, as on devices other than the CPU.
        threshold_scales: what calibration multiplied the threshold of each layer by, folded into `state` as its inverse
            on weights; None without calibration. The history is that of the network before.
        keeps_budget: whether validation samples took no more than the recipe's budget in the best epoch, to 5 %; if
            not, no epoch came nearer to it. Calibration comes after that. None without a budget.
    """

    state: dict[str, torch.Tensor]
    best_epoch: int
    history: tuple[EpochReport, ...]
    memory_bytes: int | None
    threshold_scales: tuple[float, ...] | None = None
    keeps_budget: bool | None = None

    @property
    def epoch_wall_s(self) -> float:
        """Wall time of the second epoch's updates, in seconds: the first may load code. Of the only one if one ran."""
        return self.history[min(1, len(self.history) - 1)].updates_s

    def __repr__(self) -> str:
        best = in_percent(self.history[self.best_epoch - 1].validation_accuracy)
        over = ", over its budget" if self.keeps_budget is False else ""
        return (
            f"TrainingResult(best epoch {self.best_epoch} of {len(self.history)}, validation accuracy {best} %{over})"
        )

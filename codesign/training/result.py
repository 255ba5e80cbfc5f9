"""Results of a training: a report of each epoch, and a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from codesign.arrays import OfArrays
from codesign.units import in_percent


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """State of a training after an epoch.

    Attributes:
        epoch: number of the epoch, from 1.
        epochs: most epochs that will be run.
        loss: the recipe's loss, mean over the training samples, without weight decay and costs of spikes.
        training_accuracy: under the training schedule (of a mixture, each sample's own) with its dropouts, while
            weights changed.
        validation_accuracy: under the training schedule without dropouts, after the epoch, with the recipe's
            `validation_margin` if it has one; for a mixture, the mean over its entries.
        spike_density: emitted spikes per hidden neuron per training sample, while weights changed.
        validation_density: likewise per validation sample, under the conditions of `validation_accuracy`.
        spike_cost: λ of the hidden layer whose spikes cost most; 0 if they cost nothing.
        energy_j: mean energy of a validation sample, if a budget measures it.
        updates_s: wall time of the epoch's updates, without validation.
        elapsed_s, remaining_s: wall time since the start, and expected time until the last epoch.
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
        state: state dict of the network, on the CPU, after the best epoch; calibrated if the recipe says so.
        best_epoch: number of the best epoch as defined by `train`, from 1; the first one among equals.
        history: one report per epoch.
        memory_bytes: how far the process's resident memory rose above its size before the first update, with network,
            data and compiled code already loaded; None if it cannot be measured, as on devices other than the CPU.
        threshold_scales: factors by which calibration multiplied the threshold of each layer, included in `state` as
            their inverse on weights; None without calibration. The history is that of the uncalibrated network.
        keeps_budget: whether validation samples kept to the recipe's budget in the best epoch, to 5 %; if not, no epoch
            came closer to it. Before calibration. None without a budget.
    """

    state: dict[str, torch.Tensor]
    best_epoch: int
    history: tuple[EpochReport, ...]
    memory_bytes: int | None
    threshold_scales: tuple[float, ...] | None = None
    keeps_budget: bool | None = None

    @property
    def epoch_wall_s(self) -> float:
        """Wall time of the updates of the second epoch, in seconds, since the first may load code; of the first if it
        is the only one."""
        return self.history[min(1, len(self.history) - 1)].updates_s

    def __repr__(self) -> str:
        best = in_percent(self.history[self.best_epoch - 1].validation_accuracy)
        return f"TrainingResult(best epoch {self.best_epoch} of {len(self.history)}, validation accuracy {best} %)"

"""What training minimizes: the cross-entropy of output spikes over a whole sample, or of each timestep's alone.

With c_t the (C,) output spike counts of timestep t, y the label and CE(c, y) = −log softmax(c)_y:

- `sum`: CE(Σ_t c_t, y), the paper's section 3.2. Over many timesteps the right class can lead by many spikes; the
  softmax is then saturated and a sample teaches nothing more.
- `timestep`: (1/T) Σ_t CE(c_t, y), temporal efficient training (Deng et al. 2022, arXiv:2202.11946) without its
  regularizing term: every timestep has to know the answer, and has few spikes, which do not saturate.

With one timestep they are the same. Output potentials are read once, after the last timestep: over several there is no
`timestep` of them. Predictions are those of the summed counts under either.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec

__all__ = ["Loss", "check_loss", "cross_entropy"]

Loss = Literal["sum", "timestep"]
"""Name of a loss."""


def check_loss(loss: str, neuron: NeuronSpec, timesteps: int) -> None:
    """Raises InputError for a name that is not a loss, and for one that these outputs do not have."""
    if loss not in get_args(Loss):
        raise InputError(f"loss: unknown loss '{loss}'{suggestion(str(loss), get_args(Loss))}")
    if loss == "timestep" and neuron.readout == "potential" and timesteps > 1:
        raise InputError(
            f"loss: 'timestep' needs output spikes of each timestep; readout 'potential' is read once, after all "
            f"{timesteps}; use 'sum', or readout 'spikes'"
        )


def cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over samples and readings of the cross-entropy of the softmaxed scores.

    Args:
        scores: (B, R, C); a sample has R readings: one, or one per timestep.
        labels: (B,) int64.
    """
    readings = scores.shape[1]
    return torch.nn.functional.cross_entropy(scores.flatten(0, 1), labels.repeat_interleave(readings))

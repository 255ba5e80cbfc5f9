"""Losses for training: the cross-entropy of output spikes summed over a sample, or of each timestep separately.

With (C,) output spike counts c_t of timestep t, label y and CE(c, y) = −log softmax(c / τ)_y at temperature τ:

    sum         CE(Σ_t c_t, y), the paper's section 3.2
    timestep    (1/T) Σ_t CE(c_t, y), temporal efficient training (Deng et al. 2022, arXiv:2202.11946) without its
                regularizing term

Over many timesteps, the right class can lead the sum by so many spikes that the softmax saturates and the sample
teaches nothing more; the few spikes of a timestep do not saturate it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from codesign.arguments import one_of, real
from codesign.arrays import OfArrays
from codesign.deferred import torch
from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.simulation.results import Simulation

Loss = Literal["sum", "timestep"]
"""Name of a loss."""
LossFunction = Callable[[Simulation, "torch.Tensor"], "torch.Tensor"]
"""Returns a scalar with gradient, given the simulation of a batch and its (B,) int64 labels."""


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Cross-entropy of softmaxed scores, averaged over samples and readings: a `LossFunction` that engines know.

    Attributes:
        of: `sum`, of the scores summed over timesteps; `timestep`, of each timestep's scores, averaged over timesteps.
        temperature: scores are divided by this before the softmax. Below 1, fewer spikes make a confident answer.
        label_smoothing: share of the target that is spread evenly over all classes.

    Raises:
        InputError: an attribute, which is named, is unknown or out of range.
    """

    of: Loss = "sum"
    temperature: float = 1.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        one_of("loss", self.of, get_args(Loss))
        if not real("temperature", self.temperature) > 0:
            raise InputError(f"temperature: must be above 0, found {self.temperature}")
        real("label_smoothing", self.label_smoothing, most=1.0)

    def __call__(self, simulation: Simulation, labels: torch.Tensor) -> torch.Tensor:
        scores = simulation.logits[:, None] if self.of == "sum" else simulation.scores
        value = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1).double() / self.temperature,  # float32 would round off what a sure softmax lacks to 1
            labels.repeat_interleave(scores.shape[1]),
            label_smoothing=self.label_smoothing,
        )
        return value.to(scores.dtype)


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeCost(OfArrays):
    """The cost of spikes in a sample's loss: Σ_l λ_l max(0, S_l − f_l) with S_l = Σ_(n in l) w_n c_n.

    Attributes:
        weights: (N,) float32 w_n ≥ 0, the weight of a spike of each neuron; c_n is how often it fires in a sample.
        multipliers: λ_l of each layer, including the output layer.
        floors: f_l of each layer, up to which its spikes cost nothing, so that the cost does not silence a layer.

    Raises:
        InputError: an attribute, which is named, holds a number that is not finite, or a negative weight.
    """

    weights: torch.Tensor
    multipliers: tuple[float, ...]
    floors: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.weights.ndim != 1 or not bool((torch.isfinite(self.weights) & (self.weights >= 0)).all()):
            raise InputError("weights: must be one finite number of at least 0 for each neuron")
        for name in ("multipliers", "floors"):
            for number in getattr(self, name):
                real(name, number)

    def of(self, charges: torch.Tensor) -> torch.Tensor:
        """(B,) cost of samples, given (B, L) S."""
        floors, multipliers = (charges.new_tensor(numbers) for numbers in (self.floors, self.multipliers))
        return (torch.relu(charges - floors) * multipliers).sum(dim=1)


def check_loss(loss: LossFunction, neuron: NeuronSpec, timesteps: int) -> None:
    """Raises InputError if the loss is not available for these outputs."""
    if (getattr(loss, "__module__", None) or "").startswith("torch."):
        raise InputError(
            "loss: is called with a Simulation and labels, but torch's losses take scores; write "
            "`lambda simulation, labels: torch.nn.functional.cross_entropy(simulation.logits, labels)`"
        )
    each = isinstance(loss, CrossEntropy) and loss.of == "timestep"
    if each and neuron.readout == "potential" and timesteps > 1:
        raise InputError(
            "loss: 'timestep' needs output spikes; potentials are read once, after all timesteps; use 'sum'"
        )


def minimizable(value: object, *, learns: bool) -> torch.Tensor:
    """What a loss returned. Raises InputError if it cannot be minimized."""
    if not isinstance(value, torch.Tensor):
        found = type(value).__name__
    elif value.numel() != 1:
        found = f"shape {tuple(value.shape)}"
    elif learns and not value.requires_grad:
        found = "one without"
    else:
        return value
    raise InputError(f"loss: must return a scalar with a gradient, found {found}")

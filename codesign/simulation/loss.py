"""What training minimizes: the cross-entropy of output spikes over a whole sample, or of each timestep's alone.

With c_t the (C,) output spike counts of timestep t, y the label and CE(c, y) = −log softmax(c / T)_y, with T the
temperature:

- `sum`: CE(Σ_t c_t, y), the paper's section 3.2. Over many timesteps the right class can lead by many spikes; the
  softmax is then saturated and a sample teaches nothing more.
- `timestep`: (1/T) Σ_t CE(c_t, y), temporal efficient training (Deng et al. 2022, arXiv:2202.11946) without its
  regularizing term: every timestep has to know the answer, and has few spikes, which do not saturate.

With one timestep they are the same. Output potentials are read once, after the last timestep: over several there is no
`timestep` of them. Predictions are those of the summed counts under either.

Spikes can cost something in addition: Σ_l λ_l max(0, S_l − f_l), the mean over samples, where S_l is what the spikes of
layer l weigh together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from codesign.arguments import function, instance, one_of, real
from codesign.arrays import OfArrays
from codesign.deferred import torch
from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.simulation.results import Simulation

Loss = Literal["sum", "timestep"]
"""Name of a loss."""
LossFunction = Callable[[Simulation, "torch.Tensor"], "torch.Tensor"]
"""A scalar with gradient, from what a batch gave and its (B,) int64 labels."""


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """A cross-entropy of softmaxed scores, the mean over samples and readings: a `LossFunction` that engines know.

    Attributes:
        of: `sum`, of the scores summed over timesteps; `timestep`, of each timestep's scores, averaged over timesteps.
        temperature: what scores are divided by before the softmax. Below 1 a spike counts for more, so that fewer are
            needed to be sure.
        label_smoothing: share of the target that is spread evenly over all classes.

    Raises:
        InputError: naming the attribute that is unknown or out of range.
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
    """What spikes add to the loss of a sample: Σ_l λ_l max(0, S_l − f_l) with S_l = Σ_(n in l) w_n c_n.

    Attributes:
        weights: (N,) float32 w_n, at least 0, of a spike of each neuron; c_n is how often it fires in a sample.
        multipliers: λ_l of each layer, the output layer included.
        floors: f_l of each layer, up to which its spikes cost nothing, so that the cost silences no layer.

    Raises:
        InputError: naming the attribute that holds a number that is not finite, or a negative weight.
    """

    weights: torch.Tensor
    multipliers: tuple[float, ...]
    floors: tuple[float, ...]

    def __post_init__(self) -> None:
        instance("weights", self.weights, torch.Tensor)
        if self.weights.ndim != 1 or not bool((torch.isfinite(self.weights) & (self.weights >= 0)).all()):
            raise InputError("weights: must be one finite number of at least 0 for each neuron")
        for name in ("multipliers", "floors"):
            instance(name, numbers := getattr(self, name), tuple)
            for number in numbers:
                real(name, number)

    def of(self, charges: torch.Tensor) -> torch.Tensor:
        """(B,) cost of samples whose spikes weigh (B, L) S."""
        floors, multipliers = (charges.new_tensor(numbers) for numbers in (self.floors, self.multipliers))
        return (torch.relu(charges - floors) * multipliers).sum(dim=1)


def check_loss(loss: Any, neuron: NeuronSpec, timesteps: int) -> None:
    """Raises InputError for a loss that these outputs do not have."""
    if not isinstance(loss, CrossEntropy):
        function("loss", loss, "(simulation, labels) that gives a scalar, or a name", given=("simulation", "labels"))
    elif loss.of == "timestep" and neuron.readout == "potential" and timesteps > 1:
        raise InputError(
            f"loss: 'timestep' needs output spikes of each timestep; readout 'potential' is read once, after all "
            f"{timesteps}; use 'sum', or readout 'spikes'"
        )

"""What a training may spend: spikes, or the energy of a chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from codesign.arrays import Floats
from codesign.documents import Spec
from codesign.units import Energy, Real, format_si

_TOLERANCE = 1.05
"""A budget counts as kept up to this multiple of it."""


class TrainingBudget(Spec):
    """What a sample may take at most: a density or an energy.

    Attributes:
        density: spikes per hidden neuron, on validation samples under the schedule of the training.
        energy: energy of a validation sample on `chip`, under the chip's own schedule; held in joules.
        chip: name of the chip; in a sweep, of one of its chips.
    """

    density: Annotated[Real, Field(gt=0)] | None = None
    energy: Annotated[Energy, Field(gt=0)] | None = None
    chip: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> TrainingBudget:
        if (self.density is None) == (self.energy is None):
            raise ValueError("give either density or energy")
        if (self.energy is None) != (self.chip is None):
            raise ValueError("energy needs the chip that it is for, and density takes none")
        return self

    @property
    def summary(self) -> str:
        return f"density {self.density:g}" if self.energy is None else f"{format_si(self.energy, 'J')} on {self.chip}"

    @property
    def most(self) -> float:
        """The number itself: a density, or joules."""
        most = self.density if self.energy is None else self.energy
        assert most is not None
        return most

    def kept(self, taken: float) -> bool:
        """Whether a validation sample that takes so much, as a density or in joules, takes no more, to 5 %."""
        return taken <= _TOLERANCE * self.most


@dataclass(frozen=True, kw_only=True, eq=False)
class EnergyMeter:
    """The energy that a network takes on a chip, for a budget of energy.

    Attributes:
        spike_j: (N,) joules that follow from one spike of each neuron, in proportion to which spikes cost.
        sample_j: measures the mean energy of a sample with a network's present weights, in joules.
    """

    spike_j: Floats
    sample_j: Callable[[Any], float]

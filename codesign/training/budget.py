"""Budgets of a training: spikes, or energy on a chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from codesign.arrays import Floats
from codesign.documents import Spec
from codesign.units import Energy, Real, format_si

_TOLERANCE = 1.05
"""A budget counts as kept up to this multiple."""


class TrainingBudget(Spec):
    """The most that a sample may use: a spike density or an energy.

    Attributes:
        density: spikes per hidden neuron, on validation samples under the schedule of the training.
        energy: energy of a validation sample on `chip`, under the chip's own schedule; stored in joules.
        chip: name of the chip; in a sweep, one of its chips.
    """

    density: Annotated[Real, Field(gt=0)] | None = None
    energy: Annotated[Energy, Field(gt=0)] | None = None
    chip: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> TrainingBudget:
        if [name for name, value in self if value is not None] not in (["density"], ["energy", "chip"]):
            raise ValueError("give either density, or energy and the chip that it is for")
        return self

    @property
    def summary(self) -> str:
        return f"density {self.density:g}" if self.energy is None else f"{format_si(self.energy, 'J')} on {self.chip}"

    @property
    def most(self) -> float:
        """The limit: a density or joules."""
        most = self.density if self.energy is None else self.energy
        assert most is not None
        return most

    def kept(self, used: float) -> bool:
        """Whether a validation sample that used this density, or these joules, is within the budget, to 5 %."""
        return used <= _TOLERANCE * self.most


@dataclass(frozen=True, kw_only=True, eq=False)
class EnergyMeter:
    """Measures the energy that a network uses on a chip, for an energy budget.

    Attributes:
        spike_j: (N,) energy in joules that one spike of each neuron causes; costs of spikes are proportional to it.
        sample_j: returns the mean energy of a sample with a network's current weights, in joules.
    """

    spike_j: Floats
    sample_j: Callable[[Any], float]

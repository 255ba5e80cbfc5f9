"""Parameters trained besides weights and biases: `learn` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from codesign.documents import Spec
from codesign.units import Real

Sharing = Literal["layer", "neuron"]


class Learn(Spec):
    """Parameters trained besides weights and biases.

    Attributes:
        threshold, time_constant: `layer` to learn one factor per layer, `neuron` one per neuron, None to keep the
            network's values.
        learning_rate: Adam's rate for these, about the relative change per update; None takes the recipe's.
    """

    threshold: Sharing | None = None
    time_constant: Sharing | None = None
    learning_rate: Annotated[Real, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Learn:
        if self.threshold is None and self.time_constant is None:
            raise ValueError("give threshold or time_constant, as 'layer' or 'neuron'")
        return self

    @property
    def shared(self) -> dict[str, Sharing]:
        """By name of the network's buffer, whether there is one number per layer or per neuron."""
        given = {"threshold": self.threshold, "time_constant": self.time_constant}
        return {name: sharing for name, sharing in given.items() if sharing is not None}

    @property
    def summary(self) -> str:
        """All settings in one line, for results and model cards."""
        parts = [f"{name.replace('_', ' ')} of each {sharing}" for name, sharing in self.shared.items()]
        rate = [] if self.learning_rate is None else [f"learning rate {self.learning_rate:g}"]
        return ", ".join([*parts, *rate])

"""Thresholds and time constants that learn, as torch parameters, per layer or per neuron.

A number x with initial value x₀ is represented by p = ln(x / x₀), so that a threshold stays above 0 and a decay
exp(−Δt/τ_m) between 0 and 1 whatever an optimizer does, and a step of p is a relative change of x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from codesign.deferred import torch
from codesign.documents import Spec
from codesign.units import Real

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork

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


class LearnedNeurons:
    """The parameters p of a network's thresholds and time constants.

    Args:
        network: must already be on the device where it learns.
        learn: which parameters learn, per layer or per neuron. Neurons keep their own x₀ where a layer shares p.
    """

    def __init__(self, network: SpikingNetwork, learn: Learn) -> None:
        self._network, self._learn = network, learn
        self._first = {name: getattr(network, name).detach().double() for name in learn.shared}
        count = {"layer": len(network.layer_slices), "neuron": len(network.threshold)}
        self.logarithms = {
            name: torch.nn.Parameter(torch.zeros(count[sharing], dtype=torch.float32, device=network.threshold.device))
            for name, sharing in learn.shared.items()
        }

    @property
    def parameter_group(self) -> dict[str, Any]:
        """The parameter group for an optimizer, with its own learning rate if there is one."""
        own = {} if self._learn.learning_rate is None else {"lr": self._learn.learning_rate}
        return {"params": list(self.logarithms.values()), **own}

    def join(self) -> None:
        """Give the network thresholds and time constants x₀ exp(p), through which gradients reach the parameters; to be
        called before each update.

        Under `torch.no_grad()`, as after the last update, they are plain numbers: with others, torch cannot copy the
        network.
        """
        for name, sharing in self._learn.shared.items():
            factors = self.logarithms[name].double().exp()
            if sharing == "layer":
                factors = self._network.of_neurons(factors)
            setattr(self._network, name, (self._first[name] * factors).to(getattr(self._network, name).dtype))

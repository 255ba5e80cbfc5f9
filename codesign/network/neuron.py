"""The neuron: leaky integrate-and-fire, or integrate-and-fire where the time constant is infinite."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic_core import PydanticCustomError

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.units import Real, may_be_si, parse_quantity

__all__ = ["NeuronSpec"]


_Steepness = Annotated[Real, Field(gt=0)]
_Steepnesses = Annotated[tuple[_Steepness, ...], Field(min_length=1)]


def _time_constant(text: Any, info: ValidationInfo) -> float:
    if text in ("infinite", math.inf):
        return math.inf
    try:
        held = may_be_si(info) and isinstance(text, int | float) and not isinstance(text, bool)
        seconds = text if held else parse_quantity(text, "s")
        if not seconds > 0:
            raise ValueError(f"must be above 0, found {text!r}; 'infinite' means no leak")
    except ValueError as error:
        raise PydanticCustomError("quantity", "{reason}", {"reason": str(error)}) from None
    return seconds


class NeuronSpec(Spec):
    """Parameters shared by all neurons of a network (paper, sections A.1 to A.3).

    Attributes:
        threshold: U_thr, the membrane potential that must be exceeded to fire.
        time_constant: τ_m in seconds, as a time such as `1 ms`, or `infinite` for integrate-and-fire; held in seconds.
        reset: `zero` (hard reset) or `subtract` (the threshold is taken off).
        refractory: whether a neuron that fired is silent, its potential at 0, until the next timestep.
        readout: `spikes` counts output spikes; `potential` reads output potentials, and output neurons never fire.
        surrogate_steepness: α of the arctan surrogate gradient (equation 6), or one for each layer of neurons.
        bias: whether neurons have a bias, added to the potential once per timestep.
    """

    threshold: Annotated[Real, Field(gt=0)] = 0.3
    time_constant: Annotated[float, Field(allow_inf_nan=True), BeforeValidator(_time_constant)] = math.inf
    reset: Literal["zero", "subtract"] = "zero"
    refractory: bool = True
    readout: Literal["spikes", "potential"] = "spikes"
    surrogate_steepness: Annotated[
        Annotated[_Steepness, Tag("float")] | Annotated[_Steepnesses, Tag("tuple[float]")],
        Discriminator(lambda given: "tuple[float]" if isinstance(given, list | tuple) else "float"),
    ] = 2.0
    bias: bool = False

    def decay(self, timestep_s: float) -> float:
        """exp(−Δt/τ_m), the factor by which a potential shrinks from one timestep to the next."""
        return 1.0 if math.isinf(self.time_constant) else math.exp(-timestep_s / self.time_constant)

    def steepness_of_layers(self, layers: int) -> tuple[float, ...]:
        """α of each of so many layers of neurons.

        Raises:
            InputError: `surrogate_steepness` has another number of them.
        """
        if not isinstance(self.surrogate_steepness, tuple):
            return (self.surrogate_steepness,) * layers
        if len(self.surrogate_steepness) != layers:
            raise InputError(
                f"surrogate_steepness: must be one number, or one for each of {layers} layers of neurons, "
                f"found {len(self.surrogate_steepness)}"
            )
        return self.surrogate_steepness

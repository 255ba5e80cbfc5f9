"""The neuron: leaky integrate-and-fire, or integrate-and-fire if the time constant is infinite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.mistakes import problem
from codesign.units import Real, format_si, is_si, parse_quantity

AS_MANY_AS_FIT = 1 << 20
"""The highest `most_spikes`."""

T = TypeVar("T")
OfLayers = Annotated[
    Annotated[T, Tag("float")] | Annotated[tuple[T, ...], Field(min_length=1), Tag("tuple[float]")],
    Discriminator(lambda given: "tuple[float]" if isinstance(given, list | tuple) else "float"),
]
"""One value for all neurons, or one for each layer of neurons."""


def _time_constant(text: Any, info: ValidationInfo) -> float:
    if text in ("infinite", math.inf):
        return math.inf
    try:
        seconds = text if is_si(text, info) else parse_quantity(text, "s")
        if not seconds > 0:
            raise ValueError(f"must be above 0, found {text!r}; 'infinite' means no leak")
    except ValueError as error:
        raise problem(str(error)) from None
    return seconds


Reset = Literal["zero", "subtract", "value"]
AboveZero = Annotated[Real, Field(gt=0)]
TimeConstant = Annotated[float, Field(allow_inf_nan=True), BeforeValidator(_time_constant)]
NotAboveZero = Annotated[Real, Field(le=0)]
SpikeCount = Annotated[int, Field(ge=1, le=AS_MANY_AS_FIT, strict=True)]


@dataclass(frozen=True, kw_only=True)
class PerNeuron:
    """Marks a parameter of which each neuron may have its own number: a buffer of the network, of the same name.

    Attributes:
        absent: the number that stands for None.
        potential: whether it is a potential or added to one; a calibration divides these.
        reset: the only reset that it goes with, if any.
    """

    absent: float = 0.0
    potential: bool = False
    reset: Reset | None = None


class NeuronSpec(Spec):
    """Parameters of the neurons of a network (paper, sections A.1 to A.3); design.md has the equations.

    All but `refractory`, `readout` and `bias` take one value for all neurons, or a list with one per layer of neurons.
    A network holds those marked `PerNeuron` as one number per neuron.

    Attributes:
        threshold: U_thr, the membrane potential above which a neuron fires.
        time_constant: τ_m in seconds, as a time such as `1 ms`, or `infinite` for integrate-and-fire; held in seconds.
        comparison: `>`, or `>=` if a potential equal to the threshold also fires.
        most_spikes: M, the most spikes that an evaluation emits: one for each multiple of the threshold that is
            exceeded (with `>=`, reached). 1048576 means no limit.
        reset: `zero` (hard reset), `value` (hard reset to `reset_value`) or `subtract` (each spike subtracts
            `reset_amount`).
        reset_value: the potential after `reset: value`.
        reset_delay: whether a neuron with a hard reset is held during the timestep after it fired: its potential is 0
            and its input is lost.
        reset_amount: ρ, subtracted per spike with `reset: subtract`; None for the threshold.
        gain: g, factor of the summed input.
        floor: lowest potential at the end of a timestep, at most 0; None for no limit.
        initial_potential: potential at the start of a sample.
        synaptic_time_constant: time constant of a synaptic current, which input increases and which flows until it has
            decayed, as a time or `infinite`; None if input acts only once.
        potential_step: δ; decay truncates potentials and synaptic currents to multiples of it, for neurons with integer
            arithmetic. None without truncation.
        tick: whether a neuron that would fire without a message is evaluated once per timestep; otherwise only messages
            make a neuron fire.
        refractory: whether a neuron that fired is silent until the next timestep; until then, any message sets its
            potential to 0.
        readout: `spikes` counts output spikes; `potential` reads output potentials, and output neurons never fire.
        surrogate_steepness: α of the arctan surrogate gradient (equation 6).
        bias: whether neurons have a bias, added once per timestep to the synaptic current if there is one, otherwise to
            the potential.
    """

    always_shown: ClassVar[frozenset[str]] = frozenset({"threshold", "time_constant"})

    threshold: OfLayers[AboveZero] = 0.3
    time_constant: OfLayers[TimeConstant] = math.inf
    comparison: OfLayers[Literal[">", ">="]] = ">"
    most_spikes: OfLayers[SpikeCount] = 1
    reset: OfLayers[Reset] = "zero"
    reset_value: Annotated[OfLayers[Real], PerNeuron(potential=True, reset="value")] = 0.0
    reset_amount: Annotated[OfLayers[AboveZero] | None, PerNeuron(potential=True, reset="subtract")] = None
    reset_delay: OfLayers[bool] = False
    gain: Annotated[OfLayers[AboveZero], PerNeuron()] = 1.0
    floor: Annotated[OfLayers[NotAboveZero | None], PerNeuron(absent=-math.inf, potential=True)] = None
    initial_potential: Annotated[OfLayers[Real], PerNeuron(potential=True)] = 0.0
    synaptic_time_constant: Annotated[OfLayers[TimeConstant | None], PerNeuron()] = None
    potential_step: OfLayers[AboveZero | None] = None
    tick: OfLayers[bool] = False
    refractory: bool = True
    readout: Literal["spikes", "potential"] = "spikes"
    surrogate_steepness: OfLayers[AboveZero] = 2.0
    bias: bool = False

    @model_validator(mode="after")
    def _check(self) -> NeuronSpec:
        for name, kind in OF_RESETS.items():
            if self.each(name) != (type(self).model_fields[name].default,) and kind not in self.each("reset"):
                raise ValueError(f"{name}: goes with reset '{kind}', found '{self.reset}'")
        if True in self.each("reset_delay") and self.each("reset") == ("subtract",):
            raise ValueError("reset_delay: goes with reset 'zero' or 'value', found 'subtract'")
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """The names in `FEATURES` whose values differ from the default in some layer."""
        return tuple(name for name in FEATURES if self.each(name) != (type(self).model_fields[name].default,))

    def each(self, name: str) -> tuple[Any, ...]:
        """The distinct values of a parameter, in the order of layers."""
        given = getattr(self, name)
        return tuple(dict.fromkeys(given)) if isinstance(given, tuple) else (given,)

    def of_layers(self, name: str, layers: int) -> tuple[Any, ...]:
        """The named parameter for each of `layers` layers of neurons.

        Raises:
            InputError: it is given for another number of layers.
        """
        given = getattr(self, name)
        if not isinstance(given, tuple):
            return (given,) * layers
        if len(given) != layers:
            raise InputError(
                f"{name}: must be one for all, or one for each of {layers} layers of neurons, found {len(given)}"
            )
        return given

    def potential_steps(self, layers: int) -> tuple[float, ...] | None:
        """δ of each of `layers` layers, 0 for layers without truncation; None if no layer truncates."""
        steps = tuple(step or 0.0 for step in self.of_layers("potential_step", layers))
        return steps if any(steps) else None


_FIRST = {"threshold", "time_constant", "reset", "refractory", "readout", "surrogate_steepness", "bias"}
NeuronSpec.added = frozenset(NeuronSpec.model_fields) - _FIRST
FEATURES = tuple(name for name in NeuronSpec.model_fields if name not in (*_FIRST, "comparison"))
"""Parameters beyond threshold, leak and reset, by the names that chips use to state which they support."""
OF_NEURONS: dict[str, PerNeuron] = {
    name: mark
    for name, field in NeuronSpec.model_fields.items()
    for mark in field.metadata
    if isinstance(mark, PerNeuron)
}
"""Per-neuron parameters that are buffers of a network, and in its state dict, only if they differ from the default."""
OF_RESETS: dict[str, Reset] = {name: mark.reset for name, mark in OF_NEURONS.items() if mark.reset is not None}
"""Parameters that go with one reset only."""
SCALED = ("bias", *(name for name, mark in OF_NEURONS.items() if mark.potential))
"""Parameters that a calibration divides: they are potentials, or are added to them."""


def in_words(name: str, value: Any) -> str:
    """A layer's value of a parameter as text, times with their unit."""
    if value is None:
        return "none"
    if not name.endswith("time_constant"):
        return str(value)
    return "infinite" if math.isinf(value) else format_si(value, "s")

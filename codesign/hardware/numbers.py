"""Numbers of a chip file: a value, how it is known, and where from."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from codesign.documents import Spec
from codesign.units import Area, Energy, Frequency, Length, Power, Time, Voltage

__all__ = [
    "AreaNumber",
    "BarrierTimes",
    "Bits",
    "Confidence",
    "CoreCounts",
    "Count",
    "EnergyNumber",
    "EnergyTerm",
    "FrequencyNumber",
    "Lanes",
    "LengthNumber",
    "Number",
    "PowerNumber",
    "SynapticEnergy",
    "TimeNumber",
    "TimeTerm",
    "UpdateEnergy",
    "VoltageNumber",
    "problem",
]

Confidence = Literal["measured", "stated", "derived", "fitted", "estimated", "secondary"]
"""How a number is known: measured on silicon; stated by its makers; derived by arithmetic from such numbers; fitted so
that a model meets measurements; estimated; or secondary, known only through someone else's text."""

EnergyTerm = Literal["neuron_access", "neuron_update", "spike", "hop", "barrier_message"]
TimeTerm = Literal["neuron_update", "output", "hop"]

Positive = Annotated[int, Field(gt=0)]


def problem(reason: str) -> PydanticCustomError:
    """A validation error whose message is `reason` as it stands."""
    return PydanticCustomError("quantity", "{reason}", {"reason": reason})


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _counts(value: Any) -> tuple[int, ...]:
    if _is_count(value):
        return (value,)
    if isinstance(value, (list, tuple)) and value and all(_is_count(item) for item in value):
        return tuple(value)
    raise problem(f"must be a whole number above 0, or a list with one for each core, found {value!r}")


def _lanes(value: Any) -> int | str:
    if _is_count(value) or value == "all":
        return value  # type: ignore[no-any-return]
    raise problem(f"must be a whole number of lanes above 0, or 'all', found {value!r}")


class Number(Spec):
    """Base: how a number is known (`confidence`), the key of its `source` in the file's `sources`, and a remark."""

    unit: ClassVar[str] = ""
    confidence: Confidence
    source: str
    note: str = ""


class EnergyNumber(Number):
    """Energy of one event, in joules. `includes` names other terms that this number already contains."""

    unit: ClassVar[str] = "J"
    value: Energy
    includes: tuple[EnergyTerm, ...] = ()


class SynapticEnergy(EnergyNumber):
    """Energy of a synaptic operation; `all_in` means that it contains everything the chip spent, static power too."""

    all_in: bool


class UpdateEnergy(EnergyNumber):
    """Energy of a neuron update: one an `evaluation` (event-driven), or one for each `active_neuron` (with input or
    potential) and timestep (clocked)."""

    counted: Literal["evaluations", "active_neurons"]


class PowerNumber(Number):
    """A power, in watts. `includes` names energy terms that were running when it was measured."""

    unit: ClassVar[str] = "W"
    value: Power
    includes: tuple[EnergyTerm, ...] = ()


class TimeNumber(Number):
    """Time of one event, in seconds. `includes` names other times that this number already contains."""

    unit: ClassVar[str] = "s"
    value: Time
    includes: tuple[TimeTerm, ...] = ()


class FrequencyNumber(Number):
    unit: ClassVar[str] = "Hz"
    value: Frequency


class VoltageNumber(Number):
    unit: ClassVar[str] = "V"
    value: Voltage


class LengthNumber(Number):
    unit: ClassVar[str] = "m"
    value: Length


class AreaNumber(Number):
    unit: ClassVar[str] = "m**2"
    value: Area


class Count(Number):
    value: Positive


class Bits(Number):
    """Widest weight, in bits; 1 means two levels."""

    unit: ClassVar[str] = "bit"
    value: Annotated[int, Field(gt=0, le=32)]


class CoreCounts(Number):
    """A count that holds for every core (one entry), or one entry a core."""

    value: Annotated[tuple[int, ...], BeforeValidator(_counts)]

    def of_core(self, core: int) -> int:
        """The count of core `core`; cores beyond the list are like the last one."""
        return self.value[min(core, len(self.value) - 1)]


class Lanes(Number):
    """Synaptic operations that a core performs at once, or `all`: every target of a message at once."""

    value: Annotated[int | Literal["all"], BeforeValidator(_lanes)]


class BarrierTimes(Number):
    """Time of one barrier by the number of tiles that take part, in seconds."""

    unit: ClassVar[str] = "s"
    by_tiles: Annotated[dict[Positive, Time], Field(min_length=1)]

    def of_tiles(self, tiles: int) -> float:
        """Linear between the listed numbers of tiles, constant beyond them."""
        known = sorted(self.by_tiles)
        if tiles <= known[0]:
            return self.by_tiles[known[0]]
        for low, high in pairwise(known):
            if tiles <= high:
                weight = (tiles - low) / (high - low)
                return (1 - weight) * self.by_tiles[low] + weight * self.by_tiles[high]
        return self.by_tiles[known[-1]]

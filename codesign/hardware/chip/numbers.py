"""Numbers of a chip file: a value, how it is known, and its source."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from codesign.hardware.chip.provenance import Confidence, Sourced
from codesign.hardware.terms import ACTIONS, INCLUDABLE_TERMS, Operation
from codesign.mistakes import of_form, problem
from codesign.units import (
    Area,
    Energy,
    Frequency,
    Length,
    Positive,
    Power,
    Real,
    Time,
    Voltage,
    format_si,
    is_number,
    parse_quantity,
)

TimeTerm = Literal["neuron_access", "neuron_update", "spike", "output", "hop"]

Effect = Literal["spikes", "price"]
"""What a number of a chip changes: which neurons spike when or where they are placed, or only costs."""

_MANY = 10**15


def at_most(value: float, most: float, unit: str) -> float:
    """The value. Raises a validation error if it is more than `most`."""
    if value > most:
        raise problem(f"must be at most {format_si(most, unit)}, found {format_si(value, unit)}")
    return value


def _counts(value: Any, *, of: str = "") -> tuple[int, ...]:
    counts = tuple(value) if isinstance(value, list | tuple) else (value,)
    if counts and all(type(count) is int and 0 < count < _MANY for count in counts):
        return counts
    raise problem(
        f"must be a whole number{of} above 0 and below {_MANY:g}, or a list with one for each core, found {value!r}"
    )


def of_words(words: Collection[str]) -> AfterValidator:
    """A validator that a text is one of these words."""
    return of_form("|".join(words), f"one of {', '.join(words)}")


def _voltage(text: str) -> str:
    if text not in ("", "not stated"):
        parse_quantity(text, "V")
    return text


EnergyTerm = Annotated[str, of_words(INCLUDABLE_TERMS)]
"""Name of a term that another number may contain."""

Per = Annotated[str, of_words(dict.fromkeys(action.per for action in ACTIONS if action.per))]
"""What the published sentence divides an energy by."""

Static = Literal["inside", "outside", "unknown"]
"""Whether static power is inside a number."""

VoltageText = Annotated[str, AfterValidator(_voltage)]
"""A voltage with its unit, `not stated`, or empty."""


class Number(Sourced):
    """Base class: a number, how it is known, and a short quotation; a bare value is its `value`."""

    unit: ClassVar[str] = ""
    effect: ClassVar[Effect] = "price"
    quote: str = ""

    @classmethod
    def written_out(cls, value: Any) -> dict[str, Any]:
        return {"value": value}

    @property
    def si(self) -> float | None:
        """The value in SI units; None for lists, words and times in cycles."""
        value: Any = getattr(self, "value", None)
        single = value[0] if isinstance(value, tuple) and len(value) == 1 else value
        return float(single) if isinstance(single, int | float) else None

    @property
    def text(self) -> str:
        """The value with its unit, for people."""
        value: Any = getattr(self, "value", None)
        if isinstance(value, tuple):
            return ", ".join(f"{item:,}" for item in value)
        if isinstance(value, int):
            return f"{value:,} {self.unit}".rstrip()
        return value if isinstance(value, str) else format_si(value, self.unit)


class SpikeNumber(Number):
    """A number that changes how a network is placed, scheduled or quantized: changing it requires another
    simulation."""

    effect: ClassVar[Effect] = "spikes"
    confidence: Confidence = "stated"


class PriceNumber(Number):
    """A number that only changes energy and time of what is simulated."""

    floor: ClassVar[float] = 0.0
    ceiling: ClassVar[float] = math.inf
    """Limits in SI units for every chip: a value or an end of a range beyond them is a typing error, such as a wrong
    prefix."""

    @model_validator(mode="after")
    def _check_limits(self) -> PriceNumber:
        for value in (getattr(self, "value", None), *(getattr(self, "range", None) or ())):
            if isinstance(value, float):
                at_most(value, self.ceiling, self.unit)
                if value < self.floor:
                    least, found = (format_si(number, self.unit) for number in (self.floor, value))
                    raise problem(f"must be at least {least}, found {found}")
        return self


class QuantityNumber(PriceNumber):
    """Base class: a quantity that may be given with its `range`.

    `range` is stated if sources conflict or an error is published; otherwise one is assumed from the confidence.
    """

    @model_validator(mode="before")
    @classmethod
    def _check_value(cls, data: Any) -> Any:
        match data:
            case {"range": [low, high]} if data.keys().isdisjoint(("value", "cycles")):
                middle = math.sqrt(abs(parse_quantity(low, cls.unit) * parse_quantity(high, cls.unit)))
                mean = format_si(middle, cls.unit, 2)
                raise problem(f"needs a 'value' within its range, such as its geometric mean, {mean}")
        return data

    @model_validator(mode="after")
    def _check_range(self) -> QuantityNumber:
        value, ends = getattr(self, "value", None), getattr(self, "range", None)
        if ends is None:
            return self
        if value is None or not ends[0] <= value <= ends[1]:
            found = " to ".join(format_si(end, self.unit) for end in ends)
            raise problem(f"range must hold the value {format_si(value, self.unit)}, found {found}")
        return self


class EnergyNumber(QuantityNumber):
    """Energy of one event, in joules. `includes` names other terms that this number already contains."""

    unit: ClassVar[str] = "J"
    ceiling: ClassVar[float] = 1e-3
    value: Energy
    range: tuple[Energy, Energy] | None = None
    includes: tuple[EnergyTerm, ...] = ()
    per: Per | None = None
    static: Static | None = None
    voltage: VoltageText = ""


class SynapticEnergy(EnergyNumber):
    """Energy of a synaptic operation.

    `all_in` means that it contains everything the chip spent, including static power. Such a number is only valid for
    the `operation` in which it was measured.
    """

    all_in: bool = False
    operation: Operation | None = None

    @model_validator(mode="after")
    def _check_operation(self) -> SynapticEnergy:
        if self.all_in and self.operation is None:
            raise problem(
                "an all-in energy needs 'operation' beside 'all_in': accelerated or real_time, as the chip ran then"
            )
        if not self.all_in and self.operation is not None:
            raise problem("'operation' is for energies that are all_in; others hold in both")
        return self


class UpdateEnergy(EnergyNumber):
    """Energy of a neuron update: one per `evaluation` (event-driven), or one per `active_neuron` (with input or
    potential) and timestep (clocked)."""

    counted: Literal["evaluations", "active_neurons"] = "evaluations"


class PowerNumber(QuantityNumber):
    """A power, in watts."""

    unit: ClassVar[str] = "W"
    ceiling: ClassVar[float] = 1e4
    value: Power
    range: tuple[Power, Power] | None = None


class ChipPower(PowerNumber):
    """Power of a whole chip, independent of what runs on it. `includes` names terms that were active when it was
    measured."""

    includes: tuple[EnergyTerm, ...] = ()


class TimeNumber(QuantityNumber):
    """Time of one event: a `value` in seconds, or `cycles` of the chip's clock, which a bare `2` or `2 cycles` means.
    `includes` names other times that this number already contains."""

    unit: ClassVar[str] = "s"
    ceiling: ClassVar[float] = 1.0
    value: Time | None = None
    cycles: Annotated[Real, Field(ge=0, le=1e9)] | None = None
    range: tuple[Time, Time] | None = None
    includes: tuple[TimeTerm, ...] = ()

    @classmethod
    def written_out(cls, value: Any) -> dict[str, Any]:
        if isinstance(value, str) and (written := re.fullmatch(r"(\d+(\.\d+)?) cycles?", value)):
            value = float(written[1])
        return {"cycles" if is_number(value) else "value": value}

    @model_validator(mode="after")
    def _check_kind(self) -> TimeNumber:
        if (self.value is None) == (self.cycles is None):
            raise problem("needs either a 'value' with a unit of time or 'cycles' of the chip's clock")
        return self

    @property
    def text(self) -> str:
        return super().text if self.cycles is None else f"{self.cycles:g} cycle{'s' * (self.cycles != 1)}"


class FrequencyNumber(QuantityNumber):
    unit: ClassVar[str] = "Hz"
    floor: ClassVar[float] = 1.0
    ceiling: ClassVar[float] = 1e10
    confidence: Confidence = "stated"
    value: Frequency
    range: tuple[Frequency, Frequency] | None = None


class VoltageNumber(PriceNumber):
    unit: ClassVar[str] = "V"
    ceiling: ClassVar[float] = 20.0
    confidence: Confidence = "stated"
    value: Voltage


class LengthNumber(PriceNumber):
    unit: ClassVar[str] = "m"
    floor: ClassVar[float] = 1e-9
    ceiling: ClassVar[float] = 1e-5
    confidence: Confidence = "stated"
    value: Length


class AreaNumber(QuantityNumber):
    """An area in square metres: of a chip, the silicon that a network takes."""

    unit: ClassVar[str] = "m**2"
    ceiling: ClassVar[float] = 1.0
    value: Area
    range: tuple[Area, Area] | None = None


class Amount(PriceNumber):
    """A count that only changes prices."""

    confidence: Confidence = "stated"
    value: Positive


class Count(SpikeNumber):
    value: Positive


class Bits(SpikeNumber):
    """Width in bits of a weight or a potential; a weight of 1 bit has two levels."""

    unit: ClassVar[str] = "bit"
    value: Annotated[Positive, Field(le=32)]


class FractionBits(SpikeNumber):
    """Bits of a potential below the step of the weights."""

    unit: ClassVar[str] = "bit"
    value: Annotated[int, Field(ge=0, le=24, strict=True)]


class CoreCounts(SpikeNumber):
    """A count for every core (one entry), or one entry per core."""

    value: Annotated[tuple[int, ...], BeforeValidator(_counts)]

    def of_core(self, core: int) -> int:
        """The count of core `core`; cores beyond the list are like the last one."""
        return self.value[min(core, len(self.value) - 1)]


class CoreBits(CoreCounts):
    """Bits of a memory of every core, or of each; exact, and therefore never shown in kbit."""

    value: Annotated[tuple[int, ...], BeforeValidator(partial(_counts, of=" of bits"))]

    @property
    def text(self) -> str:
        return f"{super().text} bit"


class Lanes(PriceNumber):
    """Synaptic operations that a core performs at once, or `all`: every target of a message at once."""

    confidence: Confidence = "stated"
    value: Positive | Literal["all"]

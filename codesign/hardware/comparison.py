"""The numbers of chips as they are compared: value, range, how each is known, and what an energy includes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import ChipPower, EnergyNumber, TimeNumber
from codesign.hardware.chip.prices import Extent, Prices
from codesign.hardware.chip.provenance import ASSUMED_FACTORS, STRUCTURE
from codesign.hardware.cost.uncertainty import uncertain_numbers
from codesign.hardware.terms import COVERAGE
from codesign.units import format_si

STATIC_POWER = "static_power"
"""Sum of the parts of the static power, with all cores in use."""


@dataclass(frozen=True, kw_only=True)
class ComparedNumber:
    """A number of a chip in a comparison.

    Attributes:
        value, low, high: in SI units; times given in cycles are converted at the chip's clock. None for lists and
            words; the range is None for numbers without one.
        unit: SI unit.
        text: value with unit, for people.
        known: how the number is known: the confidence in its file, or `structure` if the model of the chip's structure
            gives it.
        holds: what else an energy or a power includes: `all-in`, or names of other terms. Two energies that include
            different things cannot be compared.
    """

    value: float | None
    low: float | None
    high: float | None
    unit: str
    text: str
    known: str
    holds: str

    @property
    def range_text(self) -> str:
        """Both ends of the range with their unit; empty without a range."""
        if self.low is None:
            return ""
        low, high = (format_si(end, self.unit, 3) for end in (self.low, self.high))
        value, _, unit = low.partition(" ")
        return f"{value} to {high}" if high.endswith(f" {unit}") else f"{low} to {high}"


def compared_numbers(chip: Chip) -> dict[str, ComparedNumber]:
    """Every number of a chip by its path, in the order of the fields, and the sum of its static power."""
    ranges = {item.path: item for item in uncertain_numbers(chip)}
    found = {}
    for path, number in chip.numbers().items():
        ends = ranges.get(path)
        found[path] = ComparedNumber(
            value=chip.seconds(number) if isinstance(number, TimeNumber) else number.si,
            low=None if ends is None else ends.low,
            high=None if ends is None else ends.high,
            unit=number.unit,
            text=number.text,
            known=STRUCTURE if number.source == STRUCTURE else number.confidence,
            holds=_holds(chip, number),
        )
    total = static_power(chip, found)
    return found if total is None else {**found, STATIC_POWER: total}


def _holds(chip: Chip, number: object) -> str:
    if number is chip.energies.synaptic_operation and chip.all_in:
        return "all-in"
    included = getattr(number, "includes", ()) if isinstance(number, EnergyNumber | ChipPower) else ()
    return ", ".join(included).replace("_", " ")


def static_power(chip: Chip, numbers: dict[str, ComparedNumber]) -> ComparedNumber | None:
    """Static power of a whole chip with all cores in use, with the confidence of its least known part; None without any
    part."""
    prices = Prices(chip=chip, extent=Extent(cores=chip.cores.value, chips=1, tiles=1))
    drawn = {term.actions[0].price: float(prices.drawn(term)) for term in COVERAGE["static"]}
    parts = [(numbers[path], count) for path, count in drawn.items() if path in numbers and count]
    if not parts:
        return None
    value = low = high = 0.0
    for part, count in parts:
        own = part.value or 0.0
        value += count * own
        low += count * (own if part.low is None else part.low)
        high += count * (own if part.high is None else part.high)
    return ComparedNumber(
        value=value,
        low=low if low < high else None,
        high=high if low < high else None,
        unit="W",
        text="",
        known=max((part.known for part, _ in parts), key=_doubt),
        holds=", ".join(dict.fromkeys(part.holds for part, _ in parts if part.holds)),
    )


def _doubt(known: str) -> float:
    return max(ASSUMED_FACTORS.values()) if known == STRUCTURE else ASSUMED_FACTORS[known]  # type: ignore[index]


def in_order(chips: Iterable[dict[str, ComparedNumber]]) -> list[str]:
    """The numbers that any of the chips has, in an order compatible with that of every chip."""
    order: list[str] = []
    for numbers in chips:
        place = 0
        for path in numbers:
            if path in order:
                place = order.index(path) + 1
            else:
                order.insert(place, path)
                place += 1
    return order

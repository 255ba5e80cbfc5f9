"""The numbers of a chip by name, as lists of them show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codesign.arguments import real
from codesign.documents import Spec
from codesign.hardware.numbers import BarrierTimes, Effect, Number, TimeNumber
from codesign.hardware.provenance import sourced_parts
from codesign.mistakes import dotted
from codesign.units import format_si


@dataclass(frozen=True, kw_only=True)
class NamedNumber:
    """One number of a chip, ready to be shown: `text` has the unit, `value_si` is None for lists, words and cycles."""

    name: str
    value_si: float | None
    unit: str
    effect: Effect
    text: str
    confidence: str
    source: str
    note: str
    basis: str

    @staticmethod
    def of(path: str, number: Number) -> NamedNumber:
        """The number at a path."""
        unit = number.unit
        value_si: float | None = None
        if isinstance(number, BarrierTimes):
            items = sorted(number.by_tiles.items())
            text = ", ".join(f"{format_si(time, 's')} ({tiles} tile{'s' * (tiles > 1)})" for tiles, time in items)
        else:
            value: Any = getattr(number, "value")  # noqa: B009 - every number but the one above has one, of its own type
            if isinstance(number, TimeNumber) and number.cycles is not None:
                text, unit = f"{number.cycles:g} cycle{'s' * (number.cycles != 1)}", ""
            elif isinstance(value, tuple):
                text = ", ".join(f"{item:,}" for item in value)
                value_si = float(value[0]) if len(value) == 1 else None
            elif isinstance(value, str):
                text = value
            elif isinstance(value, int):
                text, value_si = f"{value:,}" + (f" {unit}" if unit else ""), float(value)
            else:
                text, value_si = format_si(value, unit), value
        return NamedNumber(
            name=path,
            value_si=value_si,
            unit=unit,
            effect=number.effect,
            text=text,
            confidence=number.confidence,
            source=number.source,
            note=number.note,
            basis=number.basis,
        )


def check_numbers(spec: Spec) -> None:
    """Raises InputError for a number that bypassed the checks of a spec and is negative or not finite."""
    for path, number in numbers_in(spec):
        for name in ("value", "cycles"):
            value = getattr(number, name, None)
            if isinstance(value, float):
                real(f"{path}.{name}", value)


def numbers_in(spec: Spec) -> Iterator[tuple[str, Number]]:
    """Every number within a spec that is known, in file order, with its path."""
    return ((dotted(place), part) for place, part in sourced_parts(spec) if isinstance(part, Number))

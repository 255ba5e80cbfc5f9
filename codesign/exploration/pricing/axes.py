"""One axis of a price file: which price varies, and over which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.exploration.spec import AxisValue
from codesign.hardware.description import Chip
from codesign.hardware.numbers import BarrierTimes, Number, TimeNumber
from codesign.hardware.parameters import number_type, with_parameter
from codesign.reporting.pricing import VariedPrice
from codesign.units import Written, parse_quantity

__all__ = ["CORE_SIZE", "Axis", "AxisEntry", "AxisRange", "axis_of"]

CORE_SIZE = "neurons_per_core"
"""The one capacity that may vary: as long as the network lies on the same cores, it prices a crossbar only."""


class AxisRange(Spec):
    """`points` values between two ends, both included, on a `linear` or `log` scale; lanes are rounded."""

    from_: Annotated[Written, Field(alias="from")]
    to: Written
    points: Annotated[int, Field(ge=2, le=10_000, strict=True)]
    scale: Literal["linear", "log"] = "linear"


def _form(value: Any) -> str:
    return "Range" if isinstance(value, dict | AxisRange) else "Values"


AxisEntry = Annotated[
    Annotated[Annotated[tuple[AxisValue, ...], Field(min_length=1)], Tag("Values")]
    | Annotated[AxisRange, Tag("Range")],
    Discriminator(_form),
]


@dataclass(frozen=True, kw_only=True)
class Axis(VariedPrice):
    """A price and its n values.

    Attributes:
        kind: of the number.
        values: (n,) as `with_parameter` takes them.
    """

    kind: type[Number]
    values: tuple[AxisValue, ...]


def axis_of(chip: Chip, path: str, entry: tuple[AxisValue, ...] | AxisRange, *, group: str = "") -> Axis:
    """The axis of an entry of the file; `group` is the name of linked ones.

    Raises:
        InputError: there is no such price, it changes spikes and not only their price, or a value does not fit it.
    """
    kind = _price_type(chip, path)
    values = _spread(kind, path, entry) if isinstance(entry, AxisRange) else entry
    if len({str(value) for value in values}) < len(values):
        raise InputError(f"values must differ, found {', '.join(map(str, values))}")
    clocked = with_parameter(chip, "clock", "1 MHz") if chip.clock is None and path != "clock" else chip
    for value in values:
        with_parameter(clocked, path, value)  # refuses what does not fit
    shown, unit = _shown(kind, values)
    return Axis(path=path, group=group, shown=shown, unit=unit, kind=kind, values=values)


def _price_type(chip: Chip, path: str) -> type[Number]:
    kind = number_type(chip, path)
    if kind is None or (kind.effect == "spikes" and path != CORE_SIZE):
        what = "changes spikes, or is no number" if kind is None else "changes spikes"
        raise InputError(
            f"{path}: {what}, so the stored executions do not hold for it; vary it in a sweep, which simulates again"
        )
    if kind.effect == "nothing":
        raise InputError(f"{path}: nothing that is computed depends on it")
    return kind


def _spread(kind: type[Number], path: str, entry: AxisRange) -> tuple[AxisValue, ...]:
    ends = []
    for name, end in (("from", entry.from_), ("to", entry.to)):
        try:
            ends.append(_parsed(kind, end))
        except ValueError as error:
            raise InputError(f"{path}.{name}: {error}") from None
    (low, form), (high, other) = ends
    if form != other:
        raise InputError(f"{path}: from and to must be of the same form, found {entry.from_!r} and {entry.to!r}")
    if entry.scale == "log" and min(low, high) <= 0:
        raise InputError(f"{path}: a log scale needs ends above 0, found {entry.from_!r} and {entry.to!r}")
    steps = [i / (entry.points - 1) for i in range(entry.points)]
    if entry.scale == "log":
        numbers = [low * (high / low) ** step for step in steps]
    else:
        numbers = [low + (high - low) * step for step in steps]
    numbers[-1] = high
    if form == "whole":
        return tuple(round(number) for number in numbers)
    if form == "x":
        return tuple(f"x{number!r}" for number in numbers)
    return tuple(f"{number!r} {form}" if form else number for number in numbers)


def _shown(kind: type[Number], values: tuple[AxisValue, ...]) -> tuple[tuple[float | str, ...], str]:
    try:
        parsed = [_parsed(kind, value) for value in values]
    except ValueError:  # lanes may be 'all'
        parsed = []
    forms = {form for _, form in parsed}
    if len(forms) != 1:
        return tuple(str(value) for value in values), ""
    return tuple(number for number, _ in parsed), kind.unit if forms == {kind.unit} else ""


def _parsed(kind: type[Number], value: AxisValue) -> tuple[float, str]:
    """A value as a number, and its form: a unit, `x` for a factor, `whole` for counts, "" for cycles."""
    if not kind.unit:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, found {value!r}")
        return float(value), "whole"
    if issubclass(kind, BarrierTimes) and isinstance(value, str) and value.startswith("x"):
        return float(value[1:]), "x"
    if issubclass(kind, TimeNumber) and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), ""
    return parse_quantity(value, kind.unit), kind.unit

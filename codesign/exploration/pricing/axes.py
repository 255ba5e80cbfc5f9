"""From the axes of a price file to the grid of its design points: which prices may vary, and over which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.exploration.pricing.space import CORE_SIZE, Dimension, PriceSpace
from codesign.exploration.spec import AxisValue
from codesign.hardware.description import Chip
from codesign.hardware.numbers import BarrierTimes, EnergyNumber, Number, PowerNumber, TimeNumber
from codesign.hardware.parameters import number_type, with_parameter
from codesign.units import Written, parse_quantity

__all__ = ["AxisEntry", "AxisRange", "axis_settings", "build_space", "check_path"]

Scale = Literal["linear", "log"]


class AxisRange(Spec):
    """`points` values between two ends, both included, on a `linear` or `log` scale; lanes are rounded."""

    from_: Annotated[Written, Field(alias="from")]
    to: Written
    points: Annotated[int, Field(ge=2, le=10_000, strict=True)]
    scale: Scale = "linear"


def _kind(value: Any) -> str:
    return "Range" if isinstance(value, dict | AxisRange) else "Values"


AxisEntry = Annotated[
    Annotated[Annotated[tuple[AxisValue, ...], Field(min_length=1)], Tag("Values")]
    | Annotated[AxisRange, Tag("Range")],
    Discriminator(_kind),
]


_NO_TIME = (EnergyNumber, PowerNumber)
"""Numbers that no time depends on."""


def build_space(
    chip: Chip, axes: Mapping[str, AxisEntry], linked: Mapping[str, Mapping[str, AxisEntry]], most_points: int
) -> PriceSpace:
    """The grid of a price file on a chip; see `PricingSpec`.

    Raises:
        InputError: a path is not a price, a value does not fit it, or there are too many points.
    """
    groups = {path: {path: entry} for path, entry in axes.items()} | dict(linked)
    dimensions = []
    for name, members in groups.items():
        settings = {path: axis_settings(chip, path, entry) for path, entry in members.items()}
        types = {path: check_path(chip, path) for path in members}
        shown = {path: _columns(types[path], values) for path, values in settings.items()}
        dimensions.append(
            Dimension(
                name=name,
                paths=tuple(members),
                settings=tuple(zip(*settings.values(), strict=True)),
                columns=tuple(zip(*(columns for columns, _ in shown.values()), strict=True)),
                units=tuple(unit for _, unit in shown.values()),
                moves_time=any(not issubclass(kind, _NO_TIME) for kind in types.values()),
            )
        )
    space = PriceSpace(chip=chip, dimensions=tuple(dimensions))
    if space.size > most_points:
        raise InputError(
            f"axes: {space.size:,} design points are more than most_points allows, {most_points:,}; "
            f"the dimensions have {', '.join(f'{dimension.size:,} ({dimension.name})' for dimension in dimensions)}"
        )
    return space


def check_path(chip: Chip, path: str) -> type[Number]:
    """The type of the number at `path`.

    Raises:
        InputError: there is no such number, or it changes spikes and not only their price.
    """
    kind = number_type(chip, path)
    if kind is None or (kind.effect == "spikes" and path != CORE_SIZE):
        what = "changes spikes, or is no number" if kind is None else "changes spikes"
        raise InputError(
            f"{path}: {what}, so the stored executions do not hold for it; vary it in a sweep, which simulates again"
        )
    if kind.effect == "nothing":
        raise InputError(f"{path}: nothing that is computed depends on it")
    return kind


def axis_settings(chip: Chip, path: str, entry: tuple[AxisValue, ...] | AxisRange) -> tuple[AxisValue, ...]:
    """The values of an axis as `with_parameter` takes them, all different.

    Raises:
        InputError: a value does not fit the number at `path`.
    """
    kind = check_path(chip, path)
    values = _spread(kind, path, entry) if isinstance(entry, AxisRange) else entry
    if len({str(value) for value in values}) < len(values):
        raise InputError(f"values must differ, found {', '.join(map(str, values))}")
    for value in values:
        needs_clock = issubclass(kind, TimeNumber) and _is_number(value)
        base = with_parameter(chip, "clock", "1 MHz") if needs_clock and chip.clock is None else chip
        if path == "energies.clock_cycle" and chip.clock is None:
            base = with_parameter(chip, "clock", "1 MHz")
        with_parameter(base, path, value)
    return values


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
    return tuple(
        number if form == "" else f"x{number!r}" if form == "x" else f"{number!r} {form}" for number in numbers
    )


def _parsed(kind: type[Number], value: AxisValue) -> tuple[float, str]:
    """A value as a number, and its form: a unit, `x` for a factor, `whole` for counts, "" for cycles."""
    if not kind.unit:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, found {value!r}")
        return float(value), "whole"
    if issubclass(kind, BarrierTimes) and isinstance(value, str) and value.startswith("x"):
        return float(value[1:]), "x"
    if issubclass(kind, TimeNumber) and _is_number(value):
        return float(value), ""
    return parse_quantity(value, kind.unit), kind.unit


def _columns(kind: type[Number], settings: Sequence[AxisValue]) -> tuple[list[float | str], str]:
    """How results show the values, and their unit: numbers where all have the same form, else words."""
    try:
        parsed = [_parsed(kind, value) for value in settings]
    except ValueError:  # lanes may be 'all'
        return [str(value) for value in settings], ""
    forms = {form for _, form in parsed}
    if len(forms) > 1:
        return [str(value) for value in settings], ""
    return [number for number, _ in parsed], forms.pop().replace("whole", "").replace("x", "")


def _is_number(value: AxisValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""The axes of a sweep: every recipe, chip and schedule in each combination of the values that its axes give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeGuard, TypeVar

from pydantic import ValidationError

from codesign.documents import Spec, reason
from codesign.errors import InputError
from codesign.exploration.spec import AxisValue, ChipEntry, ScheduleEntry, SweepSpec
from codesign.hardware.description import Chip
from codesign.hardware.library import find_chip
from codesign.hardware.parameters import with_parameter
from codesign.training.recipe import Recipe

__all__ = [
    "ChipVariant",
    "Variant",
    "axis_units",
    "base_chip",
    "chip_variants",
    "parameter_value",
    "recipe_variants",
    "schedule_variants",
]

T = TypeVar("T")
SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Variant(Generic[T]):
    """One value of something named in the sweep.

    Attributes:
        name: in the sweep.
        axes: by path of the axis, the value here: SI for quantities, and text where an axis has any text.
    """

    name: str
    value: T
    axes: tuple[tuple[str, str | float], ...]


@dataclass(frozen=True, kw_only=True)
class ChipVariant:
    """A chip's entry, and its description with overrides and axes applied."""

    entry: ChipEntry
    chip: Chip


def recipe_variants(spec: SweepSpec, name: str) -> list[Variant[Recipe]]:
    """A recipe under its axes. Raises InputError for a value that it cannot have."""
    return _variants(spec, "recipe", name, spec.recipes[name], _set_field)


def schedule_variants(spec: SweepSpec, name: str) -> list[Variant[ScheduleEntry]]:
    """A schedule under its axes. Raises InputError for a value that it cannot have."""
    return _variants(spec, "schedule", name, spec.schedule_entry(name), _set_field)


def chip_variants(spec: SweepSpec, name: str) -> list[Variant[ChipVariant]]:
    """A chip under its axes. Raises InputError for a value that it cannot have."""
    variant = ChipVariant(entry=spec.chips[name], chip=base_chip(spec, name))
    return _variants(spec, "chip", name, variant, _set_chip)


def base_chip(spec: SweepSpec, name: str) -> Chip:
    """A chip of the sweep with its overrides and without axes."""
    entry = spec.chips[name]
    chip = find_chip(entry.chip or name)
    for path, value in entry.overrides.items():
        chip = with_parameter(chip, path, value)
    return chip


def axis_units(spec: SweepSpec) -> dict[str, str]:
    """By path, the SI unit of each axis' column, "" for none."""
    return {path: _axis_unit(spec, path) for path in spec.axes}


def _axis_unit(spec: SweepSpec, path: str) -> str:
    block, name, parameter = path.split(".", 2)
    if block != "chip" or parameter in ChipEntry.model_fields:
        return ""
    # The other axes say nothing about it: one value of each, not the product of all.
    alone = spec.model_copy(
        update={"axes": {other: values if other == path else values[:1] for other, values in spec.axes.items()}}
    )
    units = {_parameter(variant.value.chip, parameter)[1] for variant in chip_variants(alone, name)}
    return units.pop() if len(units) == 1 else ""


def _variants(
    spec: SweepSpec,
    block: Literal["recipe", "schedule", "chip"],
    name: str,
    base: T,
    change: Callable[[T, str, AxisValue, str], tuple[T, str | float]],
) -> list[Variant[T]]:
    prefix = f"{block}.{name}."
    axes = {path: values for path, values in spec.axes.items() if path.startswith(prefix)}
    variants = [Variant(name=name, value=base, axes=())]
    for path, settings in axes.items():
        has_text = any(not _is_number(setting) for setting in settings)
        variants = [
            Variant(name=name, value=value, axes=(*before.axes, (path, shown)))
            for before in variants
            for setting in settings
            for value, column in [change(before.value, path.removeprefix(prefix), setting, path)]
            for shown in [str(setting) if has_text and _is_number(setting) else column]
        ]
    return variants


def _is_number(value: AxisValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _set_field(value: SpecT, parameter: str, setting: AxisValue, path: str) -> tuple[SpecT, str | float]:
    given = {name: getattr(value, name) for name in value.model_fields_set}
    try:
        changed = type(value).model_validate({**given, parameter: setting})
    except ValidationError as error:
        reasons = "; ".join(map(reason, error.errors(include_url=False)))
        raise InputError(f"axes.{path}: {reasons}, found {setting!r}") from None
    return changed, float(setting) if _is_number(setting) else str(setting)


def _set_chip(variant: ChipVariant, parameter: str, setting: AxisValue, path: str) -> tuple[ChipVariant, str | float]:
    if parameter in ChipEntry.model_fields:
        entry, column = _set_field(variant.entry, parameter, setting, path)
        return ChipVariant(entry=entry, chip=variant.chip), column
    chip = with_parameter(variant.chip, parameter, setting)
    return ChipVariant(entry=variant.entry, chip=chip), _parameter(chip, parameter)[0]


def parameter_value(chip: Chip, parameter: str) -> str | float | None:
    """A parameter of a chip's description as results hold it: a number in SI, or text; None where the file has none."""
    value: str | float | None
    value, _ = _parameter(chip, parameter)
    return value


def _parameter(chip: Chip, parameter: str) -> tuple[Any, str]:
    """A number of the chip in SI and its unit; text where it is none."""
    number = next((number for number in chip.numbers() if number.name == parameter), None)
    if number is not None:
        return (number.text, "") if number.value_si is None else (number.value_si, number.unit)
    value: Any = chip  # a word, such as the scope of a barrier
    for part in parameter.split("."):
        value = None if value is None else getattr(value, part)
    return None if value is None else str(value), ""

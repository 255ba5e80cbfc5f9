"""Setting one number of a chip, as the axes of a sweep do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.hardware.consistency import consistency_mistakes
from codesign.hardware.description import Chip, Source
from codesign.hardware.numbers import (
    BarrierTimes,
    EnergyNumber,
    Number,
    PowerNumber,
    SynapticEnergy,
    TimeNumber,
    UpdateEnergy,
)

__all__ = ["AXIS_SOURCE", "with_parameter"]

AXIS_SOURCE = "axis"
"""Source key of numbers that a sweep sets."""


def with_parameter(chip: Chip, path: str, value: object) -> Chip:
    """The chip with one number replaced, as the axes of a sweep do.

    Args:
        path: the number's name as in the file, such as `vector_width` or `energies.synaptic_operation`.
        value: as the file would give it, with its unit: `16`, `"2 pJ"`.

    Raises:
        InputError: there is no such number, the value does not fit it, or the chip becomes inconsistent.
    """
    parts = path.split(".")
    specs: list[Spec] = [chip]
    for part in parts[:-1]:
        child = getattr(specs[-1], part, None) if part in type(specs[-1]).model_fields else None
        if not isinstance(child, Spec) or isinstance(child, Number):
            raise InputError(f"chip '{chip.name}' has no parameter '{path}'")
        specs.append(child)
    if parts[-1] not in type(specs[-1]).model_fields:
        raise InputError(f"chip '{chip.name}' has no parameter '{path}'")
    replaced: Any = _replacement(specs[-1], parts[-1], value, f"{chip.name}: {path}")
    for spec, part in zip(reversed(specs), reversed(parts), strict=True):
        replaced = spec.model_copy(update={part: replaced})
    result: Chip = replaced
    sources = {**chip.sources, AXIS_SOURCE: Source(citation="set by an axis of the sweep")}
    result = result.model_copy(update={"sources": sources})
    mistakes = list(consistency_mistakes(result))
    if mistakes:
        raise InputError(f"{chip.name}: {path} = {value!r}: {mistakes[0][1]}")
    return result


def _replacement(spec: Spec, field: str, value: object, where: str) -> Any:
    annotation = type(spec).model_fields[field].annotation
    if get_origin(annotation) is Literal:
        if value not in get_args(annotation):
            allowed = ", ".join(map(str, get_args(annotation)))
            raise InputError(f"{where}: must be one of {allowed}, found {value!r}")
        return value
    current = getattr(spec, field)
    kinds = list(_number_kinds(type(spec).model_fields[field].annotation))
    if not kinds or kinds[0] is BarrierTimes:
        raise InputError(f"{where}: is not a single number, so no axis can set it")
    extra: dict[str, Any] = {}
    if isinstance(current, SynapticEnergy):
        extra["all_in"] = current.all_in
    elif kinds[0] is SynapticEnergy:
        extra["all_in"] = False
    if isinstance(current, UpdateEnergy):
        extra["counted"] = current.counted
    elif kinds[0] is UpdateEnergy:
        extra["counted"] = "evaluations"
    if isinstance(current, (EnergyNumber, PowerNumber, TimeNumber)):
        extra["includes"] = current.includes
    try:
        return kinds[0].model_validate({"value": value, "confidence": "estimated", "source": AXIS_SOURCE, **extra})
    except ValidationError as error:
        raise InputError(f"{where}: {error.errors()[0]['msg']}") from None


def _number_kinds(annotation: Any) -> Iterator[type[Number]]:
    for candidate in getattr(annotation, "__args__", (annotation,)):
        if isinstance(candidate, type) and issubclass(candidate, Number):
            yield candidate

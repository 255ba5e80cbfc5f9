"""Chip descriptions with a parameter changed by a sweep: `vector_width`, `energies.synaptic_operation`, …"""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import TypeAdapter, ValidationError

from codesign.documents import Spec, suggestion
from codesign.errors import InputError
from codesign.hardware.consistency import consistency_mistakes
from codesign.hardware.description import Chip, Source
from codesign.hardware.numbers import Number

__all__ = ["chip_parameter", "override_chip"]

_SOURCE = "sweep"
_TEXT = {"name", "title", "aliases", "description", "citation", "sources", "weight_format", "validation"}


def override_chip(chip: Chip, path: str, value: object) -> Chip:
    """The chip with another value at a dotted path; a number that it lacks may be given so too.

    The number counts as an estimate whose source is the sweep.

    Args:
        path: of a number or of a plain property, such as `can_flush`.
        value: as a chip file would have it, `26 pJ` for an energy.

    Raises:
        InputError: there is no such parameter, the value is not one of its kind, or the chip would contradict itself.
    """
    if path.split(".")[0] in _TEXT:
        raise InputError(f"'{path}' is no parameter that a sweep can change{suggestion(path, _parameters(Chip))}")
    changed = _replaced(chip, path.split("."), value, path)
    assert isinstance(changed, Chip)
    source = Source(citation="a value of the sweep, not of the chip")
    changed = changed.model_copy(update={"sources": {**chip.sources, _SOURCE: source}})
    mistakes = list(consistency_mistakes(changed))
    if mistakes:
        reasons = "; ".join(f"{'.'.join(map(str, location))}: {reason}" for location, reason in mistakes)
        raise InputError(f"{path} = {value!r} contradicts the chip: {reasons}")
    return changed


def chip_parameter(chip: Chip, path: str) -> tuple[str | float, str]:
    """What the chip has at a path that `override_chip` accepted: the value in SI, and its unit ("" for none)."""
    value: Any = chip
    unit = ""
    for part in path.split("."):
        value = getattr(value, part)
        if isinstance(value, Number):
            unit = value.unit
    if isinstance(value, Number):
        value = getattr(value, "value")  # noqa: B009 - of its own type in each subclass
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else ", ".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value), ""
    return float(value), unit


def _replaced(spec: Spec, parts: list[str], value: object, path: str) -> Spec:
    name, *rest = parts
    fields = type(spec).model_fields
    if name not in fields:
        raise InputError(f"there is no parameter '{path}'{suggestion(name, _parameters(type(spec)))}")
    current = getattr(spec, name)
    number = _number_type(fields[name].annotation)
    if number is not None and "value" in number.model_fields and rest in ([], ["value"]):
        kept = {} if current is None else {key: getattr(current, key) for key in type(current).model_fields}
        written = {**kept, "value": value, "confidence": "estimated", "source": _SOURCE, "note": "set by the sweep"}
        return spec.model_copy(update={name: _validated(number, written, path, value)})
    if isinstance(current, Spec) and rest:
        return spec.model_copy(update={name: _replaced(current, rest, value, path)})
    if rest or isinstance(current, Spec | dict) or number is not None:
        raise InputError(f"'{path}' is not one value{suggestion(name, _parameters(type(spec)))}")
    annotation: Any = typing.Annotated[fields[name].annotation, fields[name]]
    return spec.model_copy(update={name: _validated(annotation, value, path, value)})


def _validated(kind: Any, data: object, path: str, value: object) -> Any:
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        details = []
        for item in error.errors(include_url=False):
            missing = item["type"] == "missing"
            details.append(f"needs '{path}.{item['loc'][-1]}' in the chip's file" if missing else item["msg"])
        raise InputError(f"{path} = {value!r}: {'; '.join(details)}") from None


def _number_type(annotation: Any) -> type[Number] | None:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = [_number_type(member) for member in typing.get_args(annotation)]
        return next((kind for kind in found if kind is not None), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Number) else None


def _parameters(spec: type[Spec]) -> list[str]:
    return [name for name in spec.model_fields if name not in _TEXT]

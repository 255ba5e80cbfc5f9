"""Access to parts of recipes and schedules by dotted paths, such as `budget.density` and `mixture.0.group_size`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from codesign.documents import Spec, value_at
from codesign.errors import InputError
from codesign.mistakes import allowed_keys, dotted, mistakes_of, reason, suggestion
from codesign.units import InSI

SpecT = TypeVar("SpecT", bound=Spec)


def with_parts(entry: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a recipe or schedule with some replaced; a dotted path replaces a part of a field. A field is replaced
    before its parts, whatever the order of the settings."""
    changed = dict(entry)
    for path, value in sorted(settings.items(), key=lambda item: item[0].count(".")):
        head, *rest = path.split(".")
        before = changed.get(head)
        if head == "loss" and (before is None or isinstance(before, str)):
            before = {"name": before or "sum"}  # a loss may be its name alone
        changed[head] = _replaced(before, rest, value)
    return changed


def _replaced(before: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(before, list | tuple) and path[0].isdigit() and int(path[0]) < len(before):
        place = int(path[0])
        return [*before[:place], _replaced(before[place], path[1:], value), *before[place + 1 :]]
    fields = said_by(before) if isinstance(before, Spec) else before if isinstance(before, Mapping) else {}
    return {**fields, path[0]: _replaced(fields.get(path[0]), path[1:], value)}


def said_by(entry: Spec) -> dict[str, Any]:
    """The values that an entry gives, by their keys in a file, including keys that are not fields."""
    fields, said = type(entry).model_fields, dict[str, Any]()
    for name in entry.model_fields_set:
        value = getattr(entry, name)
        if name in fields:
            said[fields[name].alias or name] = _held(value)
        else:
            said[name] = value
    return said


def _held(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_held, value))
    return InSI(value) if isinstance(value, float) else value


def with_fields(entry: SpecT, settings: Mapping[str, Any]) -> SpecT:
    """`entry` with some fields, written as in a file, replaced together and checked."""
    if not settings:
        return entry
    given = with_parts(said_by(entry), settings)
    try:
        return type(entry).model_validate(given)
    except ValidationError as error:
        raise InputError("; ".join(map(reason, mistakes_of(error, given)))) from None


def part_mistakes(model: type[Spec], entry: Mapping[str, Any], path: str, value: Any) -> list[str]:
    """Mistakes in a value at a dotted path of an entry, on its own."""
    data = with_parts(entry, {path: value})
    try:
        model.model_validate(data)
    except ValidationError as error:
        head = (path.partition(".")[0],)
        return [reason(item) for item in mistakes_of(error, data) if item["place"][:1] == head]
    return []


def part_at(entry: Any, path: str) -> Any:
    """The value at a dotted path of a recipe or schedule; None if there is none."""
    for part in path.split("."):
        if isinstance(entry, Spec):
            entry = getattr(entry, part, None)
        else:
            entry = value_at(entry, (int(part) if part.isdigit() else part,))
    return entry


def unknown_part(model: type[Spec], path: str, what: str) -> str | None:
    """Why a recipe or schedule cannot have a part at a dotted path, if it cannot; a loss is checked with its values."""
    here: tuple[Any, ...] = ()
    for part in path.split("."):
        allowed = () if here and part.isdigit() else allowed_keys(model, here)
        if allowed and part not in allowed:
            known = (dotted((*here, name)) for name in allowed)
            return f"a {what} has no parameter '{path}'{suggestion(path, known)}"
        here = (*here, int(part) if part.isdigit() else part)
    return None

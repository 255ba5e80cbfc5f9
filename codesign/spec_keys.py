"""Keys that a mapping of a YAML file may have, from the model that it is checked against."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def allowed_keys(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    """Keys of the models that the parts of a location lead to."""
    return {key for candidate in _led_to(model, location) for key in _fields(candidate)}


def allowed_words(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The words that the value at a location may be; none where it may be anything else."""
    kinds = [member for candidate in _led_to(model, location[:-1]) for member in _children(candidate, location[-1])]
    return [str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]


def _led_to(model: type[BaseModel], location: tuple[Any, ...]) -> list[Any]:
    """The types that the parts of a location lead to."""
    candidates: list[Any] = [model]
    for part in location:
        named = [candidate for candidate in candidates if part in _names(candidate)]
        candidates = named or [c for candidate in candidates for c in _children(candidate, part)] or candidates
    return candidates


def key_places(model: type[BaseModel], location: tuple[Any, ...], key: str) -> list[str]:
    """Where below a location a key is known: `network.key`, or `chips.NAME.key` in a mapping of things with names; two
    levels below only if at one place alone."""
    places, deeper = [], []
    for name in sorted(allowed_keys(model, location)):
        below = allowed_keys(model, (*location, name))
        if key in below:
            places.append(f"{name}.{key}")
        elif not below and key in allowed_keys(model, (*location, name, "")):
            places.append(f"{name}.NAME.{key}")
        deeper += [f"{name}.{one}.{key}" for one in sorted(below) if key in allowed_keys(model, (*location, name, one))]
    return places or (deeper if len(deeper) == 1 else [])


def _children(candidate: Any, part: Any) -> list[Any]:
    if fields := _fields(candidate):
        return _members(fields[part].annotation) if part in fields else []
    arguments = [argument for argument in get_args(candidate) if argument is not Ellipsis]
    return _members(arguments[-1]) if arguments else []


def _names(candidate: Any) -> set[Any]:
    """By which validation tells the member of a union: its name, or the one value that a key of it has."""
    kinds = [field.annotation for field in _fields(candidate).values() if get_origin(field.annotation) is Literal]
    return {getattr(candidate, "__name__", None), *(get_args(kind)[0] for kind in kinds if len(get_args(kind)) == 1)}


def _fields(candidate: Any) -> dict[str, FieldInfo]:
    """Fields of a model by key; none of what is no model."""
    return {field.alias or name: field for name, field in getattr(candidate, "model_fields", {}).items()}


def _members(annotation: Any) -> list[Any]:
    """The types of which a value may be any."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]

"""Mistakes in words: the place, what is wrong, what was found and what is allowed."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

_Path = tuple[str | int, ...]

_LONGEST_MESSAGE = 2000
_MOST_NAMES = 30
_SHOULD = re.compile(r"[A-Z]\w* should ")
_KIND = re.compile(r"a valid (integer|number|string|boolean|tuple|list|dictionary|mapping)\b.*")
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    **dict.fromkeys(("tuple", "list"), "a list"),
    **dict.fromkeys(("dictionary", "mapping"), "a mapping"),
}
_QUOTED = re.compile(r"'([^']*)'")
_OURS = ("quantity", "value_error", "assertion_error")
"""Types of mistakes reported by this program's validators, in complete sentences."""


def problem(reason: str) -> PydanticCustomError:
    """A validation error with the message `reason`."""
    return PydanticCustomError("quantity", "{reason}", {"reason": reason})


def of_form(pattern: str, words: str) -> AfterValidator:
    """A validator that a text matches a regular expression, which `words` describe."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise problem(f"must be {words}, found {shown(text)}")
        return text

    return AfterValidator(check)


def dotted(path: _Path) -> str:
    """A place in the form used by messages, such as `chips.mine.schedules.0`."""
    return ".".join(map(str, path))


def first_mistake(error: ValidationError) -> tuple[str, str]:
    """Place and reason of the first mistake in data written by a program, which have no lines to look at."""
    first = error.errors(include_url=False, include_input=False)[0]
    return dotted(first["loc"]), first["msg"]


def mistakes_of(
    error: ValidationError, data: Any, relocate: Callable[[_Path, Any], _Path] = lambda location, data: location
) -> list[dict[str, Any]]:
    """`ValidationError.errors()` from the point of view of a reader of `data`.

    Each also has its `place` there, and what was written as `input`. Errors of a union's members about one value are
    one mistake, and consequences of another mistake are left out.

    Args:
        data: plain content that was validated.
        relocate: maps a location to its place there, if parts were merged into others.
    """
    found = error.errors(include_url=False)
    unknown: dict[Any, list[str]] = {}
    for item in found:
        if item["type"] == "extra_forbidden":
            unknown.setdefault(item["loc"][:-1], []).append(str(item["loc"][-1]))
    told: dict[Any, list[dict[str, Any]]] = {}
    for number, item in enumerate(found):
        if item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # mistakes in the items are reported with the items
        if item["type"] == "missing" and _close(str(item["loc"][-1]), unknown.get(item["loc"][:-1], ())):
            continue  # it is misspelled
        location = relocate(item["loc"], data)
        written = _written(item, location, data)
        tags = 0 if item["type"] in (*_OURS, "missing", "extra_forbidden") else len(location) - len(written["place"])
        told.setdefault(written["place"] if tags > 0 else number, []).append(written)
    return [_either(*members) for members in told.values()]


def _written(item: Any, location: _Path, data: Any) -> dict[str, Any]:
    """A mistake with the `place` in `data` where it was written, missing keys included: pydantic's location also names
    members of unions, and fields that a bare value stands for."""
    place: list[str | int] = []
    for before, part in zip((None, *location), location, strict=False):
        inside = isinstance(data, list | tuple) and part in range(len(data))
        if isinstance(data, dict):  # whose key may have the name of the union's member, which comes before it
            inside = part in data and (part != data.get("kind") or part == before)
        if inside:
            data = data[part]
            place.append(part)
    told = {**item, "msg": item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")}
    if isinstance(data, str | int | float) and location[-1:] != ("[key]",):  # which marks a mistake in a key itself
        told["input"] = data
    if item["type"].startswith("union_tag") and (key := item["ctx"]["discriminator"].strip("'")).isidentifier():
        place.append(key)
        known = item["type"] == "union_tag_invalid"
        tags = f"must be {' or '.join(item['ctx']['expected_tags'].rsplit(', ', 1))}" if known else ""
        told |= {"input": item["ctx"]["tag"], "msg": tags} if known else {"type": "missing"}
    elif item["type"] == "missing":
        place.append(location[-1])
    return {**told, "place": tuple(place)}


def _either(first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """The mistake of a value that no member of a union accepts."""
    if not others:
        return first
    rules = dict.fromkeys([_rule(first), *(_rule(item).removeprefix("must be ") for item in others)])
    return {**first, "type": "quantity", "msg": f"{', or '.join(rules)}, found {shown(first['input'])}"}


def suggestion(word: object, allowed: Iterable[str], elsewhere: Sequence[str] = ()) -> str:
    """`; did you mean 'x'? allowed: a, b, x`, the end of a message about an unknown word; if many are allowed, only
    likely ones. The word may be known `elsewhere`."""
    names = sorted(allowed)
    hint = _close(str(word), names, elsewhere)
    return hint if hint and len(names) > _MOST_NAMES else f"{hint or ';'} allowed: {', '.join(names)}"


def _close(word: str, names: Sequence[str], elsewhere: Sequence[str] = ()) -> str:
    """`; did you mean 'x'?`, or nothing if no name is close; if the word is known elsewhere, only for an almost
    identical name."""
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.85 if elsewhere else 0.6)
    close = [*(lower[name] for name in near), *elsewhere[:1]]
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def describe(item: Any, model: type[BaseModel], other_keys: Iterable[str] = ()) -> str:
    """A mistake of `mistakes_of` as a message, with its place."""
    location = dotted(item["place"]) or "the document"
    if item["type"] == "extra_forbidden":
        allowed = allowed_keys(model, item["loc"][:-1]).union(other_keys if len(item["loc"]) == 1 else ())
        key, above = str(item["loc"][-1]), item["loc"][:-1]
        hint = suggestion(key, allowed, key_places(model, above, key)) if allowed else ""
        return f"unknown key '{location}'{hint}"
    if item["type"] in ("model_type", "model_attributes_type") and (keys := allowed_keys(model, item["loc"])):
        return f"{location}: must be a mapping of {', '.join(sorted(keys))}, found {shown(item['input'])}"
    if item["type"] == "missing":
        return f"'{location}' is missing"
    return f"{location}: {reason(item)}" if item["place"] else reason(item)


def reason(item: Any) -> str:
    """A mistake of `mistakes_of` as a message: what is wrong with a value, what it was and what it must be."""
    if item["type"] in _OURS or "found" in item["msg"]:
        return str(item["msg"])
    if item["type"] in ("missing", "extra_forbidden"):
        key = str(item["loc"][-1])
        return f"'{key}' is missing" if item["type"] == "missing" else f"unknown key '{key}'"
    found, rule = item.get("input"), _rule(item)
    hint = _close(found, _QUOTED.findall(rule)) if isinstance(found, str) else ""
    if isinstance(found, str) and found.isdecimal() and "number" in rule:
        hint = "; write it without quotes"
    return f"{rule}, found {shown(found)}{hint}"


def _rule(item: Any) -> str:
    """What a value must be, for a mistake reported by pydantic."""
    given = item.get("ctx", {})
    match item["type"]:
        case "too_short":
            return f"must have at least {given['min_length']} item{'s' * (given['min_length'] > 1)}"
        case "tuple_type" | "list_type" if isinstance(item.get("input"), str):
            return "must be a list, as in [a, b]"
    message = _SHOULD.sub("must ", item["msg"]) if _SHOULD.match(item["msg"]) else item["msg"]
    message = _KIND.sub(lambda kind: _KINDS[kind[1]], message)
    return message if message.startswith("must ") else f"must be {message}"


def shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str | int | float):
        return clipped(repr(value), 100)
    if isinstance(value, list | tuple | dict) and not value:
        return f"an empty {'mapping' if isinstance(value, dict) else 'list'}"
    return f"a {'mapping' if isinstance(value, dict) else type(value).__name__}"


def clipped(text: str, most: int = _LONGEST_MESSAGE) -> str:
    """The beginning of a text that is too long to read."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def allowed_keys(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    """Keys of the models at a location."""
    return {key for candidate in _led_to(model, location) for key in _fields(candidate)}


def _led_to(model: type[BaseModel], location: tuple[Any, ...]) -> list[Any]:
    """The types at a location."""
    candidates: list[Any] = [model]
    for part in location:
        named = [candidate for candidate in candidates if part in _names(candidate)]
        candidates = named or [c for candidate in candidates for c in _children(candidate, part)] or candidates
    return candidates


def key_places(model: type[BaseModel], location: tuple[Any, ...], key: str) -> list[str]:
    """Places below a location where a key is known: `network.key`, or `chips.NAME.key` in a mapping by name."""
    places = []
    for name in sorted(allowed_keys(model, location)):
        below = allowed_keys(model, (*location, name))
        if key in below:
            places.append(f"{name}.{key}")
        elif not below and key in allowed_keys(model, (*location, name, "")):
            places.append(f"{name}.NAME.{key}")
    return places


def _children(candidate: Any, part: Any) -> list[Any]:
    if fields := _fields(candidate):
        return _members(fields[part].annotation) if part in fields else []
    arguments = [argument for argument in get_args(candidate) if argument is not Ellipsis]
    return _members(arguments[-1]) if arguments else []


def _names(candidate: Any) -> set[Any]:
    """How validation identifies a member of a union: by its name, or by the single value of one of its keys."""
    kinds = [field.annotation for field in _fields(candidate).values() if get_origin(field.annotation) is Literal]
    return {getattr(candidate, "__name__", None), *(get_args(kind)[0] for kind in kinds if len(get_args(kind)) == 1)}


def _fields(candidate: Any) -> dict[str, FieldInfo]:
    """Fields of a model by key; empty for other types."""
    return {field.alias or name: field for name, field in getattr(candidate, "model_fields", {}).items()}


def _members(annotation: Any) -> list[Any]:
    """The alternative types of an annotation."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]

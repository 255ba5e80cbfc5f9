"""Mistakes in words: where, what was wrong, what was found and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from codesign.spec_keys import allowed_keys, key_places

_LONGEST_MESSAGE = 2000
_MOST_NAMES = 30
_SHOULD = re.compile(r"[A-Z]\w* should ")


def dotted(path: tuple[str | int, ...]) -> str:
    """`chips.mine.schedules.0`, as messages name a place."""
    return ".".join(map(str, path))


def place_of(item: Any) -> str:
    """Where a mistake is, as messages name it: one of `ValidationError.errors()`; "" for the document itself."""
    return dotted(tuple(part for part in item["loc"] if not _is_union_tag(part)))


def suggestion(word: str, allowed: Iterable[str], elsewhere: Sequence[str] = ()) -> str:
    """`; did you mean 'x'? allowed: a, b, x`, the tail of a message about an unknown word; of many, only the likely.

    Args:
        elsewhere: places where the word itself is known.
    """
    names = sorted(allowed)
    close = [*elsewhere, *difflib.get_close_matches(word, names, n=1)]
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return hint if close and len(names) > _MOST_NAMES else f"{hint} allowed: {', '.join(names)}"


def describe(item: Any, model: type[BaseModel], other_keys: Iterable[str] = ()) -> str:
    """A mistake as messages tell it, with its place: one of `ValidationError.errors()`."""
    location = place_of(item) or "the document"
    if item["type"] == "extra_forbidden":
        allowed = allowed_keys(model, item["loc"][:-1]).union(other_keys if len(item["loc"]) == 1 else ())
        key, above = str(item["loc"][-1]), item["loc"][:-1]
        return f"unknown key '{location}'" + (
            suggestion(key, allowed, key_places(model, above, key)) if allowed else ""
        )
    if item["type"] == "model_type" and (keys := allowed_keys(model, item["loc"])):
        return f"{location}: must be a mapping of {', '.join(sorted(keys))}, found {_found(item['input'])}"
    return f"'{location}' is missing" if item["type"] == "missing" else f"{location}: {reason(item)}"


def reason(item: Any) -> str:
    """What is wrong with a value, what it was and what it must be: one of `ValidationError.errors()`."""
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if item["type"] in ("quantity", "value_error", "assertion_error") or "found" in message:
        return str(message)
    rule = _SHOULD.sub("must ", message) if _SHOULD.match(message) else f"must be {message}"
    return f"{rule}, found {_found(item.get('input'))}"


def _found(value: Any) -> str:
    if isinstance(value, str | int | float | None):
        return clipped(repr(value), 100)
    return f"a {'mapping' if isinstance(value, dict) else type(value).__name__}"


def clipped(text: str, most: int = _LONGEST_MESSAGE) -> str:
    """The beginning of a text that is too long to read."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _is_union_tag(part: object) -> bool:
    """pydantic puts the name of a union's member, such as `function-before[...]` or a class, into locations."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or part in ("str", "int", "float", "bool"))

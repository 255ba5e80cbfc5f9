"""Checks of arguments: once, where they enter, with the argument's name in the error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from operator import index
from typing import Any

import numpy as np

from codesign.errors import InputError
from codesign.mistakes import suggestion
from codesign.units import parse_quantity

_MOST = 1 << 31


def instance(name: str, value: Any, kind: type) -> None:
    """Raises InputError if `value` is not a `kind`."""
    if not isinstance(value, kind):
        raise InputError(f"{name}: must be {kind.__name__}, found {type(value).__name__}")


def one_of(name: str, value: object, words: Iterable[str]) -> None:
    """Raises InputError if `value` is not one of `words`."""
    if not isinstance(value, str) or value not in words:
        raise InputError(f"{name}: unknown {value!r:.80}{suggestion(value, words)}")


def whole(name: str, value: Any, *, least: int = 0, most: int = _MOST) -> int:
    """An integer from `least` to below `most` as an int; numpy integers are accepted, floats and bools are not."""
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None:
        raise InputError(f"{name}: must be a whole number, found {value!r}")
    if not least <= number < most:
        limits = f"between {least} and {most - 1}" if most < _MOST or number >= most else f"at least {least}"
        raise InputError(f"{name}: must be {limits}, found {number}")
    return number


def flag(name: str, value: Any) -> bool:
    """True or False as a bool; numpy's are accepted, numbers and words are not."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}: must be True or False, found {value!r}")
    return bool(value)


def real(name: str, value: Any, *, most: float = math.inf) -> float:
    """A finite number from 0 to `most`; numpy numbers are accepted, bools are not."""
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number):
        raise InputError(f"{name}: must be a finite number, found {value!r}")
    if not 0 <= number <= most:
        limits = "at least 0" if most == math.inf else f"between 0 and {most:g}"
        raise InputError(f"{name}: must be {limits}, found {value!r}")
    return number


def seconds(name: str, value: Any) -> float:
    """A finite time ≥ 0, given as a number in seconds or a text such as `10 ms`."""
    if isinstance(value, Real) and hasattr(value, "dtype"):  # for float32, the decimal that it represents
        value = float(str(value))
    try:
        number = parse_quantity(value, "s") if isinstance(value, str) else value
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    return real(name, number)

"""What a caller gives: checked once, where it enters, and refused by its name."""

from __future__ import annotations

import math
from operator import index
from typing import Any

from codesign.errors import InputError

__all__ = ["instance", "real", "whole"]

_MOST = 1 << 31


def instance(name: str, value: Any, kind: type) -> None:
    """Raises InputError where `value` is no `kind`."""
    if not isinstance(value, kind):
        raise InputError(f"{name}: must be {kind.__name__}, found {type(value).__name__}")


def whole(name: str, value: Any, *, least: int = 0, most: int = _MOST) -> int:
    """A whole number of at least `least` and below `most` as an int; numpy's own are taken, floats and flags not."""
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


def real(name: str, value: Any, *, least: float = 0.0, most: float = math.inf) -> float:
    """A finite number from `least` to `most`; numpy's own are taken, a flag is not."""
    if isinstance(value, bool) or not isinstance(value, float | int) or not math.isfinite(value):
        raise InputError(f"{name}: must be a finite number, found {value!r}")
    if not least <= value <= most:
        limits = f"at least {least:g}" if most == math.inf else f"between {least:g} and {most:g}"
        raise InputError(f"{name}: must be {limits}, found {value!r}")
    return value

"""Options for what a NIR file cannot state, their values, and one message that asks for all that are missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codesign.errors import InputError
from codesign.mistakes import suggestion
from codesign.network.neuron import AS_MANY_AS_FIT
from codesign.units import is_number, parse_quantity


@dataclass(frozen=True, kw_only=True)
class OpenOption:
    """An option for something that a file does not state.

    Attributes:
        allowed: its values, and which framework's default one of them is, for people.
        read: converts what was given to a value; raises ValueError.
        of_layers: whether it may differ between layers.
        others: values to try if recorded spikes differ.
        of_files: whether only files need it, because a module states it.
    """

    allowed: str
    read: Callable[[Any], Any]
    of_layers: bool = True
    others: tuple[str, ...] = ()
    of_files: bool = False


def choice(*words: str, default: str = "") -> OpenOption:
    """A choice of words; the first is the framework's `default`, if it has one."""

    def read(given: Any) -> str:
        if given not in words:
            raise ValueError
        return str(given)

    shown = [f"{word} ({default})" if default and word == words[0] else word for word in words]
    return OpenOption(allowed=" | ".join(shown), read=read, others=words)


def yes_or_no(default: str) -> OpenOption:
    """`true`, which is the framework's `default`, or `false`."""
    meant = {True: True, False: False, "true": True, "false": False}

    def read(given: Any) -> bool:
        if not isinstance(given, bool | str) or given not in meant:
            raise ValueError
        return meant[given]

    return OpenOption(allowed=f"true ({default}) | false", read=read, others=("true", "false"))


def number(allowed: str, *, least: float = -math.inf, most: float = math.inf, or_none: bool = False) -> OpenOption:
    """A finite number within limits, or `none`."""

    def read(given: Any) -> float | None:
        if or_none and given in (None, "none"):
            return None
        value = float(given)
        if isinstance(given, bool) or not math.isfinite(value) or not least <= value <= most:
            raise ValueError
        return value

    others = ("none",) if or_none else ()
    return OpenOption(allowed=f"{allowed} | none" if or_none else allowed, read=read, others=others)


def count(allowed: str) -> OpenOption:
    """An integer of at least 1, or `unlimited`."""

    def read(given: Any) -> int:
        if given == "unlimited":
            return AS_MANY_AS_FIT
        value = int(given)
        if isinstance(given, bool) or value != float(given) or value < 1:
            raise ValueError
        return min(value, AS_MANY_AS_FIT)

    return OpenOption(allowed=allowed, read=read, others=("1", "unlimited"))


def _time(given: Any) -> float:
    seconds = float(given) if is_number(given) else parse_quantity(given, "s")
    if not 0 < seconds < math.inf:
        raise ValueError
    return seconds


def timestep_of(what: str, *usual: str, default: str, of_layers: bool = False) -> OpenOption:
    """A timestep that only the framework knew when it wrote the file; the first of the usual ones is its `default`."""
    allowed = f"timestep of {what}, {usual[0]} ({default}) or another time"
    return OpenOption(allowed=allowed, read=_time, of_layers=of_layers, others=usual, of_files=True)


TIME = OpenOption(allowed="a time above 0, such as 1 ms", read=_time, of_layers=False)


def read_options(
    options: Mapping[str, OpenOption], values: Mapping[str, Any], layers: int, dialect: str
) -> dict[str, Any]:
    """Read the values of all options; those of layers become a tuple with one value per layer. Raises InputError that
    names everything missing, unknown or invalid, and what is allowed.

    Args:
        values: as given; text with commas has one value per layer, and None is a missing value.
    """
    given = {name: value for name, value in values.items() if value is not None}
    mistakes = [
        f"{name}: is not an option of dialect '{dialect}' for these neurons{suggestion(name, options)}; remove it"
        for name in given
        if name not in options
    ]
    read: dict[str, Any] = {}
    for name, option in options.items():
        if name not in given:
            continue
        try:
            read[name] = _read(option, given[name], layers)
        except (TypeError, ValueError, OverflowError):
            each = f", or one for each of {layers} layers" if option.of_layers and layers > 1 else ""
            mistakes.append(f"{name}: must be {option.allowed}{each}, found {given[name]!r:.80}")
    missing = [name for name in options if name not in given]
    if missing:
        width = max(len(_flag(name)) for name in missing)
        lines = [f"  {_flag(name):{width}}  {options[name].allowed}" for name in missing]
        other = f"in Python as {missing[0]}=…, in a sweep's file as {missing[0]}: …"
        head = f"dialect '{dialect}' does not write the following; give it, {other}"
        mistakes.append("\n".join([head, *lines]))
    if mistakes:
        raise InputError("\n".join(mistakes))
    return read


def _read(option: OpenOption, given: Any, layers: int) -> Any:
    if not option.of_layers:
        return option.read(given)
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, list | tuple):
        parts = [parts]
    read = tuple(option.read(part.strip() if isinstance(part, str) else part) for part in parts)
    if len(read) not in (1, layers):
        raise ValueError
    return read * layers if len(read) == 1 else read


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"

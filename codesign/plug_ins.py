"""Plug-ins of other packages: objects behind entry points, by group and name. A process looks for them once."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from codesign.errors import InputError
from codesign.mistakes import suggestion


def plug_in_names(group: str) -> tuple[str, ...]:
    """Names of a group's entry points."""
    return tuple(_entries(group))


def load_plug_in(group: str, name: str, what: str, names: tuple[str, ...]) -> tuple[Any, str]:
    """The object behind an entry point, of the kind that `what` names, and its name in errors. Raises InputError if
    there is none among `names`, or if it cannot be loaded."""
    entry = _entries(group).get(name)
    if entry is None:
        raise InputError(f"unknown {what} '{name}'{suggestion(name, names)}")
    where = f"entry point {entry.name} = {entry.value}"
    try:
        return entry.load(), where
    except Exception as error:  # every failure of a plug-in is reported as its mistake
        raise InputError(f"{where}: cannot be loaded: {type(error).__name__}: {error}") from error


@cache
def _entries(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in reversed([*entry_points(group=group)])}  # the first one of each name

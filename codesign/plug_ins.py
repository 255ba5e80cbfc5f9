"""What other packages bring in: objects behind entry points, by group and name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from codesign.errors import InputError
from codesign.mistakes import suggestion

_known: dict[str, dict[str, EntryPoint]] = {}
"""Entry points by group and name: looking through all installed packages takes longer than checking a file."""


def plug_in_names(group: str) -> tuple[str, ...]:
    """Names of a group's entry points."""
    return tuple(_entries(group))


def load_plug_in(group: str, name: str, what: str, names: tuple[str, ...]) -> tuple[Any, str]:
    """The object, of a kind that `what` names, behind an entry point, and how an error names that. Raises InputError
    where there is none among `names`, or it cannot be loaded."""
    if name not in _entries(group):
        _known.pop(group)  # what was installed meanwhile
    entry = _entries(group).get(name)
    if entry is None:
        raise InputError(f"unknown {what} '{name}'{suggestion(name, names)}")
    where = f"entry point {entry.name} = {entry.value}"
    try:
        return entry.load(), where
    except Exception as error:  # whatever goes wrong in a plug-in is reported as its mistake
        raise InputError(f"{where}: cannot be loaded: {type(error).__name__}: {error}") from error


def _entries(group: str) -> dict[str, EntryPoint]:
    if group not in _known:
        _known[group] = {entry.name: entry for entry in reversed([*entry_points(group=group)])}  # the first of a name
    return _known[group]

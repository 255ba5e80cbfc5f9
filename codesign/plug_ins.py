"""Plug-ins of other packages: objects behind entry points, by group and name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from codesign.errors import InputError
from codesign.mistakes import suggestion

_known: dict[str, tuple[object, dict[str, EntryPoint]]] = {}
"""By group, the installed packages at the last search, which takes longer than checking a file, and the group's entry
points by name."""


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


def _entries(group: str) -> dict[str, EntryPoint]:
    installed, known = tuple(_installed()), _known.get(group)
    if known is None or known[0] != installed:
        entries = {entry.name: entry for entry in reversed([*entry_points(group=group)])}  # the first one of each name
        known = _known[group] = installed, entries
    return known[1]


def _installed() -> Iterator[tuple[str, int]]:
    """Folders of packages, and when a package was last installed or removed there."""
    for path in sys.path:
        with suppress(OSError):
            yield path, os.stat(path or ".").st_mtime_ns

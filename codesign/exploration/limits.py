"""What a sweep or price file may ask for: a name that can be a folder, and design points that can be planned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from codesign.documents import Path_

__all__ = ["MOST_POINTS", "design_points", "name_problems", "size_problems"]

MOST_POINTS = 100_000
"""Planning so many takes minutes and a gigabyte; a file that asks for more has an axis too many."""

_WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)


def name_problems(data: dict[Any, Any]) -> Iterator[tuple[Path_, str]]:
    """The mistake of a name that no folder of reports can have on Windows."""
    name = data.get("name")
    if isinstance(name, str) and _WINDOWS_DEVICE.fullmatch(name):
        yield ("name",), f"name: {name!r} is a device on Windows and cannot be a folder there; take another name"


def size_problems(data: dict[Any, Any], built_in_schedules: Iterable[str]) -> Iterator[tuple[Path_, str]]:
    """The mistake of a sweep that is too large, as the path of the culprit and a message."""
    points = design_points(data, built_in_schedules)
    if points > MOST_POINTS:
        culprit = next((key for key in ("axes", "seeds") if key in data), "recipes")
        yield (
            (culprit,),
            f"{culprit}: {points:,} design points are more than a sweep may have, {MOST_POINTS:,}; "
            "`codesign price` prices larger grids of a chip's numbers",
        )


def design_points(data: dict[Any, Any], built_in_schedules: Iterable[str]) -> int:
    """Design points of a sweep file's plain content, infeasible ones included; parts of a wrong form count once."""
    axes = _mapping(data, "axes")
    seeds = _mapping(data, "seeds")
    schedules = {
        name: _variants(axes, "schedule", name) for name in (*built_in_schedules, *_mapping(data, "schedules"))
    }
    executed = 0
    for name, entry in _mapping(data, "chips").items():
        given = entry.get("schedules") if isinstance(entry, dict) else None
        chosen = [name for name in given if isinstance(name, str)] if isinstance(given, list) else ["chip"]
        executed += _variants(axes, "chip", name) * sum(schedules.get(name, 1) for name in chosen)
    trained = sum(_variants(axes, "recipe", name) for name in _mapping(data, "recipes"))
    return trained * _count(seeds.get("training"), 3) * executed * _count(seeds.get("evaluation"), 1)


def _variants(axes: dict[Any, Any], block: str, name: object) -> int:
    product = 1
    for path, values in axes.items():
        if str(path).startswith(f"{block}.{name}."):
            product *= _count(values, 1)
    return product


def _count(values: object, usual: int) -> int:
    return len(values) if isinstance(values, list) else usual


def _mapping(data: dict[Any, Any], key: str) -> dict[Any, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}

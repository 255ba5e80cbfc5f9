"""Mistakes in axes and the chips that they vary: values that are wrong by themselves.

Works on the file's plain content, as `codesign.exploration.definition.checks`. What does not go together is found when
the sweep is planned.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from codesign.analysis.results.columns import is_of_design
from codesign.documents import Path_
from codesign.errors import CodesignError, DocumentError
from codesign.exploration.definition.checks import Blocks, Mistakes, axis_parts, list_at, mapping
from codesign.exploration.definition.entries import MODELS, ChipEntry
from codesign.exploration.definition.nested import part_mistakes, unknown_part
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parameters import replaced
from codesign.hardware.library import PARTS, chip_variant, find_chip, is_chip_file
from codesign.mistakes import dotted, suggestion

Values = Mapping[str, list[Any]]
"""For each parameter, the values that it may have."""
Axes = Mapping[tuple[str, str], Values]
"""By block and name."""
Settings = Mapping[str, Any]

_FORMS = (
    *(f"{block}.<name>.<parameter>" for block in ("recipe", "schedule", "chip")),
    *(f"{block}.<parameter>" for block in ("network", "neuron", "workload")),
)

_NOT_VARIED = {
    "chip": {
        "extends": "give each chip an entry of its own under `chips`",
        "schedules": "the chip runs under all that its entry lists",
    },
    "recipe": {
        **dict.fromkeys(("model", "from", "from_"), "give each model a recipe of its own"),
        **{name: f"give each {name} a recipe of its own" for name in ("method", "chip", "preset")},
    },
}
"""By block: what neither axes nor studies may vary, and what to do instead."""


def problems(data: dict[str, Any], blocks: Blocks) -> Mistakes:
    """Every mistake in axes and chips, as the path of the culprit and a message."""
    axes: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for path in mapping(data, "axes"):
        block, name, parameter = axis_parts(path)
        if is_of_design(path):
            continue
        if block not in blocks or not name or not parameter:
            yield ("axes", path), f"must be one of {', '.join(_FORMS)}"
        elif name not in blocks[block]:
            yield ("axes", path), f"unknown {block} '{name}'{suggestion(name, blocks[block])}"
        elif instead := instead_of_varying(block, parameter):
            yield ("axes", path), f"cannot be an axis; {instead}"
        elif block != "chip" and (problem := unknown_part(MODELS[block], parameter, block)):
            yield ("axes", path), problem
        else:
            axes.setdefault((block, name), {})[parameter] = list_at(data, "axes", path)
    yield from _fields(blocks, axes)
    yield from _chips(blocks["chip"], axes)


def instead_of_varying(block: str, parameter: str) -> str | None:
    """What to do instead of varying a parameter that neither axes nor studies may; None where they may."""
    return _NOT_VARIED.get(block, {}).get(parameter.partition(".")[0])


def _fields(blocks: Blocks, axes: Axes) -> Mistakes:
    """Values that a field of a recipe, a schedule or a chip's entry cannot take."""
    for (block, name), values in axes.items():
        model, entry = MODELS[block], blocks[block][name]
        for path, of in values.items() if isinstance(entry, dict) else ():
            if block != "chip" or path in model.model_fields:
                for i, value in enumerate(of):
                    for message in part_mistakes(model, entry, path, value):
                        yield ("axes", f"{block}.{name}.{path}", i), message


def _chips(entries: Mapping[str, Any], axes: Axes) -> Mistakes:
    """Chips that do not exist, and values that their descriptions cannot have."""
    told: set[str] = set()  # of files, which several entries may extend
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        base: Path_ = ("extends",) if entry.get("extends") else ()
        called, where = entry.get("extends") or name, ("chips", name, *base)
        if not isinstance(called, str):
            continue
        parts = {part: value for part, value in entry.items() if part not in ChipEntry.model_fields}
        for part in parts.keys() - set(PARTS):
            yield ("chips", name, part), _unknown_key(part)
        try:
            if is_chip_file(called) and not os.path.lexists(called):
                folder, file = os.path.split(os.path.abspath(called))
                raise CodesignError(f"there is no file '{file}' in {folder}")
            chip = chip_variant(called, {part: value for part, value in parts.items() if part in PARTS})
        except CodesignError as error:
            if not isinstance(error, DocumentError) or str(error) not in told:
                yield where, str(error)
            told.add(str(error))
            continue
        values = axes.get(("chip", name), {})
        numbers = {path: found for path, found in values.items() if path not in ChipEntry.model_fields}
        if isinstance(chip, tuple):
            for location, message in chip:
                yield ("chips", name, *location), message.removeprefix(f"{dotted(location)}: ")
            # Of what the entry leaves as it is, its base still tells what an axis may name and take.
            numbers = {path: found for path, found in numbers.items() if path.partition(".")[0] not in parts}
            chip = find_chip(called)
        for path, of in numbers.items():
            # A parameter of one kind of synchronization is right if it is under one of those that the chip has here.
            kinds = numbers.get("synchronization", ()) if path.startswith("synchronization.") else ()
            for i, value in enumerate(of):
                settings: list[Settings] = [{path: value}, *({"synchronization": kind, path: value} for kind in kinds)]
                refused = [text for chosen in settings if (text := _refusal(chip, chosen))]
                if len(refused) == len(settings):
                    yield ("axes", f"chip.{name}.{path}", i), refused[0]


def _refusal(chip: Chip, chosen: Settings) -> str | None:
    """Why a chip cannot have these values at all; None where it can."""
    try:
        replaced(chip, chosen)
    except CodesignError as error:
        return str(error)
    return None


def _unknown_key(key: str) -> str:
    """Of a chip's entry, which may have its own fields and most of a chip file's."""
    fields = sorted(ChipEntry.model_fields)
    near = get_close_matches(key, [*fields, *PARTS], n=1)
    hint = f" did you mean '{near[0]}'?" if near else ""
    return f"unknown key;{hint} allowed: {', '.join(fields)}, and keys of a chip file except name and measurements"

"""Checks of axes and of the chips that they vary: values that are invalid on their own.

Works on the file's plain content, like `codesign.exploration.definition.checks`. Values that are invalid together are
found when the sweep is planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codesign.analysis.results.columns import is_of_design
from codesign.documents import Path_
from codesign.errors import CodesignError
from codesign.exploration.definition.checks import Blocks, Mistakes, axis_parts, list_at, mapping
from codesign.exploration.definition.entries import ChipEntry
from codesign.exploration.definition.varied import no_path, of_given_model, overridden, wrong_value
from codesign.hardware.chip.parameters import replaced
from codesign.hardware.library import PARTS, chip_variant
from codesign.mistakes import dotted, suggestion

_FORMS = (
    *(f"{block}.<name>.<parameter>" for block in ("recipe", "schedule", "chip")),
    *(f"{block}.<parameter>" for block in ("network", "neuron", "workload")),
)


def problems(data: dict[str, Any], blocks: Blocks) -> Mistakes:
    """Yield every mistake in axes and chips: its path in the file and a message."""
    network, of_chips = mapping(data, "network"), dict[str, dict[str, list[Any]]]()
    of_design = {"network": network, "neuron": mapping(network, "neuron"), "workload": mapping(data, "workload")}
    yield from ((("axes", path), message) for path, message in overridden(mapping(data, "axes")))
    for path in mapping(data, "axes"):
        block, name, parameter = axis_parts(path)
        problem, entry = None, of_design.get(block)
        if is_of_design(path):
            parameter = path.partition(".")[2]
            problem = of_given_model(data, path)
        elif block not in blocks or not name or not parameter:
            problem = f"must be one of {', '.join(_FORMS)}"
        elif name not in blocks[block]:
            problem = f"unknown {block} '{name}'{suggestion(name, blocks[block])}"
        else:
            entry = blocks[block][name]
        if problem := problem or no_path(block, parameter):
            yield ("axes", path), problem
        elif block == "chip" and parameter not in ChipEntry.model_fields:
            of_chips.setdefault(name, {})[parameter] = list_at(data, "axes", path)
        elif isinstance(entry, dict):
            for i, value in enumerate(list_at(data, "axes", path)):
                yield from ((("axes", path, i), message) for message in wrong_value(block, entry, parameter, value))
    yield from _chips(blocks["chip"], of_chips)


def _chips(entries: Mapping[str, Any], axes: Mapping[str, dict[str, list[Any]]]) -> Mistakes:
    """Yield mistakes in chips' entries, and values of `axes`, by chip and path, that the chips' descriptions cannot
    have."""
    told: set[str] = set()  # mistakes of chips, which several entries may extend
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        base: Path_ = ("extends",) if entry.get("extends") else ()
        called, where = entry.get("extends") or name, ("chips", name, *base)
        if not isinstance(called, str):
            continue
        parts = {part: value for part, value in entry.items() if part not in ChipEntry.model_fields}
        for part in parts.keys() - set(PARTS):
            yield ("chips", name, part), f"unknown key{suggestion(part, (*ChipEntry.model_fields, *PARTS))}"
        try:
            chip = chip_variant(called, {part: value for part, value in parts.items() if part in PARTS})
        except CodesignError as error:
            if str(error) not in told:
                yield where, str(error)
            told.add(str(error))
            continue
        if isinstance(chip, tuple):
            for location, message in chip:
                yield ("chips", name, *location), message.removeprefix(f"{dotted(location)}: ")
            continue
        numbers = axes.get(name, {})
        for path, of in numbers.items():
            if path.startswith("synchronization.") and "synchronization" in numbers:
                continue  # depends on the kind, so it is told where it meets one that lacks it
            for i, value in enumerate(of):
                try:
                    replaced(chip, {path: value})
                except CodesignError as error:
                    yield ("axes", f"chip.{name}.{path}", i), str(error)

"""Checks of what axes and studies may vary, and of chips' entries: paths, and values that are invalid on their own.

Works on the file's plain content, like `codesign.exploration.definition.checks`. Values that are invalid together are
found when the sweep is planned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from codesign.analysis.results.columns import is_of_design
from codesign.documents import Path_
from codesign.errors import CodesignError, InputError
from codesign.exploration.definition.checks import Blocks, Mistakes, axis_parts, list_at, mapping
from codesign.exploration.definition.entries import MODELS, ChipEntry
from codesign.exploration.definition.nested import part_at, part_mistakes, unknown_part
from codesign.exploration.definition.network import HiddenLayers, NetworkEntry, changes_widths
from codesign.hardware.chip.parameters import no_effect, replaced
from codesign.hardware.library import PARTS, chip_variant
from codesign.mistakes import dotted, suggestion

_FORMS = (
    *(f"{block}.<name>.<parameter>" for block in ("recipe", "schedule", "chip")),
    *(f"{block}.<parameter>" for block in ("network", "neuron", "workload")),
)
_NOT_VARIED: Mapping[str, tuple[Collection[str], str]] = {
    "chip": (("extends", "schedules"), "list schedules in the chip's entry, and give each chip an entry of its own"),
    "recipe": (("model", "from", "from_", "method", "chip", "preset"), "give each a recipe of its own"),
    "network": (("neuron",), "write neuron.<parameter>"),
    "workload": (
        ("name", "file", "folder", "split", "seed", "validation", "test"),
        "give each its own sweep: all points must be tested on the same samples",
    ),
}
"""Parameters that cannot be varied, by block, and what to do instead."""
_TEXTS = ("network.hidden", "network.topology")
"""Parameters that set everything that widths and depth would change."""


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
            problem = of_given_model(blocks["recipe"], path)
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
    """Yield mistakes in chips' entries, and values of `axes`, by chip and path, that the chips cannot have."""
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
            if problem := no_effect(chip, path):
                yield ("axes", f"chip.{name}.{path}"), problem
            if path.startswith("synchronization.") and "synchronization" in numbers:
                continue  # whether it is valid depends on the kind: reported with the combination
            for i, value in enumerate(of):
                try:
                    replaced(chip, {path: value})
                except CodesignError as error:
                    yield ("axes", f"chip.{name}.{path}", i), str(error)


def no_path(block: str, parameter: str) -> str | None:
    """Why a parameter of a block cannot be varied; None if it can. Numbers of chips are checked with their values."""
    head, _, rest = parameter.partition(".")
    fixed, instead = _NOT_VARIED.get(block, ((), ""))
    if head in fixed:
        return f"cannot be varied; {instead}"
    if block == "chip" or changes_widths(f"{block}.{parameter}"):
        return None
    if block == "network" and head == "hidden" and rest:
        return "hidden layers are counted from 1, as in network.hidden.1"
    if block == "network" and head not in NetworkEntry.model_fields:
        fields = (name for name in NetworkEntry.model_fields if name != "neuron")
        known = suggestion(parameter, ("width", "depth", "hidden.1", *fields))
        return f"a network has no parameter '{parameter}'{known}"
    return unknown_part(MODELS[block], parameter, block)


def wrong_value(block: str, entry: Mapping[str, Any], parameter: str, value: Any) -> list[str]:
    """Mistakes in a value of a parameter, on its own, for an `entry` of a block as the file has it."""
    path = f"{block}.{parameter}"
    if changes_widths(path):
        try:
            HiddenLayers.within_limits({path: value})
        except InputError as error:
            return [str(error).removeprefix(f"{path}: ")]
        return []
    if block == "network" and (holder := parameter.rpartition(".")[0]) and part_at(entry, holder) is None:
        return [f"the network of the file has no '{holder}'"]
    return part_mistakes(MODELS[block], entry, parameter, value)


def of_given_model(recipes: Mapping[str, Any], path: str) -> str | None:
    """Why a path of network or neuron cannot be varied because a recipe is given a model; None if it can."""
    for name, recipe in recipes.items() if not path.startswith("workload.") else ():
        if isinstance(recipe, dict) and ("model" in recipe or "from" in recipe):
            return f"the network is that of the model of recipe '{name}'; remove it"
    return None


def overridden(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield paths that another one excludes, because it sets everything that they would change, and a message."""
    paths = list(paths)
    for text in (path for path in _TEXTS if path in paths):
        yield from ((path, f"cannot be combined with {text}") for path in paths if changes_widths(path))

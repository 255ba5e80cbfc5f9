"""Checks of what axes and studies may vary: paths, and values that are invalid on their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from codesign.errors import InputError
from codesign.exploration.definition.checks import merged_recipes
from codesign.exploration.definition.entries import MODELS
from codesign.exploration.definition.nested import part_at, part_mistakes, unknown_part
from codesign.exploration.definition.network import HiddenLayers, NetworkEntry, changes_widths
from codesign.mistakes import suggestion

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


def of_given_model(data: dict[str, Any], path: str) -> str | None:
    """Why a path of network or neuron cannot be varied because a recipe is given a model; None if it can."""
    recipes = merged_recipes(data).items()
    given = (name for name, recipe in recipes if isinstance(recipe, dict) and not {"model", "from"}.isdisjoint(recipe))
    name = None if path.startswith("workload.") else next(given, None)
    return None if name is None else f"the network is that of the model of recipe '{name}'; remove it"


def overridden(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield paths that cannot be combined with another one, because it sets everything that they would change, and a
    message."""
    paths = list(paths)
    for text in (path for path in _TEXTS if path in paths):
        yield from ((path, f"cannot be combined with {text}") for path in paths if changes_widths(path))

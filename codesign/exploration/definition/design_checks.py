"""Mistakes in axes on network, neuron and workload: values that these cannot have, each by itself.

Works on the file's plain content, as `codesign.exploration.definition.checks`. What does not go together is found when
the sweep is planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from codesign.analysis.results.columns import is_of_design
from codesign.errors import InputError
from codesign.exploration.definition.checks import Mistakes, list_at, mapping
from codesign.exploration.definition.entries import MODELS
from codesign.exploration.definition.nested import part_mistakes, unknown_part, with_parts
from codesign.exploration.definition.network import HiddenLayers, NetworkEntry, changes_widths
from codesign.mistakes import suggestion
from codesign.workload.datasets.registry import get_dataset
from codesign.workload.spec import WorkloadSpec

_ELSEWHERE = {
    "network.neuron": "write neuron.<parameter>",
    **{
        f"workload.{name}": "give each its own sweep: all points must be tested on the same samples"
        for name in ("name", "file", "folder", "split", "seed", "validation", "test")
    },
}
"""What cannot be varied, and what to do instead."""
_TEXTS = ("network.hidden", "network.topology")
"""Set all that widths and depth would change."""


def problems(data: dict[str, Any]) -> Mistakes:
    """Every mistake in such axes, as the path of the culprit and a message."""
    axes = {path: list_at(data, "axes", path) for path in mapping(data, "axes") if is_of_design(path)}
    yield from ((("axes", path), message) for path, message in overridden(axes))
    for path, values in axes.items():
        if (problem := unknown_in_design(path) or of_given_model(data, path)) is not None:
            yield ("axes", path), problem
            continue
        block = path.partition(".")[0]
        entry = mapping(mapping(data, "network"), "neuron") if block == "neuron" else mapping(data, block)
        for i, value in enumerate(values):
            yield from ((("axes", path, i), message) for message in wrong_values(entry, path, value))


def wrong_values(entry: Mapping[str, Any], path: str, value: Any) -> list[str]:
    """What is wrong with a value of network, neuron or workload, whose `entry` the file has, by itself."""
    block, _, parameter = path.partition(".")
    try:
        if changes_widths(path):
            HiddenLayers.within_limits({path: value})
            return []
        if (found := part_mistakes(MODELS[block], entry, parameter, value)) or block != "workload":
            return found
        workload = WorkloadSpec.model_validate(with_parts(entry, {parameter: value}))
        return [message for at, message in get_dataset(workload.name).mistakes(workload) if at == parameter]
    except InputError as error:
        return [str(error).removeprefix(f"{path}: ")]
    except ValidationError:  # of another part, told there
        return []


def of_given_model(data: dict[str, Any], path: str) -> str | None:
    """Why a path of network or neuron cannot be varied where a recipe is given a model; None where it can."""
    recipes = mapping(data, "recipes").items()
    given = (name for name, recipe in recipes if isinstance(recipe, dict) and not {"model", "from"}.isdisjoint(recipe))
    name = None if path.startswith("workload.") else next(given, None)
    return None if name is None else f"the network is that of the model of recipe '{name}'; remove it"


def overridden(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Paths that may not be beside another one, which sets all that they would change, and that they may not."""
    paths = list(paths)
    for text in (path for path in _TEXTS if path in paths):
        yield from ((path, f"cannot be beside {text}") for path in paths if changes_widths(path))


def unknown_in_design(path: str) -> str | None:
    """Why a path of network, neuron or workload leads to nothing that may be varied; None where it does."""
    block, _, parameter = path.partition(".")
    for wrong, instead in _ELSEWHERE.items():
        if path == wrong or path.startswith(f"{wrong}."):
            return f"{wrong} cannot be varied; {instead}"
    if path.startswith("network.hidden.") and not changes_widths(path):
        return "hidden layers are counted from 1, as in network.hidden.1"
    if changes_widths(path):
        return None
    if block == "network" and parameter.partition(".")[0] not in NetworkEntry.model_fields:
        fields = (name for name in NetworkEntry.model_fields if name != "neuron")
        known = suggestion(parameter, ("width", "depth", "hidden.1", *fields))
        return f"a network has no parameter '{parameter}'{known}"
    return unknown_part(MODELS[block], parameter, block)

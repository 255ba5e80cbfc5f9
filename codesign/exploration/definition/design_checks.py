"""Mistakes in axes on network, neuron and workload: values that these cannot have, each by itself.

Works on the file's plain content, as `codesign.exploration.definition.checks`. What does not go together is found when
the sweep is planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice, product
from typing import Any

from pydantic import ValidationError

from codesign.analysis.results.columns import is_of_design
from codesign.errors import CodesignError
from codesign.exploration.definition.checks import Mistakes, list_at, mapping
from codesign.exploration.definition.entries import MODELS
from codesign.exploration.definition.nested import unknown_part
from codesign.exploration.definition.network import NetworkEntry, changes_widths, with_network, with_workload
from codesign.mistakes import suggestion
from codesign.training.presets import PRESETS
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
_MOST_TRIED = 100
"""Combinations of other axes under which a value is tried that is wrong by itself."""


def problems(data: dict[str, Any]) -> Mistakes:
    """Every mistake in such axes, as the path of the culprit and a message."""
    try:
        network = NetworkEntry.model_validate(data.get("network", {}))
        workload: WorkloadSpec | None = WorkloadSpec.model_validate(data.get("workload"))
    except ValidationError:  # told elsewhere; what a value changes cannot be seen
        workload = None
    preset = data.get("preset")
    preset_known = preset is None or (isinstance(preset, str) and preset in PRESETS)
    axes = {path: list_at(data, "axes", path) for path in mapping(data, "axes") if is_of_design(path)}
    yield from ((("axes", path), message) for path, message in overridden(axes))
    for path, values in axes.items():
        if (problem := unknown_in_design(path) or of_given_model(data, path)) is not None:
            yield ("axes", path), problem
        elif workload is not None and preset_known:
            known = partial(refusals, network, preset, workload)
            block = path.partition(".")[0]
            others = {other: axes[other] for other in axes if other != path and other.partition(".")[0] == block}
            for i, value in enumerate(values):
                found = list(known({path: value}))
                if found and all(any(known({**other, path: value})) for other in _together(others)):
                    yield from ((("axes", path, i), message) for message in found)


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


def _together(axes: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """What axes may be together; only the first ones of many."""
    return (dict(zip(axes, values, strict=True)) for values in islice(product(*axes.values()), _MOST_TRIED))


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


def refusals(
    network: NetworkEntry, preset: str | None, workload: WorkloadSpec, settings: Mapping[str, Any]
) -> Iterator[str]:
    """Why network, neuron and workload cannot have values of some paths, beside what is wrong with them without."""
    try:
        with_network(network, preset, settings)
        if (changed := with_workload(workload, settings)) != workload:
            dataset = get_dataset(workload.name)
            known = set(dataset.mistakes(workload))
            yield from (message for at, message in dataset.mistakes(changed) if (at, message) not in known)
    except CodesignError as error:
        path = next((path for path in settings if str(error).startswith(f"{path}: ")), "")
        yield str(error).removeprefix(f"{path}: ")

"""Mistakes in axes on network, neuron and workload: values that these cannot have, each by itself.

Works on the file's plain content, as `codesign.exploration.definition.checks`. What does not go together is found when
the sweep is planned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from codesign.analysis.results.columns import is_of_design
from codesign.documents import Spec
from codesign.errors import CodesignError
from codesign.exploration.definition.checks import Mistakes, list_at, mapping
from codesign.exploration.definition.nested import unknown_part, with_fields
from codesign.exploration.definition.network import NetworkEntry, changes_widths, with_network
from codesign.network.neuron import NeuronSpec
from codesign.training.presets import PRESETS
from codesign.workload.datasets.registry import get_dataset
from codesign.workload.spec import WorkloadSpec

_MODELS: dict[str, type[Spec]] = {"network": NetworkEntry, "neuron": NeuronSpec, "workload": WorkloadSpec}
_ELSEWHERE = {
    "network.neuron": "write neuron.<parameter>",
    **{
        f"workload.{name}": "give each its own sweep: all points are to be tested on the same samples"
        for name in ("name", "file", "folder", "split", "seed", "validation", "test")
    },
}
"""What cannot be varied, and what to do instead."""


def problems(data: dict[str, Any]) -> Mistakes:
    """Every mistake in such axes, as the path of the culprit and a message."""
    try:
        network = NetworkEntry.model_validate(data.get("network", {}))
        workload: WorkloadSpec | None = WorkloadSpec.model_validate(data.get("workload"))
    except ValidationError:  # told elsewhere; what a value changes cannot be seen
        workload = None
    preset = data.get("preset")
    for path in mapping(data, "axes"):
        if not is_of_design(path):
            continue
        if (problem := unknown_in_design(path)) is not None:
            yield ("axes", path), problem
        elif workload is not None and (preset is None or preset in PRESETS):
            for i, value in enumerate(list_at(data, "axes", path)):
                found = refusals(network, preset, workload, path, value)
                yield from ((("axes", path, i), message) for message in found)


def unknown_in_design(path: str) -> str | None:
    """Why a path of network, neuron or workload leads to nothing that may be varied; None where it does."""
    block, _, parameter = path.partition(".")
    for wrong, instead in _ELSEWHERE.items():
        if path == wrong or path.startswith(f"{wrong}."):
            return f"{wrong} cannot be varied; {instead}"
    return None if changes_widths(path) else unknown_part(_MODELS[block], parameter, block)


def refusals(network: NetworkEntry, preset: str | None, workload: WorkloadSpec, path: str, value: Any) -> Iterator[str]:
    """Why network, neuron or workload cannot have a value at a path, beside what is wrong with them without it."""
    try:
        with_network(network, preset, {path: value}, "")
        if path.startswith("workload."):
            dataset, option = get_dataset(workload.name), path.partition(".")[2]
            before = set(dataset.mistakes(workload))
            changed = dataset.mistakes(with_fields(workload, {option: value}, ""))
            yield from (message for at, message in changed if (at, message) not in before)
    except CodesignError as error:
        yield str(error).removeprefix(f"{path}: ")

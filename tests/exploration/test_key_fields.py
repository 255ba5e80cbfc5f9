"""No field is forgotten by keys: results that were stored for another value of it would be used.

All fields of the classes are tried, so a new one is too: if a file can give it, it needs a value in `parameter_values`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
import pytest
from networks import batch_of
from neuron_values import another
from parameter_values import BESIDE, VALUES
from tiny_sweeps import OWN_CHIP, OWN_WEIGHTS, keys

import codesign as cd
from codesign.documents import Spec, validate_data
from codesign.exploration.definition.entries import MODELS
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.encoding import encode_execution
from codesign.exploration.jobs.job_runs import run_assess
from codesign.exploration.jobs.jobs import CostInputs
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.provenance import ASSUMED_FACTORS
from codesign.hardware.placement.placement import place

ELSEWHERE = {"recipe": {"model", "from_", "chip"}}
"""Tested in `test_given.py` and `test_plan_schedules.py`."""
CONVOLUTIONS = [{"kind": "conv2d", "channels": 2, "kernel": 3}, {"kind": "linear", "neurons": 10}]


@pytest.mark.parametrize("block", VALUES)
def test_every_field_changes_a_key(block, tmp_path):
    own = tmp_path / "own.yaml"
    more = "neurons_per_core: 300\ncan_end_sample: 'yes'\n"
    own.write_text((OWN_CHIP + OWN_WEIGHTS).replace('can_flush: "no"', 'can_flush: "yes"') + more, encoding="utf-8")

    def keys_with(**fields: Any) -> dict[str, set[str]]:
        said = {name: {**usual, **(fields if name == block else {})} for name, usual in USUAL.items()}
        sweep = {
            "name": "fields",
            "workload": {"name": "digits"},
            "network": {"layers": CONVOLUTIONS, "neuron": said["neuron"]},
            "recipes": {"mine": said["recipe"]},
            "chips": {"own": {"extends": str(own), **said["chip"]}},
            "schedules": {"mine": said["schedule"]},
            "seeds": {"training": [0]},
        }
        return keys(validate_data(sweep, SweepSpec))

    assert VALUES[block].keys() | ELSEWHERE.get(block, set()) == MODELS[block].model_fields.keys()
    usual = keys_with()
    for name, (value, *_) in VALUES[block].items():
        beside, other = BESIDE.get(name, {}), another(name) if block == "neuron" else value
        assert keys_with(**beside, **{name: other}) != (keys_with(**beside) if beside else usual), name


USUAL: dict[str, dict[str, Any]] = {
    "recipe": {"method": "unlayered", "epochs": 1},
    "schedule": {"policy": "random", "group_size": 4},
    "chip": {"schedules": ["mine"]},
    "neuron": {},
}
FOR_READERS = {
    *("title", "aliases", "description", "citation", "operating_point", "sources", "source", "note"),
    *("weight_format", "validation", "extends", "thresholds", "time_constants", "features"),
}


def leaves(spec: Spec, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all fields that are no specifications themselves."""
    for name in type(spec).model_fields:
        part = getattr(spec, name)
        yield from leaves(part, (*at, name)) if isinstance(part, Spec) else [(*at, name)]


def with_another(spec: Any, path: tuple[str, ...]) -> Any:
    """The specification with another value at a path, whatever its own checks say."""
    name, *rest = path
    part = getattr(spec, name)
    if rest:
        changed = with_another(part, tuple(rest))
    elif name == "confidence":
        changed = next(word for word in ASSUMED_FACTORS if word != part)
    elif name == "range":
        changed = (1e-30, 1e30)
    elif isinstance(part, bool):
        changed = not part
    elif part is None or isinstance(part, int | float):
        changed = 2 * (part or 1)
    elif isinstance(part, tuple):
        changed = (*part, "another")
    else:
        changed = dict([*part.items()][1:]) if isinstance(part, dict) else f"{part} or another"
    return spec.model_copy(update={name: changed})


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of values of other kinds
@pytest.mark.parametrize(("network", "unkeyed"), [("8-6-4", FOR_READERS), ("8-6r-4", FOR_READERS - {"features"})])
def test_what_keys_leave_out_of_a_chip_changes_no_price(network, unkeyed):
    network = cd.SpikingNetwork(network, cd.NeuronSpec(threshold=0.1), timestep_s=0.01)
    events = batch_of(np.ones((3, 2, 8)))
    placement = place(network.shape, cd.find_chip("template"))  # which says all that there is to say
    execution = encode_execution(cd.evaluate(network, events, cd.chip_schedule(placement).schedule, warn=False))

    def job(chip: Chip) -> CostInputs:
        return CostInputs(execution="0" * 64, placement=placement.on(chip), operation="accelerated")

    def with_others(chip: Chip, names: set[str]) -> Chip:
        return reduce(with_another, (path for path in leaves(chip) if path[-1] in names), chip)

    chip = placement.chip
    key, names = job(chip).key, {path[-1] for path in leaves(chip)}
    assert {name for name in names if job(with_others(chip, {name})).key == key} == unkeyed
    (before,), (after,) = (run_assess(execution, [job(one)]) for one in (chip, with_others(chip, unkeyed)))
    assert after.payload == before.payload

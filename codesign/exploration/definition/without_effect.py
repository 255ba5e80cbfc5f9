"""Parameters that a sweep file gives a recipe or schedule without effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from codesign.exploration.definition.checks import axis_parts
from codesign.exploration.definition.entries import ScheduleEntry
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import base_chip, recipe_variants, schedule_variants
from codesign.simulation.schedule import OF_STOPS


def _stops_by(stops: Sequence[str], schedule: ScheduleEntry) -> bool:
    return (schedule.stop or "on_output") in stops


_MATTERS: Mapping[str, Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "recipe": {
        "momentum_noise": (lambda recipe: recipe.noisy, "method unlayered and a policy that adds it, such as momentum"),
        "input_cost": (lambda recipe: recipe.input_gate, "input_gate"),
    },
    "schedule": {name: (partial(_stops_by, stops), f"stop {stops[0]}") for name, stops in OF_STOPS.items()},
}
"""Parameters that matter only together with others, by block: whether they do, and what they need."""

_STRUCTURAL = ("technology_node", "supply_voltage", "weight_bits")
"""Numbers of a chip that change its prices only through the model of its structure."""


def without_effect(spec: SweepSpec) -> Iterator[str]:
    """Yield a sentence for each of these parameters that the file gives in an entry, or as an axis of it, and that has
    no effect for any values of the entry's axes; and for each axis of a schedule that no chip runs, or of a chip whose
    prices it leaves as they are."""
    run = {name for entry in spec.chips.values() for name in entry.schedules}
    for path in spec.axes:
        block, name, parameter = axis_parts(path)
        if block == "schedule" and name not in run:
            yield f"{path} changes nothing; it needs a chip that runs the schedule"
        if block == "chip" and parameter in _STRUCTURAL and base_chip(spec, name).structure is None:
            yield f"{path} changes no price of the chip; it needs a structure in its file"
    variants: dict[str, tuple[Mapping[str, Any], Callable[[SweepSpec, str], Any]]] = {
        "recipe": (spec.recipes, recipe_variants),
        "schedule": (spec.all_schedules, schedule_variants),
    }
    for block, (entries, varied) in variants.items():
        for name in entries:
            for parameter, (matters, needed) in _MATTERS[block].items():
                path = f"{block}.{name}.{parameter}"
                said = path in spec.axes or spec.says((f"{block}s", name, parameter))
                if said and not any(matters(variant.value) for variant in varied(spec, name)):
                    yield f"{path} changes nothing; it needs {needed}"

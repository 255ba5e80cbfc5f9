"""Parameters that a sweep file sets or varies without effect."""

from __future__ import annotations

from collections.abc import Iterator

from codesign.exploration.definition.checks import axis_parts
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import base_chip, recipe_variants, schedule_variants
from codesign.hardware.chip.parameters import no_effect
from codesign.simulation.schedule import OF_STOPS

_OF_RECIPES = {
    "momentum_noise": ("noisy", "method unlayered and a policy that adds it, such as momentum"),
    "input_cost": ("input_gate", "input_gate"),
}
"""Parameters of recipes that matter only if the recipe has another attribute, and what that needs in words."""


def without_effect(spec: SweepSpec) -> Iterator[str]:
    """Yield a sentence for each parameter that has no effect, whatever the values of the axes."""
    run = {name for entry in spec.chips.values() for name in entry.schedules}
    varied = {axis_parts(path)[1] for path in spec.axes if path.startswith("schedule.")}
    for name in spec.schedules:
        if name not in run | varied and spec.writes(("schedules", name)):
            yield f"schedule.{name} changes nothing; it needs a chip that runs it"
    for path in spec.axes:
        block, name, parameter = axis_parts(path)
        if block == "schedule" and name not in run:
            yield f"{path} changes nothing; it needs a chip that runs the schedule"
        if block == "chip" and parameter == "weight_bits" and base_chip(spec, name).structure is None:
            yield f"{path} changes no price of the chip; it needs a structure in its file"
    for name, entry in spec.chips.items():
        for path in ("technology_node", "supply_voltage") if "energies" not in entry.parts else ():
            if path in entry.parts and no_effect(base_chip(spec, name), path):
                yield f"chips.{name}.{path} changes no price of the chip; it needs a structure in its file"
    for name in spec.recipes:
        for parameter, (attribute, needed) in _OF_RECIPES.items():
            path = f"recipe.{name}.{parameter}"
            if _is_given(spec, path) and not any(getattr(one.value, attribute) for one in recipe_variants(spec, name)):
                yield f"{path} changes nothing; it needs {needed}"
    for name in spec.all_schedules:
        for parameter, stops in OF_STOPS.items():
            path = f"schedule.{name}.{parameter}"
            if not _is_given(spec, path):
                continue
            if not any((one.value.stop or "on_output") in stops for one in schedule_variants(spec, name)):
                yield f"{path} changes nothing; it needs stop {stops[0]}"


def _is_given(spec: SweepSpec, path: str) -> bool:
    """Whether the file itself, rather than a preset, sets or varies a parameter."""
    block, name, parameter = axis_parts(path)
    return path in spec.axes or spec.says((f"{block}s", name, parameter))

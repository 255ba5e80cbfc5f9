"""References inside a sweep file: what is merged into what, and whether every name leads somewhere.

Works on the file's plain content, which may be wrong in any way: other mistakes are reported beside these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

from codesign.analysis.columns import COLUMNS
from codesign.documents import Path_, suggestion
from codesign.errors import CodesignError
from codesign.exploration.limits import name_problems, size_problems
from codesign.hardware.numbers import Operation
from codesign.training.recipe import PRESETS, UNLAYERED_ONLY, Recipe

if TYPE_CHECKING:
    from codesign.hardware.description import Chip

__all__ = ["merged_recipe", "problems", "relocated"]

_PRESET_PARAMETERS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "input_dropout",
    "refractory_dropout",
    "momentum_noise",
    "group_size",
)
_ENTRY_PARAMETERS = ("capacity", "mapping", "operation", "weight_bits")
_NUMERIC = sorted(name for name, column in COLUMNS.items() if column.kind in ("int", "float"))


def merged_recipe(recipe: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A recipe as written, completed by `recipe_defaults`, completed by the preset."""
    preset = PRESETS.get(data["preset"]) if isinstance(data.get("preset"), str) else None
    defaults: dict[str, Any] = {}
    if preset is not None:
        values = {name: getattr(preset, name) for name in _PRESET_PARAMETERS}
        defaults.update({name: value for name, value in values.items() if value is not None})
    defaults.update(_mapping(data, "recipe_defaults"))
    known = {**defaults, **recipe}
    if known.get("method") == "layered":
        for name in UNLAYERED_ONLY:
            defaults.pop(name, None)
    if known.get("method") == "layered" or known.get("policy", "random") != "momentum":
        defaults.pop("momentum_noise", None)
    return {**defaults, **recipe}


def relocated(location: Path_, data: Any) -> Path_:
    """Where a mistake in a merged recipe was written: in the recipe, or in the defaults."""
    match location:
        case ("recipes", str(recipe), str(parameter), *rest):
            written = _mapping(data, "recipes").get(recipe)
            defaults = _mapping(data, "recipe_defaults")
            if isinstance(written, dict) and parameter not in written and parameter in defaults:
                return ("recipe_defaults", parameter, *rest)
    return location


def problems(data: Any, built_in_schedules: tuple[str, ...]) -> Iterator[tuple[Path_, str]]:
    """Every name that leads nowhere: its path, and a message with a suggestion."""
    if not isinstance(data, dict):
        return
    too_large = list(size_problems(data, built_in_schedules))
    yield from too_large
    if too_large:
        return  # to look at so many values one by one would take as long as planning them
    yield from name_problems(data)
    yield from _unknown(data, ("preset",), PRESETS, "preset")
    yield from _workload(data)
    yield from _policies(data)
    schedules = (*_mapping(data, "schedules"), *built_in_schedules)
    for name, entry in _mapping(data, "chips").items():
        names = entry.get("schedules") if isinstance(entry, dict) else None
        for i, schedule in enumerate(names if isinstance(names, list) else []):
            if isinstance(schedule, str) and schedule not in schedules:
                place: Path_ = ("chips", name, "schedules", i)
                yield place, f"{_dotted(place)}: unknown schedule '{schedule}'{suggestion(schedule, schedules)}"
    yield from _chips(data)
    yield from _chips_of_recipes(data)
    objectives = data.get("objectives")
    for i, objective in enumerate(objectives if isinstance(objectives, list) else []):
        if isinstance(objective, dict):
            yield from _unknown(data, ("objectives", i, "column"), _NUMERIC, "numeric column")
    for path in _mapping(data, "axes"):
        if isinstance(path, str):
            message = _axis_problem(path, data, schedules)
            if message is not None:
                yield ("axes", path), f"axes.{path}: {message}"


def _workload(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    from codesign.workload.datasets.registry import dataset_names

    yield from _unknown(data, ("workload", "name"), dataset_names(), "dataset")


def _policies(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    from codesign.simulation.policies import policy_names

    places: list[Path_] = [("recipe_defaults", "policy")]
    places += [(block, name, "policy") for block in ("recipes", "schedules") for name in _mapping(data, block)]
    places += [(*place[:-1], "calibration", "policy") for place in places if place[0] != "schedules"]
    for place in places:
        yield from _unknown(data, place, policy_names(), "scheduling policy")


def _chips(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    from codesign.hardware.library import find_chip
    from codesign.hardware.parameters import with_parameter

    for name, entry in _mapping(data, "chips").items():
        entry = {} if entry is None else entry
        if not isinstance(entry, dict):
            continue
        where: Path_ = ("chips", name, "chip") if "chip" in entry else ("chips", name)
        called = entry.get("chip") or name
        if not isinstance(called, str):
            continue
        try:
            chip = find_chip(called)
        except CodesignError as error:
            yield where, f"{_dotted(where)}: {error}"
            continue
        yield from _operations(data, name, entry, chip)
        candidates: dict[Path_, tuple[str, list[Any]]] = {
            ("chips", name, "overrides", path): (path, [value]) for path, value in _mapping(entry, "overrides").items()
        }
        prefix = f"chip.{name}."
        for axis, values in _mapping(data, "axes").items():
            path = axis.removeprefix(prefix)
            if axis.startswith(prefix) and path not in _ENTRY_PARAMETERS and isinstance(values, list):
                candidates["axes", axis] = (path, values)
        for where, (path, values) in candidates.items():
            for value in values:
                try:
                    with_parameter(chip, path, value)
                except CodesignError as error:
                    known = [number.name for number in chip.numbers()]
                    hint = suggestion(path, known) if "has no parameter" in str(error) else ""
                    yield where, f"{_dotted(where)}: {error}{hint}"


def _operations(data: dict[str, Any], name: str, entry: dict[str, Any], chip: Chip) -> Iterator[tuple[Path_, str]]:
    """Operations in which the chip's energies do not hold."""
    from codesign.hardware.energy import check_operation

    axis = f"chip.{name}.operation"
    values = _mapping(data, "axes").get(axis)
    wanted: list[Any] = values if isinstance(values, list) else [entry.get("operation", "accelerated")]
    where: Path_ = ("chips", name, "operation") if "operation" in entry else ("chips", name)
    if isinstance(values, list):
        where = ("axes", axis)
    for operation in wanted:
        if operation in get_args(Operation):
            try:
                check_operation(chip, operation)
            except CodesignError as error:
                yield where, f"{_dotted(where)}: {error}"


def _chips_of_recipes(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    """Recipes that train for a chip which the sweep does not have."""
    chips = tuple(_mapping(data, "chips"))
    places: list[Path_] = [("recipe_defaults", "chip")]
    places += [("recipes", name, "chip") for name in _mapping(data, "recipes")]
    for place in places:
        yield from _unknown(data, place, chips, "chip")
    for axis, values in _mapping(data, "axes").items():
        if isinstance(axis, str) and re.fullmatch(r"recipe\..+\.chip", axis) and isinstance(values, list):
            for value in values:
                if value not in chips:
                    yield ("axes", axis), f"axes.{axis}: unknown chip '{value}'{suggestion(str(value), chips)}"


def _axis_problem(path: str, data: dict[str, Any], schedules: tuple[str, ...]) -> str | None:
    """What is wrong with the path of an axis; chip parameters are looked at with the chips."""
    from codesign.exploration.spec import ChipEntry, ScheduleEntry

    block, _, rest = path.partition(".")
    name, _, parameter = rest.partition(".")
    kinds: dict[str, tuple[tuple[str, ...], type[Recipe] | type[ScheduleEntry] | type[ChipEntry]]] = {
        "recipe": (tuple(_mapping(data, "recipes")), Recipe),
        "schedule": (schedules, ScheduleEntry),
        "chip": (tuple(_mapping(data, "chips")), ChipEntry),
    }
    if block not in kinds or not name or not parameter:
        return "must be schedule.<name>.<parameter>, chip.<name>.<parameter> or recipe.<name>.<parameter>"
    names, model = kinds[block]
    if name not in names:
        return f"unknown {block} '{name}'{suggestion(name, names)}"
    if block != "chip" and parameter not in model.model_fields:
        return f"a {block} has no parameter '{parameter}'{suggestion(parameter, model.model_fields)}"
    return None


def _unknown(data: dict[str, Any], path: Path_, allowed: Any, what: str) -> Iterator[tuple[Path_, str]]:
    value: Any = data
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, str) and value not in allowed:
        yield path, f"{_dotted(path)}: unknown {what} {value!r}{suggestion(value, allowed)}"


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path)

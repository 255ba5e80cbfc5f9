"""What is wrong between the parts of a sweep file: names that lead nowhere, values that a parameter cannot take.

Works on the file's plain content, which may be wrong in any way: other mistakes are reported beside these.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, get_args

from pydantic import ValidationError

from codesign.analysis.columns import COLUMNS
from codesign.documents import Path_, Spec, dotted, reason, suggestion, value_at
from codesign.errors import CodesignError
from codesign.hardware.description import Chip
from codesign.hardware.energy import check_operation
from codesign.hardware.library import find_chip
from codesign.hardware.numbers import Operation
from codesign.hardware.parameters import with_parameter
from codesign.simulation.policies import policy_names
from codesign.training.recipe import PRESETS, UNLAYERED_ONLY
from codesign.workload.datasets.registry import dataset_names

__all__ = [
    "MOST_POINTS",
    "NUMERIC_COLUMNS",
    "anchored",
    "design_points",
    "is_chip_file",
    "mapping",
    "merged_recipe",
    "name_problems",
    "problems",
    "relocated",
]

MOST_POINTS = 100_000
"""Planning so many takes minutes and a gigabyte; a file that asks for more has an axis too many."""

_WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
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
NUMERIC_COLUMNS = sorted(name for name, column in COLUMNS.items() if column.kind in ("int", "float"))

Mistakes = Iterator[tuple[Path_, str]]


# what is merged into what --------------------------------------------------------------------------------------------


def merged_recipe(recipe: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A recipe as written, completed by `recipe_defaults`, completed by the preset."""
    preset = PRESETS.get(data["preset"]) if isinstance(data.get("preset"), str) else None
    defaults: dict[str, Any] = {}
    if preset is not None:
        values = {name: getattr(preset, name) for name in _PRESET_PARAMETERS}
        defaults.update({name: value for name, value in values.items() if value is not None})
    defaults.update(mapping(data, "recipe_defaults"))
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
            written = value_at(data, ("recipes", recipe))
            if isinstance(written, dict) and parameter not in written and parameter in mapping(data, "recipe_defaults"):
                return ("recipe_defaults", parameter, *rest)
    return location


def anchored(data: Any, folder: Callable[[Path_], str]) -> Any:
    """The content with files of chips, which are named as seen from the sweep's file, seen from the working folder."""
    chips: dict[str, Any] = {}
    for name, entry in mapping(data, "chips").items():
        chip = value_at(entry, ("chip",))
        if isinstance(chip, str) and is_chip_file(chip) and (beside := folder(("chips", name, "chip"))):
            chips[name] = {**entry, "chip": os.path.join(beside, chip.removeprefix("./"))}
    return {**data, "chips": {**data["chips"], **chips}} if chips else data


def is_chip_file(chip: str) -> bool:
    """Whether a chip is named by the path of its file."""
    return "/" in chip or chip.endswith((".yaml", ".yml"))


# what is wrong ----------------------------------------------------------------------------------------------------


def problems(data: Any, models: Mapping[str, type[Spec]], built_in_schedules: Mapping[str, Spec]) -> Mistakes:
    """Every mistake between the parts, as the path of the culprit and a message.

    Args:
        models: what a `recipe`, a `schedule` and a `chip` may say.
        built_in_schedules: those that every sweep has.
    """
    if not isinstance(data, dict):
        return
    too_large = list(size_problems(data, built_in_schedules))
    yield from too_large
    if too_large:
        return  # to look at so many values one by one would take as long as planning them
    yield from name_problems(data)
    blocks = {
        "recipe": {
            name: merged_recipe(recipe, data) if isinstance(recipe, dict) else recipe
            for name, recipe in mapping(data, "recipes").items()
        },
        "schedule": {
            **{name: entry.model_dump(exclude_unset=True) for name, entry in built_in_schedules.items()},
            **mapping(data, "schedules"),
        },
        "chip": {name: {} if entry is None else entry for name, entry in mapping(data, "chips").items()},
    }
    for path, allowed, what in _names(data, blocks):
        value = value_at(data, path)
        if isinstance(value, str) and value not in allowed:
            yield path, f"{_label(path)}: unknown {what} {value!r}{suggestion(value, allowed)}"
    axes = _axes(data, blocks)
    for path, message in (*_axis_problems(data, blocks, models, axes), *_chips(blocks["chip"], models["chip"], axes)):
        yield path, f"{_label(path)}: {message}"


def name_problems(data: dict[str, Any]) -> Mistakes:
    """The mistake of a name that no folder of reports can have on Windows."""
    name = data.get("name")
    if isinstance(name, str) and _WINDOWS_DEVICE.fullmatch(name):
        yield ("name",), f"name: {name!r} is a device on Windows and cannot be a folder there; take another name"


def size_problems(data: dict[str, Any], built_in_schedules: Iterable[str]) -> Mistakes:
    """The mistake of a sweep that is too large, as the path of the culprit and a message."""
    points = design_points(data, built_in_schedules)
    if points > MOST_POINTS:
        culprit = next((key for key in ("axes", "seeds") if key in data), "recipes")
        yield (
            (culprit,),
            f"{culprit}: {points:,} design points are more than a sweep may have, {MOST_POINTS:,}; "
            "`codesign price` prices larger grids of a chip's numbers",
        )


def design_points(data: dict[str, Any], built_in_schedules: Iterable[str]) -> int:
    """Design points of a sweep file's plain content, infeasible ones included; parts of a wrong form count once."""
    axes = mapping(data, "axes")
    seeds = mapping(data, "seeds")
    schedules = {name: _variants(axes, "schedule", name) for name in (*built_in_schedules, *mapping(data, "schedules"))}
    executed = 0
    for name, entry in mapping(data, "chips").items():
        given = entry.get("schedules") if isinstance(entry, dict) else None
        chosen = [name for name in given if isinstance(name, str)] if isinstance(given, list) else ["chip"]
        executed += _variants(axes, "chip", name) * sum(schedules.get(name, 1) for name in chosen)
    trained = sum(_variants(axes, "recipe", name) for name in mapping(data, "recipes"))
    return trained * _count(seeds.get("training"), 3) * executed * _count(seeds.get("evaluation"), 1)


def _variants(axes: dict[str, Any], block: str, name: object) -> int:
    return math.prod(_count(values, 1) for path, values in axes.items() if str(path).startswith(f"{block}.{name}."))


def _count(values: object, usual: int) -> int:
    return len(values) if isinstance(values, list) else usual


def _names(data: dict[str, Any], blocks: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Path_, Iterable[str], str]]:
    """Where names of something else stand, which there are, and what they are names of."""
    recipes: list[Path_] = [("recipe_defaults",), *(("recipes", name) for name in mapping(data, "recipes"))]
    schedules: list[Path_] = [("schedules", name) for name in mapping(data, "schedules")]
    yield ("preset",), PRESETS, "preset"
    yield ("workload", "name"), dataset_names(), "dataset"
    for place in (*recipes, *((*recipe, "calibration") for recipe in recipes), *schedules):
        yield (*place, "policy"), policy_names(), "scheduling policy"
    for place in recipes:
        yield (*place, "chip"), blocks["chip"], "chip"
    for name, entry in mapping(data, "chips").items():
        for i, _ in enumerate(_list(value_at(entry, ("schedules",)))):
            yield ("chips", name, "schedules", i), blocks["schedule"], "schedule"
    for i, _ in enumerate(_list(data.get("objectives"))):
        yield ("objectives", i, "column"), NUMERIC_COLUMNS, "numeric column"
    for path, values in mapping(data, "axes").items():
        block, parameter = path.partition(".")[0], path.rpartition(".")[2]
        for i, _ in enumerate(_list(values)):
            if block in ("recipe", "schedule") and parameter == "policy":
                yield ("axes", path, i), policy_names(), "scheduling policy"
            if (block, parameter) == ("recipe", "chip"):
                yield ("axes", path, i), blocks["chip"], "chip"


def _axes(data: dict[str, Any], blocks: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, list[Any]]]:
    """The values of the axes of each recipe, schedule and chip that there is, by parameter."""
    axes: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for path, values in mapping(data, "axes").items():
        block, name, parameter = (*path.split(".", 2), "", "")[:3]
        if name in blocks.get(block, ()):
            axes.setdefault((block, name), {})[parameter] = _list(values)
    return axes


def _axis_problems(
    data: dict[str, Any],
    blocks: Mapping[str, Mapping[str, Any]],
    models: Mapping[str, type[Spec]],
    axes: Mapping[tuple[str, str], Mapping[str, list[Any]]],
) -> Mistakes:
    """Axes that lead nowhere, and values that a field cannot take; parameters of chips are looked at with the chips."""
    for path in mapping(data, "axes"):
        block, name, parameter = (*path.split(".", 2), "", "")[:3]
        if block not in blocks or not name or not parameter:
            yield (
                ("axes", path),
                "must be schedule.<name>.<parameter>, chip.<name>.<parameter> or recipe.<name>.<parameter>",
            )
        elif name not in blocks[block]:
            yield ("axes", path), f"unknown {block} '{name}'{suggestion(name, blocks[block])}"
        elif block != "chip" and parameter not in (fields := models[block].model_fields):
            yield ("axes", path), f"a {block} has no parameter '{parameter}'{suggestion(parameter, fields)}"
    for (block, name), values in axes.items():
        model, entry = models[block], blocks[block][name]
        own = {parameter: found for parameter, found in values.items() if parameter in model.model_fields}
        if isinstance(entry, dict) and own:
            for parameter, i, message in dict.fromkeys(_combined(model, entry, own)):
                yield ("axes", f"{block}.{name}.{parameter}", i), message


def _combined(
    model: type[Spec], entry: dict[str, Any], axes: Mapping[str, list[Any]]
) -> Iterator[tuple[str, int, str]]:
    """What is wrong with values of axes in their combinations, as parameter, position and message."""
    sound = not any(not location for location, _ in _errors(model, entry))
    apart: set[str] = set()
    for positions in product(*(range(len(values)) for values in axes.values())):
        chosen = dict(zip(axes, positions, strict=True))
        for location, message in _errors(model, entry | {name: axes[name][i] for name, i in chosen.items()}):
            if location and location[0] in chosen:
                yield location[0], chosen[location[0]], message
            elif not location and sound and message not in apart:  # the first values that do not go together
                apart.add(message)
                shown = ", ".join(f"{name} = {axes[name][i]}" for name, i in chosen.items())
                yield *list(chosen.items())[-1], f"{message}, found {shown}"


def _errors(model: type[Spec], data: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [(item["loc"], reason(item)) for item in error.errors(include_url=False)]
    return []


def _chips(
    entries: Mapping[str, Any], model: type[Spec], axes: Mapping[tuple[str, str], Mapping[str, list[Any]]]
) -> Mistakes:
    """Chips that there are not, and values that their descriptions cannot have."""
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not isinstance(called := entry.get("chip") or name, str):
            continue
        where: Path_ = ("chips", name, "chip") if "chip" in entry else ("chips", name)
        try:
            chip = _found(called)
        except CodesignError as error:
            yield where, str(error)
            continue
        values = axes.get(("chip", name), {})
        yield from _operations(name, entry, chip, values.get("operation"))
        for path, value in mapping(entry, "overrides").items():
            chip = yield from _with_parameter(chip, path, value, ("chips", name, "overrides", path))
        for path, settings in values.items():
            for i, value in enumerate(settings if path not in model.model_fields else ()):
                yield from _with_parameter(chip, path, value, ("axes", f"chip.{name}.{path}", i))


def _found(chip: str) -> Chip:
    if is_chip_file(chip) and not os.path.lexists(chip):
        folder, file = os.path.split(os.path.abspath(chip))
        raise CodesignError(f"there is no file '{file}' in {folder}")
    return find_chip(chip)


def _with_parameter(chip: Chip, path: str, value: Any, where: Path_) -> Generator[tuple[Path_, str], None, Chip]:
    """The chip with a parameter set, or as it is where it cannot be, with the mistake."""
    try:
        return with_parameter(chip, path, value)
    except CodesignError as error:
        known = [number.name for number in chip.numbers()]
        yield where, f"{error}{suggestion(path, known) if 'has no parameter' in str(error) else ''}"
        return chip


def _operations(name: str, entry: dict[str, Any], chip: Chip, axis: list[Any] | None) -> Mistakes:
    """Operations in which the chip's energies do not hold."""
    places: dict[Path_, Any] = {("axes", f"chip.{name}.operation", i): value for i, value in enumerate(axis or ())}
    own: Path_ = ("chips", name, "operation") if "operation" in entry else ("chips", name)
    for where, operation in (places or {own: entry.get("operation", "accelerated")}).items():
        if operation in get_args(Operation):
            try:
                check_operation(chip, operation)
            except CodesignError as error:
                yield where, str(error)


def _label(path: Path_) -> str:
    """The place as a message names it: an axis is named, and its value told by the message."""
    return dotted(path[:2] if path[0] == "axes" else path)


def mapping(data: Any, key: str) -> dict[str, Any]:
    """A part of plain content, empty where it is not a mapping."""
    value = value_at(data, (key,))
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

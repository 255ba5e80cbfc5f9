"""Checks between the parts of a sweep file: names that refer to nothing.

Works on the file's plain content, which may be invalid in any way: these mistakes are reported together with all
others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from codesign.analysis.results.columns import NUMERIC_COLUMNS
from codesign.documents import Path_, value_at
from codesign.errors import CodesignError
from codesign.exploration.definition.entries import BUILT_IN_SCHEDULES
from codesign.mistakes import shown, suggestion
from codesign.training.presets import PRESETS, RECIPES, RECOMMENDED, recommended
from codesign.training.recipe import OF_ONE_SCHEDULE, UNLAYERED_ONLY, Recipe
from codesign.workload.datasets.registry import dataset_names, get_dataset
from codesign.workload.spec import WorkloadSpec

Mistakes = Iterator[tuple[Path_, str]]
Blocks = Mapping[str, Mapping[str, Any]]
"""Recipes, schedules and chips of a file by name, under the keys `recipe`, `schedule` and `chip`."""


# merging -------------------------------------------------------------------------------------------------------------


def _merged_recipe(recipe: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A recipe completed by its own preset, then `recipe_defaults`, then the file's preset.

    Defaults that contradict the recipe are dropped: a schedule if its method is `layered` or it has a mixture. A recipe
    that uses a trained model is not completed.
    """
    if "model" in recipe:
        return {"method": "layered", "epochs": 1, **recipe}
    preset = PRESETS.get(data["preset"]) if isinstance(data.get("preset"), str) else None
    defaults: dict[str, Any] = {}
    if preset is not None:
        defaults.update({name: value for name, value in preset if name in Recipe.model_fields and value is not None})
    defaults.update(mapping(data, "recipe_defaults"))
    if isinstance(own := recipe.get("preset"), str) and own in RECIPES:
        # Recommended for the dataset of the workload, otherwise for that of the preset, otherwise for any dataset.
        asked = value_at(data, ("workload", "name")), data.get("preset")
        dataset = next((name for name in asked if isinstance(name, str) and name in RECOMMENDED), "arrays")
        defaults.update(recommended(own, dataset))
        recipe = {name: value for name, value in recipe.items() if name != "preset"}
    elif "preset" in recipe:  # it stays to be reported, and nothing else is missing
        defaults = {"epochs": 1, **defaults, "method": "layered"}
    if {**defaults, **recipe}.get("method") == "layered":
        for name in UNLAYERED_ONLY:
            defaults.pop(name, None)
    if {**defaults, **recipe}.get("mixture") is not None:
        for name in OF_ONE_SCHEDULE:
            defaults.pop(name, None)
    return {**defaults, **recipe}


def merged_recipes(data: dict[str, Any]) -> dict[str, Any]:
    """All recipes of a file, merged; values that are not mappings are unchanged."""
    recipes = mapping(data, "recipes").items()
    return {name: _merged_recipe(one, data) if isinstance(one, dict) else one for name, one in recipes}


def relocated(location: Path_, data: Any) -> Path_:
    """Where a mistake in a merged recipe was written: in the recipe itself, or in `recipe_defaults`."""
    match location:
        case ("recipes", str(recipe), str(parameter), *rest):
            written = value_at(data, ("recipes", recipe))
            if isinstance(written, dict) and parameter not in written and parameter in mapping(data, "recipe_defaults"):
                return ("recipe_defaults", parameter, *rest)
    return location


def blocks_of(data: dict[str, Any]) -> Blocks:
    """Recipes, schedules and chips after merging, including the built-in schedules."""
    return {
        "recipe": merged_recipes(data),
        "schedule": {
            **{name: entry.model_dump(exclude_unset=True) for name, entry in BUILT_IN_SCHEDULES.items()},
            **mapping(data, "schedules"),
        },
        "chip": {name: {} if entry is None else entry for name, entry in mapping(data, "chips").items()},
    }


# checks --------------------------------------------------------------------------------------------------------------


def problems(data: dict[str, Any], blocks: Blocks) -> Mistakes:
    """Yield names that refer to nothing, and options that the dataset does not have: paths in the file and messages."""
    for path, allowed, what in _names(data, blocks):
        value = value_at(data, path)
        if isinstance(value, str) and value not in allowed:
            yield path, f"unknown {what} {value!r}{suggestion(value, allowed)}"
    for name, recipe in mapping(data, "recipes").items():
        if isinstance(recipe, dict) and not isinstance(preset := recipe.get("preset", ""), str):
            yield ("recipes", name, "preset"), f"must be one of {', '.join(RECIPES)}, found {shown(preset)}"
    yield from repeated_objectives(data)
    try:
        workload = WorkloadSpec.model_validate(data.get("workload"))
        dataset = get_dataset(workload.name)
    except (ValidationError, CodesignError):
        return  # reported elsewhere
    yield from ((("workload", option), message) for option, message in dataset.mistakes(workload))


def repeated_objectives(data: dict[str, Any]) -> Mistakes:
    columns = [value_at(entry, ("column",)) for entry in list_at(data, "objectives")]
    for i, column in enumerate(columns):
        if isinstance(column, str) and column in columns[:i]:
            yield ("objectives", i, "column"), f"'{column}' is an objective already; keep one"


def axis_parts(path: object) -> tuple[str, str, str]:
    """Block, name and parameter of an axis such as `chip.loihi.energies.hop`; "" for missing parts."""
    block, name, parameter = (*str(path).split(".", 2), "", "")[:3]
    return block, name, parameter


def _names(data: dict[str, Any], blocks: Blocks) -> Iterator[tuple[Path_, Iterable[str], str]]:
    """Yield the path of each name in the file that refers to something, the names that it may be, and their kind."""
    yield ("preset",), PRESETS, "preset"
    yield ("workload", "name"), dataset_names(), "dataset"
    yield ("recipe_defaults", "chip"), blocks["chip"], "chip"
    for recipe in mapping(data, "recipes"):
        yield ("recipes", recipe, "preset"), RECIPES, "preset of a recipe"
        yield ("recipes", recipe, "chip"), blocks["chip"], "chip"
    for name, entry in mapping(data, "chips").items():
        for i, _ in enumerate(list_at(entry, "schedules")):
            yield ("chips", name, "schedules", i), blocks["schedule"], "schedule"
    for block in ("objectives", "constraints"):
        for i, _ in enumerate(list_at(data, block)):
            yield (block, i, "column"), NUMERIC_COLUMNS, "numeric column"
    for block, names in blocks.items():
        yield ("baseline", block), names, block


def mapping(data: Any, key: str) -> dict[str, Any]:
    """The mapping under a key of plain content; empty if there is none."""
    value = value_at(data, (key,))
    return value if isinstance(value, dict) else {}


def list_at(data: Any, *path: str) -> list[Any]:
    """The list at a path of plain content; empty if there is none."""
    value = value_at(data, path)
    return value if isinstance(value, list) else []

"""What is wrong between the parts of a study file, beside what is wrong with it as a sweep.

Works on the file's plain content, which may be wrong in any way: other mistakes are told beside these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from codesign.documents import Path_, dotted, suggestion
from codesign.exploration.checks import NUMERIC_COLUMNS, mapping, merged_recipe
from codesign.exploration.spec import BUILT_IN_SCHEDULES, Seeds
from codesign.exploration.study.samplers import option_problems, sampler_problem
from codesign.exploration.study.space_checks import space_problems

__all__ = ["problems"]

_COSTS = ("epochs", "samples", "evaluation_samples", "seeds")
"""What a fidelity level may have less of."""


def problems(data: Any) -> Iterator[tuple[Path_, str]]:
    """Every mistake between the parts of a study, each as the path of the culprit and a message."""
    if not isinstance(data, dict):
        return
    names = {
        "recipe": mapping(data, "recipes"),
        "chip": mapping(data, "chips"),
        "schedule": {**mapping(data, "schedules"), **BUILT_IN_SCHEDULES},
    }
    for block, value in mapping(data, "baseline").items():
        if block in names and isinstance(value, str) and value not in names[block]:
            yield ("baseline", block), f"baseline.{block}: unknown {block} '{value}'{suggestion(value, names[block])}"
    for position, entry in enumerate(_entries(data, "constraints")):
        column = entry.get("column")
        if isinstance(column, str) and column not in NUMERIC_COLUMNS:
            message = f"unknown numeric column '{column}'{suggestion(column, NUMERIC_COLUMNS)}"
            yield ("constraints", position, "column"), f"constraints.{position}.column: {message}"
    if mapping(data, "evaluation").get("split") == "test":
        yield (
            ("evaluation", "split"),
            "evaluation.split: a study evaluates trials on the validation split, and the final front and the baseline "
            "on the test split; remove it",
        )
    yield from _sampler(data)
    yield from space_problems(data, names)
    yield from _fidelity(data)


def _sampler(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    written = data.get("sampler")
    sampler = {"name": written} if isinstance(written, str) else mapping(data, "sampler")
    name, objectives = sampler.get("name", "tpe"), data.get("objectives")
    if not isinstance(name, str):
        return
    message = sampler_problem(
        name,
        objectives=len(objectives) if isinstance(objectives, list) else 1,
        constrained=bool(data.get("constraints") or data.get("fidelity")),
    )
    if message is not None:
        yield ("sampler", "name"), f"sampler.name: {message}"
        return
    for option, text in option_problems(name, mapping(sampler, "options")):
        where = ("sampler", "options") if option is None else ("sampler", "options", option)
        yield where, f"{dotted(where)}: {text}"


def _fidelity(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    """Levels that set what is searched for, and those that are not cheaper than the next one."""
    levels = [_counts(level) for level in _entries(mapping(data, "fidelity"), "levels")]
    epochs = [str(path) for path in mapping(data, "space") if re.fullmatch(r"recipe\..*epochs", str(path))]
    if any("epochs" in level for level in levels):
        for path in epochs:
            yield ("space", path), f"space.{path}: fidelity levels set the epochs; search for them or give levels"
    full = _full_level(data, epochs_known=not epochs)
    for position, (level, following) in enumerate(pairwise([*({**full, **level} for level in levels), full])):
        after = "the full level" if position + 1 == len(levels) else f"fidelity.levels.{position + 1}"
        where: Path_ = ("fidelity", "levels", position)
        dearer = [name for name in _COSTS if level[name] > following[name]]
        if dearer:
            shown = ", ".join(f"{name} {level[name]} against {following[name]}" for name in dearer)
            shown = shown.replace("inf", "all")
            yield where, f"fidelity.levels.{position}: must not be dearer than {after}, found {shown}"
        elif levels[position] and level == following:
            costs = ", ".join(_COSTS)
            yield where, f"fidelity.levels.{position}: must be cheaper than {after} in at least one of {costs}"


def _full_level(data: dict[str, Any], *, epochs_known: bool) -> dict[str, float]:
    """Costs of the full level, the epochs of the longest recipe; infinite where a trial or the dataset decides."""
    recipes = [merged_recipe(recipe, data) for recipe in mapping(data, "recipes").values() if isinstance(recipe, dict)]
    epochs = [count for recipe in recipes if epochs_known for count in _counts(recipe).values()]
    training = mapping(data, "seeds").get("training")
    workload, evaluation = mapping(data, "workload"), mapping(data, "evaluation")
    known = {
        "epochs": max(epochs, default=None),
        "samples": workload.get("train"),
        "evaluation_samples": evaluation.get("samples") or workload.get("validation"),
        "seeds": len(training) if isinstance(training, list) else len(Seeds().training),
    }
    return {**dict.fromkeys(_COSTS, math.inf), **_counts(known)}


def _counts(entry: Mapping[str, Any]) -> dict[str, int]:
    """What an entry says of costs, those that are not a whole number left out."""
    return {name: entry[name] for name in _COSTS if type(entry.get(name)) is int}


def _entries(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of mappings in plain content, with an empty one for each part that is none."""
    values = data.get(key)
    return [value if isinstance(value, dict) else {} for value in values] if isinstance(values, list) else []

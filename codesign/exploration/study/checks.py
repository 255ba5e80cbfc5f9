"""References inside a study file, beside those of a sweep: whether every parameter, condition and name leads somewhere.

Works on the file's plain content, which may be wrong in any way: other mistakes are reported beside these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from codesign.analysis.columns import COLUMNS
from codesign.documents import Path_, suggestion
from codesign.exploration.checks import merged_recipe
from codesign.exploration.spec import Seeds
from codesign.exploration.study.samplers import option_problem, options_problem, sampler_problem
from codesign.exploration.study.space import Choices
from codesign.exploration.study.space_checks import space_problems
from codesign.exploration.study.written_space import WrittenSpace, mapping

__all__ = ["problems"]

_NUMERIC = sorted(name for name, column in COLUMNS.items() if column.kind in ("int", "float"))
_COSTS = ("epochs", "samples", "evaluation_samples", "seeds")
"""What a fidelity level may have less of."""


def problems(data: Any) -> Iterator[tuple[Path_, str]]:
    """Every mistake between the parts of a study, each as the path of the culprit and a message."""
    if not isinstance(data, dict):
        return
    space = WrittenSpace(data)
    yield from _baseline(data, space)
    yield from _constraints(data)
    yield from _evaluation(data)
    yield from _sampler(data)
    yield from space_problems(space)
    yield from _fidelity(data, space)


def _baseline(data: dict[str, Any], space: WrittenSpace) -> Iterator[tuple[Path_, str]]:
    for block, names in space.names.items():
        value = mapping(data, "baseline").get(block)
        if isinstance(value, str) and value not in names:
            yield ("baseline", block), f"baseline.{block}: unknown {block} '{value}'{suggestion(value, names)}"


def _constraints(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    entries = data.get("constraints")
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        column = entry.get("column") if isinstance(entry, dict) else None
        if isinstance(column, str) and column not in _NUMERIC:
            message = f"unknown numeric column '{column}'{suggestion(column, _NUMERIC)}"
            yield ("constraints", position, "column"), f"constraints.{position}.column: {message}"


def _evaluation(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    if mapping(data, "evaluation").get("split") == "test":
        yield (
            ("evaluation", "split"),
            "evaluation.split: a study evaluates trials on the validation split, and the final front and the baseline "
            "on the test split; remove it",
        )


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
    options, found = mapping(sampler, "options"), False
    for option, value in options.items():
        if (message := option_problem(name, str(option), value)) is not None:
            found = True
            yield ("sampler", "options", option), f"sampler.options.{option}: {message}"
    if options and not found and (message := options_problem(name, options)) is not None:
        yield ("sampler", "options"), f"sampler.options: {message}"


def _fidelity(data: dict[str, Any], space: WrittenSpace) -> Iterator[tuple[Path_, str]]:
    written = mapping(data, "fidelity").get("levels")
    levels = [level if isinstance(level, dict) else {} for level in (written if isinstance(written, list) else [])]
    if any("epochs" in level for level in levels):
        for path in _searched_epochs(space):
            yield ("space", path), f"space.{path}: fidelity levels set the epochs; search for them or give levels"
    full = _full_level(data, space)
    costs = [{**full, **_given_costs(level)} for level in levels] + [full]
    for position, (level, following) in enumerate(pairwise(costs)):
        after = "the full level" if position + 1 == len(levels) else f"fidelity.levels.{position + 1}"
        dearer = [name for name in _COSTS if level[name] is not following[name] and level[name][1] > following[name][0]]
        where = f"fidelity.levels.{position}"
        if dearer:
            shown = ", ".join(
                f"{name} {_shown(level[name][1])} against {_shown(following[name][0])}" for name in dearer
            )
            yield ("fidelity", "levels", position), f"{where}: must not be dearer than {after}, found {shown}"
        elif len(_given_costs(levels[position])) == len(levels[position]) > 0 and not any(
            level[name] is not following[name] and level[name][0] < following[name][1] for name in _COSTS
        ):
            yield (
                ("fidelity", "levels", position),
                f"{where}: must be cheaper than {after} in at least one of {', '.join(_COSTS)}",
            )


def _searched_epochs(space: WrittenSpace) -> list[str]:
    return [path for path in space.domains if path.startswith("recipe.") and path.endswith(".epochs")]


def _full_level(data: dict[str, Any], space: WrittenSpace) -> dict[str, tuple[float, float]]:
    """The least and the most of each cost at the full level; infinite where only the dataset knows."""
    chosen = space.domains.get("recipe")
    entries = {
        name: merged_recipe(recipe, data)
        for name, recipe in space.names["recipe"].items()
        if isinstance(recipe, dict) and (not isinstance(chosen, Choices) or name in chosen.choices)
    }
    epochs = [count for entry in entries.values() if (count := _count(entry.get("epochs"))) is not None]
    if _searched_epochs(space):
        epochs = []  # those of a trial
    training = mapping(data, "seeds").get("training")
    workload, evaluation = mapping(data, "workload"), mapping(data, "evaluation")
    known = {
        "samples": _count(workload.get("train")),
        "evaluation_samples": _count(evaluation.get("samples")) or _count(workload.get("validation")),
        "seeds": len(training) if isinstance(training, list) else len(Seeds().training),
    }
    full: dict[str, tuple[float, float]] = {"epochs": (min(epochs, default=math.inf), max(epochs, default=math.inf))}
    for name, count in known.items():
        full[name] = (math.inf, math.inf) if count is None else (count, count)
    return full


def _given_costs(level: dict[str, Any]) -> dict[str, tuple[float, float]]:
    counts = {name: _count(level.get(name)) for name in _COSTS}
    return {name: (count, count) for name, count in counts.items() if count is not None}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _shown(count: float) -> str:
    return "all" if math.isinf(count) else str(count)

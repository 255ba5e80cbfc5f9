"""References inside a study file, beside those of a sweep: whether every parameter, condition and name leads somewhere.

Works on the file's plain content, which may be wrong in any way: other mistakes are reported beside these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from codesign.documents import Path_, Spec, suggestion
from codesign.errors import CodesignError
from codesign.exploration.references import merged_recipe
from codesign.exploration.spec import BUILT_IN_SCHEDULES, ChipEntry, ScheduleEntry
from codesign.exploration.study.parameters import Target, is_integer, target_of
from codesign.exploration.study.samplers import option_problem, sampler_problem
from codesign.exploration.study.space import Domain, Link, Range, Value, ordered
from codesign.network.neuron import NeuronSpec
from codesign.results import COLUMNS
from codesign.simulation.policies import policy_names
from codesign.training.recipe import Recipe

__all__ = ["problems"]

_NUMERIC = sorted(name for name, column in COLUMNS.items() if column.kind in ("int", "float"))
_NETWORK = re.compile(r"(width|depth|hidden\.[1-9][0-9]{0,2})\Z")


def problems(data: Any) -> Iterator[tuple[Path_, str]]:
    """Every mistake between the parts of a study, each as the path of the culprit and a message."""
    if not isinstance(data, dict):
        return
    yield from _baseline(data)
    yield from _constraints(data)
    yield from _sampler(data)
    yield from _space(data)


def _names(data: dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        "recipe": _mapping(data, "recipes"),
        "chip": _mapping(data, "chips"),
        "schedule": {**_mapping(data, "schedules"), **dict.fromkeys(BUILT_IN_SCHEDULES)},
    }


def _baseline(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    for block, names in _names(data).items():
        value = _mapping(data, "baseline").get(block)
        if isinstance(value, str) and value not in names:
            yield ("baseline", block), f"baseline.{block}: unknown {block} '{value}'{suggestion(value, names)}"


def _constraints(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    entries = data.get("constraints")
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        column = entry.get("column") if isinstance(entry, dict) else None
        if isinstance(column, str) and column not in _NUMERIC:
            message = f"unknown numeric column '{column}'{suggestion(column, _NUMERIC)}"
            yield ("constraints", position, "column"), f"constraints.{position}.column: {message}"


def _sampler(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    sampler = _mapping(data, "sampler")
    name = sampler.get("name", "tpe")
    objectives = data.get("objectives")
    count = len(objectives) if isinstance(objectives, list) else 1
    if not isinstance(name, str):
        return
    if (message := sampler_problem(name, objectives=count)) is not None:
        yield ("sampler", "name"), f"sampler.name: {message}"
        return
    for option in _mapping(sampler, "options"):
        if (message := option_problem(name, option)) is not None:
            yield ("sampler", "options", option), f"sampler.options.{option}: {message}"


def _space(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    adapter: TypeAdapter[Any] = TypeAdapter(Domain)
    names, space = _names(data), {}
    for path, entry in _mapping(data, "space").items():
        try:
            space[str(path)] = adapter.validate_python(entry)
        except ValidationError:
            space[str(path)] = None  # told of by the field's own check
    before: list[str] = []
    for path, domain in ordered(space).items():
        where: Path_ = ("space", path)
        try:
            target = target_of(path, names)
        except ValueError as error:
            yield where, f"space.{path}: {error}"
            continue
        if (message := _target_problem(target, names)) is not None:
            yield where, f"space.{path}: {message}"
        elif domain is not None:
            yield from (
                (where, f"space.{path}: {text}") for text in _domain_problems(path, domain, target, before, data)
            )
        before.append(path)
    levels = _mapping(data, "fidelity").get("levels")
    for level in levels if isinstance(levels, list) else []:
        if isinstance(level, dict) and "epochs" in level:
            for path in (path for path in space if path.startswith("recipe.") and path.endswith(".epochs")):
                yield ("space", path), f"space.{path}: fidelity levels set the epochs; search for them or give levels"


def _target_problem(target: Target, names: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why a path leads nowhere; parameters of chips are looked at with the values that they are to take."""
    if target.parameter is None:
        return None
    if target.block == "network":
        if _NETWORK.match(target.parameter):
            return None
        return f"a network has no parameter '{target.parameter}'; allowed: width, depth, hidden.1, hidden.2, …"
    models: dict[str, type[Spec]] = {"recipe": Recipe, "schedule": ScheduleEntry, "neuron": NeuronSpec}
    model = models.get(target.block)
    if model is None:
        return None
    if target.parameter in model.model_fields and target.parameter not in ("method", "chip"):
        return None
    fields = [name for name in model.model_fields if name not in ("method", "chip")]
    return f"a {target.block} has no parameter '{target.parameter}' to search for{suggestion(target.parameter, fields)}"


def _domain_problems(path: str, domain: Any, target: Target, before: list[str], data: dict[str, Any]) -> Iterator[str]:
    for name in domain.when:
        if name not in before:
            yield f"when: '{name}' is not a parameter before it{suggestion(name, before) if before else ''}"
    if isinstance(domain, Link):
        if target.parameter is None:
            yield "a recipe, chip or schedule is chosen by its name, not by same_as"
        elif domain.same_as not in before:
            yield f"same_as: '{domain.same_as}' is not a parameter before it{suggestion(domain.same_as, before)}"
        return
    if target.parameter is None:
        names = _names(data)[target.block]
        if isinstance(domain, Range):
            yield f"must be a list of names of {target.block}s"
        else:
            for value in domain.choices:
                if value not in names:
                    yield f"unknown {target.block} '{value}'{suggestion(str(value), names)}"
        return
    if (
        isinstance(domain, Range)
        and not domain.integer
        and not domain.unit
        and is_integer(target)
        and target.block == "network"
    ):
        yield f"must be whole numbers, found {domain.from_} and {domain.to}"
        return
    for value in domain.examples:
        yield from dict.fromkeys(_value_problems(target, value, data))


def _value_problems(target: Target, value: Value, data: dict[str, Any]) -> Iterator[str]:
    """Why a parameter cannot have a value, in any of the recipes, chips or schedules that it is meant for."""
    assert target.parameter is not None
    match target.block:
        case "recipe" | "schedule" if target.parameter == "policy" and value not in policy_names():
            yield f"unknown scheduling policy '{value}'{suggestion(str(value), policy_names())}"
        case "network":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 10_000_000:
                yield f"must be a whole number above 0, found {value!r}"
        case "neuron":
            yield from _field_problems(NeuronSpec, {}, target.parameter, value)
        case "schedule":
            for entry in _meant(data, "schedules", target):
                yield from _field_problems(ScheduleEntry, entry, target.parameter, value)
        case "recipe":
            for entry in _meant(data, "recipes", target):
                yield from _field_problems(Recipe, merged_recipe(entry, data), target.parameter, value)
        case "chip":
            yield from _chip_problems(target, value, data)


def _meant(data: dict[str, Any], block: str, target: Target) -> list[dict[str, Any]]:
    entries = _mapping(data, block)
    chosen = entries.values() if target.name is None else [entries.get(target.name)]
    found: list[dict[str, Any]] = [entry for entry in chosen if isinstance(entry, dict)]
    return found or ([{}] if block == "schedules" else [])


def _field_problems(model: type[Spec], entry: dict[str, Any], parameter: str, value: Value) -> Iterator[str]:
    """Mistakes that `entry` has only with this value."""
    if (
        model is Recipe
        and entry.get("method") == "layered"
        and parameter in ("policy", "group_size", "input_mode", "idle_gradient")
    ):
        return  # takes no part in a trial with that recipe
    try:
        model.model_validate({name: part for name, part in entry.items() if name != parameter})
    except ValidationError as error:
        if any(item["type"] != "missing" or item["loc"] != (parameter,) for item in error.errors(include_url=False)):
            return
    try:
        model.model_validate({**entry, parameter: value})
    except ValidationError as error:
        reasons = [
            item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            for item in error.errors(include_url=False)
        ]
        yield f"must be {'; '.join(reasons)}, found {value!r}"


def _chip_problems(target: Target, value: Value, data: dict[str, Any]) -> Iterator[str]:
    from codesign.hardware.library import find_chip
    from codesign.hardware.parameters import with_parameter

    assert target.parameter is not None
    for name, entry in _mapping(data, "chips").items():
        entry = {} if entry is None else entry
        if not isinstance(entry, dict) or (target.name is not None and name != target.name):
            continue
        if target.parameter in ChipEntry.model_fields:
            if target.parameter in ("chip", "schedules", "overrides"):
                yield f"cannot be searched for; choose among names of chips by 'chip: [{name}, …]'"
                return
            yield from _field_problems(ChipEntry, entry, target.parameter, value)
            continue
        try:
            chip = find_chip(entry.get("chip") or name)
        except CodesignError:
            continue  # told of as a mistake of the chip
        try:
            with_parameter(chip, target.parameter, value)
        except CodesignError as error:
            known = [number.name for number in chip.numbers()]
            yield f"{error}{suggestion(target.parameter, known) if 'has no parameter' in str(error) else ''}"


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}

"""Whether the parameters of a search space take the values that they are to have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError

from codesign.documents import Spec, suggestion
from codesign.errors import CodesignError
from codesign.exploration.checks import merged_recipe
from codesign.exploration.spec import ChipEntry, ScheduleEntry
from codesign.exploration.study.parameters import Target, field_models, is_integer
from codesign.exploration.study.space import Choices, Range, Value
from codesign.exploration.study.written_space import WrittenSpace
from codesign.network.neuron import NeuronSpec
from codesign.simulation.policies import policy_names
from codesign.training.recipe import Recipe

__all__ = ["domain_values_problems"]

_MOST_COMBINATIONS = 16
"""Combinations of values under which a parameter takes part that are tried."""


def domain_values_problems(space: WrittenSpace, path: str, source: str, domain: Range | Choices) -> Iterator[str]:
    """Why the parameter at `path` cannot have the values of `domain`.

    Args:
        source: the parameter that is drawn from the domain: `path` itself, or the one that it is the same as.
    """
    target, drawn = space.targets[path], space.targets.get(source)
    if isinstance(domain, Range) and not domain.unit and _takes_whole_numbers(target):
        if not domain.integer:
            yield f"must be whole numbers, found {domain.from_} and {domain.to}"
            return
        if drawn is not None and not is_integer(drawn):
            yield f"must be whole numbers, and {source} has others too"
            return
    for value in domain.examples:
        yield from dict.fromkeys(_value_problems(space, path, value))


def _takes_whole_numbers(target: Target) -> bool:
    """Whether numbers that it takes are whole; numbers of a chip say so themselves."""
    if target.block == "network":
        return True
    model = field_models().get(target.block)
    return (
        model is not None
        and target.parameter in model.model_fields
        and _has_int(model.model_fields[target.parameter].annotation)
    )


def _has_int(annotation: Any) -> bool:
    return annotation is int or any(_has_int(argument) for argument in get_args(annotation))


def _value_problems(space: WrittenSpace, path: str, value: Value) -> Iterator[str]:
    """Why a parameter cannot have a value, in any of the recipes, chips or schedules that it is meant for."""
    target = space.targets[path]
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
            for name, entry in _meant(space, path).items() or [("", {})]:
                yield from _problems_under(space, path, name, ScheduleEntry, entry, value)
        case "recipe":
            for name, entry in _meant(space, path).items():
                yield from _problems_under(space, path, name, Recipe, merged_recipe(entry, space.data), value)
        case "chip":
            yield from _chip_problems(space, path, value)


def _meant(space: WrittenSpace, path: str) -> dict[str, dict[str, Any]]:
    """The recipes, chips or schedules with which the parameter takes part."""
    block = space.targets[path].block
    names = space.conditions(path).get(block)
    chosen = {name: entry for name, entry in space.names[block].items() if names is None or name in names}
    if block == "chip":
        chosen = {name: {} if entry is None else entry for name, entry in chosen.items()}
    return {name: entry for name, entry in chosen.items() if isinstance(entry, dict)}


def _given(space: WrittenSpace, path: str, name: str) -> Iterator[dict[str, Value]]:
    """Combinations of values that other parameters of the same entry have where this one takes part."""
    target = space.targets[path]
    others: dict[str, tuple[Value, ...]] = {}
    for other, accepted in space.conditions(path).items():
        found = space.targets.get(other)
        if found is not None and found.block == target.block and found.name in (None, name) and found.parameter:
            others[found.parameter] = accepted
    for values in itertools.islice(itertools.product(*others.values()), _MOST_COMBINATIONS):
        yield dict(zip(others, values, strict=True))


def _problems_under(
    space: WrittenSpace, path: str, name: str, model: type[Spec], entry: Mapping[str, Any], value: Value
) -> list[str]:
    """Mistakes that an entry has with this value under all conditions of the parameter; none if one of them suits."""
    parameter, first = space.targets[path].parameter or "", list[str]()
    for given in _given(space, path, name):
        found = list(_field_problems(model, {**entry, **given}, parameter, value))
        if not found:
            return []
        first = first or found
    return first


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


def _chip_problems(space: WrittenSpace, path: str, value: Value) -> Iterator[str]:
    from codesign.hardware.library import find_chip
    from codesign.hardware.parameters import with_parameter

    parameter = space.targets[path].parameter or ""
    for name, entry in _meant(space, path).items():
        if parameter in ChipEntry.model_fields:
            if parameter in ("chip", "schedules", "overrides"):
                yield f"cannot be searched for; choose among names of chips by 'chip: [{name}, …]'"
                return
            yield from _problems_under(space, path, name, ChipEntry, entry, value)
            continue
        try:
            chip = find_chip(entry.get("chip") or name)
        except CodesignError:
            continue  # told of as a mistake of the chip
        try:
            for other, given in next(_given(space, path, name), {}).items():
                chip = chip if other in ChipEntry.model_fields else with_parameter(chip, other, given)
        except CodesignError:
            continue  # told of as a mistake of that parameter
        try:
            with_parameter(chip, parameter, value)
        except CodesignError as error:
            known = [number.name for number in chip.numbers()]
            yield f"{error}{suggestion(parameter, known) if 'has no parameter' in str(error) else ''}"

"""Mistakes in axes and the chips that they vary: values wrong by themselves, or in combination with others of the file.

Works on the file's plain content, as `codesign.exploration.checks`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import product
from typing import Any, get_args

from pydantic import ValidationError

from codesign.documents import Mistake, Path_, Spec, dotted, reason, suggestion, value_at
from codesign.errors import CodesignError, DocumentError
from codesign.exploration.checks import Blocks, Mistakes, axis_parts, is_chip_file, list_at, mapping, relocated
from codesign.exploration.file_spec import FileSpec
from codesign.exploration.nested import unknown_part, with_parts
from codesign.hardware.description import Chip, consistency_mistakes
from codesign.hardware.energy import check_operation
from codesign.hardware.library import PARTS, chip_variant
from codesign.hardware.numbers import Operation
from codesign.hardware.parameters import replaced
from codesign.training.presets import PRESETS

__all__ = ["problems"]

Values = Mapping[str, list[Any]]
"""For each parameter, the values that it may have."""
Axes = Mapping[tuple[str, str], Values]
"""By block and name."""
Wrong = Iterator[tuple[str, int, str]]
"""Values of parameters: which parameter, the position of its value, and a message."""

_MOST_CLASHES = 100


def problems(data: dict[str, Any], blocks: Blocks, models: Mapping[str, type[Spec]]) -> Mistakes:
    """Every mistake in axes and chips, as the path of the culprit and a message.

    Args:
        blocks: by `recipe`, `schedule` and `chip`, what the file has of them by name.
        models: what one of each may say.
    """
    axes: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for path in mapping(data, "axes"):
        block, name, parameter = axis_parts(path)
        if name in blocks.get(block, ()):
            axes.setdefault((block, name), {})[parameter] = list_at(data, "axes", path)
    for at, message in (
        *_paths(data, blocks, models),
        *_fields(blocks, models, axes),
        *_chips(blocks["chip"], models["chip"], axes),
        *_stops(data, blocks, axes),
    ):
        yield at, f"{FileSpec.label(at)}: {message}"


def _paths(data: dict[str, Any], blocks: Blocks, models: Mapping[str, type[Spec]]) -> Mistakes:
    """Axes that refer to nothing."""
    for path in mapping(data, "axes"):
        block, name, parameter = axis_parts(path)
        if block not in blocks or not name or not parameter:
            message = "must be schedule.<name>.<parameter>, chip.<name>.<parameter> or recipe.<name>.<parameter>"
            yield ("axes", path), message
        elif name not in blocks[block]:
            yield ("axes", path), f"unknown {block} '{name}'{suggestion(name, blocks[block])}"
        elif block != "chip" and (problem := unknown_part(models[block], parameter, block)):
            yield ("axes", path), problem


def _fields(blocks: Blocks, models: Mapping[str, type[Spec]], axes: Axes) -> Mistakes:
    """Values that a field of a recipe, a schedule or a chip's entry cannot take."""
    for (block, name), values in axes.items():
        model, entry = models[block], blocks[block][name]
        own = {
            parameter: found
            for parameter, found in values.items()
            if parameter in model.model_fields or (block != "chip" and unknown_part(model, parameter, block) is None)
        }
        for parameter, i, message in _wrong_fields(model, entry, own) if isinstance(entry, dict) and own else ():
            yield ("axes", f"{block}.{name}.{parameter}", i), message


def _wrong_fields(model: type[Spec], entry: dict[str, Any], axes: Values) -> Wrong:
    apart = [
        (parameter, i, message)
        for parameter, values in axes.items()
        for i, value in enumerate(values)
        for at, message in _errors(model, with_parts(entry, {parameter: value}))
        if at[:1] == (parameter.partition(".")[0],)
    ]
    yield from apart
    if all(at for at, _ in _errors(model, entry)):  # otherwise the entry's own check reports it
        yield from _clashes(
            axes, apart, lambda chosen: [(t, t) for at, t in _errors(model, with_parts(entry, chosen)) if not at]
        )


def _errors(model: type[Spec], data: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [(item["loc"], reason(item)) for item in error.errors(include_url=False)]
    return []


def _clashes(
    axes: Values,
    apart: Iterable[tuple[str, int, str]],
    mistakes: Callable[[dict[str, Any]], Iterable[tuple[object, str]]],
) -> Wrong:
    """Values that do not go together, each reported at the last parameter involved.

    A parameter has part in what is wrong with a combination if another value of it, or none, would make that right.

    Args:
        apart: values that are wrong by themselves, and are left out.
        mistakes: which rules some values break, each with a message.
    """
    wrong = {(name, i) for name, i, _ in apart}
    sound = {name: [i for i in range(len(values)) if (name, i) not in wrong] for name, values in axes.items()}
    told: list[tuple[object, dict[str, int]]] = []

    def broken(positions: dict[str, int]) -> dict[object, str]:
        return dict(mistakes({name: axes[name][i] for name, i in positions.items()}))

    def has_part(name: str, rule: object, positions: dict[str, int]) -> bool:
        others = {other: i for other, i in positions.items() if other != name}
        return any(rule not in broken(others | value) for value in ({}, *({name: i} for i in sound[name])))

    for combination in product(*sound.values()):
        positions = dict(zip(axes, combination, strict=True))
        for rule, message in broken(positions).items():
            if any(rule == other and part.items() <= positions.items() for other, part in told):
                continue
            if len(told) == _MOST_CLASHES:
                return
            part = {name: i for name, i in positions.items() if has_part(name, rule, positions)} or positions
            told.append((rule, part))
            shown = ", ".join(f"{name} = {axes[name][i]}" for name, i in part.items())
            yield *list(part.items())[-1], f"{shown}: {message}"


def _chips(entries: Mapping[str, Any], model: type[Spec], axes: Axes) -> Mistakes:
    """Chips that do not exist, and values that their descriptions cannot have."""
    told: set[str] = set()  # of files, which several entries may extend
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        base: Path_ = ("extends",) if entry.get("extends") else ()
        called, where = entry.get("extends") or name, ("chips", name, *base)
        if not isinstance(called, str):
            continue
        parts = {part: value for part, value in entry.items() if part not in model.model_fields}
        for part in parts.keys() - set(PARTS):
            yield ("chips", name, part), _unknown_key(part, model)
        try:
            chip = _found(called, {part: value for part, value in parts.items() if part in PARTS})
        except CodesignError as error:
            if not isinstance(error, DocumentError) or str(error) not in told:
                yield where, str(error)
            told.add(str(error))
            continue
        if isinstance(chip, tuple):
            for location, message in chip:
                yield ("chips", name, *location), message.removeprefix(f"{dotted(location)}: ")
            continue
        values = axes.get(("chip", name), {})
        yield from _operations(name, entry, chip, values.get("operation"))
        numbers = {path: found for path, found in values.items() if path not in model.model_fields}
        for path, i, message in _wrong_numbers(chip, numbers):
            yield ("axes", f"chip.{name}.{path}", i), message


def _wrong_numbers(chip: Chip, values: Values) -> Wrong:
    apart: list[tuple[str, int, str]] = []
    for path, settings in values.items():
        # A parameter of one kind of synchronization is right if it is under one of those that the chip has here.
        kinds = values.get("synchronization", ()) if path.startswith("synchronization.") else ()
        for i, value in enumerate(settings):
            errors = [dict(_mistakes_with(chip, {"synchronization": kind, path: value})) for kind in kinds]
            error = "; ".join(message for place, message in _mistakes_with(chip, {path: value}) if place is None)
            if error and all(None in found for found in errors):
                known = [number.name for number in chip.numbers()]
                apart.append((path, i, f"{error}{suggestion(path, known) if 'has no parameter' in error else ''}"))
    yield from apart
    yield from _clashes(values, apart, lambda chosen: _mistakes_with(chip, chosen))


def _mistakes_with(chip: Chip, chosen: Mapping[str, Any]) -> Iterator[tuple[object, str]]:
    """What is wrong with a chip with these values; beside None, why it cannot have them at all."""
    try:
        yield from consistency_mistakes(replaced(chip, chosen))
    except CodesignError as error:
        yield None, str(error)


def _unknown_key(key: str, model: type[Spec]) -> str:
    """Of an entry, which may have its own fields and most of a chip file's."""
    fields = sorted(model.model_fields)
    near = get_close_matches(key, [*fields, *PARTS], n=1)
    hint = f" did you mean '{near[0]}'?" if near else ""
    return f"unknown key;{hint} allowed: {', '.join(fields)}, and keys of a chip file but for name and measurements"


def _found(chip: str, parts: Mapping[str, Any]) -> Chip | tuple[Mistake, ...]:
    if is_chip_file(chip) and not os.path.lexists(chip):
        folder, file = os.path.split(os.path.abspath(chip))
        raise CodesignError(f"there is no file '{file}' in {folder}")
    return chip_variant(chip, parts)


def _operations(name: str, entry: dict[str, Any], chip: Chip, axis: list[Any] | None) -> Mistakes:
    """Modes of operation for which the chip's energies are not valid."""
    places: dict[Path_, Any] = {("axes", f"chip.{name}.operation", i): value for i, value in enumerate(axis or ())}
    own: Path_ = ("chips", name, "operation") if "operation" in entry else ("chips", name)
    for where, operation in (places or {own: entry.get("operation", "accelerated")}).items():
        if operation in get_args(Operation):
            try:
                check_operation(chip, operation)
            except CodesignError as error:
                yield where, str(error)


def _stops(data: dict[str, Any], blocks: Blocks, axes: Axes) -> Mistakes:
    """Schedules that wait for output spikes from a network that has none."""
    neuron = mapping(mapping(data, "network"), "neuron")
    preset = PRESETS.get(data["preset"]) if isinstance(data.get("preset"), str) else None
    if neuron.get("readout", "spikes" if preset is None else preset.neuron.readout) != "potential":
        return
    message = "'{}' needs output spikes; with readout 'potential' it must be 'drained'"
    early = ("on_output", "margin")
    used = {name for entry in blocks["chip"].values() for name in list_at(entry, "schedules")}
    for name in used:
        stops = axes.get(("schedule", name), {}).get("stop")
        for i, stop in enumerate(stops or ()):
            if stop in early:
                yield ("axes", f"schedule.{name}.stop", i), message.format(stop)
        own = value_at(blocks["schedule"].get(name), ("stop",))
        if stops is None and own in early:
            yield ("schedules", name, "stop"), message.format(own)
    for name, recipe in blocks["recipe"].items():
        where = ("recipes", name, "validation_margin"), ("axes", f"recipe.{name}.validation_margin")
        given = value_at(recipe, ("validation_margin",)), axes.get(("recipe", name), {}).get("validation_margin")
        for at, margin in zip(where, given, strict=True):
            if margin is not None:
                yield relocated(at, data), "needs output spikes; readout 'potential' has none"
        calibration = value_at(recipe, ("calibration",))
        if isinstance(calibration, dict) and calibration.get("stop", "on_output") == "on_output":
            yield relocated(("recipes", name, "calibration", "stop"), data), message.format("on_output")

"""The axes of a sweep: each network, workload, recipe, chip and schedule for every combination of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeVar

from codesign.analysis.results.columns import is_of_design
from codesign.documents import Mistake, value_at
from codesign.errors import InputError
from codesign.exploration.definition.entries import ChipEntry, ScheduleEntry
from codesign.exploration.definition.nested import with_fields
from codesign.exploration.definition.network import AxisValue, column_values, unit_of_values
from codesign.exploration.definition.spec import SweepSpec
from codesign.files.once import once
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.extending import VALUES
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.library import chip_variant
from codesign.training.recipe import Recipe

T = TypeVar("T")
Settings = Mapping[str, AxisValue]
MOST_POINTS = 100_000
"""Most design points of a sweep. Planning this many takes minutes and a gigabyte; a file with more has an axis too
many."""


@dataclass(frozen=True, kw_only=True)
class Variant(Generic[T]):
    """One variant of a named entry of the sweep, with the path and value of each of its axes: a number, in SI units, if
    all values of the axis are numbers or all quantities; otherwise text."""

    name: str
    value: T
    axes: tuple[tuple[str, str | float], ...]


@dataclass(frozen=True, kw_only=True)
class ChipVariant:
    """A chip's entry, and its description with axes applied."""

    entry: ChipEntry
    chip: Chip


def design_points(spec: SweepSpec) -> int:
    """Number of design points of a sweep, including infeasible ones."""

    def variants(prefix: str) -> int:
        return math.prod(len(values) for path, values in spec.axes.items() if path.startswith(prefix))

    networks = math.prod(len(values) for path, values in spec.axes.items() if is_of_design(path))
    models = sum(variants(f"recipe.{name}.") * len(training_seeds(spec, one)) for name, one in spec.recipes.items())
    on_chips = sum(
        variants(f"chip.{name}.") * sum(variants(f"schedule.{schedule}.") for schedule in entry.schedules)
        for name, entry in spec.chips.items()
    )
    return networks * models * on_chips * len(spec.seeds.evaluation)


def training_seeds(spec: SweepSpec, recipe: Recipe) -> tuple[int, ...]:
    """The seeds with which a recipe is trained; a model that is used as it is has one row, of seed 0."""
    return spec.seeds.training if recipe.model is None else (0,)


def designs(spec: SweepSpec) -> list[Variant[SweepSpec]]:
    """The sweeps of each network and workload, in the order of the file and without the axes that choose them."""
    return _variants(spec, spec.name, "", spec.of_design)


def recipe_variants(spec: SweepSpec, name: str) -> list[Variant[Recipe]]:
    """The variants of a recipe along its axes."""
    return _variants(spec, name, f"recipe.{name}.", lambda settings: with_fields(spec.recipes[name], settings))


def schedule_variants(spec: SweepSpec, name: str) -> list[Variant[ScheduleEntry]]:
    """The variants of a schedule along its axes."""
    return _variants(spec, name, f"schedule.{name}.", lambda settings: with_fields(spec.all_schedules[name], settings))


def chip_variants(spec: SweepSpec, name: str) -> list[Variant[ChipVariant]]:
    """The variants of a chip along its axes."""
    entry, own = spec.chips[name], _described(spec, name)
    chip = _with_entry(own, entry)

    def changed(settings: Settings) -> ChipVariant:
        of_entry = {field: value for field, value in settings.items() if field in ChipEntry.model_fields}
        numbers = {path: value for path, value in settings.items() if path not in of_entry}
        varied = with_fields(entry, of_entry)
        width = _weight_width(varied, chip, own)
        return ChipVariant(entry=varied, chip=with_parameters(chip, {**width, **numbers}))

    return _variants(spec, name, f"chip.{name}.", changed)


def base_chip(spec: SweepSpec, name: str) -> Chip:
    """A chip of the sweep with its entry applied, without axes."""
    return _with_entry(_described(spec, name), spec.chips[name])


def _described(spec: SweepSpec, name: str) -> Chip:
    """A chip of the sweep with the parts of the description in its entry."""
    entry = spec.chips[name]
    of, parts = entry.extends or name, entry.parts
    chip = once("chip", f"{of} {parts}", lambda: chip_variant(of, parts))
    if isinstance(chip, tuple):
        raise InputError("; ".join(f"chips.{name}: {message}" for _, message in chip))
    return chip


def _with_entry(own: Chip, entry: ChipEntry) -> Chip:
    """Apply an entry's weight width and numbers. The width written in the file is set together with the numbers written
    there; values of a trial are set afterwards, like those of axes."""
    settled = {path for path in own.numbers() if _is_given(value_at(entry.parts, tuple(path.split("."))))}
    built = with_parameters(own, _weight_width(entry.written, own, own), settled)
    return with_parameters(built, {**_weight_width(entry, built, own), **entry.numbers})


def _is_given(number: Any) -> bool:
    """Whether an entry gives a number a value."""
    return number is not None and not (isinstance(number, dict) and number.keys().isdisjoint(VALUES))


def _weight_width(entry: ChipEntry, chip: Chip, own: Chip) -> dict[str, object]:
    """The weight width to set in `chip`: the entry's, otherwise that of the chip's `own` description. Empty if `chip`
    has it already or states no structure, because only memories are built for the weights that they hold."""
    bits: object = entry.weight_bits
    if not isinstance(bits, int):
        bits = own.weight_bits and own.weight_bits.value
    same = chip.weight_bits is not None and chip.weight_bits.value == bits
    return {} if chip.structure is None or bits is None or same else {"weight_bits": bits}


def axis_units(spec: SweepSpec) -> dict[str, str]:
    """The SI unit of each axis' column, by path; "" for none."""
    return {path: unit_of_values(values) for path, values in spec.axes.items()}


def _variants(spec: SweepSpec, name: str, prefix: str, changed: Callable[[Settings], T]) -> list[Variant[T]]:
    """The variants for all combinations of the axes whose paths begin with a prefix, or of those on network and
    workload if it is "". Values of a combination are set together. Raises InputError with each mistake once, at the
    axis that it names, otherwise at the last one."""
    paths = [path for path in spec.axes if (path.startswith(prefix) if prefix else is_of_design(path))]
    axes = {path.removeprefix(prefix): spec.axes[path] for path in paths}
    variants, mistakes = [], dict[str, Mistake]()
    settings = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    in_columns = product(*map(column_values, axes.values()))
    for chosen, held in zip(settings, in_columns, strict=True):
        try:
            variants.append(Variant(name=name, value=changed(chosen), axes=tuple(zip(paths, held, strict=True))))
        except InputError as error:
            if not chosen:
                raise
            text, told = str(error), ", ".join(f"{path} = {value}" for path, value in chosen.items())
            named = next((path for path in chosen if text.startswith(f"{path}: ")), [*chosen][-1])
            mistakes.setdefault(text, (("axes", f"{prefix}{named}"), f"{told}: {text.removeprefix(f'{named}: ')}"))
    if mistakes:
        raise spec.refusal(mistakes.values())
    return variants

"""Content of a price file: the executions of a sweep to price, the chip, and its prices to vary."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from codesign.analysis.results.columns import is_of_design
from codesign.documents import FileSpec, Path_, read_document, validate_document, value_at
from codesign.errors import CodesignError, InputError
from codesign.exploration.definition.checks import Mistakes, list_at, mapping, repeated_objectives
from codesign.exploration.definition.entries import Aim, Name, Seed
from codesign.exploration.definition.library import find_sweep, load_sweep
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.pricing.space import AxisEntry, axis_of
from codesign.hardware.chip.description import Chip
from codesign.hardware.terms import StaticBook
from codesign.merging import beside
from codesign.mistakes import dotted, suggestion
from codesign.units import Positive

ENERGIES: dict[str, StaticBook] = {"energy_j": "board", "energy_cores_in_use_j": "cores_in_use"}
"""Columns that are sums of terms, and the book of the static power that each counts."""
COSTS = ("accuracy", *ENERGIES, "latency_s", "energy_delay_js", "area_m2")
"""Objectives besides the axes."""


class PriceObjective(Aim):
    """A cost or the path of an axis, to maximize or minimize.

    Costs are `accuracy`, `energy_j` of everything that is powered, `energy_cores_in_use_j`, `latency_s`,
    `energy_delay_js` and `area_m2`. `direction` may be left out: accuracy is maximized, everything else minimized.
    """


class PricingSpec(FileSpec):
    """A price file.

    Attributes:
        name: name of the output folder.
        title, description: texts for the page.
        sweep: name of the sweep whose models are priced, or its path relative to the price file.
        dataset, scale: one of the sweep file's, if it has several; by default, the first of each.
        recipes, training_seeds: those of the sweep to price; by default, all. Each recipe and seed is one model.
        evaluation_seed: one of the sweep's; by default, its first.
        chip, schedule: an entry of the sweep's chips, and a schedule that it names; by default, the chip's own.
        axes: values of a price by its path in the chip's file; every combination of values is a design point.
        linked: under a name, several prices whose values move together, such as those of an operating point.
        objectives: objectives of the Pareto front; by default, accuracy, energy and latency.
        most_points: a file with more combinations is refused.
    """

    name: Name
    title: str = ""
    description: str = ""
    sweep: str
    dataset: str | None = None
    scale: str | None = None
    recipes: tuple[str, ...] = ()
    training_seeds: tuple[Seed, ...] = ()
    evaluation_seed: Seed | None = None
    chip: str
    schedule: str = "chip"
    axes: dict[str, AxisEntry] = Field(default_factory=dict)
    linked: dict[Name, Annotated[dict[str, AxisEntry], Field(min_length=1)]] = Field(default_factory=dict)
    objectives: Annotated[tuple[PriceObjective, ...], Field(min_length=1)] = (
        PriceObjective(column="accuracy", direction="maximize"),
        PriceObjective(column="energy_j", direction="minimize"),
        PriceObjective(column="latency_s", direction="minimize"),
    )
    most_points: Positive = 20_000_000

    @model_validator(mode="after")
    def _check(self) -> PricingSpec:
        if not self.axes and not self.linked:
            raise ValueError("give 'axes' or 'linked': without them there is nothing to vary")
        return self

    @property
    def objective_columns(self) -> list[str]:
        """Columns of the objectives."""
        return [objective.column for objective in self.objectives]

    @property
    def kept_columns(self) -> tuple[str, ...]:
        """Columns of every point for each model: energy, latency, and other costs that are objectives."""
        kept = {"energy_j", "latency_s", *self.objective_columns} - {"accuracy"}
        return tuple(name for name in COSTS if name in kept)

    @property
    def drawn_energy(self) -> str:
        """The energy in the page's chart and in energy-delay products: an objective if possible."""
        return next((name for name in ENERGIES if name in self.objective_columns), "energy_j")

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[tuple[Path_, str]]:
        return _problems(data) if isinstance(data, dict) else ()


def load_prices(name_or_path: str | Path) -> PricingSpec:
    """Find and load a price file; if its sweep is a path, it is relative to the file."""
    path = find_sweep(name_or_path, "price")
    document = read_document(path)
    name = value_at(document.data, ("sweep",))
    if isinstance(name, str) and os.path.isfile(near := beside(path, name)):
        document.data["sweep"] = str(near)
    return validate_document(document, PricingSpec)


def narrowed_sweep(spec: PricingSpec) -> SweepSpec:
    """The part of the sweep that a price file names, as a sweep of its own: the same jobs, under the same keys."""
    sweep = load_sweep(spec.sweep, dataset=spec.dataset, scale=spec.scale)
    recipes = {name: sweep.recipes[name] for name in spec.recipes or sweep.recipes}
    training = spec.training_seeds or sweep.seeds.training
    evaluation = sweep.seeds.evaluation[:1] if spec.evaluation_seed is None else (spec.evaluation_seed,)
    seeds = sweep.seeds.model_copy(update={"training": training, "evaluation": evaluation})
    return sweep.part(recipes, spec.chip, spec.schedule).model_copy(update={"seeds": seeds})


def _problems(data: dict[Any, Any]) -> Mistakes:
    """Yield names that the sweep does not have, and axes that the chip cannot have, each at its place in the file."""
    yield from _objective_problems(data)
    name, entry, schedule = (data.get(key) for key in ("sweep", "chip", "schedule"))
    dataset, scale = (value if isinstance(value := data.get(key), str) else None for key in ("dataset", "scale"))
    if not isinstance(name, str):
        return
    try:
        sweep = load_sweep(name, dataset=dataset, scale=scale)
    except CodesignError as error:
        yield ("sweep",), str(error)
        return
    of_sweep = sweep.chips.get(entry) if isinstance(entry, str) else None
    known: dict[str, Collection[Any]] = {
        "recipes": sweep.recipes,
        "training_seeds": sweep.seeds.training,
        "evaluation_seed": sweep.seeds.evaluation,
        "chip": sweep.chips,
        "schedule": (schedule,) if of_sweep is None else of_sweep.schedules,
    }
    for key, allowed in known.items():
        listed = isinstance(data.get(key), list)
        for i, value in enumerate(data[key] if listed else [data.get(key)]):
            if isinstance(value, str | int) and value not in allowed:
                place: Path_ = (key, i) if listed else (key,)
                names = suggestion(str(value), map(str, allowed))
                yield place, f"the sweep '{sweep.name}' has no {value!r}{names}"
    if of_sweep is None or not isinstance(entry, str):
        return
    recipes = list_at(data, "recipes") or list(sweep.recipes)
    taken: dict[str, list[Any]] = {"chip": [entry], "schedule": [schedule], "recipe": recipes}
    for path in sweep.axes:
        if is_of_design(path):
            yield ("sweep",), f"'{sweep.name}' has an axis {path}, but prices are for one network on one workload"
            continue
        block, of, parameter = path.split(".", 2)
        if of in taken[block]:
            several = f"'{sweep.name}' has an axis {path}, so '{of}' has several values of {parameter}"
            yield ("sweep",), f"{several}; give the one to price its own name in the sweep"
    try:
        chip = base_chip(sweep, entry)
    except CodesignError as error:
        yield ("chip",), str(error)
        return
    yield from _axis_problems(data, chip)


def _groups(data: dict[Any, Any]) -> dict[Path_, dict[str, Any]]:
    """Axes, alone and linked, by their place in the file."""
    linked = mapping(data, "linked")
    return {("axes",): mapping(data, "axes"), **{("linked", name): mapping(linked, name) for name in linked}}


def _objective_problems(data: dict[Any, Any]) -> Mistakes:
    yield from repeated_objectives(data)
    allowed = (*COSTS, *(path for members in _groups(data).values() for path in members))
    for i, _ in enumerate(list_at(data, "objectives")):
        at: Path_ = ("objectives", i, "column")
        column = value_at(data, at)
        if isinstance(column, str) and column not in allowed:
            yield at, f"must be a cost or an axis, found '{column}'{suggestion(column, allowed)}"


def _axis_problems(data: dict[Any, Any], chip: Chip) -> Mistakes:
    seen: dict[str, Path_] = {}
    for group, members in _groups(data).items():
        axes = []
        for path, entry in members.items():
            place = (*group, path)
            if path in seen:
                yield place, f"is also varied by {dotted(seen[path])}; keep one"
            seen.setdefault(path, place)
            try:
                axes.append(axis_of(chip, path, _ENTRY.validate_python(entry)))
            except ValidationError:
                continue  # its form is invalid, and reported elsewhere
            except InputError as error:
                yield place, str(error)
            else:
                if group[0] == "axes" and len(set(axes[-1].shown)) < len(axes[-1].shown):
                    yield place, f"values must differ, found {', '.join(map(str, axes[-1].values))}"
        counts = [len(axis.values) for axis in axes]
        if group[0] == "linked" and len(set(counts)) > 1:
            listed = ", ".join(map(str, counts))
            yield group, f"prices that move together need equally many values, found {listed}"


_ENTRY: TypeAdapter[Any] = TypeAdapter(AxisEntry)

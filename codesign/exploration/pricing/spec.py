"""What a price file says: which executions of a sweep are priced, on which chip, and over which prices of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from codesign.documents import Path_, Spec, suggestion
from codesign.errors import CodesignError, InputError
from codesign.exploration.checks import name_problems
from codesign.exploration.library import load_sweep
from codesign.exploration.pricing.axes import AxisEntry, AxisRange, axis_settings, check_path
from codesign.exploration.spec import Name, Positive, Seed, SweepSpec
from codesign.exploration.variants import base_chip
from codesign.hardware.description import Chip

__all__ = ["PriceObjective", "PricingSpec", "narrowed_sweep"]

COSTS = ("accuracy", "energy_j", "latency_s")
"""Objectives beside the axes."""


class PriceObjective(Spec):
    """`accuracy`, `energy_j`, `latency_s`, or the path of an axis: what should be large or small at no loss elsewhere.

    `direction` is left out: accuracy is to be large and everything else small.
    """

    column: str
    direction: Literal["maximize", "minimize"] | None = None

    @property
    def towards(self) -> Literal["maximize", "minimize"]:
        """The direction, stated or not."""
        return self.direction or ("maximize" if self.column == "accuracy" else "minimize")


class PricingSpec(Spec):
    """A price file.

    Attributes:
        name: of the file's folder of outputs; `title` and `description` are for its page.
        sweep: name or path of the sweep whose models are priced.
        dataset, scale: of the sweep's file, where it has several; left out, the first of each.
        recipes, training_seeds: of the sweep; left out, all of them. Each recipe and seed is one model.
        evaluation_seed: of the sweep; left out, its first.
        chip, schedule: an entry of the sweep's chips, and a schedule that it names.
        axes: values of a price by its path in the chip's file; every combination of values is a design point.
        linked: by a name, several prices whose values move together, such as those of an operating point.
        objectives: what the Pareto front is about.
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
    schedule: str
    axes: dict[str, AxisEntry] = Field(default_factory=dict)
    linked: dict[Name, Annotated[dict[str, AxisEntry], Field(min_length=1)]] = Field(default_factory=dict)
    objectives: Annotated[tuple[PriceObjective, ...], Field(min_length=1)] = (
        PriceObjective(column="accuracy"),
        PriceObjective(column="energy_j"),
        PriceObjective(column="latency_s"),
    )
    most_points: Positive = 20_000_000

    @model_validator(mode="after")
    def _check(self) -> PricingSpec:
        if not self.axes and not self.linked:
            raise ValueError("give 'axes' or 'linked': without them there is nothing to vary")
        for name in ("recipes", "training_seeds"):
            given = getattr(self, name)
            if len(set(given)) < len(given):
                raise ValueError(f"{name} must differ, found {', '.join(map(str, given))}")
        columns = [objective.column for objective in self.objectives]
        if len(set(columns)) < len(columns):
            raise ValueError(f"objectives must be about different columns, found {', '.join(columns)}")
        return self

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[tuple[Path_, str]]:
        return _problems(data) if isinstance(data, dict) else ()


def narrowed_sweep(spec: PricingSpec) -> SweepSpec:
    """The part of the sweep that a price file names, as a sweep of its own: the same jobs, under the same keys."""
    sweep = load_sweep(spec.sweep, dataset=spec.dataset, scale=spec.scale)
    recipes = {name: sweep.recipes[name] for name in spec.recipes or sweep.recipes}
    entry = sweep.chips[spec.chip].model_copy(update={"schedules": (spec.schedule,)})
    seeds = sweep.seeds.model_copy(
        update={
            "training": spec.training_seeds or sweep.seeds.training,
            "evaluation": sweep.seeds.evaluation[:1] if spec.evaluation_seed is None else (spec.evaluation_seed,),
        }
    )
    return sweep.model_copy(update={"recipes": recipes, "chips": {spec.chip: entry}, "seeds": seeds, "axes": {}})


# what leads nowhere --------------------------------------------------------------------------------------------------


def _problems(data: dict[Any, Any]) -> Iterator[tuple[Path_, str]]:
    """Names that are not the sweep's, and axes that the chip cannot have, each at its place in the file."""
    yield from name_problems(data)
    name = data.get("sweep")
    if not isinstance(name, str):
        return
    dataset, scale = (value if isinstance(value := data.get(key), str) else None for key in ("dataset", "scale"))
    try:
        sweep = load_sweep(name, dataset=dataset, scale=scale)
    except CodesignError as error:
        yield ("sweep",), f"sweep: {error}"
        return
    for block, known in (("recipes", sweep.recipes), ("training_seeds", sweep.seeds.training)):
        given = data.get(block)
        for i, name_given in enumerate(given if isinstance(given, list) else []):
            if isinstance(name_given, str | int) and name_given not in known:
                names = suggestion(str(name_given), map(str, known))
                yield (block, i), f"{block}.{i}: the sweep '{sweep.name}' has no {name_given!r}{names}"
    seed = data.get("evaluation_seed")
    if isinstance(seed, int) and seed not in sweep.seeds.evaluation:
        allowed = ", ".join(map(str, sweep.seeds.evaluation))
        yield ("evaluation_seed",), f"evaluation_seed: the sweep '{sweep.name}' has no {seed}; allowed: {allowed}"
    entry = data.get("chip")
    if not isinstance(entry, str):
        return
    if entry not in sweep.chips:
        yield ("chip",), f"chip: the sweep '{sweep.name}' has no chip '{entry}'{suggestion(entry, sweep.chips)}"
        return
    yield from _schedule_problems(data, sweep, entry)
    try:
        chip = base_chip(sweep, entry)
    except CodesignError as error:
        yield ("chip",), f"chip: {error}"
        return
    yield from _axis_problems(data, chip)


def _schedule_problems(data: dict[Any, Any], sweep: SweepSpec, entry: str) -> Iterator[tuple[Path_, str]]:
    schedule = data.get("schedule")
    names = sweep.chips[entry].schedules
    if isinstance(schedule, str) and schedule not in names:
        yield ("schedule",), f"schedule: chip '{entry}' of the sweep has no '{schedule}'{suggestion(schedule, names)}"
    recipes = data.get("recipes")
    chosen = (
        [recipe for recipe in recipes if isinstance(recipe, str)] if isinstance(recipes, list) else list(sweep.recipes)
    )
    for path in sweep.axes:
        block, name, parameter = path.split(".", 2)
        taken: dict[str, list[Any]] = {"chip": [entry], "schedule": [schedule], "recipe": chosen}
        if name in taken.get(block, []):
            yield (
                ("sweep",),
                f"sweep: '{sweep.name}' has an axis {path}, so '{name}' has several values of {parameter}; "
                f"give the one to be priced a name of its own in the sweep",
            )


def _axis_problems(data: dict[Any, Any], chip: Chip) -> Iterator[tuple[Path_, str]]:
    axes, linked = data.get("axes"), data.get("linked")
    places: list[tuple[Path_, str, Any]] = []
    groups: dict[Path_, list[int]] = {}
    if isinstance(axes, dict):
        places += [(("axes", path), path, entry) for path, entry in axes.items()]
    for group, members in linked.items() if isinstance(linked, dict) else ():
        if isinstance(members, dict):
            places += [(("linked", group, path), path, entry) for path, entry in members.items()]
            groups["linked", group] = []
    known = [number.name for number in chip.numbers()]
    seen: dict[str, Path_] = {}
    for place, path, entry in places:
        if path in seen:
            yield place, f"{_dotted(place)}: is also varied by {_dotted(seen[path])}; keep one"
        seen.setdefault(path, place)
        try:
            check_path(chip, path)
            settings = axis_settings(chip, path, _entry(entry))
        except InputError as error:
            hint = suggestion(path, known) if "has no parameter" in str(error) else ""
            yield place, f"{_dotted(place)}: {error}{hint}"
        except ValueError:
            continue  # its form is wrong, which is reported as such
        else:
            if place[:-1] in groups:
                groups[place[:-1]].append(len(settings))
    for place, counts in groups.items():
        if len(set(counts)) > 1:
            listed = ", ".join(map(str, counts))
            yield place, f"{_dotted(place)}: prices that move together need equally many values, found {listed}"
    objectives = data.get("objectives")
    allowed = (*COSTS, *seen)
    for i, objective in enumerate(objectives if isinstance(objectives, list) else []):
        column = objective.get("column") if isinstance(objective, dict) else None
        if isinstance(column, str) and column not in allowed:
            place = ("objectives", i, "column")
            yield place, f"{_dotted(place)}: must be a cost or an axis, found '{column}'{suggestion(column, allowed)}"


def _entry(entry: Any) -> Any:
    if isinstance(entry, dict):
        return AxisRange.model_validate(entry)
    return tuple(entry) if isinstance(entry, list | tuple) else (entry,)


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path)

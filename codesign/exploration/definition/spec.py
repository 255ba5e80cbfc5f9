"""Content of a sweep file: workload, network, recipes, chips, schedules, seeds, axes and objectives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from codesign.analysis.figures import FigureEntry
from codesign.analysis.questions import AskedQuestion
from codesign.analysis.results.limits import MOST_AXES
from codesign.documents import FileSpec, Path_
from codesign.errors import InputError
from codesign.exploration.definition import axis_checks, checks, question_checks
from codesign.exploration.definition.entries import (
    BUILT_IN_SCHEDULES,
    ChipEntry,
    EvaluationEntry,
    Name,
    ObjectiveEntry,
    ScheduleEntry,
    Seeds,
    distinct,
)
from codesign.exploration.definition.network import (
    AxisValue,
    NetworkEntry,
    column_values,
    complete_neuron,
    set_by,
    with_network,
    with_workload,
)
from codesign.exploration.resources import ResourcesEntry
from codesign.hardware.terms import StaticBook
from codesign.network.layers import Linear
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import LayerError, TopologySpec, network_shape, parse_topology
from codesign.training.presets import PRESETS
from codesign.training.recipe import Recipe
from codesign.workload.spec import WorkloadSpec

AxisValues = Annotated[tuple[AxisValue, ...], Field(min_length=1), distinct("values", column_values)]


class SweepSpec(FileSpec):
    """A declared design space.

    Attributes:
        name: name of the sweep and of its folder of reports.
        title, question, description: texts for the report; without a title it shows the name.
        workload: the data.
        network: layers and neurons.
        chips: the chips that models run on, by name; an entry may be empty, as in `loihi: {}`.
        schedules: how models run, by name; every sweep also has `chip`, the chip's own, `layered` and `paper_table5`.
        seeds: seeds of trainings and evaluations.
        evaluation: the samples to evaluate.
        objectives: columns whose Pareto front the report draws; by default, accuracy, energy and latency.
        questions: questions asked of the results, by name; by default, those that the sweep's shape suggests.
        figures: figures that the report draws in addition to its own.
        preset: column of the paper's Table 6 that fills in neuron and recipe parameters.
        recipe_defaults: recipe parameters common to all recipes; they override a preset's and are overridden by a
            recipe's own. Layered recipes ignore those of unlayered training, and recipes without momentum ignore
            momentum noise.
        recipes: ways to train, by name; a recipe's `chip` is one of `chips`.
        resources: cores, memory and time that jobs take.
        axes: values of a parameter by path: `schedule.<name>.<parameter>`, `chip.<name>.<parameter>` (of the entry or,
            by dotted path, of the chip's description), `recipe.<name>.<parameter>`, `network.<parameter>`,
            `neuron.<parameter>` or `workload.<parameter>`; crossed into design points.
        static_book: which static power compared energies count: everything powered on the `board`, or the share of the
            `cores_in_use`.
    """

    name: Name
    title: str = ""
    question: str = ""
    description: str = ""
    workload: WorkloadSpec
    network: NetworkEntry = NetworkEntry()
    preset: str | None = None
    recipe_defaults: dict[str, Any] = Field(default_factory=dict)
    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    chips: Annotated[dict[Name, ChipEntry], Field(min_length=1)]
    schedules: dict[Name, ScheduleEntry] = Field(default_factory=dict)
    seeds: Seeds = Seeds()
    evaluation: EvaluationEntry = EvaluationEntry()
    resources: ResourcesEntry = ResourcesEntry()
    axes: Annotated[dict[str, AxisValues], Field(max_length=MOST_AXES)] = Field(default_factory=dict)
    objectives: Annotated[tuple[ObjectiveEntry, ...], Field(min_length=1)] = (
        ObjectiveEntry(column="accuracy", direction="maximize"),
        ObjectiveEntry(column="energy_j", direction="minimize"),
        ObjectiveEntry(column="latency_s", direction="minimize"),
    )
    static_book: StaticBook = "board"
    questions: dict[Name, AskedQuestion] = Field(default_factory=dict)
    figures: tuple[FigureEntry, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _merge_recipes(cls, data: Any) -> Any:
        """Complete each recipe from `recipe_defaults` and presets."""
        if not isinstance(data, dict) or not isinstance(data.get("recipes"), dict):
            return data
        return {**data, "recipes": checks.merged_recipes(data)}

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[tuple[Path_, str]]:
        if not isinstance(data, dict):
            return
        blocks = checks.blocks_of(data)
        yield from checks.problems(data, blocks)
        hidden = [name for name in checks.mapping(data, "schedules") if name in BUILT_IN_SCHEDULES]
        yield from ((("schedules", name), "every sweep has a schedule of that name; rename yours") for name in hidden)
        yield from axis_checks.problems(data, blocks)
        yield from question_checks.problems(data, blocks)

    @classmethod
    def relocate(cls, location: Path_, data: Any) -> Path_:
        return checks.relocated(location, data)

    _set_by_axes: dict[Path_, Path_] = PrivateAttr(default_factory=dict)

    def of_design(self, settings: Mapping[str, AxisValue]) -> SweepSpec:
        """The sweep with settings, by path, applied to its network and workload, and without the axes of these paths.
        Raises InputError if the values are invalid together."""
        spec = self.model_copy(
            update={
                "axes": {path: values for path, values in self.axes.items() if path not in settings},
                "network": with_network(self.network, self.preset, settings),
                "workload": with_workload(self.workload, settings),
            }
        )
        spec._set_by_axes = {set_by(path): ("axes", path) for path in settings if path in self.axes}
        return spec

    def refusal(self, mistakes: Iterable[tuple[Path_, str]]) -> InputError:
        """An error with mistakes, each at the line of its path in the file, or of the axis that set the value."""
        return super().refusal((self._written_at(path), message) for path, message in mistakes)

    def _written_at(self, path: Path_) -> Path_:
        block, *named = path
        axis = ".".join(map(str, (str(block).removesuffix("s"), *named[:2])))
        if axis in self.axes:
            return "axes", axis
        for inner, place in self._set_by_axes.items():
            common = min(len(path), len(inner))
            if common > 1 and path[:common] == inner[:common]:
                return place
        return path

    def part(self, recipes: dict[str, Recipe], chip: str, schedule: str) -> SweepSpec:
        """The sweep reduced to recipes on one chip under one schedule, without axes. Other chips for which they are
        trained stay, but nothing runs on them."""
        named = {name for recipe in recipes.values() for name in (recipe.chip, recipe.budget and recipe.budget.chip)}
        schedules = {name: () for name in self.chips if name in named} | {chip: (schedule,)}
        chips = {name: self.chips[name].model_copy(update={"schedules": of}) for name, of in schedules.items()}
        return self.model_copy(update={"recipes": recipes, "chips": chips, "axes": {}})

    @property
    def all_schedules(self) -> Mapping[str, ScheduleEntry]:
        """The schedules of the sweep and the built-in ones, which axes may vary too."""
        return {**BUILT_IN_SCHEDULES, **self.schedules}

    @property
    def neuron(self) -> NeuronSpec:
        """The neuron, completed from the preset."""
        return complete_neuron(self.network, self.preset)

    def topology(self, *, input_grid: tuple[int, int, int], classes: int) -> TopologySpec:
        """The network's layers for a workload with a (channels, height, width) grid of inputs."""
        network, workload = self.network, f"workload '{self.workload.name}'"
        preset = None if self.preset is None else PRESETS[self.preset]
        layers = network.layers or (None if network.hidden or preset is None else preset.layers)
        size = math.prod(input_grid)
        if network.topology is not None:
            at: Path_ = ("network", "topology")
            topology = parse_topology(network.topology)
            if topology.input != size:
                grid = "×".join(map(str, input_grid))
                inputs = f"'{network.topology}' has {topology.input} inputs, the {workload} has {size} ({grid})"
                raise self.refusal([(at, inputs)])
        elif layers is not None:
            at = ("network", "layers") if network.layers else ("preset",)
            given: dict[str, Any] = {"layers": layers, "delayed": network.delayed, "skips": network.skips}
            topology = TopologySpec.model_construct(input=input_grid, **given)
            try:
                network_shape(topology)
            except LayerError as error:
                raise self.refusal([((*at, error.layer), error.rule)]) from None
            except ValueError as error:
                raise self.refusal([(("network", str(error).split(".")[0]), str(error))]) from None
        else:
            at = ("network", "hidden")
            hidden = network.hidden or (None if preset is None else preset.hidden)
            if hidden is None:
                raise self.refusal([(("network",), "give one of topology, hidden and layers, or a preset")])
            topology = parse_topology(f"{size}-{hidden}-{classes}")
        last = topology.layers[-1]
        outputs = last.neurons if isinstance(last, Linear) else last.kind
        if outputs != classes:
            rule = f"the last layer must be linear with the {classes} classes of {workload} as neurons"
            raise self.refusal([(at, f"{rule}, found {outputs}")])
        return topology

"""What a sweep file says: workload, network, recipes, chips, schedules, seeds, axes and objectives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from codesign.analysis.answers.illustrations import FigureEntry
from codesign.analysis.comparisons.constraints import more_is_better
from codesign.analysis.questions import AskedQuestion
from codesign.analysis.results.formatting import is_share
from codesign.documents import FileSpec, Path_, Spec
from codesign.errors import InputError
from codesign.exploration.definition import axis_checks, checks, design_checks, question_checks
from codesign.exploration.definition.network import (
    AxisValue,
    NetworkEntry,
    column_value,
    complete_neuron,
    set_by,
    with_network,
    with_workload,
)
from codesign.exploration.resources import ResourcesEntry
from codesign.hardware.placement.placement import CutChoice, Strategy
from codesign.hardware.terms import StaticBook
from codesign.mistakes import of_form
from codesign.network.layers import Linear
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import LayerError, TopologySpec, network_shape, parse_topology
from codesign.simulation.recording import CONVERGENCE_STEPS
from codesign.simulation.schedule import MarginCheck
from codesign.training.mixture import PolicyName
from codesign.training.presets import PRESETS
from codesign.training.recipe import Recipe
from codesign.units import Positive, Real, fraction
from codesign.workload.spec import WorkloadSpec

Name = Annotated[
    str,
    Field(max_length=80),
    of_form("[A-Za-z_][A-Za-z0-9_-]*", "letters, digits, '_' and '-', beginning with a letter or '_'"),
]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
T = TypeVar("T", bound=Sequence[Any])


def different(what: str, values: T, *, held: Sequence[object] | None = None) -> T:
    """The values. Raises ValueError where two are the same, or are `held` as the same; `what` names them."""
    if len(set(map(str, held or values))) < len(values):
        raise ValueError(f"{what} must differ, found {', '.join(map(str, values))}")
    return values


class ScheduleEntry(Spec):
    """A named schedule. Defaults are those of the paper's Table 1 or, for `chip` thresholds, the chip's.

    Attributes:
        policy: scheduling policy.
        group_size: F; `all` for all waiting neurons; `layer` for as many as the widest layer has (the paper's Table 5).
        stop: `drained`, `on_output` or `margin`, which ends samples; see `Schedule`.
        steps_after_output: with `on_output`, forward steps run after the one with the first output spike, at most 32.
        margin: with `margin`, output spikes by which the leading neuron must be ahead of the next.
        margin_check: with `margin`, whether it is checked after each `timestep` or each forward `step`.
        input_mode, prioritize_input: see `Schedule`.
        synchronization_threshold: messages that a neuron waits for: a number, `layer` for its fan-in, or `chip` for
            what the chip's kind of synchronization demands.
        barrier_messages: whether they are sent; left out, they are sent if neurons wait.
        refractory: False lets a neuron fire again in a forward pass; see `Schedule`.
        input_dropout: share of the input events that are lost at random before they reach the chip.
        timesteps: run only this many of each sample, from the first, at most the workload's; left out, all.
    """

    policy: PolicyName = "random"
    group_size: Positive | Literal["all", "layer"] | None = None
    stop: Literal["drained", "on_output", "margin"] | None = None
    steps_after_output: Annotated[int, Field(ge=0, lt=CONVERGENCE_STEPS, strict=True)] = 1
    margin: Positive = 3
    margin_check: MarginCheck = "timestep"
    input_mode: Literal["frame", "queued"] = "frame"
    prioritize_input: bool = False
    synchronization_threshold: Annotated[int, Field(ge=0, lt=2**31, strict=True)] | Literal["layer", "chip"] = 1
    barrier_messages: bool | None = None
    refractory: bool = True
    input_dropout: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    timesteps: Positive | None = None

    @model_validator(mode="after")
    def _check(self) -> ScheduleEntry:
        if self.prioritize_input and self.input_mode == "frame":
            raise ValueError("prioritize_input needs input_mode 'queued'; in mode 'frame' no input waits")
        if self.synchronization_threshold == "chip" and self.barrier_messages is not None:
            raise ValueError("with synchronization_threshold 'chip', barrier_messages follow from it; remove them")
        return self


BUILT_IN_SCHEDULES = {
    "chip": ScheduleEntry(synchronization_threshold="chip"),
    "layered": ScheduleEntry(policy="fifo", group_size="all", stop="drained"),
    "paper_table5": ScheduleEntry(synchronization_threshold="chip", group_size="layer"),
}
"""Schedules that every sweep has: the chip's own, layered inference, and what the paper's Table 5 gives asynchronous
chips."""


class ChipEntry(Spec):
    """A chip in a sweep.

    Any other field of a chip file, except name, aliases and measurements, makes the entry a variant of the
    chip: it is merged over the description as in a file that `extends` another one.

    Attributes:
        extends: name or path of the chip; left out, the entry's own name.
        capacity: `published`, or `scaled`: circuits kept, counts raised.
        mapping, cut, spread: how neurons are put on cores: `strategy`, `cut` and `spread` of `codesign.place`.
        operation: `accelerated`, or `real_time`: the chip is on while the stimulus lasts.
        schedules: names of schedules to run on it.
        weight_bits: `chip` for the chip's own, `none` for float32, or a number, also for the memories of a `structure`.
    """

    model_config = ConfigDict(extra="allow")  # what else is written is looked at with the chip's description
    added: ClassVar[frozenset[str]] = frozenset({"cut", "spread"})

    extends: str | None = None
    capacity: Literal["published", "scaled"] = "published"
    mapping: Strategy = "in_order"
    cut: CutChoice = "auto"
    spread: Positive | tuple[Positive, ...] | None = None
    operation: Literal["accelerated", "real_time"] = "accelerated"
    schedules: Annotated[tuple[str, ...], Field(min_length=1)] = ("chip",)
    weight_bits: Literal["chip", "none"] | Annotated[int, Field(gt=0, le=32, strict=True)] = "chip"
    _numbers: dict[str, AxisValue] = PrivateAttr(default_factory=dict)

    @field_validator("schedules")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return different("schedules", names)

    @property
    def numbers(self) -> dict[str, AxisValue]:
        """Numbers of the description that a study's trial sets, by path, as an axis would."""
        return self._numbers

    def with_numbers(self, numbers: dict[str, AxisValue]) -> ChipEntry:
        entry = self.model_copy()
        entry._numbers = numbers
        return entry

    @property
    def parts(self) -> dict[str, Any]:
        """What it says in place of the chip's own description."""
        return dict(self.model_extra or {})


class Seeds(Spec):
    """Seeds of trainings and of the schedules of evaluations; every combination is a design point."""

    training: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2)
    evaluation: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)

    @field_validator("training", "evaluation")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return different("seeds", seeds)


class EvaluationEntry(Spec):
    """What is evaluated.

    Attributes:
        split: `test`, or `validation` to choose between design points.
        samples: only this many from its start; every prefix of a split is stratified by class.
    """

    split: Literal["validation", "test"] = "test"
    samples: Positive | None = None


class ObjectiveEntry(Spec):
    """A column of the results that should be large or small; `reference` fixes a hypervolume's reference point.

    The reference of an accuracy, or another share, is a fraction or a percentage. `direction` may be left out:
    accuracies and agreement should be large, all else small.
    """

    column: str
    direction: Literal["maximize", "minimize"]
    reference: Real | None = None

    @model_validator(mode="before")
    @classmethod
    def _directed(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "direction" in data or not isinstance(data.get("column"), str):
            return data
        return {**data, "direction": "maximize" if more_is_better(data["column"]) else "minimize"}

    @field_validator("reference", mode="before")
    @classmethod
    def _of_a_share(cls, reference: Any, info: ValidationInfo) -> Any:
        share = is_share(str(info.data.get("column")))
        return fraction(reference) if share and reference is not None else reference


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
        objectives: columns whose Pareto front the report draws; left out, accuracy, energy and latency.
        questions: questions asked of the results, by name; left out, those that the sweep's shape suggests.
        figures: figures that the report draws in addition to its own.
        preset: column of the paper's Table 6 that fills in neuron and recipe parameters.
        recipe_defaults: recipe parameters common to all recipes; they override a preset's and are overridden by a
            recipe's own. Layered recipes ignore parameters of unlayered training in it, and recipes without momentum
            ignore momentum noise.
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
    axes: dict[str, Annotated[tuple[AxisValue, ...], Field(min_length=1)]] = Field(default_factory=dict)
    objectives: Annotated[tuple[ObjectiveEntry, ...], Field(min_length=1)] = (
        ObjectiveEntry(column="accuracy", direction="maximize"),
        ObjectiveEntry(column="energy_j", direction="minimize"),
        ObjectiveEntry(column="latency_s", direction="minimize"),
    )
    static_book: StaticBook = "board"
    questions: dict[Name, AskedQuestion] = Field(default_factory=dict)
    figures: tuple[FigureEntry, ...] = ()

    @field_validator("axes")
    @classmethod
    def _distinct_values(cls, axes: dict[str, tuple[AxisValue, ...]]) -> dict[str, tuple[AxisValue, ...]]:
        for path, values in axes.items():
            different(f"values of {path}", values, held=[column_value(value, values) for value in values])
        return axes

    @model_validator(mode="before")
    @classmethod
    def _merge_recipes(cls, data: Any) -> Any:
        """Each recipe with what it leaves to `recipe_defaults` and to the preset."""
        if not isinstance(data, dict) or not isinstance(data.get("recipes"), dict):
            return data
        merged = {
            name: checks.merged_recipe(recipe, data) if isinstance(recipe, dict) else recipe
            for name, recipe in data["recipes"].items()
        }
        return {**data, "recipes": merged}

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[tuple[Path_, str]]:
        if not isinstance(data, dict):
            return
        if cls is SweepSpec and "space" in data:
            yield ("space",), "this is a study; run it by `codesign study`"
        too_large = list(checks.size_problems(data, BUILT_IN_SCHEDULES))
        yield from too_large
        if too_large:
            return  # checking so many values one by one would take as long as planning them
        blocks = checks.blocks_of(data, BUILT_IN_SCHEDULES)
        models: dict[str, type[Spec]] = {"recipe": Recipe, "schedule": ScheduleEntry, "chip": ChipEntry}
        yield from checks.problems(data, blocks)
        hidden = [name for name in checks.mapping(data, "schedules") if name in BUILT_IN_SCHEDULES]
        yield from ((("schedules", name), "every sweep has one of that name; rename yours") for name in hidden)
        in_axes = [*axis_checks.problems(data, blocks, models), *design_checks.problems(data)]
        yield from in_axes
        yield from question_checks.problems(data, blocks, {path[1] for path, _ in in_axes if path[0] == "axes"})

    @classmethod
    def relocate(cls, location: Path_, data: Any) -> Path_:
        return checks.relocated(location, data)

    @classmethod
    def anchor(cls, data: Any, folder: Callable[[Path_], str]) -> Any:
        return checks.anchored(data, folder)

    _set_by_axes: dict[Path_, Path_] = PrivateAttr(default_factory=dict)

    def of_design(self, settings: Mapping[str, AxisValue], place: str) -> SweepSpec:
        """The sweep of one network and workload, and without axes on what settings, by path, say of these; `place` is
        as in `with_fields`. Raises InputError where they cannot have these values together."""
        spec = self.model_copy(
            update={
                "axes": {path: values for path, values in self.axes.items() if path not in settings},
                "network": with_network(self.network, self.preset, settings, place),
                "workload": with_workload(self.workload, settings, place),
            }
        )
        spec._set_by_axes = {
            set_by(path): ("axes", path, self.axes[path].index(value))
            for path, value in settings.items()
            if path in self.axes
        }
        return spec

    def refusal(self, mistakes: Iterable[tuple[Path_, str]]) -> InputError:
        """An error with mistakes at paths of the file, each at its line, or at that of the axis that sets it."""
        return super().refusal((self._written_at(path), message) for path, message in mistakes)

    def _written_at(self, path: Path_) -> Path_:
        for inner, place in self._set_by_axes.items():
            common = min(len(path), len(inner))
            if common > 1 and path[:common] == inner[:common]:
                return place
        return path

    def schedule_entry(self, name: str) -> ScheduleEntry:
        """A schedule of the sweep, or the built-in one of that name."""
        return self.schedules[name] if name in self.schedules else BUILT_IN_SCHEDULES[name]

    @property
    def neuron(self) -> NeuronSpec:
        """The neuron with what it leaves to the preset."""
        return complete_neuron(self.network, self.preset)

    def topology(self, *, input_grid: tuple[int, int, int], classes: int) -> TopologySpec:
        """The network's layers for a workload with a (channels, height, width) grid of inputs. Raises InputError where
        it has other inputs or outputs than the workload."""
        network, workload = self.network, f"workload '{self.workload.name}'"
        preset = None if self.preset is None else PRESETS[self.preset]
        layers = network.layers or (None if network.hidden or preset is None else preset.layers)
        size = math.prod(input_grid)
        mistakes: list[tuple[Path_, str]] = []
        if network.topology is not None:
            at: Path_ = ("network", "topology")
            topology = parse_topology(network.topology)
            if topology.input != size:
                grid = "×".join(map(str, input_grid))
                inputs = f"'{network.topology}' has {topology.input} inputs, the {workload} has {size} ({grid})"
                mistakes.append((at, inputs))
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
            mistakes.append((at, f"{rule}, found {outputs}"))
        if mistakes:
            raise self.refusal(mistakes)
        return topology

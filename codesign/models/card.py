"""What is known of a trained model: enough to build its network again, and to judge it."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from codesign.arguments import instance
from codesign.deferred import torch
from codesign.errors import InputError
from codesign.hardware.cost.cost import Cost
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import NetworkShape, TopologySpec, network_shape
from codesign.simulation.execution import Execution
from codesign.simulation.schedule import Schedule
from codesign.training.recipe import Recipe
from codesign.versions import package_versions
from codesign.workload.dataset import Workload
from codesign.workload.spec import WorkloadSpec

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork
    from codesign.training.result import TrainingResult


@dataclass(frozen=True, kw_only=True)
class ModelData:
    """The data that a model was trained, chosen and tested on.

    Attributes:
        options: the workload; `cd.load_workload(options)` gives it again.
        fingerprint: hash of the data's content and of all options; a workload with the same one has the same events.
        coverage: how partial the copy of the dataset was, as a sentence; None for a whole one.
        timesteps: T of a sample.
        train, validation, test: samples in each split.
    """

    options: WorkloadSpec
    fingerprint: str
    coverage: str | None = None
    timesteps: int
    train: int
    validation: int
    test: int

    @staticmethod
    def of(options: WorkloadSpec, workload: Workload) -> ModelData:
        """What a card says of a workload and the options that it was loaded with."""
        return ModelData(
            options=options,
            fingerprint=workload.fingerprint,
            coverage=workload.coverage,
            timesteps=workload.timesteps,
            train=len(workload.train),
            validation=len(workload.validation),
            test=len(workload.test),
        )


@dataclass(frozen=True, kw_only=True)
class ModelOrigin:
    """The sweep or study that trained a model.

    Attributes:
        name, title: of the sweep.
        command: shell command that makes the model's file.
        config_hash: hash of the sweep as resolved.
        training_key: hash of all that the weights depend on, by which the store names them.
    """

    name: str
    title: str
    command: str
    config_hash: str
    training_key: str


@dataclass(frozen=True, kw_only=True)
class ModelImport:
    """Where a model of another framework comes from, and how it was read.

    Attributes:
        source: the file, or the class of the module.
        digest: SHA-256 of the file; "" of a graph or module.
        dialect: whose conventions its numbers follow.
        options: what the file does not say and was given when it was read.
        lost: what files of that dialect may leave out silently.
    """

    source: str
    dialect: str
    options: dict[str, str] = field(default_factory=dict)
    lost: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The outcome of comparing a model's spikes with those that its framework recorded.

    Attributes:
        source: of the record.
        samples, timesteps, layers: how much of it there is.
        recorded_spikes: in these layers.
        differing_spikes: spikes that are missing or too many.
        first_difference: where, and what the neuron's potential was; None without one.
        within_rounding: whether, where samples first differ, all potentials were as near to the threshold as rounding
            brings them.
        potential_difference, largest_potential: of a readout's potentials, the largest difference and the largest one
            that was recorded; None where none were.
        better: options of the import under which it agrees; None where it does, or none of those that were tried do.
    """

    source: str
    samples: int
    timesteps: int
    layers: tuple[str, ...]
    recorded_spikes: int
    differing_spikes: int
    first_difference: str | None = None
    within_rounding: bool | None = None
    potential_difference: float | None = None
    largest_potential: float | None = None
    better: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether no spike differs, and no potential by more than rounding."""
        apart, largest = self.potential_difference or 0.0, self.largest_potential or 0.0
        return not self.differing_spikes and apart <= 2.0**-18 * largest

    @property
    def summary(self) -> str:
        """In a sentence."""
        said = f"{self.differing_spikes:,} of {self.recorded_spikes:,} spikes differ"
        if self.differing_spikes > self.recorded_spikes:
            said = f"{self.differing_spikes:,} spikes are missing or too many, of {self.recorded_spikes:,} recorded"
        if self.first_difference is not None:
            near = "" if self.within_rounding else "not "
            said += f"; the first: {self.first_difference}; {near}each sample's first is within rounding of it"
        if self.potential_difference is not None and self.largest_potential is not None:
            apart, largest = self.potential_difference, self.largest_potential
            said += f"; potentials differ by {apart:.2g} at most, and reach {largest:.3g}"
        return said if self.better is None else f"{said}; none differ with {self.better}"


@dataclass(frozen=True, kw_only=True)
class ModelEvaluation:
    """How the model answers under one schedule on one chip, in SI units; None is not known or not modelled.

    Attributes:
        chip, schedule: their names.
        axes: values of the sweep's axes of chip and schedule, by path.
        split: data that it was run on.
        others: columns of the results, and mean what `codesign.analysis.results.columns.COLUMNS` says.
    """

    chip: str | None = None
    schedule: str
    axes: dict[str, str | float] = field(default_factory=dict)
    status: Literal["ok", "infeasible", "failed"] = "ok"
    reason: str | None = None
    capacity: str | None = None
    operation: str | None = None
    inference: str | None = None
    policy: str | None = None
    group_size: int | None = None
    stop: str | None = None
    steps_after_output: int | None = None
    margin: int | None = None
    margin_check: str | None = None
    input_mode: str | None = None
    refractory: bool | None = None
    equivalent_to_layered: bool | None = None
    weight_bits: int | None = None
    evaluation_seed: int = 0
    split: Literal["validation", "test"] = "test"
    samples: int | None = None
    accuracy: float | None = None
    float_accuracy: float | None = None
    spike_density: float | None = None
    energy_j: float | None = None
    energy_coverage: tuple[str, ...] = ()
    latency_s: float | None = None
    latency_model: str | None = None
    not_modelled: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @staticmethod
    def of(
        execution: Execution, schedule: Schedule, cost: Cost | None = None, *, name: str, **said: Any
    ) -> ModelEvaluation:
        """From what an execution, its schedule and its price say.

        Args:
            cost: of the execution; None leaves energy and latency out.
            name: of the schedule.
            said: other attributes, such as `weight_bits` or `split`.
        """
        priced: dict[str, Any] = {}
        if cost is not None:
            priced = {"chip": cost.chip, **cost.columns(), "assumptions": cost.assumptions}
        names = {attribute.name for attribute in dataclasses.fields(ModelEvaluation)}
        known = {key: tuple(value) if isinstance(value, list) else value for key, value in priced.items()}
        layered = schedule.equivalent_to_layered(execution.shape)
        early = schedule.stop in ("on_output", "read_early")  # whether the rest is dropped or drains
        ahead = schedule.stop in ("margin", "read_margin")
        answers = {
            "schedule": name,
            "inference": "layered" if layered else "asynchronous",
            "policy": schedule.policy_name,
            "group_size": schedule.group_size,
            "stop": "on_output" if early else "margin" if ahead else "drained",
            "steps_after_output": schedule.steps_after_output if early else None,
            "margin": schedule.margin if ahead else None,
            "margin_check": schedule.margin_check if ahead else None,
            "input_mode": schedule.input_mode,
            "equivalent_to_layered": layered,
            "samples": execution.samples,
            "accuracy": execution.accuracy,
            "spike_density": execution.spike_density,
        }
        return ModelEvaluation(**{**{key: known[key] for key in known if key in names}, **answers, **said})


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """A model without its weights.

    Attributes:
        name: of the model, in a line.
        description: anything else to say about it.
        topology, neuron, timestep_s: what the network is made from; Δt in seconds.
        weights: digest of the network's state, as `digest_of` makes it; "" where it is not known.
        own_numbers: numbers of neurons that differ from what `neuron` says, such as a range over neurons, in words.
        input_grid: (channels, height, width) of the input; None where it has no form.
        data: None where it is not known.
        earlier_data: of models that it was trained further from, first to last, where it is known.
        recipe: how it was trained, or None; `recipe_name` and `axes` are the sweep's name for it, and the values of the
            recipe's parameters that the sweep varied.
        training_seed: of initial weights, order of samples and dropouts.
        trained_epochs, best_epoch: epochs run, and the one whose weights these are, chosen on the validation split.
        training_loss, validation_accuracy: of that epoch.
        open_inputs: inputs whose events the network's `input_gate` lets pass; None without one.
        evaluations: how it answers; `evaluations_left_out` counts those that were too many for a card.
        origin: None for a model of your own.
        imported: of a model of another framework, how it was read; None for others.
        certificate: whether its spikes are those that the framework recorded; None if not checked.
        versions: of packages, when it was written.

    Raises:
        InputError: grid or timestep do not fit the network.
    """

    name: str
    description: str = ""
    topology: TopologySpec
    neuron: NeuronSpec
    timestep_s: float
    weights: str = ""
    own_numbers: dict[str, str] | None = None
    input_grid: tuple[int, int, int] | None = None
    data: ModelData | None = None
    earlier_data: tuple[ModelData, ...] = ()
    recipe: Recipe | None = None
    recipe_name: str = ""
    axes: dict[str, str | float] = field(default_factory=dict)
    training_seed: int | None = None
    trained_epochs: int | None = None
    best_epoch: int | None = None
    training_loss: float | None = None
    validation_accuracy: float | None = None
    open_inputs: int | None = None
    evaluations: tuple[ModelEvaluation, ...] = ()
    evaluations_left_out: int = 0
    origin: ModelOrigin | None = None
    imported: ModelImport | None = None
    certificate: Certificate | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.timestep_s < math.inf:
            raise InputError(f"timestep_s: must be finite and at least 0, found {self.timestep_s}")
        if self.input_grid is not None and math.prod(self.input_grid) != self.shape.input_size:
            grid = "×".join(map(str, self.input_grid))
            raise InputError(f"input_grid: must be the network's {self.shape.input_size} inputs, found {grid}")

    @property
    def shape(self) -> NetworkShape:
        """Sizes of the network."""
        return network_shape(self.topology)

    @property
    def classes(self) -> int:
        """Output neurons."""
        return self.shape.layer_sizes[-1]


def digest_of(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of a network's state: of weights, and of all numbers of its neurons."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def describe_model(
    network: SpikingNetwork,
    *,
    name: str,
    description: str = "",
    data: tuple[WorkloadSpec, Workload] | None = None,
    recipe: Recipe | None = None,
    training_seed: int | None = None,
    training: TrainingResult | None = None,
    evaluations: Sequence[ModelEvaluation] = (),
) -> ModelCard:
    """The card of a model of your own; whatever is left out stays unknown.

    Args:
        data: the options of a workload and the workload that they gave.
        training: what `cd.train` returned.
        evaluations: how it answers, as `cd.ModelEvaluation.of` makes them.
    """
    instance("name", name, str)
    instance("description", description, str)
    best = None if training is None else training.history[training.best_epoch - 1]
    return ModelCard(
        name=name,
        description=description,
        topology=network.topology,
        neuron=network.neuron,
        timestep_s=network.timestep_s,
        weights=digest_of(network.state_dict()),
        own_numbers=network.own_numbers(),
        input_grid=None if data is None else data[1].input_grid,
        data=None if data is None else ModelData.of(*data),
        recipe=recipe,
        training_seed=training_seed,
        trained_epochs=None if training is None else len(training.history),
        best_epoch=None if training is None else training.best_epoch,
        training_loss=None if best is None else best.loss,
        validation_accuracy=None if best is None else best.validation_accuracy,
        open_inputs=network.open_inputs,
        evaluations=tuple(evaluations),
        versions=package_versions(),
    )

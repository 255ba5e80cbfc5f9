"""Model cards: what is known about a trained model, enough to rebuild its network and to judge it."""

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
    """The data with which a model was trained, selected and tested.

    Attributes:
        options: the workload; `cd.load_workload(options)` loads it again.
        fingerprint: hash of the data's content and of all options; workloads with equal fingerprints have the same
            events.
        coverage: how much of the dataset the copy had, as a sentence; None if it was complete.
        timesteps: T of a sample.
        train, validation, test: number of samples in each split.
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
        """The data of a workload and the options with which it was loaded. Raises InputError if they are not."""
        instance("data: options", options, WorkloadSpec)
        instance("data: workload", workload, Workload)
        if options.name != workload.name:
            raise InputError(f"data: the options are of '{options.name}', and the workload is '{workload.name}'")
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
        name, title: name and title of the sweep.
        command: shell command that creates the model's file.
        config_hash: hash of the sweep as resolved.
        training_key: hash of everything that the weights depend on, which names them in the store.
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
        digest: SHA-256 of the file; "" for a graph or module.
        dialect: the framework whose conventions its numbers follow.
        options: what the file does not state and was given when it was read.
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
        source: source of the record.
        samples, timesteps, layers: size of the record.
        recorded_spikes: number of recorded spikes in these layers.
        differing_spikes: number of missing and surplus spikes.
        first_difference: where the first difference is, and the neuron's potential there; None without one.
        within_rounding: whether all potentials at the samples' first differences were so close to the threshold that
            rounding explains them.
        potential_difference, largest_potential: largest difference of a readout's potentials, and the largest recorded
            potential; None if none were recorded.
        better: other options of the import, or axes of the record, with which it agrees; None if it agrees already, or
            if nothing that was tried agrees.
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
        """The outcome in one sentence."""
        parts = [f"{self.differing_spikes:,} of {self.recorded_spikes:,} spikes differ"]
        if self.first_difference is not None:
            near = "" if self.within_rounding else "not "
            parts += [f"the first: {self.first_difference}", f"{near}each sample's first is within rounding of it"]
        if self.potential_difference is not None and self.largest_potential is not None:
            apart, largest = self.potential_difference, self.largest_potential
            parts.append(f"potentials differ by {apart:.2g} at most, and reach {largest:.3g}")
        if self.better is not None:
            parts.append(f"none differ with {self.better}")
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True)
class ModelEvaluation:
    """How the model performs under one schedule on one chip, in SI units; None if unknown or not modelled.

    Attributes:
        chip, schedule: names of the chip and the schedule.
        axes: values of the sweep's axes on chip and schedule, by path.
        split: split on which it was run.
        others: columns of the results, as defined in `codesign.analysis.results.columns.COLUMNS`.
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
    input_dropout: float | None = None
    timesteps: int | None = None
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
        execution: Execution, schedule: Schedule, cost: Cost | None = None, *, name: str, **others: Any
    ) -> ModelEvaluation:
        """The evaluation given by an execution, its schedule and its cost.

        Args:
            cost: cost of the execution; None leaves out energy and latency.
            name: name of the schedule.
            others: other attributes, such as `weight_bits` or `split`.
        """
        values: dict[str, Any] = {}
        if cost is not None:
            priced = {"chip": cost.chip, **cost.columns(), "assumptions": cost.assumptions}
            own = {attribute.name for attribute in dataclasses.fields(ModelEvaluation)}
            values = {key: tuple(value) if isinstance(value, list) else value for key, value in priced.items()}
            values = {key: value for key, value in values.items() if key in own}
        layered = schedule.equivalent_to_layered(execution.shape)
        values |= {
            "schedule": name,
            "inference": schedule.inference(layered=layered),
            "policy": schedule.policy_name,
            **schedule.columns,
            "refractory": None if layered or schedule.refractory else False,  # those of its neurons are not known here
            "equivalent_to_layered": layered,
            "input_dropout": schedule.input_dropout,
            "timesteps": schedule.timesteps,
            "samples": execution.samples,
            "accuracy": execution.accuracy,
            "spike_density": execution.spike_density,
        }
        return ModelEvaluation(**{**values, **others})


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """A model without its weights.

    Attributes:
        name: name of the model, in one line.
        description: anything else to say about it.
        topology, neuron, timestep_s: specification of the network; Δt in seconds.
        weights: digest of the network's state by `digest_of`; "" if unknown.
        own_numbers: neuron parameters that differ from `neuron`, such as a range over neurons, as text.
        input_grid: (channels, height, width) of the input; None without a grid.
        data: the model's data; None if unknown.
        earlier_data: data of the models from which training continued, first to last, if known.
        recipe: how it was trained, or None; `recipe_name` and `axes` are the sweep's name for the recipe, and the
            values of parameters that the sweep varied.
        training_seed: seed of initial weights, order of samples and dropouts.
        trained_epochs, best_epoch: epochs run, and the epoch of these weights, chosen on the validation split.
        training_loss, validation_accuracy: loss and accuracy of that epoch.
        open_inputs: number of inputs whose events pass the network's `input_gate`; None without one.
        evaluations: how it performs; `evaluations_left_out` counts those that did not fit on the card.
        origin: the sweep that trained it; None for your own model.
        imported: how a model of another framework was read; None for others.
        certificate: whether its spikes equal those recorded by the framework; None if not checked.
        versions: versions of packages when it was written.

    Raises:
        InputError: grid or timestep do not match the network.
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
        """Shape of the network."""
        return network_shape(self.topology)

    @property
    def classes(self) -> int:
        """Output neurons."""
        return self.shape.layer_sizes[-1]


def digest_of(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of a network's state: weights and all neuron parameters."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


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
    """The card of your own model; whatever is left out is unknown.

    Args:
        data: options of a workload, and the workload loaded with them.
        training: result of `cd.train`.
        evaluations: how it performs, from `cd.ModelEvaluation.of`.
    """
    instance("name", name, str)
    instance("description", description, str)
    if data is not None and not (isinstance(data, tuple | list) and len(data) == 2):
        raise InputError("data: must be a WorkloadSpec and the workload that was loaded with it")
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

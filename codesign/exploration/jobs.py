"""The jobs of a sweep: pure functions of frozen inputs, each keyed by all that its result depends on and nothing else.

    train ─► execute ─► summary
                    └─► cost

Results are bytes, so that executors and the store treat them alike. A `*_VERSION` is raised whenever the same inputs
give another result, for whatever reason: that is what makes stores of earlier versions compute anew. No key names an
engine or a number of threads: jobs run on the default engine, whose results do not depend on threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from codesign.analysis.columns import checked_cells
from codesign.errors import InputError
from codesign.exploration.encoding import (
    Encoded,
    canonical_json,
    decode_columns,
    decode_execution,
    decode_state,
    digest,
    encode_execution,
    encode_state,
    reading_result,
    remembered,
)
from codesign.exploration.executors.base import Failure
from codesign.exploration.store import Facts
from codesign.hardware.description import Chip
from codesign.hardware.mapping import Mapping
from codesign.hardware.quantization import Grid
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import TopologySpec
from codesign.simulation.loss import Loss
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import Schedule
from codesign.training.recipe import Calibration, Recipe

if TYPE_CHECKING:
    from codesign.training.trainer import EpochReport
    from codesign.workload.dataset import Workload

__all__ = [
    "COST_VERSION",
    "EXECUTE_VERSION",
    "SUMMARY_VERSION",
    "TRAIN_VERSION",
    "CostInputs",
    "ExecuteInputs",
    "Output",
    "SummaryInputs",
    "TrainInputs",
    "chip_digest",
    "decode_columns",
    "run_assess",
    "run_execute",
    "run_train",
    "versions_digest",
]

TRAIN_VERSION = 4
EXECUTE_VERSION = 3
SUMMARY_VERSION = 2
COST_VERSION = 2


Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a job leaves in the store."""

    payload: bytes
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class TrainInputs:
    """A model to be trained.

    Attributes:
        workload: fingerprint of the workload.
        schedule: the forward pass that is trained through: the recipe's, with what its policy looks at on a chip.
        seed: of the initial weights, the order of samples and all dropouts.
        device: where it computes: other devices, and the engines that they need, round otherwise.
    """

    workload: str
    topology: TopologySpec
    neuron: NeuronSpec
    recipe: Recipe
    schedule: Schedule
    seed: int
    device: Device = "cpu"

    @cached_property
    def key(self) -> str:
        recipe = self.recipe
        return digest(
            {
                "kind": "train",
                "semantics_version": TRAIN_VERSION,
                "workload": self.workload,
                "topology": self.topology,
                "neuron": self.neuron,
                # Not the recipe itself: parameters of unlayered training say nothing about a layered model.
                "schedule": _schedule_part(self.schedule),
                "policy_version": get_policy(self.schedule.policy).version,
                "regularization": recipe.regularization,
                "idle_gradient": recipe.idle_gradient,
                **_loss_part(recipe.loss),
                "epochs": recipe.epochs,
                "patience": recipe.patience,
                "batch_size": recipe.batch_size,
                "learning_rate": recipe.learning_rate,
                "weight_decay": recipe.weight_decay,
                "seed": self.seed,
                **_calibration_part(recipe.calibration),
                **_device_part(self.device),
            }
        )


@dataclass(frozen=True, kw_only=True)
class ExecuteInputs:
    """A model to be run on a split.

    Attributes:
        schedule: resolved for every neuron, in canonical form.
        weight_bits: bits that the weights are quantized to; None for float32.
        weight_grid: the integers that they become; the usual ones for float32.
        potential_bits: bits of potentials in units of their layer's weights, which saturate; None for no limit.
        seed: of the schedule; 0 where the result cannot depend on it.
        samples: only the first so many of the split; None for all.
        device: where it computes.
    """

    model: TrainInputs
    schedule: Schedule
    weight_bits: int | None
    seed: int
    weight_grid: Grid = field(default_factory=Grid)
    potential_bits: int | None = None
    split: Literal["validation", "test"] = "test"
    samples: int | None = None
    device: Device = "cpu"

    def __post_init__(self) -> None:
        if self.weight_bits is None and (self.potential_bits is not None or self.weight_grid != Grid()):
            raise InputError("weight_bits: must be given for a weight_grid or potential_bits to mean something")

    @property
    def unquantized(self) -> ExecuteInputs | None:
        """The same with float32 weights and potentials without limit; None where it is that already."""
        if self.weight_bits is None:
            return None
        return replace(self, weight_bits=None, weight_grid=Grid(), potential_bits=None)

    @cached_property
    def key(self) -> str:
        return digest(
            {
                "kind": "execute",
                "semantics_version": EXECUTE_VERSION,
                "model": self.model.key,
                "schedule": _schedule_part(self.schedule),
                "policy_version": get_policy(self.schedule.policy).version,
                "weight_bits": self.weight_bits,
                "weight_grid": self.weight_grid,
                "potential_bits": self.potential_bits,
                "seed": self.seed,
                "split": self.split,
                "samples": self.samples,
                **_device_part(self.device),
            }
        )


@remembered
def _schedule_part(schedule: Schedule) -> Encoded:
    """A schedule; usual neurons are refractory, and their keys are older than the choice."""
    values = {one.name: getattr(schedule, one.name) for one in fields(schedule)}
    if schedule.refractory:
        del values["refractory"]
    return Encoded(canonical_json(values))


def _calibration_part(calibration: Calibration | None) -> dict[str, object]:
    """Nothing where thresholds stay as they are."""
    if calibration is None:
        return {}
    return {"calibration": calibration, "calibration_policy_version": get_policy(calibration.policy).version}


def _loss_part(loss: Loss) -> dict[str, str]:
    """Nothing for the usual loss, whose keys are older than the choice."""
    return {} if loss == "sum" else {"loss": loss}


def _device_part(device: Device) -> dict[str, str]:
    """Nothing for the usual device, whose keys are older than the choice."""
    return {} if device == "cpu" else {"device": device}


@dataclass(frozen=True, kw_only=True)
class SummaryInputs:
    """The columns of a row that an execution alone decides.

    Attributes:
        execution: its key.
        last_step: forward steps after the first output spike in which outputs were still computed; None for all.
        decided_after: forward steps after the first output spike at which the answer is read, where the execution goes
            on beyond it; None where it is read at the end.
    """

    execution: str
    last_step: int | None
    decided_after: int | None = None

    @cached_property
    def key(self) -> str:
        return digest(
            {
                "kind": "summary",
                "semantics_version": SUMMARY_VERSION,
                "execution": self.execution,
                "last_step": self.last_step,
                "decided_after": self.decided_after,
            }
        )


@dataclass(frozen=True, kw_only=True)
class CostInputs:
    """An execution to be priced on a chip."""

    execution: str
    chip: Chip
    mapping: Mapping
    operation: Literal["accelerated", "real_time"]

    @cached_property
    def key(self) -> str:
        return digest(
            {
                "kind": "cost",
                "semantics_version": COST_VERSION,
                "execution": self.execution,
                **_chip_part(self.chip),
                "mapping": self.mapping,
                "operation": self.operation,
            }
        )


def chip_digest(chip: Chip) -> str:
    """A hash of everything in a chip that decides a price."""
    return digest(_chip_part(chip))


def versions_digest() -> str:
    """A hash of what versions of jobs there are: with others, results are not the same."""
    return digest(
        {"train": TRAIN_VERSION, "execute": EXECUTE_VERSION, "summary": SUMMARY_VERSION, "cost": COST_VERSION}
    )


@remembered
def _chip_part(chip: Chip) -> dict[str, Encoded]:
    """What of a chip decides a price."""
    from codesign.hardware.uncertainty import uncertain_numbers

    return {
        "chip": Encoded(canonical_json(_without_provenance(chip.model_dump()))),
        "uncertain_numbers": Encoded(canonical_json(uncertain_numbers(chip))),
    }


_PROVENANCE = {
    "title",
    "aliases",
    "description",
    "citation",
    "operating_point",
    "sources",
    "source",
    "confidence",
    "note",
    "weight_format",
    "validation",
    "technology_node",
    "area",
    "supply_voltage",
}


def _without_provenance(value: Any) -> Any:
    """What a chip's description says to a reader and not to the arithmetic, left out.

    How numbers are known moves them within their ranges, which stand in the key by themselves.
    """
    if isinstance(value, dict):
        return {str(key): _without_provenance(part) for key, part in value.items() if key not in _PROVENANCE}
    if isinstance(value, list | tuple):
        return [_without_provenance(part) for part in value]
    return value


def run_train(inputs: TrainInputs, workload: Workload, on_epoch: Callable[[EpochReport], None] | None = None) -> Output:
    """Train a model. The payload is its state dict after the best epoch, and the facts tell of every epoch.

    Raises:
        TrainingDivergedError: the loss is no longer finite.
    """
    from codesign.network.spiking_network import SpikingNetwork
    from codesign.training.trainer import train

    network = SpikingNetwork(inputs.topology, inputs.neuron, timestep_s=workload.timestep_s, seed=inputs.seed)
    result = train(
        network,
        inputs.recipe,
        workload.train,
        workload.validation,
        schedule=inputs.schedule,
        seed=inputs.seed,
        on_epoch=on_epoch,
        device=inputs.device,
    )
    best = result.history[result.best_epoch - 1]
    facts: Facts = {
        "trained_epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "training_loss": best.loss,
        "validation_accuracy": best.validation_accuracy,
        "training_loss_curve": [epoch.loss for epoch in result.history],
        "validation_accuracy_curve": [epoch.validation_accuracy for epoch in result.history],
        "epoch_wall_s": result.epoch_wall_s,
        "training_memory_bytes": result.memory_bytes,
        "threshold_scales": result.threshold_scales,
    }
    return Output(payload=encode_state(result.state), facts=facts)


def run_execute(inputs: ExecuteInputs, model: bytes, workload: Workload) -> Output:
    """Run a trained model over a split. The payload is the execution with all counters of every sample.

    Raises:
        UnreadableResultError: `model` is not the state of such a network.
    """
    from codesign.hardware.quantization import potential_ranges, quantize_weights
    from codesign.network.spiking_network import SpikingNetwork
    from codesign.training.evaluation import evaluate

    network = SpikingNetwork(inputs.model.topology, inputs.model.neuron, timestep_s=workload.timestep_s)
    bits, grid = inputs.weight_bits, inputs.weight_grid
    with reading_result("model"):
        state = decode_state(model)
        network.load_state_dict(quantize_weights(state, bits, grid))
    if inputs.potential_bits is not None and bits is not None:
        network.potential_ranges = potential_ranges(state, inputs.potential_bits, weight_bits=bits, grid=grid)
    network.to(inputs.device)
    events = getattr(workload, inputs.split)
    if inputs.samples is not None:
        events = events.select(slice(0, inputs.samples))
    execution = evaluate(network, events, inputs.schedule, seed=inputs.seed)
    return Output(payload=encode_execution(execution), facts={"samples": execution.samples})


def run_assess(execution: bytes, wanted: Sequence[SummaryInputs | CostInputs]) -> tuple[Output | Failure, ...]:
    """Summarize an execution and price it on any number of chips; one output each, columns of a row as JSON.

    One job for all of them, because unpacking an execution takes longer than pricing it. Where one cannot be priced,
    the others are.

    Raises:
        UnreadableResultError: `execution` is none.
    """
    from codesign.exploration.rows import summary_columns
    from codesign.hardware.cost import price
    from codesign.hardware.uncertainty import uncertainty_columns

    unpacked = decode_execution(execution)
    outputs: list[Output | Failure] = []
    for one in wanted:
        try:
            if isinstance(one, SummaryInputs):
                columns = summary_columns(unpacked, last_step=one.last_step, decided_after=one.decided_after)
            else:
                cost = price(unpacked, one.chip, one.mapping, operation=one.operation)
                uncertainty = uncertainty_columns(unpacked, one.chip, one.mapping, one.operation, cost=cost)
                columns = {**cost.columns(), **uncertainty, "assumptions": list(cost.assumptions)}
            outputs.append(Output(payload=canonical_json(checked_cells(columns)).encode(), facts={}))
        except Exception as error:  # belongs to the rows of this chip only
            outputs.append(Failure.of(error))
    return tuple(outputs)

"""Running a job, from its inputs and the results that it needs to the bytes for the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from codesign.analysis.results.cells import checked_cells
from codesign.exploration.executors.base import Failure
from codesign.exploration.jobs.encoding import (
    canonical_json,
    decode_execution,
    decode_state,
    encode_execution,
    encode_state,
    reading_result,
)
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.jobs.store import Entry, Facts
from codesign.exploration.jobs.summary import summary_columns
from codesign.hardware.cost.cost import price
from codesign.hardware.cost.sensitivity import sensitivity_columns
from codesign.hardware.cost.uncertainty import uncertainty_columns
from codesign.network.quantization import quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.execution import Execution
from codesign.simulation.schedule import LAYERED
from codesign.training.evaluation import evaluate
from codesign.training.result import EpochReport
from codesign.training.trainer import train
from codesign.workload.dataset import Workload


def run_train(inputs: TrainInputs, workload: Workload, report: Callable[[EpochReport], None] | None = None) -> Entry:
    """Train a model. The payload is its state dict after the best epoch; the facts describe every epoch.

    For a given model that is not trained further, the payload is its state. Raises TrainingDivergedError if the loss is
    no longer finite.
    """
    network = SpikingNetwork(inputs.topology, inputs.neuron, timestep_s=workload.timestep_s, seed=inputs.seed)
    if inputs.given is not None:
        network.load_state_dict(decode_state(inputs.given.state))
        if not inputs.given.trains:
            split = workload.validation
            accuracy = evaluate(network, split, LAYERED, warn=False).accuracy if len(split) else None
            facts: Facts = {"validation_accuracy": accuracy, "open_inputs": network.open_inputs}
            return Entry(payload=inputs.given.state, facts=facts)
    result = train(
        network,
        inputs.recipe,
        workload.train,
        workload.validation,
        schedule=inputs.schedule,
        quantization=inputs.quantization,
        seed=inputs.seed,
        on_epoch=report,
        device=inputs.device,
        meter=None if inputs.metered is None else inputs.metered.meter(workload.validation),
        warn=False,  # reported once per sweep
    )
    best = result.history[result.best_epoch - 1]
    facts = {
        "trained_epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "training_loss": best.loss,
        "validation_accuracy": best.validation_accuracy,
        "validation_density": best.validation_density,
        "validation_energy_j": best.energy_j,
        "training_spike_cost": best.spike_cost,
        "training_loss_curve": [epoch.loss for epoch in result.history],
        "validation_accuracy_curve": [epoch.validation_accuracy for epoch in result.history],
        "epoch_wall_s": result.epoch_wall_s,
        "training_memory_bytes": result.memory_bytes,
        "threshold_scales": result.threshold_scales,
        "open_inputs": network.open_inputs,
    }
    return Entry(payload=encode_state(result.state), facts=facts)


def run_execute(inputs: ExecuteInputs, model: bytes, workload: Workload) -> Entry:
    """Run a trained model on a split. The payload is the execution with all counters of every sample."""
    network = SpikingNetwork(inputs.model.topology, inputs.model.neuron, timestep_s=workload.timestep_s)
    with reading_result("model"):
        network.load_state_dict(decode_state(model))
        quantize(network, inputs.quantization)
    network.to(inputs.device)
    events = getattr(workload, inputs.split)
    if inputs.samples is not None:
        events = events.select(slice(0, inputs.samples))
    execution = evaluate(network, events, inputs.schedule, seed=inputs.seed, warn=False)
    return Entry(payload=encode_execution(execution), facts={"samples": execution.samples})


def run_assess(execution: bytes, wanted: Sequence[SummaryInputs | CostInputs]) -> tuple[Entry | Failure, ...]:
    """Summarize an execution and price it on any number of chips; one output per summary or price, columns of a row as
    JSON.

    They share a job because unpacking an execution takes longer than pricing it. If one price fails, the others are
    still computed.
    """
    unpacked = decode_execution(execution)
    outputs: list[Entry | Failure] = []
    for inputs in wanted:
        try:
            columns, facts = _assessed(unpacked, inputs)
            outputs.append(Entry(payload=canonical_json(checked_cells(columns)).encode(), facts=facts))
        except Exception as error:  # concerns only the rows of this chip
            outputs.append(Failure.of(error))
    return tuple(outputs)


def _assessed(execution: Execution, inputs: SummaryInputs | CostInputs) -> tuple[dict[str, Any], Facts]:
    """Columns, and for a summary the network's answer to each sample as a fact, for comparison with other answers."""
    if isinstance(inputs, SummaryInputs):
        answers = inputs.answering(execution).predictions.tolist()
        return summary_columns(execution, inputs), {"predictions": answers}
    cost = price(execution, inputs.placement, operation=inputs.operation)
    ranges, halves = uncertainty_columns(cost), sensitivity_columns(cost)
    return {**cost.columns(), **ranges, **halves, "assumptions": list(cost.assumptions)}, {}

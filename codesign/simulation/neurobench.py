"""The metrics of NeuroBench (Yik et al. 2025, doi:10.1038/s41467-025-56739-4), computed from an execution."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.further_messages import decision_operations
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.workload.events import EventBatch

_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class NeuroBench:
    """NeuroBench's algorithm metrics, with operations per sample, and two metrics at the decision that its harness
    lacks.

    Attributes:
        accuracy: share of samples answered correctly.
        footprint_bytes: size of all parameters and buffers in memory.
        connection_sparsity: share of weights that are 0; biases do not count as weights.
        activation_sparsity: share of neurons and timesteps without a spike, including the output layer. A neuron that
            fires again in a timestep counts again.
        dense_operations: synapses times timesteps: the operations if every neuron fired in every timestep.
        effective_macs: multiply-accumulates, from inputs that are currents, over nonzero weights.
        effective_acs: accumulates, from spikes and input events, over nonzero weights.
        decision_operations: both, up to and including the forward step of each timestep's first output spike; all of
            them in timesteps without one. None if outputs are potentials.
        decision_accuracy: share answered correctly by the outputs at that step.
    """

    accuracy: float
    footprint_bytes: int
    connection_sparsity: float
    activation_sparsity: float
    dense_operations: float
    effective_macs: float
    effective_acs: float
    decision_operations: float | None
    decision_accuracy: float | None


def neurobench(
    execution: Execution,
    network: SpikingNetwork,
    events: EventBatch | None = None,
    schedule: Schedule = LAYERED,
    *,
    seed: int = 0,
) -> NeuroBench:
    """NeuroBench's metrics of an execution of a network.

    They equal those of the harness (version 2.3) for the same network under layered inference if inputs are 0 or 1 and
    there are no pools between layers; the harness rounds the connection sparsity to four decimals. With other inputs,
    the harness counts an input of several events once, as a multiply-accumulate; with pools, it counts their outputs
    instead of their inputs. Both footprints are parameters and buffers; the harness's buffers are those of its
    framework's neurons, ours are the thresholds and time constants of a `SpikingNetwork`.

    Args:
        execution: result of `evaluate` or `simulate`.
        network: the network that was run.
        events, schedule, seed: what it was run with. Needed if some weights are 0, since executions count these as
            synapses: the network is then run again with the reference engine, counting only nonzero weights.

    Raises:
        InputError: some weights are 0 and no events are given; or network, events and schedule give another execution.
    """
    weights = [weight.detach() for weight in network.all_weights()]
    zeros, count = sum(int((w == 0).sum()) for w in weights), sum(w.numel() for w in weights)
    if execution.shape != network.shape:
        raise InputError(f"execution: is of a network of other sizes, {execution.shape.layer_sizes}")
    counted = execution if not zeros else _without_zeros(execution, network, events, schedule, seed)
    operations = counted.synaptic_operations.sum(axis=1)
    macs = counted.input_macs
    until, decided = decision_operations(counted), execution.decided(0) if execution.spiking_readout else None
    tensors = [*network.parameters(), *network.buffers()]
    return NeuroBench(
        accuracy=execution.accuracy,
        footprint_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        connection_sparsity=zeros / count,
        activation_sparsity=execution.activation_sparsity,
        dense_operations=execution.dense_operations,
        effective_macs=float(macs.mean()),
        effective_acs=float((operations - macs).mean()),
        decision_operations=None if until is None else float(until.mean()),
        decision_accuracy=None if decided is None else decided.accuracy,
    )


@torch.no_grad()
def _without_zeros(
    execution: Execution, network: SpikingNetwork, events: EventBatch | None, schedule: Schedule, seed: int
) -> Execution:
    """The same run, not counting synapses of weight 0."""
    if events is None:
        raise InputError("neurobench: give the events and the schedule too, since the network has weights of 0")
    if any(bool((weight == 0).any()) for weight in network.all_weights()[len(network.connections) :]):
        raise InputError("neurobench: cannot count effective operations of delayed or direct connections of weight 0")
    parts = [connection.fan_out(connection.weight != 0) for connection in network.layer_connections()]
    outputs = torch.zeros(network.shape.layers[-1].neurons, dtype=torch.int64)
    counting = copy.copy(network)
    counting.fan_out = lambda: torch.cat([*parts, outputs])  # type: ignore[method-assign]
    batches = events.batches(_BATCH)
    runs = [simulate(counting, batch, schedule, seed=seed, engine="reference").execution for batch in batches]
    again = Execution.concatenate([run for run in runs if run is not None])
    if again.emitted.shape != execution.emitted.shape or not np.array_equal(again.emitted, execution.emitted):
        raise InputError("neurobench: with these events, this schedule and this seed the network gives other spikes")
    return again

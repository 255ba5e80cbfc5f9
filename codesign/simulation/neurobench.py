"""What NeuroBench measures (Yik et al. 2025, doi:10.1038/s41467-025-56739-4), from an execution of a network."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch

from codesign.arguments import instance
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.late_messages import decision_operations
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.workload.events import EventBatch

_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class NeuroBench:
    """NeuroBench's algorithm metrics, those of operations per sample, and what its harness lacks: the decision.

    Attributes:
        accuracy: share of samples answered correctly.
        footprint_bytes: of all parameters and buffers, as they lie in memory.
        connection_sparsity: share of weights that are 0; biases are no weights.
        activation_sparsity: share of neurons and timesteps without a spike, the output layer's included. A neuron that
            fires again in a timestep counts again.
        dense_operations: synapses times timesteps: what there would be to do if everything fired in each timestep.
        effective_macs: multiply-accumulates, of inputs that are currents, over weights other than 0.
        effective_acs: accumulates, of spikes and input events, over weights other than 0.
        decision_operations: both, up to and with the forward step of the first output spike of each timestep; all in
            timesteps without one. None where outputs are potentials.
        decision_accuracy: share answered correctly then, by the outputs of that step.
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
    """What NeuroBench measures of an execution of a network.

    Numbers equal those of the harness (version 2.3) for the same network under layered inference where inputs are 0 or
    1 and no pools stand between layers; it rounds the connection sparsity to four decimals. Otherwise it counts an
    input of several events once, and as a multiply-accumulate, and what pools hand on, not the spikes that they get.
    Both footprints are parameters and buffers: its buffers are those of its framework's neurons, ours thresholds and
    time constants of a `SpikingNetwork`.

    Args:
        execution: what `evaluate` or `simulate` gave.
        network: what was run.
        events, schedule, seed: what it was run with. Needed where weights are 0, which executions count as synapses: it
            is then run again, by the reference engine, and only synapses with a weight are counted.

    Raises:
        InputError: weights are 0 and no events are given; or network, events and schedule give another execution.
    """
    instance("execution", execution, Execution)
    instance("network", network, SpikingNetwork)
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
    """The same run, in which synapses of weight 0 are none."""
    if events is None:
        raise InputError(
            "neurobench: the network has weights of 0, over which effective operations do not go; give the events and "
            "the schedule that it was run with too"
        )
    further = (*network.delayed_weights(), *(one.weight for one in network.direct()))
    if any(bool((weight == 0).any()) for weight in further):
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

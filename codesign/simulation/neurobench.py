"""The metrics of NeuroBench (Yik et al. 2025, doi:10.1038/s41467-025-56739-4), computed from an execution."""

from __future__ import annotations

from dataclasses import dataclass

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.execution import Execution
from codesign.simulation.further_messages import decision_operations


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
        decision_operations: operations, those over weights of 0 included, up to and including the forward step of each
            timestep's first output spike; all of them in timesteps without one. None if outputs are potentials.
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


def neurobench(execution: Execution, network: SpikingNetwork) -> NeuroBench:
    """NeuroBench's metrics of an execution, the result of `evaluate` or `simulate`, of a network.

    They equal those of the harness (version 2.3) for the same network under layered inference if inputs are 0 or 1 and
    there are no pools between layers; the harness rounds the connection sparsity to four decimals. With other inputs,
    the harness counts an input of several events once, as a multiply-accumulate; with pools, it counts their outputs
    instead of their inputs. Both footprints are parameters and buffers; the harness's buffers are those of its
    framework's neurons, ours are the thresholds and time constants of a `SpikingNetwork`.

    Raises:
        InputError: the execution is of a network of other sizes, or delayed or direct connections have weights of 0.
    """
    if execution.shape != network.shape:
        raise InputError(f"execution: is of a network of other sizes, {execution.shape.layer_sizes}")
    weights = [weight.detach() for weight in network.all_weights()]
    zeros = [int((weight == 0).sum()) for weight in weights]
    if any(zeros[len(network.connections) :]):
        raise InputError("neurobench: cannot count effective operations of delayed or direct connections of weight 0")
    over_zeros, macs = execution.operations_over_zeros, float(execution.input_macs.sum())
    operations = float(execution.synaptic_operations.sum() - over_zeros.sum())
    if macs:  # inputs are currents
        macs -= float(over_zeros[0])
    until, decided = decision_operations(execution), execution.decided(0) if execution.spiking_readout else None
    tensors = [*network.parameters(), *network.buffers()]
    return NeuroBench(
        accuracy=execution.accuracy,
        footprint_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        connection_sparsity=sum(zeros) / sum(weight.numel() for weight in weights),
        activation_sparsity=execution.activation_sparsity,
        dense_operations=execution.dense_operations,
        effective_macs=macs / execution.samples,
        effective_acs=(operations - macs) / execution.samples,
        decision_operations=None if until is None else float(until.mean()),
        decision_accuracy=None if decided is None else decided.accuracy,
    )

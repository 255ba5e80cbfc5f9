"""Messages and operations of executions over delayed and direct connections; the former follow from emitted spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from codesign.arrays import Integers
from codesign.network.skips_and_delays import DelayedShape, DirectShape
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import NOT_REACHED, Execution, MessageTable, Slice


def further_sources(shape: NetworkShape, slices: Sequence[Slice]) -> list[tuple[int, DelayedShape | DirectShape]]:
    """(slice, connection) of each further source of messages: the slices of each delayed connection's source layer,
    then those of each direct connection's. Slice −1 is the input."""
    layers = list(enumerate(_layers_of_sources(slices), -1))
    return [
        (number, connection) for connection in shape.further for number, layer in layers if layer == connection.source
    ]


def first_of_direct(shape: NetworkShape, slices: Sequence[Slice]) -> list[int]:
    """Number of each direct connection's first source in a message table; its others follow in the order of slices."""
    layers = _layers_of_sources(slices)
    counts = [layers.count(connection.source) for connection in shape.further]
    return [len(layers) + sum(counts[:at]) for at in range(len(shape.delayed), len(counts))]


def distances_of_direct(shape: NetworkShape, slices: Sequence[Slice]) -> list[int]:
    """How far each direct connection's sources lie behind those of its layer's own messages in a message table."""
    layers, firsts = _layers_of_sources(slices), first_of_direct(shape, slices)
    return [first - layers.index(direct.source) for first, direct in zip(firsts, shape.direct, strict=True)]


def _layers_of_sources(slices: Sequence[Slice]) -> list[int]:
    """The layer of each source of the messages from layer to layer: −1 for the input, then those of the slices."""
    return [-1, *(part.layer for part in slices)]


def all_messages(execution: Execution) -> MessageTable:
    """The execution's messages including those over delayed and direct connections, whose sources 1 + S + i are the
    entries i of `further_sources`. Messages are received in the step after `step`.

    Messages over delayed connections arrive at the start of a timestep: `step` and `enqueue_step` are −1. Spikes
    emitted so late that they would arrive after the last timestep are left out. The number of neurons behind them is
    not recorded; the number of spikes takes its place.
    """
    shape, table = execution.shape, execution.messages
    if not shape.further:
        return table
    tables = [table, _under_way(execution)]
    for source, (target, spikes) in enumerate(_arriving(execution), 1 + len(execution.slices)):
        sample, timestep = np.nonzero(spikes)
        count = spikes[sample, timestep]
        operations = count * shape.layers[target].neurons
        columns = np.broadcast_arrays(sample, timestep, -1, source, -1, count, count, operations, 0)
        tables.append(MessageTable.of(columns))
    joined = np.concatenate([[*each.columns.values()] for each in tables], axis=1)
    return MessageTable.of(joined[:, np.lexsort(joined[4::-1])])


def decision_operations(execution: Execution) -> Integers | None:
    """(B,) synaptic operations up to and including the step of each timestep's first output spike; None for potentials.

    Spikes that leave in step k are added in step k + 1, and the first output spike of a timestep is emitted in step
    `steps_to_first_output` − 1.
    """
    if not execution.spiking_readout:
        return None
    table = all_messages(execution)
    reached = execution.steps_to_first_output[table.sample, table.timestep]
    counts = (reached == NOT_REACHED) | (table.step <= reached - 2)
    sums = np.zeros(execution.samples, dtype=np.int64)
    np.add.at(sums, table.sample[counts], table.synaptic_operations[counts])
    return sums


def _under_way(execution: Execution) -> MessageTable:
    """Messages over direct connections, with `step` set to the step before they arrive."""
    table, slices = execution.direct_messages, execution.slices
    further = further_sources(execution.shape, slices)
    detour = np.array([connection.detour for _, connection in further], dtype=np.int64)
    return replace(table, step=table.step + detour[table.source - 1 - len(slices)])


def with_further(execution: Execution, *, currents: bool) -> Execution:
    """An engine's execution with its messages over direct connections set apart and sorted, and with the operations
    over delayed and direct ones; `currents` says whether inputs are currents."""
    messages = execution.messages
    is_direct = messages.source > len(execution.slices)
    direct = messages.where(is_direct)
    keys = (getattr(direct, name) for name in ("enqueue_step", "source", "step", "timestep", "sample"))
    direct = direct.where(np.lexsort(tuple(keys)))
    execution = replace(execution, messages=messages.where(~is_direct), direct_messages=direct)
    delayed = np.zeros_like(execution.synaptic_operations)
    for layer, spikes in _arriving(execution):
        delayed[:, layer] += spikes.sum(axis=1) * execution.shape.layers[layer].neurons
    directly, of_input = direct_operations(execution)
    return replace(
        execution,
        input_macs=execution.input_macs + of_input * currents,
        synaptic_operations=execution.synaptic_operations + delayed + directly,
        delayed_operations=delayed,
    )


def direct_operations(execution: Execution) -> tuple[Integers, Integers]:
    """(B, L) synaptic operations over direct connections, by the receiving layer, and (B,) those from the input."""
    table, shape, slices = execution.direct_messages, execution.shape, execution.slices
    operations = np.zeros((execution.samples, len(shape.layers)), dtype=np.int64)
    of_input = np.zeros(execution.samples, dtype=np.int64)
    if shape.direct:
        further = further_sources(shape, slices)
        source, target = np.array([(number, connection.target) for number, connection in further]).T
        number = table.source - 1 - len(slices)
        np.add.at(operations, (table.sample, target[number]), table.synaptic_operations)
        np.add.at(of_input, table.sample, table.synaptic_operations * (source[number] < 0))
    return operations, of_input


def _arriving(execution: Execution) -> list[tuple[int, Integers]]:
    """For each of `further_sources`, its target layer and the (B, T) spikes that arrive from it in each timestep."""
    shape, slices, updates = execution.shape, execution.slices, execution.updates
    emitted = np.zeros((execution.samples, execution.timesteps, len(slices)), dtype=np.int64)
    np.add.at(emitted, (updates.sample, updates.timestep, updates.slice), updates.emitted)
    ran = np.arange(execution.timesteps) < execution.timesteps_run[:, None]
    spikes = []
    for number, connection in further_sources(shape, slices):
        if connection.delay:
            arriving = np.zeros_like(emitted[:, :, number])
            arriving[:, connection.delay :] = emitted[:, : -connection.delay, number]
            spikes.append((connection.target, arriving * ran))
    return spikes

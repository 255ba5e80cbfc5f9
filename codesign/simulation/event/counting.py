"""Counters of a run, as `codesign.simulation.execution` defines them. Tables come out in their final order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.evaluation import DECISIONS
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import MESSAGE_COLUMNS, MESSAGES, UPDATE_COLUMNS, UPDATES
from codesign.simulation.event.vector import LANES, exceeding, lanes_set, unsigned_index

__all__ = [
    "begin_counting",
    "begin_counting_pass",
    "count_departures",
    "count_evaluations",
    "count_pass",
    "end_counting",
]

_NEURONS, _SPIKES, _OPERATIONS, _BARRIERS = range(4)
_ENQUEUE_BITS = 32
_PLACE_BITS = 4
_NOBODY = np.int64((1 << 63) - 1)
"""Behind every key."""


@section(types.none, when=lambda rules, neuron: rules.recorded)
def begin_counting(rules: Any, out: Any, sample: Any) -> None:
    """Forget what an earlier try at this sample, which found no room, has counted."""
    counters = out.counters
    counters.timesteps_run[sample] = 0
    counters.forward_steps[sample, :] = 0
    counters.contended_steps[sample, :] = 0
    counters.steps_to_first[sample, :] = -1
    counters.spikes_to_first[sample, :] = -1
    counters.spikes_to_stop[sample, :] = 0
    counters.convergence[sample, :, :] = 0
    counters.operations[sample, :] = 0
    counters.active[sample, :, :] = 0
    counters.evaluations[sample, :] = 0
    counters.propagated[sample, :] = 0
    counters.barriers[sample, :] = 0
    counters.ticks[sample, :] = 0
    counters.residual[sample, :] = 0
    counters.sample_currents[:, :] = 0


@section(types.none, when=lambda rules, neuron: rules.recorded)
def end_counting(network: Any, rules: Any, state: Any, out: Any, sample: Any, first: Any) -> None:
    """Count potentials that are left, and add up the sample's messages, in rows from `first` on, and what is counted by
    batch."""
    slices, u, counters = network.slices, state.cells.u, out.counters
    for row in range(first, out.ends[MESSAGES]):
        at = unsigned_index(row * MESSAGE_COLUMNS)
        source, target, table = unsigned_index(counters.messages[at + 3]), np.int64(0), counters.messages
        if source > len(slices.layer):  # over a direct connection
            continue
        if source > 0:
            layer = unsigned_index(slices.layer[unsigned_index(source - 1)])
            target = layer + 1
            counters.propagated[sample, layer] += table[at + 6]
            counters.barriers[sample, layer] += table[at + 8]
        if target < counters.operations.shape[1]:
            counters.operations[sample, target] += table[at + 7]
    for position in range(len(network.wiring.position_slot)):
        slot = np.int64(network.wiring.position_slot[position])
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            left = 0
            for at in range(slot, slot + slices.run_count[run]):
                left += u[at] != 0
            counters.residual[sample, slices.run_slice[run]] += left
            slot += slices.run_count[run]
    for row in range(counters.currents.shape[0]):
        for number in range(counters.currents.shape[1]):
            counters.currents[row, number] += counters.sample_currents[row, number]


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def begin_counting_pass(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> Any:
    """Count potentials that are not 0, or were not before they were truncated, and a frame that is delivered at once;
    returns whether there was room."""
    counting, counters, slices = state.counting, out.counters, network.slices
    counting.heard[:] = 0
    counting.heard_before[:] = 0
    counting.met[:] = 0
    for position in range(len(counting.met)):
        slot = np.int64(network.wiring.position_slot[position])
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            active = 0
            if rules.truncates:  # a loop of its own: the other one is compiled to vectors
                active = _count_truncated(state, slot, slot + slices.run_count[run])
            else:
                for at in range(slot, slot + slices.run_count[run]):
                    counting.active[at] = state.cells.u[at] != 0
                    active += counting.active[at]
            counters.active[frame.sample, frame.timestep, slices.run_slice[run]] += active
            slot += slices.run_count[run]
    if rules.queued:
        return True
    inputs = spikes = operations = 0
    for entry in range(frame.begin, frame.end):
        value, delivered = input_.values[entry], input_.kept[entry - frame.kept_from]
        if value != 0:
            inputs += 1
            spikes += 1 if rules.currents else np.int64(value)
            arrived = np.int64(delivered != 0) if rules.currents else np.int64(delivered)
            operations += network.wiring.fan_out[input_.indices[entry]] * arrived
    if inputs == 0:
        return True
    row = unsigned_index(out.ends[MESSAGES])
    if not _fits(counters.messages, MESSAGE_COLUMNS, row, 1):
        return False
    out.ends[MESSAGES] += 1
    _write_keys(counters.messages, row, frame, np.int64(-1), np.int64(0))
    _write_sums(counters.messages, row, inputs, spikes, operations, 0)
    return True


@routine
def _count_truncated(state: Any, first: Any, end: Any) -> Any:
    """Potentials of slots that are not 0, or were not before they were truncated, which `active` says beforehand."""
    counting, active = state.counting, 0
    for at in range(first, end):
        if state.cells.u[at] != 0:
            counting.active[at] = 1
        active += counting.active[at]
    return active


@leaf
def _fits(table: Any, columns: Any, row: Any, rows: Any) -> Any:
    """Whether a table has room for so many rows from `row` on."""
    return (row + rows) * columns <= len(table)


@leaf
def _write_keys(table: Any, row: Any, frame: Any, step: Any, key: Any) -> None:
    """The first columns of a row of the message table, of which `_key` makes the last two."""
    at = row * MESSAGE_COLUMNS
    table[at] = frame.sample
    table[at + 1] = frame.timestep
    table[at + 2] = step
    table[at + 3] = key >> _ENQUEUE_BITS
    table[at + 4] = (key & ((1 << _ENQUEUE_BITS) - 1)) - 1


@leaf
def _write_sums(table: Any, row: Any, neurons: Any, spikes: Any, operations: Any, barriers: Any) -> None:
    at = row * MESSAGE_COLUMNS + 5
    table[at] = neurons
    table[at + 1] = spikes
    table[at + 2] = operations
    table[at + 3] = barriers


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def count_evaluations(network: Any, rules: Any, frame: Any, step: Any, decided: Any, state: Any, out: Any) -> Any:
    """Count a step's evaluations and spikes, of which `CounterState.slice_sums` has the sums; returns whether there was
    room."""
    counters, outputs = out.counters, state.fired.outputs
    sample, timestep = frame.sample, frame.timestep
    counters.forward_steps[sample, timestep] += 1
    sums, row, table = state.counting.slice_sums, out.ends[UPDATES], counters.updates
    if not _fits(table, UPDATE_COLUMNS, row, len(sums)):
        return False
    for place in range(len(sums)):  # a row without evaluations is written over
        at = unsigned_index(row) * UPDATE_COLUMNS
        table[at] = sample
        table[at + 1] = timestep
        table[at + 2] = step
        table[at + 3] = place
        table[at + 4] = sums[place, 0]
        table[at + 5] = sums[place, 1]
        counters.evaluations[sample, network.slices.layer[place]] += sums[place, 0]
        row += sums[place, 0] > 0
    out.ends[UPDATES] = row
    if decided >= 0:
        if decided == step and state.fired.tally[DECISIONS] > 0:
            counters.steps_to_first[sample, timestep] = step + 1
            counters.spikes_to_first[sample, timestep] = counters.spikes_to_stop[sample, timestep]
        if step - decided < counters.convergence.shape[1]:
            for output in range(len(outputs)):
                counters.convergence[sample, step - decided, output] += outputs[output]
    return True


@section(types.none, when=lambda rules, neuron: rules.recorded)
def count_pass(rules: Any, state: Any, out: Any, sample: Any, decided: Any, steps: Any) -> None:
    """Steps that the pass did not need keep its last outputs."""
    outputs, counters = state.fired.outputs, out.counters
    counters.timesteps_run[sample] += 1
    if decided >= 0:
        for m in range(steps - decided, counters.convergence.shape[1]):
            for output in range(len(outputs)):
                counters.convergence[sample, m, output] += outputs[output]


@leaf
def _departure(network: Any, rules: Any, i: Any, chosen: Any, step: Any, state: Any) -> Any:
    """What leaves in place `i`, of `ordered` or behind them of `senders`: key of its row, spikes, and operations."""
    queue = state.queue
    if i >= chosen:
        return _key(network, unsigned_index(state.gates.senders[i - chosen]), step), np.int64(0), np.int64(0)
    source = unsigned_index(queue.ordered[unsigned_index(i)])
    if source < rules.inputs:
        key = np.int64(0)
        spikes = np.int64(1) if rules.currents else np.int64(queue.frame_left[source])
        delivered = np.int64(queue.kept[i] != 0) if rules.currents else np.int64(queue.kept[i])
    else:
        key = _key(network, source, queue.enqueue_step[source])
        spikes = np.int64(queue.spikes[source])
        delivered = spikes if rules.single_spikes else np.int64(queue.kept[i])
    return key, spikes, network.wiring.fan_out[source] * delivered


@leaf
def _key(network: Any, source: Any, enqueued: Any) -> Any:
    """Rows of a step are in the order of these: by slice, then by the step of enqueueing; the input's comes first."""
    return ((1 + np.int64(network.slices.of_source[source])) << _ENQUEUE_BITS) + np.int64(enqueued) + 1


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def count_departures(
    network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any
) -> Any:
    """Count what leaves in a step; returns whether there was room."""
    if chosen + senders <= LANES:
        return _count_few(network, rules, frame, step, chosen, senders, state, out)
    keys, sums = state.counting.group_keys, state.counting.group_sums
    groups = left = 0
    for i in range(chosen + senders):
        key, spikes, operations = _departure(network, rules, i, chosen, step, state)
        left += spikes if key > 0 else 0
        group = groups - 1
        while group >= 0 and keys[group] != key:
            group -= 1
        if group < 0:
            group = groups
            groups += 1
            keys[group] = key
            for column in range(4):
                sums[group, column] = 0
        sums[group, _NEURONS] += i < chosen
        sums[group, _SPIKES] += spikes
        sums[group, _OPERATIONS] += operations
        sums[group, _BARRIERS] += i >= chosen
    row, table = unsigned_index(out.ends[MESSAGES]), out.counters.messages
    if not _fits(table, MESSAGE_COLUMNS, row, groups):
        return False
    for _ in range(groups):  # ascending: there are few groups
        least = 0
        for group in range(groups):
            if keys[group] >= 0 and (keys[least] < 0 or keys[group] < keys[least]):
                least = group
        _write_keys(table, row, frame, step, keys[least])
        _write_sums(table, row, sums[least, 0], sums[least, 1], sums[least, 2], sums[least, 3])
        keys[least] = -1
        row += 1
    out.ends[MESSAGES] = row
    out.counters.spikes_to_stop[frame.sample, frame.timestep] += left
    return True


@routine
def _count_few(network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any) -> Any:
    """As `count_departures`, of no more than a vector: their places are found by counting lower keys, so that no branch
    depends on these."""
    leaving, table = state.counting.leaving, out.counters.messages
    count, row, left = chosen + senders, out.ends[MESSAGES] - 1, 0
    if not _fits(table, MESSAGE_COLUMNS, row + 1, count):
        return False
    for i in range(count):
        key, spikes, operations = _departure(network, rules, i, chosen, step, state)
        left += spikes if key > 0 else 0
        place = unsigned_index(i)
        leaving.keys[place] = (key << _PLACE_BITS) + i
        leaving.spikes[place] = spikes
        leaving.operations[place] = operations
    for i in range(count, LANES):
        leaving.keys[unsigned_index(i)] = _NOBODY
    for i in range(count):
        above = lanes_set(exceeding(leaving.keys, 0, leaving.keys[unsigned_index(i)]))
        leaving.order[unsigned_index(LANES - 1 - above)] = i
    before = np.int64(-1)
    neurons = spikes = operations = barriers = np.int64(0)
    for place in range(count):
        i = unsigned_index(leaving.order[unsigned_index(place)])
        key = leaving.keys[i] >> _PLACE_BITS
        goes_on = np.int64(key == before)
        neurons = goes_on * neurons + (i < chosen)
        spikes = goes_on * spikes + leaving.spikes[i]
        operations = goes_on * operations + leaving.operations[i]
        barriers = goes_on * barriers + (i >= chosen)
        row += 1 - goes_on
        _write_keys(table, unsigned_index(row), frame, step, key)
        _write_sums(table, unsigned_index(row), neurons, spikes, operations, barriers)
        before = key
    out.ends[MESSAGES] = row + 1
    out.counters.spikes_to_stop[frame.sample, frame.timestep] += left
    return True

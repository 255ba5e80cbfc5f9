"""Counters of a run, as `codesign.simulation.execution` defines them. Tables come out in their final order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.evaluation import DECISIONS
from codesign.simulation.event.numbers import exceeding, reaching, total_of
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import MESSAGES, UPDATES
from codesign.simulation.event.tables import write_message, write_update
from codesign.simulation.event.tallies import heard_apart
from codesign.simulation.event.vector import LANES, lanes_set, lowest_lane, unsigned_index

_NEURONS, _SPIKES, _OPERATIONS, _BARRIERS = range(4)
_ENQUEUE_BITS = 32


@section(types.none, when=lambda rules, neuron: rules.recorded)
def begin_counting(rules: Any, state: Any, out: Any, sample: Any) -> None:
    """Forget what an earlier try at this sample, which found no room, has counted."""
    counting, counters = state.counting, out.counters
    counting.sent[:, :] = 0
    counting.evaluated[:] = 0
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
def end_counting(network: Any, rules: Any, state: Any, out: Any, sample: Any) -> None:
    """Count potentials that are left, note where the sample's rows end, and add up what is counted otherwise."""
    slices, u, counting, counters = network.slices, state.cells.u, state.counting, out.counters
    counters.rows[sample, 0] = out.ends[MESSAGES]
    counters.rows[sample, 1] = out.ends[UPDATES]
    counters.operations[sample, 0] += counting.sent[0, 1]
    for place in range(len(slices.layer)):
        layer = slices.layer[place]
        counters.evaluations[sample, layer] += counting.evaluated[place]
        counters.propagated[sample, layer] += counting.sent[place + 1, 0]
        counters.barriers[sample, layer] += counting.sent[place + 1, 2]
        if layer + 1 < counters.operations.shape[1]:
            counters.operations[sample, layer + 1] += counting.sent[place + 1, 1]
    for position in range(len(network.wiring.position_slot)):
        slot = np.int64(network.wiring.position_slot[position])
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            left = 0
            for at in range(slot, slot + slices.run_count[run]):
                left += u[at] != 0
            counters.residual[sample, slices.run_slice[run]] += left
            slot += slices.run_count[run]
    for m in range(1, counters.convergence.shape[1]):  # until here, by how much each is more than the one before
        for output in range(counters.convergence.shape[2]):
            counters.convergence[sample, m, output] += counters.convergence[sample, m - 1, output]
    for row in range(counters.currents.shape[0]):
        for number in range(counters.currents.shape[1]):
            counters.currents[row, number] += counters.sample_currents[row, number]


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def begin_counting_pass(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> Any:
    """Count potentials that are not 0, or were not before they were truncated, and a frame that is delivered at once;
    returns whether there was room."""
    counting, counters, slices = state.counting, out.counters, network.slices
    counting.heard[:] = 0
    if heard_apart(rules):
        counting.heard_before[:] = 0
    counting.met[:] = 0
    for position in range(len(counting.met)):
        slot = np.int64(network.wiring.position_slot[position])
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            found = _find_active(rules, slot, slot + slices.run_count[run], state)
            counters.active[frame.sample, frame.timestep, slices.run_slice[run]] += found
            counting.found[run] = found
            slot += slices.run_count[run]
    if rules.queued:
        return True
    inputs = spikes = operations = 0
    for entry in range(frame.begin, frame.end):  # without a branch that depends on the entries
        value, delivered = input_.values[entry], input_.kept[entry - frame.kept_from]
        inputs += value != 0
        spikes += np.int64(value != 0) if rules.currents else np.int64(value)
        arrived = np.int64(delivered != 0) if rules.currents else np.int64(delivered)
        operations += network.wiring.fan_out[input_.indices[entry]] * arrived
    row = out.ends[MESSAGES]
    if inputs == 0:
        return True
    if row == len(counters.messages):
        return False
    _add_message(counting, counters.messages, row, frame, np.int64(-1), np.int64(0), (inputs, spikes, operations, 0))
    out.ends[MESSAGES] += 1
    return True


@leaf
def _find_active(rules: Any, first: Any, end: Any, state: Any) -> Any:
    """How many of these slots have a potential that is not 0, or had one before it was truncated, as `active` says."""
    u, active, found = state.cells.u, state.counting.active, 0
    if rules.truncates:
        for at in range(first, end):
            if u[at] != 0:
                active[at] = 1
            found += active[at]
    elif rules.masked:
        for at in range(first, end):
            active[at] = u[at] != 0
            found += active[at]
    else:  # nobody asks which
        for at in range(first, end):
            found += u[at] != 0
    return found


@leaf
def _add_message(counting: Any, table: Any, row: Any, frame: Any, step: Any, key: Any, sums: Any) -> None:
    """Write a row of the message table, and add it to what its source has sent."""
    source = unsigned_index(key >> _ENQUEUE_BITS)
    write_message(table, row, frame, step, source, (key & ((1 << _ENQUEUE_BITS) - 1)) - 1, sums)
    counting.sent[source, 0] += sums[1]
    counting.sent[source, 1] += sums[2]
    counting.sent[source, 2] += sums[3]


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def count_evaluations(network: Any, rules: Any, frame: Any, step: Any, decided: Any, state: Any, out: Any) -> Any:
    """Count a step's evaluations and spikes, of which `CounterState.slice_sums` has the sums; returns whether there was
    room."""
    counters, outputs = out.counters, state.fired.outputs
    sample, timestep = frame.sample, frame.timestep
    counters.forward_steps[sample, timestep] += 1
    sums, row, table = state.counting.slice_sums, out.ends[UPDATES], counters.updates
    if row + len(sums) > len(table):
        return False
    for place in range(len(sums)):  # a row without evaluations is written over
        write_update(table, row, frame, step, place, sums[place, 0], sums[place, 1])
        state.counting.evaluated[place] += sums[place, 0]
        row += sums[place, 0] > 0
    out.ends[UPDATES] = row
    if decided >= 0:
        if decided == step and state.fired.tally[DECISIONS] > 0:
            counters.steps_to_first[sample, timestep] = step + 1
            counters.spikes_to_first[sample, timestep] = counters.spikes_to_stop[sample, timestep]
        _add_convergence(counters.convergence, sample, step - decided, outputs, 1)
        _add_convergence(counters.convergence, sample, step - decided + 1, outputs, -1)
    return True


@section(types.none, when=lambda rules, neuron: rules.recorded)
def count_pass(rules: Any, state: Any, out: Any, sample: Any, decided: Any, steps: Any) -> None:
    """Steps that the pass did not need keep its last outputs."""
    counters = out.counters
    counters.timesteps_run[sample] += 1
    if decided >= 0:
        _add_convergence(counters.convergence, sample, steps - decided, state.fired.outputs, 1)


@leaf
def _add_convergence(convergence: Any, sample: Any, m: Any, outputs: Any, factor: Any) -> None:
    """Add to the outputs `m` steps after the first and to all later ones, see `end_counting`."""
    if m < convergence.shape[1]:
        for output in range(len(outputs)):
            convergence[sample, m, output] += factor * outputs[output]


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
    row, table = out.ends[MESSAGES], out.counters.messages
    if row + groups > len(table):
        return False
    for _ in range(groups):  # ascending: there are few groups
        least = 0
        for group in range(groups):
            if keys[group] >= 0 and (keys[least] < 0 or keys[group] < keys[least]):
                least = group
        those = sums[least, 0], sums[least, 1], sums[least, 2], sums[least, 3]
        _add_message(state.counting, table, row, frame, step, keys[least], those)
        keys[least] = -1
        row += 1
    out.ends[MESSAGES] = row
    out.counters.spikes_to_stop[frame.sample, frame.timestep] += left
    return True


@routine
def _count_few(network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any) -> Any:
    """As `count_departures`, of no more than a vector: which share a row, and the row's place, is found by comparing
    whole vectors of keys."""
    leaving, table = state.counting.leaving, out.counters.messages
    keys, count, row, left = leaving.keys, chosen + senders, out.ends[MESSAGES], np.int64(0)
    if row + count > len(table):
        return False
    for i in range(count):
        key, spikes, operations = _departure(network, rules, i, chosen, step, state)
        left += spikes if key > 0 else 0
        place = unsigned_index(i)
        keys[place] = key
        leaving.spikes[place] = spikes
        leaving.operations[place] = operations
    firsts = np.int64(0)  # of those that share a row
    for i in range(count):
        key = keys[unsigned_index(i)]
        same = reaching(keys, 0, key) ^ exceeding(keys, 0, key)
        firsts |= (same & -same) & (np.int64(1) << i)
    everybody, among_chosen, remaining = (np.int64(1) << count) - 1, (np.int64(1) << chosen) - 1, firsts
    while remaining != 0:
        key = keys[unsigned_index(lowest_lane(remaining))]
        remaining &= remaining - 1
        not_below = reaching(keys, 0, key)
        same = (not_below ^ exceeding(keys, 0, key)) & everybody
        spikes, operations = total_of(leaving.spikes, 0, same), total_of(leaving.operations, 0, same)
        those = lanes_set(same & among_chosen), spikes, operations, lanes_set(same & ~among_chosen)
        _add_message(state.counting, table, row + lanes_set(firsts & ~not_below), frame, step, key, those)
    out.ends[MESSAGES] = row + lanes_set(firsts)
    out.counters.spikes_to_stop[frame.sample, frame.timestep] += left
    return True

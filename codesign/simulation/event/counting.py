"""Counters of a run, as `codesign.simulation.execution` defines them. Tables come out in their final order."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.evaluation import DECISIONS, FIRED
from codesign.simulation.event.structures import MESSAGES, UPDATES

__all__ = [
    "begin_counting",
    "begin_counting_pass",
    "count_departures",
    "count_evaluations",
    "count_pass",
    "end_counting",
    "tally",
]

_NEURONS, _SPIKES, _OPERATIONS, _BARRIERS = range(4)
_ENQUEUE_BITS = 32


@routine
def begin_counting(counters: Any, sample: Any) -> None:
    """Forget what an earlier try at this sample, which found no room, has counted."""
    counters.timesteps_run[sample] = 0
    counters.forward_steps[sample, :] = 0
    counters.contended_steps[sample, :] = 0
    counters.steps_to_first[sample, :] = -1
    counters.spikes_to_first[sample, :] = -1
    counters.spikes_to_stop[sample, :] = 0
    counters.convergence[sample, :, :] = 0
    counters.operations[sample, :] = 0
    counters.active[sample, :, :] = 0
    counters.ticks[sample, :] = 0
    counters.residual[sample, :] = 0
    counters.sample_currents[:, :] = 0


@routine
def end_counting(network: Any, state: Any, counters: Any, sample: Any) -> None:
    """Count potentials that are left, and add up what is counted by batch."""
    slices, u = network.slices, state.cells.u
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


@routine
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
    row = out.ends[MESSAGES]
    if row >= counters.messages.shape[1]:
        return False
    out.ends[MESSAGES] += 1
    counters.operations[frame.sample, 0] += operations
    _write_keys(counters.messages, row, frame.sample, frame.timestep, -1, 0, -1)
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
def _write_keys(table: Any, row: Any, sample: Any, timestep: Any, step: Any, source: Any, enqueue_step: Any) -> None:
    table[0, row] = sample
    table[1, row] = timestep
    table[2, row] = step
    table[3, row] = source
    table[4, row] = enqueue_step


@leaf
def _write_sums(table: Any, row: Any, neurons: Any, spikes: Any, operations: Any, barriers: Any) -> None:
    table[5, row] = neurons
    table[6, row] = spikes
    table[7, row] = operations
    table[8, row] = barriers


@routine
def tally(network: Any, state: Any, touched: Any) -> None:
    """Evaluations and spikes of a step by slice, into `CounterState.slice_sums`."""
    wiring, slices = network.wiring, network.slices
    counting, sums = state.counting, state.counting.slice_sums
    for place in range(len(sums)):
        sums[place, 0] = 0
        sums[place, 1] = 0
    for i in range(touched):
        position = np.int64(state.arrivals.touched[i])
        channels = np.int64(wiring.layer_channels[wiring.position_layer[position]])
        if counting.evaluations[i] == channels:
            for run in range(slices.run_start[position], slices.run_start[position + 1]):
                sums[slices.run_slice[run], 0] += slices.run_count[run]
        elif counting.evaluations[i] > 0:  # only in a gated step; which neurons, `Gates.evaluated` knows
            slot = np.int64(wiring.position_slot[position])
            for at in range(slot, slot + channels):
                if state.gates.evaluated[at] != 0:
                    sums[slices.of_source[wiring.slot_source[at]], 0] += 1
    for i in range(state.fired.tally[FIRED]):
        emitted = state.fired.emitted[i] if network.neuron.bursts else 1
        sums[slices.of_source[state.fired.sources[i]], 1] += emitted


@routine
def _count_active(network: Any, frame: Any, position: Any, evaluations: Any, state: Any, counters: Any) -> None:
    """Neurons of a position that are evaluated, and were neither before in this pass nor had a potential then."""
    wiring, slices, counting = network.wiring, network.slices, state.counting
    slot = np.int64(wiring.position_slot[position])
    channels = np.int64(wiring.layer_channels[wiring.position_layer[position]])
    if evaluations == channels:
        counting.met[position] = 1
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            active = 0
            for at in range(slot, slot + slices.run_count[run]):
                active += counting.active[at]
            place = slices.run_slice[run]
            counters.active[frame.sample, frame.timestep, place] += slices.run_count[run] - active
            slot += slices.run_count[run]
    else:
        for at in range(slot, slot + channels):
            if state.gates.evaluated[at] != 0 and counting.active[at] == 0:
                counting.active[at] = 1
                place = slices.of_source[wiring.slot_source[at]]
                counters.active[frame.sample, frame.timestep, place] += 1


@routine
def count_evaluations(network: Any, frame: Any, step: Any, touched: Any, decided: Any, state: Any, out: Any) -> Any:
    """Count a step's evaluations and spikes, of which `tally` has the sums; returns whether there was room."""
    counters, counting, outputs = out.counters, state.counting, state.fired.outputs
    sample, timestep = frame.sample, frame.timestep
    counters.forward_steps[sample, timestep] += 1
    for i in range(touched):
        position = np.int64(state.arrivals.touched[i])
        counting.heard[position] += state.arrivals.spikes[position]
        if counting.evaluations[i] > 0 and counting.met[position] == 0:
            _count_active(network, frame, position, counting.evaluations[i], state, counters)
    _count_currents(network, state, counters)
    sums, row = counting.slice_sums, out.ends[UPDATES]
    for place in range(len(sums)):
        if sums[place, 0] > 0:
            if row >= counters.updates.shape[1]:
                return False
            counters.updates[0, row] = sample
            counters.updates[1, row] = timestep
            counters.updates[2, row] = step
            counters.updates[3, row] = place
            counters.updates[4, row] = sums[place, 0]
            counters.updates[5, row] = sums[place, 1]
            row += 1
    out.ends[UPDATES] = row
    if decided >= 0:
        if decided == step and state.fired.tally[DECISIONS] > 0:
            counters.steps_to_first[sample, timestep] = step + 1
            counters.spikes_to_first[sample, timestep] = counters.spikes_to_stop[sample, timestep]
        if step - decided < counters.convergence.shape[1]:
            for output in range(len(outputs)):
                counters.convergence[sample, step - decided, output] += outputs[output]
    return True


@routine
def _count_currents(network: Any, state: Any, counters: Any) -> None:
    """How many spike messages each neuron that fired has heard since it fired last."""
    wiring, counting = network.wiring, state.counting
    bins = counters.sample_currents.shape[1]
    for i in range(state.fired.tally[FIRED]):
        source = np.int64(state.fired.sources[i])
        slot = np.int64(wiring.source_slot[source])
        layer = np.int64(wiring.source_layer[source]) - 1
        # positions are numbered layer by layer in the order of their slots
        position = np.int64(wiring.layer_positions[layer]) + (
            slot - np.int64(wiring.position_slot[wiring.layer_positions[layer]])
        ) // np.int64(wiring.layer_width[layer])
        heard = counting.heard[position] - counting.heard_before[slot]
        counting.heard_before[slot] = counting.heard[position]
        counters.sample_currents[0 if layer == 0 else 1, min(max(heard, 0), bins - 1)] += 1


@routine
def count_pass(state: Any, counters: Any, sample: Any, decided: Any, steps: Any) -> None:
    """Steps that the pass did not need keep its last outputs."""
    outputs = state.fired.outputs
    counters.timesteps_run[sample] += 1
    if decided >= 0:
        for m in range(steps - decided, counters.convergence.shape[1]):
            for output in range(len(outputs)):
                counters.convergence[sample, m, output] += outputs[output]


@leaf
def _add_departure(network: Any, rules: Any, frame: Any, i: Any, group: Any, state: Any, counters: Any) -> None:
    """Count the source in place `i` of `ordered` as it leaves, in a group of rows."""
    queue, sums = state.queue, state.counting.group_sums
    source = np.int64(queue.ordered[i])
    if source < rules.inputs:
        spikes = np.int64(1) if rules.currents else np.int64(queue.frame_left[source])
        delivered = np.int64(queue.kept[i] != 0) if rules.currents else np.int64(queue.kept[i])
    else:
        spikes = np.int64(queue.spikes[source])
        delivered = spikes if rules.single_spikes else np.int64(queue.kept[i])
        counters.spikes_to_stop[frame.sample, frame.timestep] += spikes
    operations = network.wiring.fan_out[source] * delivered
    sums[group, _NEURONS] += 1
    sums[group, _SPIKES] += spikes
    sums[group, _OPERATIONS] += operations
    target = np.int64(network.wiring.source_layer[source])
    if target < len(network.wiring.layer_width):
        counters.operations[frame.sample, target] += operations


@routine
def count_departures(
    network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any
) -> Any:
    """Count what leaves in a step; returns whether there was room."""
    queue, keys, sums = state.queue, state.counting.group_keys, state.counting.group_sums
    groups = 0
    for i in range(chosen + senders):
        source = np.int64(queue.ordered[i] if i < chosen else state.gates.senders[i - chosen])
        key = np.int64(0)
        if source >= rules.inputs:
            enqueued = np.int64(queue.enqueue_step[source]) if i < chosen else np.int64(step)
            key = ((1 + np.int64(network.slices.of_source[source])) << _ENQUEUE_BITS) + enqueued + 1
        group = groups - 1
        while group >= 0 and keys[group] != key:
            group -= 1
        if group < 0:
            group = groups
            groups += 1
            keys[group] = key
            for column in range(4):
                sums[group, column] = 0
        if i < chosen:
            _add_departure(network, rules, frame, i, group, state, out.counters)
        else:
            sums[group, _BARRIERS] += 1
    row, table = out.ends[MESSAGES], out.counters.messages
    if row + groups > table.shape[1]:
        return False
    for _ in range(groups):  # ascending: there are few groups
        least = 0
        for group in range(groups):
            if keys[group] >= 0 and (keys[least] < 0 or keys[group] < keys[least]):
                least = group
        source, enqueued = keys[least] >> _ENQUEUE_BITS, (keys[least] & ((1 << _ENQUEUE_BITS) - 1)) - 1
        keys[least] = -1
        _write_keys(table, row, frame.sample, frame.timestep, step, source, enqueued)
        _write_sums(table, row, sums[least, 0], sums[least, 1], sums[least, 2], sums[least, 3])
        row += 1
    out.ends[MESSAGES] = row
    return True

"""Counters of a run, as `codesign.simulation.execution` defines them. Tables come out in their final order."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, part
from codesign.simulation.event.evaluation import DECISIONS, FIRED
from codesign.simulation.event.memory import MESSAGES, UPDATES

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


@part
def begin_counting(counters: Any, sample: Any) -> None:
    """Forget what an earlier try at this sample, which found no room, has counted."""
    counters.forward_steps[sample, :] = 0
    counters.steps_to_first[sample, :] = -1
    counters.spikes_to_first[sample, :] = -1
    counters.spikes_to_stop[sample, :] = 0
    counters.convergence[sample, :, :] = 0
    counters.operations[sample, :] = 0
    counters.active[sample, :, :] = 0
    counters.residual[sample, :] = 0
    counters.sample_currents[:, :] = 0


@part
def end_counting(wiring: Any, parameters: Any, state: Any, counters: Any, sample: Any) -> None:
    """Count potentials that are left, and add up what is counted by batch."""
    for position in range(len(state.met)):
        slot = np.int64(wiring.position_slot[position])
        for run in range(parameters.run_start[position], parameters.run_start[position + 1]):
            left = 0
            for at in range(slot, slot + parameters.run_count[run]):
                left += state.u[at] != 0
            counters.residual[sample, parameters.run_slice[run]] += left
            slot += parameters.run_count[run]
    for row in range(counters.currents.shape[0]):
        for number in range(counters.currents.shape[1]):
            counters.currents[row, number] += counters.sample_currents[row, number]


@part
def begin_counting_pass(
    wiring: Any,
    parameters: Any,
    rules: Any,
    input_: Any,
    begin: Any,
    end: Any,
    kept: Any,
    kept_from: Any,
    state: Any,
    counters: Any,
    sample: Any,
    timestep: Any,
    ends: Any,
) -> Any:
    """Count potentials that are not 0, and a frame that is delivered at once; returns whether there was room."""
    state.heard[:] = 0
    state.heard_before[:] = 0
    state.met[:] = 0
    for position in range(len(state.met)):
        slot = np.int64(wiring.position_slot[position])
        for run in range(parameters.run_start[position], parameters.run_start[position + 1]):
            active = 0
            for at in range(slot, slot + parameters.run_count[run]):
                state.active[at] = state.u[at] != 0
                active += state.active[at]
            counters.active[sample, timestep, parameters.run_slice[run]] += active
            slot += parameters.run_count[run]
    if rules.queued:
        return True
    inputs = spikes = operations = 0
    for entry in range(begin, end):
        value, delivered = input_.values[entry], kept[entry - kept_from]
        if value != 0:
            inputs += 1
            spikes += 1 if rules.currents else np.int64(value)
            arrived = np.int64(delivered != 0) if rules.currents else np.int64(delivered)
            operations += wiring.fan_out[input_.indices[entry]] * arrived
    if inputs == 0:
        return True
    row = ends[MESSAGES]
    if row >= len(counters.messages):
        return False
    ends[MESSAGES] += 1
    counters.operations[sample, 0] += operations
    _write_message(counters.messages, row, sample, timestep, -1, 0, -1, inputs, spikes, operations, 0)
    return True


@leaf
def _write_message(
    table: Any,
    row: Any,
    sample: Any,
    timestep: Any,
    step: Any,
    source: Any,
    enqueue_step: Any,
    neurons: Any,
    spikes: Any,
    operations: Any,
    barriers: Any,
) -> None:
    table[row, 0] = sample
    table[row, 1] = timestep
    table[row, 2] = step
    table[row, 3] = source
    table[row, 4] = enqueue_step
    table[row, 5] = neurons
    table[row, 6] = spikes
    table[row, 7] = operations
    table[row, 8] = barriers


@part
def tally(wiring: Any, parameters: Any, state: Any, touched: Any) -> None:
    """Evaluations and spikes of a step by slice, into `slice_sums`."""
    sums = state.slice_sums
    for one in range(len(sums)):
        sums[one, 0] = 0
        sums[one, 1] = 0
    for i in range(touched):
        position = np.int64(state.touched[i])
        channels = np.int64(wiring.layer_channels[wiring.position_layer[position]])
        if state.evaluated[i] == channels:
            for run in range(parameters.run_start[position], parameters.run_start[position + 1]):
                sums[parameters.run_slice[run], 0] += parameters.run_count[run]
        elif state.evaluated[i] > 0:  # only in a gated step; which neurons, `partly` knows
            slot = np.int64(wiring.position_slot[position])
            for at in range(slot, slot + channels):
                if state.partly[at] != 0:
                    sums[parameters.source_slice[wiring.slot_source[at]], 0] += 1
    for i in range(state.tally[FIRED]):
        sums[parameters.source_slice[state.fired[i]], 1] += 1


@part
def _count_active(
    wiring: Any, parameters: Any, state: Any, counters: Any, sample: Any, timestep: Any, position: Any, evaluated: Any
) -> None:
    """Neurons of a position that are evaluated, and were neither before in this pass nor had a potential then."""
    slot = np.int64(wiring.position_slot[position])
    channels = np.int64(wiring.layer_channels[wiring.position_layer[position]])
    if evaluated == channels:
        state.met[position] = 1
        for run in range(parameters.run_start[position], parameters.run_start[position + 1]):
            active = 0
            for at in range(slot, slot + parameters.run_count[run]):
                active += state.active[at]
            counters.active[sample, timestep, parameters.run_slice[run]] += parameters.run_count[run] - active
            slot += parameters.run_count[run]
    else:
        for at in range(slot, slot + channels):
            if state.partly[at] != 0 and state.active[at] == 0:
                state.active[at] = 1
                counters.active[sample, timestep, parameters.source_slice[wiring.slot_source[at]]] += 1


@part
def count_evaluations(
    wiring: Any,
    parameters: Any,
    rules: Any,
    state: Any,
    counters: Any,
    sample: Any,
    timestep: Any,
    step: Any,
    touched: Any,
    decided: Any,
    ends: Any,
) -> Any:
    """Count a step's evaluations and spikes, of which `tally` has the sums; returns whether there was room."""
    counters.forward_steps[sample, timestep] += 1
    sums = state.slice_sums
    for i in range(touched):
        position = np.int64(state.touched[i])
        state.heard[position] += state.spikes_in[position]
        if state.evaluated[i] > 0 and state.met[position] == 0:
            _count_active(wiring, parameters, state, counters, sample, timestep, position, state.evaluated[i])
    bins = counters.sample_currents.shape[1]
    for i in range(state.tally[FIRED]):
        source = np.int64(state.fired[i])
        slot = np.int64(wiring.source_slot[source])
        layer = np.int64(wiring.source_layer[source]) - 1
        # positions are numbered layer by layer in the order of their slots
        position = np.int64(wiring.layer_positions[layer]) + (
            slot - np.int64(wiring.position_slot[wiring.layer_positions[layer]])
        ) // np.int64(wiring.layer_width[layer])
        heard = np.int64(state.heard[position]) - state.heard_before[slot]
        state.heard_before[slot] = state.heard[position]
        counters.sample_currents[0 if layer == 0 else 1, min(max(heard, 0), bins - 1)] += 1
    row = ends[UPDATES]
    for one in range(len(sums)):
        if sums[one, 0] > 0:
            if row >= len(counters.updates):
                return False
            counters.updates[row, 0] = sample
            counters.updates[row, 1] = timestep
            counters.updates[row, 2] = step
            counters.updates[row, 3] = one
            counters.updates[row, 4] = sums[one, 0]
            counters.updates[row, 5] = sums[one, 1]
            row += 1
    ends[UPDATES] = row
    if decided >= 0:
        if decided == step and state.tally[DECISIONS] > 0:
            counters.steps_to_first[sample, timestep] = step + 1
            counters.spikes_to_first[sample, timestep] = counters.spikes_to_stop[sample, timestep]
        if step - decided < counters.convergence.shape[1]:
            for output in range(len(state.outputs)):
                counters.convergence[sample, step - decided, output] += state.outputs[output]
    return True


@part
def count_pass(state: Any, counters: Any, sample: Any, decided: Any, steps: Any) -> None:
    """Steps that the pass did not need keep its last outputs."""
    if decided >= 0:
        for m in range(steps - decided, counters.convergence.shape[1]):
            for output in range(len(state.outputs)):
                counters.convergence[sample, m, output] += state.outputs[output]


@part
def count_departures(
    wiring: Any,
    parameters: Any,
    rules: Any,
    state: Any,
    counters: Any,
    sample: Any,
    timestep: Any,
    step: Any,
    chosen: Any,
    barriers: Any,
    single_spikes: Any,
    ends: Any,
) -> Any:
    """Count what leaves in a step; returns whether there was room."""
    keys, sums = state.group_keys, state.group_sums
    groups = 0
    layers = len(wiring.layer_width)
    for i in range(chosen + barriers):
        source = np.int64(state.ordered[i] if i < chosen else state.barriers[i - chosen])
        spikes = delivered = 0
        if source < rules.inputs:
            key = 0
            spikes = 1 if rules.currents else np.int64(state.frame_left[source])
            delivered = np.int64(state.kept[i] != 0) if rules.currents else np.int64(state.kept[i])
        else:
            enqueued = step
            if i < chosen:
                enqueued = np.int64(state.enqueue_step[source])
                spikes = np.int64(state.q[source])
                delivered = spikes if single_spikes else np.int64(state.kept[i])
            key = ((1 + np.int64(parameters.source_slice[source])) << _ENQUEUE_BITS) + enqueued + 1
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
            operations = wiring.fan_out[source] * delivered
            sums[group, _NEURONS] += 1
            sums[group, _SPIKES] += spikes
            sums[group, _OPERATIONS] += operations
            target = np.int64(wiring.source_layer[source])
            if target < layers:
                counters.operations[sample, target] += operations
            if source >= rules.inputs:
                counters.spikes_to_stop[sample, timestep] += spikes
        else:
            sums[group, _BARRIERS] += 1
    row = ends[MESSAGES]
    if row + groups > len(counters.messages):
        return False
    for _ in range(groups):  # ascending: there are few groups
        least = 0
        for group in range(groups):
            if keys[group] >= 0 and (keys[least] < 0 or keys[group] < keys[least]):
                least = group
        key = keys[least]
        keys[least] = -1
        _write_message(
            counters.messages,
            row,
            sample,
            timestep,
            step,
            key >> _ENQUEUE_BITS,
            (key & ((1 << _ENQUEUE_BITS) - 1)) - 1,
            sums[least, _NEURONS],
            sums[least, _SPIKES],
            sums[least, _OPERATIONS],
            sums[least, _BARRIERS],
        )
        row += 1
    ends[MESSAGES] = row
    return True

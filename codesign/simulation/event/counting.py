"""Counters of a run, as `codesign.simulation.execution` defines them. The tables come out sorted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.departures import add_message
from codesign.simulation.event.evaluation import DECISIONS
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import MESSAGES, UPDATES
from codesign.simulation.event.tables import write_update
from codesign.simulation.event.tallies import heard_apart
from codesign.simulation.event.vector import LANES, above, fill_as, lanes_of, lanes_set, load


@section(types.none, when=lambda rules, neuron: rules.recorded)
def begin_counting(rules: Any, state: Any, out: Any, sample: Any) -> None:
    """Reset what an earlier sample, or an attempt that ran out of room, has counted."""
    counting, counters = state.counting, out.counters
    counting.sent[:, :] = 0
    counting.evaluated[:] = 0
    counting.zeros[:] = 0
    counters.steps_to_first_output[sample, :] = -1
    counters.spikes_to_first_output[sample, :] = -1
    counters.sample_currents[:, :] = 0
    counters.timesteps_run[sample] = 0
    counters.contended_steps[sample, :] = 0
    counters.spikes_to_stop[sample, :] = 0
    counters.convergence[sample, :, :] = 0
    counters.active[sample, :, :] = 0
    counters.tick_evaluations[sample, :] = 0


@section(types.none, when=lambda rules, neuron: rules.recorded)
def end_counting(network: Any, rules: Any, state: Any, out: Any, sample: Any) -> None:
    """Count remaining potentials, note where the sample's rows end, and sum the tables' counts by layer."""
    slices, u, counting, counters = network.slices, state.cells.u, state.counting, out.counters
    counters.rows[sample, 0] = out.ends[MESSAGES]
    counters.rows[sample, 1] = out.ends[UPDATES]
    counters.synaptic_operations[sample, 0] += counting.sent[0, 1]
    for layer in range(counters.zero_operations.shape[1]):
        counters.zero_operations[sample, layer] += counting.zeros[layer]
    for place in range(len(slices.layer)):
        layer = slices.layer[place]
        counters.evaluations[sample, layer] += counting.evaluated[place]
        counters.propagated[sample, layer] += counting.sent[place + 1, 0]
        counters.barrier_messages[sample, layer] += counting.sent[place + 1, 2]
        if layer + 1 < counters.synaptic_operations.shape[1]:
            counters.synaptic_operations[sample, layer + 1] += counting.sent[place + 1, 1]
    for position in range(len(network.wiring.position_slot)):
        slot = np.int64(network.wiring.position_slot[position])
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            counters.residual[sample, slices.run_slice[run]] += _not_zero(u, slot, slot + slices.run_count[run])
            slot += slices.run_count[run]
    for m in range(1, counters.convergence.shape[1]):  # until now each entry counted the spikes of one step only
        for output in range(counters.convergence.shape[2]):
            counters.convergence[sample, m, output] += counters.convergence[sample, m - 1, output]
    for row in range(counters.currents.shape[0]):
        for number in range(counters.currents.shape[1]):
            counters.currents[row, number] += counters.sample_currents[row, number]


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def begin_counting_pass(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> Any:
    """Count potentials that are not 0, or were not before truncation, and a frame that is delivered at once; return
    whether there was room."""
    counting, counters, slices = state.counting, out.counters, network.slices
    counting.heard[:] = 0
    counting.outputs[:] = 0
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
    inputs = spikes = arrived = 0
    for entry in range(frame.begin, frame.end):  # without a branch that depends on the entries
        value, delivered = input_.values[entry], input_.kept[entry]
        inputs += value != 0
        spikes += np.int64(value != 0) if rules.currents else np.int64(value)
        arrived += np.int64(delivered != 0) if rules.currents else np.int64(delivered)
    if network.wiring.single[0] != 0:
        operations = arrived * network.wiring.layer_channels[0]
    else:
        operations = _frame_synapses(rules, input_, frame, network.wiring.fan_out)
    if len(network.zeros) > 0:
        counting.zeros[0] += _frame_synapses(rules, input_, frame, network.zeros)
    row = out.ends[MESSAGES]
    if inputs == 0:
        return True
    if row == len(counters.messages.step):
        return False
    sums = inputs, spikes, operations, 0
    add_message(counting, counters.messages, row, frame, np.int64(-1), np.int64(0), np.int64(-1), sums)
    out.ends[MESSAGES] += 1
    return True


@routine
def _frame_synapses(rules: Any, input_: Any, frame: Any, synapses: Any) -> Any:
    """Synaptic operations of a frame, given the number of `synapses` of each source."""
    operations = np.int64(0)
    for entry in range(frame.begin, frame.end):
        delivered = input_.kept[entry]
        arrived = np.int64(delivered != 0) if rules.currents else np.int64(delivered)
        operations += synapses[input_.indices[entry]] * arrived
    return operations


@leaf
def _not_zero(u: Any, first: Any, end: Any) -> Any:
    """Number of entries from `first` to `end` − 1 that are not 0."""
    found, at, zero = np.int64(0), first, fill_as(load(u, 0), np.float32(0))
    while at + LANES <= end:
        of_16 = load(u, at)
        found += lanes_set(lanes_of(above(of_16, zero)) | lanes_of(above(zero, of_16)))
        at += LANES
    for rest in range(at, end):
        found += u[rest] != 0
    return found


@leaf
def _find_active(rules: Any, first: Any, end: Any, state: Any) -> Any:
    """Number of these slots with a potential that is not 0, or was not before truncation (`CounterState.active`)."""
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
    else:  # only their number is needed
        found = _not_zero(u, first, end)
    return found


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def count_evaluations(network: Any, rules: Any, frame: Any, step: Any, decided: Any, state: Any, out: Any) -> Any:
    """Record a step's evaluations and spikes, summed in `CounterState.slice_sums`; return whether there was room."""
    counters, sample, timestep = out.counters, frame.sample, frame.timestep
    sums, row, table = state.counting.slice_sums, out.ends[UPDATES], counters.updates
    if row + len(sums) > len(table.step):
        return False
    for place in range(len(sums)):  # a row without evaluations is overwritten by the next
        write_update(table, row, frame, step, place, sums[place, 0], sums[place, 1])
        state.counting.evaluated[place] += sums[place, 0]
        row += sums[place, 0] > 0
    out.ends[UPDATES] = row
    if state.fired.tally[DECISIONS] > 0:
        if decided == step:
            counters.steps_to_first_output[sample, timestep] = step + 1
            counters.spikes_to_first_output[sample, timestep] = counters.spikes_to_stop[sample, timestep]
        _count_outputs(counters.convergence, sample, step - decided, state.fired.outputs, state.counting.outputs)
    return True


@leaf
def _count_outputs(convergence: Any, sample: Any, m: Any, outputs: Any, before: Any) -> None:
    """Add this step's output spikes, `m` steps after the first; `end_counting` adds them to all later steps."""
    if m < convergence.shape[1]:
        for output in range(len(outputs)):
            convergence[sample, m, output] += outputs[output] - before[output]
            before[output] = outputs[output]

"""Rows of the message table for the spikes that leave in a step: one per source and step of enqueueing, sorted by both.

A pass rarely has many steps. In early steps each row's sums have their own cell, by source and step of enqueueing, and
a word of bits per source marks the cells in use: rows come out sorted without comparing any.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import MESSAGES
from codesign.simulation.event.tables import write_message
from codesign.simulation.event.vector import lowest_lane, unsigned_index
from codesign.simulation.event.working_memory import EARLY

_NEURONS, _SPIKES, _OPERATIONS, _BARRIERS = range(4)
ENQUEUE_BITS = 32
"""Bits of the step of enqueueing in a row's key; the source number is above them."""


@section(types.boolean, when=lambda rules, neuron: rules.recorded)
def count_departures(
    network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any
) -> Any:
    """Count what leaves in a step; return whether there was room."""
    if out.ends[MESSAGES] + chosen + senders > len(out.counters.messages.step):
        return False
    if step < EARLY:
        _count_early(network, rules, frame, step, chosen, senders, state, out)
    else:
        _count_late(network, rules, frame, step, chosen, senders, state, out)
    return True


@leaf
def add_message(
    counting: Any, table: Any, row: Any, frame: Any, step: Any, number: Any, enqueued: Any, sums: Any
) -> None:
    """Write a row of the message table, and add it to the total of source `number`."""
    source = unsigned_index(number)
    write_message(table, row, frame, step, source, enqueued, sums)
    counting.sent[source, 0] += sums[_SPIKES]
    counting.sent[source, 1] += sums[_OPERATIONS]
    counting.sent[source, 2] += sums[_BARRIERS]


@leaf
def _departure(network: Any, rules: Any, i: Any, state: Any) -> Any:
    """Source number, step of enqueueing, spikes and operations of the source that leaves at `Queue.ordered[i]`."""
    queue, source = state.queue, unsigned_index(state.queue.ordered[unsigned_index(i)])
    if source < rules.inputs:
        number, enqueued = np.int64(0), np.int64(-1)
        spikes = np.int64(1) if rules.currents else np.int64(queue.frame_left[source])
        delivered = np.int64(queue.kept[i] != 0) if rules.currents else np.int64(queue.kept[i])
    else:
        number, enqueued = _number(network, source), np.int64(queue.enqueue_step[source])
        spikes = np.int64(queue.spikes[source])
        delivered = spikes if rules.single_spikes else np.int64(queue.kept[i])
    if len(network.zeros) > 0:
        state.counting.zeros[network.wiring.source_layer[source]] += network.zeros[source] * delivered
    return number, enqueued, spikes, network.wiring.fan_out[source] * delivered


@leaf
def _number(network: Any, source: Any) -> Any:
    """Number of a neuron's source in the message table."""
    return 1 + np.int64(network.slices.of_source[unsigned_index(source)])


@leaf
def _count_early(
    network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any
) -> None:
    early, left = state.counting.early, np.int64(0)
    for i in range(chosen):
        number, enqueued, spikes, operations = _departure(network, rules, i, state)
        left += spikes if number > 0 else 0
        cell = _cell(early, number, max(enqueued, 0))
        early.neurons[cell] += 1
        early.spikes[cell] += spikes
        early.operations[cell] += operations
    for i in range(senders):
        early.barriers[_cell(early, _number(network, state.gates.senders[i]), step)] += 1
    out.counters.spikes_to_stop[frame.sample, frame.timestep] += left
    row = out.ends[MESSAGES]
    for number in range(len(early.steps)):
        steps = early.steps[number]
        early.steps[number] = 0
        while steps != 0:
            bit = lowest_lane(steps)
            steps &= steps - 1
            cell = unsigned_index(number * EARLY + bit)
            sums = (
                _take(early.neurons, cell),
                _take(early.spikes, cell),
                _take(early.operations, cell),
                _take(early.barriers, cell),
            )
            enqueued = bit if number > 0 else np.int64(-1)
            add_message(state.counting, out.counters.messages, row, frame, step, number, enqueued, sums)
            row += 1
    out.ends[MESSAGES] = row


@leaf
def _cell(early: Any, number: Any, enqueued: Any) -> Any:
    """The cell of a row's sums, marked as in use."""
    source, bit = unsigned_index(number), unsigned_index(enqueued)
    early.steps[source] |= np.int64(1) << bit
    return unsigned_index(source * EARLY + bit)


@leaf
def _take(sums: Any, cell: Any) -> Any:
    """Read a sum and reset it to 0."""
    found = np.int64(sums[cell])
    sums[cell] = 0
    return found


@routine
def _count_late(
    network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any
) -> None:
    """Find each row by searching the rows made so far."""
    keys, sums, groups, left = state.counting.group_keys, state.counting.group_sums, np.int64(0), np.int64(0)
    for i in range(chosen):
        number, enqueued, spikes, operations = _departure(network, rules, i, state)
        left += spikes if number > 0 else 0
        groups, group = group_of(keys, sums, groups, (number << ENQUEUE_BITS) + enqueued + 1)
        sums[group, _NEURONS] += 1
        sums[group, _SPIKES] += spikes
        sums[group, _OPERATIONS] += operations
    for i in range(senders):
        number = _number(network, state.gates.senders[i])
        groups, group = group_of(keys, sums, groups, (number << ENQUEUE_BITS) + step + 1)
        sums[group, _BARRIERS] += 1
    out.counters.spikes_to_stop[frame.sample, frame.timestep] += left
    for _ in range(groups):
        least = lowest_group(keys, groups)
        number, enqueued = keys[least] >> ENQUEUE_BITS, (keys[least] & ((1 << ENQUEUE_BITS) - 1)) - 1
        those = sums[least, 0], sums[least, 1], sums[least, 2], sums[least, 3]
        row = out.ends[MESSAGES]
        add_message(state.counting, out.counters.messages, row, frame, step, number, enqueued, those)
        out.ends[MESSAGES] += 1
        keys[least] = -1


@leaf
def group_of(keys: Any, sums: Any, groups: Any, key: Any) -> Any:
    """The number of groups after adding one for `key` if it has none, and the index of its group."""
    group = groups - 1
    while group >= 0 and keys[group] != key:
        group -= 1
    if group >= 0:
        return groups, group
    keys[groups] = key
    for column in range(4):
        sums[groups, column] = 0
    return groups + 1, groups


@leaf
def lowest_group(keys: Any, groups: Any) -> Any:
    """Index of the group with the lowest key other than −1, which marks groups that are done; there are few."""
    least = 0
    for group in range(groups):
        if keys[group] >= 0 and (keys[least] < 0 or keys[group] < keys[least]):
            least = group
    return least

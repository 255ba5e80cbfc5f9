"""Delivering spikes to the neurons that they reach: frames of input, and the spikes that leave in a forward step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.draws import absorb, event_draws, survivors, uniform
from codesign.simulation.event.rows import Rows, add_rows, add_scaled_rows
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import (
    LANES,
    above,
    add,
    fetch_to_read,
    fill_as,
    lanes_of,
    load,
    select,
    store,
    unsigned_index,
)

_SOURCES_AHEAD = 8
"""How many places ahead a source is prefetched."""


class Frame(NamedTuple):
    """One timestep of one sample."""

    sample: int
    timestep: int
    begin: int  # its first entry
    end: int  # after its last entry


@leaf
def reach(position: Any, arrivals: Any, count: Any) -> Any:
    """Mark a position as reached by a message; return how many positions are reached."""
    if arrivals.mark[position] == 0:
        arrivals.mark[position] = 1
        arrivals.touched[unsigned_index(count)] = position
        count += 1
    return count


@section(types.none, when=lambda rules, neuron: rules.input_dropout > 0)
def drop_input(rules: Any, input_: Any, frame: Any, key: Any) -> None:
    """Write to `Input.kept` what input dropout leaves of the frame's entries."""
    key, probability = absorb(key, 0), rules.input_dropout
    indices, values, kept = input_.indices, input_.values, input_.kept
    whole = frame.begin
    if not rules.currents:
        for entry in range(frame.begin, frame.end - LANES + 1, LANES):
            keep_events(indices, values, kept, entry, key, probability)
            whole = entry + LANES
    for entry in range(whole, frame.end):
        own, value = absorb(key, indices[entry]), values[entry]
        if rules.currents:
            kept[entry] = np.float32(0) if uniform(own) < probability else value
        else:
            kept[entry] = survivors(own, np.int64(value), probability)


@leaf
def keep_events(indices: Any, values: Any, kept: Any, entry: Any, key: Any, probability: Any) -> None:
    """For 16 entries from `entry` on, write how many of their events survive dropout; equal to `survivors`."""
    counts = load(values, entry)
    zero, one, limit = fill_as(counts, np.float32(0)), fill_as(counts, np.float32(1)), fill_as(counts, probability)
    left, event, has_event = zero, np.int64(0), above(counts, zero)
    while lanes_of(has_event) != 0:
        lost = above(limit, event_draws(load(indices, entry), key, event))
        left = add(left, select(has_event, select(lost, zero, one), zero))
        event += 1
        has_event = above(counts, fill_as(counts, np.float32(event)))
    store(kept, entry, left)


@leaf
def frame_messages(rules: Any, input_: Any, frame: Any) -> Any:
    """Number of messages of the frame that each synapse carries, including those lost to dropout."""
    messages = 0
    for entry in range(frame.begin, frame.end):
        value = input_.values[entry]
        messages += (value != 0) if rules.currents else np.int64(value)
    return messages


@leaf
def deliver_frame(network: Any, rules: Any, input_: Any, frame: Any, state: Any) -> Any:
    """Mode `frame`: add the currents of the whole frame; return how many positions it reaches."""
    if network.wiring.single[0] != 0:
        return _deliver_to_one_position(network, rules, input_, frame, state)
    return _deliver_by_taps(network, rules, input_, frame, state)


@leaf
def _deliver_to_one_position(network: Any, rules: Any, input_: Any, frame: Any, state: Any) -> Any:
    """`deliver_frame` if the first layer is one position, which every input reaches over one tap."""
    wiring, arrivals, weights, x = network.wiring, state.arrivals, network.weights, state.cells.x
    begin, end = frame.begin, frame.end
    while begin < end and input_.values[begin] == 0:
        begin += 1
    if begin == end:
        return 0
    if rules.gated or rules.recorded:
        arrivals.spikes[0] = frame_messages(rules, input_, frame)
    width, stride = unsigned_index(wiring.layer_width[0]), unsigned_index(rules.input_stride)
    if stride > 0:
        add_scaled_rows(width, x, 0, weights, Rows(input_.indices, stride, begin, end), input_.kept, 0)
    else:
        starts = arrivals.rows
        for entry in range(begin, end):
            starts[unsigned_index(entry - begin)] = wiring.single_row[unsigned_index(input_.indices[entry])]
        add_scaled_rows(width, x, 0, weights, Rows(starts, 1, 0, end - begin), input_.kept, -begin)
    return reach(np.int64(0), arrivals, np.int64(0))


@section(types.int64, when=lambda rules, neuron: rules.spreads)
def _deliver_by_taps(network: Any, rules: Any, input_: Any, frame: Any, state: Any) -> Any:
    """`deliver_frame` if inputs reach several positions."""
    touched = np.int64(0)
    for entry in range(frame.begin, frame.end):
        value = input_.values[entry]
        if value != 0:
            state.arrivals.single[0] = input_.kept[entry]
            messages = 1 if rules.currents else np.int64(value)
            touched = _deliver_source(network, rules, np.int64(0), input_.indices[entry], messages, state, touched)
    return touched


@leaf
def _deliver_source(network: Any, rules: Any, layer: Any, source: Any, messages: Any, state: Any, touched: Any) -> Any:
    """Add `arrivals.single[0]` times the row of each of a source's taps; return how many positions are reached."""
    wiring, arrivals = network.wiring, state.arrivals
    source = unsigned_index(source)
    width = unsigned_index(wiring.layer_width[layer])
    place = unsigned_index(wiring.source_position[source])
    for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
        position = unsigned_index(wiring.tap_position[unsigned_index(tap)])
        touched = reach(position, arrivals, touched)
        if rules.gated or rules.recorded:
            arrivals.spikes[position] += messages
            if network.neuron.bursts:
                arrivals.others[position] -= _surplus(rules, source, messages)
        arrivals.rows[0] = wiring.source_row[source] + wiring.tap_row[unsigned_index(tap)]
        at = unsigned_index(wiring.position_slot[position])
        add_scaled_rows(width, state.cells.x, at, network.weights, Rows(arrivals.rows, 1, 0, 1), arrivals.single, 0)
    return touched


@section(types.int64, when=lambda rules, neuron: rules.queued)
def queue_frame(rules: Any, input_: Any, frame: Any, state: Any) -> Any:
    """Mode `queued`: queue the frame's spikes; return how many inputs wait."""
    queue, waiting = state.queue, 0
    for entry in range(frame.begin, frame.end):
        if input_.values[entry] != 0:
            source = input_.indices[entry]
            queue.frame_left[source] = input_.values[entry]
            queue.frame_kept[source] = input_.kept[entry]
            queue.waiting[waiting] = source
            waiting += 1
    return waiting


@section(types.none, when=lambda rules, neuron: not rules.single_spikes)
def keep(rules: Any, state: Any, chosen: Any, key: Any) -> None:
    """Write to `Queue.kept` how many of the chosen sources' spikes are not lost; `key` is that of the step's draws."""
    queue = state.queue
    for i in range(chosen):
        source = np.int64(queue.ordered[i])
        if source < rules.inputs:
            queue.kept[i] = queue.frame_kept[source]
        elif rules.network_dropout > 0:
            own = absorb(key, source - rules.inputs)
            queue.kept[i] = survivors(own, queue.spikes[source], rules.network_dropout)
        else:
            queue.kept[i] = queue.spikes[source]


@leaf
def messages_of(rules: Any, queue: Any, source: Any) -> Any:
    """Messages that each synapse of a source carries when the source leaves."""
    if source < rules.inputs:
        return 1 if rules.currents else np.int64(queue.frame_left[source])
    return np.int64(queue.spikes[source])


@leaf
def _surplus(rules: Any, source: Any, messages: Any) -> Any:
    """Messages that a gate does not count: several spikes that leave a neuron together count as one."""
    return messages - 1 if source >= rules.inputs else 0


@leaf
def fetch_source(wiring: Any, ordered: Any, i: Any, end: Any) -> Any:
    """Prefetch the tables' entries for a source a few places after `i`, since sources lie far apart; return the
    source."""
    source = unsigned_index(ordered[unsigned_index(min(i + _SOURCES_AHEAD, end - 1))])
    fetch_to_read(source, wiring.source_position, source)
    fetch_to_read(source, wiring.source_row, source)
    return source


@section(types.int64, when=lambda rules, neuron: rules.spreads)
def _propagate_by_taps(network: Any, rules: Any, layer: Any, begin: Any, end: Any, state: Any, touched: Any) -> Any:
    """Add currents and messages of `Queue.ordered[begin:end]`; return how many positions are reached."""
    wiring, arrivals, queue = network.wiring, state.arrivals, state.queue
    for i in range(begin, end):
        source = queue.ordered[i]
        coming = fetch_source(wiring, queue.ordered, i, end)
        fetch_to_read(coming, queue.spikes, coming)
        arrivals.single[0] = np.float32(1) if rules.single_spikes else queue.kept[i]
        messages = messages_of(rules, queue, source)
        if rules.pools_first and not rules.gated and wiring.source_window[source] >= 0:
            messages = np.int64(queue.kept[i])  # spikes that a window does not pass reach no neuron
        if messages > 0:
            touched = _deliver_source(network, rules, layer, source, messages, state, touched)
    return touched


@leaf
def propagate(network: Any, rules: Any, state: Any, chosen: Any, senders: Any) -> Any:
    """Add currents and messages of the sources that left; return how many positions they reach."""
    wiring, arrivals, queue = network.wiring, state.arrivals, state.queue
    touched = begin = np.int64(0)
    for layer in range(len(wiring.layer_width)):  # sources of layer 0 are inputs; the last layer has no targets
        end = queue.layer_ends[layer]
        if end > begin and wiring.single[layer] != 0:
            touched = reach(wiring.layer_positions[layer], arrivals, touched)
            _to_one_position(network, rules, layer, begin, end, state)
        elif end > begin:
            touched = _propagate_by_taps(network, rules, layer, begin, end, state, touched)
        begin = end
    for i in range(senders):
        place = wiring.source_position[state.gates.senders[i]]
        for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
            position = unsigned_index(wiring.tap_position[tap])
            touched = reach(position, arrivals, touched)
            arrivals.others[position] += 1
    return touched


@leaf
def _to_one_position(network: Any, rules: Any, layer: Any, begin: Any, end: Any, state: Any) -> None:
    """Add currents and messages of `Queue.ordered[begin:end]`, with their rows in `Arrivals.rows`, to a layer of one
    position, which each source reaches exactly once."""
    wiring, arrivals, queue = network.wiring, state.arrivals, state.queue
    position = unsigned_index(wiring.layer_positions[layer])
    width = unsigned_index(wiring.layer_width[layer])
    at = unsigned_index(wiring.position_slot[position])
    rows, x, weights = arrivals.rows, state.cells.x, network.weights
    if rules.single_spikes:
        add_rows(width, x, at, weights, rows, begin, end)
    else:
        add_scaled_rows(width, x, at, weights, Rows(rows, 1, begin, end), queue.kept, 0)
    if rules.gated or rules.recorded:
        messages = end - begin
        if not rules.single_spikes:
            messages = np.int64(0)
            for i in range(begin, end):
                sent = messages_of(rules, queue, queue.ordered[i])
                messages += sent
                if network.neuron.bursts:
                    arrivals.others[position] -= _surplus(rules, queue.ordered[i], sent)
        arrivals.spikes[position] += messages

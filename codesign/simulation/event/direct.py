"""Direct connections, compiled: as in `codesign.simulation.further_arrivals`, over taps from sources to positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.counting import begin_counting_pass
from codesign.simulation.event.departures import count_departures
from codesign.simulation.event.gates import PARTLY
from codesign.simulation.event.propagation import frame_messages, messages_of
from codesign.simulation.event.rows import Rows, add_scaled_rows, dot, dot_and_accumulate
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import MESSAGES
from codesign.simulation.event.tables import write_message
from codesign.simulation.event.vector import unsigned_index

_NOTHING = (0, 0, 0, 0)
"""Initial sums of a row of the message table."""


@leaf
def note_frame(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> Any:
    """Count a frame and, with direct connections, send it on its way; return whether there was room."""
    if rules.recorded and not begin_counting_pass(network, rules, input_, frame, state, out):
        return False
    return not rules.direct or _begin(network, rules, input_, frame, state, out)


@leaf
def note_departures(
    network: Any, rules: Any, frame: Any, step: Any, chosen: Any, senders: Any, state: Any, out: Any
) -> Any:
    """Count what leaves in a step and, with direct connections, send it on its way; return whether there was room."""
    if rules.recorded and not count_departures(network, rules, frame, step, chosen, senders, state, out):
        return False
    return not rules.direct or _depart(network, rules, frame, step, chosen, state, out)


@section(types.boolean, when=lambda rules, neuron: rules.direct)
def _begin(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> Any:
    """Begin a pass: nothing is under way except a frame delivered at once, which is counted; return whether there was
    room."""
    direct, way = network.direct, state.under_way
    way.clock[0] = -1
    way.count[:] = 0
    if rules.partial:
        way.heard[:] = 0
        way.stimulated[:] = 0
    if rules.queued or direct.leaves[0] == 0 or frame_messages(rules, input_, frame) == 0:
        return True
    for i in range(len(direct.target)):
        if direct.source[i] == 0:
            way.clock[0] = max(way.clock[0], direct.detour[i])
    return not rules.recorded or _count_frame(network, rules, input_, frame, out)


@routine
def _count_frame(network: Any, rules: Any, input_: Any, frame: Any, out: Any) -> Any:
    direct, table = network.direct, out.counters.messages
    for i in range(len(direct.target)):
        if direct.source[i] != 0:
            continue
        row = out.ends[MESSAGES]
        if row == len(table.step):
            return False
        out.ends[MESSAGES] += 1
        write_message(table, row, frame, -1, direct.further[i], -1, _NOTHING)
        for entry in range(frame.begin, frame.end):
            value, delivered = input_.values[entry], input_.kept[entry]
            if value != 0:
                sent = 1 if rules.currents else np.int64(value)
                arrived = np.int64(delivered != 0) if rules.currents else np.int64(delivered)
                _add_to_row(table, row, sent, direct.fan_out[direct.begin[i] + input_.indices[entry]] * arrived)
    return True


@leaf
def _add_to_row(table: Any, row: Any, spikes: Any, operations: Any) -> None:
    table.neurons[row] += 1
    table.spikes[row] += spikes
    table.synaptic_operations[row] += operations


@section(types.boolean, when=lambda rules, neuron: rules.direct)
def _depart(network: Any, rules: Any, frame: Any, step: Any, chosen: Any, state: Any, out: Any) -> Any:
    """Send what leaves in a step on its way, and count it; return whether there was room."""
    direct, wiring, queue, way = network.direct, network.wiring, state.queue, state.under_way
    row = step % direct.depth
    place = row * len(queue.spikes)
    begin = place
    for i in range(chosen):
        source = np.int64(queue.ordered[i])
        layer = wiring.source_layer[source]
        if direct.leaves[layer] == 0:
            continue
        kept = np.float32(1) if rules.single_spikes else queue.kept[i]
        messages = np.int64(messages_of(rules, queue, source))
        if rules.pools_first and wiring.source_window[source] >= 0:
            messages = np.int64(kept)
        if messages > 0:
            way.source[place] = source
            way.kept[place] = kept
            way.messages[place] = messages
            place += 1
            for c in range(len(direct.target)):
                if direct.source[c] == layer:
                    way.clock[0] = max(way.clock[0], step + 1 + direct.detour[c])
    way.count[row] = place - begin
    return not rules.recorded or _count_departures(network, rules, frame, step, chosen, state, out)


@routine
def _count_departures(network: Any, rules: Any, frame: Any, step: Any, chosen: Any, state: Any, out: Any) -> Any:
    """Write a step's rows of the message table, by connection, slice and step of enqueueing, in any order."""
    direct, wiring, queue, table = network.direct, network.wiring, state.queue, out.counters.messages
    for c in range(len(direct.target)):
        begin = out.ends[MESSAGES]
        for i in range(chosen):
            source = np.int64(queue.ordered[i])
            if wiring.source_layer[source] != direct.source[c]:
                continue
            number, enqueued = direct.further[c], np.int64(-1)
            kept = np.float32(1) if rules.single_spikes else queue.kept[i]
            delivered = np.int64(kept != 0) if source < rules.inputs and rules.currents else np.int64(kept)
            if source >= rules.inputs:
                number += 1 + np.int64(network.slices.of_source[source])
                enqueued = np.int64(queue.enqueue_step[source])
            row, end = begin, out.ends[MESSAGES]
            while row < end and not (table.source[row] == number and table.enqueue_step[row] == enqueued):
                row += 1
            if row == end:
                if row == len(table.step):
                    return False
                out.ends[MESSAGES] += 1
                write_message(table, row, frame, step, number, enqueued, _NOTHING)
            fan_out = np.int64(direct.fan_out[direct.begin[c] + source - direct.first[c]])
            _add_to_row(table, row, np.int64(messages_of(rules, queue, source)), fan_out * delivered)
    return True


@section(types.int64, when=lambda rules, neuron: rules.direct)
def deliver_direct(network: Any, rules: Any, input_: Any, frame: Any, step: Any, state: Any, touched: Any) -> Any:
    """Deliver what arrives in a step; return how many positions are reached. Opens no gate."""
    direct, way, single = network.direct, state.under_way, state.arrivals.single
    for c in range(len(direct.target)):
        left = step - 1 - direct.detour[c]
        if direct.source[c] == 0 and not rules.queued:
            if left == -1:
                for entry in range(frame.begin, frame.end):
                    value = input_.values[entry]
                    if value != 0:
                        single[0] = input_.kept[entry]
                        messages = 1 if rules.currents else np.int64(value)
                        touched = _arrive(network, rules, c, input_.indices[entry], messages, state, touched)
        elif left >= 0:
            row = left % direct.depth
            begin = row * len(state.queue.spikes)
            for place in range(begin, begin + way.count[row]):
                source = way.source[place]
                if network.wiring.source_layer[source] == direct.source[c]:
                    single[0] = way.kept[place]
                    touched = _arrive(network, rules, c, source, np.int64(way.messages[place]), state, touched)
    return touched


@leaf
def _arrive(network: Any, rules: Any, c: Any, source: Any, messages: Any, state: Any, touched: Any) -> Any:
    """Add `arrivals.single[0]` times the row of each of a source's taps; return how many positions are reached."""
    direct, wiring, arrivals = network.direct, network.wiring, state.arrivals
    local = direct.begin[c] + source - direct.first[c]
    place, width = direct.place[local], unsigned_index(wiring.layer_width[direct.target[c]])
    for tap in range(direct.tap_start[place], direct.tap_start[place + 1]):
        position = unsigned_index(direct.tap_position[tap])
        slot = unsigned_index(wiring.position_slot[position])
        arrivals.rows[0] = direct.row[local] + direct.tap_row[tap]
        add_scaled_rows(width, state.cells.x, slot, direct.weights, Rows(arrivals.rows, 1, 0, 1), arrivals.single, 0)
        whole = direct.tap_channels[tap] == wiring.layer_channels[direct.target[c]]
        if arrivals.mark[position] == 0:
            arrivals.touched[touched] = position
            touched += 1
            arrivals.mark[position] = PARTLY
        if whole:
            arrivals.mark[position] = 1
            if rules.gated or rules.recorded:
                arrivals.spikes[position] += messages
                arrivals.others[position] -= messages
        else:
            first = slot + unsigned_index(direct.tap_channel[tap])
            for at in range(first, first + unsigned_index(direct.tap_channels[tap])):
                state.under_way.reached[at] += messages
    return touched


# backwards -----------------------------------------------------------------------------------------------------------


@section(types.none, when=lambda rules, neuron: rules.direct, back=True)
def begin_direct_gradient(rules: Any, state: Any) -> None:
    """Begin the backward run of a pass: no step has been processed."""
    way = state.under_way
    positions = len(state.arrivals.mark)
    for row in range(len(way.listed)):
        for i in range(row * positions, row * positions + way.listed[row]):
            way.mark[row * positions + way.evaluated[i]] = 0
        way.listed[row] = 0


@section(types.none, when=lambda rules, neuron: rules.direct, back=True)
def note_currents(network: Any, rules: Any, state: Any, out: Any, positions_at: Any, reached: Any) -> None:
    """Keep the gradient of the current step's currents in layers with incoming direct connections."""
    direct, wiring, way, dx = network.direct, network.wiring, state.under_way, state.gradients.dx
    row = way.clock[1] % direct.depth
    positions, slots = row * len(state.arrivals.mark), row * len(dx)
    for i in range(positions, positions + way.listed[row]):
        way.mark[positions + way.evaluated[i]] = 0
    listed = 0
    for i in range(reached):
        position = np.int64(out.trace.words[positions_at + i])
        layer = wiring.position_layer[position]
        if direct.arrives[layer] != 0:
            slot = np.int64(wiring.position_slot[position])
            for at in range(slot, slot + wiring.layer_width[layer]):
                way.dx[slots + at] = dx[at]
            way.mark[positions + position] = 1
            way.evaluated[positions + listed] = position
            listed += 1
    way.listed[row] = listed


@leaf
def _on_the_way(network: Any, state: Any, c: Any, source: Any, step: Any) -> Any:
    """Where the ring holds the positions and slots that a connection reaches with a spike leaving in a step; the
    source's index within the connection, and the width of its targets."""
    direct = network.direct
    row = (step + 1 + direct.detour[c]) % direct.depth
    local, width = direct.begin[c] + source - direct.first[c], network.wiring.layer_width[direct.target[c]]
    return row * len(state.arrivals.mark), row * len(state.gradients.dx), local, np.int64(width)


@leaf
def _back_over(network: Any, state: Any, out: Any, c: Any, source: Any, step: Any, spikes: Any, n: Any) -> None:
    """For the `spikes[n]` with which a source left in a step, add the gradient of the weights that they crossed to the
    sums, and their own to `dots[n]`."""
    direct, wiring, way, rows = network.direct, network.wiring, state.under_way, state.arrivals.rows
    positions, slots, local, width = _on_the_way(network, state, c, source, step)
    place = direct.place[local]
    for tap in range(direct.tap_start[place], direct.tap_start[place + 1]):
        position = direct.tap_position[tap]
        if way.mark[positions + position] != 0:
            rows[n] = direct.row[local] + direct.tap_row[tap]
            at = slots + np.int64(wiring.position_slot[position])
            given = Rows(rows, 1, n, n + 1), spikes, state.gradients.dots
            dot_and_accumulate(width, way.dx, at, direct.weights, out.learning.sums.direct, *given)


@section(types.none, when=lambda rules, neuron: rules.direct, back=True)
def back_from_direct(network: Any, rules: Any, state: Any, out: Any, chosen: Any) -> None:
    """Add the gradients of the chosen sources, in `ordered` with their spikes in `kept`, to `dots`, and those of the
    weights that their spikes crossed to the sums."""
    for i in range(chosen):
        source = np.int64(state.queue.ordered[i])
        for c in range(len(network.direct.target)):
            if network.direct.source[c] == network.wiring.source_layer[source]:
                _back_over(network, state, out, c, source, state.under_way.clock[1], state.queue.kept, i)


@section(types.float32, when=lambda rules, neuron: rules.direct, back=True)
def through_direct(network: Any, rules: Any, state: Any, source: Any) -> Any:
    """Σ_i W_ij dL/dx_i of a source over direct connections."""
    direct, wiring, way = network.direct, network.wiring, state.under_way
    result = np.float32(0)
    for c in range(len(direct.target)):
        if direct.source[c] != wiring.source_layer[source]:
            continue
        positions, slots, local, width = _on_the_way(network, state, c, source, way.clock[1])
        place = direct.place[local]
        for tap in range(direct.tap_start[place], direct.tap_start[place + 1]):
            position = direct.tap_position[tap]
            if way.mark[positions + position] != 0:
                at = slots + np.int64(wiring.position_slot[position])
                result += dot(way.dx, at, width, direct.weights, np.int64(direct.row[local] + direct.tap_row[tap]))
    return result


@section(types.none, when=lambda rules, neuron: rules.direct, back=True)
def frame_direct_gradient(network: Any, rules: Any, input_: Any, frame: Any, steps: Any, state: Any, out: Any) -> None:
    """Add the gradient of weights for a frame that was delivered at once."""
    single = state.arrivals.single
    for c in range(len(network.direct.target)):
        if network.direct.source[c] == 0 and network.direct.detour[c] < steps:
            for entry in range(frame.begin, frame.end):
                single[0] = input_.kept[entry]
                _back_over(network, state, out, c, np.int64(input_.indices[entry]), np.int64(-1), single, np.int64(0))

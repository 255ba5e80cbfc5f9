"""Bringing spikes to the neurons that they reach: frames of input, and what leaves in a forward step."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, part
from codesign.simulation.event.draws import absorb, survivors, uniform
from codesign.simulation.event.rows import add_rows, add_scaled_rows
from codesign.simulation.event.vector import natural

__all__ = ["deliver_frame", "drop_input", "frame_messages", "keep", "propagate", "queue_frame", "reach"]


@leaf
def reach(position: Any, mark: Any, touched: Any, count: Any) -> Any:
    """Note that messages arrive at a position; returns how many positions are reached."""
    if mark[position] == 0:
        mark[position] = 1
        touched[count] = position
        count += 1
    return count


@part
def drop_input(rules: Any, input_: Any, begin: Any, end: Any, key: Any, kept: Any, kept_from: Any) -> None:
    """What of the frame's entries is not lost, into `kept`."""
    key = absorb(key, 0)
    for entry in range(begin, end):
        own, value = absorb(key, input_.indices[entry]), input_.values[entry]
        if rules.currents:
            kept[entry - kept_from] = np.float32(0) if uniform(own) < rules.input_dropout else value
        else:
            kept[entry - kept_from] = survivors(own, np.int64(value), rules.input_dropout)


@part
def frame_messages(rules: Any, input_: Any, begin: Any, end: Any) -> Any:
    """Messages that every synapse of the frame's entries carries, lost to dropout or not, all together."""
    messages = 0
    for entry in range(begin, end):
        value = input_.values[entry]
        messages += (value != 0) if rules.currents else np.int64(value)
    return messages


@part
def deliver_frame(
    wiring: Any,
    parameters: Any,
    rules: Any,
    input_: Any,
    begin: Any,
    end: Any,
    kept: Any,
    kept_from: Any,
    state: Any,
    counting: Any,
) -> Any:
    """Mode `frame`: currents of the whole frame; returns how many positions it reaches."""
    touched = 0
    if wiring.single[0] != 0:
        messages = frame_messages(rules, input_, begin, end)
        if messages > 0:
            touched = reach(0, state.mark, state.touched, touched)
            if counting:
                state.spikes_in[0] = messages
            width, stride = natural(wiring.layer_width[0]), natural(rules.input_stride)
            if stride > 0:
                rows, weights = input_.indices, parameters.weights
                add_scaled_rows(width, state.x, 0, weights, rows, stride, kept, kept_from, begin, end)
            else:
                for entry in range(begin, end):
                    state.rows[natural(entry - begin)] = wiring.single_row[natural(input_.indices[entry])]
                rows, weights = state.rows, parameters.weights
                add_scaled_rows(width, state.x, 0, weights, rows, 1, kept, kept_from - begin, 0, end - begin)
        return touched
    width = wiring.layer_width[0]
    for entry in range(begin, end):
        value = input_.values[entry]
        if value != 0:
            source = input_.indices[entry]
            place = wiring.source_position[source]
            state.frame_kept[0] = kept[entry - kept_from]
            messages = 1 if rules.currents else np.int64(value)
            for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
                position = natural(wiring.tap_position[tap])
                touched = reach(position, state.mark, state.touched, touched)
                if counting:
                    state.spikes_in[position] += messages
                state.rows[0] = wiring.source_row[source] + wiring.tap_row[tap]
                at = natural(wiring.position_slot[position])
                add_scaled_rows(width, state.x, at, parameters.weights, state.rows, 1, state.frame_kept, 0, 0, 1)
    return touched


@part
def queue_frame(rules: Any, input_: Any, begin: Any, end: Any, kept: Any, kept_from: Any, state: Any) -> Any:
    """Mode `queued`: input spikes wait; returns how many inputs do."""
    waiting = 0
    for entry in range(begin, end):
        if input_.values[entry] != 0:
            source = input_.indices[entry]
            state.frame_left[source] = input_.values[entry]
            state.frame_kept[source] = kept[entry - kept_from]
            state.waiting[waiting] = source
            waiting += 1
    return waiting


@part
def keep(rules: Any, state: Any, chosen: Any, network_key: Any, step: Any) -> None:
    """What of the chosen spikes is not lost, into `kept`."""
    key = absorb(network_key, step)
    for i in range(chosen):
        source = np.int64(state.ordered[i])
        if source < rules.inputs:
            state.kept[i] = state.frame_kept[source]
        elif rules.network_dropout > 0:
            state.kept[i] = survivors(absorb(key, source - rules.inputs), state.q[source], rules.network_dropout)
        else:
            state.kept[i] = state.q[source]


@part
def _messages(rules: Any, state: Any, source: Any) -> Any:
    """Messages that each synapse of a source carries as it leaves."""
    if source < rules.inputs:
        return 1 if rules.currents else np.int64(state.frame_left[source])
    return np.int64(state.q[source])


@part
def propagate(
    wiring: Any, parameters: Any, rules: Any, state: Any, chosen: Any, barriers: Any, counting: Any, single_spikes: Any
) -> Any:
    """Currents and messages of what left; returns how many positions they reach."""
    touched = 0
    layers = len(wiring.layer_width)
    begin = 0
    for layer in range(layers):  # sources of layer 0 are inputs; what leaves the last layer reaches nobody
        end = state.bucket[layer + 1]
        width = wiring.layer_width[layer]
        if end > begin and wiring.single[layer] != 0:
            position = wiring.layer_positions[layer]
            touched = reach(position, state.mark, state.touched, touched)
            at = natural(wiring.position_slot[position])
            for i in range(begin, end):
                state.rows[natural(i)] = wiring.single_row[natural(state.ordered[natural(i)])]
            if single_spikes:
                add_rows(width, state.x, at, parameters.weights, state.rows, begin, end)
            else:
                add_scaled_rows(width, state.x, at, parameters.weights, state.rows, 1, state.kept, 0, begin, end)
            if counting:
                for i in range(begin, end):
                    state.spikes_in[position] += _messages(rules, state, state.ordered[i])
        elif end > begin:
            for i in range(begin, end):
                source = state.ordered[i]
                place = wiring.source_position[source]
                for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
                    position = natural(wiring.tap_position[tap])
                    touched = reach(position, state.mark, state.touched, touched)
                    state.rows[0] = wiring.source_row[source] + wiring.tap_row[tap]
                    at = natural(wiring.position_slot[position])
                    if single_spikes:
                        add_rows(width, state.x, at, parameters.weights, state.rows, 0, 1)
                    else:
                        state.drawn[0] = state.kept[i]
                        add_scaled_rows(width, state.x, at, parameters.weights, state.rows, 1, state.drawn, 0, 0, 1)
                    if counting:
                        state.spikes_in[position] += _messages(rules, state, source)
        begin = end
    for i in range(barriers):
        place = wiring.source_position[state.barriers[i]]
        for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
            position = natural(wiring.tap_position[tap])
            touched = reach(position, state.mark, state.touched, touched)
            state.barriers_in[position] += 1
    return touched

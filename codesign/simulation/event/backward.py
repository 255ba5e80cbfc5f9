"""The backward run of one sample: `codesign.simulation.gradient` again, along the recorded schedule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, part, routine
from codesign.simulation.event.evaluation import CLOSED, SKIPPED
from codesign.simulation.event.forward import FOOTER
from codesign.simulation.event.memory import IDLE_ALL, IDLE_NONE, POTENTIALS, WORDS
from codesign.simulation.event.rows import accumulate_rows, dot, dot_and_accumulate, multiply_transposed, set_all
from codesign.simulation.event.selection import LAST, keep_lowest_equals, key_of, separator
from codesign.simulation.event.vector import (
    BLOCK,
    LANES,
    above,
    add,
    divide,
    fill_as,
    is_number,
    load,
    load_block,
    multiply,
    multiply_add,
    natural,
    select,
    store,
    subtract,
)

__all__ = ["backward_sample", "cross_entropy"]

_BELOW_CLOSED = np.float32((CLOSED + SKIPPED) / 2)
_ABOVE_CLOSED = np.float32(CLOSED / 2)


@leaf
def cross_entropy(scores: Any, sample: Any, label: Any, weight: Any, gradient: Any) -> Any:
    """−log of the softmax at `label`, the mean over readings; `weight` times its derivative goes into `gradient`."""
    readings, classes = scores.shape[1], scores.shape[2]
    loss = 0.0
    for reading in range(readings):
        highest = np.float64(scores[sample, reading, 0])
        for one in range(classes):
            highest = max(highest, np.float64(scores[sample, reading, one]))
        total = 0.0
        for one in range(classes):
            total += math.exp(np.float64(scores[sample, reading, one]) - highest)
        for one in range(classes):
            share = math.exp(np.float64(scores[sample, reading, one]) - highest) / total
            gradient[sample, reading, one] = weight / readings * (share - (1.0 if one == label else 0.0))
        loss += math.log(total) + highest - np.float64(scores[sample, reading, label])
    return loss / readings


@part
def _through_synapses(wiring: Any, parameters: Any, state: Any, source: Any) -> Any:
    """Σ_i W_ij dL/dx_i of a source, over the neurons evaluated in the following step."""
    place = wiring.source_position[source]
    width = natural(wiring.layer_width[wiring.source_layer[source]])
    result = np.float32(0)
    for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
        position = wiring.tap_position[tap]
        if state.mark[position] != 0:
            row = natural(wiring.source_row[source]) + wiring.tap_row[tap]
            result += dot(state.dx, natural(wiring.position_slot[position]), width, parameters.weights, row)
    return result


@part
def _idle_position(wiring: Any, parameters: Any, state: Any, trace: Any, slot: Any, layer: Any, at: Any) -> None:
    """Every neuron of a position that stayed silent gets the gradient of one that left at once."""
    width = natural(wiring.layer_width[layer])
    start = np.int64(wiring.transposed_start[layer + 1])
    zero = fill_as(load(state.back, 0), np.float32(0))
    if start >= 0:
        position = wiring.layer_positions[layer + 1]
        if state.mark[position] != 0:
            first = natural(wiring.position_slot[position])
            rows = natural(wiring.layer_channels[layer + 1])
            multiply_transposed(width, state.back, width, parameters.transposed, start, state.dx, first, rows)
        else:
            for c in range(0, width, LANES):
                store(state.back, c, zero)
    else:
        for c in range(0, width, LANES):
            store(state.back, c, zero)
        for c in range(wiring.layer_channels[layer]):
            v = trace.potentials[at + c]
            # a refractory neuron sends nothing back, whatever it is given
            if _BELOW_CLOSED < v <= parameters.threshold[slot + c]:
                state.back[c] = _through_synapses(wiring, parameters, state, natural(wiring.slot_source[slot + c]))
    for c in range(0, width, LANES):
        v, before = load(trace.potentials, at + c), load(state.g_queue, slot + c)
        given = select(above(v, load(parameters.threshold, slot + c)), before, load(state.back, c))
        given = select(above(fill_as(v, _BELOW_CLOSED), v), before, given)
        store(state.g_queue, slot + c, given)


@part
def _idle_nearest(
    wiring: Any, parameters: Any, state: Any, trace: Any, positions_at: Any, reached: Any, at: Any, room: Any
) -> None:
    """Only as many silent neurons as the group had room for, nearest to their thresholds first."""
    candidates = 0
    for i in range(reached):
        position = natural(trace.words[positions_at + i])
        layer = natural(wiring.position_layer[position])
        slot = natural(wiring.position_slot[position])
        if layer < len(wiring.layer_width) - 1:
            for c in range(wiring.layer_channels[layer]):
                v, threshold = trace.potentials[at + c], parameters.threshold[slot + c]
                if _ABOVE_CLOSED < v <= threshold:
                    source = natural(wiring.slot_source[slot + c])
                    state.waiting[candidates] = source
                    state.keys[candidates] = key_of(v - threshold)
                    candidates += 1
        at += wiring.layer_width[layer]
    least = LAST
    if candidates > room:
        least, found = separator(state.keys, candidates, room)
        if found > room:
            keep_lowest_equals(state.keys, state.waiting, candidates, least, room, state.equals)
    for i in range(candidates):
        if state.keys[i] >= least:
            source = natural(state.waiting[i])
            state.g_queue[wiring.source_slot[source]] = _through_synapses(wiring, parameters, state, source)


@part
def _unchoose(wiring: Any, parameters: Any, rules: Any, state: Any, gradient: Any, chosen: Any) -> None:
    """Gradient of the weights that chosen spikes crossed, and of the queue before the choice (without dropout's share).

    `chosen` sources stand in `ordered`, layer by layer, with their spikes in `kept`; results go to `dots`.
    """
    layers = len(wiring.layer_width)
    begin = 0
    while begin < chosen:
        layer = natural(wiring.source_layer[natural(state.ordered[natural(begin)])])
        end = begin + 1
        while end < chosen and wiring.source_layer[natural(state.ordered[natural(end)])] == layer:
            end += 1
        for i in range(begin, end):
            state.dots[natural(i)] = 0
        if layer < layers:
            width = natural(wiring.layer_width[layer])
            if wiring.single[layer] != 0:
                for i in range(begin, end):
                    state.rows[natural(i)] = wiring.single_row[natural(state.ordered[natural(i)])]
                at = natural(wiring.position_slot[wiring.layer_positions[layer]])
                dot_and_accumulate(
                    width, state.dx, at, parameters.weights, gradient, state.rows, state.kept, state.dots, begin, end
                )
            else:
                for i in range(begin, end):
                    source = natural(state.ordered[i])
                    place = wiring.source_position[source]
                    for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
                        state.rows[i] = wiring.source_row[source] + wiring.tap_row[tap]
                        at = natural(wiring.position_slot[wiring.tap_position[tap]])
                        dot_and_accumulate(
                            width,
                            state.dx,
                            at,
                            parameters.weights,
                            gradient,
                            state.rows,
                            state.kept,
                            state.dots,
                            i,
                            i + 1,
                        )
        begin = end


def _piece(load: Any) -> Any:
    """Go back through the evaluation of one vector of neurons."""

    @leaf
    def unevaluate_piece(
        slot: Any,
        potentials: Any,
        potentials_at: Any,
        G: Any,
        g_queue: Any,
        g_count: Any,
        dx: Any,
        threshold: Any,
        reset_by: Any,
        half_steepness: Any,
        subtracts: Any,
        gated: Any,
    ) -> None:
        v, limit, g_potential = load(potentials, potentials_at), load(threshold, slot), load(G, slot)
        zero, one = fill_as(v, np.float32(0)), fill_as(v, np.float32(1))
        distance = multiply(fill_as(v, np.float32(math.pi) * half_steepness), subtract(v, limit))
        slope = divide(fill_as(v, half_steepness), multiply_add(distance, distance, one))
        g = add(load(g_queue, slot), load(g_count, slot))
        if subtracts:
            dv = multiply_add(subtract(g, multiply(g_potential, load(reset_by, slot))), slope, g_potential)
        else:
            passed = select(above(v, limit), zero, g_potential)
            dv = multiply_add(subtract(g, multiply(g_potential, v)), slope, passed)
        du = select(is_number(v), dv, zero)
        if gated:
            skipped = above(fill_as(v, _BELOW_CLOSED), v)
            store(G, slot, select(skipped, g_potential, du))
            store(dx, slot, select(skipped, zero, du))
        else:
            store(G, slot, du)
            store(dx, slot, du)

    return unevaluate_piece


_unevaluate_block, _unevaluate_vector = _piece(load_block), _piece(load)


@part
def _unevaluate(parameters: Any, rules: Any, state: Any, trace: Any, slot: Any, width: Any, at: Any) -> None:
    """Gradient at the currents of a position (`dx`) and at its potentials before the step (`G`)."""
    c = 0
    while c + BLOCK <= width:
        _unevaluate_block(
            slot + c,
            trace.potentials,
            at + c,
            state.G,
            state.g_queue,
            state.g_count,
            state.dx,
            parameters.threshold,
            parameters.reset_by,
            rules.half_steepness,
            rules.subtract,
            rules.gated,
        )
        c += BLOCK
    while c < width:
        _unevaluate_vector(
            slot + c,
            trace.potentials,
            at + c,
            state.G,
            state.g_queue,
            state.g_count,
            state.dx,
            parameters.threshold,
            parameters.reset_by,
            rules.half_steepness,
            rules.subtract,
            rules.gated,
        )
        c += LANES


@part
def _frame_gradient(
    wiring: Any, rules: Any, input_: Any, begin: Any, end: Any, kept: Any, kept_from: Any, state: Any, gradient: Any
) -> None:
    """Gradient of the first layer's weights from a frame that was delivered at once."""
    width = natural(wiring.layer_width[0])
    if wiring.single[0] != 0:
        stride = natural(rules.input_stride)
        if stride > 0:
            rows = input_.indices
            accumulate_rows(width, state.dx, 0, gradient, rows, stride, kept, kept_from, begin, end)
        else:
            for entry in range(begin, end):
                state.rows[natural(entry - begin)] = wiring.single_row[natural(input_.indices[entry])]
            rows = state.rows
            accumulate_rows(width, state.dx, 0, gradient, rows, 1, kept, kept_from - begin, 0, end - begin)
        return
    for entry in range(begin, end):
        source = input_.indices[entry]
        place = wiring.source_position[source]
        state.frame_kept[0] = kept[entry - kept_from]
        if state.frame_kept[0] != 0:
            for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
                state.rows[0] = wiring.source_row[source] + wiring.tap_row[tap]
                at = natural(wiring.position_slot[wiring.tap_position[tap]])
                accumulate_rows(width, state.dx, at, gradient, state.rows, 1, state.frame_kept, 0, 0, 1)


@part
def _read(wiring: Any, output_gradient: Any, sample: Any, reading: Any, target: Any) -> None:
    """Gradient at the outputs from one reading into their slots."""
    classes = output_gradient.shape[2]
    first = len(wiring.source_slot) - classes
    for output in range(classes):
        target[wiring.source_slot[first + output]] = output_gradient[sample, reading, output]


@routine
def backward_sample(
    wiring: Any,
    parameters: Any,
    rules: Any,
    input_: Any,
    sample: Any,
    kept: Any,
    kept_from: Any,
    state: Any,
    trace: Any,
    ends: Any,
    output_gradient: Any,
    gradient: Any,
    bias_gradient: Any,
) -> None:
    """Add a sample's gradients; `ends` says where its trace ends."""
    single_spikes = rules.single_spikes
    if single_spikes:
        set_all(state.kept, np.float32(1))
    layers = len(wiring.layer_width)
    last_reading = output_gradient.shape[1] - 1
    words = trace.words
    words_at, potentials_at = ends[WORDS], ends[POTENTIALS]
    set_all(state.G, np.float32(0))
    set_all(state.g_count, np.float32(0))
    _read(wiring, output_gradient, sample, last_reading, state.G if rules.reads_potential else state.g_count)
    for timestep in range(rules.timesteps - 1, -1, -1):
        if timestep < last_reading:
            _read(wiring, output_gradient, sample, timestep, state.g_count)
        set_all(state.g_queue, np.float32(0))
        following_at = following = 0  # positions evaluated in the following step
        words_at -= 1
        steps = natural(words[words_at])
        for _ in range(steps):
            words_at -= FOOTER
            chosen = natural(words[words_at])
            reached = natural(words[words_at + 1])
            room = natural(words[words_at + 2])
            shares_at = words_at - chosen if rules.network_dropout > 0 else words_at
            kept_at = shares_at if single_spikes else shares_at - chosen
            positions_at = kept_at - chosen - reached
            for i in range(reached):
                position = natural(words[positions_at + i])
                potentials_at -= wiring.layer_width[natural(wiring.position_layer[position])]
            if room > 0 and rules.idle_gradient == IDLE_ALL:
                at = potentials_at
                for i in range(reached):
                    position = natural(words[positions_at + i])
                    layer = natural(wiring.position_layer[position])
                    if layer < layers - 1:
                        slot = natural(wiring.position_slot[position])
                        _idle_position(wiring, parameters, state, trace, slot, layer, at)
                    at += wiring.layer_width[layer]
            elif room > 0 and rules.idle_gradient != IDLE_NONE:
                _idle_nearest(wiring, parameters, state, trace, positions_at, reached, potentials_at, room)
            for i in range(chosen):
                state.ordered[i] = words[positions_at + reached + i]
            if not single_spikes:
                for i in range(chosen):
                    state.kept[i] = trace.words_as_float[kept_at + i]
            _unchoose(wiring, parameters, rules, state, gradient, chosen)
            for i in range(chosen):
                source = natural(state.ordered[i])
                if source >= rules.inputs:
                    share = trace.words_as_float[shares_at + i] if rules.network_dropout > 0 else np.float32(1)
                    state.g_queue[natural(wiring.source_slot[source])] = state.dots[i] * share
            for i in range(following):
                state.mark[natural(words[following_at + i])] = 0
            at = potentials_at
            for i in range(reached):
                position = natural(words[positions_at + i])
                width = natural(wiring.layer_width[wiring.position_layer[position]])
                state.mark[position] = 1
                _unevaluate(parameters, rules, state, trace, natural(wiring.position_slot[position]), width, at)
                at += width
            following_at, following = positions_at, reached
            words_at = positions_at
        for i in range(following):
            state.mark[natural(words[following_at + i])] = 0
        if steps > 0 and not rules.queued:
            begin = input_.offsets[sample * rules.timesteps + timestep]
            end = input_.offsets[sample * rules.timesteps + timestep + 1]
            _frame_gradient(wiring, rules, input_, begin, end, kept, kept_from, state, gradient)
        if rules.biased:
            for slot in range(len(state.G)):
                bias_gradient[slot] += state.G[slot]
        if rules.leaks:
            for slot in range(0, len(state.G), LANES):
                store(state.G, slot, multiply(load(state.G, slot), load(parameters.decay, slot)))

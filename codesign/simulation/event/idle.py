"""Which silent neurons learn, compiled: the rule of `codesign.simulation.idle` along a recorded step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.direct import through_direct
from codesign.simulation.event.max_pools import is_spent
from codesign.simulation.event.neuron import CLOSED, SKIPPED
from codesign.simulation.event.priorities import key_of
from codesign.simulation.event.rows import dot, multiply_transposed
from codesign.simulation.event.sections import section
from codesign.simulation.event.selection import LAST, keep_lowest_equals, separator
from codesign.simulation.event.structures import IDLE_SPARE
from codesign.simulation.event.vector import LANES, above, fill_as, load, select, store, unsigned_index

BELOW_CLOSED = np.float32((CLOSED + SKIPPED) / 2)
"""Separates SKIPPED, below it, from CLOSED."""
_ABOVE_CLOSED = np.float32(CLOSED / 2)


@leaf
def _through_synapses(network: Any, rules: Any, state: Any, source: Any) -> Any:
    """Σ_i W_ij dL/dx_i of a source, over the neurons evaluated in the following step."""
    wiring = network.wiring
    place = unsigned_index(wiring.source_position[source])
    width = unsigned_index(wiring.layer_width[unsigned_index(wiring.source_layer[source])])
    result = np.float32(0)
    for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
        position = unsigned_index(wiring.tap_position[unsigned_index(tap)])
        if state.arrivals.mark[position] != 0:
            row = unsigned_index(wiring.source_row[source]) + wiring.tap_row[unsigned_index(tap)]
            at = unsigned_index(wiring.position_slot[position])
            result += dot(state.gradients.dx, at, width, network.weights, row)
    if rules.direct:
        result += through_direct(network, rules, state, source)
    return result


@routine
def _idle_position(network: Any, rules: Any, state: Any, trace: Any, slot: Any, layer: Any, at: Any) -> None:
    """Give every silent neuron of a position the gradient of one that left in this step."""
    wiring, gradients, threshold = network.wiring, state.gradients, network.neuron.threshold
    width = unsigned_index(wiring.layer_width[layer])
    start = np.int64(wiring.transposed_start[layer + 1])
    zero = fill_as(load(gradients.back, 0), np.float32(0))
    following = wiring.layer_positions[layer + 1]
    if start >= 0 and state.arrivals.mark[following] != 0:
        first = unsigned_index(wiring.position_slot[following])
        rows = unsigned_index(wiring.layer_channels[layer + 1])
        multiply_transposed(width, gradients.back, width, network.transposed, start, gradients.dx, first, rows)
    else:
        for c in range(0, width, LANES):
            store(gradients.back, c, zero)
    if start < 0:
        for c in range(wiring.layer_channels[layer]):
            v = trace.potentials[at + c]
            # a refractory neuron passes nothing on, whatever gradient it gets
            if BELOW_CLOSED < v <= threshold[slot + c]:
                source = unsigned_index(wiring.slot_source[slot + c])
                if not is_spent(wiring, state.queue, source):
                    gradients.back[c] = _through_synapses(network, rules, state, source)
    elif rules.direct and network.direct.leaves[layer + 1] != 0:
        for c in range(wiring.layer_channels[layer]):
            if BELOW_CLOSED < trace.potentials[at + c] <= threshold[slot + c]:
                gradients.back[c] += through_direct(network, rules, state, unsigned_index(wiring.slot_source[slot + c]))
    for c in range(0, width, LANES):
        v, before = load(trace.potentials, at + c), load(gradients.g_queue, slot + c)
        given = select(above(v, load(threshold, slot + c)), before, load(gradients.back, c))
        given = select(above(fill_as(v, BELOW_CLOSED), v), before, given)
        store(gradients.g_queue, slot + c, given)


@leaf
def idle_all(network: Any, rules: Any, state: Any, trace: Any, step: Any) -> None:
    """Give every silent neuron that was evaluated the gradient of one that left."""
    wiring, at = network.wiring, step.potentials_at
    for i in range(step.reached):
        position = unsigned_index(trace.words[np.uint64(step.positions_at + i)])
        layer = unsigned_index(wiring.position_layer[position])
        if layer < len(wiring.layer_width) - 1:
            slot = unsigned_index(wiring.position_slot[position])
            _idle_position(network, rules, state, trace, slot, layer, at)
        at += wiring.layer_width[layer]


@section(types.none, when=lambda rules, neuron: rules.idle_gradient == IDLE_SPARE, back=True)
def idle_nearest(
    network: Any, rules: Any, state: Any, out: Any, positions_at: Any, at: Any, reached: Any, room: Any
) -> None:
    """Give the gradient of one that left to as many silent neurons as the group had room for, those nearest to their
    thresholds first."""
    wiring, thresholds, trace = network.wiring, network.neuron.threshold, out.trace
    sources, keys = state.queue.waiting, state.ranking.keys
    candidates = np.int64(0)
    for i in range(reached):
        position = unsigned_index(trace.words[positions_at + i])
        layer = unsigned_index(wiring.position_layer[position])
        slot = unsigned_index(wiring.position_slot[position])
        if layer < len(wiring.layer_width) - 1:
            for c in range(wiring.layer_channels[layer]):
                v, threshold = trace.potentials[at + c], thresholds[slot + c]
                if _ABOVE_CLOSED < v <= threshold and not is_spent(wiring, state.queue, wiring.slot_source[slot + c]):
                    sources[candidates] = unsigned_index(wiring.slot_source[slot + c])
                    keys[candidates] = key_of(v - threshold)
                    candidates += 1
        at += wiring.layer_width[layer]
    least = LAST
    if candidates > room:
        least, reaching = separator(keys, state.ranking.few, candidates, room)
        if reaching > room:
            keep_lowest_equals(keys, sources, candidates, least, room, state.ranking.equals, state.ranking.few)
    for i in range(candidates):
        if keys[i] >= least:
            source = unsigned_index(sources[i])
            state.gradients.g_queue[wiring.source_slot[source]] = _through_synapses(network, rules, state, source)

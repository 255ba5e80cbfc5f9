"""Evaluating the positions that messages reach, in the common case: several positions are evaluated before the neurons
that fired in them are enqueued. The loop over neurons that fired ends unpredictably, and each misprediction stalls the
code after it, so these loops are kept together."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.evaluation import DECISIONS, FIRED, enqueue, evaluate_touched, note_spike, piece
from codesign.simulation.event.neuron import step
from codesign.simulation.event.structures import POTENTIALS, WORDS
from codesign.simulation.event.vector import (
    BLOCK,
    HAS_LONG_REGISTERS,
    LANES,
    lanes_set,
    load,
    load_block,
    lowest_lane,
    unsigned_index,
)
from codesign.simulation.event.working_memory import AT_ONCE

_evaluate_block, _evaluate_vector = piece(load_block, step), piece(load, step)


@leaf
def evaluate_reached(network: Any, rules: Any, moment: Any, state: Any, out: Any, touched: Any, waiting: Any) -> Any:
    """Evaluate all positions that messages reach; returns the same as `evaluate_touched`."""
    rare = rules.gated or rules.partial or rules.tallied or network.neuron.ticks or network.neuron.extended
    if rare:
        return evaluate_touched(network, rules, moment, state, out, touched, waiting)
    state.fired.tally[DECISIONS] = 0
    state.fired.tally[FIRED] = 0
    for first in range(0, touched, AT_ONCE):
        blocks = np.int64(0)
        for i in range(first, min(first + AT_ONCE, touched)):
            position = unsigned_index(state.arrivals.touched[unsigned_index(i)])
            blocks = _fire(network, rules, position, state, out, blocks)
            if rules.traced:
                out.trace.words[np.uint64(out.ends[WORDS] + i)] = position
        waiting = _wait(network, rules, moment, state, blocks, waiting)
    return waiting, np.int64(0), touched if rules.traced else np.int64(0)


@leaf
def _fire(network: Any, rules: Any, position: Any, state: Any, out: Any, blocks: Any) -> Any:
    """Evaluate a position; return how many blocks with a neuron that fired `Fired` now lists."""
    wiring, fired, neuron, potentials = network.wiring, state.fired, network.neuron, out.trace.potentials
    state.arrivals.mark[position] = 0
    layer = unsigned_index(wiring.position_layer[position])
    slot, width = unsigned_index(wiring.position_slot[position]), wiring.layer_width[layer]
    traced_at = out.ends[POTENTIALS] if rules.traced else np.int64(-1) << 32
    for c in range(0, width, BLOCK):
        at, place, lanes = slot + c, blocks * BLOCK, np.int64(0)
        if HAS_LONG_REGISTERS and c + BLOCK <= width:
            lanes = _evaluate_block(at, place, neuron, state, False, potentials, traced_at + c)
        else:
            for n in range(0, min(BLOCK, width - c), LANES):
                those = _evaluate_vector(at + n, place + n, neuron, state, False, potentials, traced_at + c + n)
                lanes |= those << n
        spikes = lanes_set(lanes)
        fired.spikes[layer] += spikes
        fired.tally[DECISIONS] += spikes if layer == len(wiring.layer_width) - 1 else np.int64(0)
        block = unsigned_index(blocks)
        fired.lanes[block], fired.slots[block], fired.layers[block] = lanes, at, layer
        blocks += lanes != 0  # a block in which no neuron fired is overwritten by the next
    if rules.traced:
        out.ends[POTENTIALS] += width
    return blocks


@leaf
def _wait(network: Any, rules: Any, moment: Any, state: Any, blocks: Any, waiting: Any) -> Any:
    """Enqueue the neurons that fired; return how many neurons wait now."""
    rarely, last = rules.charged or rules.listed or rules.refractory_dropout > 0, len(network.wiring.layer_width) - 1
    for i in range(blocks):
        block = unsigned_index(i)
        lanes, slot = state.fired.lanes[block], state.fired.slots[block]
        layer = unsigned_index(state.fired.layers[block])
        waiting = enqueue(rules, moment, network.wiring, slot, block * BLOCK, lanes, state, waiting)
        noted = rarely or layer == last
        while noted and lanes != 0:
            note_spike(network, rules, moment, layer, slot + lowest_lane(lanes), state)
            lanes &= lanes - 1
    return waiting

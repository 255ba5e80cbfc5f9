"""Which neurons of a position are evaluated in a step and may fire: those whose gate is open, those that fire at their
tick without a message, and those that a direct connection reaches alone (an identity, or a convolution with other
groups).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.neuron import fires_alone, would_fire
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import LANES, unsigned_index

TICKED, PARTLY = 2, 3
"""In `Arrivals.mark`: the position is evaluated only because of its tick; or only those of its neurons are evaluated
that `UnderWay.reached` or the tick names."""

HAS_FIRED = np.float32(2)  # in `Gates.able`


@section(types.UniTuple(types.int64, 2), when=lambda rules, neuron: rules.gated)
def open_gates(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any, senders: Any) -> Any:
    """Determine which neurons of a position are evaluated and may fire in this step, and write them to `Gates`.

    Returns how many are evaluated, and the new length of `Gates.senders`: neurons whose gate has just opened are
    appended there, and send a barrier message unless they fire.
    """
    wiring, gates = network.wiring, state.gates
    layer = unsigned_index(wiring.position_layer[position])
    slot = unsigned_index(wiring.position_slot[position])
    spikes = state.arrivals.spikes[position]
    arrived = spikes + np.int64(state.arrivals.others[position])
    before = gates.received[position]
    now = before + arrived
    gates.received[position] = now
    if spikes > 0:
        gates.stimulated[position] = 1
    sends = rules.barrier_messages and layer < len(wiring.layer_width) - 1
    evaluations = 0
    for at in range(slot, slot + wiring.layer_channels[layer]):
        gate = network.gate[at]
        was_open, is_open = before >= gate and moment.step > 0, now >= gate
        if layer == 0:
            if rules.layer_gate:
                was_open, is_open = moment.was_complete, moment.complete
            else:
                was_open, is_open = was_open or moment.was_complete, is_open or moment.complete
        completes = is_open and not was_open
        reached = rules.partial and state.under_way.reached[at] > 0
        if reached:
            state.under_way.stimulated[at] = 1
        # the frame's last event also evaluates first-layer neurons that waited for it
        heard = now > 0 or gates.stimulated[position] != 0
        evaluated = arrived > 0 or spikes > 0 or reached or (rules.queued and layer == 0 and completes and heard)
        could = gates.stimulated[position] != 0  # barrier messages alone do not make a neuron fire
        could = could or (rules.partial and state.under_way.stimulated[at] != 0)
        if network.neuron.ticks and network.neuron.ticking[at] != 0:
            if completes and not evaluated and fires_alone(network.neuron, state.cells, at):
                evaluated = True
                _count_tick(rules, moment, layer, out)
            could = True
        evaluations += evaluated
        gates.evaluated[at] = evaluated
        gates.able[at] = is_open and could
        if sends and completes:
            gates.senders[senders] = wiring.slot_source[at]
            senders += 1
    return evaluations, senders


@leaf
def silent_senders(network: Any, state: Any, begin: Any, end: Any) -> Any:
    """Remove the neurons that fired from `Gates.senders`, from `begin` on; return how many senders are left."""
    gates = state.gates
    for i in range(begin, end):
        source = gates.senders[i]
        if gates.able[network.wiring.source_slot[source]] != HAS_FIRED:
            gates.senders[begin] = source
            begin += 1
    return begin


@leaf
def _count_tick(rules: Any, moment: Any, layer: Any, out: Any) -> None:
    if rules.recorded:
        out.counters.tick_evaluations[moment.sample, layer] += 1


@section(types.int64, when=lambda rules, neuron: neuron.ticks)
def only_ticked(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any) -> Any:
    """Write to `Gates` which neurons of a position without messages the tick evaluates; return how many."""
    wiring, gates = network.wiring, state.gates
    layer = unsigned_index(wiring.position_layer[position])
    slot = unsigned_index(wiring.position_slot[position])
    evaluations = 0
    for c in range(0, wiring.layer_width[layer], LANES):
        lanes = would_fire(network.neuron, state.cells, slot + c)
        for lane in range(LANES):
            fires = (lanes >> lane) & 1
            gates.evaluated[slot + c + lane] = fires
            gates.able[slot + c + lane] = fires
            if fires != 0:
                evaluations += 1
                _count_tick(rules, moment, layer, out)
    return evaluations


@section(types.int64, when=lambda rules, neuron: neuron.ticks)
def tick(network: Any, rules: Any, step: Any, state: Any, touched: Any) -> Any:
    """Let the tick reach positions of its layer in which a neuron would fire; return how many positions are reached."""
    wiring, arrivals = network.wiring, state.arrivals
    layer = step - rules.first_step
    if 0 <= layer < len(wiring.layer_width):
        for position in range(wiring.layer_positions[layer], wiring.layer_positions[layer + 1]):
            if arrivals.mark[position] == 0 and _any_would_fire(network, position, state):
                arrivals.mark[position] = TICKED
                arrivals.touched[touched] = position
                touched += 1
    return touched


@section(types.boolean, when=lambda rules, neuron: neuron.ticks)
def tick_ahead(network: Any, rules: Any, step: Any, state: Any) -> Any:
    """Whether the tick of this or a later step would make a neuron fire, leaving messages aside."""
    if rules.gated and step > 0:  # after step 0 gates open only by messages
        return False
    layers = len(network.wiring.layer_width)
    for layer in range(max(step - rules.first_step, 0), layers):
        for position in range(network.wiring.layer_positions[layer], network.wiring.layer_positions[layer + 1]):
            if _any_would_fire(network, position, state):
                return True
    return False


@leaf
def _any_would_fire(network: Any, position: Any, state: Any) -> Any:
    slot = unsigned_index(network.wiring.position_slot[position])
    for c in range(0, network.wiring.layer_width[network.wiring.position_layer[position]], LANES):
        if would_fire(network.neuron, state.cells, slot + c) != 0:
            return True
    return False


@section(types.int64, when=lambda rules, neuron: rules.partial)
def evaluated_partly(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any) -> Any:
    """Write to `Gates` which neurons are evaluated; return how many."""
    wiring, gates, reached = network.wiring, state.gates, state.under_way.reached
    layer = unsigned_index(wiring.position_layer[position])
    slot = unsigned_index(wiring.position_slot[position])
    due = network.neuron.ticks and moment.step - rules.first_step == layer
    evaluations = 0
    for at in range(slot, slot + wiring.layer_channels[layer]):
        evaluated = reached[at] > 0
        if due and not evaluated and fires_alone(network.neuron, state.cells, at):
            evaluated = True
            _count_tick(rules, moment, layer, out)
        gates.evaluated[at] = evaluated
        gates.able[at] = evaluated
        evaluations += evaluated
    return evaluations


@section(types.none, when=lambda rules, neuron: rules.partial)
def hear_partly(network: Any, rules: Any, position: Any, state: Any) -> None:
    """Add what arrived at a position's neurons to what they heard in this pass, and clear it."""
    wiring, way = network.wiring, state.under_way
    layer = unsigned_index(wiring.position_layer[position])
    if network.direct.arrives[layer] != 0:
        slot = unsigned_index(wiring.position_slot[position])
        for at in range(slot, slot + wiring.layer_channels[layer]):
            way.heard[at] += way.reached[at]
            way.reached[at] = 0

"""Evaluating the neurons of a position: who is evaluated and may fire, one step of each, and who waits from now on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.draws import absorb, uniform
from codesign.simulation.event.neuron import CLOSED, REFRACTORY, SKIPPED, step
from codesign.simulation.event.structures import POTENTIALS
from codesign.simulation.event.vector import (
    BLOCK,
    LANES,
    above,
    all_lanes,
    both,
    fill_as,
    lanes_of,
    lanes_set,
    load,
    load_block,
    lowest_lane,
    select,
    store,
    unsigned_index,
)

__all__ = ["DECISIONS", "FIRED", "Moment", "evaluate"]

DECISIONS, FIRED = range(2)
"""Places in `Fired.tally`: output neurons that fired in this step, and how many neurons that did are listed."""

_HAS_FIRED = np.float32(2)  # in `Gates.able`


class Moment(NamedTuple):
    """A forward step, as evaluations see it."""

    step: int
    was_complete: bool  # whether all events of the frame had been delivered before this step
    complete: bool  # and whether they have been now
    refractory_key: np.uint64  # of the pass's draws


def _piece(load: Any) -> Any:
    """Evaluate one vector of neurons; returns which fired, as bits, and leaves their potentials in `values`."""

    @leaf
    def evaluate_piece(
        slot: Any, neuron: Any, cells: Any, gates: Any, gated: Any, values: Any, potentials: Any, potentials_at: Any
    ) -> Any:
        u, x = load(cells.u, slot), load(cells.x, slot)
        zero = fill_as(x, np.float32(0))
        store(cells.x, slot, zero)
        free = above(load(cells.alive, slot), zero)
        able = evaluated = all_lanes(x)
        if gated:
            evaluated = above(load(gates.evaluated, slot), zero)
            able = both(evaluated, above(load(gates.able, slot), zero))
        v, fired, after = step(load, neuron, slot, u, x, free, able)
        if gated:
            after = select(evaluated, after, u)
        store(cells.u, slot, after)
        store(values, 0, v)
        if potentials_at >= 0:
            seen = v
            if gated:
                seen = select(able, v, fill_as(v, CLOSED))
            seen = select(free, seen, fill_as(v, REFRACTORY))
            if gated:
                seen = select(evaluated, seen, fill_as(v, SKIPPED))
            store(potentials, potentials_at, seen)
        return lanes_of(fired)

    return evaluate_piece


_evaluate_block, _evaluate_vector = _piece(load_block), _piece(load)


@leaf
def evaluate(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any, waiting: Any) -> Any:
    """Evaluate a position; returns how many neurons wait now. Potentials go to the end of the trace."""
    wiring = network.wiring
    layer = unsigned_index(wiring.position_layer[position])
    slot, width = unsigned_index(wiring.position_slot[position]), unsigned_index(wiring.layer_width[layer])
    output = layer == len(wiring.layer_width) - 1
    c = 0
    while c < width:
        at = slot + c
        potentials_at = out.ends[POTENTIALS] + c if rules.traced else -1
        if c + BLOCK <= width:
            lanes = _evaluate_block(
                at,
                network.neuron,
                state.cells,
                state.gates,
                rules.gated,
                state.fired.values,
                out.trace.potentials,
                potentials_at,
            )
            c += BLOCK
        else:
            lanes = _evaluate_vector(
                at,
                network.neuron,
                state.cells,
                state.gates,
                rules.gated,
                state.fired.values,
                out.trace.potentials,
                potentials_at,
            )
            c += LANES
        spikes = lanes_set(lanes)
        state.fired.spikes[layer] += spikes
        if output:
            state.fired.tally[DECISIONS] += spikes
        while lanes != 0:
            lane = lowest_lane(lanes)
            lanes &= lanes - 1
            source = unsigned_index(wiring.slot_source[unsigned_index(at + lane)])
            _silence(rules, moment, source, at + lane, state)
            if rules.charged:
                state.fired.charges[layer] += network.charge[unsigned_index(at + lane)]
            if output:
                outputs = state.fired.outputs
                outputs[source - (len(wiring.source_slot) - len(outputs))] += 1
            waiting = _enqueue(rules, moment, source, state.fired.values[lane], state, waiting)
    return waiting


@leaf
def _silence(rules: Any, moment: Any, source: Any, slot: Any, state: Any) -> None:
    """A neuron that fired is refractory from now on, unless dropout lets it fire again."""
    if rules.gated:
        state.gates.able[slot] = _HAS_FIRED
    free = not rules.refractory
    if rules.refractory_dropout > 0 and rules.refractory:
        draw = uniform(absorb(absorb(moment.refractory_key, moment.step), source - rules.inputs))
        free = draw < rules.refractory_dropout
    if not free:
        state.cells.alive[slot] = 0


@leaf
def _enqueue(rules: Any, moment: Any, source: Any, potential: Any, state: Any, waiting: Any) -> Any:
    """The neuron fired at this potential; returns how many wait now."""
    queue = state.queue
    if rules.tallied:
        state.fired.sources[state.fired.tally[FIRED]] = source
        state.fired.tally[FIRED] += 1
    queue.potential[source] = potential
    waits = queue.spikes[source] != 0  # possible only for a neuron that is not refractory
    queue.spikes[source] += 1
    if not waits:
        queue.waiting[unsigned_index(waiting)] = source
        queue.enqueue_step[source] = moment.step
        waiting += 1
    return waiting


@routine
def open_gates(network: Any, rules: Any, moment: Any, position: Any, state: Any, senders: Any) -> Any:
    """Who of a position is evaluated and may fire in this step, into `Gates`.

    Returns how many are evaluated, and how many neurons of all positions complete their threshold: those at the end of
    `Gates.senders` send a barrier message unless they fire.
    """
    wiring, gates = network.wiring, state.gates
    layer = unsigned_index(wiring.position_layer[position])
    slot = unsigned_index(wiring.position_slot[position])
    spikes = state.arrivals.spikes[position]
    arrived = spikes + np.int64(state.arrivals.barriers[position])
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
        # the frame's last event completes it for first-layer neurons that waited for it
        evaluated = arrived > 0 or (rules.queued and layer == 0 and completes and now > 0)
        evaluations += evaluated
        gates.evaluated[at] = evaluated
        # barrier messages alone make no neuron fire
        gates.able[at] = is_open and gates.stimulated[position] != 0
        if sends and completes:
            gates.senders[senders] = wiring.slot_source[at]
            senders += 1
    return evaluations, senders


@leaf
def silent_senders(network: Any, state: Any, begin: Any, end: Any) -> Any:
    """Keeps of `Gates.senders` from `begin` on those that did not fire; returns how many senders there are now."""
    gates = state.gates
    for i in range(begin, end):
        source = gates.senders[i]
        if gates.able[network.wiring.source_slot[source]] != _HAS_FIRED:
            gates.senders[begin] = source
            begin += 1
    return begin


@leaf
def evaluate_touched(network: Any, rules: Any, moment: Any, state: Any, out: Any, touched: Any, waiting: Any) -> Any:
    """Evaluate all positions that messages reach.

    Returns how many neurons wait now, how many send a barrier message, and how many positions the trace got.
    """
    wiring, tally = network.wiring, state.fired.tally
    tally[DECISIONS] = 0
    tally[FIRED] = 0
    reached = senders = 0
    for i in range(touched):
        position = unsigned_index(state.arrivals.touched[i])
        layer = unsigned_index(wiring.position_layer[position])
        state.arrivals.mark[position] = 0
        evaluations = np.int64(wiring.layer_channels[layer])
        completing = senders
        if rules.gated:
            evaluations, completing = open_gates(network, rules, moment, position, state, senders)
        if not rules.gated or evaluations > 0:
            waiting = evaluate(network, rules, moment, position, state, out, waiting)
        if rules.gated:
            senders = silent_senders(network, state, senders, completing)
        if rules.tallied:
            state.counting.evaluations[i] = evaluations
        if rules.traced and evaluations > 0:
            out.trace.words[out.ends[0] + reached] = position
            reached += 1
            out.ends[POTENTIALS] += wiring.layer_width[layer]
    return waiting, senders, reached

"""Evaluating the neurons of a position: which are evaluated and may fire, one step of each, and which begin to wait."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.draws import absorb, uniform
from codesign.simulation.event.neuron import CLOSED, REFRACTORY, SKIPPED, extended_step, fires_alone, step, would_fire
from codesign.simulation.event.partly import PARTLY, evaluated_partly, hear_partly
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import POTENTIALS
from codesign.simulation.event.tallies import begin_tally, tally_evaluations, tally_spikes
from codesign.simulation.event.vector import (
    AHEAD,
    BLOCK,
    HAS_LONG_REGISTERS,
    LANES,
    above,
    all_lanes,
    both,
    fetch_to_write,
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

MOST_WAITING = 1 << 24
"""As in `codesign.simulation.run`, which kernels must not import."""
TICKED = 2
"""In `Arrivals.mark`: the position is evaluated only because of its tick."""

DECISIONS, FIRED, OVERFLOWS = range(3)
"""Places in `Fired.tally`: output neurons that fired in this step, length of `Fired.sources`, and whether a neuron has
more waiting spikes than can be counted."""

_HAS_FIRED = np.float32(2)  # in `Gates.able`


class Moment(NamedTuple):
    """The current forward step, as evaluations see it."""

    step: int
    sample: int
    timestep: int
    was_complete: bool  # whether all events of the frame had been delivered before this step
    complete: bool  # whether they have been delivered now
    refractory_key: np.uint64  # key of the pass's draws for refractory dropout


def piece(load: Any, step: Any) -> Any:
    """Make a function that evaluates one vector of neurons and returns the bits of those that fired.

    It writes potentials to `Fired.values` from `place` on.
    """

    @leaf
    def evaluate_piece(
        slot: Any, place: Any, neuron: Any, state: Any, gated: Any, potentials: Any, potentials_at: Any
    ) -> Any:
        cells, gates, new = state.cells, state.gates, state.fired
        u, x = load(cells.u, slot), load(cells.x, slot)
        zero = fill_as(x, np.float32(0))
        store(cells.x, slot, zero)
        free = above(load(cells.alive, slot), zero)
        able = evaluated = all_lanes(x)
        if gated:
            evaluated = above(load(gates.evaluated, slot), zero)
            able = both(evaluated, above(load(gates.able, slot), zero))
        v, fired, after = step(load, neuron, slot, u, x, (free, able), (cells, new.counts, place))
        if gated:
            after = select(evaluated, after, u)
        store(cells.u, slot, after)
        store(new.values, place, v)
        if potentials_at >= 0:
            seen = v
            if gated:
                seen = select(able, v, fill_as(v, CLOSED))
            seen = select(free, seen, fill_as(v, REFRACTORY))
            if gated:
                seen = select(evaluated, seen, fill_as(v, SKIPPED))
            store(potentials, potentials_at, seen)
            fetch_to_write(seen, potentials, potentials_at + AHEAD)
        return lanes_of(fired)

    return evaluate_piece


@leaf
def enqueue(rules: Any, moment: Any, wiring: Any, slot: Any, place: Any, lanes: Any, state: Any, waiting: Any) -> Any:
    """Enqueue the neurons that fired: set bits of `lanes`, counted from `slot`, with potentials in `Fired.values` from
    `place` on. Return how many neurons wait now."""
    queue, alive, values = state.queue, state.cells.alive, state.fired.values
    after, step = np.float32(0 if rules.refractory else 1), np.int32(moment.step)
    while lanes != 0:  # kept minimal, without branches that depend on data
        lane = lowest_lane(lanes)
        lanes &= lanes - 1
        source = unsigned_index(wiring.slot_source[unsigned_index(slot + lane)])
        alive[unsigned_index(slot + lane)] = after
        queue.potential[source] = values[unsigned_index(place + lane)]
        new = queue.spikes[source] == 0  # always true if neurons are refractory
        queue.spikes[source] += 1
        queue.waiting[unsigned_index(waiting)] = source
        queue.enqueue_step[source] = step if new else queue.enqueue_step[source]
        waiting += new
    return waiting


@leaf
def note_spike(network: Any, rules: Any, moment: Any, layer: Any, slot: Any, state: Any) -> None:
    """Handle a spike as some rules and layers require."""
    wiring, fired = network.wiring, state.fired
    source = unsigned_index(wiring.slot_source[unsigned_index(slot)])
    if rules.gated:
        state.gates.able[slot] = _HAS_FIRED
    if rules.refractory_dropout > 0 and rules.refractory:
        draw = uniform(absorb(absorb(moment.refractory_key, moment.step), source - rules.inputs))
        state.cells.alive[slot] = np.float32(draw < rules.refractory_dropout)  # a branch would be unpredictable
    if rules.charged:
        fired.charges[layer] += network.charge[unsigned_index(slot)]
    if layer == len(wiring.layer_width) - 1:
        fired.outputs[source - (len(wiring.source_slot) - len(fired.outputs))] += 1
    if rules.listed:
        fired.sources[fired.tally[FIRED]] = source
        fired.tally[FIRED] += 1


@leaf
def _add_spikes(network: Any, rules: Any, slot: Any, spikes: Any, state: Any) -> None:
    """Add the other spikes of a neuron that fired several and was enqueued with one."""
    fired, more = state.fired, spikes - 1
    source = network.wiring.slot_source[slot]
    layer = network.wiring.source_layer[source] - 1
    fired.spikes[layer] += more
    if rules.tallied:
        state.counting.slice_sums[network.slices.of_source[source], 1] += more
    if rules.charged:
        fired.charges[layer] += network.charge[slot] * np.float32(more)
    if layer == len(network.wiring.layer_width) - 1:
        fired.outputs[source - (len(network.wiring.source_slot) - len(fired.outputs))] += more
    if rules.listed:
        fired.emitted[fired.tally[FIRED] - 1] = spikes
    state.queue.spikes[source] += more
    if state.queue.spikes[source] > MOST_WAITING:
        fired.tally[OVERFLOWS] = 1


def _evaluator(step: Any, *, extended: bool) -> Any:
    """Make a function that evaluates a position, of extended neurons or of plain ones."""
    evaluate_block, evaluate_vector = piece(load_block, step), piece(load, step)

    def evaluate(
        network: Any, rules: Any, moment: Any, position: Any, masked: Any, state: Any, out: Any, waiting: Any
    ) -> Any:
        """Evaluate a position, if `masked` only the neurons in `Gates.evaluated`; return how many neurons wait now.

        Potentials go to the trace.
        """
        wiring = network.wiring
        layer = unsigned_index(wiring.position_layer[position])
        slot, width = unsigned_index(wiring.position_slot[position]), wiring.layer_width[layer]
        output = layer == len(wiring.layer_width) - 1
        noted = output or rules.gated or rules.charged or rules.listed or rules.refractory_dropout > 0 or extended
        for c in range(0, width, BLOCK):
            at, lanes = slot + c, np.int64(0)
            traced_at = out.ends[POTENTIALS] + c if rules.traced else np.int64(-BLOCK)
            if HAS_LONG_REGISTERS and c + BLOCK <= width:
                lanes = evaluate_block(at, 0, network.neuron, state, masked, out.trace.potentials, traced_at)
            else:
                for n in range(0, min(BLOCK, width - c), LANES):
                    those = evaluate_vector(
                        at + n, n, network.neuron, state, masked, out.trace.potentials, traced_at + n
                    )
                    lanes |= those << n
            spikes = lanes_set(lanes)
            state.fired.spikes[layer] += spikes
            if output:
                state.fired.tally[DECISIONS] += spikes
            if rules.tallied and spikes > 0:
                tally_spikes(network, rules, position, at, lanes, state, out.counters)
            waiting = enqueue(rules, moment, wiring, at, 0, lanes, state, waiting)
            while noted and lanes != 0:
                lane = lowest_lane(lanes)
                lanes &= lanes - 1
                note_spike(network, rules, moment, layer, at + lane, state)
                if extended and network.neuron.holds:
                    state.cells.fired[at + lane] = network.neuron.held[at + lane]
                if extended and network.neuron.bursts:
                    _add_spikes(network, rules, at + lane, np.int64(state.fired.counts[lane]), state)
        return waiting

    if extended:
        return section(types.int64, when=lambda rules, neuron: neuron.extended)(evaluate)
    return leaf(evaluate)


evaluate, evaluate_extended = _evaluator(step, extended=False), _evaluator(extended_step, extended=True)


@section(types.int64, when=lambda rules, neuron: rules.gated or rules.partial)
def _evaluate_some(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any, waiting: Any) -> Any:
    """Separate, so that no mask is read if all neurons of a position are evaluated."""
    return evaluate(network, rules, moment, position, True, state, out, waiting)


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
def _count_tick(rules: Any, moment: Any, layer: Any, out: Any) -> None:
    if rules.recorded:
        out.counters.tick_evaluations[moment.sample, layer] += 1


@section(types.int64, when=lambda rules, neuron: neuron.ticks)
def _only_ticked(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any) -> Any:
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


@leaf
def silent_senders(network: Any, state: Any, begin: Any, end: Any) -> Any:
    """Remove the neurons that fired from `Gates.senders`, from `begin` on; return how many senders are left."""
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

    Returns how many neurons wait now, how many send a barrier message, and how many positions were traced.
    """
    wiring, tally = network.wiring, state.fired.tally
    tally[DECISIONS] = 0
    tally[FIRED] = 0
    if rules.tallied:
        begin_tally(state)
    reached = senders = np.int64(0)
    for i in range(touched):
        position = unsigned_index(state.arrivals.touched[i])
        layer = unsigned_index(wiring.position_layer[position])
        ticked = state.arrivals.mark[position] == TICKED
        partly = state.arrivals.mark[position] == PARTLY
        state.arrivals.mark[position] = 0
        evaluations = np.int64(wiring.layer_channels[layer])
        completing = senders
        if rules.gated:
            evaluations, completing = open_gates(network, rules, moment, position, state, out, senders)
        elif ticked:
            evaluations = _only_ticked(network, rules, moment, position, state, out)
        elif partly:
            evaluations = evaluated_partly(network, rules, moment, position, state, out)
        if rules.partial:
            hear_partly(network, rules, position, state)
        if rules.tallied:
            tally_evaluations(network, rules, moment, position, evaluations, state, out)
        if not rules.gated or evaluations > 0:
            if network.neuron.extended:
                masked = rules.gated or ticked or partly
                waiting = evaluate_extended(network, rules, moment, position, masked, state, out, waiting)
            elif rules.gated or partly:
                waiting = _evaluate_some(network, rules, moment, position, state, out, waiting)
            else:
                waiting = evaluate(network, rules, moment, position, False, state, out, waiting)
        if rules.gated:
            senders = silent_senders(network, state, senders, completing)
        if rules.traced and evaluations > 0:
            out.trace.words[out.ends[0] + reached] = position
            reached += 1
            out.ends[POTENTIALS] += wiring.layer_width[layer]
    return waiting, senders, reached

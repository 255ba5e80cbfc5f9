"""Evaluating the neurons of the positions that messages reach: one step of each, and which begin to wait."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.draws import absorb, uniform
from codesign.simulation.event.gates import (
    HAS_FIRED,
    PARTLY,
    TICKED,
    evaluated_partly,
    hear_partly,
    only_ticked,
    open_gates,
    silent_senders,
)
from codesign.simulation.event.neuron import CLOSED, REFRACTORY, SKIPPED, extended_step, step
from codesign.simulation.event.sections import section
from codesign.simulation.event.structures import POTENTIALS, WORDS
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
from codesign.simulation.event.working_memory import AT_ONCE

MOST_WAITING = 1 << 24
"""As in `codesign.simulation.run`, which kernels must not import."""

DECISIONS, FIRED, OVERFLOWS = range(3)
"""Places in `Fired.tally`: output neurons that fired in this step, length of `Fired.sources`, and whether a neuron has
more waiting spikes than can be counted."""


class Moment(NamedTuple):
    """The current forward step, as evaluations see it."""

    step: int
    sample: int
    timestep: int
    was_complete: bool  # whether all events of the frame had been delivered before this step
    complete: bool  # whether they have been delivered now
    refractory_key: np.uint64  # key of the pass's draws for refractory dropout


def _piece(load: Any, step: Any) -> Any:
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
def _enqueue(rules: Any, moment: Any, wiring: Any, slot: Any, place: Any, lanes: Any, state: Any, waiting: Any) -> Any:
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
def _note_spike(network: Any, rules: Any, moment: Any, layer: Any, slot: Any, state: Any) -> None:
    """Handle a spike as some rules and layers require."""
    wiring, fired = network.wiring, state.fired
    source = unsigned_index(wiring.slot_source[unsigned_index(slot)])
    if rules.gated:
        state.gates.able[slot] = HAS_FIRED
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


def _firing(step: Any) -> Any:
    """Make a function that evaluates a position of neurons with this step."""
    evaluate_block, evaluate_vector = _piece(load_block, step), _piece(load, step)

    @leaf
    def fire(network: Any, rules: Any, position: Any, masked: Any, state: Any, out: Any, blocks: Any) -> Any:
        """Evaluate a position, if `masked` only the neurons in `Gates.evaluated`, and trace it; return how many blocks
        with a neuron that fired `Fired` now lists."""
        wiring, fired, neuron, potentials = network.wiring, state.fired, network.neuron, out.trace.potentials
        layer = unsigned_index(wiring.position_layer[position])
        slot, width = unsigned_index(wiring.position_slot[position]), wiring.layer_width[layer]
        traced_at = out.ends[POTENTIALS] if rules.traced else np.int64(-1) << 32
        for c in range(0, width, BLOCK):
            at, place, lanes = slot + c, blocks * BLOCK, np.int64(0)
            if HAS_LONG_REGISTERS and c + BLOCK <= width:
                lanes = evaluate_block(at, place, neuron, state, masked, potentials, traced_at + c)
            else:
                for n in range(0, min(BLOCK, width - c), LANES):
                    those = evaluate_vector(at + n, place + n, neuron, state, masked, potentials, traced_at + c + n)
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

    return fire


def _waiting(*, rare: bool) -> Any:
    """Make a function that enqueues the neurons that fired, of any positions or, if `rare`, of one."""

    @leaf
    def wait(
        network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any, blocks: Any, waiting: Any
    ) -> Any:
        """Enqueue the neurons in the blocks of `Fired`; return how many neurons wait now."""
        fired, last = state.fired, len(network.wiring.layer_width) - 1
        special = rules.charged or rules.listed or rules.refractory_dropout > 0
        if rare:
            special = special or rules.gated or network.neuron.extended
        for i in range(blocks):
            block = unsigned_index(i)
            lanes, slot = fired.lanes[block], fired.slots[block]
            layer = unsigned_index(fired.layers[block])
            if rare and rules.tallied:
                tally_spikes(network, rules, position, slot, lanes, state, out.counters)
            waiting = _enqueue(rules, moment, network.wiring, slot, block * BLOCK, lanes, state, waiting)
            noted = special or layer == last
            while noted and lanes != 0:
                lane = lowest_lane(lanes)
                lanes &= lanes - 1
                _note_spike(network, rules, moment, layer, slot + lane, state)
                if rare and network.neuron.holds:
                    state.cells.fired[slot + lane] = network.neuron.held[slot + lane]
                if rare and network.neuron.bursts:
                    _add_spikes(network, rules, slot + lane, np.int64(fired.counts[block * BLOCK + lane]), state)
        return waiting

    return wait


_fire, _fire_extended = _firing(step), _firing(extended_step)
_wait, _wait_rare = _waiting(rare=False), _waiting(rare=True)


@section(types.int64, when=lambda rules, neuron: neuron.extended)
def _evaluate_extended(
    network: Any, rules: Any, moment: Any, position: Any, masked: Any, state: Any, out: Any, waiting: Any
) -> Any:
    """Evaluate a position of extended neurons; return how many neurons wait now."""
    blocks = _fire_extended(network, rules, position, masked, state, out, np.int64(0))
    return _wait_rare(network, rules, moment, position, state, out, blocks, waiting)


@section(types.int64, when=lambda rules, neuron: rules.gated or rules.partial)
def _evaluate_some(network: Any, rules: Any, moment: Any, position: Any, state: Any, out: Any, waiting: Any) -> Any:
    """Separate, so that no mask is read if all neurons of a position are evaluated."""
    blocks = _fire(network, rules, position, True, state, out, np.int64(0))
    return _wait_rare(network, rules, moment, position, state, out, blocks, waiting)


@leaf
def evaluate_reached(network: Any, rules: Any, moment: Any, state: Any, out: Any, touched: Any, waiting: Any) -> Any:
    """Evaluate all positions that messages reach.

    Returns how many neurons wait now, how many send a barrier message, and how many positions were traced.
    """
    state.fired.tally[DECISIONS] = 0
    state.fired.tally[FIRED] = 0
    if rules.gated or rules.partial or rules.tallied or network.neuron.ticks or network.neuron.extended:
        return _evaluate_one_by_one(network, rules, moment, state, out, touched, waiting)
    # Several positions are evaluated before the neurons that fired in them are enqueued: the loop that enqueues them
    # ends unpredictably, and each misprediction stalls the code after it.
    for first in range(0, touched, AT_ONCE):
        blocks = np.int64(0)
        for i in range(first, min(first + AT_ONCE, touched)):
            position = unsigned_index(state.arrivals.touched[unsigned_index(i)])
            state.arrivals.mark[position] = 0
            blocks = _fire(network, rules, position, False, state, out, blocks)
            if rules.traced:
                out.trace.words[np.uint64(out.ends[WORDS] + i)] = position
        waiting = _wait(network, rules, moment, np.int64(0), state, out, blocks, waiting)
    return waiting, np.int64(0), touched if rules.traced else np.int64(0)


@leaf
def _evaluate_one_by_one(
    network: Any, rules: Any, moment: Any, state: Any, out: Any, touched: Any, waiting: Any
) -> Any:
    """`evaluate_reached` for whatever is rare or counted."""
    wiring = network.wiring
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
            evaluations = only_ticked(network, rules, moment, position, state, out)
        elif partly:
            evaluations = evaluated_partly(network, rules, moment, position, state, out)
        if rules.partial:
            hear_partly(network, rules, position, state)
        if rules.tallied:
            tally_evaluations(network, rules, moment, position, evaluations, state, out)
        if evaluations > 0:
            if network.neuron.extended:
                masked = rules.gated or ticked or partly
                waiting = _evaluate_extended(network, rules, moment, position, masked, state, out, waiting)
            elif rules.gated or partly:
                waiting = _evaluate_some(network, rules, moment, position, state, out, waiting)
            else:
                blocks = _fire(network, rules, position, False, state, out, np.int64(0))
                waiting = _wait_rare(network, rules, moment, position, state, out, blocks, waiting)
            if rules.traced:
                out.trace.words[out.ends[WORDS] + reached] = position
                reached += 1
        if rules.gated:
            senders = silent_senders(network, state, senders, completing)
    return waiting, senders, reached

"""Evaluating the neurons of a position: integrate, compare with the threshold, reset, and let those wait that fired."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, part
from codesign.simulation.event.draws import absorb, uniform
from codesign.simulation.event.vector import (
    BLOCK,
    LANES,
    above,
    add,
    fill_as,
    lanes_of,
    lanes_set,
    load,
    load_block,
    lowest_lane,
    natural,
    select,
    store,
    subtract,
)

__all__ = ["CLOSED", "DECISIONS", "FIRED", "REFRACTORY", "SKIPPED", "SPIKES", "enqueue", "evaluate", "evaluate_gated"]

SPIKES, DECISIONS, FIRED = range(3)
"""Places in a step's tally: hidden neurons that fired, output neurons that did, and how many of both are listed."""

REFRACTORY = np.float32(np.nan)
"""Stands in a trace for the potential of a neuron that was evaluated while refractory."""
CLOSED = np.float32(-1e18)
"""Stands in a trace for the potential behind a closed gate: far below any threshold, where the surrogate is flat."""
SKIPPED = np.float32(-2e18)
"""Stands in a trace for a neuron of the position that was not evaluated."""


@part
def enqueue(
    slot: Any,
    value: Any,
    step: Any,
    output: Any,
    wiring: Any,
    rules: Any,
    state: Any,
    refractory_key: Any,
    waiting: Any,
) -> Any:
    """The neuron in `slot` fired at potential `value`; returns how many wait now."""
    slot = natural(slot)
    source = natural(wiring.slot_source[slot])
    if rules.tallied:
        state.fired[state.tally[FIRED]] = source
        state.tally[FIRED] += 1
    if output:
        state.outputs[source - (len(wiring.source_slot) - len(state.outputs))] += 1
    state.potential[source] = value
    free = not rules.refractory
    if rules.refractory_dropout > 0 and rules.refractory:
        draw = uniform(absorb(absorb(refractory_key, step), source - rules.inputs))
        free = draw < rules.refractory_dropout
    if not free:
        state.alive[slot] = 0
    waits = state.q[source] != 0  # possible only for a neuron that is not refractory
    state.q[source] += 1
    if not waits:
        state.waiting[natural(waiting)] = source
        state.enqueue_step[source] = step
        waiting += 1
    return waiting


def _piece(load: Any) -> Any:
    """Evaluate the neurons of one vector; returns which fired, as bits, and leaves their potentials in `values`."""

    @leaf
    def evaluate_piece(
        at: Any,
        u: Any,
        x: Any,
        alive: Any,
        threshold: Any,
        reset_by: Any,
        subtracts: Any,
        low: Any,
        high: Any,
        saturates: Any,
        values: Any,
        potentials: Any,
        potentials_at: Any,
        traced: Any,
    ) -> Any:
        current = load(x, at)
        zero = fill_as(current, np.float32(0))
        store(x, at, zero)
        free = above(load(alive, at), zero)
        v = select(free, add(load(u, at), current), zero)
        if saturates:
            lowest, highest = load(low, at), load(high, at)
            v = select(above(lowest, v), lowest, v)
            v = select(above(v, highest), highest, v)
        fired = above(v, load(threshold, at))
        store(values, 0, v)
        if traced:
            store(potentials, potentials_at, select(free, v, fill_as(v, REFRACTORY)))
        after = zero
        if subtracts:
            after = subtract(v, load(reset_by, at))
        store(u, at, select(fired, after, v))
        return lanes_of(fired)

    return evaluate_piece


_evaluate_block, _evaluate_vector = _piece(load_block), _piece(load)


@part
def evaluate(
    slot: Any,
    width: Any,
    output: Any,
    step: Any,
    wiring: Any,
    parameters: Any,
    rules: Any,
    state: Any,
    trace: Any,
    potentials_at: Any,
    refractory_key: Any,
    waiting: Any,
) -> Any:
    """Evaluate a whole position whose neurons wait for no messages; returns how many neurons wait now."""
    c = 0
    while c < width:
        at = slot + c
        if c + BLOCK <= width:
            lanes = _evaluate_block(
                at,
                state.u,
                state.x,
                state.alive,
                parameters.threshold,
                parameters.reset_by,
                rules.subtract,
                parameters.low,
                parameters.high,
                rules.saturates,
                state.values,
                trace.potentials,
                potentials_at + c,
                rules.traced,
            )
            c += BLOCK
        else:
            lanes = _evaluate_vector(
                at,
                state.u,
                state.x,
                state.alive,
                parameters.threshold,
                parameters.reset_by,
                rules.subtract,
                parameters.low,
                parameters.high,
                rules.saturates,
                state.values,
                trace.potentials,
                potentials_at + c,
                rules.traced,
            )
            c += LANES
        state.tally[DECISIONS if output else SPIKES] += lanes_set(lanes)
        while lanes != 0:
            lane = lowest_lane(lanes)
            lanes &= lanes - 1
            value = state.values[lane]
            waiting = enqueue(at + lane, value, step, output, wiring, rules, state, refractory_key, waiting)
    return waiting


@part
def evaluate_gated(
    position: Any,
    slot: Any,
    layer: Any,
    step: Any,
    was_complete: Any,
    complete: Any,
    wiring: Any,
    parameters: Any,
    rules: Any,
    state: Any,
    trace: Any,
    potentials_at: Any,
    refractory_key: Any,
    waiting: Any,
    barriers: Any,
) -> Any:
    """The same where neurons wait for messages or send barrier messages.

    Returns how many neurons wait now, how many send a barrier message, and how many were evaluated.
    """
    spikes, others = np.int64(state.spikes_in[position]), np.int64(state.barriers_in[position])
    before = np.int64(state.received[position])
    now = before + spikes + others
    state.received[position] = now
    if spikes > 0:
        state.stimulated[position] = 1
    last = layer == len(wiring.layer_width) - 1
    evaluations = 0
    for c in range(wiring.layer_width[layer]):
        at = slot + c
        written = SKIPPED
        if c < wiring.layer_channels[layer]:
            gate = parameters.gate[at]
            was_open, is_open = before >= gate and step > 0, now >= gate
            if layer == 0:
                if rules.layer_gate:
                    was_open, is_open = was_complete, complete
                else:
                    was_open, is_open = was_open or was_complete, is_open or complete
            completes = is_open and not was_open
            # the frame's last event completes it for first-layer neurons that waited for it
            evaluated = spikes + others > 0 or (rules.queued and layer == 0 and completes and now > 0)
            fired = False
            state.partly[at] = evaluated
            if evaluated:
                evaluations += 1
                alive = state.alive[at] > 0
                v = state.u[at] + state.x[at] if alive else np.float32(0)
                if rules.saturates:
                    v = min(max(v, parameters.low[at]), parameters.high[at])
                able = is_open and state.stimulated[position] != 0  # barrier messages alone make no neuron fire
                fired = able and v > parameters.threshold[at]
                after = v
                if fired:
                    after = v - parameters.reset_by[at] if rules.subtract else np.float32(0)
                state.u[at] = after
                written = (v if able else CLOSED) if alive else REFRACTORY
                if fired:
                    state.tally[DECISIONS if last else SPIKES] += 1
                    waiting = enqueue(at, v, step, last, wiring, rules, state, refractory_key, waiting)
            if rules.barrier_messages and completes and not fired and not last:
                state.barriers[barriers] = wiring.slot_source[at]
                barriers += 1
        state.x[at] = 0
        if rules.traced:
            trace.potentials[potentials_at + c] = written
    return waiting, barriers, evaluations

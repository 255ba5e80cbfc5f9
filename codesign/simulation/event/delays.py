"""Delayed connections, compiled: as in `codesign.simulation.further_arrivals`, over taps from sources to positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.evaluation import FIRED
from codesign.simulation.event.propagation import reach
from codesign.simulation.event.rows import Rows, add_scaled_rows, copy, dot_and_accumulate, set_all
from codesign.simulation.event.sections import section


def _forwards(returns: Any) -> Any:
    return section(returns, when=lambda rules, neuron: rules.delayed)


def _back(returns: Any) -> Any:
    return section(returns, when=lambda rules, neuron: rules.delayed, back=True)


@leaf
def _row(numbers: Any, slots: Any, timestep: Any) -> Any:
    """Where the numbers of a timestep begin in the ring of timesteps."""
    return timestep % (len(numbers) // slots) * slots


@leaf
def _list_rows(delays: Any, late: Any, i: Any, arrived: Any, at: Any, silent: Any) -> Any:
    """List the rows of a connection's sources at its first tap, given what arrived from them; return how many. With
    `silent`, sources without spikes are listed, too."""
    begin, rows = delays.begin[i], np.int64(0)
    for c in range(delays.begin[i + 1] - begin):
        spikes = arrived[at + c]
        if silent or spikes != 0:
            late.rows[rows] = delays.row[begin + c]
            late.spikes[rows] = spikes
            rows += 1
    return rows


@leaf
def _to_tap(late: Any, rows: Any, distance: Any) -> None:
    """Move the listed rows to a tap that lies `distance` further on."""
    if distance != 0:
        for n in range(rows):
            late.rows[n] += distance


@_forwards(types.none)
def gather_late(network: Any, rules: Any, state: Any, timestep: Any) -> None:
    """Begin a timestep: clear what it emits, and gather what arrives from earlier timesteps."""
    delays, late, slots = network.delays, state.late, len(state.cells.u)
    own = _row(late.emitted, slots, timestep)
    for at in range(own, own + slots):
        late.emitted[at] = 0
    for i in range(len(delays.delay)):
        begin, delay, messages = delays.begin[i], delays.delay[i], np.int64(0)
        before = _row(late.emitted, slots, max(timestep - delay, 0)) + delays.first[i]
        for c in range(delays.begin[i + 1] - begin):
            spikes = late.emitted[before + c] if timestep >= delay else np.float32(0)
            late.arriving[begin + c] = spikes
            messages += np.int64(spikes)
        late.messages[i] = messages


@_forwards(types.boolean)
def late_ahead(network: Any, rules: Any, step: Any, state: Any) -> Any:
    """Whether anything arrives over delayed connections in this step or later."""
    for i in range(len(network.delays.delay)):
        if state.late.messages[i] > 0 and network.delays.target[i] + rules.first_step >= step:
            return True
    return False


@_forwards(types.int64)
def deliver_late(network: Any, rules: Any, step: Any, state: Any, touched: Any) -> Any:
    """Deliver what arrives over delayed connections in a step; return how many positions are reached. Opens no gate."""
    delays, wiring, late, arrivals = network.delays, network.wiring, state.late, state.arrivals
    for i in range(len(delays.delay)):
        target, width, before = int(delays.target[i]), int(wiring.layer_width[delays.target[i]]), np.int64(0)
        if late.messages[i] == 0 or target + rules.first_step != step:
            continue
        rows = _list_rows(delays, late, i, late.arriving, delays.begin[i], False)
        for tap in range(delays.tap_start[i], delays.tap_start[i + 1]):
            _to_tap(late, rows, delays.tap_row[tap] - before)
            before = np.int64(delays.tap_row[tap])
            position = int(delays.tap_position[tap])
            slot = int(wiring.position_slot[position])
            add_scaled_rows(width, state.cells.x, slot, delays.weights, Rows(late.rows, 1, 0, rows), late.spikes, 0)
            touched = reach(position, arrivals, touched)
            if rules.gated or rules.recorded:
                arrivals.spikes[position] += late.messages[i]
                arrivals.others[position] -= late.messages[i]
    return touched


@_forwards(types.none)
def note_emitted(network: Any, rules: Any, timestep: Any, state: Any) -> None:
    """Record the spikes of this step for later timesteps."""
    emitted, slots = state.late.emitted, len(state.cells.u)
    own = _row(emitted, slots, timestep)
    for i in range(state.fired.tally[FIRED]):
        spikes = state.fired.emitted[i] if network.neuron.bursts else 1
        emitted[own + network.wiring.source_slot[state.fired.sources[i]]] += np.float32(spikes)


# backwards -----------------------------------------------------------------------------------------------------------


@_back(types.none)
def begin_late_gradient(rules: Any, state: Any, timestep: Any) -> None:
    """Begin a timestep of the backward run: keep the gradient of any spike in `own`, and add what later timesteps give
    to the spikes of this one."""
    late, g_count = state.late, state.gradients.g_count
    slots = len(g_count)
    row = _row(late.back, slots, timestep)
    copy(late.own, g_count)
    for slot in range(slots):
        g_count[slot] += late.back[row + slot]
        late.back[row + slot] = 0


@_back(types.none)
def late_gradient(network: Any, rules: Any, timestep: Any, step: Any, state: Any, out: Any, arrived_at: Any) -> None:
    """Propagate from the currents of a step to delayed weights and to the spikes that crossed them."""
    delays, wiring, late, gradients = network.delays, network.wiring, state.late, state.gradients
    gradient = out.learning.sums.delayed
    for i in range(len(delays.delay)):
        target, width, before = int(delays.target[i]), int(wiring.layer_width[delays.target[i]]), np.int64(0)
        if target + rules.first_step != step or timestep < delays.delay[i]:
            continue
        set_all(late.dots, np.float32(0))
        rows = _list_rows(delays, late, i, out.trace.potentials, arrived_at + delays.begin[i], True)
        for tap in range(delays.tap_start[i], delays.tap_start[i + 1]):
            _to_tap(late, rows, delays.tap_row[tap] - before)
            before = np.int64(delays.tap_row[tap])
            position = int(delays.tap_position[tap])
            if state.arrivals.mark[position] != 0:
                at, crossed = int(wiring.position_slot[position]), Rows(late.rows, 1, 0, rows)
                given = crossed, late.spikes, late.dots
                dot_and_accumulate(width, gradients.dx, at, delays.weights, gradient, *given)
        back = _row(late.back, len(gradients.dx), timestep - delays.delay[i]) + delays.first[i]
        for c in range(rows):
            late.back[back + c] += late.dots[c]

"""What evaluations add to counters: evaluations and spikes of a step by slice, neurons that become active in a pass,
and how many messages a neuron receives before it fires."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import lanes_set, lowest_lane, unsigned_index


@leaf
def begin_tally(state: Any) -> None:
    """Clear the sums of the step before."""
    sums = state.counting.slice_sums
    for place in range(len(sums)):
        sums[place, 0] = 0
        sums[place, 1] = 0


@section(types.none, when=lambda rules, neuron: rules.tallied)
def tally_evaluations(
    network: Any, rules: Any, moment: Any, position: Any, evaluations: Any, state: Any, out: Any
) -> None:
    """Count the neurons of a position that are about to be evaluated; if not all, `Gates.evaluated` says which."""
    wiring, slices, sums = network.wiring, network.slices, state.counting.slice_sums
    if rules.recorded:
        state.counting.heard[position] += state.arrivals.spikes[position]
    channels = np.int64(wiring.layer_channels[wiring.position_layer[position]])
    if evaluations == channels:
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            sums[slices.run_slice[run], 0] += slices.run_count[run]
    elif evaluations > 0:
        slot = unsigned_index(wiring.position_slot[position])
        for at in range(slot, slot + channels):
            if state.gates.evaluated[at] != 0:
                sums[slices.of_source[wiring.slot_source[at]], 0] += 1
    if rules.recorded and evaluations > 0 and state.counting.met[position] == 0:
        all_received = not rules.gated or state.gates.stimulated[position] != 0  # barrier messages carry no current
        if all_received or rules.partial:
            whole = all_received and evaluations == channels
            _count_active(network, moment, position, whole, all_received, state, out.counters)


@routine
def _count_active(
    network: Any, moment: Any, position: Any, whole: Any, all_received: Any, state: Any, counters: Any
) -> None:
    """Count neurons that become active: evaluated because spikes reached all of the position or them
    (`UnderWay.stimulated`), not so before in this pass, and with a potential of 0 at its beginning."""
    wiring, slices, counting = network.wiring, network.slices, state.counting
    slot = unsigned_index(wiring.position_slot[position])
    counting.met[position] = whole
    for run in range(slices.run_start[position], slices.run_start[position + 1]):
        found, before = np.int64(slices.run_count[run]), counting.found[run]
        if not whole:
            found = before
            for at in range(slot, slot + slices.run_count[run]):
                received = all_received or state.under_way.stimulated[at] != 0
                if received and state.gates.evaluated[at] != 0 and counting.active[at] == 0:
                    counting.active[at] = 1
                    found += 1
        counters.active[moment.sample, moment.timestep, slices.run_slice[run]] += found - before
        counting.found[run] = found
        slot += slices.run_count[run]


@leaf
def heard_apart(rules: Any) -> Any:
    """Whether neurons of a position may have received different numbers of messages when they fire: if one can fire
    again in a pass, or if messages can reach only some of them."""
    return rules.partial or not rules.refractory or rules.refractory_dropout > 0


@leaf
def tally_spikes(network: Any, rules: Any, position: Any, slot: Any, lanes: Any, state: Any, counters: Any) -> None:
    """Count the neurons of a position that fired: set bits of `lanes`, counted from `slot`."""
    slices, sums = network.slices, state.counting.slice_sums
    run, count = unsigned_index(slices.run_start[position]), lanes_set(lanes)
    if run + 1 == slices.run_start[position + 1]:
        sums[unsigned_index(slices.run_slice[run]), 1] += count
    else:
        remaining = lanes
        while remaining != 0:
            source = network.wiring.slot_source[unsigned_index(slot + lowest_lane(remaining))]
            sums[slices.of_source[source], 1] += 1
            remaining &= remaining - 1
    if rules.recorded:
        heard, row = state.counting.heard[position], 0 if position < network.wiring.layer_positions[1] else 1
        if not heard_apart(rules):
            _count_currents(counters.sample_currents, row, heard, count)
        else:
            while lanes != 0:
                _tally_heard(rules, heard, slot + lowest_lane(lanes), row, state, counters)
                lanes &= lanes - 1


@leaf
def _tally_heard(rules: Any, heard: Any, slot: Any, row: Any, state: Any, counters: Any) -> None:
    """Count how many messages a neuron that fired had received, through its position and alone."""
    counting = state.counting
    if rules.partial:
        heard += state.under_way.heard[slot]
    _count_currents(counters.sample_currents, row, heard - counting.heard_before[slot], 1)
    counting.heard_before[slot] = heard


@leaf
def _count_currents(currents: Any, row: Any, heard: Any, neurons: Any) -> None:
    currents[row, unsigned_index(min(max(heard, 0), currents.shape[1] - 1))] += neurons

"""What evaluations add to counters, while the neurons at hand are known: evaluations and spikes of a step by slice, who
becomes active in a pass, and how many messages a neuron hears before it fires."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import unsigned_index

__all__ = ["begin_tally", "tally_evaluations", "tally_spikes"]


@leaf
def begin_tally(state: Any) -> None:
    """Nothing is evaluated yet in this step."""
    sums = state.counting.slice_sums
    for place in range(len(sums)):
        sums[place, 0] = 0
        sums[place, 1] = 0


@section(types.none, when=lambda rules, neuron: rules.tallied)
def tally_evaluations(
    network: Any, rules: Any, moment: Any, position: Any, evaluations: Any, state: Any, out: Any
) -> None:
    """So many neurons of a position are about to be evaluated; where not all are, `Gates.evaluated` knows which."""
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
        _count_active(network, moment, position, evaluations == channels, state, out.counters)


@routine
def _count_active(network: Any, moment: Any, position: Any, whole: Any, state: Any, counters: Any) -> None:
    """Neurons of a position that are evaluated, and were neither before in this pass nor had a potential then."""
    wiring, slices, counting = network.wiring, network.slices, state.counting
    slot = unsigned_index(wiring.position_slot[position])
    if whole:
        counting.met[position] = 1
        for run in range(slices.run_start[position], slices.run_start[position + 1]):
            active = 0
            for at in range(slot, slot + slices.run_count[run]):
                active += counting.active[at]
            place = slices.run_slice[run]
            counters.active[moment.sample, moment.timestep, place] += slices.run_count[run] - active
            slot += slices.run_count[run]
    else:
        for at in range(slot, slot + np.int64(wiring.layer_channels[wiring.position_layer[position]])):
            if state.gates.evaluated[at] != 0 and counting.active[at] == 0:
                counting.active[at] = 1
                place = slices.of_source[wiring.slot_source[at]]
                counters.active[moment.sample, moment.timestep, place] += 1


@leaf
def tally_spikes(
    network: Any, rules: Any, position: Any, slot: Any, source: Any, spikes: Any, state: Any, counters: Any
) -> None:
    """A neuron of a position fired."""
    counting = state.counting
    counting.slice_sums[unsigned_index(network.slices.of_source[source]), 1] += spikes
    if rules.recorded:
        currents, heard_now = counters.sample_currents, counting.heard[position]
        if rules.partial:
            heard_now += state.under_way.heard[slot]
        heard = heard_now - counting.heard_before[slot]
        counting.heard_before[slot] = heard_now
        row = 0 if position < network.wiring.layer_positions[1] else 1
        currents[row, unsigned_index(min(max(heard, 0), currents.shape[1] - 1))] += 1

"""Positions of which a direct connection reaches only some neurons: an identity, or a convolution with other groups."""

from __future__ import annotations

from typing import Any

from numba import types

from codesign.simulation.event.neuron import fires_alone
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import unsigned_index

PARTLY = 3
"""In `Arrivals.mark`: only neurons reached according to `UnderWay.reached`, or by the tick, are evaluated."""


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
            if rules.recorded:
                out.counters.tick_evaluations[moment.sample, layer] += 1
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

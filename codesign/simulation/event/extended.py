"""Extended neurons at the beginning and end of a timestep."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.neuron import decayed
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import LANES, above, fill_as, load, select, store


@section(types.none, when=lambda rules, neuron: neuron.extended)
def begin_extended(network: Any, rules: Any, state: Any) -> None:
    """Decay synaptic currents and add them to potentials; hold neurons that fired in the timestep before."""
    neuron, cells, u, j = network.neuron, state.cells, state.cells.u, state.cells.j
    if neuron.synaptic:
        for at in range(len(j)):
            step = network.steps[at] if rules.truncates else np.float32(0)
            j[at] = decayed(j[at], neuron.synaptic_decay[at], step)
            if rules.biased:
                j[at] += neuron.drive[at]
            u[at] += neuron.gain[at] * j[at]
    if neuron.holds:
        for at in range(0, len(u), LANES):
            fired = load(cells.fired, at)
            zero = fill_as(fired, np.float32(0))
            held = above(fired, zero)
            store(u, at, select(held, zero, load(u, at)))
            store(cells.alive, at, select(held, zero, load(cells.alive, at)))
            store(cells.fired, at, zero)


@leaf
def lift(floor: Any, u: Any) -> None:
    """Raise potentials to their floors."""
    for at in range(0, len(u), LANES):
        low, potential = load(floor, at), load(u, at)
        store(u, at, select(above(low, potential), low, potential))

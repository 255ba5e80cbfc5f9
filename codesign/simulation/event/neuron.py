"""The neuron of the event engine: one step of it, and the gradient of that step, for a vector of neurons at once.

    v ← (1 − r)(u + x), held between its bounds;   s ← [v > U_thr] where the neuron may fire
    u ← v(1 − s) or v − s · U_thr

Everything about truncation, integration, saturation, comparison and reset is here and in `codesign.simulation.neuron`,
which says the same on tensors. Who is evaluated and who may fire is said by the callers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.compilation import leaf, part
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.vector import (
    above,
    add,
    both,
    divide,
    fill_as,
    is_number,
    multiply,
    multiply_add,
    select,
    subtract,
)

__all__ = ["CLOSED", "REFRACTORY", "SKIPPED", "NeuronSlots", "decayed", "neuron_of", "step", "step_gradient"]

REFRACTORY = np.float32(np.nan)
"""Stands in a trace for the potential of a neuron that was evaluated while refractory."""
CLOSED = np.float32(-1e18)
"""Stands in a trace for the potential behind a closed gate: far below any threshold, where the surrogate is flat."""
SKIPPED = np.float32(-2e18)
"""Stands in a trace for a neuron of the position that was not evaluated."""


class NeuronSlots(NamedTuple):
    """Parameters of a step, arrays by slot."""

    threshold: NDArray[np.float32]  # U_thr; infinite where there is no neuron, or one that never fires
    reset_by: NDArray[np.float32]  # what a spike takes off; only with `subtracts`
    low: NDArray[np.float32]  # between which potentials are held; only with `saturates`
    high: NDArray[np.float32]
    half_steepness: NDArray[np.float32]  # (L,) α/2 of each layer's surrogate
    subtracts: bool  # reset: the threshold is taken off; otherwise the potential becomes 0
    saturates: bool


def neuron_of(run: Any, layout: MemoryLayout) -> NeuronSlots:
    """Parameters of a `Run`'s neurons; empty arrays where nothing looks at them."""
    network, nothing = run.network, np.zeros(0, dtype=np.float32)
    threshold = network.threshold.detach().clone()
    if network.neuron.readout == "potential":
        threshold[network.layer_slices[-1]] = math.inf
    subtracts, bounds = network.neuron.reset == "subtract", network.potential_bounds()
    steepness = network.neuron.steepness_of_layers(len(network.shape.layers))
    return NeuronSlots(
        threshold=layout.spread(threshold, math.inf),
        reset_by=layout.spread(network.threshold, 0.0) if subtracts else nothing,
        low=nothing if bounds is None else layout.spread(bounds[0], 0.0),
        high=nothing if bounds is None else layout.spread(bounds[1], 0.0),
        half_steepness=np.array([alpha / 2 for alpha in steepness], dtype=np.float32),
        subtracts=subtracts,
        saturates=bounds is not None,
    )


@leaf
def decayed(u: Any, decay: Any, step: Any) -> Any:
    """What one potential keeps from a timestep to the next where potentials are truncated, to multiples of `step`.

    The product is of float64, which holds that of 24 bits exactly: truncation must not see one that was rounded.
    """
    if step == 0:
        return u * decay
    return np.float32(np.float64(step) * np.trunc(np.float64(decay) * np.rint(np.float64(u) / np.float64(step))))


@part
def step(load: Any, neuron: Any, slot: Any, u: Any, x: Any, free: Any, able: Any) -> Any:
    """Evaluate the neurons in the slots from `slot` on.

    Args:
        load: of vectors as long as the others.
        u, x: potential and current.
        free, able: masks: not refractory; may fire.

    Returns:
        Evaluated potential v, mask of those that fired, potential after it.
    """
    zero = fill_as(u, np.float32(0))
    v = select(free, add(u, x), zero)
    if neuron.saturates:
        low, high = load(neuron.low, slot), load(neuron.high, slot)
        v = select(above(low, v), low, v)
        v = select(above(v, high), high, v)
    fired = both(above(v, load(neuron.threshold, slot)), able)
    after = zero
    if neuron.subtracts:
        after = subtract(v, load(neuron.reset_by, slot))
    return v, fired, select(fired, after, v)


@part
def step_gradient(load: Any, neuron: Any, half_steepness: Any, slot: Any, v: Any, G: Any, g: Any) -> Any:
    """Gradients at u and x, which is the same, and at U_thr, of neurons that were evaluated.

    Args:
        half_steepness: α/2 of their layer.
        v: potential as the trace has it, so with the numbers above in place of some.
        G: gradient at the potential after the step.
        g: gradient at a spike of this step, by queue and counts.
    """
    limit = load(neuron.threshold, slot)
    zero, one = fill_as(v, np.float32(0)), fill_as(v, np.float32(1))
    distance = multiply(fill_as(v, np.float32(math.pi) * half_steepness), subtract(v, limit))
    slope = divide(fill_as(v, half_steepness), multiply_add(distance, distance, one))
    if neuron.subtracts:
        at_spike, passed = subtract(g, multiply(G, load(neuron.reset_by, slot))), G
        raised = multiply_add(at_spike, slope, select(above(v, limit), G, zero))
    else:
        at_spike, passed = subtract(g, multiply(G, v)), select(above(v, limit), zero, G)
        raised = multiply(at_spike, slope)
    awake = is_number(v)
    dv = multiply_add(at_spike, slope, passed)
    return select(awake, dv, zero), select(awake, subtract(zero, raised), zero)

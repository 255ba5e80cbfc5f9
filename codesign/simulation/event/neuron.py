"""The neuron of the event engine: one step, and the gradient of that step, for a vector of neurons.

    v ← (1 − r)(u + x), limited to its bounds;   s ← [v > U_thr] if the neuron may fire
    u ← v(1 − s) or v − s · U_thr

An *extended* neuron has any of the further features of `codesign.simulation.neuron`, such as a gain. It has separate
functions, so that plain neurons pay only one branch for it.

Everything about truncation, integration, saturation, comparison and reset is here and, on tensors, in
`codesign.simulation.neuron`. Callers decide which neurons are evaluated and which may fire.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import types

from codesign.simulation.event.arrays import NO_FLOATS, Floats
from codesign.simulation.event.compilation import leaf, part, routine
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.rows import copy, set_all
from codesign.simulation.event.sections import section
from codesign.simulation.event.vector import (
    LANES,
    above,
    add,
    both,
    ceil,
    divide,
    fill_as,
    is_number,
    lanes_of,
    load,
    magnitude,
    multiply,
    multiply_add,
    nearest,
    select,
    store,
    subtract,
    truncate,
)

REFRACTORY = np.float32(np.nan)
"""Takes the place of the potential in a trace for a neuron that was evaluated while refractory."""
CLOSED = np.float32(-1e18)
"""Takes the place of the potential behind a closed gate: far below any threshold, where the surrogate is flat."""
SKIPPED = np.float32(-2e18)
"""Takes the place of the potential of a neuron of the position that was not evaluated."""

NOTHING = np.float32(2.0**-100)
"""Gradients below this are set to 0. Their products soon fall below the least normal number (2⁻¹²⁶), which slows some
processors, such as Intel's, by a factor of a hundred. At most the last bit of a result changes."""


class NeuronSlots(NamedTuple):
    """Parameters of a step, arrays by slot."""

    threshold: Floats  # the number to exceed; infinite for padding and for neurons that never fire
    reset_by: Floats  # subtracted by a spike; only with `subtracts` or `extended`
    low: Floats  # lower bound of potentials; only with `saturates`
    high: Floats
    half_steepness: Floats  # (L,) α/2 of each layer's surrogate
    gain: Floats  # factor of the current; only with `extended`, as are all fields down to `initial`
    synaptic_decay: Floats  # factor of a synaptic current from one timestep to the next; only with `synaptic`
    flows: Floats  # 1 for neurons with a synaptic current; only with `synaptic`
    drive: Floats  # added to the synaptic current by a bias; only with `synaptic` and biases
    held: Floats  # 1 if a spike silences the neuron in the next timestep; only with `holds`
    ticking: Floats  # 1 if the tick evaluates the neuron; only with `ticks`
    soft: Floats  # 1 if a spike subtracts `reset_by`, 0 if it resets to `reset_to`
    reset_to: Floats
    floor: Floats  # least potential at the end of a timestep
    initial: Floats  # potential at the start of a sample
    unit: Floats  # U_thr, whose multiples are counted; only with `bursts`, as are the next two
    most: Floats  # M, the most spikes per evaluation
    inclusive: Floats  # 1 if reaching a multiple counts, 0 if it must be exceeded
    subtracts: bool  # a reset subtracts the threshold; otherwise it sets the potential to 0
    saturates: bool
    extended: bool
    bursts: bool  # an evaluation may emit several spikes
    synaptic: bool  # there are synaptic currents
    holds: bool
    ticks: bool
    takes_threshold: bool  # `reset_by` is U_thr itself


def neuron_of(run: Any, layout: MemoryLayout) -> NeuronSlots:
    """Parameters of a `Run`'s neurons; arrays that are not read are empty."""
    network = run.network
    threshold = network.compared_threshold().clone()
    if network.neuron.readout == "potential":
        threshold[network.layer_slices[-1]] = math.inf
    resets, bounds, bursts = network.neuron.each("reset"), network.potential_bounds(), network.bursts
    holds, ticks = network.holds, network.ticks
    extended = network.has_own_numbers or bursts or holds or ticks or len(resets) > 1
    alphas = network.neuron.of_layers("surrogate_steepness", len(network.shape.layers))

    def slots(used: bool, numbers: Callable[[], torch.Tensor | None], otherwise: float) -> Floats:
        if not used:
            return NO_FLOATS
        given = numbers()
        return NO_FLOATS if given is None else layout.spread(given, otherwise)

    def own(name: str) -> Floats:
        return slots(extended, lambda: network.numbers_of(name), 0.0)

    return NeuronSlots(
        threshold=layout.spread(threshold, math.inf),
        reset_by=slots(extended or "subtract" in resets, lambda: network.numbers_of("reset_amount"), 0.0),
        low=NO_FLOATS if bounds is None else layout.spread(bounds[0], 0.0),
        high=NO_FLOATS if bounds is None else layout.spread(bounds[1], 0.0),
        half_steepness=np.array([alpha / 2 for alpha in alphas], dtype=np.float32),
        gain=own("gain"),
        synaptic_decay=slots(network.synaptic_time_constant is not None, network.synaptic_decay, 0.0),
        flows=slots(network.synaptic_time_constant is not None, network.flows, 0.0),
        drive=slots(network.current_bias() is not None, network.current_bias, 0.0),
        held=slots(holds, network.held, 0.0),
        ticking=slots(ticks, lambda: network.neuron_flags("tick", value=True), 0.0),
        soft=slots(extended, lambda: network.neuron_flags("reset", "subtract"), 0.0),
        reset_to=slots(extended, network.reset_to, 0.0),
        floor=own("floor"),
        initial=own("initial_potential"),
        unit=slots(bursts, lambda: network.threshold, 1.0),
        most=slots(bursts, lambda: network.neuron_numbers("most_spikes"), 1.0),
        inclusive=slots(bursts, lambda: network.neuron_flags("comparison", ">="), 0.0),
        subtracts=resets == ("subtract",),
        saturates=bounds is not None,
        extended=extended,
        bursts=bursts,
        synaptic=network.synaptic_time_constant is not None,
        holds=holds,
        ticks=ticks,
        takes_threshold=network.reset_amount is None,
    )


@leaf
def decayed(u: Any, decay: Any, step: Any) -> Any:
    """The decay of one potential from a timestep to the next, truncated to multiples of `step`.

    The product is computed in float64, which holds products of 24-bit numbers exactly: truncation must not see a
    rounded one.
    """
    if step == 0:
        return u * decay
    return np.float32(np.float64(step) * np.trunc(np.float64(decay) * np.rint(np.float64(u) / np.float64(step))))


@part
def _between(low: Any, number: Any, high: Any) -> Any:
    number = select(above(low, number), low, number)
    return select(above(number, high), high, number)


@part
def _integrated(load: Any, neuron: Any, slot: Any, u: Any, x: Any, free: Any) -> Any:
    """Evaluated potential."""
    v = select(free, add(u, x), fill_as(u, np.float32(0)))
    if neuron.saturates:
        v = _between(load(neuron.low, slot), v, load(neuron.high, slot))
    return v


@part
def step(load: Any, neuron: Any, slot: Any, u: Any, x: Any, masks: Any, state: Any) -> Any:
    """Evaluate the neurons in the slots from `slot` on.

    Args:
        load: loads vectors as long as the others.
        u, x: potential and current.
        masks: (not refractory, may fire).
        state: (cells, counts, place): cells, whose synaptic currents are increased by x, if there are any; and an array
            that takes the number of spikes of each neuron from `place` on, if a neuron can emit several.

    Returns:
        Evaluated potential v, mask of neurons that fired, potential afterwards.
    """
    free, able = masks
    v = _integrated(load, neuron, slot, u, x, free)
    fired = both(above(v, load(neuron.threshold, slot)), able)
    after = fill_as(u, np.float32(0))
    if neuron.subtracts:
        after = subtract(v, load(neuron.reset_by, slot))
    return v, fired, select(fired, after, v)


@part
def extended_step(load: Any, neuron: Any, slot: Any, u: Any, x: Any, masks: Any, state: Any) -> Any:
    """Like `step`, for extended neurons."""
    (free, able), (cells, counts, counts_at) = masks, state
    if neuron.synaptic:
        store(cells.j, slot, add(load(cells.j, slot), x))
    v = _integrated(load, neuron, slot, u, multiply(load(neuron.gain, slot), x), free)
    fired = both(above(v, load(neuron.threshold, slot)), able)
    spikes = _multiples(load, neuron, slot, v)
    store(counts, counts_at, spikes)
    after = subtract(v, multiply(spikes, load(neuron.reset_by, slot)))
    soft = above(load(neuron.soft, slot), fill_as(u, np.float32(0)))
    return v, fired, select(fired, select(soft, after, load(neuron.reset_to, slot)), v)


@leaf
def would_fire(neuron: Any, cells: Any, slot: Any) -> Any:
    """Bits of the ticking neurons of a vector that would fire without a message."""
    v = load(cells.u, slot)
    zero = fill_as(v, np.float32(0))
    if neuron.saturates:
        v = _between(load(neuron.low, slot), v, load(neuron.high, slot))
    free = both(above(load(cells.alive, slot), zero), above(load(neuron.ticking, slot), zero))
    return lanes_of(both(above(v, load(neuron.threshold, slot)), free))


@leaf
def fires_alone(neuron: Any, cells: Any, slot: Any) -> Any:
    """Whether a neuron is ticking and would fire without a message."""
    v = cells.u[slot]
    if neuron.saturates:
        v = min(max(v, neuron.low[slot]), neuron.high[slot])
    return v > neuron.threshold[slot] and cells.alive[slot] > 0 and neuron.ticking[slot] > 0


@part
def start_extended(neuron: Any, cells: Any) -> None:
    """Set the state as a sample begins."""
    copy(cells.u, neuron.initial)
    set_all(cells.j, np.float32(0))
    set_all(cells.fired, np.float32(0))


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


@routine
def begin_extended_gradient(neuron: Any, gradients: Any, potentials: Any, found_at: Any) -> None:
    """Propagate from the potentials at the start of a timestep to its synaptic currents; held neurons block it."""
    G, H = gradients.G, gradients.H
    if neuron.holds:
        for slot in range(0, len(G), LANES):
            passed = is_number(load(potentials, found_at + slot))
            store(G, slot, select(passed, load(G, slot), fill_as(load(G, slot), np.float32(0))))
    if neuron.synaptic:
        for slot in range(0, len(G), LANES):
            flowed = multiply(load(neuron.gain, slot), load(G, slot))
            store(H, slot, add(load(H, slot), flowed))


@leaf
def end_extended(neuron: Any, cells: Any) -> None:
    """Raise potentials to their floors as a timestep ends."""
    for at in range(0, len(cells.u), LANES):
        low, potential = load(neuron.floor, at), load(cells.u, at)
        store(cells.u, at, select(above(low, potential), low, potential))


@part
def _multiples(load: Any, neuron: Any, slot: Any, v: Any) -> Any:
    """Number of spikes of each neuron, if it fires."""
    one = fill_as(v, np.float32(1))
    if not neuron.bursts:
        return one
    quotient = divide(v, load(neuron.unit, slot))
    inclusive = above(load(neuron.inclusive, slot), fill_as(v, np.float32(0)))
    return _between(one, select(inclusive, truncate(quotient), subtract(ceil(quotient), one)), load(neuron.most, slot))


@part
def _slope(half_steepness: Any, distance: Any) -> Any:
    """Derivative of the surrogate at a distance above the threshold."""
    scaled = multiply(fill_as(distance, np.float32(math.pi) * half_steepness), distance)
    one = fill_as(distance, np.float32(1))
    return divide(fill_as(distance, half_steepness), multiply_add(scaled, scaled, one))


@part
def or_nothing(gradient: Any) -> Any:
    """Gradients, with those smaller than `NOTHING` set to 0."""
    zero = fill_as(gradient, np.float32(0))
    return select(above(fill_as(gradient, NOTHING), magnitude(gradient)), zero, gradient)


@part
def step_gradient(load: Any, neuron: Any, half_steepness: Any, slot: Any, v: Any, g: Any, gradients: Any) -> Any:
    """Gradients with respect to u, x and U_thr of neurons that were evaluated.

    Args:
        half_steepness: α/2 of their layer.
        v: potentials from the trace, including REFRACTORY, CLOSED and SKIPPED.
        gradients: holds those of the potential after the step, G, and of the synaptic current, H.
        g: gradient of a spike of this step, through queue and counts.
    """
    limit, G = load(neuron.threshold, slot), load(gradients.G, slot)
    zero = fill_as(v, np.float32(0))
    slope = _slope(half_steepness, subtract(v, limit))
    if neuron.subtracts:
        at_spike, passed = subtract(g, multiply(G, load(neuron.reset_by, slot))), G
        raised = multiply_add(at_spike, slope, select(above(v, limit), G, zero))
    else:
        at_spike, passed = subtract(g, multiply(G, v)), select(above(v, limit), zero, G)
        raised = multiply(at_spike, slope)
    awake = is_number(v)
    dv = select(awake, or_nothing(multiply_add(at_spike, slope, passed)), zero)
    return dv, dv, select(awake, subtract(zero, raised), zero)


@part
def extended_step_gradient(
    load: Any, neuron: Any, half_steepness: Any, slot: Any, v: Any, g: Any, gradients: Any
) -> Any:
    """Like `step_gradient`, for extended neurons. With several spikes, the surrogate is evaluated at the nearest
    multiple of the threshold."""
    zero, one = fill_as(v, np.float32(0)), fill_as(v, np.float32(1))
    limit, soft = load(neuron.threshold, slot), above(load(neuron.soft, slot), zero)
    G = load(gradients.G, slot)
    at_first = _slope(half_steepness, subtract(v, limit))
    multiple, slope = one, at_first
    if neuron.bursts:
        unit = load(neuron.unit, slot)
        multiple = _between(one, nearest(divide(v, unit)), load(neuron.most, slot))
        slope = _slope(half_steepness, subtract(subtract(v, limit), multiply(subtract(multiple, one), unit)))
    # a soft reset counts the spikes, a hard one asks only whether there was one
    taken_off = select(soft, multiply(G, load(neuron.reset_by, slot)), zero)
    replaced = select(soft, zero, multiply(multiply(G, subtract(load(neuron.reset_to, slot), v)), at_first))
    compared = multiply(subtract(g, taken_off), slope)
    fired = above(v, limit)
    passed = select(fired, select(soft, G, zero), G)
    raised = multiply_add(multiple, compared, replaced)
    if neuron.takes_threshold:
        taken = select(soft, multiply(G, _multiples(load, neuron, slot, v)), zero)
        raised = add(raised, select(fired, taken, zero))
    awake = is_number(v)
    dv = select(awake, or_nothing(add(passed, add(compared, replaced))), zero)
    dx = multiply(dv, load(neuron.gain, slot))
    if neuron.synaptic:
        dx = add(dx, load(gradients.H, slot))
    return dv, dx, select(awake, subtract(zero, raised), zero)

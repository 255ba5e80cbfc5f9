"""The backward run of one sample along the recorded schedule: the same gradient as `codesign.simulation.gradient`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, part, routine
from codesign.simulation.event.delays import begin_late_gradient, late_gradient
from codesign.simulation.event.direct import (
    back_from_direct,
    begin_direct_gradient,
    frame_direct_gradient,
    note_currents,
)
from codesign.simulation.event.idle import BELOW_CLOSED, idle_all, idle_nearest
from codesign.simulation.event.max_pools import pass_all, set_passed
from codesign.simulation.event.neuron import (
    NOTHING,
    begin_extended_gradient,
    extended_step_gradient,
    or_nothing,
    step_gradient,
)
from codesign.simulation.event.propagation import Frame, fetch_source
from codesign.simulation.event.rows import Rows, accumulate_rows, copy, dot_and_accumulate, set_all
from codesign.simulation.event.sections import section
from codesign.simulation.event.selection import end_by_layer
from codesign.simulation.event.structures import IDLE_ALL, IDLE_NONE, POTENTIALS, WORDS
from codesign.simulation.event.traced_step import find_step
from codesign.simulation.event.vector import (
    AHEAD,
    BLOCK,
    HAS_LONG_REGISTERS,
    LANES,
    above,
    add,
    fetch_to_read,
    fill_as,
    is_number,
    load,
    load_block,
    multiply,
    select,
    store,
    unsigned_index,
)


@leaf
def _unchoose(network: Any, rules: Any, state: Any, out: Any, chosen: Any) -> None:
    """Gradients of the weights that the chosen spikes crossed, and of the queue before the choice (without the share
    that dropout kept).

    The `chosen` sources are in `ordered`, sorted by layer, with their spikes in `kept`; results go to `dots`.
    """
    wiring, ordered, rows = network.wiring, state.queue.ordered, state.arrivals.rows
    for i in range(chosen):
        state.gradients.dots[unsigned_index(i)] = 0
        rows[unsigned_index(i)] = wiring.single_row[unsigned_index(ordered[unsigned_index(i)])]
    end_by_layer(wiring.source_layer, ordered, chosen, state.queue.layer_ends)
    begin = np.int64(0)
    for layer in range(len(wiring.layer_width)):  # output neurons have no targets
        end = state.queue.layer_ends[layer]
        if end > begin and wiring.single[layer] != 0:
            _back_from(network, layer, wiring.layer_positions[layer], state, out, begin, end)
        elif end > begin:
            _unchoose_by_taps(network, rules, layer, begin, end, state, out)
        begin = end


@section(types.none, when=lambda rules, neuron: rules.spreads, back=True)
def _unchoose_by_taps(network: Any, rules: Any, layer: Any, begin: Any, end: Any, state: Any, out: Any) -> None:
    """`_unchoose` for the sources `ordered[begin:end]`, each of which reaches several positions."""
    wiring, ordered, rows = network.wiring, state.queue.ordered, state.arrivals.rows
    for i in range(begin, end):
        fetch_source(wiring, ordered, i, end)
        source = unsigned_index(ordered[unsigned_index(i)])
        place = unsigned_index(wiring.source_position[source])
        for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
            rows[unsigned_index(i)] = wiring.source_row[source] + wiring.tap_row[unsigned_index(tap)]
            position = wiring.tap_position[unsigned_index(tap)]
            _back_from(network, layer, position, state, out, i, i + 1)


@leaf
def _back_from(network: Any, layer: Any, position: Any, state: Any, out: Any, begin: Any, end: Any) -> None:
    """Propagate from the currents of a layer's position to the sources `ordered[begin:end]` and their weights."""
    gradients, gradient = state.gradients, out.learning.sums.weights
    width = unsigned_index(network.wiring.layer_width[layer])
    at = unsigned_index(network.wiring.position_slot[unsigned_index(position)])
    rows = Rows(state.arrivals.rows, 1, begin, end)
    dot_and_accumulate(width, gradients.dx, at, network.weights, gradient, rows, state.queue.kept, gradients.dots)


def _piece(load: Any, step_gradient: Any) -> Any:
    """Make a function that propagates back through the evaluation of one vector of neurons."""

    @leaf
    def unevaluate_piece(
        slot: Any,
        neuron: Any,
        layer: Any,
        potentials: Any,
        potentials_at: Any,
        gradients: Any,
        rules: Any,
        thresholds: Any,
    ) -> None:
        v = load(potentials, potentials_at)
        fetch_to_read(v, potentials, potentials_at - AHEAD)
        g = add(load(gradients.g_queue, slot), load(gradients.g_count, slot))
        du, dx, raised = step_gradient(load, neuron, neuron.half_steepness[layer], slot, v, g, gradients)
        if rules.learns_threshold:
            store(thresholds, slot, add(load(thresholds, slot), raised))
        if rules.masked:
            skipped = above(fill_as(v, BELOW_CLOSED), v)
            store(gradients.G, slot, select(skipped, load(gradients.G, slot), du))
            store(gradients.dx, slot, select(skipped, fill_as(v, np.float32(0)), dx))
        else:
            store(gradients.G, slot, du)
            store(gradients.dx, slot, dx)

    return unevaluate_piece


def _sweeper(step_gradient: Any, *, extended: bool) -> Any:
    """Make a function that propagates back through the evaluations of a step, of extended neurons or of plain ones."""
    unevaluate_block, unevaluate_vector = _piece(load_block, step_gradient), _piece(load, step_gradient)

    def unevaluate(
        network: Any, rules: Any, state: Any, out: Any, positions_at: Any, reached: Any, potentials_end: Any
    ) -> None:
        """Compute gradients of the evaluated positions' currents (`dx`) and of their potentials before the step
        (`G`)."""
        wiring, at, gradients, trace = network.wiring, potentials_end, state.gradients, out.trace
        potentials, neuron, thresholds = trace.potentials, network.neuron, out.learning.sums.threshold
        for i in range(reached):  # backwards, the direction in which the trace is prefetched
            position = unsigned_index(trace.words[np.uint64(positions_at + reached - 1 - i)])
            layer = unsigned_index(wiring.position_layer[position])
            width = unsigned_index(wiring.layer_width[layer])
            at -= width
            slot = unsigned_index(wiring.position_slot[position])
            state.arrivals.mark[position] = 1
            c = 0
            while HAS_LONG_REGISTERS and c + BLOCK <= width:
                unevaluate_block(slot + c, neuron, layer, potentials, at + c, gradients, rules, thresholds)
                c += BLOCK
            while c < width:
                unevaluate_vector(slot + c, neuron, layer, potentials, at + c, gradients, rules, thresholds)
                c += LANES

    if extended:
        return section(types.none, when=lambda rules, neuron: neuron.extended, back=True)(unevaluate)
    return leaf(unevaluate)


_unevaluate = _sweeper(step_gradient, extended=False)
_unevaluate_extended = _sweeper(extended_step_gradient, extended=True)


@routine
def _frame_gradient(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> None:
    """Add the gradient of the first layer's weights for a frame that was delivered at once."""
    wiring, dx, rows, gradient = network.wiring, state.gradients.dx, state.arrivals.rows, out.learning.sums.weights
    begin, end, kept = frame.begin, frame.end, input_.kept
    width = unsigned_index(wiring.layer_width[0])
    if wiring.single[0] != 0:
        stride = unsigned_index(rules.input_stride)
        if stride > 0:
            accumulate_rows(width, dx, 0, gradient, Rows(input_.indices, stride, begin, end), kept, 0)
        else:
            for entry in range(begin, end):
                rows[unsigned_index(entry - begin)] = wiring.single_row[unsigned_index(input_.indices[entry])]
            accumulate_rows(width, dx, 0, gradient, Rows(rows, 1, 0, end - begin), kept, -begin)
        return
    _frame_gradient_by_taps(network, rules, input_, frame, state, out)


@section(types.none, when=lambda rules, neuron: rules.spreads, back=True)
def _frame_gradient_by_taps(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> None:
    """`_frame_gradient` for entries that reach several positions each."""
    wiring, arrivals, gradient = network.wiring, state.arrivals, out.learning.sums.weights
    rows, single = arrivals.rows, arrivals.single
    width = unsigned_index(wiring.layer_width[0])
    for entry in range(frame.begin, frame.end):
        source = input_.indices[entry]
        place = wiring.source_position[source]
        single[0] = input_.kept[entry]
        if single[0] != 0:
            for tap in range(wiring.tap_start[place], wiring.tap_start[place + 1]):
                rows[0] = wiring.source_row[source] + wiring.tap_row[tap]
                at = unsigned_index(wiring.position_slot[wiring.tap_position[tap]])
                accumulate_rows(width, state.gradients.dx, at, gradient, Rows(rows, 1, 0, 1), single, 0)


@leaf
def _at_a_spike(network: Any, rules: Any, learning: Any, sample: Any, layer: Any, slot: Any) -> Any:
    """Direct gradient of each spike of a neuron, apart from its effects on other neurons."""
    gradient = np.float32(0)
    if len(learning.spike_gradient) > 0:
        gradient += learning.spike_gradient[sample, layer]
    if rules.charged:
        gradient += network.charge[slot] * learning.charge_gradient[sample, layer]
    return gradient


@routine
def _read_costs(network: Any, rules: Any, learning: Any, sample: Any, target: Any) -> None:
    """Write the direct gradient of all neurons' spikes to their slots."""
    wiring = network.wiring
    for position in range(len(wiring.position_slot)):
        layer = unsigned_index(wiring.position_layer[position])
        slot = unsigned_index(wiring.position_slot[position])
        for at in range(slot, slot + wiring.layer_channels[layer]):
            target[at] = _at_a_spike(network, rules, learning, sample, layer, at)


@leaf
def _read(network: Any, rules: Any, learning: Any, sample: Any, reading: Any, target: Any) -> None:
    """Write the gradient of the outputs at one reading to their slots."""
    wiring, classes = network.wiring, learning.output_gradient.shape[2]
    first, last_layer = len(wiring.source_slot) - classes, len(wiring.layer_width) - 1
    for output in range(classes):
        slot, gradient = wiring.source_slot[first + output], learning.output_gradient[sample, reading, output]
        if not rules.reads_potential:
            gradient += _at_a_spike(network, rules, learning, sample, last_layer, slot)
        target[slot] = np.float32(0) if abs(gradient) < NOTHING else gradient


@leaf
def _back_through_choice(network: Any, rules: Any, state: Any, out: Any, step: Any) -> None:
    """Propagate from the currents of the following step to the queue before this step's choice."""
    queue, gradients, trace = state.queue, state.gradients, out.trace
    if step.room > 0 and rules.idle_gradient == IDLE_ALL:
        idle_all(network, rules, state, trace, step)
    elif step.room > 0 and rules.idle_gradient != IDLE_NONE:
        idle_nearest(network, rules, state, out, step.positions_at, step.potentials_at, step.reached, step.room)
    for i in range(step.chosen):
        queue.ordered[unsigned_index(i)] = trace.words[np.uint64(step.positions_at + step.reached + i)]
    if not rules.single_spikes:
        for i in range(step.chosen):
            queue.kept[i] = trace.words_as_float[step.kept_at + i]
    _unchoose(network, rules, state, out, step.chosen)
    if rules.direct:
        back_from_direct(network, rules, state, out, step.chosen)
    for i in range(step.chosen):
        source = unsigned_index(queue.ordered[unsigned_index(i)])
        if source >= rules.inputs:
            share = trace.words_as_float[step.shares_at + i] if rules.shared else np.float32(1)
            gradients.g_queue[unsigned_index(network.wiring.source_slot[source])] = gradients.dots[i] * share
    if rules.pools_first:
        set_passed(network.wiring, queue, trace, step, 0)


@routine
def _decay_gradient(G: Any, potentials: Any, found_at: Any, gradient: Any) -> None:
    """Add the gradient of the decays, given the gradient of the potentials after decay and the potentials before it."""
    for slot in range(0, len(G), LANES):
        found = load(potentials, found_at + slot)
        found = select(is_number(found), found, fill_as(found, np.float32(0)))
        store(gradient, slot, add(load(gradient, slot), multiply(load(G, slot), found)))


@leaf
def _back_through_decay(gradient: Any, decay: Any) -> None:
    for slot in range(0, len(gradient), LANES):
        store(gradient, slot, or_nothing(multiply(load(gradient, slot), load(decay, slot))))


@section(types.none, back=True)
def backward_sample(network: Any, rules: Any, input_: Any, sample: Any, state: Any, out: Any) -> None:
    """Add a sample's gradients; its trace ends at `Out.ends`."""
    learning, gradients = out.learning, state.gradients
    if rules.single_spikes:
        state.queue.kept[:] = 1
    last_reading = learning.output_gradient.shape[1] - 1
    words_at, potentials_at = out.ends[WORDS], out.ends[POTENTIALS]
    set_all(gradients.G, np.float32(0))
    set_all(gradients.H, np.float32(0))
    set_all(gradients.g_count, np.float32(0))
    if rules.charged or len(learning.spike_gradient) > 0:
        _read_costs(network, rules, learning, sample, gradients.g_count)
    target = gradients.G if rules.reads_potential else gradients.g_count
    _read(network, rules, learning, sample, last_reading, target)
    if rules.delayed:
        set_all(state.late.back, np.float32(0))
    for timestep in range(rules.timesteps - 1, -1, -1):
        if timestep < last_reading:
            _read(network, rules, learning, sample, timestep, gradients.g_count)
        row = sample * rules.timesteps + timestep
        frame = Frame(sample, timestep, input_.offsets[row], input_.offsets[row + 1])
        if rules.delayed:
            begin_late_gradient(rules, state, timestep)
            potentials_at -= len(state.late.arriving)
        words_at, potentials_at = _backward_pass(network, rules, input_, frame, state, out, words_at, potentials_at)
        if rules.delayed:
            copy(gradients.g_count, state.late.own)
        if rules.keeps_found:
            potentials_at -= len(gradients.G)
        if network.neuron.extended:
            begin_extended_gradient(network.neuron, gradients, out.trace.potentials, potentials_at)
        if rules.biased:
            for slot in range(len(gradients.G)):
                flows = network.neuron.synaptic and network.neuron.flows[slot] > 0
                learning.sums.bias[slot] += gradients.H[slot] if flows else gradients.G[slot]
        if network.neuron.synaptic:
            _back_through_decay(gradients.H, network.neuron.synaptic_decay)
        if rules.learns_decay:
            _decay_gradient(gradients.G, out.trace.potentials, potentials_at, learning.sums.decay)
        if rules.leaks:
            _back_through_decay(gradients.G, network.decay)


@part
def _backward_pass(
    network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any, words_at: Any, potentials_at: Any
) -> Any:
    """Propagate back through one timestep, whose trace ends at the given places; return where it begins."""
    trace, mark = out.trace, state.arrivals.mark
    set_all(state.gradients.g_queue, np.float32(0))
    following_at = following = 0  # positions evaluated in the following step
    words_at -= 1
    steps = unsigned_index(trace.words[words_at])
    arrived_at = potentials_at  # spikes that arrived late
    if rules.direct:
        begin_direct_gradient(rules, state)
    if rules.pools_first:
        pass_all(network, rules, state, out, steps, words_at, potentials_at)
    for after in range(steps):
        step = find_step(network.wiring, rules, trace.words, words_at, potentials_at)
        if rules.direct:
            state.under_way.clock[1] = np.int64(steps) - 1 - np.int64(after)
        _back_through_choice(network, rules, state, out, step)
        for i in range(following):
            mark[unsigned_index(trace.words[np.uint64(following_at + i)])] = 0
        place = step.positions_at, step.reached, step.potentials_end
        if network.neuron.extended:
            _unevaluate_extended(network, rules, state, out, *place)
        else:
            _unevaluate(network, rules, state, out, *place)
        if rules.delayed:
            k = np.int64(steps) - 1 - np.int64(after)
            late_gradient(network, rules, frame.timestep, k, state, out, arrived_at)
        if rules.direct:
            note_currents(network, rules, state, out, step.positions_at, step.reached)
        following_at, following = step.positions_at, step.reached
        words_at, potentials_at = step.positions_at, step.potentials_at
    for i in range(following):
        mark[unsigned_index(trace.words[np.uint64(following_at + i)])] = 0
    if steps > 0 and not rules.queued:
        _frame_gradient(network, rules, input_, frame, state, out)
        if rules.direct:
            frame_direct_gradient(network, rules, input_, frame, np.int64(steps), state, out)
    return words_at, potentials_at

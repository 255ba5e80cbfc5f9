"""The forward run of one sample: the same machine as `codesign.simulation.reference`, but touching only what a spike
reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf, part, routine
from codesign.simulation.event.counting import begin_counting, count_evaluations, end_counting
from codesign.simulation.event.delays import deliver_late, gather_late, late_ahead, note_emitted
from codesign.simulation.event.direct import deliver_direct, note_departures, note_frame
from codesign.simulation.event.draws import absorb
from codesign.simulation.event.evaluation import DECISIONS, OVERFLOWS, Moment, evaluate_reached
from codesign.simulation.event.gates import tick, tick_ahead
from codesign.simulation.event.margin import ends_sample, is_ahead
from codesign.simulation.event.max_pools import keep_first
from codesign.simulation.event.neuron import begin_extended, decayed, end_extended, start_extended
from codesign.simulation.event.propagation import (
    Frame,
    deliver_frame,
    drop_input,
    frame_messages,
    keep,
    propagate,
    queue_frame,
    reach,
)
from codesign.simulation.event.rows import set_all
from codesign.simulation.event.sections import section
from codesign.simulation.event.selection import choose, order_by_layer
from codesign.simulation.event.service import serve_departures, serve_evaluations, serve_row
from codesign.simulation.event.structures import POTENTIALS, WORDS
from codesign.simulation.event.traced_step import FOOTER, append
from codesign.simulation.event.vector import LANES, add, load, multiply, store, unsigned_index

DONE, NO_ROOM, NO_ROWS, NO_PRIORITY, TOO_LONG, TOO_MANY = range(6)
"""How a run ended: successfully; the trace is full; a table is full; the policy raised or returned something other than
a number; a pass has too many steps; a neuron has more waiting spikes than can be counted."""
MOST_STEPS = 1 << 24
"""Most forward steps of a pass: float32, in which kept spikes and what policies see are held, counts exactly to
here."""

_PRIORITY, _INPUT_DROPOUT, _NETWORK_DROPOUT, _REFRACTORY_DROPOUT, _INPUT_PRIORITY = range(5)
"""Places in `Input.purpose_keys`."""


@section(types.int64)
def run_sample(network: Any, rules: Any, input_: Any, sample: Any, state: Any, out: Any) -> Any:
    """Run all timesteps of a sample; return how the run ended.

    `Out.ends` holds the ends of the trace's two streams and of the two tables, on entry and on return.
    """
    set_all(state.cells.u, np.float32(0))
    if network.neuron.extended:
        start_extended(network.neuron, state.cells)
    if not rules.refractory:  # an earlier run with refractory neurons may have left some silent
        set_all(state.cells.alive, np.float32(1))
    out.scores[sample] = 0
    state.fired.spikes[:] = 0
    state.fired.charges[:] = 0
    if rules.recorded:
        begin_counting(rules, state, out, sample)
    state.fired.before[:] = 0
    if rules.delayed:
        set_all(state.late.emitted, np.float32(0))
    runs = True
    for timestep in range(rules.timesteps):
        row = sample * rules.timesteps + timestep
        frame = Frame(sample, timestep, input_.offsets[row], input_.offsets[row + 1])
        if rules.traced and out.ends[WORDS] == len(out.trace.words):  # no room for the one word of an empty pass
            return NO_ROOM
        if rules.keeps_found and not _write_potentials(network.neuron, state.cells, out):
            return NO_ROOM
        if rules.delayed:
            gather_late(network, rules, state, timestep)
        if runs:
            status = _run_pass(network, rules, input_, frame, state, out)
            if status != DONE:
                return status
            runs = not ends_sample(rules, state.fired)
        elif rules.traced:
            _end_trace(out, 0)
        if rules.delayed and rules.traced and not append(out, state.late.arriving):
            return NO_ROOM
    if rules.reads_potential:
        wiring, last_reading = network.wiring, out.scores.shape[1] - 1
        first = len(wiring.source_slot) - out.scores.shape[2]
        for output in range(out.scores.shape[2]):
            out.scores[sample, last_reading, output] = state.cells.u[wiring.source_slot[first + output]]
    for layer in range(out.spikes.shape[1]):
        out.spikes[sample, layer] = state.fired.spikes[layer]
        if rules.charged:
            out.charges[sample, layer] = state.fired.charges[layer]
    if rules.recorded:
        end_counting(network, rules, state, out, sample)
    return DONE


@leaf
def _pass_key(input_: Any, purpose: Any, frame: Any) -> Any:
    """Key of all draws for one purpose in this pass."""
    return absorb(absorb(input_.purpose_keys[purpose], input_.sample_ids[frame.sample]), frame.timestep)


@part
def _run_pass(network: Any, rules: Any, input_: Any, frame: Any, state: Any, out: Any) -> Any:
    """Run one timestep; return how it ended."""
    queue = state.queue
    draw_keys = _pass_key(input_, _PRIORITY, frame), _pass_key(input_, _INPUT_PRIORITY, frame)
    network_key = _pass_key(input_, _NETWORK_DROPOUT, frame)
    refractory_key = _pass_key(input_, _REFRACTORY_DROPOUT, frame)
    _begin_pass(network, rules, state)
    touched, waiting = _deliver(network, rules, input_, frame, state)
    inputs_waiting = waiting
    if not note_frame(network, rules, input_, frame, state, out):
        return NO_ROWS
    complete, was_complete = _is_complete(network, rules, state, inputs_waiting), False
    decided = -1
    step: Any = np.int64(0)  # a literal has its own type, for which all callees would be compiled again
    active = touched + waiting > 0 or rules.announces or _goes_on(network, rules, np.int64(0), state)
    while active:
        if step == MOST_STEPS:
            return TOO_LONG
        if rules.masked or rules.delayed or rules.direct:
            opens = complete and not was_complete
            touched = _wake(network, rules, input_, frame, state, step, opens, touched)
        if rules.traced and not _fits_evaluations(rules, out, touched):
            return NO_ROOM
        moment = Moment(step, frame.sample, frame.timestep, was_complete, complete, refractory_key)
        waiting, senders, reached = evaluate_reached(network, rules, moment, state, out, touched, waiting)
        if network.neuron.bursts and state.fired.tally[OVERFLOWS] > 0:
            return TOO_MANY
        if state.fired.tally[DECISIONS] > 0 and decided < 0:
            decided = step
        last = rules.on_output and decided >= 0 and step >= decided + rules.steps_after_output
        if rules.margin_in_step and state.fired.tally[DECISIONS] > 0:
            last = is_ahead(rules, state.fired)
        if not _count_evaluated(network, rules, frame, step, touched, decided, state, out):
            return NO_ROWS
        chosen = room = 0
        if last:
            senders = 0
        else:
            room = rules.group_size - waiting
            chosen, waiting = choose(network, rules, draw_keys, step, state, waiting, inputs_waiting)
            if chosen < 0:
                return NO_PRIORITY
        _count_contended(rules, frame, room, out)
        _keep(network, rules, state, chosen, network_key, step)
        if rules.traced and not _write_step(rules, queue, out, chosen, reached, max(room, 0)):
            return NO_ROOM
        if not note_departures(network, rules, frame, step, chosen, senders, state, out):
            return NO_ROWS
        if rules.timed:
            serve_departures(network, rules, state, chosen)
        touched = propagate(network, rules, state, chosen, senders)
        inputs_waiting -= _leave(rules, queue, chosen)
        was_complete, complete = complete, complete or inputs_waiting == 0
        step += 1
        opens = rules.gated and complete and not was_complete  # even if the frame's last event reaches no neuron
        active = not last and (touched + waiting > 0 or opens or _goes_on(network, rules, step, state))
    for i in range(waiting):  # spikes that still wait when the pass stops are dropped
        queue.spikes[queue.waiting[i]] = 0
    _end_pass(network, rules, frame, step, state, out)
    return DONE


@leaf
def _is_complete(network: Any, rules: Any, state: Any, inputs_waiting: Any) -> Any:
    """Whether a frame is complete before its first step; in mode `queued`, not if anything arrives late."""
    late = rules.delayed and rules.queued and late_ahead(network, rules, np.int64(0), state)
    return inputs_waiting == 0 and not late


@leaf
def _keep(network: Any, rules: Any, state: Any, chosen: Any, network_key: Any, step: Any) -> None:
    """Sort the chosen sources by layer, and note how many of their spikes are not lost."""
    order_by_layer(network.wiring, state.queue, state.arrivals.rows, chosen)
    if not rules.single_spikes:
        keep(rules, state, chosen, absorb(network_key, step))
    if rules.pools_first:
        keep_first(network, rules, state, chosen)


@routine
def _begin_pass(network: Any, rules: Any, state: Any) -> None:
    cells = state.cells
    if rules.truncates:
        _truncate(network, rules, state)
    elif rules.leaks or rules.biased:
        for at in range(0, len(cells.u), LANES):
            u = multiply(load(cells.u, at), load(network.decay, at))
            if rules.biased:
                u = add(u, load(network.bias, at))
            store(cells.u, at, u)
    if rules.refractory or network.neuron.holds:
        set_all(cells.alive, np.float32(1))
    if network.neuron.extended:
        begin_extended(network, rules, state)
    if rules.gated:
        state.gates.received[:] = 0
        state.gates.stimulated[:] = 0
    state.fired.outputs[:] = 0
    state.queue.passed[:] = 0


@leaf
def _goes_on(network: Any, rules: Any, step: Any, state: Any) -> Any:
    """Whether a pass in which nothing waits still has this step, for its tick or for late arrivals."""
    if rules.delayed and late_ahead(network, rules, step, state):
        return True
    if rules.direct and state.under_way.clock[0] >= step:
        return True
    return network.neuron.ticks and tick_ahead(network, rules, step, state)


@section(types.none, when=lambda rules, neuron: rules.truncates)
def _truncate(network: Any, rules: Any, state: Any) -> None:
    """Apply decay and bias to truncated potentials, and note which were not 0 before."""
    u = state.cells.u
    for at in range(len(u)):
        if rules.recorded:
            state.counting.active[at] = u[at] != 0
        u[at] = decayed(u[at], network.decay[at], network.steps[at])
        if rules.biased:
            u[at] += network.bias[at]


@leaf
def _deliver(network: Any, rules: Any, input_: Any, frame: Any, state: Any) -> Any:
    """Deliver the frame at once or queue its inputs; return the number of positions reached and of inputs waiting."""
    if rules.input_dropout > 0:
        drop_input(rules, input_, frame, _pass_key(input_, _INPUT_DROPOUT, frame))
    if rules.timed:
        state.served.free[:] = 0
    if rules.queued:
        return 0, queue_frame(rules, input_, frame, state)
    if rules.timed:
        serve_row(
            network.service, state.served.free, np.int64(0), np.int64(0), 0.0, frame_messages(rules, input_, frame)
        )
    return deliver_frame(network, rules, input_, frame, state), 0


@leaf
def _count_contended(rules: Any, frame: Any, room: Any, out: Any) -> None:
    """Count a step in which more neurons waited than could leave."""
    if rules.recorded and room < 0:
        out.counters.contended_steps[frame.sample, frame.timestep] += 1


@leaf
def _leave(rules: Any, queue: Any, chosen: Any) -> Any:
    """Remove the chosen sources from the queue; return how many of them are inputs."""
    inputs = 0
    for i in range(chosen):
        source = unsigned_index(queue.ordered[i])
        queue.spikes[source] = 0
        inputs += source < rules.inputs
    return inputs


@leaf
def _end_pass(network: Any, rules: Any, frame: Any, steps: Any, state: Any, out: Any) -> None:
    if network.neuron.extended:
        end_extended(network.neuron, state.cells)
    if rules.traced:
        _end_trace(out, steps)
    reading = min(frame.timestep, out.scores.shape[1] - 1)
    for output in range(out.scores.shape[2]):
        out.scores[frame.sample, reading, output] += state.fired.outputs[output]
    if rules.recorded:
        out.counters.timesteps_run[frame.sample] += 1
        out.counters.forward_steps[frame.sample, frame.timestep] = steps


@leaf
def _end_trace(out: Any, steps: Any) -> None:
    """Write the number of steps of a pass."""
    out.trace.words[out.ends[WORDS]] = steps
    out.ends[WORDS] += 1


@leaf
def _wake(
    network: Any, rules: Any, input_: Any, frame: Any, state: Any, step: Any, completes: Any, touched: Any
) -> Any:
    """Deliver delayed and direct messages, then reach positions that need no message: whose gates open because the
    frame is complete, of gate 0 in step 0, or with a neuron that the tick makes fire."""
    if rules.delayed:
        touched = deliver_late(network, rules, step, state, touched)
    if rules.direct:
        touched = deliver_direct(network, rules, input_, frame, step, state, touched)
    if rules.gated and completes:
        for position in range(network.wiring.layer_positions[1]):
            touched = reach(position, state.arrivals, touched)
    if (rules.barrier_messages or (rules.gated and network.neuron.ticks)) and step == 0:
        for i in range(len(network.open_at_once)):
            touched = reach(network.open_at_once[i], state.arrivals, touched)
    if network.neuron.ticks and not rules.gated:
        touched = tick(network, rules, step, state, touched)
    return touched


@leaf
def _count_evaluated(
    network: Any, rules: Any, frame: Any, step: Any, touched: Any, decided: Any, state: Any, out: Any
) -> Any:
    """Count a step's evaluations and spikes, and clear its messages; return whether there was room."""
    if rules.delayed:
        note_emitted(network, rules, frame.timestep, state)
    if rules.timed:
        serve_evaluations(network, rules, state, step)
    if rules.recorded and not count_evaluations(network, rules, frame, step, decided, state, out):
        return False
    if rules.gated or rules.recorded:
        arrivals = state.arrivals
        for i in range(touched):
            arrivals.spikes[arrivals.touched[i]] = 0
            arrivals.others[arrivals.touched[i]] = 0
    return True


@leaf
def _fits_evaluations(rules: Any, out: Any, touched: Any) -> Any:
    """Whether the trace has room for the evaluation of `touched` positions of any width."""
    fits = out.ends[POTENTIALS] + touched * rules.widest <= len(out.trace.potentials)
    return fits and out.ends[WORDS] + touched <= len(out.trace.words)


@leaf
def _write_potentials(neuron: Any, cells: Any, out: Any) -> Any:
    """Append all potentials to the trace, NaN for neurons that will be held; return whether there was room."""
    at = out.ends[POTENTIALS]
    if not append(out, cells.u):
        return False
    if neuron.holds:
        for slot in range(len(cells.u)):
            if cells.fired[slot] > 0:
                out.trace.potentials[at + slot] = np.nan
    return True


@leaf
def _write_step(rules: Any, queue: Any, out: Any, chosen: Any, reached: Any, room: Any) -> Any:
    """Append a forward step to the trace, after the positions evaluated; return whether there was room."""
    words, at = out.trace.words, out.ends[WORDS] + reached
    if at + 3 * chosen + FOOTER + 1 > len(words):  # 1: the word at the end of a pass
        return False
    for i in range(chosen):
        words[np.uint64(at + i)] = queue.ordered[unsigned_index(i)]
    at += chosen
    if not rules.single_spikes:
        for i in range(chosen):
            out.trace.words_as_float[at + i] = queue.kept[i]
        at += chosen
        if rules.shared:
            for i in range(chosen):
                waited = max(queue.spikes[queue.ordered[i]], 1)
                out.trace.words_as_float[at + i] = queue.kept[i] / np.float32(waited)
            at += chosen
    words[at] = chosen
    words[at + 1] = reached
    words[at + 2] = room
    out.ends[WORDS] = at + FOOTER
    return True

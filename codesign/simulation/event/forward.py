"""The forward run of one sample: `codesign.simulation.reference` again, moving only what a spike reaches."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import part, routine
from codesign.simulation.event.counting import (
    begin_counting,
    begin_counting_pass,
    count_departures,
    count_evaluations,
    count_pass,
    end_counting,
    tally,
)
from codesign.simulation.event.delivery import (
    deliver_frame,
    drop_input,
    frame_messages,
    keep,
    propagate,
    queue_frame,
    reach,
)
from codesign.simulation.event.draws import absorb
from codesign.simulation.event.evaluation import DECISIONS, FIRED, SPIKES, evaluate, evaluate_gated
from codesign.simulation.event.memory import EMITTED, POTENTIALS, WORDS
from codesign.simulation.event.rows import set_all
from codesign.simulation.event.selection import (
    FEW,
    FIRST,
    LAST,
    NOT_A_NUMBER,
    call_policy,
    choose_among_few,
    keep_lowest_equals,
    move_reaching,
    separator,
)
from codesign.simulation.event.service import serve_departures, serve_evaluations, serve_row
from codesign.simulation.event.vector import LANES, add, load, multiply, natural, store

__all__ = ["DONE", "FOOTER", "NO_PRIORITY", "NO_ROOM", "run_sample"]

DONE, NO_ROOM, NO_PRIORITY = 0, 1, 2
"""How a run ended: well; the trace or a table is full; a policy gave a priority that is not a number."""

_PRIORITY, _INPUT_DROPOUT, _NETWORK_DROPOUT, _REFRACTORY_DROPOUT, _INPUT_PRIORITY = range(
    5
)  # places in `Input.purpose_keys`
FOOTER = 3
"""Words behind each step of a trace: how many sources were chosen, positions evaluated, places left in the group."""
_FEW = 128


@part
def _begin_pass(rules: Any, parameters: Any, state: Any) -> None:
    if rules.leaks or rules.biased:
        for at in range(0, len(state.u), LANES):
            u = multiply(load(state.u, at), load(parameters.decay, at))
            if rules.biased:
                u = add(u, load(parameters.bias, at))
            store(state.u, at, u)
    if rules.refractory:
        set_all(state.alive, np.float32(1))
    if rules.gated:
        state.received[:] = 0
        state.stimulated[:] = 0
    state.outputs[:] = 0


@part
def _choose(
    parameters: Any,
    rules: Any,
    state: Any,
    waiting: Any,
    inputs_waiting: Any,
    neuron_key: Any,
    input_key: Any,
    step: Any,
) -> Any:
    """Move the group from `waiting` to `chosen`; returns how many were chosen and how many wait on."""
    if waiting <= rules.group_size:
        for i in range(waiting):
            state.chosen[i] = state.waiting[i]
        return np.int64(waiting), np.int64(0)
    problem = call_policy(
        rules.policy,
        waiting,
        state.waiting,
        rules.inputs,
        state.potential,
        state.enqueue_step,
        parameters.source_layer,
        parameters.source_core,
        state.delivery,
        absorb(neuron_key, step),
        absorb(input_key, step),
        np.float32(step),
        rules.noise,
        rules.cores,
        np.int64(rules.draws),
        state.drawn,
        state.potentials,
        state.steps,
        state.deliveries,
        state.keys,
    )
    if problem == NOT_A_NUMBER:
        return np.int64(NOT_A_NUMBER), np.int64(0)
    if rules.prioritize_input and inputs_waiting > 0:
        for i in range(waiting):
            if state.waiting[i] < rules.inputs:
                state.keys[i] = FIRST if inputs_waiting < rules.group_size else state.keys[i]
            elif inputs_waiting >= rules.group_size:
                state.keys[i] = LAST
    if waiting <= FEW and choose_among_few(state.keys, state.waiting, waiting, rules.group_size, state.chosen):
        return np.int64(rules.group_size), waiting - rules.group_size
    least, reached = separator(state.keys, waiting, rules.group_size)
    if reached > rules.group_size:
        keep_lowest_equals(state.keys, state.waiting, waiting, least, rules.group_size, state.equals)
    chosen = move_reaching(state.keys, least, state.waiting, waiting, state.chosen)
    return chosen, waiting - chosen


@part
def _order_by_layer(wiring: Any, state: Any, chosen: Any) -> None:
    """Chosen sources into `ordered`, layer by layer; `bucket[l + 1]` is behind the last one of layer l."""
    bucket = state.bucket
    layers = len(wiring.layer_width)
    if layers * chosen <= _FEW:  # no place depends on another: faster than counting
        place = 0
        for layer in range(layers + 1):
            for i in range(chosen):
                source = natural(state.chosen[i])
                state.ordered[natural(place)] = source
                place += wiring.source_layer[source] == layer
            bucket[layer + 1] = place
        return
    for i in range(len(bucket)):
        bucket[i] = 0
    for i in range(chosen):
        bucket[np.int64(wiring.source_layer[state.chosen[i]]) + 2] += 1
    for i in range(2, len(bucket)):
        bucket[i] += bucket[i - 1]
    for i in range(chosen):
        source = state.chosen[i]
        place = np.int64(wiring.source_layer[source]) + 1
        state.ordered[bucket[place]] = source
        bucket[place] += 1


@part
def _write_step(
    rules: Any, state: Any, trace: Any, at: Any, chosen: Any, reached: Any, room: Any, single_spikes: Any
) -> Any:
    """Append a forward step to the trace; returns where the next begins."""
    words = trace.words
    for i in range(chosen):
        words[at + i] = state.ordered[i]
    at += chosen
    if not single_spikes:
        for i in range(chosen):
            trace.words_as_float[at + i] = state.kept[i]
        at += chosen
        if rules.network_dropout > 0:
            for i in range(chosen):
                waited = max(state.q[state.ordered[i]], 1)
                trace.words_as_float[at + i] = state.kept[i] / np.float32(waited)
            at += chosen
    words[at] = chosen
    words[at + 1] = reached
    words[at + 2] = room
    return at + FOOTER


@part
def _words_of_step(chosen: Any) -> Any:
    """No fewer words than what is written after the evaluations of a step, and at the end of a pass."""
    return 3 * chosen + FOOTER + 1


@routine
def run_sample(
    wiring: Any,
    parameters: Any,
    rules: Any,
    service: Any,
    input_: Any,
    sample: Any,
    kept: Any,
    kept_from: Any,
    state: Any,
    trace: Any,
    counters: Any,
    ends: Any,
    scores: Any,
) -> Any:
    """Run all timesteps of a sample; returns how that ended.

    `ends` says where the trace's words and potentials and the tables of messages and updates end, before and after, and
    has the spikes emitted by hidden neurons added to it.
    """
    single_spikes = rules.single_spikes
    counting = rules.gated or rules.recorded
    layers = len(wiring.layer_width)
    widest = 0
    for width in wiring.layer_width:
        widest = max(widest, np.int64(width))
    words_at, potentials_at = ends[WORDS], ends[POTENTIALS]
    set_all(state.u, np.float32(0))
    if not rules.refractory:
        set_all(
            state.alive, np.float32(1)
        )  # a run of the network that had refractory neurons may have left some silent
    last_reading = scores.shape[1] - 1
    scores[sample] = 0
    if rules.recorded:
        begin_counting(counters, sample)
    sample_id = input_.sample_ids[sample]
    for timestep in range(rules.timesteps):
        _begin_pass(rules, parameters, state)
        neuron_key = absorb(absorb(input_.purpose_keys[_PRIORITY], sample_id), timestep)
        input_key = absorb(absorb(input_.purpose_keys[_INPUT_PRIORITY], sample_id), timestep)
        network_key = absorb(absorb(input_.purpose_keys[_NETWORK_DROPOUT], sample_id), timestep)
        refractory_key = absorb(absorb(input_.purpose_keys[_REFRACTORY_DROPOUT], sample_id), timestep)
        begin = input_.offsets[sample * rules.timesteps + timestep]
        end = input_.offsets[sample * rules.timesteps + timestep + 1]
        if rules.input_dropout > 0:
            dropout_key = absorb(absorb(input_.purpose_keys[_INPUT_DROPOUT], sample_id), timestep)
            drop_input(rules, input_, begin, end, dropout_key, kept, kept_from)
        waiting = touched = inputs_waiting = 0
        if rules.queued:
            waiting = inputs_waiting = queue_frame(rules, input_, begin, end, kept, kept_from, state)
        else:
            touched = deliver_frame(wiring, parameters, rules, input_, begin, end, kept, kept_from, state, counting)
        if rules.recorded and not begin_counting_pass(
            wiring, parameters, rules, input_, begin, end, kept, kept_from, state, counters, sample, timestep, ends
        ):
            return NO_ROOM
        if rules.timed:
            state.free[:] = 0
            if not rules.queued:
                serve_row(service, state.free, 0, 0, 0.0, frame_messages(rules, input_, begin, end))
        complete, was_complete = inputs_waiting == 0, False
        decided = -1
        step = 0
        active = touched + waiting > 0 or (rules.barrier_messages and layers > 1)
        while active:
            if rules.gated and complete != was_complete:
                for position in range(wiring.layer_positions[1]):
                    touched = reach(position, state.mark, state.touched, touched)
            if rules.barrier_messages and step == 0:
                for i in range(len(parameters.open_at_once)):
                    touched = reach(parameters.open_at_once[i], state.mark, state.touched, touched)
            if rules.traced and (
                potentials_at + touched * widest > len(trace.potentials) or words_at + touched > len(trace.words)
            ):
                return NO_ROOM
            reached = barriers = 0
            state.tally[SPIKES] = 0
            state.tally[DECISIONS] = 0
            state.tally[FIRED] = 0
            for i in range(touched):
                position = natural(state.touched[i])
                layer = natural(wiring.position_layer[position])
                slot = natural(wiring.position_slot[position])
                evaluations = np.int64(wiring.layer_channels[layer])
                state.mark[position] = 0
                if rules.gated:
                    waiting, barriers, evaluations = evaluate_gated(
                        position,
                        slot,
                        layer,
                        step,
                        was_complete,
                        complete,
                        wiring,
                        parameters,
                        rules,
                        state,
                        trace,
                        potentials_at,
                        refractory_key,
                        waiting,
                        barriers,
                    )
                else:
                    width = natural(wiring.layer_width[layer])
                    waiting = evaluate(
                        slot,
                        width,
                        layer == layers - 1,
                        step,
                        wiring,
                        parameters,
                        rules,
                        state,
                        trace,
                        potentials_at,
                        refractory_key,
                        waiting,
                    )
                if rules.tallied:
                    state.evaluated[i] = evaluations
                if rules.traced and evaluations > 0:
                    trace.words[words_at + reached] = position
                    reached += 1
                    potentials_at += wiring.layer_width[layer]
            words_at += reached
            was_complete = complete
            ends[EMITTED] += state.tally[SPIKES]
            if state.tally[DECISIONS] > 0 and decided < 0:
                decided = step
            last = rules.on_output and decided >= 0 and step >= decided + rules.steps_after_output

            if rules.tallied:
                tally(wiring, parameters, state, touched)
            if rules.timed:
                serve_evaluations(
                    service,
                    state.slice_sums,
                    state.fired,
                    state.tally[FIRED],
                    parameters.source_slice,
                    state.enqueue_step,
                    step,
                    state.free,
                    state.done,
                    state.sent,
                    state.delivery,
                )
            if rules.recorded and not count_evaluations(
                wiring, parameters, rules, state, counters, sample, timestep, step, touched, decided, ends
            ):
                return NO_ROOM
            if counting:
                for i in range(touched):
                    state.spikes_in[state.touched[i]] = 0
                    state.barriers_in[state.touched[i]] = 0

            chosen = room = 0
            if last:
                barriers = 0
            else:
                room = rules.group_size - waiting
                chosen, waiting = _choose(
                    parameters, rules, state, waiting, inputs_waiting, neuron_key, input_key, step
                )
                if chosen == NOT_A_NUMBER:
                    return NO_PRIORITY
            _order_by_layer(wiring, state, chosen)
            if not single_spikes:
                keep(rules, state, chosen, network_key, step)
            if rules.traced:
                if words_at + _words_of_step(chosen) > len(trace.words):
                    return NO_ROOM
                words_at = _write_step(rules, state, trace, words_at, chosen, reached, max(room, 0), single_spikes)
            if rules.recorded and not count_departures(
                wiring,
                parameters,
                rules,
                state,
                counters,
                sample,
                timestep,
                step,
                chosen,
                barriers,
                single_spikes,
                ends,
            ):
                return NO_ROOM
            if rules.timed:
                serve_departures(
                    service,
                    chosen,
                    state.ordered,
                    rules.inputs,
                    rules.currents,
                    state.frame_left,
                    state.q,
                    wiring.source_layer,
                    parameters.source_slice,
                    state.enqueue_step,
                    state.free,
                    state.sent,
                    state.group_keys,
                    state.group_sums,
                )
            touched = propagate(wiring, parameters, rules, state, chosen, barriers, counting, single_spikes)
            for i in range(chosen):
                source = natural(state.ordered[i])
                state.q[source] = 0
                inputs_waiting -= source < rules.inputs
            complete = complete or inputs_waiting == 0
            step += 1
            active = not last and touched + waiting > 0
        for i in range(waiting):  # what waits when the pass stops is dropped
            state.q[state.waiting[i]] = 0
        if rules.traced:
            trace.words[words_at] = step
            words_at += 1
        reading = min(timestep, last_reading)
        for output in range(scores.shape[2]):
            scores[sample, reading, output] += state.outputs[output]
        if rules.recorded:
            count_pass(state, counters, sample, decided, step)
    if rules.reads_potential:
        first = len(wiring.source_slot) - scores.shape[2]
        for output in range(scores.shape[2]):
            scores[sample, last_reading, output] = state.u[wiring.source_slot[first + output]]
    if rules.recorded:
        end_counting(wiring, parameters, state, counters, sample)
    ends[WORDS], ends[POTENTIALS] = words_at, potentials_at
    return DONE

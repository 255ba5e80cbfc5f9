"""Allocating the structures that kernels work in: zeroed, and aligned where vectors are loaded."""

from __future__ import annotations

import numpy as np

from codesign.simulation.event.arrays import Integers, Longs, aligned_zeros
from codesign.simulation.event.further import Late, UnderWay
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.structures import Counters, Trace
from codesign.simulation.event.tables import new_tables
from codesign.simulation.event.vector import BLOCK, LANES
from codesign.simulation.event.working_memory import (
    AT_ONCE,
    EARLY,
    Arrivals,
    Cells,
    CounterState,
    Early,
    Fired,
    Gates,
    Gradients,
    Queue,
    Ranking,
    Served,
    State,
)
from codesign.simulation.recording import CONVERGENCE_STEPS, CURRENT_BINS


def _integers(count: int) -> Integers:
    return np.zeros(count, dtype=np.int32)


def _longs(*shape: int) -> Longs:
    return np.zeros(shape, dtype=np.int64)


def new_state(layout: MemoryLayout, late: Late, under_way: UnderWay, slices: int) -> State:
    """Working memory for one thread."""
    slots, sources, positions = layout.slots, layout.sources, layout.positions
    inputs, layers = layout.shape.input_size, len(layout.shape.layers)
    alive = aligned_zeros(slots)
    alive[:] = 1
    return State(
        cells=Cells(
            u=aligned_zeros(slots),
            x=aligned_zeros(slots),
            alive=alive,
            j=aligned_zeros(slots),
            fired=aligned_zeros(slots),
        ),
        arrivals=Arrivals(
            mark=_integers(positions),
            touched=_integers(positions),
            spikes=_longs(positions),
            others=_longs(positions),
            rows=_integers(sources),
            single=aligned_zeros(LANES),
        ),
        gates=Gates(
            received=_longs(positions),
            stimulated=_integers(positions),
            evaluated=aligned_zeros(slots),
            able=aligned_zeros(slots),
            senders=_integers(sources),
        ),
        queue=new_queue(sources, inputs, layers, 0 if layout.max_pools is None else int(layout.max_pools.max()) + 1),
        ranking=new_ranking(sources),
        fired=_new_fired(layout),
        counting=_new_counter_state(layout, slices),
        served=Served(
            free=np.zeros(slices), done=np.zeros(slices), sent=np.zeros(sources), delivery=aligned_zeros(sources)
        ),
        late=late,
        under_way=under_way,
        gradients=Gradients(
            G=aligned_zeros(slots),
            H=aligned_zeros(slots),
            g_queue=aligned_zeros(slots),
            g_count=aligned_zeros(slots),
            dx=aligned_zeros(slots),
            dots=aligned_zeros(sources),
            back=aligned_zeros(slots),
        ),
    )


def _new_counter_state(layout: MemoryLayout, slices: int) -> CounterState:
    slots, sources, positions = layout.slots, layout.sources, layout.positions
    return CounterState(
        slice_sums=_longs(slices, 2),
        heard=_longs(positions),
        heard_before=_longs(slots),
        met=_integers(positions),
        active=_integers(slots),
        found=_longs(slots),
        outputs=_longs(layout.shape.layers[-1].neurons),
        early=Early(
            steps=_longs(slices + 1),
            neurons=_integers((slices + 1) * EARLY),
            spikes=_longs((slices + 1) * EARLY),
            operations=_longs((slices + 1) * EARLY),
            barriers=_longs((slices + 1) * EARLY),
        ),
        group_keys=_longs(sources + 1),
        group_sums=_longs(sources + 1, 4),
        sent=_longs(slices + 1, 3),
        evaluated=_longs(slices),
    )


def _new_fired(layout: MemoryLayout) -> Fired:
    layers, blocks = len(layout.shape.layers), AT_ONCE * -(-max(layout.widths) // BLOCK)
    return Fired(
        tally=_longs(3),
        spikes=_longs(layers),
        charges=np.zeros(layers),
        sources=_integers(layout.shape.neurons),
        emitted=_integers(layout.shape.neurons),
        values=aligned_zeros(blocks * BLOCK),
        lanes=_longs(blocks),
        slots=_longs(blocks),
        layers=_longs(blocks),
        counts=aligned_zeros(4 * LANES),
        outputs=_longs(layout.shape.layers[-1].neurons),
        before=_longs(layout.shape.layers[-1].neurons),
    )


def new_queue(sources: int, inputs: int, layers: int, windows: int = 0) -> Queue:
    return Queue(
        spikes=_integers(sources),
        potential=aligned_zeros(sources),
        enqueue_step=_integers(sources),
        waiting=_integers(sources + LANES),
        chosen=_integers(sources + LANES),
        ordered=_integers(sources + LANES),
        kept=aligned_zeros(sources),
        layer_ends=_longs(layers + 1),
        passed=_integers(windows),
        frame_left=aligned_zeros(inputs),
        frame_kept=aligned_zeros(inputs),
    )


def new_ranking(sources: int) -> Ranking:
    return Ranking(
        drawn=aligned_zeros(sources),
        potentials=aligned_zeros(sources),
        steps=aligned_zeros(sources),
        deliveries=aligned_zeros(sources),
        keys=_integers(sources + 5 * LANES),
        equals=_integers(sources + 5 * LANES),
        few=_integers(4 * LANES),
        places=_longs(16),
        whole=_longs(4),
        numbers=np.zeros(4, dtype=np.float32),
        draw_keys=np.zeros(2, dtype=np.uint64),
    )


def new_trace(words: int, potentials: int) -> Trace:
    """Room for at least that many words and potentials; the system assigns pages as they are written."""
    memory = np.empty(words, dtype=np.int32)
    raw = np.empty(potentials + LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return Trace(words=memory, words_as_float=memory.view(np.float32), potentials=raw[start : start + potentials])


def new_counters(samples: int, timesteps: int, classes: int, layers: int, slices: int) -> Counters:
    """Zeroed counters of a batch, with no room in the tables; all empty for `samples` = 0."""
    messages, updates = new_tables(0)
    return Counters(
        timesteps_run=_longs(samples),
        forward_steps=_longs(samples, timesteps),
        contended_steps=_longs(samples, timesteps),
        steps_to_first=_longs(samples, timesteps) - 1,
        spikes_to_first=_longs(samples, timesteps) - 1,
        spikes_to_stop=_longs(samples, timesteps),
        convergence=_longs(samples, CONVERGENCE_STEPS, classes),
        operations=_longs(samples, layers),
        active=_longs(samples, timesteps, slices),
        evaluations=_longs(samples, layers),
        propagated=_longs(samples, layers),
        barriers=_longs(samples, layers),
        ticks=_longs(samples, layers),
        residual=_longs(samples, slices),
        currents=_longs(2, CURRENT_BINS),
        sample_currents=_longs(2, CURRENT_BINS),
        rows=_longs(samples, 2),
        messages=messages,
        updates=updates,
    )

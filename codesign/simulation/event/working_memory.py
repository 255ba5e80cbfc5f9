"""Working memory of one thread, as named tuples of arrays that kernels write, each grouped by what it is for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.arrays import Doubles, Floats, Integers, Longs
from codesign.simulation.event.further import Late, UnderWay

EARLY = 64
"""Forward steps of a pass for each of which a word has a bit."""

AT_ONCE = 8
"""Positions that are evaluated before those who fired there begin to wait."""


class Cells(NamedTuple):
    """Neurons, by slot."""

    u: Floats  # potential
    x: Floats  # current that arrives in this step; 0 after it
    alive: Floats  # 1, or 0 while refractory
    j: Floats  # synaptic current; only where there are any
    fired: Floats  # 1 where it fired in this timestep and is then held; only where neurons are


class Arrivals(NamedTuple):
    """Messages that arrive in the next step, by position; all 0 between passes."""

    mark: Integers  # whether any does: 1; the tick alone: 2; to some neurons: 3
    touched: Integers  # the positions where one does
    spikes: Longs  # spikes that do, over each synapse of the position
    others: Longs  # what gates count besides: barrier messages, less spikes that they do not count
    rows: Integers  # (sources,) rows of weights to be added
    single: Floats  # (1 vector) the factor of a single row


class Gates(NamedTuple):
    """Who waits for messages. Used only where `Rules.gated`."""

    received: Longs  # (positions,) messages in this pass
    stimulated: Integers  # (positions,) whether a spike was among them
    evaluated: Floats  # (slots,) whether the neuron is, in this step
    able: Floats  # (slots,) whether it may fire, in this step
    senders: Integers  # (sources,) neurons that send a barrier message after this step


class Queue(NamedTuple):
    """Who waits and who leaves, by source."""

    spikes: Integers  # that wait; 0 between passes
    potential: Floats  # potential on exceeding the threshold
    enqueue_step: Integers  # step in which it began to wait
    waiting: Integers  # sources that wait, in any order
    chosen: Integers  # sources that leave in this step, in any order
    ordered: Integers  # the same by layer
    kept: Floats  # their spikes that are not lost, in the order of `ordered`
    layer_ends: Longs  # (layers + 1,) where sources of each layer end in `ordered`, the inputs first
    passed: Integers  # (windows of max pools,) 1 where one has passed a spike in this pass
    frame_left: Floats  # (inputs,) spikes of an input that waits
    frame_kept: Floats  # (inputs,) those of them that are not lost


class Ranking(NamedTuple):
    """What a policy looks at, in the order of `Queue.waiting`, and the keys that it gives; see `priorities`."""

    drawn: Floats
    potentials: Floats
    steps: Floats
    deliveries: Floats
    keys: Integers
    equals: Integers  # a second array of keys
    few: Integers  # (4 vectors) the highest of them
    places: Longs  # addresses of arrays
    whole: Longs  # whole numbers
    numbers: Floats
    draw_keys: NDArray[np.uint64]


class Fired(NamedTuple):
    """Spikes of this step."""

    tally: Longs  # (3,) see `evaluation`
    spikes: Longs  # (L,) of each layer in this sample
    charges: Doubles  # (L,) what these weigh; only where `Rules.charged`
    sources: Integers  # (neurons,) who fired; only with `Rules.listed`
    emitted: Integers  # (neurons,) and how many spikes each, where there can be several
    values: Floats  # potentials of the vectors that were just evaluated
    lanes: Longs  # (blocks,) which of a block of these fired
    slots: Longs  # (blocks,) its first slot
    layers: Longs  # (blocks,) and its layer
    counts: Floats  # and spikes, where there can be several
    outputs: Longs  # (classes,) spikes of each output in this pass
    before: Longs  # (classes,) and in the passes before; only where a margin ends samples


class Early(NamedTuple):
    """What leaves in a step of which a word has a bit, by source of the message table; all 0 between steps."""

    steps: Longs  # (S + 1,) in which it was enqueued, as bits; bit 0 for inputs
    neurons: Integers  # ((S + 1) · EARLY,) neurons or inputs, also by this step
    spikes: Longs  # likewise
    operations: Longs
    barriers: Longs


class CounterState(NamedTuple):
    """What counters need between steps."""

    slice_sums: Longs  # (S, 2) evaluations and spikes of this step
    heard: Longs  # (positions,) spike messages in this pass
    heard_before: Longs  # (slots,) of those, before the neuron fired last
    met: Integers  # (positions,) whether all neurons of it are counted as active
    active: Integers  # (slots,) whether a neuron is; only where positions are evaluated in part or potentials truncated
    found: Longs  # (runs,) how many are
    outputs: Longs  # (classes,) output spikes of this pass that are counted
    early: Early
    sent: Longs  # (S + 1, 3) spikes, operations and barrier messages of this sample by source
    evaluated: Longs  # (S,) evaluations of this sample
    group_keys: Longs  # rows of the message table under construction
    group_sums: Longs


class Served(NamedTuple):
    """Times of a service model in this pass. Used only where `Rules.timed`."""

    free: Doubles  # (K,) when each core gets free
    done: Doubles  # (S,) when each slice has sent this step's spikes
    sent: Doubles  # (sources,) when a waiting neuron's message was sent
    delivery: Floats  # (sources,) when it is at its last core


class Gradients(NamedTuple):
    """Gradients on their way back, by slot unless stated."""

    G: Floats  # at the potential
    H: Floats  # at the synaptic current
    g_queue: Floats  # at the waiting spikes
    g_count: Floats  # at the spike counts
    dx: Floats  # at the currents of the following step
    dots: Floats  # (sources,) at the spikes that left
    back: Floats  # what comes back to silent neurons of one position


class State(NamedTuple):
    """Working memory of one sample under way. Between samples, a group is as `new_state` makes it or is rewritten."""

    cells: Cells
    arrivals: Arrivals
    gates: Gates
    queue: Queue
    ranking: Ranking
    fired: Fired
    counting: CounterState
    served: Served
    late: Late
    under_way: UnderWay
    gradients: Gradients

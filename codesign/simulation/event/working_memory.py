"""Working memory of one thread: named tuples of arrays that kernels write, grouped by purpose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.arrays import Doubles, Floats, Integers, Longs
from codesign.simulation.event.further import Late, UnderWay

EARLY = 64
"""The first forward steps of a pass, one bit of a word each."""

AT_ONCE = 8
"""Positions evaluated in a row before the neurons that fired in them are enqueued."""


class Cells(NamedTuple):
    """Neurons, by slot."""

    u: Floats  # potential
    x: Floats  # current arriving in this step; 0 after it
    alive: Floats  # 1, or 0 while refractory
    j: Floats  # synaptic current; only if the network has any
    fired: Floats  # 1 if the neuron fired in this timestep and is held afterwards; only if neurons are held


class Arrivals(NamedTuple):
    """Messages that arrive in the next step, by position; all 0 between passes."""

    mark: Integers  # 0: nothing arrives; 1: a message; 2: only the tick; 3: messages to some of its neurons
    touched: Integers  # positions that are marked
    spikes: Longs  # spikes arriving at each neuron of the position
    others: Longs  # what gates count in addition: barrier messages, minus spikes that gates do not count
    rows: Integers  # (sources,) rows of weights to be added
    single: Floats  # (1 vector) the factor of a single row


class Gates(NamedTuple):
    """Neurons that wait for messages before they may fire. Used only with `Rules.gated`."""

    received: Longs  # (positions,) messages received in this pass
    stimulated: Integers  # (positions,) whether a spike was among them
    evaluated: Floats  # (slots,) whether the neuron is evaluated in this step
    able: Floats  # (slots,) whether it may fire in this step
    senders: Integers  # (sources,) neurons that send a barrier message after this step


class Queue(NamedTuple):
    """Sources that wait and sources that leave, by source."""

    spikes: Integers  # waiting spikes; 0 between passes
    potential: Floats  # potential when the threshold was exceeded
    enqueue_step: Integers  # step in which the source began to wait
    waiting: Integers  # sources that wait, in any order
    chosen: Integers  # sources that leave in this step, in any order
    ordered: Integers  # the same sources, sorted by layer
    kept: Floats  # their spikes that are not lost, in the order of `ordered`
    layer_ends: Longs  # (layers + 1,) where the sources of each layer end in `ordered`, inputs first
    passed: Integers  # (max-pool windows,) 1 if the window has passed a spike in this pass
    frame_left: Floats  # (inputs,) spikes of a waiting input
    frame_kept: Floats  # (inputs,) how many of them are not lost


class Ranking(NamedTuple):
    """What a policy reads, in the order of `Queue.waiting`, and the keys that result; see `priorities`."""

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
    charges: Doubles  # (L,) their cost; only with `Rules.charged`
    sources: Integers  # (neurons,) the neurons that fired; only with `Rules.listed`
    emitted: Integers  # (neurons,) spikes of each of `sources`, if a neuron can emit several
    values: Floats  # potentials of the vectors just evaluated
    lanes: Longs  # (blocks,) bits of the neurons that fired in a block of `values`
    slots: Longs  # (blocks,) first slot of the block
    layers: Longs  # (blocks,) layer of the block
    counts: Floats  # spikes of each neuron in the vectors just evaluated, if a neuron can emit several
    outputs: Longs  # (classes,) spikes of each output in this pass
    before: Longs  # (classes,) spikes of each output in earlier passes; only if a margin ends samples


class Early(NamedTuple):
    """What leaves in one of the first `EARLY` steps, by source of the message table; all 0 between steps."""

    steps: Longs  # (S + 1,) steps of enqueueing, as bits; bit 0 for inputs
    neurons: Integers  # ((S + 1) · EARLY,) neurons or inputs, by source and step of enqueueing
    spikes: Longs  # indexed like `neurons`, as are the next two
    operations: Longs
    barriers: Longs


class CounterState(NamedTuple):
    """State of the counters between steps."""

    slice_sums: Longs  # (S, 2) evaluations and spikes of this step
    heard: Longs  # (positions,) spike messages received in this pass
    heard_before: Longs  # (slots,) how many of them came before the neuron last fired
    met: Integers  # (positions,) whether all its neurons are counted as active
    active: Integers  # (slots,) whether the neuron is active; only if positions can be evaluated in part or `truncates`
    found: Longs  # (runs,) number of active neurons
    outputs: Longs  # (classes,) output spikes of this pass counted so far
    early: Early
    sent: Longs  # (S + 1, 3) spikes, operations and barrier messages of this sample, by source
    evaluated: Longs  # (S,) evaluations of this sample
    group_keys: Longs  # keys of the rows under construction in the message table
    group_sums: Longs  # and their sums


class Served(NamedTuple):
    """Times of a service model in this pass. Used only with `Rules.timed`."""

    free: Doubles  # (K,) when each core becomes free
    done: Doubles  # (S,) when each slice has sent this step's spikes
    sent: Doubles  # (sources,) when a waiting neuron's message was sent
    delivery: Floats  # (sources,) when it reaches its last core


class Gradients(NamedTuple):
    """Gradients during the backward run, by slot unless stated."""

    G: Floats  # of the potential
    H: Floats  # of the synaptic current
    g_queue: Floats  # of the waiting spikes
    g_count: Floats  # of the spike counts
    dx: Floats  # of the currents of the following step
    dots: Floats  # (sources,) of the spikes that left
    back: Floats  # what reaches the silent neurons of one position


class State(NamedTuple):
    """Working memory of the current sample. A new sample finds each group as `new_state` made it, or overwrites it."""

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

"""Working memory of one thread: named tuples of arrays that kernels write, grouped by purpose.

The shape of an array is part of its type; `new_state` says how many of each name there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.arrays import Doubles, Floats, Integers, Longs, made
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.vector import BLOCK, LANES

EARLY = 64
"""The first forward steps of a pass, one bit of a word each."""

AT_ONCE = 8
"""Positions evaluated in a row before the neurons that fired in them are enqueued."""


class Cells(NamedTuple):
    """Neurons."""

    u: Annotated[Floats, "slots"]  # potential
    x: Annotated[Floats, "slots"]  # current arriving in this step; 0 after it
    alive: Annotated[Floats, "slots"]  # 1, or 0 while refractory
    j: Annotated[Floats, "slots"]  # synaptic current; only if the network has any
    fired: Annotated[Floats, "slots"]  # 1 if the neuron fired in this timestep and will be held; only if any is


class Arrivals(NamedTuple):
    """Messages that arrive in the next step; all 0 between passes."""

    mark: Annotated[Integers, "positions"]  # 0: nothing arrives; 1: a message; or TICKED or PARTLY, see `gates`
    touched: Annotated[Integers, "positions"]  # positions that are marked
    spikes: Annotated[Longs, "positions"]  # spikes arriving at each neuron of the position
    others: Annotated[Longs, "positions"]  # barrier messages, which gates count as well, minus spikes that they do not
    rows: Annotated[Integers, "sources"]  # rows of weights to be added
    single: Annotated[Floats, LANES]  # the factor of a single row


class Gates(NamedTuple):
    """Neurons that wait for messages before they may fire. Used only with `Rules.gated`."""

    received: Annotated[Longs, "positions"]  # messages received in this pass
    stimulated: Annotated[Integers, "positions"]  # whether a spike was among them
    evaluated: Annotated[Floats, "slots"]  # whether the neuron is evaluated in this step
    able: Annotated[Floats, "slots"]  # whether it may fire in this step
    senders: Annotated[Integers, "sources"]  # neurons that send a barrier message after this step


class Queue(NamedTuple):
    """Sources that wait and sources that leave."""

    spikes: Annotated[Integers, "sources"]  # waiting spikes; 0 between passes
    potential: Annotated[Floats, "sources"]  # potential when the threshold was exceeded
    enqueue_step: Annotated[Integers, "sources"]  # step in which the source began to wait
    waiting: Annotated[Integers, "sources and a vector"]  # sources that wait, in any order
    chosen: Annotated[Integers, "sources and a vector"]  # sources that leave in this step, in any order
    ordered: Annotated[Integers, "sources and a vector"]  # the same sources, sorted by layer
    kept: Annotated[Floats, "sources"]  # their spikes that are not lost, in the order of `ordered`
    layer_ends: Annotated[Longs, "layers and one"]  # where the sources of each layer end in `ordered`, inputs first
    passed: Annotated[Integers, "windows"]  # 1 if the window has passed a spike in this pass
    frame_left: Annotated[Floats, "inputs"]  # spikes of a waiting input
    frame_kept: Annotated[Floats, "inputs"]  # how many of them are not lost


class Ranking(NamedTuple):
    """The keys of what waits, in the order of `Queue.waiting`."""

    keys: Annotated[Integers, "sources and vectors"]
    equals: Annotated[Integers, "sources and vectors"]  # a second array of keys
    few: Annotated[Integers, 4 * LANES]  # the highest of them
    draw_keys: Annotated[NDArray[np.uint64], 2]  # of this step's draws for neurons and for inputs


class Fired(NamedTuple):
    """Spikes of this step."""

    tally: Annotated[Longs, 3]  # see `evaluation`
    spikes: Annotated[Longs, "layers"]  # of each layer in this sample
    charges: Annotated[Doubles, "layers"]  # their cost; only with `Rules.charged`
    sources: Annotated[Integers, "neurons"]  # the neurons that fired; only with `Rules.listed`
    emitted: Annotated[Integers, "neurons"]  # spikes of each of `sources`, if a neuron can emit several
    values: Annotated[Floats, "values"]  # potentials of the vectors just evaluated
    lanes: Annotated[Longs, "blocks"]  # bits of the neurons that fired in a block of `values`
    slots: Annotated[Longs, "blocks"]  # first slot of the block
    layers: Annotated[Longs, "blocks"]  # layer of the block
    counts: Annotated[Floats, "values"]  # spikes of each of these neurons, if one can emit several
    outputs: Annotated[Longs, "classes"]  # spikes of each output in this pass
    before: Annotated[Longs, "classes"]  # spikes of each output in earlier passes; only if a margin ends samples


class Early(NamedTuple):
    """What leaves in one of the first `EARLY` steps, by sender: source of the message table; all 0 between steps."""

    steps: Annotated[Longs, "senders"]  # steps of enqueueing, as bits; bit 0 for inputs
    neurons: Annotated[Integers, "early"]  # neurons or inputs, by source and step of enqueueing
    spikes: Annotated[Longs, "early"]  # indexed like `neurons`, as are the next two
    operations: Annotated[Longs, "early"]
    barriers: Annotated[Longs, "early"]


class CounterState(NamedTuple):
    """State of the counters between steps."""

    slice_sums: Annotated[Longs, "slices", 2]  # evaluations and spikes of this step
    heard: Annotated[Longs, "positions"]  # spike messages received in this pass
    heard_before: Annotated[Longs, "slots"]  # how many of them came before the neuron last fired
    met: Annotated[Integers, "positions"]  # whether all its neurons are counted as active
    active: Annotated[Integers, "slots"]  # whether the neuron is; only with `Rules.masked` or `Rules.truncates`
    found: Annotated[Longs, "slots"]  # active neurons of each run of slots
    outputs: Annotated[Longs, "classes"]  # output spikes of this pass counted so far
    early: Early
    sent: Annotated[Longs, "senders", 3]  # spikes, operations and barrier messages of this sample, by source
    evaluated: Annotated[Longs, "slices"]  # evaluations of this sample
    zeros: Annotated[Longs, "layers and one"]  # its operations over weights of 0, by layer of the source
    group_keys: Annotated[Longs, "sources and one"]  # keys of the rows under construction in the message table
    group_sums: Annotated[Longs, "sources and one", 4]  # and their sums


class Served(NamedTuple):
    """Times of a service model in this pass. Used only with `Rules.timed`."""

    free: Annotated[Doubles, "slices"]  # when each core becomes free
    done: Annotated[Doubles, "slices"]  # when each slice has sent this step's spikes
    sent: Annotated[Doubles, "sources"]  # when a waiting neuron's message was sent
    delivery: Annotated[Floats, "sources"]  # when it reaches its last core


class Late(NamedTuple):
    """Spikes on delayed connections. Used only with `Rules.delayed`; rows are timesteps modulo D + 1."""

    emitted: Annotated[Floats, "late slots"]  # (D + 1 rows) spikes of each neuron in this timestep and the D before it
    arriving: Annotated[Floats, "late sources"]  # spikes that arrive in this timestep, connection by connection
    messages: Annotated[Longs, "delayed connections"]  # how many arrive
    rows: Annotated[Integers, "late widest"]  # rows of weights of one connection
    spikes: Annotated[Floats, "late widest"]  # spikes that cross these rows
    dots: Annotated[Floats, "late widest"]  # their gradients
    back: Annotated[Floats, "late slots"]  # (D + 1 rows) gradient of the spikes of earlier timesteps
    own: Annotated[Floats, "delayed slots"]  # gradient that a spike has in any timestep


class UnderWay(NamedTuple):
    """Spikes on direct connections. Used only with `Rules.direct`; rows are steps modulo `Further.depth`."""

    clock: Annotated[Longs, 2]  # last step in which anything arrives; in the backward run, the current step
    count: Annotated[Longs, "direct rows"]  # number of sources that left in a step
    source: Annotated[Integers, "direct sources"]  # these sources
    kept: Annotated[Floats, "direct sources"]  # spikes that are not lost
    messages: Annotated[Integers, "direct sources"]  # spikes that left
    reached: Annotated[Longs, "partial slots"]  # spikes arriving in this step through taps to part of a position
    heard: Annotated[Longs, "partial slots"]  # such spikes in this pass
    stimulated: Annotated[Integers, "partial slots"]  # whether there were any in this pass
    dx: Annotated[Floats, "direct slots"]  # in the backward run, gradient of the currents of a step
    mark: Annotated[Integers, "direct positions"]  # whether the position is evaluated in the step
    evaluated: Annotated[Integers, "direct positions"]  # list of evaluated positions
    listed: Annotated[Longs, "direct rows"]  # length of this list


class Gradients(NamedTuple):
    """Gradients during the backward run."""

    G: Annotated[Floats, "slots"]  # of the potential
    H: Annotated[Floats, "slots"]  # of the synaptic current
    g_queue: Annotated[Floats, "slots"]  # of the waiting spikes
    g_count: Annotated[Floats, "slots"]  # of the spike counts
    dx: Annotated[Floats, "slots"]  # of the currents of the following step
    dots: Annotated[Floats, "sources"]  # of the spikes that left
    back: Annotated[Floats, "slots"]  # what reaches the silent neurons of one position


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


def new_state(layout: MemoryLayout, slices: int, further: Mapping[str, int]) -> State:
    """Working memory for one thread; `further` has the sizes of delayed and direct connections."""
    sources, layers = layout.sources, len(layout.shape.layers)
    blocks = AT_ONCE * -(-max(layout.widths) // BLOCK)
    sizes = {
        "slots": layout.slots,
        "positions": layout.positions,
        "sources": sources,
        "sources and one": sources + 1,
        "sources and a vector": sources + LANES,
        "sources and vectors": sources + 5 * LANES,
        "inputs": layout.shape.input_size,
        "neurons": layout.shape.neurons,
        "layers": layers,
        "layers and one": layers + 1,
        "classes": layout.shape.layers[-1].neurons,
        "windows": 0 if layout.max_pools is None else int(layout.max_pools.max()) + 1,
        "blocks": blocks,
        "values": blocks * BLOCK,
        "slices": slices,
        "senders": slices + 1,
        "early": (slices + 1) * EARLY,
    }
    state = made(State, {**sizes, **further})
    state.cells.alive[:] = 1
    return state

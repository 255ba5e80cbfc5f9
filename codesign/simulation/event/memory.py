"""What kernels read and write, as named tuples of arrays: parameters, rules, scratch, traces and counters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.layout import Layout, aligned_zeros
from codesign.simulation.event.vector import LANES
from codesign.simulation.recording import CONVERGENCE_STEPS, CURRENT_BINS

__all__ = [
    "EMITTED",
    "IDLE_ALL",
    "IDLE_NONE",
    "IDLE_SPARE",
    "MESSAGES",
    "POTENTIALS",
    "STATUS",
    "UPDATES",
    "WORDS",
    "Counters",
    "Input",
    "Parameters",
    "Rules",
    "Scratch",
    "Service",
    "Trace",
    "counters",
    "scratch",
    "trace",
]

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]


WORDS, POTENTIALS, MESSAGES, UPDATES, EMITTED, STATUS = range(6)
"""Places in `ends`: where a trace's two streams and two tables end, spikes of hidden neurons, how a run ended."""


IDLE_NONE, IDLE_ALL, IDLE_SPARE = range(3)
"""Values of `Rules.idle_gradient`."""


class Parameters(NamedTuple):
    """Numbers of a network, in slots where they belong to neurons.

    Attributes:
        weights, transposed: as `Layout.pack` and `Layout.pack_transposed` give them.
        threshold: U_thr; infinite where there is no neuron, or one that never fires.
        reset_by: what a spike takes off with `reset: subtract`.
        decay, bias: per timestep.
        gate: messages needed before a neuron may fire.
        open_at_once: positions with a neuron of gate 0, whose barrier message leaves in step 0.
        source_layer, source_core: (S,) float32 arguments of policies; 0 for inputs.
        source_slice: (S,) slice of each neuron among the execution's slices; 0 for inputs.
        low, high: between what potentials are held, with `Rules.saturates`.
        run_start, run_slice, run_count: neurons of a position by slice, as runs of slots: each position's first run,
            with the number of runs at the end, the slice of each run and its slots. With `Rules.tallied` only.
    """

    weights: Floats
    transposed: Floats
    threshold: Floats
    reset_by: Floats
    decay: Floats
    bias: Floats
    gate: Longs
    open_at_once: Integers
    source_layer: Floats
    source_core: Floats
    source_slice: Integers
    low: Floats
    high: Floats
    run_start: Integers
    run_slice: Integers
    run_count: Integers


class Rules(NamedTuple):
    """A schedule and a regularization as numbers; see `Schedule`, `Regularization` and `NeuronSpec`.

    `single_spikes` says that every source that leaves has one spike, and keeps it; `input_stride` is the
    distance of the rows of successive inputs, 0 where they are not evenly spaced; `saturates` that potentials have a
    range, `timed` that the policy sees times of a service model, `tallied` that evaluations and spikes are counted by
    slice, for these times or to be recorded.
    """

    inputs: int
    input_stride: int
    timesteps: int
    group_size: int
    on_output: bool
    steps_after_output: int
    queued: bool
    prioritize_input: bool
    gated: bool
    layer_gate: bool
    barrier_messages: bool
    refractory: bool
    subtract: bool
    saturates: bool
    leaks: bool
    biased: bool
    reads_potential: bool
    currents: bool
    single_spikes: bool
    input_dropout: np.float32
    network_dropout: np.float32
    refractory_dropout: np.float32
    noise: np.float32
    cores: np.float32
    policy: int
    draws: bool
    half_steepness: np.float32
    idle_gradient: int
    traced: bool
    recorded: bool
    timed: bool
    tallied: bool


class Service(NamedTuple):
    """A `ServiceModel` of S slices on K cores. Empty without `Rules.timed`.

    Attributes:
        message_s, emission_s: (S,) as there.
        longest_way_s: (S,) longest way from a slice to the next layer.
        route_s: (S + 1, S).
        core: (S,) core of each slice, from 0 to K − 1.
        layer_slices: (L + 1,) first slice of each layer.
        lanes: neurons evaluated at once; 0 for all.
        update_s: as there.
    """

    message_s: Doubles
    emission_s: Doubles
    longest_way_s: Doubles
    route_s: Doubles
    core: Integers
    layer_slices: Integers
    lanes: int
    update_s: float


class Input(NamedTuple):
    """A batch of events as `EventBatch` holds it, and (5,) uint64 keys of all draws, one a `Purpose`."""

    offsets: Longs
    indices: Integers
    values: Floats
    labels: Longs
    sample_ids: Longs
    purpose_keys: NDArray[np.uint64]


class Scratch(NamedTuple):
    """State of one sample under way. The first group is zero (`alive`: one) between passes."""

    x: Floats
    alive: Floats
    q: Integers
    mark: Integers
    spikes_in: Integers
    barriers_in: Integers
    u: Floats
    potential: Floats
    enqueue_step: Integers
    waiting: Integers
    chosen: Integers
    ordered: Integers
    kept: Floats
    rows: Integers
    drawn: Floats
    potentials: Floats
    steps: Floats
    deliveries: Floats
    keys: Integers
    equals: Integers
    touched: Integers
    bucket: Longs
    values: Floats
    frame_left: Floats
    frame_kept: Floats
    received: Integers
    stimulated: Integers
    barriers: Integers
    fired: Integers
    tally: Longs
    evaluated: Longs
    partly: Integers
    heard: Integers
    heard_before: Integers
    outputs: Integers
    G: Floats
    g_queue: Floats
    g_count: Floats
    dx: Floats
    dots: Floats
    back: Floats
    group_keys: Longs
    group_sums: Longs
    slice_sums: Longs
    met: Integers
    active: Integers
    free: Doubles
    done: Doubles
    sent: Doubles
    delivery: Floats


class Trace(NamedTuple):
    """What a backward sweep replays.

    Attributes:
        words: int32, for each forward step the sources chosen, positions evaluated and their numbers.
        words_as_float: the same memory as float32, for the spikes that left a chosen source.
        potentials: float32, one position's potentials after the other, as `evaluate` leaves them.
    """

    words: Integers
    words_as_float: Floats
    potentials: Floats


class Counters(NamedTuple):
    """Counters of a batch (rows of samples are disjoint) and growing tables of one chunk."""

    forward_steps: Longs
    steps_to_first: Longs
    spikes_to_first: Longs
    spikes_to_stop: Longs
    convergence: Longs
    operations: Longs
    active: Longs
    residual: Longs
    currents: Longs
    sample_currents: Longs
    messages: Longs
    updates: Longs


def scratch(layout: Layout, slices: int) -> Scratch:
    """Room for one thread."""
    slots, sources, positions = layout.slots, layout.sources, layout.positions
    inputs, layers = layout.shape.input_size, len(layout.shape.layers)

    def floats(count: int) -> Floats:
        return aligned_zeros(count)

    def integers(count: int) -> Integers:
        return np.zeros(count, dtype=np.int32)

    def longs(*shape: int) -> Longs:
        return np.zeros(shape, dtype=np.int64)

    alive = floats(slots)
    alive[:] = 1
    groups = sources + 1
    return Scratch(
        x=floats(slots),
        alive=alive,
        q=integers(sources),
        mark=integers(positions),
        spikes_in=integers(positions),
        barriers_in=integers(positions),
        u=floats(slots),
        potential=floats(sources),
        enqueue_step=integers(sources),
        waiting=integers(sources),
        chosen=integers(sources + 1),
        ordered=integers(sources + 1),
        kept=floats(sources),
        rows=integers(sources),
        drawn=floats(sources),
        potentials=floats(sources),
        steps=floats(sources),
        deliveries=floats(sources),
        keys=integers(sources + 5 * LANES),
        equals=integers(sources + 5 * LANES),
        touched=integers(positions),
        bucket=longs(layers + 3),
        values=floats(4 * LANES),
        frame_left=floats(inputs),
        frame_kept=floats(inputs),
        received=integers(positions),
        stimulated=integers(positions),
        barriers=integers(sources),
        fired=integers(layout.shape.neurons),
        tally=longs(3),
        evaluated=longs(positions),
        partly=integers(slots),
        heard=integers(positions),
        heard_before=integers(slots),
        outputs=integers(layout.shape.layers[-1].neurons),
        G=floats(slots),
        g_queue=floats(slots),
        g_count=floats(slots),
        dx=floats(slots),
        dots=floats(sources),
        back=floats(slots),
        group_keys=longs(groups),
        group_sums=longs(groups, 4),
        slice_sums=longs(slices, 2),
        met=integers(positions),
        active=integers(slots),
        free=np.zeros(slices),
        done=np.zeros(slices),
        sent=np.zeros(sources),
        delivery=floats(sources),
    )


def trace(words: int, potentials: int) -> Trace:
    """Room for at least that many words and potentials; pages are taken as they are written."""
    memory = np.empty(words, dtype=np.int32)
    raw = np.empty(potentials + LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return Trace(words=memory, words_as_float=memory.view(np.float32), potentials=raw[start : start + potentials])


def counters(samples: int, timesteps: int, classes: int, layers: int, slices: int, rows: int) -> Counters:
    """Zeroed counters of a batch with room for `rows` rows in each table; all empty for `samples` = 0."""

    def longs(*shape: int) -> Longs:
        return np.zeros(shape, dtype=np.int64)

    return Counters(
        forward_steps=longs(samples, timesteps),
        steps_to_first=longs(samples, timesteps) - 1,
        spikes_to_first=longs(samples, timesteps) - 1,
        spikes_to_stop=longs(samples, timesteps),
        convergence=longs(samples, CONVERGENCE_STEPS, classes),
        operations=longs(samples, layers),
        active=longs(samples, timesteps, slices),
        residual=longs(samples, slices),
        currents=longs(2, CURRENT_BINS),
        sample_currents=longs(2, CURRENT_BINS),
        messages=np.empty((rows, 9), dtype=np.int64),
        updates=np.empty((rows, 6), dtype=np.int64),
    )

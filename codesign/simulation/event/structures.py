"""The structures that kernels read and write: named tuples of arrays and numbers, grouped by purpose.

    process(task, first, last, network, rules, input, state, out)

`Network` says what is simulated, `Rules` how, and `Input` holds the batch. `State` (`working_memory`) is a thread's
working memory, and `Out` takes the results. `layout` defines slots, positions and sources.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.arrays import Doubles, Floats, Integers, Longs, made
from codesign.simulation.event.layout import Wiring
from codesign.simulation.event.neuron import NeuronSlots
from codesign.simulation.event.tables import Messages, Updates
from codesign.simulation.event.vector import LANES
from codesign.simulation.recording import CONVERGENCE_STEPS, CURRENT_BINS

WORDS, POTENTIALS, MESSAGES, UPDATES, STATUS = range(5)
"""Places in `Out.ends`: the ends of the trace's two streams and of the two tables, and how a run ended."""

IDLE_NONE, IDLE_ALL, IDLE_SPARE = range(3)
"""Values of `Rules.idle_gradient`."""


# what is simulated ---------------------------------------------------------------------------------------------------


class Service(NamedTuple):
    """A `ServiceModel` of S slices on K cores. Empty without `Rules.timed`."""

    message_s: Annotated[Doubles, "slices"]  # as in `ServiceModel`
    emission_s: Annotated[Doubles, "slices"]  # as in `ServiceModel`
    longest_way_s: Annotated[Doubles, "slices"]  # longest route from a slice to the next layer
    route_s: Annotated[Doubles, "slices and one", "slices"]  # as in `ServiceModel`
    core: Annotated[Integers, "slices"]  # core of each slice, from 0 to K − 1
    layer_slices: Annotated[Integers, "layers and one"]  # first slice of each layer
    lanes: int  # neurons evaluated at once; 0 for all
    update_s: float  # as in `ServiceModel`


class Slices(NamedTuple):
    """The slice of the execution that each neuron belongs to; all empty without `Rules.tallied`."""

    of_source: Integers  # (sources,) slice of each neuron; 0 for inputs
    layer: Integers  # (S,) layer of each slice
    slot_position: Integers  # (slots,) position of each slot
    run_start: Integers  # (positions + 1,) first run of each position; a run is adjacent slots of one slice
    run_slice: Integers  # (runs,) slice of each run
    run_count: Integers  # (runs,) slots of each run


class Further(NamedTuple):
    """C delayed or direct connections, with taps as in `Wiring`, connection by connection."""

    delay: Longs  # (C,) in timesteps; 0 for direct connections
    source: Longs  # (C,) layer of its sources, 0 for inputs, 1 + layer for neurons
    target: Longs  # (C,) layer
    detour: Longs  # (C,) forward steps beyond the one that every message takes
    first: Longs  # (C,) first source of that layer; of a delayed connection, whose sources are slots, its first slot
    begin: Longs  # (C + 1,) where its sources begin in the next three, with their end
    place: Integers  # index into `tap_start`; the last entry has no taps
    row: Integers  # where the source's rows begin in the weights
    fan_out: Integers  # synapses of the source
    tap_start: Integers
    tap_row: Integers
    tap_position: Integers
    tap_channel: Integers  # first channel of the position that a tap has a synapse to
    tap_channels: Integers  # number of such channels
    further: Longs  # (C,) distance of its sources in the message table from the layer's own
    leaves: Integers  # (L + 1,) whether a connection leaves the layer (0: the inputs)
    arrives: Integers  # (L,) whether one arrives at the layer
    depth: int  # rows of the ring of steps in `UnderWay`
    weights: Floats


class Network(NamedTuple):
    """The network under a schedule: its topology, and one value per slot for properties of neurons."""

    wiring: Wiring  # which source reaches which neurons
    neuron: NeuronSlots  # parameters of a neuron's step
    weights: Floats  # from `MemoryLayout.pack`
    transposed: Floats  # from `MemoryLayout.pack_transposed`; only for the idle rule `all`
    decay: Floats  # factor of the potential from one timestep to the next; only with `Rules.leaks`
    steps: Floats  # a decaying potential is truncated to multiples of this; only with `Rules.truncates`
    bias: Floats  # added once per timestep; only with `Rules.biased`
    gate: Longs  # messages needed before a neuron may fire; only with `Rules.gated`
    charge: Floats  # cost of a spike; only with `Rules.charged`
    open_at_once: Integers  # positions with a neuron of gate 0, whose barrier message leaves in step 0
    policy_layer: Floats  # (sources,) layer, as policies see it: 0 for inputs
    policy_core: Floats  # (sources,) core, as policies see it: 0 for inputs
    policy_score: Floats  # (sources,) result of the policy's `score`: 0 for inputs
    zeros: Integers  # (sources,) synapses to the next layer of weight 0; empty if there are none or nothing is counted
    slices: Slices
    service: Service
    delays: Further
    direct: Further


class Rules(NamedTuple):
    """Schedule, regularization and neuron as numbers; see `Schedule`, `Regularization` and `NeuronSpec`."""

    sections: Longs  # addresses of compiled code, from `sections.table`
    inputs: int  # number of inputs
    input_stride: int  # distance between the rows of successive inputs; 0 if they are not evenly spaced
    widest: int  # slots of the widest position
    timesteps: int
    group_size: int  # `Schedule.group_limit`
    on_output: bool
    steps_after_output: int
    margin: int  # lead of the first output over the second that ends a sample; 0 if none does
    margin_in_step: bool  # the margin is checked after every forward step
    queued: bool
    prioritize_input: bool
    gated: bool  # neurons wait for messages or send barrier messages
    layer_gate: bool  # neurons wait for their whole fan-in
    barrier_messages: bool
    announces: bool  # barrier messages are sent even in a timestep without events
    refractory: bool
    leaks: bool
    biased: bool
    truncates: bool
    reads_potential: bool
    currents: bool
    single_spikes: bool  # every source leaves with one spike, which is never dropped
    input_dropout: np.float32
    network_dropout: np.float32
    refractory_dropout: np.float32
    noise: np.float32  # λ of `momentum`
    cores: np.float32  # number of cores that policies see
    policy: int  # address of the policy's compiled loop
    draws: bool  # the policy needs uniform random numbers
    uniform: bool  # these numbers are themselves its priorities
    idle_gradient: int
    traced: bool  # a trace is kept for the backward run
    learns_threshold: bool
    learns_decay: bool
    keeps_found: bool  # the trace keeps the potentials at the start of each timestep; NaN for neurons to be held
    masked: bool  # a position may be evaluated in part
    first_step: int  # step in which layered inference evaluates the first layer
    recorded: bool  # counters are kept
    pools_first: bool  # a max-pool window passes one spike
    shared: bool  # only a share of a neuron's spikes may go on; the trace keeps the share
    timed: bool  # the policy sees the times of a service model
    charged: bool  # spikes have costs, which are summed
    spreads: bool  # spikes of some layer reach several positions
    delayed: bool  # there are delayed connections
    direct: bool  # there are direct connections
    partial: bool  # a direct connection reaches only part of a position
    listed: bool  # the neurons that fire in a step are listed
    tallied: bool  # evaluations and spikes are counted by slice, for `timed` or `recorded`


class Input(NamedTuple):
    """A batch of events as in `EventBatch`, and the values that input dropout keeps."""

    offsets: Longs
    indices: Integers
    values: Floats
    labels: Longs
    sample_ids: Longs
    purpose_keys: NDArray[np.uint64]  # key of all draws for each `Purpose`
    kept: Floats  # values after input dropout; `values` itself if there is none


# results -------------------------------------------------------------------------------------------------------------


class Trace(NamedTuple):
    """The record that a backward run replays."""

    words: Integers  # per forward step: positions evaluated, sources chosen, and how many of each
    words_as_float: Floats  # the same memory as float32, for the number of spikes that left each chosen source
    potentials: Floats  # those at the start of a timestep, if decays learn; then those of each evaluated position


def new_trace(words: int, potentials: int) -> Trace:
    """Room for at least that many words and potentials; the system assigns pages as they are written."""
    memory = np.empty(words, dtype=np.int32)
    raw = np.empty(potentials + LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return Trace(words=memory, words_as_float=memory.view(np.float32), potentials=raw[start : start + potentials])


class Counters(NamedTuple):
    """Counters of a batch, by their names in `Execution`: each sample's own row, then those of one chunk."""

    timesteps_run: Annotated[Longs, "samples"]
    forward_steps: Annotated[Longs, "samples", "timesteps"]
    contended_steps: Annotated[Longs, "samples", "timesteps"]
    steps_to_first_output: Annotated[Longs, "samples", "timesteps"]
    spikes_to_first_output: Annotated[Longs, "samples", "timesteps"]
    spikes_to_stop: Annotated[Longs, "samples", "timesteps"]
    convergence: Annotated[Longs, "samples", "settled", "classes"]
    synaptic_operations: Annotated[Longs, "samples", "layers"]
    zero_operations: Annotated[Longs, "samples", "layers"]  # those over weights of 0
    active: Annotated[Longs, "samples", "timesteps", "slices"]
    evaluations: Annotated[Longs, "samples", "layers"]
    propagated: Annotated[Longs, "samples", "layers"]
    barrier_messages: Annotated[Longs, "samples", "layers"]
    tick_evaluations: Annotated[Longs, "samples", "layers"]
    residual: Annotated[Longs, "samples", "slices"]
    currents: Annotated[Longs, 2, "bins"]
    sample_currents: Annotated[Longs, 2, "bins"]  # of the current sample, added to `currents` when it is done
    rows: Annotated[Longs, "samples", 2]  # where each sample's rows end in the two tables
    messages: Messages
    updates: Updates


def new_counters(samples: int, timesteps: int, classes: int, layers: int, slices: int) -> Counters:
    """Zeroed counters of a batch, with no room in the tables; all empty for `samples` = 0."""
    sizes = {"samples": samples, "timesteps": timesteps, "classes": classes, "layers": layers, "slices": slices}
    return made(Counters, {**sizes, "rows": 0, "bins": CURRENT_BINS, "settled": CONVERGENCE_STEPS})


class Criterion(NamedTuple):
    """The loss that LEARN minimizes; see `codesign.simulation.loss`."""

    weight: float  # of each sample in the loss
    temperature: float
    label_smoothing: float
    multipliers: Annotated[Doubles, "layers"]  # factor of a layer's charge; empty without costs
    floors: Annotated[Doubles, "layers"]  # charge below which a layer costs nothing


class Sums(NamedTuple):
    """Accumulated gradients of everything that learns."""

    weights: Annotated[Floats, "weights"]  # packed
    delayed: Annotated[Floats, "delayed weights"]  # packed weights of delayed connections
    direct: Annotated[Floats, "direct weights"]  # packed weights of direct connections
    bias: Annotated[Floats, "slots"]  # only with `Rules.biased`
    threshold: Annotated[Floats, "slots"]  # only with `Rules.learns_threshold`
    decay: Annotated[Floats, "slots"]  # only with `Rules.learns_decay`


class Learning(NamedTuple):
    """The loss and its gradients."""

    criterion: Criterion
    losses: Annotated[Doubles, "samples"]  # cross-entropies, written by LEARN
    output_gradient: Annotated[Floats, "samples", "readings", "classes"]  # written by LEARN, read by BACKWARD
    spike_gradient: Annotated[Floats, "samples", "layers"]  # of a layer's spikes, or empty; read by BACKWARD
    charge_gradient: Annotated[Floats, "samples", "layers"]  # of a layer's charge; written by LEARN, read by BACKWARD
    sums: Sums  # of the current chunk
    totals: Sums  # `sums` are added to these at the end of each chunk
    chunk_ends: Annotated[Longs, "chunks"]  # samples at which chunks end; empty if the caller adds the sums up


class Out(NamedTuple):
    """Where results are written."""

    scores: Floats  # (B, R, C) output spikes of each of R = T timesteps; or, R = 1, their sums or final potentials
    spikes: Doubles  # (B, L) emitted by each layer
    charges: Doubles  # (B, L) their cost; only with `Rules.charged`
    ends: Longs  # (5,) how far trace and tables are filled, on entry and on return
    sample_ends: Longs  # (B, 2) where each sample's trace ends; written by FORWARD, read by BACKWARD
    trace: Trace
    counters: Counters
    learning: Learning

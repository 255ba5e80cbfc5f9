"""What kernels read and write, as named tuples of arrays and numbers, each grouped by what it is for.

    process(task, first, last, network, rules, input, state, out)

`Network` is what is simulated, `Rules` how, `Input` the batch; `State` (`working_memory`) is what a thread
works in, and `Out` where results go. Slots, positions and sources are those of `layout`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.arrays import Doubles, Floats, Integers, Longs
from codesign.simulation.event.further import Delays, Direct
from codesign.simulation.event.layout import Wiring
from codesign.simulation.event.neuron import NeuronSlots
from codesign.simulation.event.tables import Messages, Updates

WORDS, POTENTIALS, MESSAGES, UPDATES, STATUS = range(5)
"""Places in `Out.ends`: ends of a trace's two streams and of two tables, and how a run ended."""

IDLE_NONE, IDLE_ALL, IDLE_SPARE = range(3)
"""Values of `Rules.idle_gradient`."""


# what is simulated ---------------------------------------------------------------------------------------------------


class Service(NamedTuple):
    """A `ServiceModel` of S slices on K cores. Empty without `Rules.timed`."""

    message_s: Doubles  # (S,) as there
    emission_s: Doubles  # (S,) as there
    longest_way_s: Doubles  # (S,) longest way from a slice to the next layer
    route_s: Doubles  # (S + 1, S) as there
    core: Integers  # (S,) core of each slice, from 0 to K − 1
    layer_slices: Integers  # (L + 1,) first slice of each layer
    lanes: int  # neurons evaluated at once; 0 for all
    update_s: float  # as there


class Slices(NamedTuple):
    """To which slice of the execution neurons belong; all empty without `Rules.tallied`."""

    of_source: Integers  # (sources,) slice of each neuron; 0 for inputs
    layer: Integers  # (S,) layer of each slice
    fan_out: Integers  # (S + 1,) synapses of each neuron, by source of the message table; empty if they differ in one
    slot_position: Integers  # (slots,) position of each slot
    run_start: Integers  # (positions + 1,) first run of each position: slots side by side that share a slice
    run_slice: Integers  # (runs,) slice of each run
    run_count: Integers  # (runs,) slots of each run


class Network(NamedTuple):
    """The network under a schedule: topology, and numbers in slots where they belong to neurons."""

    wiring: Wiring  # who reaches whom
    neuron: NeuronSlots  # what a step of a neuron needs
    weights: Floats  # as `MemoryLayout.pack` gives them
    transposed: Floats  # as `MemoryLayout.pack_transposed` does; only for the idle rule `all`
    decay: Floats  # factor of a potential from one timestep to the next; only where something leaks
    steps: Floats  # to whose multiples a potential is truncated as it decays; only where `Rules.truncates`
    bias: Floats  # added once a timestep; only where there is one
    gate: Longs  # messages needed before a neuron may fire; only where `Rules.gated`
    charge: Floats  # what a spike weighs; only where `Rules.charged`
    open_at_once: Integers  # positions with a neuron of gate 0, whose barrier message leaves in step 0
    policy_layer: Floats  # (sources,) layer, as policies see it: 0 for inputs
    policy_core: Floats  # (sources,) core, as policies see it: 0 for inputs
    policy_score: Floats  # (sources,) what the policy's `score` gives: 0 for inputs
    slices: Slices
    service: Service
    delays: Delays
    direct: Direct


class Rules(NamedTuple):
    """A schedule and a regularization as numbers; see `Schedule`, `Regularization` and `NeuronSpec`."""

    sections: Longs  # addresses of compiled code, as `sections.table` has them
    inputs: int  # number of inputs
    input_stride: int  # distance of the rows of successive inputs; 0 where they are not evenly spaced
    widest: int  # slots of the widest position
    timesteps: int
    group_size: int  # `Schedule.group_limit`
    on_output: bool
    steps_after_output: int
    margin: int  # by which the leading output ends a sample; 0 if none does
    margin_in_step: bool  # it does so after any forward step
    queued: bool
    prioritize_input: bool
    gated: bool  # neurons wait for messages or send barrier messages
    layer_gate: bool  # they wait for their fan-in
    barrier_messages: bool
    announces: bool  # barrier messages are sent even in a timestep without events
    refractory: bool
    leaks: bool
    biased: bool
    truncates: bool
    reads_potential: bool
    currents: bool
    single_spikes: bool  # every source that leaves has one spike, and keeps it
    input_dropout: np.float32
    network_dropout: np.float32
    refractory_dropout: np.float32
    noise: np.float32  # λ of `momentum`
    cores: np.float32  # how many cores policies see
    policy: int  # address of its compiled loop
    draws: bool  # the policy needs uniform numbers
    uniform: bool  # these numbers themselves are its priorities
    idle_gradient: int
    traced: bool  # a trace is kept for the backward run
    learns_threshold: bool
    learns_decay: bool
    keeps_found: bool  # the trace has the potentials that each timestep found, before its steps; NaN where it holds
    masked: bool  # a position may be evaluated in part
    first_step: int  # in which layered inference evaluates the first layer
    recorded: bool  # counters are kept
    pools_first: bool  # windows of max pools pass one spike
    shared: bool  # of the spikes that leave a neuron only a share may go on, which the trace has
    timed: bool  # the policy sees the times of a service model
    charged: bool  # spikes have weights, whose sums are wanted
    spreads: bool  # spikes of some layer reach several positions
    delayed: bool  # there are delayed connections
    direct: bool  # there are direct connections
    partial: bool  # one of them reaches a part of a position
    listed: bool  # who fires in a step is listed
    tallied: bool  # evaluations and spikes are counted by slice, for these times or to be recorded


class Input(NamedTuple):
    """A batch of events as `EventBatch` holds it, and what input dropout keeps of it."""

    offsets: Longs
    indices: Integers
    values: Floats
    labels: Longs
    sample_ids: Longs
    purpose_keys: NDArray[np.uint64]  # key of all draws for each `Purpose`
    kept: Floats  # values after input dropout; `values` themselves where there is none
    kept_by_sample: bool  # `kept` holds the entries of one sample at a time


# results -------------------------------------------------------------------------------------------------------------


class Trace(NamedTuple):
    """What a backward run replays."""

    words: Integers  # for each forward step the sources chosen, positions evaluated and their numbers
    words_as_float: Floats  # the same memory as float32, for the spikes that left a chosen source
    potentials: Floats  # those that a timestep found, if decays learn; then one position's after the other's


class Counters(NamedTuple):
    """Counters of a batch (rows of samples are disjoint), as `Execution` has them, and growing tables of one chunk."""

    timesteps_run: Longs
    forward_steps: Longs
    contended_steps: Longs
    steps_to_first: Longs
    spikes_to_first: Longs
    spikes_to_stop: Longs
    convergence: Longs
    operations: Longs
    active: Longs
    evaluations: Longs
    propagated: Longs
    barriers: Longs
    ticks: Longs
    residual: Longs
    currents: Longs
    sample_currents: Longs  # of the sample under way, added to `currents` when it is done
    rows: Longs  # (B, 2) where each sample's rows end in these two
    messages: Messages
    updates: Updates


class Criterion(NamedTuple):
    """What LEARN minimizes; see `codesign.simulation.loss`."""

    weight: float  # of each sample in the loss
    temperature: float
    label_smoothing: float
    multipliers: Doubles  # (L,) of a layer's charge; empty without costs
    floors: Doubles  # (L,) of it, below which it costs nothing


class Sums(NamedTuple):
    """Gradients of what learns, each added to."""

    weights: Floats  # packed
    delayed: Floats  # of packed weights of delayed connections
    direct: Floats  # of those of direct connections
    bias: Floats  # of slots; only with `Rules.biased`
    threshold: Floats  # of slots; only with `Rules.learns_threshold`
    decay: Floats  # of slots; only with `Rules.learns_decay`


class Learning(NamedTuple):
    """The loss, and gradients of it."""

    criterion: Criterion
    losses: Doubles  # (B,) cross-entropies, written by LEARN
    output_gradient: Floats  # (B, R, C) written by LEARN, read by BACKWARD
    spike_gradient: Floats  # (B, L) at the spikes of a layer, or empty; read by BACKWARD
    charge_gradient: Floats  # (B, L) at what they weigh; written by LEARN, read by BACKWARD
    sums: Sums  # of a chunk
    totals: Sums  # to which these are added where a chunk ends
    chunk_ends: Longs  # behind which samples; none if others add


class Out(NamedTuple):
    """Where results go."""

    scores: Floats  # (B, R, C) output spikes of each of R = T timesteps, or their sums or potentials, R = 1
    spikes: Doubles  # (B, L) emitted by each layer
    charges: Doubles  # (B, L) what these weigh; only where `Rules.charged`
    ends: Longs  # (5,) how far trace and tables are filled, before and after
    sample_ends: Longs  # (B, 2) where each sample's trace ends; written by FORWARD, read by BACKWARD
    trace: Trace
    counters: Counters
    learning: Learning

"""What kernels know of delayed and of direct connections, and their working memory for them; see `structures`."""

from __future__ import annotations

from typing import NamedTuple

from codesign.simulation.event.arrays import Floats, Integers, Longs


class Delays(NamedTuple):
    """Delayed connections, each from all slots of a layer, which stand side by side, to all of another."""

    delay: Longs  # (C,) in timesteps, as all down to `start`
    source_slot: Longs  # first slot of the layer
    source_width: Longs  # and how many there are
    target: Longs  # layer
    target_slot: Longs
    target_width: Longs
    begin: Longs  # where its sources begin in `Late.arriving`
    start: Longs  # where its weights begin, a row of target slots for each source slot
    weights: Floats


class Late(NamedTuple):
    """What goes over delayed connections. Used only where `Rules.delayed`; rows are timesteps modulo D + 1."""

    emitted: Floats  # (D + 1 rows of slots) spikes of each neuron in this timestep and in D before it
    arriving: Floats  # those that arrive in this one, of one connection after the other
    messages: Longs  # (C,) how many they are
    rows: Integers  # rows of weights of one connection
    spikes: Floats  # and spikes that cross them
    dots: Floats  # gradients at these
    back: Floats  # (D + 1 rows of slots) gradient at the spikes of timesteps before
    own: Floats  # (slots) gradient at the spikes of any timestep


class Direct(NamedTuple):
    """C direct connections, with taps as `Wiring` has them; those of sources of one connection after the other."""

    source: Longs  # (C,) layer of its sources, 0 for inputs, 1 + layer for neurons
    target: Longs  # (C,) layer
    detour: Longs  # (C,) forward steps beyond the one that every message takes
    first: Longs  # (C,) first source of that layer
    begin: Longs  # (C,) where its sources begin in the next three
    place: Integers  # index into `tap_start`; the last has none
    row: Integers  # where its rows begin among the weights
    fan_out: Integers  # synapses
    tap_start: Integers
    tap_row: Integers
    tap_position: Integers
    tap_channel: Integers  # first channel of the position that a tap has a synapse to
    tap_channels: Integers  # and how many
    further: Longs  # (C,) how far its sources in the message table are behind the layer's own
    leaves: Integers  # (L + 1,) whether a connection leaves such sources
    arrives: Integers  # (L,) whether one arrives at a layer
    depth: int  # rows of what is under way
    weights: Floats


class UnderWay(NamedTuple):
    """What goes over direct connections. Used only where `Rules.direct`; rows are steps modulo `Direct.depth`."""

    clock: Longs  # last step in which anything arrives; on the way back, the present step
    count: Longs  # (rows,) sources that left in a step
    source: Integers  # (rows of sources) which
    kept: Floats  # (rows of sources) spikes that are not lost
    messages: Integers  # (rows of sources) spikes that left
    reached: Longs  # (slots,) spikes that arrive in this step where taps reach a part of a position
    heard: Longs  # (slots,) those of this pass
    stimulated: Integers  # (slots,) whether there were any
    dx: Floats  # (rows of slots) on the way back, gradient at the currents of a step
    mark: Integers  # (rows of positions) which of them are evaluated in it
    evaluated: Integers  # (rows of positions) list of these
    listed: Longs  # (rows,) how many they are

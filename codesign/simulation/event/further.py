"""Delayed and direct connections as kernels see them, and the working memory for them; see `structures`."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from codesign.simulation.event.arrays import Floats, Integers, Longs


class Delays(NamedTuple):
    """C delayed connections, each from all slots of one layer, which are adjacent, to all slots of another."""

    delay: Longs  # (C,) in timesteps; all down to `start` have this shape
    source_slot: Longs  # first slot of the source layer
    source_width: Longs  # number of its slots
    target: Longs  # target layer
    target_slot: Longs
    target_width: Longs
    begin: Longs  # where its sources begin in `Late.arriving`
    start: Longs  # where its weights begin, a row of target slots for each source slot
    weights: Floats


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


class Direct(NamedTuple):
    """C direct connections, with taps as in `Wiring`, connection by connection."""

    source: Longs  # (C,) layer of its sources, 0 for inputs, 1 + layer for neurons
    target: Longs  # (C,) layer
    detour: Longs  # (C,) forward steps beyond the one that every message takes
    first: Longs  # (C,) first source of that layer
    begin: Longs  # (C,) where its sources begin in the next three
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


class UnderWay(NamedTuple):
    """Spikes on direct connections. Used only with `Rules.direct`; rows are steps modulo `Direct.depth`."""

    clock: Annotated[Longs, 2]  # last step in which anything arrives; in the backward run, the current step
    count: Annotated[Longs, "direct rows"]  # number of sources that left in a step
    source: Annotated[Integers, "direct sources"]  # these sources
    kept: Annotated[Floats, "direct sources"]  # spikes that are not lost
    messages: Annotated[Integers, "direct sources"]  # spikes that left
    reached: Annotated[
        Longs, "partial slots"
    ]  # spikes arriving in this step through taps that reach part of a position
    heard: Annotated[Longs, "partial slots"]  # such spikes in this pass
    stimulated: Annotated[Integers, "partial slots"]  # whether there were any in this pass
    dx: Annotated[Floats, "direct slots"]  # in the backward run, gradient of the currents of a step
    mark: Annotated[Integers, "direct positions"]  # whether the position is evaluated in the step
    evaluated: Annotated[Integers, "direct positions"]  # list of evaluated positions
    listed: Annotated[Longs, "direct rows"]  # length of this list

"""Memory layout of delayed and direct connections: one row of weights per tap of a source, as wide as a position of the
target.

A tap reaches all channels of one position, or only some if the connection's groups differ from the target's own (an
identity reaches one channel). Its row then has zeros for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from codesign.network.connection import FurtherConnection
from codesign.network.layers import Linear
from codesign.network.skips_and_delays import DelayedShape, DirectShape
from codesign.simulation.event.arrays import NO_LONGS, Floats, Integers, Longs, aligned_zeros, integers, longs
from codesign.simulation.event.layout import MemoryLayout, check_places
from codesign.simulation.event.structures import Further
from codesign.simulation.event.vector import LANES
from codesign.simulation.execution import Slice
from codesign.simulation.late_messages import distances_of_direct


@dataclass(frozen=True, kw_only=True)
class _Place:
    """One connection, everything counted from its own first: place and row of each source, or of each slot of a delayed
    connection's source; number of taps of each place; row, position, first channel and number of channels of each tap;
    size of all rows; place of each weight."""

    place: Longs
    row: Longs
    counts: Longs
    taps: tuple[Longs, ...]
    size: int
    index: Longs


class FurtherLayout:
    """All delayed or all direct connections of a network; holds no weights.

    Raises:
        InputError: they have more weights or taps than an int32 can index.
    """

    def __init__(self, kind: str, connections: Sequence[FurtherConnection], layout: MemoryLayout) -> None:
        self.layout, self.connections, self.shapes = layout, connections, [one.shape for one in connections]
        self._places = [_place(one, layout) for one in self.connections]
        self._starts = np.cumsum([0, *(one.size for one in self._places)]).tolist()
        self.weights = self._starts[-1]
        taps = sum(len(one.taps[0]) for one in self._places)
        check_places(
            {f"weights of {kind} connections, padded to vectors,": self.weights, f"taps of {kind} connections": taps}
        )

    @cached_property
    def partial(self) -> bool:
        """Whether some tap reaches only part of a position."""
        channels = self.layout.channels
        shapes = zip(self._places, self.shapes, strict=True)
        return any(bool((one.taps[3] < channels[shape.target]).any()) for one, shape in shapes)

    def tables(self, connections: Sequence[FurtherConnection], slices: tuple[Slice, ...]) -> Further:
        """The connections, which may be others of the same shapes by now, in the form that kernels take."""
        if not connections:
            return self._tables
        packed = aligned_zeros(self.weights)
        for connection, place, start in zip(connections, self._places, self._starts, strict=False):
            weight = connection.weight.detach().numpy().reshape(-1) * np.float32(connection.scale)
            packed[start + place.index] = weight
        further = distances_of_direct(self.layout.shape, slices)
        return self._tables._replace(further=longs(further), weights=packed)

    @cached_property
    def _tables(self) -> Further:
        """Everything that does not differ between runs."""
        shapes, layers = self.shapes, len(self.layout.shape.layers)
        known = np.cumsum([0, *(len(one.counts) for one in self._places)])
        taps = [np.concatenate([*column, NO_LONGS]) for column in zip(*(one.taps for one in self._places), strict=True)]
        taps = taps or [NO_LONGS] * 4
        leaves, arrives = np.zeros(layers + 1, dtype=np.int64), np.zeros(layers, dtype=np.int64)
        leaves[[one.source + 1 for one in shapes]] = arrives[[one.target for one in shapes]] = 1
        last = known[-1]  # it has no taps
        return Further(
            delay=longs([one.delay for one in shapes]),
            source=longs([one.source + 1 for one in shapes]),
            target=longs([one.target for one in shapes]),
            detour=longs([one.detour for one in shapes]),
            first=longs([self._first(one) for one in shapes]),
            begin=longs(np.cumsum([0, *(len(one.place) for one in self._places)])),
            place=_joined(
                [np.where(one.place < 0, last, at + one.place) for one, at in zip(self._places, known, strict=False)]
            ),
            row=_joined([start + one.row for one, start in zip(self._places, self._starts, strict=False)]),
            fan_out=_joined([one.fan_out().numpy() for one in self.connections]),
            tap_start=_joined([np.cumsum([0, *(n for one in self._places for n in one.counts), 0])]),
            tap_row=_joined([taps[0]]),
            tap_position=_joined([taps[1]]),
            tap_channel=_joined([taps[2]]),
            tap_channels=_joined([taps[3]]),
            further=NO_LONGS,
            leaves=_joined([leaves]),
            arrives=_joined([arrives]),
            depth=self._depth,
            weights=aligned_zeros(0),
        )

    def _first(self, one: DelayedShape | DirectShape) -> int:
        """`Further.first` of a connection."""
        if one.delay:
            return int(_slots_of(self.layout, one.source).start)
        return 0 if one.source < 0 else self.layout.shape.input_size + self.layout.shape.starts[one.source]

    @property
    def _depth(self) -> int:
        return 1 + max((one.detour for one in self.shapes), default=0)

    def unpack_gradient(self, gradient: Floats) -> list[torch.Tensor]:
        """Gradients of packed weights in the shapes of the network's weights."""
        found = []
        for connection, place, start in zip(self.connections, self._places, self._starts, strict=False):
            own = gradient[start + place.index] * np.float32(connection.scale)
            found.append(torch.from_numpy(own.reshape(connection.weight.shape)))
        return found

    def sizes(self) -> dict[str, int]:
        """Of the arrays of `Late`, for delayed connections."""
        slots, widths = self.layout.slots if self.connections else 0, [len(one.place) for one in self._places]
        return {
            "delayed connections": len(widths),
            "delayed slots": slots,
            "late slots": slots * (1 + max((one.delay for one in self.shapes), default=0)),
            "late sources": sum(widths),
            "late widest": max(widths, default=LANES),
        }

    def ring_sizes(self) -> dict[str, int]:
        """Of the arrays of `UnderWay`, for direct connections."""
        rows, layout = self._depth if self.connections else 0, self.layout
        return {
            "direct rows": rows,
            "direct sources": rows * layout.sources,
            "direct slots": rows * layout.slots,
            "direct positions": rows * layout.positions,
            "partial slots": layout.slots if self.connections and self.partial else 0,
        }


def _joined(parts: list[Longs]) -> Integers:
    return integers(np.concatenate([*parts, NO_LONGS]))


def _slots_of(layout: MemoryLayout, layer: int) -> slice:
    """The slots of a layer's neurons, which are adjacent."""
    first, end = layout.layer_positions[layer : layer + 2]
    slot = int(layout.wiring.position_slot[first])
    return slice(slot, slot + int(end - first) * layout.widths[layer])


def _place(connection: FurtherConnection, layout: MemoryLayout) -> _Place:
    window, target = connection.window, connection.shape.target
    width, channels = layout.widths[target], layout.channels[target]
    grid, first = layout.shape.layers[target], int(layout.layer_positions[target])
    held = window.held()
    if connection.shape.delay:
        layer = connection.shape.source
        source = layout.wiring.slot_source[_slots_of(layout, layer)]
        neuron = source - (layout.shape.input_size + layout.shape.starts[layer])
        held = np.where(neuron < 0, len(held), held[np.maximum(neuron, 0)])  # slots without a neuron have rows of zeros
    if isinstance(connection.target, Linear):
        return _every(held, connection, (width, channels, grid.height * grid.width, first))
    size = grid.height * grid.width
    places, taps = window.rows.places * window.columns.places, window.rows.kernel * window.columns.kernel
    out, into = window.out_channels // window.groups, window.channels // window.groups
    groups = np.arange(window.groups)
    lowest = groups * out // channels  # the first group of the target that each group of the connection reaches
    reached = ((groups + 1) * out - 1) // channels - lowest + 1
    most = int(reached.max())
    channel, place = np.divmod(held, places)
    ways, tap, to = window.ways()
    counts, tap_row, tap_position, tap_channel, tap_channels = [], [], [], [], []
    of_place = np.bincount(ways, minlength=places)
    for group in groups:
        own = np.arange(reached[group])
        theirs = lowest[group] + own
        begin = np.maximum(group * out - theirs * channels, 0)
        end = np.minimum((group + 1) * out - theirs * channels, channels)
        counts.append(of_place * len(own))
        tap_row.append((own * taps + tap[:, None]).ravel() * width)
        tap_position.append((first + theirs * size + to[:, None]).ravel())
        tap_channel.append(np.tile(begin, len(tap)))
        tap_channels.append(np.tile(end - begin, len(tap)))
    o, c, k = (axis.ravel() for axis in np.indices((window.out_channels, into, taps)))
    group = o // out
    row = ((group * into + c) * most + o // channels - lowest[group]) * taps + k
    return _Place(
        place=np.where(held < 0, -1, channel // into * places + place),
        row=np.maximum(channel, 0) * most * taps * width,
        counts=np.concatenate(counts),
        taps=tuple(np.concatenate(column) for column in (tap_row, tap_position, tap_channel, tap_channels)),
        size=window.channels * most * taps * width,
        index=row * width + o % channels,
    )


def _every(held: Longs, connection: FurtherConnection, target: tuple[int, int, int, int]) -> _Place:
    """A connection from every place of the source to all positions of the target."""
    width, channels, size, first = target
    neurons, columns = connection.weight.shape
    positions = neurons // channels
    each = np.arange(positions)
    i, h = (axis.ravel() for axis in np.indices((neurons, columns)))
    channel, place = np.divmod(i, size)
    row = h * positions + channel // channels * size + place
    return _Place(
        place=np.where(held < 0, -1, 0),
        row=np.maximum(held, 0) * positions * width,
        counts=longs([positions]),
        taps=(each * width, first + each, np.zeros_like(each), np.full_like(each, channels)),
        size=(columns + 1) * positions * width,
        index=row * width + channel % channels,
    )

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
from codesign.simulation.further_messages import distances_of_direct


@dataclass(frozen=True, kw_only=True)
class _Packing:
    """One connection, everything counted from its own first.

    Attributes:
        place, row: of each source, or of each slot of a delayed connection's source.
        counts: number of taps of each place.
        taps: row, position, first channel and number of channels of each tap.
        size: of all rows.
        index: where each weight is packed.
    """

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
        self.layout, self.connections, self.shapes = layout, connections, [each.shape for each in connections]
        self._packings = [_packing(connection, layout) for connection in self.connections]
        self._starts = np.cumsum([0, *(packing.size for packing in self._packings)]).tolist()
        self.weights = self._starts[-1]
        taps = sum(len(packing.taps[0]) for packing in self._packings)
        check_places(
            {f"weights of {kind} connections, padded to vectors,": self.weights, f"taps of {kind} connections": taps}
        )

    @cached_property
    def partial(self) -> bool:
        """Whether some tap reaches only part of a position."""
        channels = self.layout.channels
        shapes = zip(self._packings, self.shapes, strict=True)
        return any(bool((packing.taps[3] < channels[shape.target]).any()) for packing, shape in shapes)

    def tables(self, connections: Sequence[FurtherConnection], slices: tuple[Slice, ...]) -> Further:
        """The connections, which may be others of the same shapes by now, in the form that kernels take."""
        if not connections:
            return self._tables
        packed = aligned_zeros(self.weights)
        for connection, packing, start in zip(connections, self._packings, self._starts, strict=False):
            weight = connection.weight.detach().numpy().reshape(-1) * np.float32(connection.scale)
            packed[start + packing.index] = weight
        further = distances_of_direct(self.layout.shape, slices)
        return self._tables._replace(further=longs(further), weights=packed)

    @cached_property
    def _tables(self) -> Further:
        """Everything that does not differ between runs."""
        shapes, packings, layers = self.shapes, self._packings, len(self.layout.shape.layers)
        starts = np.cumsum([0, *(len(packing.counts) for packing in packings)])
        columns = zip(*(packing.taps for packing in packings), strict=True)
        taps = [np.concatenate(column) for column in columns] or [NO_LONGS] * 4
        leaves, arrives = np.zeros(layers + 1, dtype=np.int64), np.zeros(layers, dtype=np.int64)
        leaves[[shape.source + 1 for shape in shapes]] = arrives[[shape.target for shape in shapes]] = 1
        untapped = starts[-1]
        places = [
            np.where(packing.place < 0, untapped, start + packing.place)
            for packing, start in zip(packings, starts, strict=False)
        ]
        return Further(
            delay=longs([shape.delay for shape in shapes]),
            source=longs([shape.source + 1 for shape in shapes]),
            target=longs([shape.target for shape in shapes]),
            detour=longs([shape.detour for shape in shapes]),
            first=longs([self._first(shape) for shape in shapes]),
            begin=longs(np.cumsum([0, *(len(packing.place) for packing in packings)])),
            place=_joined(places),
            row=_joined([start + packing.row for packing, start in zip(packings, self._starts, strict=False)]),
            fan_out=_joined([connection.fan_out().numpy() for connection in self.connections]),
            tap_start=_joined([np.cumsum([0, *(count for packing in packings for count in packing.counts), 0])]),
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

    def _first(self, shape: DelayedShape | DirectShape) -> int:
        """`Further.first` of a connection."""
        if shape.delay:
            return int(_slots_of(self.layout, shape.source).start)
        return 0 if shape.source < 0 else self.layout.shape.input_size + self.layout.shape.starts[shape.source]

    @property
    def _depth(self) -> int:
        return 1 + max((shape.detour for shape in self.shapes), default=0)

    def unpack_gradient(self, gradient: Floats) -> list[torch.Tensor]:
        """Gradients of packed weights in the shapes of the network's weights."""
        gradients = []
        for connection, packing, start in zip(self.connections, self._packings, self._starts, strict=False):
            own = gradient[start + packing.index] * np.float32(connection.scale)
            gradients.append(torch.from_numpy(own.reshape(connection.weight.shape)))
        return gradients

    def sizes(self) -> dict[str, int]:
        """Of the arrays of `Late`, for delayed connections."""
        slots, widths = self.layout.slots if self.connections else 0, [len(packing.place) for packing in self._packings]
        return {
            "delayed connections": len(widths),
            "delayed slots": slots,
            "late slots": slots * (1 + max((shape.delay for shape in self.shapes), default=0)),
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


def _packing(connection: FurtherConnection, layout: MemoryLayout) -> _Packing:
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
    return _Packing(
        place=np.where(held < 0, -1, channel // into * places + place),
        row=np.maximum(channel, 0) * most * taps * width,
        counts=np.concatenate(counts),
        taps=tuple(np.concatenate(column) for column in (tap_row, tap_position, tap_channel, tap_channels)),
        size=window.channels * most * taps * width,
        index=row * width + o % channels,
    )


def _every(held: Longs, connection: FurtherConnection, target: tuple[int, int, int, int]) -> _Packing:
    """A connection from every place of the source to all positions of the target."""
    width, channels, size, first = target
    neurons, columns = connection.weight.shape
    positions = neurons // channels
    each = np.arange(positions)
    i, h = (axis.ravel() for axis in np.indices((neurons, columns)))
    channel, place = np.divmod(i, size)
    row = h * positions + channel // channels * size + place
    return _Packing(
        place=np.where(held < 0, -1, 0),
        row=np.maximum(held, 0) * positions * width,
        counts=longs([positions]),
        taps=(each * width, first + each, np.zeros_like(each), np.full_like(each, channels)),
        size=(columns + 1) * positions * width,
        index=row * width + channel % channels,
    )

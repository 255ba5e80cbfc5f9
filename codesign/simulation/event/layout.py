"""The memory layout of a network for the kernels.

Neurons at the same place of their layer's grid and in the same group of channels form a *position*. Its channels are
adjacent *slots*, padded to whole vectors. A fully connected layer is one position. A *source* is an input or a neuron;
inputs are numbered first, then neurons in the network's order. Every connection, with its pools folded in, reduces to
one operation: a spike of a source adds one row of weights to each of a few positions. These (row, position) pairs,
called *taps*, are the same for all channels of a group at the source's place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from codesign.errors import InputError
from codesign.network.connection import Connection
from codesign.network.layers import Linear
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.window import Window
from codesign.simulation.event.arrays import Floats, Integers, Longs, aligned_zeros, integers
from codesign.simulation.event.vector import LANES

MOST_SOURCES = 1 << 24
"""Most inputs and neurons: as many as fit into the key by which waiting neurons are ordered."""
MOST_PLACES = (1 << 31) - 1
"""Most packed weights and most taps: as many as an int32 can index."""


class Wiring(NamedTuple):
    """The topology as kernels see it: L layers, P positions, S sources (inputs, then neurons).

    Attributes:
        layer_positions: (L + 1,) first position of each layer.
        layer_width: (L,) slots of a position of the layer, a multiple of `LANES`.
        layer_channels: (L,) neurons of a position.
        single: (L,) whether the layer is one position that every spike of every source reaches over exactly one tap.
        position_slot: (P,) first slot of each position.
        position_layer: (P,) layer of each position.
        slot_source: (slots,) source of the neuron in the slot, −1 for padding.
        source_slot: (S,) slot of a neuron; −1 for inputs.
        source_layer: (S,) 0 for inputs, 1 + layer for neurons.
        source_position: (S,) index into `tap_start`; output neurons have none and hold the last entry, without taps.
        source_row: (S,) where the rows of the source's channel begin in the packed weights.
        single_row: (S,) where its only row begins, if its target layer is `single`.
        fan_out: (S,) synapses of the source.
        tap_start: first tap of each source position, with the number of taps at the end.
        tap_row: offset of the tap's row from `source_row`.
        tap_position: position that the tap reaches.
        source_window: (S,) the max-pool window that contains the source, −1 if none; empty without max pools.
        transposed_start: (L,) where the transposed weights into the layer begin, −1 if there are none.
    """

    layer_positions: Integers
    layer_width: Integers
    layer_channels: Integers
    single: Integers
    position_slot: Integers
    position_layer: Integers
    slot_source: Integers
    source_slot: Integers
    source_layer: Integers
    source_position: Integers
    source_row: Integers
    single_row: Integers
    fan_out: Integers
    tap_start: Integers
    tap_row: Integers
    tap_position: Integers
    source_window: Integers
    transposed_start: Integers


def check_places(counts: dict[str, int]) -> None:
    """Check that each of these counts, by name, can be indexed by an int32. Raises InputError."""
    for what, count in counts.items():
        if count > MOST_PLACES:
            raise InputError(f"networks of more than {MOST_PLACES} {what} are not supported, found {count}")


@dataclass(frozen=True)
class _Packed:
    """Where one connection's weights are packed: per group `rows` rows of `width` numbers, of which `channels` are
    used.

    Attributes:
        shape: shape of the connection's own weight.
        scale: factor from average pools.
    """

    start: int
    groups: int
    rows: int
    width: int
    channels: int
    shape: tuple[int, ...]
    scale: float

    @property
    def end(self) -> int:
        return self.start + self.groups * self.rows * self.width

    def of(self, weights: Floats) -> Floats:
        """(groups, rows, channels) view of the connection's part of the packed weights."""
        return weights[self.start : self.end].reshape(self.groups, self.rows, self.width)[..., : self.channels]

    def put(self, weight: Floats, into: Floats) -> None:
        """Write a connection's weight, scaled, to its place in the packed weights."""
        place = self.of(into)
        place[:] = weight.reshape(self.groups, self.channels, self.rows).transpose(0, 2, 1)
        if self.scale != 1:
            place *= np.float32(self.scale)

    def take(self, gradients: Floats) -> Floats:
        """The gradient of a connection's weight, from its place in the packed gradients."""
        gradient = self.of(gradients).transpose(0, 2, 1).copy()
        if self.scale != 1:
            gradient *= np.float32(self.scale)
        return gradient.reshape(self.shape)


class MemoryLayout:
    """The layout of a network's topology; holds no weights.

    Raises:
        InputError: the network has more than 2²⁴ inputs and neurons, or more weights or taps than an int32 can index.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        shape = network.shape
        self.shape = shape
        self.sources = shape.input_size + shape.neurons
        if self.sources > MOST_SOURCES:
            raise InputError(f"networks of more than {MOST_SOURCES} neurons and inputs are not supported")
        self.connections: list[Connection] = network.layer_connections()
        windows = self.windows = [connection.window for connection in self.connections]
        self.channels = [window.out_channels // window.groups for window in windows]  # of a position
        self.widths = [-(-channels // LANES) * LANES for channels in self.channels]  # padded to vectors
        self.packed: list[_Packed] = []
        self.weights = 0
        for connection, width, channels in zip(self.connections, self.widths, self.channels, strict=True):
            groups, rows = connection.window.groups, math.prod(connection.window.weight_shape[1:])
            place = self.weights, groups, rows, width, channels
            self.packed.append(_Packed(*place, tuple(connection.weight.shape), connection.scale))
            self.weights = self.packed[-1].end
        self.max_pools = network.max_pools()
        self.layer_positions = np.cumsum([0, *(window.positions for window in windows)])
        taps = sum(window.groups * window.taps for window in self.windows)
        check_places({"weights, padded to vectors,": self.weights, "taps of convolutions": taps})

    @cached_property
    def wiring(self) -> Wiring:
        shape, inputs = self.shape, self.shape.input_size
        layers = len(shape.layers)
        places, layer_positions = [window.positions for window in self.windows], self.layer_positions
        slots_before = np.cumsum([0, *(p * w for p, w in zip(places, self.widths, strict=True))])
        position_layer = np.repeat(np.arange(layers), places)
        position_slot = np.concatenate(
            [before + np.arange(p) * w for before, p, w in zip(slots_before, places, self.widths, strict=False)]
        )
        source_slot = np.full(self.sources, -1)
        for layer, (form, start) in enumerate(zip(shape.layers, shape.starts, strict=False)):
            channel, place = np.divmod(np.arange(form.neurons), form.height * form.width)
            group, channel = np.divmod(channel, self.channels[layer])
            slots = position_slot[layer_positions[layer] + group * form.height * form.width + place] + channel
            source_slot[inputs + start : inputs + start + form.neurons] = slots
        slot_source = np.full(slots_before[-1], -1)
        slot_source[source_slot[inputs:]] = np.arange(inputs, self.sources)
        source_layer = np.repeat(np.arange(layers + 1), [inputs, *shape.layer_sizes])

        position, row, (tap_start, tap_row, tap_position) = self._tables()
        taps = tap_start[position + 1] - tap_start[position]
        channels = np.array([*self.channels, 0])
        single = [
            window.positions == 1 and not window.first and bool((taps[source_layer == layer] == 1).all())
            for layer, window in enumerate(self.windows)
        ]
        return Wiring(
            layer_positions=integers(layer_positions),
            layer_width=integers(self.widths),
            layer_channels=integers(channels[:-1]),
            single=integers(single),
            position_slot=integers(position_slot),
            position_layer=integers(position_layer),
            slot_source=integers(slot_source),
            source_slot=integers(source_slot),
            source_layer=integers(source_layer),
            source_position=integers(position),
            source_row=integers(row),
            single_row=integers(row + np.append(tap_row, 0)[tap_start[position]]),
            fan_out=integers(taps * channels[source_layer]),
            tap_start=integers(tap_start),
            tap_row=integers(tap_row),
            tap_position=integers(tap_position),
            source_window=integers(self._source_windows()),
            transposed_start=integers(self._transposed_starts[:-1]),
        )

    def _tables(self) -> tuple[Longs, Longs, tuple[Longs, ...]]:
        """`source_position` and `source_row`, and `tap_start`, `tap_row` and `tap_position`."""
        position, row, counts, tap_row, tap_position = [], [], [], [], []
        known = 0  # source positions of the layers before
        for window, packed, first in zip(self.windows, self.packed, self.layer_positions, strict=False):
            place, rows = _sources(window, packed.width)
            position.append(np.where(place < 0, -1, known + place))
            row.append(packed.start + rows)
            of_places, rows, positions = _taps(window, packed.width)
            counts.append(of_places)
            tap_row.append(rows)
            tap_position.append(first + positions)
            known += len(of_places)
        without = np.full(self.shape.layers[-1].neurons, -1)  # output neurons
        all_positions = np.concatenate([*position, without])
        all_positions[all_positions < 0] = known  # the last one has no taps
        tables = np.cumsum([0, *np.concatenate(counts), 0]), np.concatenate(tap_row), np.concatenate(tap_position)
        return all_positions, np.concatenate([*row, np.zeros_like(without)]), tables

    @cached_property
    def input_stride(self) -> int:
        """Distance between the rows of successive inputs in the packed weights; 0 if they are not evenly spaced."""
        rows, width = self.wiring.single_row[: self.shape.input_size], self.widths[0]
        even = bool(self.wiring.single[0]) and np.array_equal(rows, np.arange(len(rows)) * width)
        return width if even else 0

    @cached_property
    def slot_position(self) -> Integers:
        """(slots,) position that each slot belongs to."""
        widths = self.wiring.layer_width[self.wiring.position_layer]
        return integers(np.repeat(np.arange(len(widths)), widths))

    @cached_property
    def slots(self) -> int:
        return sum(window.positions * width for window, width in zip(self.windows, self.widths, strict=True))

    @cached_property
    def positions(self) -> int:
        return sum(window.positions for window in self.windows)

    def _source_windows(self) -> Longs:
        if self.max_pools is None:
            return np.zeros(0, dtype=np.int64)
        return np.concatenate([np.full(self.shape.input_size, -1), self.max_pools.numpy(force=True)])

    @cached_property
    def _transposed_starts(self) -> list[int]:
        """`Wiring.transposed_start`, followed by the end of the last: only between fully connected layers of one
        position, for which the idle rule is a plain matrix product."""
        starts, at = [], 0
        for layer, connection in enumerate(self.connections):
            use = layer > 0 and isinstance(connection.target, Linear) and self.windows[layer - 1].positions == 1
            use &= not connection.window.first
            starts.append(at if use else -1)
            at += self.widths[layer] * self.widths[layer - 1] if use else 0
        return [*starts, at]

    # weights and other numbers of a network -----------------------------------------------------------------------

    def pack(self, weights: list[torch.Tensor], into: Floats | None = None) -> Floats:
        """All weights, one row per source channel and tap, with the factors of average pools multiplied in.

        Args:
            into: an earlier result to overwrite.
        """
        result = aligned_zeros(self.weights) if into is None else into
        for weight, packed in zip(weights, self.packed, strict=True):
            packed.put(weight.detach().numpy(), result)
        return result

    def pack_transposed(self, packed: Floats, into: Floats | None = None) -> Floats:
        """Packed weights transposed at `Wiring.transposed_start`: one row per target slot, one column per source slot.

        Args:
            into: an earlier result to overwrite.
        """
        *starts, size = self._transposed_starts
        result = aligned_zeros(size) if into is None else into
        for layer, start in enumerate(starts):
            if start >= 0:
                weight = self.packed[layer].of(packed)[0]
                to, of = self.widths[layer], self.widths[layer - 1]
                result[start : start + to * of].reshape(to, of)[: weight.shape[1], : weight.shape[0]] = weight.T
        return result

    def unpack_gradient(self, gradient: Floats) -> list[torch.Tensor]:
        """Gradients of packed weights in the shapes of the network's weights."""
        return [torch.from_numpy(packed.take(gradient)) for packed in self.packed]

    def spread(self, values: torch.Tensor, padding: float) -> Floats:
        """Scatter (N,) numbers of neurons into slots."""
        result = aligned_zeros(self.slots)
        result[:] = padding
        result[self.wiring.source_slot[self.shape.input_size :]] = values.detach().to(torch.float32).numpy(force=True)
        return result

    def gather(self, slots: Floats) -> torch.Tensor:
        """Gather (N,) numbers of neurons from slots."""
        return torch.from_numpy(slots[self.wiring.source_slot[self.shape.input_size :]])


def _sources(window: Window, row_width: int) -> tuple[Longs, Longs]:
    """(inputs,) source position of each neuron, −1 if no pool window contains it, and where its rows begin."""
    channels, rows, columns = window.pooled
    held = window.held()
    channel, place = np.divmod(held, rows * columns)
    position = channel // (channels // window.groups) * rows * columns + place
    taps = math.prod(window.weight_shape[2:])
    return np.where(held < 0, -1, position), np.maximum(channel, 0) * taps * row_width


def _taps(window: Window, width: int) -> tuple[Longs, ...]:
    """Number of taps of each source position, then the taps' rows and the positions of the layer that they reach."""
    place, tap, out = window.ways()
    places, positions = math.prod(window.pooled[1:]), window.positions // window.groups
    counts = np.bincount(place, minlength=places)
    reached = (np.arange(window.groups)[:, None] * positions + out).ravel()
    return np.tile(counts, window.groups), np.tile(tap * width, window.groups), reached

"""How a network lies in memory for the kernels.

Neurons that share a place on their layer's grid form a *position*; its channels stand side by side, padded to whole
vectors, in *slots*. A fully connected layer is one position. A *source* is an input or a neuron: inputs are numbered
first, neurons (in the network's order) after them. Every connection, with its pools folded in, then reduces to one
thing: a spike of a source adds one row of weights to each of a few positions. The (row, position) pairs, *taps*, are
the same for all channels of a source's position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.network.connection import Connection
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import Linear
from codesign.simulation.event.vector import LANES

__all__ = ["MOST_PLACES", "MOST_SOURCES", "MemoryLayout", "Wiring", "aligned_zeros"]

_PIECE = 128
MOST_SOURCES = 1 << 24
"""Inputs and neurons that fit into the key by which waiting neurons are ordered."""
MOST_PLACES = (1 << 31) - 1
"""Packed weights, and taps, that an int32 can point to."""

Integers = NDArray[np.int32]
Floats = NDArray[np.float32]


class Wiring(NamedTuple):
    """What kernels know of the topology. L layers, P positions, S sources (inputs, then neurons).

    Attributes:
        layer_positions: (L + 1,) first position of each layer.
        layer_width: (L,) slots of a position of the layer, a multiple of `LANES`.
        layer_channels: (L,) neurons of a position.
        single: (L,) whether the layer is one position that every source reaches over exactly one tap.
        position_slot: (P,) first slot of each position.
        position_layer: (P,) its layer.
        slot_source: (slots,) source whose neuron holds the slot, −1 for padding.
        source_slot: (S,) slot of a neuron; −1 for inputs.
        source_layer: (S,) 0 for inputs, 1 + layer for neurons.
        source_position: (S,) index into `tap_start`; output neurons have none and hold the last entry, without taps.
        source_row: (S,) where the rows of the source's channel begin among the packed weights.
        single_row: (S,) where its only row begins, if its target is `single`.
        fan_out: (S,) synapses of the source.
        tap_start: first tap of each source position, with the number of taps at the end.
        tap_row: offset of the tap's row from `source_row`.
        tap_position: position that the tap reaches.
        transposed_start: (L,) where the transposed weights into the layer begin, −1 where there are none.
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
    transposed_start: Integers


def aligned_zeros(count: int) -> Floats:
    """(count,) float32 zeros that begin on a cache line, with a vector's room behind them."""
    raw = np.zeros(count + 2 * LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[start : start + count]


def _padded(count: int) -> int:
    return -(-count // LANES) * LANES


@dataclass(frozen=True)
class _Packed:
    """Place of one connection's weights: `rows` rows of `width`, of which `channels` are used."""

    start: int
    rows: int
    width: int
    channels: int

    def of(self, weights: Floats) -> Floats:
        """(rows, channels) view of the connection's part of all packed weights."""
        whole = weights[self.start : self.start + self.rows * self.width].reshape(self.rows, self.width)
        return whole[:, : self.channels]


class MemoryLayout:
    """The layout of a network's topology; holds no weights.

    Raises:
        InputError: the network has more than 2²⁴ inputs and neurons, or more weights or taps than an int32 points to.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        shape = network.shape
        self.shape = shape
        self.sources = shape.input_size + shape.neurons
        if self.sources > MOST_SOURCES:
            raise InputError(f"networks of more than {MOST_SOURCES} neurons and inputs are not supported")
        self.connections: list[Connection] = network.layer_connections()
        self.widths = [_padded(layer.channels) for layer in shape.layers]
        self.packed: list[_Packed] = []
        start = 0
        for connection, layer, width in zip(self.connections, shape.layers, self.widths, strict=True):
            rows = math.prod(connection.weight.shape[1:])
            self.packed.append(_Packed(start, rows, width, layer.channels))
            start += rows * width
        self.weights = start
        self._check_places()

    def _check_places(self) -> None:
        """That every place among packed weights and among taps is an int32."""
        taps = sum(
            math.prod(connection.source[1:]) * getattr(connection.target, "kernel", 1) ** 2
            for connection in self.connections
        )
        for count, what in ((self.weights, "weights, padded to vectors,"), (taps, "taps of convolutions")):
            if count > MOST_PLACES:
                raise InputError(f"networks of more than {MOST_PLACES} {what} are not supported, found {count}")

    @cached_property
    def wiring(self) -> Wiring:
        shape, inputs = self.shape, self.shape.input_size
        layers = len(shape.layers)
        places = [layer.height * layer.width for layer in shape.layers]
        layer_positions = np.cumsum([0, *places])
        slots_before = np.cumsum([0, *(p * w for p, w in zip(places, self.widths, strict=True))])
        position_layer = np.repeat(np.arange(layers), places)
        position_slot = np.concatenate(
            [before + np.arange(p) * w for before, p, w in zip(slots_before, places, self.widths, strict=False)]
        )
        source_slot = np.full(self.sources, -1)
        for layer, (form, start) in enumerate(zip(shape.layers, shape.starts, strict=False)):
            channel, place = np.divmod(np.arange(form.neurons), places[layer])
            slots = position_slot[layer_positions[layer] + place] + channel
            source_slot[inputs + start : inputs + start + form.neurons] = slots
        slot_source = np.full(slots_before[-1], -1)
        slot_source[source_slot[inputs:]] = np.arange(inputs, self.sources)
        source_layer = np.repeat(np.arange(layers + 1), [inputs, *shape.layer_sizes])

        taps = [self._taps(c, first) for c, first in zip(self.connections, layer_positions, strict=False)]
        source_position, source_row = [], []
        tap_counts: list[NDArray[np.int64]] = []
        for connection, packed, (counts, _, _) in zip(self.connections, self.packed, taps, strict=True):
            channel, place = np.divmod(np.arange(connection.inputs), len(counts))
            source_position.append(sum(map(len, tap_counts)) + place)
            source_row.append(packed.start + channel * (packed.rows // connection.source[0]) * packed.width)
            tap_counts.append(counts)
        outputs = shape.layers[-1].neurons
        source_position.append(np.full(outputs, sum(map(len, tap_counts))))
        source_row.append(np.zeros(outputs, dtype=np.int64))
        tap_counts.append(np.zeros(1, dtype=np.int64))
        tap_start = np.cumsum([0, *np.concatenate(tap_counts)])
        tap_row = np.concatenate([rows for _, rows, _ in taps])
        tap_position = np.concatenate([positions for _, _, positions in taps])
        single = [p == 1 and bool((counts == 1).all()) for p, (counts, _, _) in zip(places, taps, strict=True)]

        position, row = np.concatenate(source_position), np.concatenate(source_row)
        first_tap = np.minimum(tap_start[position], max(len(tap_row) - 1, 0))
        channels = np.array([*(layer.channels for layer in shape.layers), 0])
        tap_counts_of_source = tap_start[position + 1] - tap_start[position]
        return Wiring(
            layer_positions=_integers(layer_positions),
            layer_width=_integers(self.widths),
            layer_channels=_integers(channels[:-1]),
            single=_integers(single),
            position_slot=_integers(position_slot),
            position_layer=_integers(position_layer),
            slot_source=_integers(slot_source),
            source_slot=_integers(source_slot),
            source_layer=_integers(source_layer),
            source_position=_integers(position),
            source_row=_integers(row),
            single_row=_integers(row + tap_row[first_tap]),
            fan_out=_integers(tap_counts_of_source * channels[source_layer]),
            tap_start=_integers(tap_start),
            tap_row=_integers(tap_row),
            tap_position=_integers(tap_position),
            transposed_start=_integers(self._transposed_starts()),
        )

    @cached_property
    def input_stride(self) -> int:
        """Distance of the rows of successive inputs among the packed weights; 0 where they are not evenly spaced."""
        rows, width = self.wiring.single_row[: self.shape.input_size], self.widths[0]
        even = bool(self.wiring.single[0]) and np.array_equal(rows, np.arange(len(rows)) * width)
        return width if even else 0

    @cached_property
    def slot_position(self) -> Integers:
        """(slots,) position that each slot belongs to."""
        widths = self.wiring.layer_width[self.wiring.position_layer]
        return _integers(np.repeat(np.arange(len(widths)), widths))

    @property
    def slots(self) -> int:
        return sum(layer.height * layer.width * w for layer, w in zip(self.shape.layers, self.widths, strict=True))

    @property
    def positions(self) -> int:
        return sum(layer.height * layer.width for layer in self.shape.layers)

    @staticmethod
    def _taps(connection: Connection, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Taps of each source position, their row offsets, and the positions that they reach."""
        _, height, width = connection.source
        _, _, pooled_width = connection.pooled
        row_width = _padded(connection.grid[0])
        y, x = np.divmod(np.arange(height * width), width)
        y, x = y // connection.pool, x // connection.pool
        target = connection.target
        if isinstance(target, Linear):
            return np.ones(len(y), dtype=np.int64), (y * pooled_width + x) * row_width, np.full(len(y), first)
        _, out_height, out_width = connection.grid
        kernel = np.arange(target.kernel)
        # a spike at y reaches the outputs whose window holds it: output · stride = y + padding − tap
        down = y[:, None, None] + target.padding - kernel[None, :, None]
        across = x[:, None, None] + target.padding - kernel[None, None, :]
        down, across = np.broadcast_arrays(down, across)
        out_y, out_x = down // target.stride, across // target.stride
        hit = (down % target.stride == 0) & (across % target.stride == 0)
        hit &= (out_y >= 0) & (out_y < out_height) & (out_x >= 0) & (out_x < out_width)
        _, tap_y, tap_x = np.nonzero(hit)
        positions = first + out_y[hit] * out_width + out_x[hit]
        return hit.sum(axis=(1, 2)), (tap_y * target.kernel + tap_x) * row_width, positions

    def _transposed_starts(self) -> list[int]:
        """Only between fully connected layers of one position: there the idle rule is a plain matrix product."""
        starts, at = [], 0
        for layer, connection in enumerate(self.connections):
            _, height, width = connection.source
            use = layer > 0 and isinstance(connection.target, Linear) and height * width == 1
            starts.append(at if use else -1)
            at += self.widths[layer] * self.widths[layer - 1] if use else 0
        return starts

    # weights and other numbers of a network -----------------------------------------------------------------------

    def pack(self, weights: list[torch.Tensor], into: Floats | None = None) -> Floats:
        """All weights, one row a source channel and tap; pools' averages are multiplied in.

        Args:
            into: an earlier result, which is overwritten.
        """
        result = aligned_zeros(self.weights) if into is None else into
        for connection, weight, packed in zip(self.connections, weights, self.packed, strict=True):
            rows = packed.of(result)
            _copy_transposed(weight.detach().numpy().reshape(packed.channels, packed.rows), rows)
            if connection.scale != 1:
                rows *= np.float32(connection.scale)
        return result

    def pack_transposed(self, weights: list[torch.Tensor]) -> Floats:
        """Where `Wiring.transposed_start` says so: one row a target slot, one column a source slot."""
        starts = self.wiring.transposed_start
        sizes = [self.widths[layer] * self.widths[layer - 1] for layer in range(len(starts)) if starts[layer] >= 0]
        result = aligned_zeros(sum(sizes))
        for layer, start in enumerate(starts):
            if start >= 0:
                to, of = self.widths[layer], self.widths[layer - 1]
                weight = weights[layer].detach().numpy()
                result[start : start + to * of].reshape(to, of)[: weight.shape[0], : weight.shape[1]] = weight
        return result

    def unpack_gradient(self, gradient: Floats) -> list[torch.Tensor]:
        """Gradients of packed weights in the shapes of the network's weights."""
        unpacked = []
        for connection, packed in zip(self.connections, self.packed, strict=True):
            weight = np.empty((packed.channels, packed.rows), dtype=np.float32)
            _copy_transposed(packed.of(gradient), weight)
            if connection.scale != 1:
                weight *= np.float32(connection.scale)
            unpacked.append(torch.from_numpy(weight.reshape(connection.weight.shape)))
        return unpacked

    def spread(self, values: torch.Tensor, padding: float) -> Floats:
        """(N,) numbers of neurons, put into slots."""
        result = aligned_zeros(self.slots)
        result[:] = padding
        result[self.wiring.source_slot[self.shape.input_size :]] = values.detach().to(torch.float32).numpy(force=True)
        return result

    def gather(self, slots: Floats) -> torch.Tensor:
        """(N,) numbers of neurons, taken from slots."""
        return torch.from_numpy(slots[self.wiring.source_slot[self.shape.input_size :]])


def _copy_transposed(source: Floats, target: Floats) -> None:
    """target[:] = source.T, in pieces that stay in cache.

    Not by torch: its threads go on spinning for milliseconds after a parallel copy, on the cores that kernels want.
    """
    rows, columns = source.shape
    for first in range(0, max(rows, columns), _PIECE):
        part = slice(first, first + _PIECE)
        if columns >= rows:
            target[part] = source[:, part].copy().T  # columns of a long row are too far apart to be read in order
        else:
            target[:, part] = source[part].T


def _integers(values: object) -> Integers:
    return np.ascontiguousarray(values, dtype=np.int32)

"""How a layer of neurons sees the layer before it: a kernel that slides over a grid, with pools in between folded in.

A fully connected layer is a convolution whose kernel is the whole grid. Everything that needs a connection's geometry
(shapes, both engines, placement, lanes of cores) reads it here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codesign.arrays import Integers

Grid = tuple[int, int, int]
"""Channels, height and width."""


@dataclass(frozen=True, kw_only=True)
class KernelAxis:
    """A kernel along one axis: through tap k, output p sees the place p · stride + k · dilation − padding.

    Attributes:
        length: number of the source's neurons along the axis.
        pool: number of adjacent neurons that form a place; a remainder at the end belongs to none, as in torch.
        kernel: number of taps, which are `dilation` places apart.
        padding: number of places without neurons before the first and after the last.
    """

    length: int
    pool: int = 1
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def places(self) -> int:
        return self.length // self.pool

    @property
    def outputs(self) -> int:
        """Number of positions of the kernel; below 1 if it does not fit."""
        return (self.places + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    def taps_on_grid(self) -> list[int]:
        """For each output, the number of taps on places rather than padding."""
        starts = (output * self.stride - self.padding for output in range(self.outputs))
        step, last = self.dilation, self.places - 1
        return [max(0, min(self.kernel - 1, (last - start) // step) + min(0, start) // step + 1) for start in starts]

    def pairs(self) -> tuple[Integers, Integers, Integers]:
        """(n,) place, tap and output of each pair of a place and an output that sees it, sorted by place, then tap."""
        output, tap = np.divmod(np.arange(self.outputs * self.kernel), self.kernel)
        place = output * self.stride + tap * self.dilation - self.padding
        held = (place >= 0) & (place < self.places)
        output, tap, place = output[held], tap[held], place[held]
        order = np.lexsort((tap, place))
        return place[order], tap[order], output[order]


@dataclass(frozen=True, kw_only=True)
class Window:
    """What each neuron of a layer sees of its source.

    Attributes:
        channels: number of channels of the source.
        rows, columns: the kernel along the two axes of its grid.
        out_channels: number of channels of the layer.
        groups: number of equal parts of both layers' channels; each group of the layer sees only the same group of the
            source.
        first: whether only the first spike of a pass is seen among the neurons in a place of a channel (max pooling).
    """

    channels: int
    rows: KernelAxis
    columns: KernelAxis
    out_channels: int
    groups: int = 1
    first: bool = False

    @property
    def source(self) -> Grid:
        return self.channels, self.rows.length, self.columns.length

    @property
    def pooled(self) -> Grid:
        """The source's grid after pooling."""
        return self.channels, self.rows.places, self.columns.places

    @property
    def grid(self) -> Grid:
        """The layer's own grid."""
        return self.out_channels, self.rows.outputs, self.columns.outputs

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weight in torch: channels of the layer, channels of the source per group, rows and columns of
        the kernel."""
        return self.out_channels, self.channels // self.groups, self.rows.kernel, self.columns.kernel

    @property
    def positions(self) -> int:
        """Number of groups of neurons that see the same neurons, each with `out_channels / groups` neurons."""
        return self.groups * self.rows.outputs * self.columns.outputs

    @property
    def pool(self) -> int:
        """Number of the source's neurons in a place."""
        return self.rows.pool * self.columns.pool

    @cached_property
    def fan_in(self) -> int:
        """Most synapses that end in one neuron."""
        taps = max(self.rows.taps_on_grid()) * max(self.columns.taps_on_grid())
        return self.channels // self.groups * taps * self.pool

    @cached_property
    def synapses(self) -> int:
        """Number of synapses."""
        return self.channels // self.groups * self.taps * self.pool * self.out_channels

    @property
    def weights(self) -> int:
        """Number of distinct stored weights."""
        return math.prod(self.weight_shape)

    @property
    def complete(self) -> bool:
        """Whether every neuron of the source reaches every neuron of the layer."""
        return self.synapses == math.prod(self.source) * math.prod(self.grid)

    @cached_property
    def taps(self) -> int:
        """Number of paths from a place of the source to a place of the layer, not counting channels."""
        return sum(self.rows.taps_on_grid()) * sum(self.columns.taps_on_grid())

    def held(self) -> Integers:
        """(inputs,) place of each neuron of the source, numbered channel by channel; −1 if it has none."""
        channel, row, column = (axis.ravel() for axis in np.indices(self.source))
        row, column = row // self.rows.pool, column // self.columns.pool
        place = (channel * self.rows.places + row) * self.columns.places + column
        return np.where((row < self.rows.places) & (column < self.columns.places), place, -1)

    def ways(self) -> tuple[Integers, Integers, Integers]:
        """(taps,) source place, tap of the kernel and target place of each path, sorted by source place, then tap."""
        (row, down, out_row), (column, across, out_column) = self.rows.pairs(), self.columns.pairs()
        place = (row[:, None] * self.columns.places + column).ravel()
        tap = (down[:, None] * self.columns.kernel + across).ravel()
        out = (out_row[:, None] * self.columns.outputs + out_column).ravel()
        order = np.argsort(place, kind="stable")
        return place[order], tap[order], out[order]

"""How a layer of neurons sees the one before it: a kernel that slides over a grid, with the pools between folded in.

A fully connected layer is the convolution whose kernel is the whole grid. Everything that must know a connection's
geometry (shapes, both engines, placement, lanes of cores) reads it here.
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
    """A kernel along one axis: output p sees over its tap k the place p · stride + k · dilation − padding.

    Attributes:
        length: neurons of the source along the axis.
        pool: how many of them side by side make a place; what is left at the end belongs to none, as in torch.
        kernel: taps, `dilation` places apart.
        padding: places without neurons before the first one and behind the last.
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
        """Positions of the kernel; below 1 where it does not fit."""
        return (self.places + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    def taps_on_grid(self) -> list[int]:
        """For each output how many taps lie on places, and not on the padding."""
        starts = (output * self.stride - self.padding for output in range(self.outputs))
        step, last = self.dilation, self.places - 1
        return [max(0, min(self.kernel - 1, (last - start) // step) + min(0, start) // step + 1) for start in starts]

    def pairs(self) -> tuple[Integers, Integers, Integers]:
        """(n,) place, tap and output of each place that an output sees, by place and then by tap."""
        output, tap = np.divmod(np.arange(self.outputs * self.kernel), self.kernel)
        place = output * self.stride + tap * self.dilation - self.padding
        held = (place >= 0) & (place < self.places)
        output, tap, place = output[held], tap[held], place[held]
        order = np.lexsort((tap, place))
        return place[order], tap[order], output[order]


@dataclass(frozen=True, kw_only=True)
class Window:
    """What of its source each neuron of a layer sees.

    Attributes:
        channels: of the source.
        rows, columns: the kernel along the two axes of its grid.
        out_channels: of the layer.
        groups: equal parts of both channels; a group of the layer's sees only that group of the source's.
        first: whether of the neurons in a place of a channel only the first spike of a pass is seen (max pooling).
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
        """The source's grid behind the pools."""
        return self.channels, self.rows.places, self.columns.places

    @property
    def grid(self) -> Grid:
        """The layer's own."""
        return self.out_channels, self.rows.outputs, self.columns.outputs

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """As torch has it: channels of the layer, channels of the source in a group, rows and columns of the kernel."""
        return self.out_channels, self.channels // self.groups, self.rows.kernel, self.columns.kernel

    @property
    def positions(self) -> int:
        """Groups of neurons that see the same neurons, each with `out_channels / groups` of them."""
        return self.groups * self.rows.outputs * self.columns.outputs

    @property
    def pool(self) -> int:
        """Neurons of the source in a place."""
        return self.rows.pool * self.columns.pool

    @cached_property
    def fan_in(self) -> int:
        """Most synapses that end in one neuron."""
        taps = max(self.rows.taps_on_grid()) * max(self.columns.taps_on_grid())
        return self.channels // self.groups * taps * self.pool

    @cached_property
    def synapses(self) -> int:
        """All of them, counted one by one."""
        return self.channels // self.groups * self.taps * self.pool * self.out_channels

    @property
    def weights(self) -> int:
        """Those that are stored once."""
        return math.prod(self.weight_shape)

    @property
    def complete(self) -> bool:
        """Whether every neuron of the source reaches every neuron of the layer."""
        return self.synapses == math.prod(self.source) * math.prod(self.grid)

    @cached_property
    def taps(self) -> int:
        """Ways from a place of the source to a place of the layer, channels apart."""
        return sum(self.rows.taps_on_grid()) * sum(self.columns.taps_on_grid())

    def held(self) -> Integers:
        """(inputs,) place that holds each neuron of the source, counted channel by channel; −1 where none does."""
        channel, row, column = (axis.ravel() for axis in np.indices(self.source))
        row, column = row // self.rows.pool, column // self.columns.pool
        place = (channel * self.rows.places + row) * self.columns.places + column
        return np.where((row < self.rows.places) & (column < self.columns.places), place, -1)

    def ways(self) -> tuple[Integers, Integers, Integers]:
        """(taps,) place, tap of the kernel and place of the layer of each way, by place and then by tap."""
        (row, down, out_row), (column, across, out_column) = self.rows.pairs(), self.columns.pairs()
        place = (row[:, None] * self.columns.places + column).ravel()
        tap = (down[:, None] * self.columns.kernel + across).ravel()
        out = (out_row[:, None] * self.columns.outputs + out_column).ravel()
        order = np.argsort(place, kind="stable")
        return place[order], tap[order], out[order]

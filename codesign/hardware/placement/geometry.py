"""Positions of a placed network's parts on a chip, and the routes of messages between them.

Messages first run along the row to the column of their destination, then along the column (XY routing). Inputs enter
at tile 0 of chip 0. Chips are arranged in a row; messages leave and enter a chip through tile 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Mesh
from codesign.hardware.chip.prices import RouteKinds
from codesign.hardware.placement.reach import Reach, reach_of
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice

_DIRECTIONS = 4
"""Links out of a tile: east (next column), west (previous column), south (next row) and north (previous row)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Geometry:
    """P parts of a network on K used cores.

    Attributes:
        parts: parts as placed.
        layer, core, neurons: (P,) layer, core and number of neurons of each part; `core` counts only used cores.
        cores: K, the number of used cores.
        accessed: (P,) neurons that a visit of all neurons includes; those of a crossbar count at its core's first part.
        occupied: (P,) neurons of its core that one message occupies; 0 if only connected neurons count.
        described: whether hops are known: the network on chip is described, or no message crosses cores.
        horizontal, vertical: (K + 1, K) hops to each core, row 0 from tile 0, where inputs enter, row 1 + c from core
            c; 0 if unknown.
        crossings: (K + 1, K) chip borders on the route; inputs enter at the first chip.
        tiles: number of tiles with used cores.
        reach: reach of the input (row 0), of each part, and of D parts that send over a delayed connection, in each
            part.
        links: (P + 1 + D, Q) how often one message of each source, sent to all parts that it reaches, crosses each of Q
            links; none if the network on chip is not described.
    """

    parts: tuple[Slice, ...]
    layer: Integers
    core: Integers
    neurons: Integers
    cores: int
    accessed: Integers
    occupied: Integers
    described: bool
    horizontal: Integers
    vertical: Integers
    crossings: Integers
    tiles: int
    reach: Reach
    links: Floats

    @property
    def route_kinds(self) -> RouteKinds:
        hops = self.horizontal.any() or self.vertical.any()
        return RouteKinds(described=self.described, hops=bool(hops), crossings=bool(self.crossings.any()))

    @cached_property
    def ways(self) -> Integers:
        """(K + 1, K, 3) hops along the row and the column, and chip borders, of each route."""
        return np.stack([self.horizontal, self.vertical, self.crossings], axis=2)

    def times_on_way(self, hop_s: Floats) -> Floats:
        """(K + 1, K) travel time to each core, given the (3,) times of what `ways` counts."""
        return np.asarray(self.crossings * hop_s[2] + self.horizontal * hop_s[0] + self.vertical * hop_s[1])

    @cached_property
    def starts(self) -> Integers:
        """(P + 1 + D,) row of `ways` where messages of each source of `reach` start."""
        return np.append(0, 1 + self.core)[1 + self.reach.origin]

    def hops_of_sources(self, hops: Integers) -> Floats:
        """(P + 1 + D,) hops of one message of each source of `reach` to all its cores, given the (K + 1, K) hops
        between cores."""
        between = hops[self.starts][:, self.core]
        return np.asarray((self.reach.share * between).sum(axis=1))

    def parts_of(self, layer: int) -> Integers:
        """Parts of a layer; none for the layer after the last."""
        return np.flatnonzero(self.layer == layer)


def geometry_of(chip: Chip, shape: NetworkShape, parts: tuple[Slice, ...]) -> Geometry:
    """The geometry of parts of a network on a chip. Cores that were added to a chip are in further rows of its mesh, or
    in further columns if tiles are numbered along columns."""
    reach = reach_of(shape, parts, parts)
    layer, numbers, neurons = np.array([(part.layer, part.core, part.neurons) for part in parts], dtype=np.int64).T
    used, core = np.unique(numbers, return_inverse=True)
    at_chip, place = np.divmod(used, chip.cores.value) if chip.multi_chip else (np.zeros_like(used), used)
    crossings = np.abs(np.append(0, at_chip)[:, None] - at_chip[None, :])
    horizontal = vertical = np.zeros_like(crossings)
    tiles, network = len(used), chip.mesh
    links: Floats = np.zeros((len(reach.origin), 0))
    if network is not None:
        tile = place // network.cores_per_tile
        tiles = len(np.unique(np.stack([at_chip, tile]), axis=1).T)
        row, column = network.place(tile)
        horizontal, vertical = _hops(column, at_chip), _hops(row, at_chip)
        links = _links(network, reach, tile[core], at_chip[core])
    accessed, occupied = neurons, np.zeros_like(neurons)
    if chip.crossbar:
        assert chip.neurons_per_core is not None
        capacity = np.array([chip.neurons_per_core.of_core(int(place[index])) for index in core])
        occupied = np.maximum(capacity, np.bincount(core, weights=neurons)[core]).astype(np.int64)
        first = np.unique(core, return_index=True)[1]
        accessed = np.zeros_like(neurons)
        accessed[first] = occupied[first]
    return Geometry(
        parts=parts,
        layer=layer,
        core=core.astype(np.int64),
        neurons=neurons,
        cores=len(used),
        accessed=accessed,
        occupied=occupied,
        described=network is not None or len(used) == 1,
        horizontal=horizontal,
        vertical=vertical,
        crossings=crossings,
        tiles=tiles,
        reach=reach,
        links=links,
    )


def _hops(coordinate: Integers, at_chip: Integers) -> Integers:
    """(K + 1, K) hops along one direction; between chips, messages leave and enter at tile 0, where inputs enter,
    too."""
    source, source_chip = np.append(0, coordinate)[:, None], np.append(0, at_chip)[:, None]
    within = np.abs(source - coordinate[None, :])
    return np.asarray(np.where(source_chip == at_chip[None, :], within, source + coordinate[None, :]))


# links ---------------------------------------------------------------------------------------------------------------


def _links(network: Mesh, reach: Reach, tile: Integers, at_chip: Integers) -> Floats:
    """(P + 1 + D, Q) how often one message of each source crosses each link in use, in the order of their numbers
    (`_leg`)."""
    source, target = np.nonzero(reach.share)
    begins = 1 + reach.origin[source]
    start, end = np.append(0, tile)[begins], tile[target]
    leaves, enters = np.append(0, at_chip)[begins], at_chip[target]
    line = network.columns if network.numbering == "rows" else network.rows
    tiles = max(network.rows * network.columns, (int(tile.max()) // line + 1) * line)
    same, entrance, pair = leaves == enters, np.zeros_like(source), np.arange(len(source))
    legs = [
        *_leg(network, tiles, pair[same], leaves[same], start[same], end[same]),
        *_leg(network, tiles, pair[~same], leaves[~same], start[~same], entrance[~same]),
        *_leg(network, tiles, pair[~same], enters[~same], entrance[~same], end[~same]),
    ]
    pairs, numbers = (np.concatenate(column) for column in zip(*legs, strict=True))
    used = np.flatnonzero(np.bincount(numbers))
    link = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    link[used] = np.arange(len(used))
    cell, share = source[pairs] * len(used) + link[numbers], reach.share[source, target][pairs]
    passes: Floats = np.bincount(cell, share, len(reach.origin) * len(used)).astype(np.float64, copy=False)
    return passes.reshape(len(reach.origin), len(used))


def _leg(
    network: Mesh, tiles: int, pair: Integers, chip: Integers, start: Integers, end: Integers
) -> list[tuple[Integers, Integers]]:
    """(pairs, links) of routes within one chip, for pairs of a source and a target: along the row of tile `start` to
    the column of `end`, then along that column.

    A link has the number (chip · tiles + tile) · 4 + direction.
    """
    across, down = (1, network.columns) if network.numbering == "rows" else (network.rows, 1)
    (row, column), (end_row, end_column) = network.place(start), network.place(end)
    corner = row * down + end_column * across
    runs = []
    for begin, steps, stride, forward in ((start, end_column - column, across, 0), (corner, end_row - row, down, 2)):
        hops = np.abs(steps)
        which = np.repeat(np.arange(len(pair)), hops)
        done = np.arange(len(which)) - np.repeat(np.cumsum(hops) - hops, hops)
        at = begin[which] + done * stride * np.sign(steps[which])
        runs.append((pair[which], (chip[which] * tiles + at) * _DIRECTIONS + forward + (steps[which] < 0)))
    return runs

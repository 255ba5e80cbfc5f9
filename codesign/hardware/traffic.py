"""The ways that messages take over a chip's mesh, and the links that they pass.

Messages first run along the row to the column of their destination, then along the column (XY routing). Inputs enter
at tile 0 of chip 0. Chips lie in a row; a message leaves a chip and enters another through tile 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.errors import InputError
from codesign.hardware.description import Chip, NetworkOnChip
from codesign.hardware.mapping import Mapping

__all__ = ["DIRECTIONS", "Direction", "Link", "Traffic", "traffic_of"]

Direction = Literal["east", "west", "south", "north"]
DIRECTIONS: tuple[Direction, ...] = ("east", "west", "south", "north")
"""Ways out of a tile: one column on, one back, one row on, one back."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Link:
    """The link that leads from a tile of a chip to the next tile in a direction."""

    chip: int
    tile: int
    direction: Direction


@dataclass(frozen=True, kw_only=True, eq=False)
class Traffic:
    """Ways between the M pairs of a source and a placement that it sends messages to, for a mapping of P placements.

    Pairs are sorted by source, then destination. A source sends to every placement of the layer after its own.

    Attributes:
        source: (M,) 0 the input, 1 + placement.
        destination: (M,) placement.
        horizontal, vertical: (M,) hops of one message along rows and along columns; None where the chip's network is
            not described and several cores are in use.
        crossings: (M,) borders between chips that one message crosses.
        passes: sparse (M, K) number of times that one message passes each of K links; None where the chip's network is
            not described. Link number (chip · tiles + tile) · 4 + position in `DIRECTIONS`; links that would lead out
            of the mesh are counted and stay empty.
        placements: P.
        tiles: tiles of a chip.
    """

    source: Integers
    destination: Integers
    horizontal: Integers | None
    vertical: Integers | None
    crossings: Integers
    passes: Any
    placements: int
    tiles: int

    def pairs(self, source: ArrayLike, destination: ArrayLike) -> Integers:
        """Position of each pair of a source and a destination.

        Raises:
            InputError: one of them exchanges no messages.
        """
        wanted = np.asarray(source, dtype=np.int64) * self.placements + np.asarray(destination, dtype=np.int64)
        known = self.source * self.placements + self.destination
        found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        if (known[found] != wanted).any():
            raise InputError("traffic: a source sends messages to placements of the layer after its own only")
        return np.asarray(found, dtype=np.int64)

    def table(self, values: Integers) -> Integers:
        """(P + 1, P) `values` (M,) by source and destination, 0 where no messages go."""
        table = np.zeros((self.placements + 1, self.placements), dtype=np.int64)
        table[self.source, self.destination] = values
        return table

    def link_loads(self, messages: ArrayLike) -> Floats:
        """(..., K) messages over each link, from (..., M) messages of each pair.

        Raises:
            InputError: the chip's network is not described.
        """
        if self.passes is None:
            raise InputError("traffic: the chip's file describes no network_on_chip")
        counts = np.asarray(messages, dtype=np.float64)
        loads = counts.reshape(-1, len(self.source)) @ self.passes
        return np.asarray(loads).reshape(*counts.shape[:-1], self.passes.shape[1])

    def link(self, number: int) -> Link:
        """Which link has this number."""
        place, direction = divmod(number, len(DIRECTIONS))
        chip, tile = divmod(place, self.tiles)
        return Link(chip=chip, tile=tile, direction=DIRECTIONS[direction])


def traffic_of(mapping: Mapping, chip: Chip) -> Traffic:
    """The ways of a mapping's messages on `chip`.

    Cores that were added to a chip lie in further rows of its mesh, or in columns where tiles are numbered along these.

    Raises:
        InputError: the mapping is for another chip.
    """
    if mapping.chip != chip.name:
        raise InputError(f"mapping: is for chip '{mapping.chip}', found '{chip.name}'")
    source, destination = _pairs(np.array([part.layer for part in mapping.placements], dtype=np.int64))
    cores = np.array([part.core for part in mapping.placements], dtype=np.int64)
    at_chip, place = np.zeros_like(cores), cores
    if chip.multi_chip is not None:
        at_chip, place = np.divmod(cores, chip.cores.value)
    from_chip, to_chip = np.append(0, at_chip)[source], at_chip[destination]
    horizontal = vertical = passes = None
    tiles, network = 0, chip.network_on_chip
    if network is not None:
        tile = np.append(0, place // network.cores_per_tile)
        line = network.columns if network.numbering == "rows" else network.rows
        tiles = max(network.rows * network.columns, (int(tile.max()) // line + 1) * line)
        legs = _Legs(network, tiles, int(at_chip.max()) + 1, len(source))
        pair, same = np.arange(len(source)), from_chip == to_chip
        start, end, entrance = tile[source], tile[1 + destination], np.zeros_like(source)
        legs.add(pair[same], from_chip[same], start[same], end[same])
        legs.add(pair[~same], from_chip[~same], start[~same], entrance[~same])
        legs.add(pair[~same], to_chip[~same], entrance[~same], end[~same])
        horizontal, vertical, passes = legs.horizontal, legs.vertical, legs.passes()
    elif mapping.cores_used == 1:
        horizontal = vertical = np.zeros_like(source)
    return Traffic(
        source=source,
        destination=destination,
        horizontal=horizontal,
        vertical=vertical,
        crossings=np.abs(to_chip - from_chip),
        passes=passes,
        placements=len(cores),
        tiles=tiles,
    )


def _pairs(layer: Integers) -> tuple[Integers, Integers]:
    """Sources and the placements that they send to; the input is in the layer before the first."""
    of_layer = [np.flatnonzero(layer == number) for number in range(int(layer.max()) + 1)]
    sources = [np.zeros(1, dtype=np.int64), *(1 + parts for parts in of_layer)]
    pairs = [np.meshgrid(sources[number], parts, indexing="ij") for number, parts in enumerate(of_layer)]
    return (
        np.concatenate([source.ravel() for source, _ in pairs]),
        np.concatenate([destination.ravel() for _, destination in pairs]),
    )


class _Legs:
    """Collects hops and links of pairs, leg by leg, each within one chip."""

    def __init__(self, network: NetworkOnChip, tiles: int, chips: int, pairs: int) -> None:
        self.network, self.tiles, self.links, self.size = network, tiles, chips * tiles * len(DIRECTIONS), pairs
        self.across, self.down = (1, network.columns) if network.numbering == "rows" else (network.rows, 1)
        self.horizontal, self.vertical = np.zeros(pairs, dtype=np.int64), np.zeros(pairs, dtype=np.int64)
        self.pair: list[Integers] = []
        self.link: list[Integers] = []

    def add(self, pair: Integers, chip: Integers, start: Integers, end: Integers) -> None:
        """Add a leg of each pair: along the row of tile `start` to the column of tile `end`, then along that."""
        (row, column), (end_row, end_column) = self.network.place(start), self.network.place(end)
        self.horizontal[pair] += self._run(pair, chip, start, end_column - column, self.across, "east", "west")
        corner = row * self.down + end_column * self.across
        self.vertical[pair] += self._run(pair, chip, corner, end_row - row, self.down, "south", "north")

    def _run(
        self,
        pair: Integers,
        chip: Integers,
        start: Integers,
        steps: Integers,
        stride: int,
        onward: Direction,
        back: Direction,
    ) -> Integers:
        """Pass the links of a straight run of `steps` (negative is backwards) tiles that are `stride` apart."""
        hops = np.abs(steps)
        which = np.repeat(np.arange(len(pair)), hops)
        done = np.arange(len(which)) - np.repeat(np.cumsum(hops) - hops, hops)
        tile = start[which] + done * stride * np.sign(steps[which])
        direction = np.where(steps[which] > 0, DIRECTIONS.index(onward), DIRECTIONS.index(back))
        self.pair.append(pair[which])
        self.link.append((chip[which] * self.tiles + tile) * len(DIRECTIONS) + direction)
        return hops

    def passes(self) -> Any:
        from scipy.sparse import csr_array

        pair, link = np.concatenate(self.pair), np.concatenate(self.link)
        return csr_array((np.ones(len(pair)), (pair, link)), shape=(self.size, self.links))

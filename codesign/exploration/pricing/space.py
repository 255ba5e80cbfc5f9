"""The design points of a price file: a grid of prices of one chip."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.exploration.pricing.axes import CORE_SIZE, Axis, AxisEntry, axis_of
from codesign.hardware.description import Chip
from codesign.hardware.geometry import Extent
from codesign.hardware.numbers import BarrierTimes, CoreCounts, EnergyNumber, Lanes, PowerNumber, TimeNumber
from codesign.hardware.parameters import with_parameter
from codesign.hardware.placement import Placement
from codesign.hardware.prices import Prices, number_at

__all__ = ["Dimension", "PriceSpace", "build_space"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One direction of the grid: a price, or several that move together, by the path or the name of the file."""

    name: str
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        return len(self.axes[0].values)

    @property
    def moves_time(self) -> bool:
        """Whether times, and so latency and time switched on, depend on it."""
        return not all(issubclass(axis.kind, EnergyNumber | PowerNumber) for axis in self.axes)

    @property
    def moves_work(self) -> bool:
        """Whether the work of steps depends on it, and not only what it costs."""
        return any(issubclass(axis.kind, CoreCounts | Lanes) for axis in self.axes)


@dataclass(frozen=True, kw_only=True)
class PriceSpace:
    """All combinations of positions along the dimensions; point i is `numpy.unravel_index(i, shape)`.

    Positions of n points are (dimensions, n). A combination is a point of the grid with one position along each
    dimension that no time depends on: its times are those of all points that differ from it in energies and powers.
    """

    chip: Chip
    dimensions: tuple[Dimension, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(dimension.size for dimension in self.dimensions)

    @property
    def size(self) -> int:
        """Number of design points."""
        return math.prod(self.shape)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All prices that vary, in the order of the dimensions."""
        return tuple(axis for dimension in self.dimensions for axis in dimension.axes)

    @property
    def core_dimension(self) -> int | None:
        """The dimension along which the size of cores varies."""
        along = [i for i, dimension in enumerate(self.dimensions) for axis in dimension.axes if axis.path == CORE_SIZE]
        return along[0] if along else None

    def positions(self, points: Integers) -> Integers:
        """(dimensions, n) of points by their numbers."""
        return np.array(np.unravel_index(points, self.shape), dtype=np.int64)

    @property
    def combined_shape(self) -> tuple[int, ...]:
        """Of the grid of combinations."""
        return tuple(dimension.size if dimension.moves_time else 1 for dimension in self.dimensions)

    def combinations(self, positions: Integers) -> Integers:
        """(n,) the combination of each point."""
        first = np.minimum(positions, np.array(self.combined_shape)[:, None] - 1)
        return np.asarray(np.ravel_multi_index(tuple(first), self.combined_shape), dtype=np.int64)

    def chip_at(self, positions: Iterable[int]) -> Chip:
        """The chip of one design point.

        Raises:
            InputError: the prices do not fit each other.
        """
        values = {
            axis.path: axis.values[position]
            for dimension, position in zip(self.dimensions, positions, strict=True)
            for axis in dimension.axes
        }
        chip = self.chip
        for path in sorted(values, key=lambda path: path != "clock"):  # the clock first: cycles need it
            chip = with_parameter(chip, path, values[path])
        return chip

    @cached_property
    def _numbers(self) -> list[tuple[Axis, list[Any]]]:
        """Of each axis, the number of the chip at each position, where all other dimensions are at their first."""
        numbers = []
        for i, dimension in enumerate(self.dimensions):
            along = np.eye(len(self.shape), dtype=np.int64)[i]
            chips = [self.chip_at((position * along).tolist()) for position in range(dimension.size)]
            numbers += [(axis, [number_at(chip, axis.path) for chip in chips]) for axis in dimension.axes]
        return numbers

    def prices(self, placement: Placement, positions: Integers) -> Prices:
        """The prices of n design points.

        Args:
            placement: of the network on the chip of one of them. Lanes and the size of cores are its own.
            positions: (dimensions, n).
        """
        along = [
            position for dimension, position in zip(self.dimensions, positions, strict=True) for _ in dimension.axes
        ]
        varied = {
            path: values[where]
            for (axis, numbers), where in zip(self._numbers, along, strict=True)
            for path, values in _arrays(axis, numbers, placement.extent).items()
        }
        return Prices(chip=placement.chip, extent=placement.extent, varied=varied)


def _arrays(axis: Axis, numbers: list[Any], extent: Extent) -> dict[str, Floats]:
    """The numbers along an axis as `Prices.varied` has them; nothing for lanes and sizes, which are no prices."""
    if issubclass(axis.kind, CoreCounts | Lanes):
        return {}
    if issubclass(axis.kind, BarrierTimes):
        return {axis.path: np.array([number.of(extent.tiles, extent.chips) for number in numbers])}
    arrays = {axis.path: np.array([number.value for number in numbers], dtype=np.float64)}
    if issubclass(axis.kind, TimeNumber):
        arrays[f"{axis.path}.cycles"] = np.array([number.cycles for number in numbers], dtype=np.float64)
    return {path: values for path, values in arrays.items() if not np.isnan(values).all()}


def build_space(
    chip: Chip, axes: Mapping[str, AxisEntry], linked: Mapping[str, Mapping[str, AxisEntry]], most_points: int
) -> PriceSpace:
    """The grid of a price file on a chip; see `PricingSpec`.

    Raises:
        InputError: a path is not a price, a value does not fit it, or there are too many points.
    """
    dimensions = tuple(Dimension(name=path, axes=(axis_of(chip, path, entry),)) for path, entry in axes.items())
    for name, members in linked.items():
        group = name if len(members) > 1 else ""
        together = tuple(axis_of(chip, path, entry, group=group) for path, entry in members.items())
        dimensions += (Dimension(name=name, axes=together),)
    space = PriceSpace(chip=chip, dimensions=dimensions)
    if space.size > most_points:
        raise InputError(
            f"axes: {space.size:,} design points are more than most_points allows, {most_points:,}; "
            f"the dimensions have {', '.join(f'{dimension.size:,} ({dimension.name})' for dimension in dimensions)}"
        )
    return space

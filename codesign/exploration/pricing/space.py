"""The design points of a price file: a grid of prices of one chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.numbers import BarrierTimes, CoreCounts, Lanes, Number, TimeNumber
from codesign.hardware.parameters import with_parameter
from codesign.hardware.placement import Placement
from codesign.hardware.prices import Prices, number_at

__all__ = ["CORE_SIZE", "LANES", "Dimension", "PriceSpace"]

CORE_SIZE = "neurons_per_core"
"""The one capacity that may vary: as long as the network lies on the same cores, it prices a crossbar only."""
LANES = "vector_width"

AxisValue = str | int | float


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One direction of the grid: a price, or several that move together.

    Attributes:
        name: the path, or the name of the linked prices.
        paths: (P,) what it varies.
        settings: (n, P) values at each position, as `with_parameter` takes them.
        columns: (n, P) the same as results show them: SI numbers, cycles, factors, or words.
        units: (P,) of the columns, "" for none.
        moves_time: whether times, and so latency and time switched on, depend on it.
    """

    name: str
    paths: tuple[str, ...]
    settings: tuple[tuple[AxisValue, ...], ...]
    columns: tuple[tuple[float | str, ...], ...]
    units: tuple[str, ...]
    moves_time: bool

    @property
    def size(self) -> int:
        return len(self.settings)

    @property
    def moves_placement(self) -> bool:
        """Whether the use of cores depends on it."""
        return CORE_SIZE in self.paths

    @property
    def moves_work(self) -> bool:
        """Whether the work of steps depends on it, and not only what it costs."""
        return CORE_SIZE in self.paths or LANES in self.paths


@dataclass(frozen=True, kw_only=True)
class PriceSpace:
    """All combinations of positions along the dimensions; point i is `numpy.unravel_index(i, shape)`."""

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
    def paths(self) -> tuple[str, ...]:
        """All prices that vary, in the order of the dimensions."""
        return tuple(path for dimension in self.dimensions for path in dimension.paths)

    @property
    def time_dimensions(self) -> tuple[int, ...]:
        """Which dimensions time depends on."""
        return tuple(i for i, dimension in enumerate(self.dimensions) if dimension.moves_time)

    @property
    def placement_dimensions(self) -> tuple[int, ...]:
        """Which dimensions the use of cores depends on; time depends on them too."""
        return tuple(i for i, dimension in enumerate(self.dimensions) if dimension.moves_placement)

    def values_at(self, positions: Sequence[int]) -> dict[str, AxisValue]:
        """Values by path of the design point at `positions`, one a dimension, the clock first."""
        values: dict[str, AxisValue] = {
            path: value
            for dimension, position in zip(self.dimensions, positions, strict=True)
            for path, value in zip(dimension.paths, dimension.settings[position], strict=True)
        }
        return dict(sorted(values.items(), key=lambda item: item[0] != "clock"))

    def chip_at(self, positions: Sequence[int]) -> Chip:
        """The chip of one design point.

        Raises:
            InputError: the prices do not fit each other.
        """
        chip = self.chip
        for path, value in self.values_at(positions).items():
            chip = with_parameter(chip, path, value)
        return chip

    @cached_property
    def _numbers(self) -> list[dict[str, list[Number | None]]]:
        """By dimension and path, the numbers at each position, where all other dimensions are at their first."""
        numbers = []
        for i, dimension in enumerate(self.dimensions):
            along = np.eye(len(self.shape), dtype=np.int64)[i]
            chips = [self.chip_at((position * along).tolist()) for position in range(dimension.size)]
            numbers.append({path: [number_at(chip, path) for chip in chips] for path in dimension.paths})
        return numbers

    def prices(self, placement: Placement, positions: NDArray[np.int64]) -> Prices:
        """The prices of n design points.

        Args:
            placement: of the network on the chip of one of them. Lanes and the size of cores are its own.
            positions: (dimensions, n).
        """
        extent, varied = placement.extent, {}
        for where, numbers in zip(positions, self._numbers, strict=True):
            for path, at in numbers.items():
                for name, values in _arrays(path, at, extent.tiles, extent.chips).items():
                    varied[name] = values[where]
        return Prices(chip=placement.chip, extent=extent, varied=varied)


def _arrays(path: str, numbers: Sequence[Number | None], tiles: int, chips: int) -> dict[str, NDArray[np.float64]]:
    """The numbers as `Prices.varied` has them; nothing for lanes and sizes, which are no prices."""
    if any(isinstance(number, Lanes | CoreCounts) for number in numbers):
        return {}
    if any(isinstance(number, BarrierTimes) for number in numbers):
        return {path: np.array([number.of(tiles, chips) for number in numbers if isinstance(number, BarrierTimes)])}
    arrays = {path: np.array([getattr(number, "value", None) for number in numbers], dtype=np.float64)}
    if any(isinstance(number, TimeNumber) for number in numbers):
        arrays[f"{path}.cycles"] = np.array([getattr(number, "cycles", None) for number in numbers], dtype=np.float64)
    return {name: values for name, values in arrays.items() if not np.isnan(values).all()}

"""The design points of a price file: a grid of prices of one chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.hardware.description import Chip
from codesign.hardware.parameters import with_parameter

if TYPE_CHECKING:
    from codesign.exploration.spec import AxisValue  # what imports it is slow to start, and workers import this

__all__ = ["Dimension", "PriceSpace"]


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
        moves_placement: whether it holds `neurons_per_core`.
    """

    name: str
    paths: tuple[str, ...]
    settings: tuple[tuple[AxisValue, ...], ...]
    columns: tuple[tuple[float | str, ...], ...]
    units: tuple[str, ...]
    moves_time: bool
    moves_placement: bool

    @property
    def size(self) -> int:
        return len(self.settings)


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
        return tuple(i for i, one in enumerate(self.dimensions) if one.moves_time)

    @property
    def placement_dimensions(self) -> tuple[int, ...]:
        """Which dimensions the use of cores depends on; time depends on them too."""
        return tuple(i for i, one in enumerate(self.dimensions) if one.moves_placement)

    def values_at(self, positions: Sequence[int]) -> dict[str, AxisValue]:
        """Values by path of the design point at `positions`, one a dimension, the clock first."""
        values = {
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

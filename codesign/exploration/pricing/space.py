"""The design points of a price file: a grid of one chip's prices, each of which an axis varies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from codesign.arrays import Floats, Integers
from codesign.documents import Path_, Spec
from codesign.errors import InputError
from codesign.exploration.definition.network import AxisValue, column_values, unit_of_values
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import (
    AreaNumber,
    EnergyNumber,
    Lanes,
    Number,
    PowerNumber,
    QuantityNumber,
    TimeNumber,
)
from codesign.hardware.chip.parameters import effect_on, no_effect, number_type, replaced, with_parameters
from codesign.hardware.chip.prices import Extent, Prices, number_at
from codesign.hardware.chip.provenance import STRUCTURE
from codesign.hardware.placement.placement import Placement
from codesign.reporting.pricing import VariedPrice
from codesign.units import Written

MOST_STRUCTURES = 10_000
"""Most structures of a price file; each takes about a millisecond."""


class AxisRange(Spec):
    """`points` values between two ends, both included, on a `linear` or `log` scale; lanes are rounded, without
    repeats."""

    from_: Annotated[Written, Field(alias="from")]
    to: Written
    points: Annotated[int, Field(ge=2, le=10_000, strict=True)]
    scale: Literal["linear", "log"] = "linear"


AxisEntry = Annotated[
    Annotated[tuple[AxisValue, ...], Field(min_length=1), Tag("Values")] | Annotated[AxisRange, Tag("AxisRange")],
    Discriminator(lambda given: "AxisRange" if isinstance(given, dict | AxisRange) else "Values"),
]


@dataclass(frozen=True, kw_only=True)
class Axis(VariedPrice):
    """A price with the type of its number, and its (n,) values in the form that `with_parameters` takes."""

    kind: type[Number]
    values: tuple[AxisValue, ...]


def axis_of(chip: Chip, path: str, entry: tuple[AxisValue, ...] | AxisRange, *, group: str = "") -> Axis:
    """The axis of an entry of the file; `group` is the name of linked axes."""
    kind = number_type(chip, path)
    if kind is None and path.startswith("structure."):
        kind = Number  # a word, such as the type of a memory
    if kind is None:
        raise InputError(f"{path}: is not a number; vary it in a sweep")
    if effect_on(chip, path, kind) == "spikes":
        raise InputError(
            f"{path}: changes spikes or where neurons are placed, so the stored executions do not hold for it; vary it "
            "in a sweep, which simulates again"
        )
    if problem := no_effect(chip, path):
        raise InputError(f"{path}: {problem}")
    for value in (entry.from_, entry.to) if isinstance(entry, AxisRange) else entry:
        replaced(chip, {path: value})  # raises if the value does not fit; `chip_at` looks at all prices together
    values = _spread(kind, path, entry) if isinstance(entry, AxisRange) else entry
    shown, unit = _shown(values)
    bare = "x" if issubclass(kind, BarrierTimes) else "cycles" if issubclass(kind, TimeNumber) else ""
    return Axis(path=path, group=group, shown=shown, unit=unit, bare=bare, kind=kind, values=values)


def _spread(kind: type[Number], path: str, entry: AxisRange) -> tuple[AxisValue, ...]:
    (low, high), unit = _shown((entry.from_, entry.to))
    ends = f"found {entry.from_!r} and {entry.to!r}"
    if isinstance(low, str) or isinstance(high, str):
        raise InputError(f"{path}: from and to must be numbers of the same form, {ends}")
    if not low < high:
        raise InputError(f"{path}: 'from' must be below 'to', {ends}")
    if entry.scale == "log" and low <= 0:
        raise InputError(f"{path}: a log scale needs ends above 0, {ends}")
    numbers = (np.geomspace if entry.scale == "log" else np.linspace)(low, high, entry.points).tolist()
    if not kind.unit:
        return tuple(dict.fromkeys(map(round, numbers)))
    if isinstance(entry.from_, str) and not unit:
        return tuple(f"x{number!r}" for number in numbers)
    return tuple(f"{number!r} {unit}" if unit else number for number in numbers)


def _shown(values: Sequence[AxisValue]) -> tuple[tuple[float | str, ...], str]:
    """Values as numbers, in SI units or factors, and their unit; as text if their forms differ."""
    if all(isinstance(value, str) and value.startswith("x") for value in values):
        with suppress(ValueError):
            return tuple(float(str(value)[1:]) for value in values), ""
    return tuple(column_values(values)), unit_of_values(values)


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One dimension of the grid: a price, or several that vary together, identified by its place in the file."""

    place: Path_
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        return len(self.axes[0].values)

    @property
    def moves_time(self) -> bool:
        """Whether times depend on it, including latency and the time that a sample takes."""
        return not all(issubclass(axis.kind, EnergyNumber | PowerNumber | AreaNumber) for axis in self.axes)

    @property
    def moves_structure(self) -> bool:
        """Whether it varies lanes, memories, node or voltage, on which the chip's other numbers may depend."""
        return not all(issubclass(axis.kind, QuantityNumber | BarrierTimes) for axis in self.axes)

    @property
    def moves_work(self) -> bool:
        """Whether the work of steps depends on it, not just the cost of the work."""
        return any(issubclass(axis.kind, Lanes) for axis in self.axes)


@dataclass(frozen=True, kw_only=True)
class PriceSpace:
    """All combinations of positions along the dimensions; point i has the positions `numpy.unravel_index(i, shape)`.

    Positions of n points are (dimensions, n). A *combination* is a set of points that differ only along dimensions on
    which no time depends, such as energies and powers; all its points have the same times.
    """

    chip: Chip
    dimensions: tuple[Dimension, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(dimension.size for dimension in self.dimensions)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All varying prices, in the order of the dimensions."""
        return tuple(axis for dimension in self.dimensions for axis in dimension.axes)

    def along(self, positions: Sequence[Any] | Integers) -> list[tuple[Axis, Any]]:
        pairs = zip(self.dimensions, positions, strict=True)
        return [(axis, where) for dimension, where in pairs for axis in dimension.axes]

    def positions(self, points: Integers) -> Integers:
        """(dimensions, n) positions of points, given by number."""
        return np.array(np.unravel_index(points, self.shape), dtype=np.int64)

    @property
    def combined_shape(self) -> tuple[int, ...]:
        """Shape of the grid of combinations."""
        return tuple(dimension.size if dimension.moves_time else 1 for dimension in self.dimensions)

    def combinations(self, positions: Integers) -> Integers:
        """(n,) number of each point's combination."""
        return _numbers_in(self.combined_shape, positions)

    def chip_at(self, positions: Iterable[int]) -> Chip:
        """The chip of one design point. Raises InputError if its prices do not fit together."""
        chosen = {axis.path: axis.values[position] for axis, position in self.along(list(positions))}
        return with_parameters(self.chip, chosen)

    @cached_property
    def _chips_along(self) -> list[list[Chip]]:
        """The chip at each position of each dimension, with all other dimensions at their first position."""
        grids = np.eye(len(self.shape), dtype=np.int64)
        return [
            [self.chip_at((position * along).tolist()) for position in range(dimension.size)]
            for dimension, along in zip(self.dimensions, grids, strict=True)
        ]

    @cached_property
    def _numbers(self) -> list[list[Any]]:
        """The chip's number at each position of each axis, with all other dimensions at their first position."""
        pairs = zip(self.dimensions, self._chips_along, strict=True)
        return [[number_at(chip, axis.path) for chip in chips] for one, chips in pairs for axis in one.axes]

    @cached_property
    def structural_shape(self) -> tuple[int, ...]:
        """Shape of the grid of `structures`."""
        if self.chip.structure is None:
            return (1,) * len(self.dimensions)
        given = {axis.path for axis in self.axes}
        times = [number for path, number in self.chip.numbers().items() if path not in given]
        rounded = any(isinstance(time, TimeNumber) and (time.cycles or time.source == STRUCTURE) for time in times)

        def moves(one: Dimension, chips: list[Chip]) -> bool:
            clocked = rounded and any(axis.path == "clock" for axis in one.axes)  # whole cycles hold a word of any chip
            return one.moves_structure or clocked or bool(self._moved(chips))

        pairs = zip(self.dimensions, self._chips_along, strict=True)
        return tuple(one.size if moves(one, chips) else 1 for one, chips in pairs)

    @cached_property
    def structures(self) -> tuple[Chip, ...]:
        """Chips for all combinations along dimensions that change more than their own prices, with all others at their
        first position."""
        return tuple(self.chip_at(map(int, at)) for at in np.ndindex(*self.structural_shape))

    def structure_of(self, positions: Integers) -> Integers:
        """(n,) index in `structures` of each point."""
        return _numbers_in(self.structural_shape, positions)

    @cached_property
    def _estimated(self) -> dict[str, list[Any]]:
        """Numbers, by path, that differ between `structures` and are not set by an axis, one per structure."""
        return self._moved(self.structures)

    def _moved(self, chips: Sequence[Chip]) -> dict[str, list[Any]]:
        """Prices, by path, that differ between chips and are not set by an axis, one per chip."""
        set_by_axes = {axis.path for axis in self.axes}
        paths = [path for path in chips[0].numbers() if path not in set_by_axes]
        numbers = {path: [number_at(chip, path) for chip in chips] for path in paths}
        return {
            path: of
            for path, of in numbers.items()
            if isinstance(of[0], QuantityNumber | BarrierTimes) and any(number != of[0] for number in of)
        }

    def prices(self, placement: Placement, positions: Integers) -> Prices:
        """The prices of n design points at (dimensions, n) positions. `placement` is on the chip of one of them, whose
        lanes apply to all."""
        of_axes = [
            (axis.path, numbers, where)
            for (axis, where), numbers in zip(self.along(positions), self._numbers, strict=True)
            if issubclass(axis.kind, QuantityNumber | BarrierTimes)
        ]
        structure = self.structure_of(positions)
        varied = {
            path: values[where]
            for name, numbers, where in (*of_axes, *((path, of, structure) for path, of in self._estimated.items()))
            for path, values in _arrays(name, numbers, placement.extent).items()
        }
        return Prices(chip=placement.chip, extent=placement.extent, varied=varied)


def _numbers_in(shape: tuple[int, ...], positions: Integers) -> Integers:
    """(n,) numbers of points at positions of the whole grid, in a grid of size 1 along some dimensions."""
    first = np.minimum(positions, np.array(shape)[:, None] - 1)
    return np.asarray(np.ravel_multi_index(tuple(first), shape), dtype=np.int64)


def _arrays(path: str, numbers: list[Any], extent: Extent) -> dict[str, Floats]:
    """Numbers at a path in the form of `Prices.varied`."""
    if isinstance(numbers[0], BarrierTimes):
        return {path: np.array([number.of(extent.tiles, extent.chips) for number in numbers])}
    arrays = {path: np.array([number.value for number in numbers], dtype=np.float64)}
    if isinstance(numbers[0], TimeNumber):
        arrays[f"{path}.cycles"] = np.array([number.cycles for number in numbers], dtype=np.float64)
    return {path: values for path, values in arrays.items() if not np.isnan(values).all()}


def build_space(chip: Chip, axes: Mapping[str, AxisEntry], linked: Mapping[str, Mapping[str, AxisEntry]]) -> PriceSpace:
    """Build the grid of a price file on a chip; see `PricingSpec`."""
    dimensions = tuple(
        Dimension(place=("axes", path), axes=(axis_of(chip, path, entry),)) for path, entry in axes.items()
    )
    for name, members in linked.items():
        together = tuple(axis_of(chip, path, entry, group=name) for path, entry in members.items())
        dimensions += (Dimension(place=("linked", name), axes=together),)
    return PriceSpace(chip=chip, dimensions=dimensions)

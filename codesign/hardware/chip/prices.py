"""Prices of a chip: each number is a value, or an array over scenarios. They contain no counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import Number, TimeNumber
from codesign.hardware.chip.parts import Barrier, Timer
from codesign.hardware.terms import COST_TERMS, HOP_TIMES, WORK_TIMES, Action, CostTerm

Price = float | Floats | None
"""A price, an array of prices, or None if the chip does not give it."""

NOT_OF_TIMES = {"area", *(action.price for term in COST_TERMS.values() for action in term.actions)}
"""Paths of the numbers on which no time depends: energies, powers and the area."""
_NEEDED_TIMES = ("synaptic_operation", "neuron_update", "output")


class Extent(NamedTuple):
    """How much of a chip is in use."""

    cores: int
    chips: int
    tiles: int


class RouteKinds(NamedTuple):
    """Whether hops between cores are known, and whether messages make any, or cross chip borders."""

    described: bool
    hops: bool
    crossings: bool


def number_at(chip: Chip, path: str) -> Number | None:
    """The number at a path such as `energies.spike`; None if the chip does not give it."""
    number = reduce(lambda part, name: getattr(part, name, None), path.split("."), chip)  # type: ignore[arg-type, return-value]
    return number if isinstance(number, Number) else None


def with_number(chip: Chip, path: str, number: Any) -> Chip:
    """The chip with another number at such a path, or without it, regardless of consistency."""
    block, _, name = path.rpartition(".")
    if not block:
        return chip.model_copy(update={name: number})
    return chip.model_copy(update={block: getattr(chip, block).model_copy(update={name: number})})


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The numbers of a chip that price a network on it, in SI units.

    Attributes:
        chip: the chip that has the numbers.
        extent: how much of the chip the network uses; powers and the time of a barrier grow with it.
        varied: (n,) arrays over n scenarios that replace the chip's own numbers, by path. A time in cycles of the clock
            has `.cycles` at the end of its path, and is used where the array of seconds has NaN or is missing. The
            times of barriers are one time, that of `extent`.
    """

    chip: Chip
    extent: Extent
    varied: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def scenarios(self) -> int:
        """n, or 1 if nothing varies."""
        return len(next(iter(self.varied.values()), (0,)))

    def with_distinct_times(self) -> tuple[Prices, Integers]:
        """The scenarios that differ in anything that a time depends on, and the index of the one that each scenario
        equals. Energies and powers do not change times."""
        varied = {path: values for path, values in self.varied.items() if path not in NOT_OF_TIMES}
        if not varied:
            return replace(self, varied={}), np.zeros(self.scenarios, dtype=np.int64)
        _, first, like = np.unique(np.array(list(varied.values())), axis=1, return_index=True, return_inverse=True)
        distinct = replace(self, varied={path: values[first] for path, values in varied.items()})
        return distinct, like.reshape(-1)

    def value(self, path: str) -> Price:
        """An energy, a power, or another number that is not a time."""
        if path in self.varied:
            return self.varied[path]
        number = number_at(self.chip, path)
        return None if number is None else number.value  # type: ignore[attr-defined]

    def seconds(self, path: str) -> Price:
        stated, cycles = self.varied.get(path), self.varied.get(f"{path}.cycles")
        number = number_at(self.chip, path)
        if stated is None and cycles is None:
            if not isinstance(number, TimeNumber):
                return None
            if number.cycles is None:
                return number.value
            cycles = np.float64(number.cycles)  # type: ignore[assignment]
        if cycles is None:
            return stated
        clock = self.value("clock")
        assert clock is not None  # guaranteed by the consistency of the chip's file
        clocked = cycles / clock
        return clocked if stated is None else np.where(np.isnan(stated), clocked, stated)

    def unit_energy(self, action: Action) -> Price:
        """Energy of one action in joules, or power in watts if it is drawn while the chip is on."""
        price = self.value(action.price)
        if price is None and action.fallback:
            price = self.value(action.fallback)
        if price is None or not action.factor:
            return price
        factor = self.value(action.factor)
        return None if factor is None else price * factor

    @property
    def cores(self) -> int:
        """Number of all cores of the chips that the network occupies, or of its own cores if cores were added."""
        return max(self.chip.cores.value * self.extent.chips, self.extent.cores)

    @property
    def core_share(self) -> float:
        """Cores in use over all cores of the chips that the network occupies."""
        return self.extent.cores / self.cores

    def drawn(self, term: CostTerm) -> int:
        """Number of chips or cores that draw a power, by which it is multiplied."""
        extent = self.extent
        if term.drawn_by == "chips":
            return extent.chips
        return extent.cores if term.drawn_by == "cores_in_use" else self.cores - extent.cores

    @cached_property
    def included(self) -> dict[str, str]:
        """Terms that the number of another term already contains, and that other term."""
        holders = {}
        for term in COST_TERMS.values():
            for action in term.actions:
                for inside in getattr(number_at(self.chip, action.price), "includes", ()):
                    holders[inside] = term.name
        return holders

    def work_times(self) -> Floats:
        """(6, n) times of the kinds of work in seconds; 0 if another time contains them or they are not separated."""
        return self._stacked([self.seconds(path) for path in WORK_TIMES])

    def hop_times(self) -> Floats:
        """(3, n) times of a hop along the row, along the column and between chips."""
        times = []
        for path, fallback in HOP_TIMES:
            time = self.seconds(path)
            times.append(self.seconds(fallback) if time is None and fallback else time)
        return self._stacked(times)

    def barrier(self) -> float | Floats:
        """Time of one barrier of the tiles and chips in use; 0 if the chip has none or does not give it."""
        if "synchronization.times" in self.varied:
            return self.varied["synchronization.times"]
        times = number_at(self.chip, "synchronization.times")
        return times.of(self.extent.tiles, self.extent.chips) if isinstance(times, BarrierTimes) else 0.0

    def missing_times(self, routes: RouteKinds | None = None) -> tuple[str, ...]:
        """What a latency needs and the chip's file does not give, in words for `not_modelled`; without routes, what the
        cores alone need. Under a timer, routes take no time."""
        chip, extent = self.chip, self.extent
        times, included = chip.times, chip.times.included
        missing = [] if chip.vector_width is not None else ["vector_width"]
        missing += [f"times.{name}" for name in _NEEDED_TIMES if getattr(times, name) is None and name not in included]
        if routes is not None and "hop" not in included and not isinstance(chip.synchronization, Timer):
            if not routes.described:
                missing.append("network_on_chip")
            elif routes.hops and times.hop is None:
                missing.append("times.hop")
            if routes.crossings and times.chip_hop is None:
                missing.append("times.chip_hop")
        if isinstance(chip.synchronization, Barrier):
            if chip.synchronization.times is None:
                missing.append("synchronization.times")
            elif extent.chips > 1 and not chip.synchronization.times.by_chips:
                missing.append(f"synchronization.times.by_chips for {extent.chips} chips")
        return tuple(missing)

    def _stacked(self, times: list[Price]) -> Floats:
        rows = [np.broadcast_to(0.0 if time is None else time, (self.scenarios,)) for time in times]
        return np.array(rows, dtype=np.float64)

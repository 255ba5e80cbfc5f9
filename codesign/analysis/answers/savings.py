"""What limits a network on a chip: the chip's numbers, and the layer, that account for most of its cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codesign.analysis.answers.answers import Option
from codesign.analysis.comparisons.not_modelled import terms_left_out
from codesign.analysis.comparisons.wording import named_number
from codesign.analysis.results.formatting import upper, whole_percent
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.hardware.terms import RATES
from codesign.units import ordinal

WORTH = 0.01
"""The least share that halving a number has to save to be mentioned."""


@dataclass(frozen=True, kw_only=True)
class HalvedNumber:
    """The share of energy and latency that remains with half of one number of a chip, or twice a rate; NaN if
    unknown."""

    path: str
    energy: float
    latency: float

    @property
    def change(self) -> str:
        """`half the time of a synaptic operation`, `twice the clock`."""
        return f"{'twice' if self.path in RATES else 'half'} the {named_number(self.path)}"

    @property
    def saving(self) -> float:
        """The larger of both savings, as a share."""
        return max((1 - left for left in (self.energy, self.latency) if not math.isnan(left)), default=0.0)


def halved_numbers(point: Point) -> list[HalvedNumber]:
    """Return means over the rows of a point for the numbers that all rows have, the most saving first; empty if rows do
    not give them. An all-in figure does not tell how each number contributes to the energy."""
    found: dict[str, list[tuple[float, float]]] = {}
    cells = [*zip(*map(point.cells, ("halved_numbers", "energy_at_half", "latency_at_half")), strict=True)]
    known = [(numbers, energies, latencies) for numbers, energies, latencies in cells if numbers is not None]
    for numbers, energies, latencies in known:
        unknown = [math.nan] * len(numbers)
        energies = unknown if energies is None or point.accounting == "all_in" else energies
        for path, *left in zip(numbers, energies, unknown if latencies is None else latencies, strict=True):
            found.setdefault(path, []).append((float(left[0]), float(left[1])))
    means = {path: np.mean(left, axis=0).tolist() for path, left in found.items() if len(left) == len(known)}
    halved = [HalvedNumber(path=path, energy=energy, latency=latency) for path, (energy, latency) in means.items()]
    return sorted(halved, key=lambda number: -number.saving)


def first_taking_part(options: Sequence[Option]) -> Point | None:
    """Return the point of the first option that meets what is asked; None if none does."""
    return next((option.point for option in options if option.point is not None and option.takes_part), None)


def what_limits(point: Point | None, names: Names) -> str:
    """Say what would save most of a point's energy and latency, in sentences that follow the name of its chip; "" if
    nothing is known of it."""
    if point is None:
        return ""
    savings: dict[str, list[str]] = {}
    energy = "the modelled energy" if terms_left_out(point, "energy_j", names) else "energy"
    for measure, called in (("energy", energy), ("latency", "latency")):
        found = [(1 - getattr(number, measure), number.change) for number in halved_numbers(point)]
        share, change = max((one for one in found if one[0] >= WORTH), default=(0.0, ""))
        if change:
            savings.setdefault(change, []).append(f"{whole_percent(share)} of {called}")
    said = [f"{change} saves {' and '.join(shares)}" for change, shares in savings.items()]
    if layer := _busiest_layer(point):
        said.append(layer)
    return f"{names.chips[point.chip]}: {'. '.join([said[0], *map(upper, said[1:])])}." if said else ""


def _busiest_layer(point: Point) -> str:
    """Name the layer with most of the synaptic operations; "" if there is only one layer."""
    operations = point.means("layer_operations")
    if len(operations) < 2 or not sum(operations):
        return ""
    place = max(range(len(operations)), key=operations.__getitem__)
    share = whole_percent(operations[place] / sum(operations))
    return f"the {ordinal(place + 1)} layer has {share} of the synaptic operations"

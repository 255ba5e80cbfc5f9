"""The influence of each of a chip's numbers on a cost: energy and latency with one number at a time at half its value.

Rates are doubled instead, so that what they time takes half. A number is left out if halving it makes cores drop spikes
in more ticks: nothing is known of a network without these spikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codesign.arguments import instance
from codesign.arrays import Floats
from codesign.hardware.cost.cost import Cost, mean_terms
from codesign.hardware.cost.energy import total_in
from codesign.hardware.cost.uncertainty import rounded, value_of, varied_prices
from codesign.hardware.terms import BOOKS, RATES


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """A cost with one of the chip's numbers at half its value, or a rate at twice its value.

    Attributes:
        path: path of the number in the chip's file, such as `energies.synaptic_operation`.
        energy, energy_cores_in_use, latency: means per sample relative to those of the unchanged cost, so 0.75 if a
            quarter is saved, to six digits; None if unknown, or if the unchanged mean is 0.
    """

    path: str
    energy: float | None
    energy_cores_in_use: float | None
    latency: float | None


def sensitivities(cost: Cost) -> tuple[Sensitivity, ...]:
    """The effect on a cost of halving each of the chip's energies, powers and times, in the order of the fields."""
    instance("cost", cost, Cost)
    prices = cost.counted.placement.prices
    values = {path: value_of(prices.chip, number) for path, number in prices.chip.numbers().items() if path != "area"}
    known = {path: value for path, value in values.items() if value}
    halved = {path: np.full(1 + len(known), value) for path, value in known.items()}
    for scenario, (path, scenarios) in enumerate(halved.items(), start=1):
        scenarios[scenario] *= 2.0 if path in RATES else 0.5
    terms_j, times = mean_terms(cost, varied_prices(prices, halved))
    totals = (*(total_in(book, terms_j, prices.core_share) for book in BOOKS), times.latency_s)
    relative = zip(*(_relative(total, len(known)) for total in totals), strict=True)
    return tuple(
        Sensitivity(path=path, energy=board, energy_cores_in_use=cores_in_use, latency=latency)
        for path, (board, cores_in_use, latency), drops in zip(known, relative, times.drops[1:], strict=True)
        if drops <= times.drops[0]
    )


def _relative(values: Floats | None, count: int) -> Sequence[float | None]:
    """All values except the first, relative to the first."""
    if values is None or values[0] == 0:
        return [None] * count
    return rounded(np.broadcast_to(values, 1 + count)[1:] / values[0])


def sensitivity_columns(cost: Cost) -> dict[str, list[Any] | None]:
    """Columns of a row with the effect of halving each number, by the names of results' columns."""
    found = sensitivities(cost)
    columns: dict[str, list[Any]] = {
        "halved_numbers": [half.path for half in found],
        "energy_at_half": [half.energy for half in found],
        "energy_cores_in_use_at_half": [half.energy_cores_in_use for half in found],
        "latency_at_half": [half.latency for half in found],
    }
    return {name: None if None in cells else cells for name, cells in columns.items()}

"""Energies of design points: mean counts times prices, and mean times switched on times powers.

Both are the functions that price one chip alone, `charges` and `total`, called with arrays: the same operations in the
same order, so the same bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.exploration.pricing.space import PriceSpace
from codesign.exploration.pricing.times import ModelTimes, Positions, Problem
from codesign.hardware.tariff import ENERGY_TERMS, Tariff, charges, tariff_of, total
from codesign.hardware.usage import Usage
from codesign.hardware.work import Layout

__all__ = ["PricedChunk", "Pricer", "mean_of"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PATHS = {
    **{
        f"{name}_j": (f"energies.{name}",)
        for name in ("synaptic_operation", "neuron_access", "neuron_update", "spike", "message", "hop")
    },
    **{f"{name}_j": (f"energies.{name}",) for name in ("chip_hop", "barrier_message")},
    "hop_vertical_j": ("energies.hop", "energies.hop_vertical"),
    "clock_w": ("energies.clock_cycle", "clock"),
    "active_core_w": ("active_core_power",),
    "static_w": ("static_power",),
}
"""The numbers of a chip that each price of a tariff is made of, beside the layout."""


@dataclass(frozen=True, kw_only=True)
class PricedChunk:
    """Energy and latency of n design points for one model, and the terms of the energy, (n,) each.

    Attributes:
        energy_j, latency_s: NaN where not known.
        terms_j: by name, those that are known.
    """

    energy_j: Floats
    latency_s: Floats
    terms_j: dict[str, Floats]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """A price by positions along some dimensions."""

    dimensions: tuple[int, ...]
    values: Floats


class Pricer:
    """Prices any design points of a space for one model.

    Args:
        usage: layout and mean counts by placement, as `model_usage` gives them.
        times: of every combination that will be asked for.
    """

    def __init__(self, problem: Problem, usage: Mapping[Positions, tuple[Layout, Usage]], times: ModelTimes) -> None:
        self._problem, self._usage, self._times = problem, usage, times
        self._tables = {key: _tables(problem.space, key, layout) for key, (layout, _) in usage.items()}
        self._all_in = problem.space.chip.all_in

    def price(self, positions: Integers) -> PricedChunk:
        """Price design points.

        Args:
            positions: (dimensions, n) of each point.
        """
        space = self._problem.space
        count = positions.shape[1]
        which = np.zeros(count, dtype=np.int64)
        if space.time_dimensions:
            which = np.ravel_multi_index(tuple(positions[i] for i in space.time_dimensions), self._problem.time_shape)
        latency, on_s = self._times.latency_s[which], self._times.on_s[which]
        if len(self._usage) == 1:
            energy, terms = self._energy(next(iter(self._usage)), positions, on_s)
            return PricedChunk(energy_j=energy, latency_s=latency, terms_j=terms)
        energy = np.full(count, np.nan)
        terms = {}
        for key in self._usage:
            own = np.flatnonzero(np.equal(positions[list(space.placement_dimensions)].T, key).all(axis=1))
            if len(own):
                energy[own], parts = self._energy(key, positions[:, own], on_s[own])
                for name, part in parts.items():
                    terms.setdefault(name, np.full(count, np.nan))[own] = part
        return PricedChunk(energy_j=energy, latency_s=latency, terms_j=terms)

    def _energy(self, key: Positions, positions: Integers, on_s: Floats) -> tuple[Floats, dict[str, Floats]]:
        usage = self._usage[key][1]
        tariff, tables = self._tables[key]
        prices: dict[str, Any] = {
            name: table.values[tuple(positions[i] for i in table.dimensions)] for name, table in tables.items()
        }
        priced = replace(tariff, **prices)
        shape = positions.shape[1:]
        if priced.synaptic_operation_j is None:
            return np.full(shape, np.nan), {}
        if self._all_in:
            energy = np.broadcast_to(usage.synaptic_operation * priced.synaptic_operation_j, shape)
            return energy, {"synaptic_operation": energy}
        terms = charges(usage, priced, None if np.isnan(on_s).all() else on_s)
        found = total([terms[name] for name in ENERGY_TERMS])
        assert found is not None  # that of synaptic operations is known
        parts = {name: np.broadcast_to(part, shape) for name, part in terms.items() if part is not None}
        return np.broadcast_to(found, shape), parts


def _tables(space: PriceSpace, placement: Positions, layout: Layout) -> tuple[Tariff, dict[str, _Table]]:
    """The tariff at first positions, and every price of it that varies; each found by asking the chip at its points."""
    start = [0] * len(space.shape)
    for dimension, position in zip(space.placement_dimensions, placement, strict=True):
        start[dimension] = position
    tariff = tariff_of(space.chip_at(start), layout)
    tables = {}
    for name in (field.name for field in fields(Tariff) if field.name in _PATHS):
        along = tuple(i for i, one in enumerate(space.dimensions) if set(one.paths) & set(_PATHS[name]))
        if not along or getattr(tariff, name) is None:
            continue
        shape = tuple(space.shape[i] for i in along)
        values = np.empty(shape)
        for at in itertools.product(*map(range, shape)):
            positions = list(start)
            for dimension, position in zip(along, at, strict=True):
                positions[dimension] = position
            values[at] = getattr(tariff_of(space.chip_at(positions), layout), name)
        tables[name] = _Table(dimensions=along, values=values)
    return tariff, tables


def mean_of(parts: Sequence[Any]) -> Any:
    """Mean over models, one after another."""
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found / len(parts)

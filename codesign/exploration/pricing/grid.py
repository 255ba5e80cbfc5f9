"""What a price file prices, and the costs of its design points.

    sweep ─► executions ─► times of each combination of the prices that time depends on ─┐
                       └─► mean counts ───────────────────────────────► points in chunks ┴─► energies

Both come from the functions that price one chip, `mean_times` and `mean_costs`, called with arrays of prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.exploration.encoding import decode_execution
from codesign.exploration.pricing.space import PriceSpace
from codesign.hardware.action_counts import action_counts
from codesign.hardware.cost import mean_costs
from codesign.hardware.numbers import Operation
from codesign.hardware.placement import Placement
from codesign.hardware.work import PlacedExecution

__all__ = ["ModelTimes", "PricedModel", "Pricer", "PricingProblem", "mean_of_models"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Columns = Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True)
class PricedModel:
    """One stored execution.

    Attributes:
        recipe, seed: of the training.
        accuracy: of the execution.
        key, payload: of the execution in the store.
    """

    recipe: str
    seed: int
    accuracy: float
    key: str
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class PricingProblem:
    """What is to be priced.

    Attributes:
        space: the design points.
        models: the executions, all of one network under one schedule.
        placements: the network on the chip, by position along the space's core dimension; one where it has none.
        operation: how the chip runs.
    """

    space: PriceSpace
    models: tuple[PricedModel, ...]
    placements: tuple[Placement, ...]
    operation: Operation

    @property
    def recipes(self) -> dict[str, list[int]]:
        """Models of each recipe, one a training seed."""
        by_recipe: dict[str, list[int]] = {}
        for i, model in enumerate(self.models):
            by_recipe.setdefault(model.recipe, []).append(i)
        return by_recipe

    def placement_at(self, positions: Iterable[int]) -> Placement:
        """The network on the chip of a design point."""
        at = [int(position) for position in positions]
        along = self.space.core_dimension
        return self.placements[0 if along is None else at[along]].on(self.space.chip_at(at))


@dataclass(frozen=True, kw_only=True)
class ModelTimes:
    """Times of one model by combination, (combinations,) each, in seconds; NaN where not known.

    Attributes:
        latency_s: mean time until the stop; of chips without synchronization the stepwise bound, or the replay.
        on_s: mean time that static power is drawn.
        missing: what is missing for a latency, in words.
    """

    latency_s: Floats
    on_s: Floats
    missing: tuple[str, ...] = ()


class Pricer:
    """Prices any design points of a problem for one model.

    Args:
        times: of every combination that will be asked for.
    """

    def __init__(self, problem: PricingProblem, model: PricedModel, times: ModelTimes) -> None:
        self._space, self._operation, self._times = problem.space, problem.operation, times
        execution = decode_execution(model.payload)
        self._counts = []
        for size in range(len(problem.placements)):
            positions = [0] * len(self._space.shape)
            if self._space.core_dimension is not None:
                positions[self._space.core_dimension] = size
            placement = problem.placement_at(positions)
            self._counts.append((placement, action_counts(PlacedExecution(execution, placement)).mean()))

    def price(self, positions: Integers) -> dict[str, Floats]:
        """Costs of n design points, given their (dimensions, n) positions.

        Returns:
            (n,) `energy_j`, `latency_s`, and `energy_TERM_j` of each term that is known; NaN where not known.
        """
        combinations = self._space.combinations(positions)
        count = len(combinations)
        columns = {"energy_j": np.full(count, np.nan), "latency_s": self._times.latency_s[combinations]}
        along = self._space.core_dimension
        for size, (placement, counts) in enumerate(self._counts):
            own = slice(None) if along is None else np.flatnonzero(positions[along] == size)
            on_s = self._times.on_s[combinations[own]]
            prices = self._space.prices(placement, positions[:, own])
            costs = mean_costs(counts, prices, None if np.isnan(on_s).all() else on_s, self._operation)
            if costs.energy_j is None:
                continue
            columns["energy_j"][own] = costs.energy_j
            for name, values in costs.terms_j.items():
                if values is not None:
                    columns.setdefault(f"energy_{name}_j", np.full(count, np.nan))[own] = values
        return columns


def mean_of_models(problem: PricingProblem, models: Sequence[int], priced: Sequence[Columns]) -> dict[str, Floats]:
    """Means of columns over models of a recipe, and their accuracy.

    Args:
        models: of the problem, by number.
        priced: columns of each of them.
    """
    accuracy = sum(problem.models[model].accuracy for model in models) / len(models)
    means = {name: np.sum([columns[name] for columns in priced], axis=0) / len(models) for name in priced[0]}
    return {"accuracy": np.full_like(means["energy_j"], accuracy), **means}

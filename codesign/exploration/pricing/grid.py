"""What a price file prices, and the energies and latencies of its design points.

    sweep ─► executions ─► times of each combination of the prices that time depends on ─┐
                       └─► mean counts ───────────────────────────────► points in chunks ┴─► energies

Both come from the functions that price one chip, `mean_times` and `mean_costs`, called with arrays of prices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.exploration.encoding import decode_execution
from codesign.exploration.pricing.space import PriceSpace
from codesign.exploration.pricing.workers import outcomes
from codesign.hardware.action_counts import ActionCounts, action_counts
from codesign.hardware.cost import counted, mean_costs, mean_times
from codesign.hardware.numbers import Operation
from codesign.hardware.placement import Placement
from codesign.hardware.work import PlacedExecution
from codesign.simulation.execution import Execution

__all__ = ["ModelTimes", "PricedChunk", "PricedModel", "Pricer", "Problem", "TimeTask", "mean_of", "model_times"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Positions = tuple[int, ...]


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
class Problem:
    """What is to be priced.

    Attributes:
        space: the design points.
        models: the executions, all of one network under one schedule.
        placements: the network on the chip, by positions along the space's placement dimensions.
        operation: how the chip runs.
    """

    space: PriceSpace
    models: tuple[PricedModel, ...]
    placements: dict[Positions, Placement]
    operation: Operation

    @property
    def time_shape(self) -> tuple[int, ...]:
        """Positions along each dimension that time depends on."""
        return tuple(self.space.shape[i] for i in self.space.time_dimensions)

    @property
    def recipes(self) -> dict[str, list[int]]:
        """Models of each recipe, one a training seed."""
        by_recipe: dict[str, list[int]] = {}
        for i, model in enumerate(self.models):
            by_recipe.setdefault(model.recipe, []).append(i)
        return by_recipe

    def combinations(self, positions: Integers) -> Integers:
        """(n,) flat index into `time_shape` of design points, from their (dimensions, n) positions."""
        if not self.space.time_dimensions:
            return np.zeros(positions.shape[1], dtype=np.int64)
        along = tuple(positions[i] for i in self.space.time_dimensions)
        return np.asarray(np.ravel_multi_index(along, self.time_shape), dtype=np.int64)

    def positions_of(self, combinations: Sequence[int]) -> Integers:
        """(dimensions, n) positions of combinations; along dimensions that no time depends on, the first."""
        positions = np.zeros((len(self.space.shape), len(combinations)), dtype=np.int64)
        if self.space.time_dimensions:
            positions[list(self.space.time_dimensions)] = np.unravel_index(combinations, self.time_shape)
        return positions

    def placement_at(self, positions: Iterable[int]) -> Placement:
        """The network on the chip of a design point."""
        at = [int(position) for position in positions]
        return self.placements[tuple(at[i] for i in self.space.placement_dimensions)].on(self.space.chip_at(at))


# times ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TimeTask:
    """Combinations of one model that share the work of their steps, by flat index into `Problem.time_shape`."""

    model: int
    combinations: tuple[int, ...]
    bound_only: bool = True


@dataclass(frozen=True, kw_only=True)
class ModelTimes:
    """Times of one model by combination, (combinations,) each, in seconds; NaN where the chip's numbers allow none.

    Attributes:
        latency_s: mean time until the stop; of chips without synchronization the stepwise bound, or the replay.
        on_s: mean time that static power is drawn.
        lacking: what is missing for a latency, in words.
    """

    latency_s: Floats
    on_s: Floats
    lacking: tuple[str, ...]


def model_times(
    problem: Problem,
    wanted: dict[int, Sequence[int]] | None = None,
    *,
    bound_only: bool = True,
    workers: int,
    advanced: Callable[[int, int], None] | None = None,
) -> dict[int, ModelTimes]:
    """Times by model; NaN for combinations that are not wanted.

    Args:
        wanted: combinations by model; None for all.
        bound_only: the stepwise bound of chips without synchronization, instead of a replay.
        workers: processes; 1 works in this one.
        advanced: told how many combinations are done, of how many.
    """
    count = int(np.prod(problem.time_shape, dtype=np.int64))
    tasks = _tasks(problem, wanted or dict.fromkeys(range(len(problem.models)), range(count)), bound_only)
    total, done = sum(len(task.combinations) for task in tasks), 0
    by_model: dict[int, ModelTimes] = {}
    for task, times in outcomes(_run, problem, tasks, workers):
        if task.model not in by_model:
            nothing = np.full(count, np.nan)
            by_model[task.model] = ModelTimes(latency_s=nothing, on_s=nothing.copy(), lacking=times.lacking)
        which = list(task.combinations)
        by_model[task.model].latency_s[which] = times.latency_s
        by_model[task.model].on_s[which] = times.on_s
        done += len(which)
        if advanced is not None:
            advanced(done, total)
    return by_model


def _tasks(problem: Problem, wanted: dict[int, Sequence[int]], bound_only: bool) -> list[TimeTask]:
    along = [i for i, dimension in enumerate(problem.space.dimensions) if dimension.moves_work]
    tasks = []
    for model, combinations in wanted.items():
        groups: dict[Positions, list[int]] = {}
        keys = problem.positions_of(list(combinations))[along].T
        for combination, key in zip(combinations, keys.tolist(), strict=True):
            groups.setdefault(tuple(key), []).append(combination)
        tasks += [TimeTask(model=model, combinations=tuple(own), bound_only=bound_only) for own in groups.values()]
    return tasks


def _run(problem: Problem, task: TimeTask, execution: Execution) -> ModelTimes:
    positions = problem.positions_of(task.combinations)
    placement = problem.placement_at(positions[:, 0])
    prices = problem.space.prices(placement, positions)
    times = mean_times(counted(execution, placement), prices, problem.operation, bound_only=task.bound_only)
    shape, nothing = len(task.combinations), np.float64(np.nan)
    latency, on = (nothing if mean is None else mean for mean in (times.latency_s, times.on_s))
    return ModelTimes(
        latency_s=np.broadcast_to(latency, shape), on_s=np.broadcast_to(on, shape), lacking=times.not_modelled
    )


# energies ------------------------------------------------------------------------------------------------------------


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


class Pricer:
    """Prices any design points of a problem for one model.

    Args:
        times: of every combination that will be asked for.
    """

    def __init__(self, problem: Problem, model: int, times: ModelTimes) -> None:
        self._problem, self._times = problem, times
        execution = decode_execution(problem.models[model].payload)
        self._counts: dict[Positions, tuple[Placement, ActionCounts]] = {}
        for key in problem.placements:
            positions = [0] * len(problem.space.shape)
            for dimension, position in zip(problem.space.placement_dimensions, key, strict=True):
                positions[dimension] = position
            placement = problem.placement_at(positions)
            self._counts[key] = placement, action_counts(PlacedExecution(execution, placement)).mean()

    def price(self, positions: Integers) -> PricedChunk:
        """Price design points, given their (dimensions, n) positions."""
        along = list(self._problem.space.placement_dimensions)
        count, combinations = positions.shape[1], self._problem.combinations(positions)
        energy = np.full(count, np.nan)
        terms: dict[str, Floats] = {}
        for key, (placement, counts) in self._counts.items():
            own = np.flatnonzero(np.equal(positions[along].T, key).all(axis=1)) if along else slice(None)
            prices = self._problem.space.prices(placement, positions[:, own])
            on_s = self._times.on_s[combinations[own]]
            costs = mean_costs(counts, prices, None if np.isnan(on_s).all() else on_s, self._problem.operation)
            if costs.energy_j is None:
                continue
            energy[own] = costs.energy_j
            for name, part in costs.terms_j.items():
                if part is not None:
                    terms.setdefault(name, np.full(count, np.nan))[own] = part
        return PricedChunk(energy_j=energy, latency_s=self._times.latency_s[combinations], terms_j=terms)


def mean_of(parts: Sequence[Any]) -> Any:
    """Mean over models, one after another."""
    sum_ = parts[0]
    for part in parts[1:]:
        sum_ = sum_ + part
    return sum_ / len(parts)

"""The problem that a price file poses, and the costs of its design points.

    sweep ─► executions ─► times of each combination of the prices that time depends on ─┐
                       └─► mean counts ───────────────────────────────► points in chunks ┴─► energies

Times and energies come from the functions that price one chip, `mean_times` and `term_energies`, called with arrays of
prices.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codesign.arrays import Flags, Floats, Integers
from codesign.exploration.jobs.encoding import decode_execution
from codesign.exploration.pricing.space import PriceSpace
from codesign.exploration.pricing.spec import ENERGIES, PricingSpec
from codesign.exploration.runs.progress import Progress
from codesign.hardware.cost.action_counts import action_counts, operations_by_chip
from codesign.hardware.cost.cost import Counted, MeanTimes, mean_times
from codesign.hardware.cost.energy import term_energies, total_in
from codesign.hardware.cost.work import PlacedExecution
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import ENERGY_COLUMNS, Operation
from codesign.simulation.execution import Execution

Columns = Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True)
class PricedModel:
    """A stored execution of the training with a recipe and seed: its accuracy and payload."""

    recipe: str
    seed: int
    accuracy: float
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class PricingProblem:
    """A pricing task: the design points of a price file, executions of one network under one schedule, and their
    assumptions."""

    spec: PricingSpec
    space: PriceSpace
    models: tuple[PricedModel, ...]
    placement: Placement
    operation: Operation
    assumptions: tuple[str, ...]

    @property
    def recipes(self) -> dict[str, list[int]]:
        """Indices of the models of each recipe, one per training seed."""
        by_recipe: dict[str, list[int]] = {}
        for i, model in enumerate(self.models):
            by_recipe.setdefault(model.recipe, []).append(i)
        return by_recipe

    def placement_at(self, positions: Iterable[int]) -> Placement:
        return self.placement.on(self.space.chip_at(map(int, positions)))


class Pricer:
    """Prices any design points of a problem for one model, given (combinations,) arrays, with times in seconds.

    Args:
        latency_s: mean time until the stop, NaN if unknown.
        on_s: mean time that a sample takes, NaN if unknown.
        late: mean share of steps that are late, NaN if unknown.
        drops: whether a timer's cores drop spikes, which costs count as if they arrived.
    """

    def __init__(
        self, problem: PricingProblem, model: PricedModel, latency_s: Floats, on_s: Floats, late: Floats, drops: Flags
    ) -> None:
        self.drops, self.late = drops, late
        self._space, self._operation, self._energy = problem.space, problem.operation, problem.spec.drawn_energy
        self._latency_s, self._on_s = latency_s, on_s
        self._placement = problem.placement_at([0] * len(self._space.shape))
        work = PlacedExecution(decode_execution(model.payload), self._placement)
        self._counts = action_counts(work).mean()
        self._operations = operations_by_chip(work, self._space.structures)

    def price(self, positions: Integers) -> dict[str, Floats]:
        """The costs of n design points at (dimensions, n) positions, as (n,) columns: `ENERGIES`, `latency_s`,
        `area_m2`, `energy_delay_js`, and each known term; NaN for unknown values."""
        combinations = self._space.combinations(positions)
        prices = self._space.prices(self._placement, positions)
        counts = self._counts
        if len(self._operations) > 1:
            counts = replace(counts, synaptic_operation=self._operations[self._space.structure_of(positions)])
        latency_s, on_s = self._latency_s[combinations], self._on_s[combinations]
        latency, on = (None if np.isnan(times).all() else times for times in (latency_s, on_s))
        terms = term_energies(counts.during(self._operation, prices), prices, on, latency)
        sums = {name: total_in(book, terms, prices.core_share) for name, book in ENERGIES.items()}
        known = {name: energy for name, energy in sums.items() if energy is not None}
        if known:
            known |= {ENERGY_COLUMNS[name]: term for name, term in terms.items() if term is not None}
        values: dict[str, Any] = {**dict.fromkeys(ENERGIES, np.nan), **known}
        area_m2 = None if self._placement.area_m2 is None else prices.value("area")
        values["area_m2"] = np.nan if area_m2 is None else area_m2 * self._placement.chips_used
        columns = {name: np.broadcast_to(of, combinations.shape) for name, of in values.items()}
        return {**columns, "latency_s": latency_s, "energy_delay_js": columns.get(self._energy, np.nan) * latency_s}


def pricers_of(
    problem: PricingProblem, replayed: Integers | None = None, *, threads: int, progress: Progress
) -> list[Pricer]:
    """Create a pricer for each model, computing the mean times of combinations.

    Args:
        replayed: combinations whose messages are replayed; the times of others are NaN. None takes all, with the
            stepwise bound for chips without synchronization, and without the shares of late steps.
    """
    space, shape = problem.space, (3, len(problem.models), math.prod(problem.space.combined_shape))
    latency_s, on_s, late = np.full(shape, np.nan)
    drops = np.zeros(latency_s.shape, dtype=bool)
    bound_only, paced = replayed is None, replayed is not None and problem.operation == "real_time"
    wanted = np.arange(shape[-1]) if replayed is None else replayed
    positions = np.array(np.unravel_index(wanted, space.combined_shape), dtype=np.int64)
    moving = [i for i, dimension in enumerate(space.dimensions) if dimension.moves_work]
    _, group = np.unique(positions[moving], axis=1, return_inverse=True)  # points of equal lanes share work
    groups = [np.flatnonzero(group == number) for number in range(group.max() + 1)]
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for number, model in enumerate(problem.models):
            execution = decode_execution(model.payload)

            def computed(positions: Integers, execution: Execution = execution) -> MeanTimes:
                placement = problem.placement_at(positions[:, 0])
                prices = space.prices(placement, positions)
                work = Counted(execution, placement)
                return mean_times(work, prices, problem.operation, bound_only=bound_only, paced=paced)

            for own, means in zip(groups, pool.map(computed, (positions[:, own] for own in groups)), strict=True):
                for values, known in ((latency_s, means.latency_s), (on_s, means.on_s), (late, means.late)):
                    if known is not None:
                        values[number, wanted[own]] = known
                drops[number, wanted[own]] = means.drops > 0
                done += len(own)
                phase = "latencies" if bound_only or space.chip.synchronized else "replays"
                progress.advanced(phase, done, len(problem.models) * len(wanted))
    return [Pricer(problem, *of) for of in zip(problem.models, latency_s, on_s, late, drops, strict=True)]


def mean_of_models(problem: PricingProblem, models: Sequence[int], priced: Sequence[Columns]) -> dict[str, Floats]:
    """Means of columns and accuracy over the models of a recipe, given by number; `priced` has the columns of each."""
    accuracy = sum(problem.models[model].accuracy for model in models) / len(models)
    means = {name: np.sum([columns[name] for columns in priced], axis=0) / len(models) for name in priced[0]}
    return {"accuracy": np.full_like(means["latency_s"], accuracy), **means}

"""Pricing a large grid of prices on a few stored executions: points, their Pareto front, and a page about them.

Energy is linear in its prices, and time does not depend on energies, so that a million points need a few hundred
latencies. Every number equals that of pricing the point alone, to within rounding.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.exploration.pricing.front import StreamingFront
from codesign.exploration.pricing.grid import ModelTimes, Pricer, PricingProblem, mean_of_models
from codesign.exploration.pricing.spec import PricingSpec
from codesign.exploration.pricing.tables import Keep, front_table, page_of, point_file, table_bytes
from codesign.exploration.pricing.times import model_times
from codesign.exploration.runs.progress import Progress
from codesign.files import is_url, printable, write_atomically
from codesign.reporting.pricing import Density, render_pricing

__all__ = ["PricingOutcome", "check_output", "price_space", "run_pricing"]

Floats = NDArray[np.float64]

CHUNK = 131_072
"""Points priced and written at once."""

_MANY = 64
"""Replays, from which on several processes are worth their start. Other latencies are computed many at once."""


@dataclass(frozen=True, kw_only=True)
class PricingOutcome:
    """What a pricing left.

    Attributes:
        points, front, page: the files.
        size: design points.
        models: executions that each was priced on.
        on_front: rows of the front, one a design point and recipe.
    """

    points: Path
    front: Path
    page: Path
    size: int
    models: int
    on_front: int


@dataclass(frozen=True, kw_only=True)
class Priced:
    """What is kept of all points in memory.

    Attributes:
        pricers: one a model.
        front: by design point and recipe.
        densities: one a recipe.
    """

    pricers: tuple[Pricer, ...]
    front: StreamingFront
    densities: tuple[Density, ...]


def check_output(output: str | Path) -> None:
    """Raise InputError where a pricing cannot write: at a URL."""
    if is_url(output):
        raise InputError(f"{printable(output)}: the points of a pricing need a folder of this machine, found a URL")


def run_pricing(
    spec: PricingSpec,
    problem: PricingProblem,
    *,
    output: str | Path,
    workers: int | None = None,
    replay: bool = True,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> PricingOutcome:
    """Price every design point of a file, and write `points.parquet`, `front.parquet` and `index.html`.

    Each file appears whole or not at all; a pricing starts afresh.

    Args:
        problem: what `codesign.exploration.pricing.models.prepare` makes of the file.
        output: folder of this machine for the files; millions of points are written as they come.
        workers: processes that compute latencies; None takes all cores where enough messages are to be replayed.
        replay: whether points on the front of a chip without synchronization get the latency of a message replay.
        chunk: points priced at once; memory grows with it.

    Raises:
        InputError: an objective is not known for this chip, or the files cannot be written.
    """
    check_output(output)
    progress = progress or Progress()
    points, front, page = (Path(output) / name for name in ("points.parquet", "front.parquet", "index.html"))
    with point_file(points, spec, problem) as keep:
        priced = price_space(spec, problem, workers=workers or 1, progress=progress, chunk=chunk, keep=keep)
        replayed = _replayed(problem, priced.front, workers, progress) if replay else None
        table = front_table(problem, priced.front, priced.pricers, replayed)
        html = render_pricing(page_of(spec, problem, table, priced.densities))
        write_atomically(front, table_bytes(table))
        write_atomically(page, html.encode())
    return PricingOutcome(
        points=points,
        front=front,
        page=page,
        size=problem.space.size,
        models=len(problem.models),
        on_front=len(priced.front.ids),
    )


def price_space(
    spec: PricingSpec,
    problem: PricingProblem,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    keep: Keep | None = None,
) -> Priced:
    """Price all points of a problem in chunks.

    Args:
        keep: called with the number of the chunk's first point, the (dimensions, n) positions of its points, and for
            each model (n,) `energy_j` and `latency_s`.

    Raises:
        InputError: an objective is not known for this chip.
    """
    progress = progress or Progress()
    space, recipes = problem.space, problem.recipes
    times = model_times(
        problem, workers=workers, advanced=lambda done, total: progress.advanced("latencies", done, total)
    )
    _check_known(spec, problem, times[0])
    pricers = tuple(Pricer(problem, *of) for of in zip(problem.models, times, strict=True))
    objectives = [objective.column for objective in spec.objectives]
    front = StreamingFront([objective.towards for objective in spec.objectives])
    densities = tuple(Density(recipe) for recipe in recipes)
    for first in range(0, space.size, chunk):
        numbers = np.arange(first, min(first + chunk, space.size))
        positions = space.positions(numbers)
        priced = []
        for pricer in pricers:
            columns = pricer.price(positions)
            priced.append({name: columns[name] for name in ("energy_j", "latency_s")})  # not all of the energy's terms
        if keep is not None:
            keep(first, positions, priced)
        resources = {
            axis.path: np.array(axis.shown)[where]
            for dimension, where in zip(space.dimensions, positions, strict=True)
            for axis in dimension.axes
            if axis.path in objectives
        }
        for recipe, models in enumerate(recipes.values()):
            columns = mean_of_models(problem, models, [priced[model] for model in models]) | resources
            values = np.stack([columns[column] for column in objectives], axis=1)
            front.add(values, np.stack([np.full_like(numbers, recipe), numbers], axis=1))
            densities[recipe].add(columns["latency_s"], columns["energy_j"])
        progress.advanced("points", int(numbers[-1]) + 1, space.size)
    front.sort()
    return Priced(pricers=pricers, front=front, densities=densities)


def _check_known(spec: PricingSpec, problem: PricingProblem, times: ModelTimes) -> None:
    wanted = {objective.column for objective in spec.objectives}
    chip = problem.space.chip_at([0] * len(problem.space.shape))
    if "latency_s" in wanted and np.isnan(times.latency_s).any():
        raise InputError(f"objectives: latency_s is not known: {'; '.join(times.missing)}; vary it, or leave it out")
    if "energy_j" in wanted and chip.energies.synaptic_operation is None:
        raise InputError(
            f"objectives: energy_j is not known: {chip.name} gives no energies.synaptic_operation; vary it, "
            "or leave it out"
        )
    for axis in problem.space.axes:
        if axis.path in wanted and any(isinstance(value, str) for value in axis.shown):
            values = list(axis.shown)
            raise InputError(f"objectives: {axis.path} has values that are not numbers of one kind, found {values}")


def _replayed(
    problem: PricingProblem, front: StreamingFront, workers: int | None, progress: Progress
) -> tuple[Pricer, ...] | None:
    """Pricers of the front's points with the latency of a message replay; None on chips that have none."""
    if problem.space.chip.synchronized or not len(front.ids):
        return None
    combinations = problem.space.combinations(problem.space.positions(front.ids[:, 1]))
    wanted: dict[int, Sequence[int]] = {}
    for recipe, models in enumerate(problem.recipes.values()):
        own = np.unique(combinations[front.ids[:, 0] == recipe]).tolist()
        wanted.update(dict.fromkeys(models, own))
    if workers is None:
        workers = (os.cpu_count() or 1) if sum(map(len, wanted.values())) >= _MANY else 1
    times = model_times(
        problem,
        wanted,
        bound_only=False,
        workers=workers,
        advanced=lambda done, total: progress.advanced("replays", done, total),
    )
    return tuple(Pricer(problem, *of) for of in zip(problem.models, times, strict=True))

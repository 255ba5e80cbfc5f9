"""Pricing a few stored executions on a large grid of prices: points, their Pareto front, and a page about them.

Energy is linear in its prices, and time does not depend on energies, so a million points need only a few hundred
latencies. Every number equals the result of pricing the point alone, within rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codesign.analysis.results.pareto import Direction, pareto_front
from codesign.analysis.results.table import parquet_bytes
from codesign.arrays import Floats, Integers
from codesign.errors import InputError
from codesign.exploration.pricing.grid import Columns, Pricer, PricingProblem, mean_of_models, pricers_of
from codesign.exploration.pricing.models import prepare
from codesign.exploration.pricing.spec import PricingSpec
from codesign.exploration.pricing.tables import front_table, page_of, point_file
from codesign.exploration.resources import usable_cores
from codesign.exploration.running import RunArguments
from codesign.exploration.runs.progress import Progress
from codesign.files import Location, held, is_url, lock_of, open_folder, printable, write_atomically
from codesign.files.once import reading_once
from codesign.reporting.pricing import Density, best_points, point_text, remarks, render_pricing

CHUNK = 131_072
"""Points that are priced and written at a time."""


@dataclass(frozen=True, kw_only=True)
class PricingOutcome:
    """The outcome of a pricing.

    Attributes:
        points, front, page: its files.
        size: number of design points.
        models: number of models.
        on_front: rows of the front, one per design point and recipe.
        best: the best point in each objective, in words.
        remarks: what to know about these.
    """

    points: Path
    front: Path
    page: Path
    size: int
    models: int
    on_front: int
    best: tuple[str, ...]
    remarks: tuple[str, ...]


class StreamingFront:
    """The points, of all added so far, that no other point beats in the (k,) directions of the objectives, however they
    are divided between calls of `add`: a point that is beaten once is beaten by the whole set."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        self._directions = tuple(directions)
        self._values: Floats = np.empty((0, len(self._directions)))
        self._ids: Integers = np.empty((0, 2), dtype=np.int64)

    @property
    def ids(self) -> Integers:
        """(n, 2) number and recipe of each point on the front, sorted."""
        return self._ids[np.lexsort(self._ids.T[::-1])]

    def add(self, values: Floats, ids: Integers) -> None:
        """Add points with (n, k) objectives, and (n, 2) number and recipe. Points with an objective that is not finite
        are ignored."""
        values, ids = np.concatenate([self._values, values]), np.concatenate([self._ids, ids])
        kept = pareto_front(values, self._directions)
        self._values, self._ids = values[kept], ids[kept]


def check_output(output: Location) -> None:
    """Raise InputError if a pricing cannot write to `output`: a URL, or a folder without write permission."""
    if is_url(output):
        raise InputError(f"{printable(output)}: the points of a pricing need a local folder, found a URL")
    open_folder(output).check_writable()


@reading_once()
def run_pricing(
    spec: PricingSpec, run: RunArguments, *, threads: int | None = None, replay: bool = True, chunk: int = CHUNK
) -> PricingOutcome:
    """Run jobs that the store lacks, price every design point, and write `points.parquet`, `front.parquet` and
    `index.html`, each whole or not at all. Arguments are as in `codesign.run_pricing`; memory grows with `chunk`, the
    number of points priced at a time."""
    check_output(run.output)
    threads, output, progress = threads or usable_cores(), run.output, run.progress
    points, front, page = (Path(output) / name for name in ("points.parquet", "front.parquet", "index.html"))
    with held(lock_of(output)):
        with point_file(points, problem := prepare(spec, run)) as keep:
            pricers, best, densities = price_space(problem, threads=threads, progress=progress, chunk=chunk, keep=keep)
            again = None
            wanted = problem.operation == "real_time" if problem.space.chip.synchronized else replay
            if wanted and len(best):
                on_front = problem.space.combinations(problem.space.positions(best[:, 0]))
                again = pricers_of(problem, np.unique(on_front), threads=threads, progress=progress)
            table = front_table(problem, best, pricers, again)
            shown = page_of(problem, table, densities, float(np.mean([pricer.drops for pricer in pricers])))
            html = render_pricing(shown)
        write_atomically(front, parquet_bytes(table))
        write_atomically(page, html.encode())
    return PricingOutcome(
        best=tuple(f"{what}: {point_text(row, shown)}" for what, row in best_points(shown).items()),
        remarks=tuple(remarks(shown)),
        points=points,
        front=front,
        page=page,
        size=problem.space.size,
        models=len(problem.models),
        on_front=len(best),
    )


def price_space(
    problem: PricingProblem,
    *,
    threads: int = 1,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    keep: Callable[[int, Integers, Sequence[Columns]], None] | None = None,
) -> tuple[list[Pricer], Integers, list[Density]]:
    """Price all points of a problem in chunks.

    Returns:
        A pricer for each model, the (n, 2) number and recipe of each point on the front, and the density of points for
        each recipe. Points at which spikes are dropped, and those of a recipe without right answers, are not on the
        front.

    Args:
        keep: called with the number of the chunk's first point, the (dimensions, n) positions of its points, and for
            each model the (n,) columns that the file keeps.
    """
    progress = progress or Progress()
    spec, space, recipes = problem.spec, problem.space, problem.recipes
    pricers = pricers_of(problem, threads=threads, progress=progress)
    front = StreamingFront([objective.direction for objective in spec.objectives])
    densities = [Density(recipe) for recipe in recipes]
    for first in range(0, space.size, chunk):
        numbers = np.arange(first, min(first + chunk, space.size))
        positions = space.positions(numbers)
        priced = []
        for pricer in pricers:
            columns = pricer.price(positions)
            priced.append({name: columns[name] for name in spec.kept_columns})
        if keep is not None:
            keep(first, positions, priced)
        varied = {
            axis.path: np.array(axis.shown)[where]
            for axis, where in space.along(positions)
            if axis.path in spec.objective_columns
        }
        for recipe, models in enumerate(recipes.values()):
            columns = varied | mean_of_models(problem, models, [priced[model] for model in models])
            values = np.stack([columns[column] for column in spec.objective_columns], axis=1)
            dropping = np.any([pricers[model].drops for model in models], axis=0)
            values[dropping[space.combinations(positions)]] = np.nan  # answers exclude them, too
            if all(problem.models[model].accuracy == 0 for model in models):
                values[:] = np.nan  # likewise: the cost of a network that gives no right answer is meaningless
            front.add(values, np.stack([numbers, np.full_like(numbers, recipe)], axis=1))
            densities[recipe].add(columns["latency_s"], columns[spec.drawn_energy])
        progress.advanced("points", int(numbers[-1]) + 1, space.size)
    return pricers, front.ids, densities

"""Pricing a large grid of prices on a few stored executions: points, their Pareto front, and a page about them.

Energy is linear in its prices, and time does not depend on energies, so that a million points need a few hundred
latencies. Every number equals that of pricing the point alone, to within rounding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.exploration.encoding import digest
from codesign.exploration.pricing.front import Density, StreamingFront
from codesign.exploration.pricing.grid import ModelTimes, Pricer, Problem, mean_of, model_times
from codesign.exploration.pricing.spec import PricingSpec
from codesign.exploration.runs.progress import Progress
from codesign.files import is_url, printable, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

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
    problem: Problem,
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
    from codesign.exploration.pricing.tables import front_table, page_of, point_table, point_writer
    from codesign.reporting.pricing import render_pricing

    check_output(output)
    progress = progress or Progress()
    points, front, page = (Path(output) / name for name in ("points.parquet", "front.parquet", "index.html"))
    with _appearing(points) as temporary:
        with point_writer(temporary, _metadata(spec, problem)) as write:

            def keep(first: int, positions: NDArray[np.int64], costs: list[tuple[Floats, Floats]]) -> None:
                write(point_table(problem, first, positions, costs))

            priced = price_space(spec, problem, workers=workers or 1, progress=progress, chunk=chunk, keep=keep)
        replayed = _replays(problem, priced, workers, progress) if replay else None
        table = front_table(problem, priced.front, priced.pricers, replayed)
        html = render_pricing(page_of(spec, problem, table, priced.densities))
        _write_table(front, table)
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
    problem: Problem,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    keep: Callable[[int, NDArray[np.int64], list[tuple[Floats, Floats]]], None] | None = None,
) -> Priced:
    """Price all points of a problem in chunks.

    Args:
        keep: called with the number of the chunk's first point, the (dimensions, n) positions of its points, and
            energies in joules and latencies in seconds of each model, (n,) each.

    Raises:
        InputError: an objective is not known for this chip.
    """
    progress = progress or Progress()
    times = model_times(
        problem,
        workers=workers,
        advanced=lambda done, total: progress.advanced("latencies", done, total),
    )
    _check_known(spec, problem, times[0])
    pricers = tuple(Pricer(problem, model, times[model]) for model in range(len(problem.models)))
    recipes = problem.recipes
    front = StreamingFront([objective.towards for objective in spec.objectives])
    densities = tuple(Density() for _ in recipes)
    resources = _resources(spec, problem)
    for first in range(0, problem.space.size, chunk):
        numbers = np.arange(first, min(first + chunk, problem.space.size))
        positions = np.array(np.unravel_index(numbers, problem.space.shape), dtype=np.int64)
        results = []
        for pricer in pricers:
            priced = pricer.price(positions)
            results.append((priced.energy_j, priced.latency_s))
        if keep is not None:
            keep(first, positions, results)
        for number, models in enumerate(recipes.values()):
            costs = {
                "accuracy": np.full(len(numbers), mean_of([np.float64(problem.models[m].accuracy) for m in models])),
                "energy_j": mean_of([results[m][0] for m in models]),
                "latency_s": mean_of([results[m][1] for m in models]),
            }
            columns = [
                costs[name] if name in costs else _resource(resources[name], positions)
                for name in (objective.column for objective in spec.objectives)
            ]
            front.add(np.stack(columns, axis=1), np.stack([np.full_like(numbers, number), numbers], axis=1))
            densities[number].add(costs["latency_s"], costs["energy_j"])
        progress.advanced("points", int(numbers[-1]) + 1, problem.space.size)
    front.sort()
    return Priced(pricers=pricers, front=front, densities=densities)


def _check_known(spec: PricingSpec, problem: Problem, times: ModelTimes) -> None:
    wanted = {objective.column for objective in spec.objectives}
    chip = problem.space.chip_at([0] * len(problem.space.shape))
    if "latency_s" in wanted and np.isnan(times.latency_s).any():
        raise InputError(f"objectives: latency_s is not known: {'; '.join(times.lacking)}; vary it, or leave it out")
    if "energy_j" in wanted and chip.energies.synaptic_operation is None:
        raise InputError(
            f"objectives: energy_j is not known: {chip.name} gives no energies.synaptic_operation; vary it, "
            "or leave it out"
        )


def _resources(spec: PricingSpec, problem: Problem) -> dict[str, tuple[int, Floats]]:
    """Dimension and values along it of each axis that is an objective."""
    resources: dict[str, tuple[int, Floats]] = {}
    for i, dimension in enumerate(problem.space.dimensions):
        for j, path in enumerate(dimension.paths):
            if path not in {objective.column for objective in spec.objectives}:
                continue
            values = [row[j] for row in dimension.columns]
            if any(isinstance(value, str) for value in values):
                raise InputError(f"objectives: {path} has values that are not numbers of one kind, found {values}")
            resources[path] = i, np.array(values, dtype=np.float64)
    return resources


def _resource(resource: tuple[int, Floats], positions: NDArray[np.int64]) -> Floats:
    dimension, values = resource
    return np.asarray(values[positions[dimension]])


def _replays(problem: Problem, priced: Priced, workers: int | None, progress: Progress) -> tuple[Pricer, ...] | None:
    """Pricers of the front's points with the latency of a message replay; None on chips that have none."""
    if problem.space.chip.synchronized or not len(priced.front.ids):
        return None
    positions = np.unravel_index(priced.front.ids[:, 1], problem.space.shape)
    combination = problem.combinations(np.array(positions, dtype=np.int64))
    wanted: dict[int, Sequence[int]] = {}
    for number, models in enumerate(problem.recipes.values()):
        own = np.unique(combination[priced.front.ids[:, 0] == number]).tolist()
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
    nothing = np.full(int(np.prod(problem.time_shape, dtype=np.int64)), np.nan)
    unknown = ModelTimes(latency_s=nothing, on_s=nothing, lacking=())
    return tuple(Pricer(problem, model, times.get(model, unknown)) for model in range(len(problem.models)))


def _metadata(spec: PricingSpec, problem: Problem) -> dict[str, Any]:
    """What a reader of the points needs to know about them: the file, and the models and units of their columns."""
    space = problem.space
    models = [
        {"recipe": model.recipe, "seed": model.seed, "accuracy": model.accuracy, "key": model.key}
        for model in problem.models
    ]
    units = {path: dimension.units[i] for dimension in space.dimensions for i, path in enumerate(dimension.paths)}
    return {
        "pricing": digest(
            {"spec": spec, "chip": space.chip.model_dump_json(), "models": models, "operation": problem.operation}
        ),
        "name": spec.name,
        "shape": list(space.shape),
        "models": models,
        "units": units,
        "operation": problem.operation,
    }


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A temporary path whose file becomes `path` at the end of the block, or goes away where that is left early."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    if path.is_dir():
        raise InputError(f"{path}: cannot be written: is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # where the folder itself could not be made there is nothing to take away
            temporary.unlink(missing_ok=True)


def _write_table(path: Path, table: pa.Table) -> None:
    """Write a table whole or not at all."""
    import pyarrow.parquet as pq

    with _appearing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")

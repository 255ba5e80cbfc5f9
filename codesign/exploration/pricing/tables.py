"""From priced points to files: rows of all points, rows of the front, and what the page says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.table import METADATA_KEY
from codesign.exploration.pricing.front import BINS_A_DECADE, Density, StreamingFront
from codesign.exploration.pricing.grid import Pricer, Problem, mean_of
from codesign.exploration.pricing.spec import PricingSpec
from codesign.hardware.terms import COST_TERMS

if TYPE_CHECKING:
    import pyarrow as pa

    from codesign.reporting.pricing import PricingPage

__all__ = ["front_table", "page_of", "point_table", "point_writer"]

Floats = NDArray[np.float64]


@contextmanager
def point_writer(path: Path, metadata: dict[str, Any]) -> Iterator[Callable[[pa.Table], None]]:
    """A function that appends rows to a Parquet file; `metadata` becomes a JSON object of its schema."""
    import pyarrow.parquet as pq

    writer: Any = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            costs = [name for name in table.column_names if name.startswith("energy_j.")]
            others = [name for name in table.column_names if name not in costs]
            schema = table.schema.with_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True).encode()})
            # Energies hardly repeat, all other columns do.
            writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, use_dictionary=others)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def point_table(
    problem: Problem, first: int, positions: NDArray[np.int64], priced: Sequence[tuple[Floats, Floats]]
) -> pa.Table:
    """Rows of a chunk: number, prices, and energy and latency of each model."""
    import pyarrow as pa

    columns: dict[str, Any] = {"point": np.arange(first, first + positions.shape[1])}
    columns.update(_axis_columns(problem, positions))
    for model, (energy_j, latency_s) in zip(problem.models, priced, strict=True):
        for name, values in (("energy_j", energy_j), ("latency_s", latency_s)):
            columns[f"{name}.{model.recipe}.{model.seed}"] = _known(values)
    return pa.table(columns)


def front_table(
    problem: Problem, front: StreamingFront, pricers: Sequence[Pricer], replayed: Sequence[Pricer] | None
) -> pa.Table:
    """Rows of the front: number, recipe, costs as means over training seeds, terms of the energy, and prices."""
    import pyarrow as pa

    numbers = front.ids[:, 1]
    positions = np.array(np.unravel_index(numbers, problem.space.shape), dtype=np.int64).reshape(-1, len(numbers))
    names = list(problem.recipes)
    costs = ["accuracy", "energy_j", "latency_s", *(f"energy_{term}_j" for term in COST_TERMS)]
    if replayed is not None:
        costs += ["energy_replay_j", "latency_replay_s"]
    columns_of = {name: np.full(len(numbers), np.nan) for name in costs}
    for recipe, models in enumerate(problem.recipes.values()):
        own = np.flatnonzero(front.ids[:, 0] == recipe)
        priced = [pricers[model].price(positions[:, own]) for model in models]
        columns_of["accuracy"][own] = mean_of([problem.models[model].accuracy for model in models])
        columns_of["energy_j"][own] = mean_of([chunk.energy_j for chunk in priced])
        columns_of["latency_s"][own] = mean_of([chunk.latency_s for chunk in priced])
        for term in priced[0].terms_j:
            columns_of[f"energy_{term}_j"][own] = mean_of([chunk.terms_j[term] for chunk in priced])
        if replayed is not None:
            again = [replayed[model].price(positions[:, own]) for model in models]
            columns_of["energy_replay_j"][own] = mean_of([chunk.energy_j for chunk in again])
            columns_of["latency_replay_s"][own] = mean_of([chunk.latency_s for chunk in again])
    columns: dict[str, Any] = {"point": numbers, "recipe": [names[recipe] for recipe in front.ids[:, 0]]}
    columns.update({name: _known(values) for name, values in columns_of.items()})
    columns.update(_axis_columns(problem, positions))
    return pa.table(columns)


def _axis_columns(problem: Problem, positions: NDArray[np.int64]) -> dict[str, Any]:
    import pyarrow as pa

    columns = {}
    for dimension, where in zip(problem.space.dimensions, positions, strict=True):
        for i, path in enumerate(dimension.paths):
            columns[path] = pa.array([row[i] for row in dimension.columns]).take(pa.array(where))
    return columns


def _known(values: Floats) -> Any:
    import pyarrow as pa

    return pa.array(values, from_pandas=True)  # what is not known is null


# the page ------------------------------------------------------------------------------------------------------------


def page_of(spec: PricingSpec, problem: Problem, front: pa.Table, densities: Sequence[Density]) -> PricingPage:
    """What the page says about a pricing."""
    from codesign.reporting.pricing import AxisRow, Cloud, ModelRow, PricingPage

    space = problem.space
    axes = [
        AxisRow(
            path=path,
            group=dimension.name if len(dimension.paths) > 1 else "",
            unit=dimension.units[i],
            values=tuple(row[i] for row in dimension.columns),
        )
        for dimension in space.dimensions
        for i, path in enumerate(dimension.paths)
    ]
    clouds = [
        Cloud(recipe=recipe, counts=density.counts, bins_a_decade=BINS_A_DECADE)
        for recipe, density in zip(problem.recipes, densities, strict=True)
    ]
    models = [ModelRow(recipe=item.recipe, seed=item.seed, accuracy=item.accuracy) for item in problem.models]
    assumptions = dict.fromkeys(text for item in problem.placements.values() for text in item.assumptions)
    return PricingPage(
        title=spec.title or spec.name,
        description=spec.description,
        sweep=" ".join(part for part in (spec.sweep, spec.dataset, spec.scale) if part),
        chip=space.chip.title,
        synchronization=space.chip.synchronization.kind,
        schedule=spec.schedule,
        operation=problem.operation,
        size=space.size,
        combinations=int(np.prod(problem.time_shape, dtype=np.int64)),
        objectives=tuple((item.column, item.towards) for item in spec.objectives),
        axes=tuple(axes),
        models=tuple(models),
        clouds=tuple(clouds),
        front=tuple({**row, "number": i} for i, row in enumerate(front.to_pylist())),
        assumptions=tuple(assumptions),
    )

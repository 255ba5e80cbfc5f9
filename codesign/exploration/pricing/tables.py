"""Files from priced points: rows of all points, rows of the front, and the content of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.deferred import pa, pq
from codesign.errors import InputError
from codesign.exploration.jobs.encoding import decode_execution
from codesign.exploration.pricing.grid import Columns, Pricer, PricingProblem, mean_of_models
from codesign.exploration.pricing.space import PriceSpace
from codesign.exploration.pricing.spec import COSTS
from codesign.files.local import replacing
from codesign.hardware.cost.cost import Cost, price
from codesign.hardware.terms import DROPPED, ENERGY_COLUMNS
from codesign.reporting.pricing import Density, PricingPage
from codesign.units import in_percent

Keep = Callable[[int, Integers, Sequence[Columns]], None]


@contextmanager
def point_file(path: Path, problem: PricingProblem) -> Iterator[Keep]:
    """Write `points.parquet` chunk by chunk; it appears whole at the end of the block, or not at all. Yields a function
    that appends rows; see `price_space`."""
    costs = {
        f"{name}.{model.recipe}.{model.seed}": (i, name)
        for i, model in enumerate(problem.models)
        for name in problem.spec.kept_columns
    }
    kinds = [("point", pa.int64())]
    kinds += [(axis.path, pa.array(axis.shown).type) for axis in problem.space.axes]
    kinds += [(name, pa.float64()) for name in costs]
    # Energies rarely repeat; all other columns do.
    repeating = [name for name, _ in kinds if not name.startswith("energy_")]

    def write(first: int, positions: Integers, priced: Sequence[Columns]) -> None:
        columns = {"point": np.arange(first, first + positions.shape[1]), **_axis_columns(problem.space, positions)}
        columns |= {name: _known(priced[model][column]) for name, (model, column) in costs.items()}
        writer.write_table(pa.table(columns, schema=writer.schema))

    schema = pa.schema(kinds)
    packing: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "use_dictionary": repeating}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file, pq.ParquetWriter(file, schema, **packing) as writer:
            yield write
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def front_table(
    problem: PricingProblem, front: Integers, pricers: Sequence[Pricer], replayed: Sequence[Pricer] | None
) -> pa.Table:
    """Rows of the front: number, recipe, costs as means over training seeds, terms of the energy, and prices."""
    points, recipe_numbers = front.T
    positions = problem.space.positions(points)
    costs = [*COSTS, *ENERGY_COLUMNS.values()]
    if replayed is not None and not problem.space.chip.synchronized:
        costs += ["energy_replay_j", "latency_replay_s"]
    if replayed is not None and problem.operation == "real_time":
        costs.append("late_fraction")
    known = {name: np.full(len(points), np.nan) for name in costs}
    for recipe, models in enumerate(problem.recipes.values()):
        own = np.flatnonzero(recipe_numbers == recipe)
        means = mean_of_models(problem, models, [pricers[model].price(positions[:, own]) for model in models])
        if replayed is not None:
            again = mean_of_models(problem, models, [replayed[model].price(positions[:, own]) for model in models])
            combinations = problem.space.combinations(positions[:, own])
            late = np.mean([replayed[model].late[combinations] for model in models], axis=0)
            found = {
                "energy_replay_j": again["energy_j"],
                "latency_replay_s": again["latency_s"],
                "late_fraction": late,
            }
            means |= {name: values for name, values in found.items() if name in costs}
        for name, values in means.items():
            known[name][own] = values
    names = np.array(list(problem.recipes))
    columns: dict[str, Any] = {"point": points, "recipe": names[recipe_numbers].tolist()}
    columns |= {name: _known(values) for name, values in known.items()}
    return pa.table(columns | _axis_columns(problem.space, positions))


def _axis_columns(space: PriceSpace, positions: Integers) -> dict[str, Any]:
    return {axis.path: pa.array(axis.shown).take(pa.array(where)) for axis, where in space.along(positions)}


def _known(values: Floats) -> Any:
    return pa.array(values, from_pandas=True)  # null if unknown


def page_of(problem: PricingProblem, front: pa.Table, densities: Sequence[Density], dropping: float) -> PricingPage:
    """The page; `dropping` is the share of points, over all models, at which spikes are dropped."""
    spec, space = problem.spec, problem.space
    first = problem.placement_at([0] * len(space.shape))
    execution = decode_execution(problem.models[0].payload)
    cost = price(execution, first, operation=problem.operation, bound_only=True)
    return PricingPage(
        title=spec.title or spec.name,
        description=spec.description,
        sweep=" ".join(part for part in (spec.sweep, spec.dataset, spec.scale) if part),
        chip=space.chip.title,
        synchronization=space.chip.synchronization.kind,
        schedule=spec.schedule,
        operation=problem.operation,
        size=space.size,
        objectives=tuple((objective.column, objective.direction) for objective in spec.objectives),
        energy=spec.drawn_energy,
        axes=space.axes,
        models=tuple((model.recipe, model.seed, model.accuracy) for model in problem.models),
        clouds=tuple(densities),
        front=tuple(front.to_pylist()),
        not_modelled=_not_modelled(cost, dropping),
        assumptions=tuple(dict.fromkeys((*problem.assumptions, *cost.assumptions))),
    )


def _not_modelled(cost: Cost, dropping: float) -> tuple[str, ...]:
    """What neither the chip's numbers nor the axes cover, according to the cost of the first point."""
    told = [text for text in cost.not_modelled if not text.startswith(DROPPED)]
    if dropping:
        told.append(f"{DROPPED}, at {in_percent(dropping)} % of the points: on no front, and drawn as if all arrived")
    return tuple(told)

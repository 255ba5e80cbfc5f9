"""Rows of design points, from the results of their jobs in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import eq

from codesign.analysis.answers.remarks import OVER_BUDGET
from codesign.analysis.results.cells import checked_cells
from codesign.analysis.results.columns import COLUMNS
from codesign.errors import UnreadableResultError
from codesign.exploration.executors.base import Failure
from codesign.exploration.jobs.encoding import decode_columns, reading_result
from codesign.exploration.jobs.store import Entry, Facts, Store
from codesign.exploration.jobs.summary import Columns
from codesign.exploration.plan import FeasiblePoint, PlannedPoint
from codesign.hardware.cost.energy import paper_synaptic_operations
from codesign.training.recipe import Recipe

_AT_ONCE = 500
"""Number of points whose entries are read together."""


def point_rows(points: Sequence[PlannedPoint], store: Store, failures: Mapping[str, Failure]) -> Iterator[Columns]:
    """Yield all columns of each design point: its result, or why it has none, with `failures` by key. Only a few points
    are in memory at a time."""
    for first in range(0, len(points), _AT_ONCE):
        together = points[first : first + _AT_ONCE]
        stored = _Stored(store, [point.jobs for point in together if point.jobs is not None])
        for point in together:
            yield _point_row(point, stored, failures)


class _Stored:
    """The stored results of some points. Results that points share are read and decoded once."""

    def __init__(self, store: Store, jobs: Sequence[FeasiblePoint]) -> None:
        self._store = store
        with_facts = [*dict.fromkeys(key for job in jobs for key in (job.execution.model.key, job.execution.key))]
        with_columns = [*dict.fromkeys(key for job in jobs for key in job.results)]
        self._facts: dict[str, Facts | None] = dict(zip(with_facts, store.facts_many(with_facts), strict=True))
        self._entries: dict[str, Entry | None] = dict(zip(with_columns, store.get_many(with_columns), strict=True))
        self._decoded: dict[str, Columns] = {}

    def facts(self, key: str) -> Facts:
        return self._facts[key] or {}

    def columns(self, key: str) -> Columns:
        """Columns of a summary or a price. Raises UnreadableResultError, also if it is no longer in the store."""
        entry = self._entries[key]
        if entry is None:
            raise UnreadableResultError(self._store.gone(key))
        if key not in self._decoded:
            self._decoded[key] = decode_columns(entry.payload)
        return self._decoded[key]

    def predictions(self, key: str) -> Sequence[float]:
        """The answer to each sample of a summary's execution; empty if it is missing."""
        entry = self._entries[key]
        answers = None if entry is None else entry.facts.get("predictions")
        return answers if isinstance(answers, list) else ()


def _point_row(point: PlannedPoint, stored: _Stored, failures: Mapping[str, Failure]) -> Columns:
    if point.jobs is None:
        return {**point.columns, "status": "infeasible", "reason": point.reason}
    try:
        return _row(point, point.jobs, stored, failures)
    except UnreadableResultError as error:  # gone, or incomplete although its checksum is right
        return {**point.columns, "status": "failed", "reason": str(error)}


def _row(point: PlannedPoint, jobs: FeasiblePoint, stored: _Stored, failures: Mapping[str, Failure]) -> Columns:
    columns = {**point.columns, **training_columns(stored.facts(jobs.execution.model.key))}
    for key in jobs.keys:
        if key in failures:
            return {**columns, "status": "failed", "reason": str(failures[key])}
    found = {key: stored.columns(key) for key in jobs.results}
    with reading_result("columns"):
        assumed = [*columns["assumptions"], *found[jobs.cost.key]["assumptions"]]
        assumed += of_budget(jobs.execution.model.recipe, columns)
        return {
            **columns,
            **result_columns(point, jobs, found),
            "agreement": _agreement(jobs, stored),
            "assumptions": list(dict.fromkeys(assumed)),
            "status": "ok",
            **checked_cells({"execute_wall_s": stored.facts(jobs.execution.key).get("wall_s")}),
        }


def training_columns(facts: Facts) -> Columns:
    """Facts that are columns; an older entry may lack some, and a missing result has none."""
    with reading_result("facts"):
        known = {name: fact for name, fact in facts.items() if name in COLUMNS}
        return checked_cells({**known, "train_wall_s": facts.get("wall_s")})


def of_budget(recipe: Recipe, columns: Columns) -> Iterator[str]:
    """Assumptions: that not even the nearest epoch kept to the training's budget, or that a calibration followed it."""
    if (budget := recipe.budget) is not None:
        taken = columns.get("validation_density" if budget.energy is None else "validation_energy_j")
        if taken is not None and not budget.kept(taken):
            yield f"{OVER_BUDGET}{budget.summary}"
        if recipe.calibration is not None:
            yield f"trained with a budget, {budget.summary}, and calibrated after that, which changes its spikes"


def _agreement(jobs: FeasiblePoint, stored: _Stored) -> float | None:
    """Share of samples with the same answer as under layered inference with the same weights."""
    if jobs.layered is None:
        return None
    answers, layered = (stored.predictions(one.summary.key) for one in (jobs, jobs.layered))
    return sum(map(eq, answers, layered)) / len(answers) if len(answers) == len(layered) > 0 else None


def result_columns(point: PlannedPoint, jobs: FeasiblePoint, found: Mapping[str, Columns]) -> Columns:
    """The columns of a point from its results, columns by job key: its summary, the accuracy with float weights, and
    its cost. Raises KeyError or TypeError if something is missing.

    The paper's book uses the summary's spike density, although the priced execution may have been drained beyond it.
    """
    summary, cost, unquantized = found[jobs.summary.key], found[jobs.cost.key], jobs.unquantized
    operations = paper_synaptic_operations(summary["spike_density"], point.shape)
    energy = point.chip.e_synaptic_operation_j
    return {
        **summary,
        "float_accuracy": None if unquantized is None else found[unquantized.summary.key]["accuracy"],
        **cost,
        "paper_synaptic_operations": operations,
        "paper_energy_j": None if energy is None else operations * energy,
    }

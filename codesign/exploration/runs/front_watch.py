"""The best front of a running sweep: the fronts of the report, computed from the results so far."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress

from pydantic_core import from_json

from codesign.analysis.comparisons.fronts import Front, fronts_of, objective_sets
from codesign.analysis.results.books import OF_BOOKS
from codesign.analysis.results.cells import checked_cells
from codesign.analysis.results.columns import AXIS_PREFIX
from codesign.analysis.results.formatting import column_label, quantity
from codesign.analysis.results.metadata import Objective
from codesign.analysis.results.points import FACT_COLUMNS, points_of
from codesign.analysis.results.table import frame_of
from codesign.exploration.definition.variants import axis_units
from codesign.exploration.jobs.summary import Columns
from codesign.exploration.plan import Plan
from codesign.exploration.point_rows import result_columns
from codesign.exploration.runs.progress import FrontLine, View
from codesign.hardware.terms import ENERGY_COLUMNS

_PAUSE_S = 1.0
_SHARE = 0.05
"""The front is updated at most once per second, and in at most this share of the time."""
_RESULTS = (
    *("accuracy", "spike_density", "undecided_fraction", "overloaded_ticks", "latency_model", "energy_coverage"),
    *ENERGY_COLUMNS.values(),
    *OF_BOOKS,
)


class FrontWatch(View):
    """Receives results as they arrive, and regularly tells the run the fronts of the rows whose results are complete.

    Objectives that only a training knows are unknown until the end. If no point has all objectives, the first two that
    some points have are used.
    """

    def __init__(self, plan: Plan) -> None:
        self.changed = False
        self._next = -math.inf
        self._plan = plan
        self._units = axis_units(plan.spec)
        self._sets = objective_sets([Objective(**entry.model_dump()) for entry in plan.spec.objectives])
        self._columns = tuple(
            dict.fromkeys([*(objective.column for chosen in self._sets for objective in chosen), *_RESULTS])
        )
        self._results: dict[str, Columns] = {}

    def result(self, key: str, payload: bytes) -> None:
        """Take a summary or price from the store."""
        with suppress(TypeError, ValueError):  # invalid; may be computed again soon
            cells = from_json(payload, allow_inf_nan=False)
            self._results[key] = checked_cells({name: cells[name] for name in self._columns if name in cells})
            self.changed = True

    def pulse(self) -> None:
        if self.run.clock() >= self._next:
            self.show()

    def show(self) -> None:
        if self.changed:
            start = self.run.clock()
            self.run.front(self.front())
            now = self.run.clock()
            self._next = now + max(_PAUSE_S, (now - start) / _SHARE)

    def front(self) -> list[FrontLine]:
        """The front, group by group, each starting with the best in the first objective."""
        self.changed = False
        axes = (AXIS_PREFIX + path for path in self._units)
        names = [*FACT_COLUMNS, "training_seed", "evaluation_seed", *self._columns, *axes]
        if not (rows := list(self._rows())):
            return []
        frame, book = frame_of(rows, list(dict.fromkeys(names))), self._plan.spec.static_book
        points = points_of(frame, units=self._units, book=book)
        for objectives in self._sets:
            if lines := [line for front in fronts_of(points, objectives) for line in _lines(front)]:
                return lines
        return []

    def _rows(self) -> Iterator[Columns]:
        for point in self._plan.points:
            if point.jobs is not None:
                with suppress(KeyError, TypeError):  # a result is missing or incomplete
                    results = result_columns(point, point.jobs, self._results)
                    yield {**point.columns, **results}


def _lines(front: Front) -> Iterator[FrontLine]:
    columns, group = [objective.column for objective in front.objectives], str(front.group)
    for point in front.best:
        yield FrontLine(
            name=f"{point.recipe}, {point.schedule} on {point.place}",
            labels=tuple(map(column_label, columns)),
            values=tuple(quantity(point.value(column).mean, column) for column in columns),
            group=group,
        )

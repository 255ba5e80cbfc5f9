"""The best front of a sweep while it runs, from the results that are there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.columns import AXIS_PREFIX, COLUMNS
from codesign.analysis.formatting import column_label, quantity
from codesign.analysis.fronts import comparison_group, objective_sets
from codesign.analysis.metadata import Objective
from codesign.analysis.pareto import pareto_front
from codesign.exploration.plan import Plan, Point
from codesign.exploration.point_rows import paper_book
from codesign.exploration.rows import Columns
from codesign.exploration.runs.progress import FrontLine, Progress, Relay
from codesign.exploration.variants import axis_unit
from codesign.hardware.terms import ENERGY_COLUMNS
from codesign.units import format_si

__all__ = ["FrontRelay", "FrontWatch"]

_PAUSE_S = 1.0
_SHARE = 0.05
"""The front is looked for once a second at most, and in no more than this share of the time."""
_PAPER_BOOK = frozenset(("paper_synaptic_operations", "paper_energy_j"))
_decoder = json.JSONDecoder()

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class _Charged:
    """What decides which points compare; see `codesign.analysis.points.Point`."""

    workload: str
    operation: str | None
    chip: str
    coverage: tuple[str, ...]
    included_terms: frozenset[str]

    @property
    def separable(self) -> bool:
        return bool(self.coverage) and set(self.coverage) <= set(ENERGY_COLUMNS)


class FrontWatch:
    """Takes results as they come, and knows the front over design points, each the mean over the seeds that are there.

    Points compare as in the report: energies only where they hold the same terms, in one operation. A point that lacks
    an objective stays off the front, and so does a schedule that its chip cannot execute. Objectives that only a
    training knows are not known before the end. Where no point has all objectives, the first two that some have count.
    """

    def __init__(self, plan: Plan) -> None:
        objectives = tuple(
            Objective(column=one.column, direction=one.direction, reference=one.reference)
            for one in plan.spec.objectives
        )
        self.changed = False
        self._plan = plan
        self._sets = objective_sets(objectives)
        self._columns = [one.column for one in self._sets[0]] if self._sets else []
        self._needed = _needed_cells(self._columns)
        self._waiting: dict[str, list[int]] = {}  # rows that need a result, by its key
        self._missing: dict[int, int] = {}  # results that a row waits for
        self._values = np.full((len(plan.points), len(self._columns)), np.nan)
        self._seed_of_row = np.full(len(plan.points), -1)  # -1 where a row is not complete
        self._seeds: dict[tuple[int, int], int] = {}
        self._point_of_seed: list[int] = []
        self._points: dict[tuple[Any, ...], int] = {}
        self._first_row: list[int] = []  # of each design point
        self._words: list[dict[str, int]] = [{} for _ in self._sets]
        self._groups: list[list[int]] = [[] for _ in self._sets]  # of each design point
        for number, point in enumerate(plan.points):
            if point.jobs is not None and not _beyond_chip(point):
                self._set(number, point.columns)
                keys = {point.jobs.cost.key, *(one.key for one in point.jobs.summaries)}
                self._missing[number] = len(keys)
                for key in keys:
                    self._waiting.setdefault(key, []).append(number)

    def take(self, key: str, payload: bytes) -> None:
        """A summary or a price that is in the store. Others than the plan's are passed over."""
        if key not in self._waiting:
            return
        with suppress(KeyError, TypeError, ValueError):  # not what it should be, and perhaps soon computed again
            cells = _cells(payload, self._needed)
            for number in self._waiting[key]:
                self._take_for(number, key, cells)
            del self._waiting[key]

    def front(self) -> list[FrontLine]:
        """The front: a group after another, each with the best in the first objective first."""
        self.changed = False
        means = self._means()
        for objectives, words, groups in zip(self._sets, self._words, self._groups, strict=True):
            lines = list(self._lines(objectives, list(words), np.array(groups, dtype=np.int64), means))
            if lines:
                return lines
        return []

    def _take_for(self, number: int, key: str, cells: Columns) -> None:
        point = self._plan.points[number]
        jobs = point.jobs
        assert jobs is not None
        if key == jobs.cost.key:
            self._set(number, {name: value for name, value in cells.items() if name not in _PAPER_BOOK})
            self._register(number, point, cells)
        elif key == jobs.summary.key:
            book = paper_book(point, cells["spike_density"], self._plan.shape)
            self._set(number, {**cells, **book})
        else:
            self._set(number, {"float_accuracy": cells["accuracy"]})
        self._missing[number] -= 1
        if not self._missing[number]:
            seed = (self._points[_name_of(point.columns)], point.columns["training_seed"])
            if seed not in self._seeds:
                self._seeds[seed] = len(self._seeds)
                self._point_of_seed.append(seed[0])
            self._seed_of_row[number] = self._seeds[seed]
            self.changed = True

    def _set(self, number: int, cells: Columns) -> None:
        for place, column in enumerate(self._columns):
            if cells.get(column) is not None:
                self._values[number, place] = float(cells[column])

    def _register(self, number: int, point: Point, cells: Columns) -> None:
        name = _name_of(point.columns)
        if name in self._points:
            return
        self._points[name] = len(self._points)
        self._first_row.append(number)
        charged = _charged(point.columns, cells)
        for objectives, words, groups in zip(self._sets, self._words, self._groups, strict=True):
            groups.append(words.setdefault(comparison_group(charged, objectives), len(words)))

    def _means(self) -> Floats:
        """(points, objectives) mean over training seeds of the mean over evaluation seeds; NaN where none is known."""
        there = self._seed_of_row >= 0
        by_seed = _group_means(self._values[there], self._seed_of_row[there], len(self._seeds))
        return _group_means(by_seed, np.array(self._point_of_seed, dtype=np.int64), len(self._points))

    def _lines(
        self, objectives: Sequence[Objective], words: list[str], groups: Integers, means: Floats
    ) -> Iterator[FrontLine]:
        places = [self._columns.index(one.column) for one in objectives]
        sign = -1 if objectives[0].direction == "maximize" else 1
        labels = tuple(column_label(one.column) for one in objectives)
        for group, text in enumerate(words):
            numbers = np.flatnonzero(groups == group)
            values = means[numbers][:, places]
            best = np.flatnonzero(pareto_front(values, [one.direction for one in objectives]))
            for place in best[np.argsort(sign * values[best, 0], kind="stable")]:
                yield FrontLine(
                    name=self._name(numbers[place]),
                    labels=labels,
                    values=tuple(
                        quantity(float(value), one.column) for value, one in zip(values[place], objectives, strict=True)
                    ),
                    group=text,
                )

    def _name(self, point: int) -> str:
        spec, columns = self._plan.spec, self._plan.points[self._first_row[point]].columns
        axes = [
            f"{path.rpartition('.')[2]} {_written(columns[f'{AXIS_PREFIX}{path}'], axis_unit(spec, path))}"
            for path in spec.axes
            if columns[f"{AXIS_PREFIX}{path}"] is not None
        ]
        return f"{columns['recipe']}, {columns['schedule']} on {columns['chip']}" + (
            f" ({', '.join(axes)})" if axes else ""
        )


class FrontRelay(Relay):
    """Hands on what happens, and now and then the front."""

    def __init__(self, watch: FrontWatch, *listeners: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(*listeners)
        self._watch = watch
        self._clock = clock
        self._next = clock()

    def pulse(self) -> None:
        if self._clock() >= self._next:
            self.show()
        super().pulse()

    def show(self) -> None:
        """Tell the front, if there is anything new."""
        if self._watch.changed:
            start = self._clock()
            self.front(self._watch.front())
            self._next = self._clock() + max(_PAUSE_S, (self._clock() - start) / _SHARE)


def _beyond_chip(point: Point) -> bool:
    """See `codesign.analysis.points.Point.beyond_chip`."""
    return point.columns.get("inference") == "layered" and point.columns["synchronization"] == "asynchronous"


def _name_of(columns: Columns) -> tuple[Any, ...]:
    """What seeds of one design point share."""
    axes = sorted(name for name in columns if name.startswith(AXIS_PREFIX))
    return tuple(columns[name] for name in ("recipe", "schedule", "chip", *axes))


def _charged(columns: Columns, cells: Columns) -> _Charged:
    coverage = tuple(sorted(cells.get("energy_coverage") or ()))
    return _Charged(
        workload=columns["workload"],
        operation=columns["operation"],
        chip=columns["chip"],
        coverage=coverage,
        included_terms=frozenset(
            name for name in coverage if name in ENERGY_COLUMNS and cells.get(ENERGY_COLUMNS[name]) is None
        ),
    )


def _needed_cells(objectives: Sequence[str]) -> tuple[str, ...]:
    """Columns of results that the objectives are made of, and what decides which of them compare."""
    partial = any(column != "energy_j" and COLUMNS[column].unit == "J" for column in objectives)
    terms = ENERGY_COLUMNS.values() if partial else ()
    return tuple(dict.fromkeys([*objectives, "accuracy", "spike_density", "energy_coverage", *terms]))


def _cells(payload: bytes, names: Sequence[str]) -> Columns:
    """These columns of a result, without looking at the long ones: its JSON is an object without others in it."""
    text = payload.decode()
    found: Columns = {}
    for name in names:
        mark = f'"{name}":'  # a quote within a string has a backslash before it, so that this is the name of a column
        start = text.find(mark)
        if start >= 0:
            found[name] = _decoder.raw_decode(text, start + len(mark))[0]
    return found


def _written(value: str | float, unit: str) -> str:
    if isinstance(value, str):
        return value
    return format_si(value, unit) if unit else f"{value:.6g}"


def _group_means(values: Floats, groups: Integers, count: int) -> Floats:
    """(count, k) means of the known (n, k) values of each group; NaN where it has none."""
    means = np.full((count, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        counts = np.bincount(groups[known], minlength=count)
        sums = np.bincount(groups[known], weights=values[known, column], minlength=count)
        there = counts > 0
        means[there, column] = sums[there] / counts[there]
    return means

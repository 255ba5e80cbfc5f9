"""Design points with their seeds gathered, which the report draws, ranks and compares."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from codesign.analysis.results.beyond_chip import CANNOT_WAIT, DROPS, cannot_wait, drops_spikes
from codesign.analysis.results.books import in_book
from codesign.analysis.results.columns import AXIS_PREFIX, COLUMNS, NUMERIC_COLUMNS, TRIAL_AXIS
from codesign.analysis.results.formatting import shortened, written
from codesign.analysis.results.metadata import ChipFacts, ResultMetadata, Scalar
from codesign.analysis.results.statistics import GIVEN, Interval, half_samples, intervals, seed_means
from codesign.analysis.results.table import NAMED, ResultTable, plain_rows
from codesign.arrays import Flags, Floats
from codesign.deferred import pd
from codesign.errors import InputError
from codesign.hardware.terms import COVERAGE, ENERGY_COLUMNS, OWN_CITATION, WAITING_KINDS, StaticBook
from codesign.mistakes import suggestion
from codesign.units import in_percent

_MOST_LETTERS = 200  # of axes in the name of a place
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """What points gathered together have in common.

    Attributes:
        frame: all their rows.
        failed: rows without a result.
        lists, values: by column, its values in the frame, and the intervals of the points; only of columns used so far.
        means: columns of means over evaluation seeds, one entry per (point, training seed).
        ends: of the points' entries, from 0.
        training_seeds: training seeds of the entries.
        units: SI unit by axis, "" for none; an axis may have no entry.
        book: the book of the static power in `energy_j` and its terms.
        metadata: the file's metadata; None if rows are not from a file.
        points: all of them, in their order.
    """

    frame: pd.DataFrame
    failed: pd.DataFrame
    lists: dict[str, list[Any]] = field(default_factory=dict)
    means: Mapping[str, Floats]
    ends: Sequence[int]
    values: dict[str, list[Interval]] = field(default_factory=dict)
    training_seeds: pd.Index[int]
    units: Mapping[str, str]
    book: StaticBook
    metadata: ResultMetadata | None
    points: list[Point] = field(default_factory=list)

    @cached_property
    def without_result(self) -> tuple[Point, ...]:
        """The points of infeasible rows and of those whose jobs failed; some may have other rows with a result."""
        return points_of(self.failed, units=self.units, metadata=self.metadata)

    def intervals(self, column: str) -> Sequence[Interval]:
        """Mean of a column over the training seeds of each point, with its interval."""
        if column not in self.means:
            raise InputError(f"there is no numeric column {column!r}{suggestion(column, self.means)}")
        if column not in self.values:
            least = half_samples(self.samples(column)) if column.endswith("accuracy") else None
            self.values[column] = intervals(self.means[column], self.ends, least)
        return self.values[column]

    def samples(self, column: str) -> Floats:
        """The number of samples of which each entry of a column is a share, if it is one; NaN where it is unknown."""
        validation = np.nan if self.metadata is None else self.metadata.workload.validation  # no axis sets it
        counted = validation if column == "validation_accuracy" else self.means.get("samples", np.nan)
        return np.full(self.ends[-1], counted, dtype=float)

    @cached_property
    def silent(self) -> Flags:
        """Which entries are without any useful answer: no sample has an output spike, or none is right."""
        unknown = np.full(self.ends[-1], np.nan)
        undecided, accuracy = (self.means.get(column, unknown) for column in ("undecided_fraction", "accuracy"))
        return np.asarray((undecided == 1.0) | (accuracy == 0.0))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Point:
    """All seeds of one (model recipe, chip, schedule, axes).

    Attributes:
        number: position in the report, from 1; the figures and tables refer to points by it.
        axes: (name, value) of the sweep's axes; values are strings, floats in SI, or None.
        positions: its rows within those of all points.
        own: its entries among the means of all.
    """

    number: int
    workload: str
    topology: str
    chip: str
    capacity: str | None
    operation: str | None
    weight_bits: int | None
    schedule: str
    recipe: str
    axes: tuple[tuple[str, str | float | None], ...]
    training_method: str
    training_policy: str | None
    training_group_size: int | None
    training_cost: str | None
    chip_title: str
    synchronization: str | None
    inference: str | None
    policy: str | None
    group_size: int | None
    stop: str | None
    steps_after_output: int | None
    margin: int | None
    margin_check: str | None
    input_mode: str | None
    refractory: bool | None
    input_dropout: float | None
    timesteps: int | None
    equivalent_to_layered: bool
    latency_model: str | None
    mapping: str | None
    positions: list[int]
    own: slice
    whole: Gathered

    def __repr__(self) -> str:
        accuracy = self.value("accuracy").mean
        right = "" if accuracy is None else f", {in_percent(accuracy)} % right"
        return f"<Point {self.number}: {self.recipe} under {self.schedule} on {self.place}{right}>"

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One row per (training seed, evaluation seed), status ok."""
        return self.whole.frame.iloc[self.positions]

    def cells(self, column: str) -> list[Any]:
        """A column of `rows`, faster than by creating these."""
        lists = self.whole.lists
        if column not in lists:
            lists[column] = self.whole.frame[column].tolist()
        return [lists[column][position] for position in self.positions]

    @cached_property
    def coverage(self) -> tuple[str, ...]:
        """Names of the energy terms in `energy_j`, sorted."""
        cell = self.cells("energy_coverage")[0]
        return () if cell is None else tuple(sorted(set(cell)))

    @property
    def accounting(self) -> str | None:
        """Incremental or all_in."""
        return cast(str | None, self.cells("energy_accounting")[0])

    @property
    def static_book(self) -> StaticBook:
        """The book of the static power in `energy_j` and its terms."""
        return self.whole.book

    @cached_property
    def training_parameters(self) -> Mapping[str, Scalar]:
        """The recipe's parameters by name, with the values set by axes or a study's trial."""
        metadata, own = self.whole.metadata, f"recipe.{self.recipe}."
        varied = {name.removeprefix(own): of for name, of in self.axes if name.startswith(own) and of is not None}
        if metadata is None:
            return varied
        trial, study = dict(self.axes).get(TRIAL_AXIS), metadata.study
        chosen = {} if study is None else study.of_recipe(trial, self.recipe, metadata.recipes)
        return {**metadata.recipes.get(self.recipe, {}), **varied, **chosen}

    @property
    def chip_facts(self) -> ChipFacts | None:
        """What the file's metadata say of its chip; None if rows are not from a file."""
        return None if self.whole.metadata is None else self.whole.metadata.chips.get(self.chip)

    @cached_property
    def silicon(self) -> str:
        """Name of the chip's description; everything priced under it shares the draws of uncertain numbers."""
        return (self.chip_facts.name if self.chip_facts is not None else "") or self.chip_title

    @property
    def own_chip(self) -> bool:
        """Whether the chip's file is the user's own."""
        return self.chip_facts is not None and self.chip_facts.citation == OWN_CITATION

    @cached_property
    def training_seeds(self) -> pd.Index[int]:
        """In ascending order."""
        return self.whole.training_seeds[self.own]

    def seeds(self, column: str) -> pd.Series:
        """One value of `column` per training seed; seeds for which it is unknown are left out."""
        return self.remembered(("seeds", column), lambda: self.sums((column,)))

    def sums(self, columns: Iterable[str]) -> pd.Series:
        """The columns' sum per training seed; seeds for which one of them is unknown are left out."""
        total = np.sum([self.whole.means[column][self.own] for column in columns], axis=0)
        known = ~np.isnan(total)
        seeds = self.training_seeds if known.all() else self.training_seeds[known]
        return pd.Series(total[known], index=seeds, name=GIVEN if self.training_method == GIVEN else None)

    def value(self, column: str) -> Interval:
        """Mean of `column` over training seeds, with its interval."""
        return self.whole.intervals(column)[self.number - 1]

    def remembered(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """Cache of results computed from the rows, by key."""
        if key not in self._memory:
            self._memory[key] = work_out()
        return cast(T, self._memory[key])

    @cached_property
    def _memory(self) -> dict[Hashable, object]:
        return {}

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """Assumptions, in any row, about what the chip does not state or have."""
        return self._entries("assumptions")

    @cached_property
    def not_modelled(self) -> tuple[str, ...]:
        """Terms left out, in any row, because the chip's numbers are unknown."""
        return self._entries("not_modelled")

    def _entries(self, column: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry for cell in self.cells(column) if cell is not None for entry in cell))

    @property
    def layered(self) -> bool:
        """Whether the spikes are those of layered inference, because layers wait or because this is provable."""
        return self.inference == "layered" or self.equivalent_to_layered

    @property
    def free_running(self) -> bool:
        """Whether no neuron waits for any other: neither a layer nor a barrier nor a timer's tick."""
        return not self.layered and self.inference != "gated" and self.synchronization not in WAITING_KINDS

    @property
    def beyond_chip(self) -> bool:
        return cannot_wait(self.inference, self.synchronization)

    @cached_property
    def silent_seeds(self) -> list[int]:
        """Training seeds without any useful answer: no sample has an output spike, or none is right."""
        return self.training_seeds[self.whole.silent[self.own]].tolist()

    @property
    def silent(self) -> bool:
        """Whether no seed gives a useful answer. The cost is then meaningless."""
        return bool(self.whole.silent[self.own].all())

    @property
    def drops_spikes(self) -> bool:
        known = "overloaded_ticks" in self.whole.means
        return known and drops_spikes(self.latency_model, self.value("overloaded_ticks").mean)

    @cached_property
    def set_aside(self) -> str:
        """Why answers leave the point out, for good or unless it is asked for by name; "" if they do not."""
        if self.silent:
            return "there is no output spike or no right answer"
        if self.drops_spikes:
            return DROPS
        return CANNOT_WAIT if self.beyond_chip else ""

    @property
    def calibration(self) -> str | None:
        """How thresholds were adjusted after training, as in the recipe; None if they were not."""
        value = self.training_parameters.get("calibration")
        return None if value in (None, False, "", "none", "off") else str(value)

    @property
    def place(self) -> str:
        """The chip, with what distinguishes it from other variants of the same chip in the sweep."""
        last = {name: name.rpartition(".")[2] for name, _ in self.axes}
        names = {name: word if [*last.values()].count(word) == 1 else name for name, word in last.items()}
        axes = [f"{names[name]} = {text}" for name, text in self.axis_texts.items()]
        return self.chip + (f" ({shortened(', '.join(axes), _MOST_LETTERS)})" if axes else "")

    @cached_property
    def axis_texts(self) -> Mapping[str, str]:
        """Values of the axes that apply, by path, as text with units."""
        return {
            name: shortened(written(value, self.whole.units.get(name, "")), _MOST_LETTERS)
            for name, value in self.axes
            if value is not None
        }

    @property
    def trained_for_it(self) -> bool:
        """Whether the model was trained with the schedule under which it is evaluated: policy, F and input mode."""
        same_input = self.training_parameters.get("input_mode", self.input_mode) == self.input_mode
        return self.trained_for_policy and same_input and self.training_group_size == self.group_size

    @property
    def trained_for_policy(self) -> bool:
        """Whether the model was trained with the policy under which it is evaluated, whatever F and input mode."""
        return self.training_policy is not None and self.training_policy == self.policy

    @property
    def included_terms(self) -> frozenset[str]:
        """Terms that `energy_j` includes in another term, because the chip's numbers do not separate them."""
        return frozenset(name for name in self.coverage if name in COVERAGE and not self.known_terms((name,)))

    @property
    def separable(self) -> bool:
        """Whether `energy_j` is a sum of named terms, not an all-in figure."""
        return bool(self.coverage) and set(self.coverage) <= set(COVERAGE)

    @cached_property
    def charged(self) -> tuple[str, ...]:
        """`coverage` without terms whose actions never happen or are not charged, such as barriers if nothing waits."""
        zero = {n for n in self.coverage if (own := self.known_terms((n,))) and not any(self.term(t).mean for t in own)}
        return tuple(name for name in self.coverage if name not in zero)

    def known_terms(self, covered: Iterable[str]) -> tuple[str, ...]:
        """Terms with their own energy among those that names of `coverage` stand for."""
        terms = (term.name for name in covered for term in COVERAGE.get(name, ()))
        return tuple(name for name in terms if self.term(name).mean is not None)

    def means(self, column: str) -> list[float]:
        """Mean over rows of a column of lists, by entry; empty if all are null. Raises InputError if lengths differ."""
        cells = [list(map(float, cell)) for cell in self.cells(column) if cell is not None]
        if len({len(cell) for cell in cells}) > 1:
            raise InputError(f"results: {column} must be as long in all rows of a design point, but differs for {self}")
        return [sum(entries) / len(entries) for entries in zip(*cells, strict=True)] if cells else []

    def term(self, name: str) -> Interval:
        return self.value(ENERGY_COLUMNS[name])


_FACTS = tuple(field.name for field in fields(Point) if field.name in COLUMNS)
FACT_COLUMNS = (*_FACTS, "energy_coverage", "energy_accounting")
"""Columns that are equal in all rows of a design point, which a point takes from its first row."""


def gather(table: ResultTable, *, without_results: bool = False) -> tuple[Point, ...]:
    """All points with status ok, or also those without results, with their seeds gathered and energies in the book of
    the metadata; sorted by chip, axes, schedule and recipe."""
    metadata, ok = table.metadata, table.frame["status"] == "ok"
    rows = table.frame if without_results else table.frame[ok]
    units = {axis.name: axis.unit for axis in metadata.axes}
    return points_of(rows, units=units, book=metadata.static_book, metadata=metadata, failed=table.frame[~ok])


def points_of(
    frame: pd.DataFrame,
    *,
    units: Mapping[str, str],
    book: StaticBook = "board",
    metadata: ResultMetadata | None = None,
    failed: pd.DataFrame | None = None,
) -> tuple[Point, ...]:
    """Points as from `gather`, given rows that need not come from a file.

    Args:
        frame: like `ResultTable.frame`, rows with status ok. Only `FACT_COLUMNS`, seeds and axes are required.
        units: SI units of axes, by name.
        book: book of the static power for `energy_j` and its terms; rows hold everything that is powered.
        metadata: used for recipes, trials, chips and schedules.
        failed: rows without a result.
    """
    frame = in_book(frame, book)
    axes = [name for name in frame.columns if name.startswith(AXIS_PREFIX)]
    keys = [*NAMED[:-2], *axes, *NAMED[-2:]]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for position, key in enumerate(plain_rows(frame[keys])):
        groups.setdefault(key, []).append(position)
    ordered = sorted(groups, key=lambda key: tuple((cell is not None, cell) for cell in key))
    numbers = np.zeros(len(frame), dtype=int)
    for number, key in enumerate(ordered, start=1):
        numbers[groups[key]] = number
    means = seed_means(frame, [name for name in NUMERIC_COLUMNS if name in frame], numbers)
    ends = np.searchsorted(means.index.get_level_values("group"), np.arange(1, len(ordered) + 2)).tolist()
    whole = Gathered(
        frame=frame,
        failed=frame.iloc[:0] if failed is None else failed,
        means={str(name): values.to_numpy() for name, values in means.items()},
        ends=ends,
        training_seeds=means.index.get_level_values("training_seed"),
        units=units,
        book=book,
        metadata=metadata,
    )
    names = [path.removeprefix(AXIS_PREFIX) for path in axes]
    firsts = plain_rows(frame[[*_FACTS]].iloc[[groups[key][0] for key in ordered]])
    for number, (key, cells) in enumerate(zip(ordered, firsts, strict=True), start=1):
        known: dict[str, Any] = dict(zip(_FACTS, cells, strict=True))
        known["chip_title"] = known["chip_title"] or known["chip"]
        known["equivalent_to_layered"] = bool(known["equivalent_to_layered"])
        of_axes = tuple(zip(names, key[len(NAMED) - 2 : -2], strict=True))
        own = slice(ends[number - 1], ends[number])
        whole.points.append(Point(**known, number=number, axes=of_axes, positions=groups[key], own=own, whole=whole))
    return tuple(whole.points)

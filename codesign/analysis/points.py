"""Design points with their seeds gathered: what the report draws, ranks and compares."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from codesign.analysis.columns import AXIS_PREFIX, COLUMNS
from codesign.analysis.formatting import UNKNOWN, policy_label
from codesign.analysis.metadata import Scalar
from codesign.analysis.statistics import Interval, interval, seed_means
from codesign.analysis.table import ResultTable
from codesign.hardware.terms import ENERGY_COLUMNS
from codesign.units import format_si

__all__ = ["Point", "gather", "is_known", "strings"]

_KEYS = ("workload", "topology", "chip", "capacity", "operation", "weight_bits", "schedule", "recipe")
_NUMERIC = [name for name, column in COLUMNS.items() if column.kind in ("int", "float") and name != "training_seed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """All seeds of one (model recipe, chip, schedule, axes).

    Attributes:
        number: position in the report, from 1; the figures and tables refer to points by it.
        axes: (name, value) of the sweep's axes; values are strings, floats in SI, or None.
        axis_units: SI unit of each axis, "" for none.
        training_parameters: the recipe's parameters by name, with the values that the sweep's axes give them here.
        coverage: names of the energy terms that `energy_j` holds, sorted.
        accounting: incremental or all_in.
        rows: one row a (training seed, evaluation seed), status ok.
        seed_table: one row a training seed: means of all numeric columns over its evaluation seeds.
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
    axis_units: tuple[str, ...]
    training_method: str
    training_policy: str | None
    training_group_size: int | None
    training_parameters: Mapping[str, Scalar]
    chip_title: str
    synchronization: str | None
    inference: str | None
    policy: str | None
    group_size: int | None
    stop: str | None
    steps_after_output: int | None
    input_mode: str | None
    refractory: bool | None
    equivalent_to_layered: bool
    coverage: tuple[str, ...]
    accounting: str | None
    latency_model: str | None
    assumptions: tuple[str, ...]
    not_modelled: tuple[str, ...]
    rows: pd.DataFrame = field(repr=False)
    seed_table: pd.DataFrame = field(repr=False)

    def seeds(self, column: str) -> pd.Series:
        """One value of `column` a training seed; seeds that do not know it are left out."""
        return self.seed_table[column].dropna()

    def value(self, column: str) -> Interval:
        """Mean of `column` over training seeds, with its interval."""
        if column not in self._intervals:
            self._intervals[column] = interval(self.seeds(column))
        return self._intervals[column]

    @cached_property
    def _intervals(self) -> dict[str, Interval]:
        return {}

    @cached_property
    def memory(self) -> dict[Hashable, object]:
        """What has been worked out of the rows and would take long again, by whatever it is called."""
        return {}

    @property
    def layered(self) -> bool:
        """Whether the spikes are those of layered inference, because layers wait or provably."""
        return self.inference == "layered" or self.equivalent_to_layered

    @property
    def free_running(self) -> bool:
        """Whether no neuron waits for any other: neither a layer nor a barrier nor a timer's tick."""
        return not self.layered and self.synchronization not in ("barrier", "timer")

    @property
    def beyond_chip(self) -> bool:
        """Whether the schedule waits for layers on a chip that cannot: the projection of the paper's Table 3."""
        return self.inference == "layered" and self.synchronization == "asynchronous"

    @property
    def calibration(self) -> str | None:
        """How thresholds were adjusted after training, as the recipe has it; None if they were not."""
        value = self.training_parameters.get("calibration")
        return None if value in (None, False, "", "none", "off") else str(value)

    @property
    def training_label(self) -> str:
        """As the paper's Table 2 names trainings."""
        if self.training_method == "layered":
            return "Layered"
        return f"Unlayered {policy_label(self.training_policy)}".strip()

    @property
    def inference_label(self) -> str:
        """As the paper's Table 2 names inferences."""
        if self.inference == "layered":
            return "Layered"
        suffix = " (= layered)" if self.equivalent_to_layered else " (timer)" if self.synchronization == "timer" else ""
        return f"Async {policy_label(self.policy)}".strip() + suffix

    @property
    def place(self) -> str:
        """Chip, with what sets it apart from other variants of the same chip in the sweep."""
        written = zip(self.axes, self.axis_values, strict=True)
        axes = [f"{name.rpartition('.')[2]} = {text}" for (name, value), text in written if value is not None]
        return self.chip + (f" ({', '.join(axes)})" if axes else "")

    @property
    def axis_values(self) -> tuple[str, ...]:
        """The values of the axes as they are read, with units."""
        return tuple(_written(value, unit) for (_, value), unit in zip(self.axes, self.axis_units, strict=True))

    @property
    def trained_for_it(self) -> bool:
        """Whether the model was trained through the schedule that it is evaluated under: policy, F and input mode."""
        same_policy = self.training_policy is not None and self.training_policy == self.policy
        same_input = self.training_parameters.get("input_mode", self.input_mode) == self.input_mode
        return same_policy and same_input and self.training_group_size == self.group_size

    @property
    def included_terms(self) -> frozenset[str]:
        """Terms that `energy_j` holds within another term: the chip's numbers do not tell them apart."""
        return frozenset(name for name in self.coverage if name in ENERGY_COLUMNS and self.term(name).mean is None)

    @property
    def separable(self) -> bool:
        """Whether `energy_j` is a sum of named terms; an all-in figure is all that a measurement spent."""
        return bool(self.coverage) and set(self.coverage) <= set(ENERGY_COLUMNS)

    def means(self, column: str) -> list[float]:
        """Mean over the rows of a column of lists, entry by entry; empty if no row has it."""
        cells = [list(map(float, cell)) for cell in self.rows[column] if cell is not None]
        return [sum(entries) / len(entries) for entries in zip(*cells, strict=True)] if cells else []

    def term(self, name: str) -> Interval:
        """One energy term, in joules."""
        return self.value(ENERGY_COLUMNS[name])


def gather(table: ResultTable) -> tuple[Point, ...]:
    """All points with status ok, their seeds gathered; sorted by chip, axes, schedule and recipe."""
    frame = table.frame[table.frame["status"] == "ok"]
    axes = [name for name in frame.columns if name.startswith(AXIS_PREFIX)]
    keys = [*_KEYS[:-2], *axes, *_KEYS[-2:]]
    groups: dict[tuple[Hashable, ...], list[int]] = {}
    for position, values in enumerate(frame[keys].itertuples(index=False, name=None)):
        groups.setdefault(tuple(value if is_known(value) else None for value in values), []).append(position)
    ordered = sorted(groups, key=lambda key: tuple((value is not None, value) for value in key))
    numbers = [0] * len(frame)
    for number, key in enumerate(ordered, start=1):
        for position in groups[key]:
            numbers[position] = number
    known_units = {axis.name: axis.unit for axis in table.metadata.axes}
    units = tuple(known_units.get(name.removeprefix(AXIS_PREFIX), "") for name in axes)
    means = seed_means(frame, _NUMERIC, numbers)
    return tuple(
        _point(
            number, frame.iloc[groups[key]], means.loc[[number]].droplevel("group"), axes, units, table.metadata.recipes
        )
        for number, key in enumerate(ordered, start=1)
    )


def is_known(value: Any) -> bool:
    """Whether a cell of a results frame is not null."""
    return value is not None and value is not pd.NA and value == value


def strings(cell: Any) -> tuple[str, ...]:
    """A cell of a list column of strings; empty for null."""
    return () if cell is None else tuple(cell)


def _point(
    number: int,
    rows: pd.DataFrame,
    seed_table: pd.DataFrame,
    axes: list[str],
    units: tuple[str, ...],
    recipes: Mapping[str, Mapping[str, Scalar]],
) -> Point:
    first = rows.iloc[0]
    values = tuple((name.removeprefix(AXIS_PREFIX), _axis_value(first[name])) for name in axes)
    recipe = str(first["recipe"])
    own = f"recipe.{recipe}."
    varied = {name.removeprefix(own): value for name, value in values if name.startswith(own) and value is not None}

    def text(name: str) -> str | None:
        return str(first[name]) if is_known(first[name]) else None

    def integer(name: str) -> int | None:
        return int(first[name]) if is_known(first[name]) else None

    return Point(
        number=number,
        **{name: str(first[name]) for name in ("workload", "topology", "chip", "schedule")},
        recipe=recipe,
        capacity=text("capacity"),
        operation=text("operation"),
        weight_bits=integer("weight_bits"),
        axes=values,
        axis_units=units,
        training_method=str(first["training_method"]),
        training_policy=text("training_policy"),
        training_group_size=integer("training_group_size"),
        training_parameters={**recipes.get(recipe, {}), **varied},
        chip_title=text("chip_title") or str(first["chip"]),
        synchronization=text("synchronization"),
        inference=text("inference"),
        policy=text("policy"),
        group_size=integer("group_size"),
        stop=text("stop"),
        steps_after_output=integer("steps_after_output"),
        input_mode=text("input_mode"),
        refractory=bool(first["refractory"]) if is_known(first["refractory"]) else None,
        equivalent_to_layered=is_known(first["equivalent_to_layered"]) and bool(first["equivalent_to_layered"]),
        coverage=tuple(sorted(strings(first["energy_coverage"]))),
        accounting=text("energy_accounting"),
        latency_model=text("latency_model"),
        assumptions=_union(rows, "assumptions"),
        not_modelled=_union(rows, "not_modelled"),
        rows=rows,
        seed_table=seed_table,
    )


def _union(rows: pd.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry for cell in rows[column] for entry in strings(cell)))


def _axis_value(value: Any) -> str | float | None:
    if not is_known(value):
        return None
    return value if isinstance(value, str) else float(value)


def _written(value: str | float | None, unit: str) -> str:
    if value is None or isinstance(value, str):
        return UNKNOWN if value is None else value
    return format_si(value, unit) if unit else f"{value:.6g}"

"""Constraints: which points meet them, by how much the others miss them, and how certain that is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, Literal, cast

import numpy as np

from codesign.analysis.comparisons.comparison import in_draws
from codesign.analysis.comparisons.variants import best_variant
from codesign.analysis.results.columns import COLUMNS, NUMERIC_COLUMNS
from codesign.analysis.results.formatting import (
    column_label,
    in_points,
    is_share,
    multiple,
    quantity,
    significant,
    stated,
)
from codesign.analysis.results.points import Point
from codesign.analysis.results.samples import counts_samples, lead_by_samples, samples_of, share_by_samples
from codesign.analysis.results.statistics import GIVEN, difference, interval
from codesign.arrays import Flags, Floats
from codesign.mistakes import suggestion
from codesign.units import fraction, parse_quantity

_MOST_RIVALS = 60
"""How many of the best points may be the best by chance, or set the limit of a `within`; a worse one hardly ever is."""

Relation = Literal[">=", "<=", ">", "<", "within"]
_CONSTRAINT = re.compile(r"\s*(?P<column>[\w.]+)\s*(?P<relation>>=|<=|>|<|within)\s*(?P<value>.+?)\s*")
_WITHIN = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>points?|%)\s+of\s+best")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """What a point must meet, such as `accuracy >= 95 %`, `latency_s < 1 ms` or `accuracy within 1 point of best`.

    Attributes:
        value: the limit in SI units; of `within` the largest distance from the best of the points in question, in the
            column's own unit, or as a share of the best where `relative`.
        by_seed: of `within`, once the best is known, the limit that it sets in each of its training seeds, (D,) in the
            joint draws of its chip's numbers or (1,).
        distance, rivals: of `within`, likewise: how far from the best the limit is, and, for a share of the test
            samples, the points that come nearest to the best, which is one of them.
        text: as it was written.
    """

    column: str
    relation: Relation
    value: float
    relative: bool = False
    by_seed: Mapping[int, tuple[float, ...]] = field(default_factory=dict, compare=False)
    distance: float = field(default=0.0, compare=False)
    rivals: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    text: str

    @property
    def is_least(self) -> bool:
        """Whether larger values meet it, and smaller ones miss it; not of a `within`."""
        return self.relation in (">=", ">")

    @property
    def in_words(self) -> str:
        """As it was written, but with the column in words: `latency < 1 ms`."""
        return self.text.replace(self.column, column_label(self.column), 1)

    def from_best(self, best: Floats) -> Floats:
        """Of a `within`, the limits that such values of the best set."""
        distance = self.value * np.abs(best) if self.relative else self.value
        return best - distance if more_is_better(self.column) else best + distance

    @staticmethod
    def parse(text: object) -> Constraint:
        """Raises ValueError for text of another form, a column that is not known or a limit that it cannot have."""
        if isinstance(text, Constraint):
            return text
        written = _CONSTRAINT.fullmatch(text) if isinstance(text, str) else None
        if written is None:
            raise ValueError(
                f"must be like 'accuracy >= 95 %' or 'accuracy within 1 point of best', found {text!r:.80}; "
                "chips, schedules and recipes are chosen by `select: {chip: mubrain}`"
            )
        column, value = written["column"], written["value"]
        relation = cast(Relation, written["relation"])
        if column not in NUMERIC_COLUMNS:
            raise ValueError(f"'{column}' is not a numeric column of results{suggestion(column, NUMERIC_COLUMNS)}")
        if relation != "within":
            return Constraint(column=column, relation=relation, value=limit_in_si(value, column), text=str(text))
        distance = _WITHIN.fullmatch(value)
        if distance is None:
            raise ValueError(f"must end like 'within 1 point of best' or 'within 5 % of best', found {text!r:.80}")
        share, relative = float(distance["number"]) / 100, distance["unit"] == "%"
        if not relative and not is_share(column):
            raise ValueError(f"'{column}' has no points; write 'within 5 % of best', found {text!r:.80}")
        return Constraint(column=column, relation=relation, value=share, relative=relative, text=str(text))


def limit_in_si(value: str, column: str) -> float:
    """A limit of a column as a file writes it: `1 nJ`, `95 %`. Raises ValueError if the column cannot have it."""
    known = COLUMNS[column]
    if known.unit:
        return parse_quantity(value, known.unit)
    if is_share(column) and value.endswith("%"):
        return fraction(value)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"must be a number, found {value!r:.80}")
    return fraction(number) if is_share(column) else number


def more_is_better(column: str) -> bool:
    """Whether larger values of a column are better by default."""
    return column.endswith(("accuracy", "agreement"))


def resolved(constraints: Sequence[Constraint], points: Sequence[Point]) -> tuple[Constraint, ...]:
    """Replace each `within … of best` by a limit taken from the best of these points."""
    return tuple(_resolved(constraint, points) for constraint in constraints)


def _resolved(constraint: Constraint, points: Sequence[Point]) -> Constraint:
    if constraint.relation != "within":
        return constraint
    more, limit = more_is_better(constraint.column), constraint.from_best
    best = best_variant(points, constraint.column, more=more)
    mean = None if best is None else best.value(constraint.column).mean
    seeds = {int(seed) for point in points for seed in point.training_seeds}
    of_best = {} if best is None else in_draws(best, constraint.column, seeds)

    return replace(
        constraint,
        relation=">=" if more else "<=",
        value=float(limit(np.array(mean or 0.0))),
        by_seed={seed: (*limit(of),) for seed, of in of_best.items()},
        distance=abs(float(limit(np.array(mean or 0.0))) - (mean or 0.0)),
        rivals=foremost(points, constraint.column) if counts_samples(constraint.column) else (),
    )


def foremost(points: Sequence[Point], column: str) -> tuple[Point, ...]:
    """The best points in order, the best first, without those that answer the same as another."""
    known = [point for point in points if point.value(column).mean is not None]
    answers = {(point.value(column).mean, point.value("spike_density").mean): point for point in known}
    ordered = sorted(
        answers.values(), key=lambda point: point.value(column).mean or 0.0, reverse=more_is_better(column)
    )
    return tuple(ordered[:_MOST_RIVALS])


def _by_seed(known: Mapping[int, Floats | tuple[float, ...]], seeds: Sequence[int], missing: float) -> Floats:
    """Return (S, D) or (S, 1) values of the given training seeds."""
    rows = np.broadcast_arrays(*(known.get(seed, (missing,)) for seed in seeds))
    return np.array(rows, dtype=float).reshape(len(seeds), len(rows[0]) if rows else 1)


def meets(point: Point, constraint: Constraint) -> bool:
    """Whether the mean over training seeds is known and meets a constraint that is not a `within`."""
    return bool(meeting([point], [constraint]))


def meeting(points: Sequence[Point], constraints: Sequence[Constraint]) -> list[Point]:
    """The points that meet all constraints."""
    for constraint in constraints:
        means = np.array([point.value(constraint.column).mean for point in points], dtype=float)  # NaN is unknown
        points = [*compress(points, shortfalls(means, np.array(constraint.value), constraint) <= 0)]
    return [*points]


def shortfall(point: Point, constraint: Constraint) -> float | None:
    """By how much the mean misses a constraint, in the column's unit: positive if it does, None if it is unknown."""
    mean = point.value(constraint.column).mean
    return None if mean is None else float(shortfalls(np.array(mean), np.array(constraint.value), constraint))


def shortfalls(values: Floats, limits: Floats, constraint: Constraint) -> Floats:
    """By how much values miss limits; 0 or less where they meet them, but for rounding."""
    short = limits - values if constraint.is_least else values - limits
    short = np.where(np.abs(short) <= 1e-12 * np.maximum(np.abs(values), np.abs(limits)), 0.0, short)
    return short if constraint.relation in (">=", "<=") else np.where(short == 0.0, math.ulp(1.0), short)


def met_in(point: Point, constraints: Sequence[Constraint], seeds: Sequence[int]) -> Flags:
    """Return an (S, D) mask: whether a point meets all constraints in each training seed and joint draw of its chip's
    numbers, or (S, 1) if no column has draws. A seed without a value of a column misses its limit; a given model is the
    same in every seed."""
    met = np.ones((len(seeds), 1), dtype=bool)
    for constraint in constraints:
        values = _by_seed(in_draws(point, constraint.column, seeds), seeds, math.nan)
        limits = _by_seed(constraint.by_seed, seeds, constraint.value)
        met = met & (shortfalls(values, limits, constraint) <= 0)
    return met


def seeds_of(point: Point, constraints: Sequence[Constraint], own: Iterable[int]) -> list[int]:
    """The training seeds in which the constraints apply to a point: its own, or for a given model those of the points
    that set the limits."""
    limits = {seed for constraint in constraints for seed in constraint.by_seed}
    return sorted(limits if limits and point.training_method == GIVEN else map(int, own))


def doubt(point: Point, constraints: Sequence[Constraint], of: str = "") -> str:
    """Say which constraints some training seeds or draws of a point do not meet whose means do; "" if all do. `of`
    names the point, as in ` of Loihi`, if there are several."""
    said = []
    for constraint in constraints:
        seeds = seeds_of(point, (constraint,), point.seeds(constraint.column).index)
        met = met_in(point, (constraint,), seeds)
        if met.all():
            continue
        in_words = quantity if constraint.by_seed else stated  # which is computed if it depends on the best
        limit, label = in_words(constraint.value, constraint.column), column_label(constraint.column)
        missed = f"{int((~met).sum())} of {len(seeds)} training seeds"
        if met.shape[1] > 1:
            missed = f"{significant(100 * float((~met).mean()), 2)} % of seeds and draws of the chip's numbers"
        said.append(f"{'The' if of else 'Its'} mean {label}{of} meets {limit}. In {missed} it does not.")
    return " ".join(said)


def missed_by_chance(point: Point, constraints: Sequence[Constraint]) -> bool:
    """Whether every constraint that a point misses is missed by no more than the training seeds can explain or, for a
    share of the test samples, the choice of samples."""
    missed = [constraint for constraint in constraints if not meets(point, constraint)]
    return bool(missed) and all(_by_chance(point, each) for each in missed)


def met_by_chance(point: Point, constraints: Sequence[Constraint]) -> list[Constraint]:
    """The constraints that a point meets by no more than the training seeds can explain or, for a share of the test
    samples, the choice of samples."""
    return [each for each in constraints if meets(point, each) and _by_chance(point, each)]


def _by_chance(point: Point, constraint: Constraint) -> bool:
    """Whether the side of the limit on which the point lies may be chance."""
    values, of_samples = point.seeds(constraint.column), counts_samples(constraint.column)
    if values.empty or (of_samples and not samples_of(point, constraint.column)):
        return False
    column = COLUMNS[constraint.column]
    if constraint.value <= column.least if constraint.relation == ">=" else constraint.value >= column.most:
        return False  # no value lies beyond
    if constraint.by_seed and not of_samples:  # a limit that moves with the seeds
        return False
    if constraint.rivals:
        leads = (_lead(rival, point, constraint.column) for rival in constraint.rivals)
        if meets(point, constraint):
            return any(high > constraint.distance for _, high in leads)
        return not any(low > constraint.distance for low, _ in leads)
    short = interval(shortfalls(np.asarray(values, dtype=float), np.array(constraint.value), constraint))
    low, high = share_by_samples(point, constraint.column) if of_samples else (math.inf, -math.inf)  # holds no value
    return low <= constraint.value <= high or abs(short.mean or 0.0) < (short.half_width or 0.0)


def _lead(one: Point, other: Point, column: str) -> tuple[float, float]:
    """The least and the greatest lead of one share over another that seeds and samples allow."""

    def found() -> tuple[float, float]:
        low, high = lead_by_samples(one, other, column)
        of_seeds = difference(one.seeds(column), other.seeds(column))
        if of_seeds.half_width is not None:
            low, high = min(low, of_seeds.low or 0.0), max(high, of_seeds.high or 0.0)
        return (low, high) if more_is_better(column) else (-high, -low)

    return one.remembered(("lead", other, column), found)


def largest_miss(point: Point, constraints: Sequence[Constraint]) -> tuple[int, float]:
    """How many values are unknown, and the largest miss of the others as a share of its limit; negative if all
    constraints are met."""
    misses = [_relative(point, constraint) for constraint in constraints]
    return misses.count(math.inf), max((miss for miss in misses if miss < math.inf), default=0.0)


def _relative(point: Point, constraint: Constraint) -> float:
    short = shortfall(point, constraint)
    return math.inf if short is None else short / (abs(constraint.value) or 1.0)


def misses_in_words(point: Point, constraints: Sequence[Constraint]) -> list[str]:
    """Say by how much a point misses each constraint that it does not meet."""
    return [_miss_in_words(point, constraint) for constraint in constraints if not meets(point, constraint)]


def why_unknown(points: Sequence[Point], column: str) -> str:
    """Say why no point has a time of a decision although its latency is known; "" of others."""
    late = column == "decision_latency_s" and all(point.value("latency_s").mean is not None for point in points)
    return " (in no sample does an output neuron fire in the last timestep)" if late else ""


def _miss_in_words(point: Point, constraint: Constraint) -> str:
    """`1.2 points too low`, `1.4 times too high`, `0.08 % too high`, `just the limit`, or that the value is unknown."""
    mean, label = point.value(constraint.column).mean, column_label(constraint.column)
    if mean is None:
        return f"its {label} is not known{why_unknown([point], constraint.column)}"
    short = shortfall(point, constraint) or 0.0
    if short == math.ulp(1.0):
        return f"its {label} is just the limit"
    side = "low" if constraint.is_least else "high"
    if is_share(constraint.column):
        points = in_points(short)  # a miss is never written as none
        return f"its {label} is {points if float(points) else significant(100 * short, 1)} points too {side}"
    small, large = sorted((mean, constraint.value))
    factor = f"{multiple(large / small)} times " if small > 0 else ""
    if factor == "1 times ":
        factor = f"{significant(100 * (large / small - 1), 1)} % "
    return f"its {label} is {factor}too {side}"

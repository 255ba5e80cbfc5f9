"""What a trial gives: mean values of its design points over training seeds, constraints, and who goes on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from codesign.analysis.books import book_column
from codesign.analysis.columns import COLUMNS
from codesign.analysis.pareto import front_order, hypervolume, pareto_ranking
from codesign.errors import InputError
from codesign.exploration.plan import Plan
from codesign.exploration.point_rows import point_row
from codesign.exploration.rows import Columns
from codesign.exploration.runner import Runner
from codesign.exploration.store import Store
from codesign.exploration.study.domains import Value
from codesign.exploration.study.spec import ConstraintEntry, FidelityLevel, StudySpec
from codesign.exploration.work import Work, find_work
from codesign.units import format_si

__all__ = ["Evaluations", "Outcome", "best_of", "constraint_text", "evaluate_rows", "front_of", "volume"]

State = Literal["complete", "infeasible", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a trial ended at a fidelity level.

    Attributes:
        values: one an objective, in SI units: mean over training seeds; empty where it was not run or failed.
        spreads: sample standard deviations over training seeds; None with fewer than two.
        violations: by constraint, by how much it is violated; 0 or below where it is not.
        reason: why it is infeasible or failed.
    """

    state: State
    values: tuple[float, ...] = ()
    spreads: tuple[float | None, ...] = ()
    violations: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(kw_only=True)
class Evaluations:
    """Evaluates trials through a runner.

    Args:
        plan: the design points of a trial at a level, on the validation split.
    """

    spec: StudySpec
    plan: Callable[[Mapping[str, Value], FidelityLevel | None], Plan]
    store: Store
    runner: Runner
    works: list[Work] = field(default_factory=list)
    _begun: dict[str, tuple[Plan, set[str]] | Outcome] = field(default_factory=dict)

    def begin(self, name: str, values: Mapping[str, Value], level: FidelityLevel | None) -> bool:
        """Start a trial at a level; False where nothing need be run for it."""
        try:
            plan = self.plan(values, level)
        except InputError as error:  # values that do not go together, which no single parameter shows
            self._begun[name] = Outcome(state="infeasible", reason=str(error))
            return False
        known = _known_outcome(self.spec, plan)
        if known is not None:
            self._begun[name] = known
            return False
        self.add(plan, name)
        self._begun[name] = plan, {key for point in plan.points if point.jobs is not None for key in point.jobs.keys}
        return True

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of a trial that was begun; None while it is under way."""
        begun = self._begun[name]
        if not isinstance(begun, Outcome):
            plan, keys = begun
            keys -= {key for key in keys if not self.runner.unfinished(key)}
            if keys:
                return None
            rows = [point_row(point, plan.shape, self.store, self.runner.failures) for point in plan.points]
            begun = evaluate_rows(self.spec, rows)
        del self._begun[name]
        return begun

    def add(self, plan: Plan, name: str, *, models: bool = False) -> None:
        """Have everything run that a plan needs and that is not in the store; `models` as in `find_work`."""
        work = find_work(plan, self.store, models=models)
        self.works.append(work)
        self.runner.add(replace(work, labels={key: f"{name}: {label}" for key, label in work.labels.items()}))


def constraint_text(constraint: ConstraintEntry) -> str:
    """A constraint in words, by which it is also known to Optuna."""
    limit = constraint.at_most if constraint.at_least is None else constraint.at_least
    assert limit is not None
    unit = COLUMNS[constraint.column].unit
    text = format_si(limit, unit) if unit else f"{limit:.12g}"
    return f"{constraint.column} {'at most' if constraint.at_least is None else 'at least'} {text}"


def _known_outcome(spec: StudySpec, plan: Plan) -> Outcome | None:
    """The outcome of a trial that need not be run, because it cannot be or must not; None for one that has to be."""
    for point in plan.points:
        if point.jobs is None:
            return Outcome(state="infeasible", reason=point.reason)
    columns = plan.points[0].columns
    violations = {
        constraint_text(constraint): constraint.violation(columns[constraint.column])
        for constraint in spec.constraints
        if columns.get(constraint.column) is not None
    }
    reason = _violation_reason(violations)
    return None if reason is None else Outcome(state="infeasible", violations=violations, reason=reason)


def evaluate_rows(spec: StudySpec, rows: Sequence[Columns]) -> Outcome:
    """The outcome of a trial from its rows, one a training and evaluation seed."""
    for row in rows:
        if row["status"] != "ok":
            return Outcome(state="failed", reason=row["reason"])
    objectives = [objective.column for objective in spec.objectives]
    means: dict[str, float] = {}
    spreads: dict[str, float | None] = {}
    for column in (*objectives, *(constraint.column for constraint in spec.constraints)):
        values = _by_seed(rows, book_column(column, spec.static_book))
        if values is None:
            return Outcome(state="infeasible", reason=f"{column} is not known on chip {rows[0]['chip']}")
        means[column] = statistics.fmean(values)
        spreads[column] = statistics.stdev(values) if len(values) > 1 else None
    violations = {constraint_text(entry): entry.violation(means[entry.column]) for entry in spec.constraints}
    reason = _violation_reason(violations)
    return Outcome(
        state="complete" if reason is None else "infeasible",
        values=tuple(means[column] for column in objectives),
        spreads=tuple(spreads[column] for column in objectives),
        violations=violations,
        reason=reason,
    )


def _by_seed(rows: Sequence[Columns], column: str) -> list[float] | None:
    """Mean over evaluation seeds for each training seed; None where a row does not know it."""
    import numpy as np

    seeds: dict[int, list[float]] = {}
    for row in rows:
        value = row.get(column)
        if value is None or not math.isfinite(value):
            return None
        seeds.setdefault(row["training_seed"], []).append(value)

    return [float(np.mean(values)) for values in seeds.values()]


def _violation_reason(violations: Mapping[str, float]) -> str | None:
    violated = [text for text, violation in violations.items() if violation > 0]
    return f"violates {', '.join(violated)}" if violated else None


def best_of(spec: StudySpec, outcomes: Mapping[int, Outcome], count: int) -> list[int]:
    """Numbers of the best trials that have values, so many at most, best first.

    Those that violate a constraint come last, by how much: at another level they may not.
    """
    numbers = sorted(number for number, outcome in outcomes.items() if outcome.state == "complete")
    order = pareto_ranking([outcomes[number].values for number in numbers], spec.directions, spec.references)
    violating = sorted(
        (sum(by for by in outcome.violations.values() if by > 0), number)
        for number, outcome in outcomes.items()
        if outcome.state == "infeasible" and outcome.values
    )
    return [*(numbers[position] for position in order), *(number for _, number in violating)][:count]


def front_of(spec: StudySpec, values: Sequence[Sequence[float]]) -> list[int]:
    """Positions of those on the front of those that are better than the objectives' references, which count at all."""
    import numpy as np

    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in spec.directions])
    better = (signs * np.reshape(values, (-1, len(signs))) > signs * np.array(spec.references)).all(axis=1)
    counting = [row if counts else (None,) * len(row) for row, counts in zip(values, better, strict=True)]
    return front_order(counting, spec.directions)


def volume(spec: StudySpec, values: Sequence[Sequence[float]]) -> float:
    """Hypervolume of some trials' objectives up to the references."""
    return hypervolume(values, spec.directions, spec.references)

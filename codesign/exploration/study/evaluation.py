"""Evaluation of a trial: its design points, their means over training seeds, and the constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from codesign.analysis.results.beyond_chip import CANNOT_WAIT, DROPS, cannot_wait, drops_spikes
from codesign.analysis.results.books import OF_BOOKS, in_book
from codesign.analysis.results.formatting import quantity
from codesign.deferred import pd
from codesign.errors import InputError
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.jobs.summary import Columns
from codesign.exploration.plan import Plan
from codesign.exploration.planning import build_plan
from codesign.exploration.point_rows import point_rows
from codesign.exploration.runner import Runner
from codesign.exploration.study.outcomes import Outcome
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.exploration.work import Work, find_work
from codesign.exploration.workloads import Workloads

_OF_TWINS = frozenset({"agreement", "float_accuracy"})
"""Columns that also need executions of the model other than the one on the chip."""


def trial_plan(
    spec: StudySpec,
    workloads: Workloads,
    values: Mapping[str, Value],
    level: FidelityLevel | None = None,
    *,
    split: Literal["validation", "test"] = "validation",
) -> Plan:
    """Plan the design points of a trial at a level, None for the full one."""
    sweep = spec.trial_sweep(values, level=level, split=split)
    compared = split == "test" or not _OF_TWINS.isdisjoint(spec.judged_columns)
    return build_plan(sweep, workloads.outline(sweep), with_twins=compared)


@dataclass(kw_only=True)
class Evaluations:
    """Evaluates trials by jobs of a runner; `works` has, for each plan, the jobs that were new to it."""

    spec: StudySpec
    workloads: Workloads
    runner: Runner
    works: list[Work] = field(default_factory=list)

    def begin(self, name: str, values: Mapping[str, Value], level: FidelityLevel | None) -> Plan | Outcome:
        """Start the jobs of a trial at a level, and return their plan; or its outcome if it does not need any."""
        try:
            plan = trial_plan(self.spec, self.workloads, values, level)
            known = _known_outcome(self.spec, plan)
        except InputError as error:  # values that are invalid together, though not on their own
            return Outcome(state="infeasible", reason=str(error))
        if known is None:
            self.add(plan, name)
        return known or plan

    def outcome(self, begun: Plan | Outcome) -> Outcome | None:
        """The outcome of a trial that was begun; None while its jobs run."""
        if isinstance(begun, Outcome):
            return begun
        if any(map(self.runner.unfinished, begun.keys)):
            return None
        return evaluate_rows(self.spec, list(point_rows(begun.points, self.runner.store, self.runner.failures)))

    def add(self, plan: Plan, name: str, *, models: bool = False) -> None:
        """Add to the runner everything that a plan needs and the store lacks; `models` as in `find_work`."""
        work = find_work(plan, self.runner.store, models=models)
        named = replace(work, jobs=tuple(replace(job, label=f"{name}: {job.label}") for job in work.jobs))
        self.works.append(replace(work, jobs=self.runner.add(named)))


def _known_outcome(spec: StudySpec, plan: Plan) -> Outcome | None:
    """The outcome of a trial without running it, if it is infeasible or certain to violate a constraint."""
    for point in plan.points:
        if point.jobs is None:
            return Outcome(state="infeasible", reason=point.reason)
    columns = plan.points[0].columns
    if cannot_wait(columns["inference"], columns["synchronization"]):
        return Outcome(state="infeasible", reason=CANNOT_WAIT)
    judged = _judged(spec, columns)
    return judged if judged.violations else None


def _judged(spec: StudySpec, columns: Mapping[str, Any], **known: Any) -> Outcome:
    """The outcome according to whether the values of columns, some of which may be missing, satisfy the constraints."""
    violations = {
        constraint.summary: by
        for constraint in spec.constraints
        if (value := columns.get(constraint.column)) is not None and (by := constraint.violation(value)) > 0
    }
    if not violations:
        return Outcome(state="complete", **known)
    found = {one.summary: quantity(columns.get(one.column), one.column) for one in spec.constraints}
    reason = f"violates {', '.join(f'{name} ({found[name]})' for name in violations)}"
    return Outcome(state="infeasible", violations=violations, reason=reason, **known)


def evaluate_rows(spec: StudySpec, rows: Sequence[Columns]) -> Outcome:
    """The outcome of a trial from its rows, one per training and evaluation seed."""
    for row in rows:
        if row["status"] != "ok":
            return Outcome(state="failed", reason=row["reason"])
        if drops_spikes(row.get("latency_model"), row.get("overloaded_ticks")):
            return Outcome(state="infeasible", reason=DROPS)
    names = spec.judged_columns
    read = list(dict.fromkeys([*names, *OF_BOOKS]))
    board = pd.DataFrame([[row.get(name) for name in read] for row in rows], columns=read, dtype=float)
    frame = in_book(board, spec.static_book)[names]
    for name in names:
        if not np.isfinite(frame[name]).all():
            return Outcome(state="infeasible", reason=f"{name} is not known on chip {rows[0]['chip']}")
    seeds = frame.groupby([row["training_seed"] for row in rows]).mean()
    means, spreads = (dict(zip(names, map(float, of), strict=True)) for of in (seeds.mean(), seeds.std()))
    return _judged(
        spec,
        means,
        objectives=tuple(means[name] for name in spec.objective_columns),
        spreads=tuple(spreads[name] if len(seeds) > 1 else None for name in spec.objective_columns),
    )

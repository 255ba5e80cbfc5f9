"""Evaluation of trials: means of design points over training seeds, constraints, successive halving and the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np
from optuna.study import Study

from codesign.analysis.results.books import OF_BOOKS, in_book
from codesign.analysis.results.columns import COLUMNS, drops_spikes
from codesign.analysis.results.formatting import column_label, is_share, multiple, quantity
from codesign.analysis.results.pareto import front_order, hypervolume, pareto_ranking
from codesign.analysis.results.points import DROPS
from codesign.deferred import pd
from codesign.errors import InputError
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.jobs.rows import Columns
from codesign.exploration.plan import build_plan
from codesign.exploration.planned import Plan
from codesign.exploration.point_rows import point_rows
from codesign.exploration.runner import Runner
from codesign.exploration.runs.progress import FrontLine
from codesign.exploration.study.spec import ConstraintEntry, FidelityLevel, StudySpec
from codesign.exploration.work import Work, find_work
from codesign.exploration.workloads import Workloads
from codesign.units import format_si

Name = TypeVar("Name")
_OF_TWINS = frozenset({"agreement", "float_accuracy"})
"""Columns that also need executions of the model other than the one on the chip."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The parameters and results of a trial. Optuna's storage keeps its fields as JSON.

    Attributes:
        state: `dropped` for a trial whose objectives are from a level below the last fidelity level.
        level: the last fidelity level at which it was evaluated.
        values: values of its parameters, as written in a file.
        objectives: means over training seeds, in SI units; empty if it was not run or failed.
        spreads: sample standard deviations of the objectives over training seeds; None with fewer than two.
        violations: violation of each constraint as a share of its limit; satisfied constraints are left out.
        reason: why it is infeasible or failed; otherwise None.
    """

    state: Literal["complete", "dropped", "infeasible", "failed"]
    level: int = 0
    values: Mapping[str, Value] = field(default_factory=dict)
    objectives: Sequence[float] = ()
    spreads: Sequence[float | None] = ()
    violations: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


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
    compared = split == "test" or not _OF_TWINS.isdisjoint(spec.judged)
    return build_plan(sweep, workloads.outline(sweep), with_twins=compared)


@dataclass(kw_only=True)
class Evaluations:
    spec: StudySpec
    workloads: Workloads
    runner: Runner
    works: list[Work] = field(default_factory=list)
    _begun: dict[str, tuple[Plan, set[str]] | Outcome] = field(default_factory=dict)

    def begin(self, name: str, values: Mapping[str, Value], level: FidelityLevel | None) -> bool:
        """Start a trial at a level; returns False if it does not need any jobs."""
        try:
            plan = trial_plan(self.spec, self.workloads, values, level)
            known = _known_outcome(self.spec, plan)
        except InputError as error:  # values that are invalid together, though not on their own
            known = Outcome(state="infeasible", reason=str(error))
        if known is not None:
            self._begun[name] = known
            return False
        self.add(plan, name)
        self._begun[name] = plan, {key for jobs in plan.jobs for key in jobs.keys}
        return True

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of a trial that was begun; None while its jobs run."""
        begun = self._begun[name]
        if not isinstance(begun, Outcome):
            plan, keys = begun
            keys -= {key for key in keys if not self.runner.unfinished(key)}
            if keys:
                return None
            begun = evaluate_rows(self.spec, list(point_rows(plan.points, self.runner.store, self.runner.failures)))
        del self._begun[name]
        return begun

    def add(self, plan: Plan, name: str, *, models: bool = False) -> None:
        """Add to the runner everything that a plan needs and the store lacks; `models` as in `find_work`."""
        work = find_work(plan, self.runner.store, models=models)
        self.works.append(work)
        self.runner.add(replace(work, jobs=tuple(replace(job, label=f"{name}: {job.label}") for job in work.jobs)))


def constraint_text(constraint: ConstraintEntry) -> str:
    """A constraint in words, which also name it in Optuna."""
    limit = constraint.at_most if constraint.at_least is None else constraint.at_least
    assert limit is not None
    unit = COLUMNS[constraint.column].unit
    plain = f"{100 * limit:.12g} %" if is_share(constraint.column) else f"{limit:.12g}"
    text = format_si(limit, unit) if unit else plain
    return f"{constraint.column} {'at most' if constraint.at_least is None else 'at least'} {text}"


def _known_outcome(spec: StudySpec, plan: Plan) -> Outcome | None:
    """The outcome of a trial without running it, if it is infeasible or certain to violate a constraint."""
    for point in plan.points:
        if point.jobs is None:
            return Outcome(state="infeasible", reason=point.reason)
    judged = _judged(spec, plan.points[0].columns)
    return judged if judged.violations else None


def _judged(spec: StudySpec, columns: Mapping[str, Any], **known: Any) -> Outcome:
    """The outcome according to whether the values of columns, some of which may be missing, satisfy the constraints."""
    violations = {
        constraint_text(constraint): by
        for constraint in spec.constraints
        if (value := columns.get(constraint.column)) is not None and (by := constraint.violation(value)) > 0
    }
    if not violations:
        return Outcome(state="complete", **known)
    found = {constraint_text(one): quantity(columns.get(one.column), one.column) for one in spec.constraints}
    reason = f"violates {', '.join(f'{name} ({found[name]})' for name in violations)}"
    return Outcome(state="infeasible", violations=violations, reason=reason, **known)


def evaluate_rows(spec: StudySpec, rows: Sequence[Columns]) -> Outcome:
    """The outcome of a trial from its rows, one per training and evaluation seed."""
    for row in rows:
        if row["status"] != "ok":
            return Outcome(state="failed", reason=row["reason"])
        if drops_spikes(row.get("latency_model"), row.get("overloaded_ticks")):
            return Outcome(state="infeasible", reason=DROPS)
    names = spec.judged
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
        objectives=tuple(means[name] for name in spec.sought),
        spreads=tuple(spreads[name] if len(seeds) > 1 else None for name in spec.sought),
    )


def best_of(spec: StudySpec, outcomes: Mapping[int, Outcome], count: int) -> list[int]:
    """Numbers of the best trials that have objectives, at most `count`, best first. Trials that violate a constraint
    come last, in the order of their violations: at another level they may satisfy it."""
    numbers = sorted(number for number, outcome in outcomes.items() if outcome.state == "complete")
    order = pareto_ranking([outcomes[number].objectives for number in numbers], spec.directions, spec.references)
    violating = sorted(
        (sum(outcome.violations.values()), number)
        for number, outcome in outcomes.items()
        if outcome.state == "infeasible" and outcome.objectives
    )
    return [*(numbers[position] for position in order), *(number for _, number in violating)][:count]


TRIAL = "codesign"
"""User attribute of a trial in Optuna's storage: its outcome, as JSON."""


def told_trials(study: Study) -> dict[int, Outcome]:
    """Outcomes of the trials that have been reported, by number."""
    return {
        trial.number: Outcome(**trial.user_attrs[TRIAL])
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and TRIAL in trial.user_attrs
    }


def volume(spec: StudySpec, outcomes: Sequence[Outcome]) -> float:
    """Hypervolume of the complete trials among `outcomes`, up to the references."""
    values = [outcome.objectives for outcome in outcomes if outcome.state == "complete"]
    return hypervolume(values, spec.directions, spec.references)


def front_of(spec: StudySpec, outcomes: Mapping[Name, Outcome]) -> list[Name]:
    """Names on the front of the complete trials that are better than all references, the best in the first objective
    first; only the first of equal trials."""
    complete = [name for name, outcome in outcomes.items() if outcome.state == "complete"]
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in spec.directions])
    values = np.array([outcomes[name].objectives for name in complete]).reshape(-1, len(signs))
    better = np.flatnonzero((values * signs > np.array(spec.references) * signs).all(axis=1))
    distinct: dict[tuple[float, ...], Name] = {}
    for position in better[front_order(values[better], spec.directions)]:
        distinct.setdefault(tuple(values[position]), complete[position])
    return list(distinct.values())


def front_lines(spec: StudySpec, baseline: Outcome, trials: Mapping[int, Outcome]) -> list[FrontLine]:
    """The front for the display, including the baseline, the best in the first objective first."""
    every = {"baseline": baseline, **{f"trial {n}": trial for n, trial in trials.items()}}
    labels = tuple(map(column_label, spec.sought))
    return [
        FrontLine(name=name, labels=labels, values=tuple(map(quantity, every[name].objectives, spec.sought)))
        for name in front_of(spec, every)
    ]


def volume_text(spec: StudySpec, baseline: Outcome, trials: Mapping[int, Outcome]) -> str:
    """The trials' hypervolume as text, in multiples of the baseline's if that has one; "" until a trial is complete."""
    if not any(trial.state == "complete" for trial in trials.values()):
        return ""
    so_far, alone = volume(spec, list(trials.values())), volume(spec, [baseline])
    return f"{multiple(so_far / alone)} times the baseline's" if alone else f"{so_far:.3g}"


def ended_text(spec: StudySpec, number: int, outcome: Outcome) -> str:
    reason = f" ({outcome.reason})" if outcome.reason else ""
    pairs = zip(spec.sought, outcome.objectives, strict=False)
    values = ", ".join(f"{column_label(column)} {quantity(value, column)}" for column, value in pairs)
    return f"trial {number} {outcome.state}{reason}{': ' if values else ''}{values}"

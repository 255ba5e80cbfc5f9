"""Trials as Optuna's storage keeps them, and `trials.parquet`, for whoever looks at a search with other tools."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from codesign.analysis.metadata import StudyFacts
from codesign.exploration.study.domains import Value
from codesign.exploration.study.evaluation import Outcome, front_of
from codesign.exploration.study.spec import StudySpec
from codesign.files import Location, write_atomically

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["TRIAL", "TrialRecord", "front_numbers", "told_states", "told_trials", "write_trials"]

TRIAL = "codesign"
"""User attribute of a trial in Optuna's storage: its record, as JSON."""
TrialState = Literal["complete", "dropped", "infeasible", "failed"]


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What a trial was and gave.

    Attributes:
        state: as of its outcome, or `dropped` for one with values short of the last level.
        level: the last one at which it was evaluated.
        values: of its parameters, as the file would write them.
        objectives, spreads, violations, reason: as of its outcome; violations without what is not violated.
    """

    state: TrialState
    level: int
    values: dict[str, Value]
    objectives: Sequence[float]
    spreads: Sequence[float | None]
    violations: Mapping[str, float]
    reason: str | None

    @staticmethod
    def ended(values: dict[str, Value], level: int, outcome: Outcome, *, short: int = 0) -> TrialRecord:
        """The record of a trial that ended so many levels short of the last."""
        return TrialRecord(
            state="dropped" if outcome.values and short else outcome.state,
            level=level,
            values=values,
            objectives=outcome.values,
            spreads=outcome.spreads,
            violations={text: by for text, by in outcome.violations.items() if by > 0},
            reason=outcome.reason,
        )

    @staticmethod
    def of(trial: FrozenTrial) -> TrialRecord | None:
        """The record of a trial that has been told; None for one that has not, or by somebody else."""
        if not trial.state.is_finished() or TRIAL not in trial.user_attrs:
            return None
        return TrialRecord(**trial.user_attrs[TRIAL])

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return dataclasses.asdict(self)


def told_trials(study: Study) -> dict[int, TrialRecord]:
    """Records of the trials that have been told, by number."""
    records = {trial.number: TrialRecord.of(trial) for trial in study.get_trials(deepcopy=False)}
    return {number: record for number, record in records.items() if record is not None}


def told_states(study: Study) -> dict[str, int]:
    """How many trials have been told, by how they ended."""
    return dict(Counter(record.state for record in told_trials(study).values()))


def front_numbers(spec: StudySpec, trials: Mapping[int, TrialRecord]) -> list[int]:
    """Numbers of the complete trials that are better than the references and that no other one beats.

    Of equal ones the first.
    """
    complete = [(number, record.objectives) for number, record in trials.items() if record.state == "complete"]
    distinct: dict[tuple[float, ...], int] = {}
    for position in sorted(front_of(spec, [values for _, values in complete])):
        number, values = complete[position]
        distinct.setdefault(tuple(values), number)
    return sorted(distinct.values())


def write_trials(location: Location, spec: StudySpec, facts: StudyFacts) -> None:
    """Write the table, atomically: number, state, level, reason, hypervolume, on_front, a column `parameter.<path>` for
    each parameter (SI units; null where it takes no part), and for each objective its mean over training seeds on the
    validation split and, as `<column>_spread`, the sample standard deviation.

    Raises:
        InputError: the place cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    trials = facts.trials
    columns: dict[str, Any] = {
        "number": pa.array([trial.number for trial in trials], pa.int64()),
        "state": pa.array([trial.state for trial in trials], pa.string()),
        "level": pa.array([trial.level for trial in trials], pa.int64()),
        "on_front": pa.array([trial.on_front for trial in trials], pa.bool_()),
        "hypervolume": pa.array([trial.hypervolume for trial in trials], pa.float64()),
    }
    for position, objective in enumerate(spec.objectives):
        columns[objective.column] = pa.array([trial.values[position] for trial in trials], pa.float64())
        columns[f"{objective.column}_spread"] = pa.array([trial.spreads[position] for trial in trials], pa.float64())
    for parameter in facts.parameters:
        name = parameter.name
        columns[f"parameter.{name}"] = _column([trial.parameters.get(name) for trial in trials])
    columns["violations"] = pa.array([sorted(trial.violations) for trial in trials], pa.list_(pa.string()))
    columns["reason"] = pa.array([trial.reason for trial in trials], pa.string())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    write_atomically(location, sink.getvalue().to_pybytes())


def _column(values: Sequence[Any]) -> Any:
    """Values of one kind as they are, of several kinds as text."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if len(kinds) == 1:
        return pa.array(values)
    written, kind = (float, pa.float64()) if kinds == {int, float} else (str, pa.string())
    return pa.array([None if value is None else written(value) for value in values], kind)

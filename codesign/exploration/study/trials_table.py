"""`trials.parquet`: one row a trial, for whoever wants to look at a search with tools of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codesign.analysis.metadata import Scalar, StudyFacts, TrialFacts
from codesign.files import Location, write_atomically

if TYPE_CHECKING:
    from codesign.exploration.study.spec import StudyObjective

__all__ = ["write_trials"]


def write_trials(location: Location, objectives: Sequence[StudyObjective], facts: StudyFacts) -> None:
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
    for position, objective in enumerate(objectives):
        columns[objective.column] = pa.array([trial.values[position] for trial in trials], pa.float64())
        spreads = [trial.spreads[position] for trial in trials]
        columns[f"{objective.column}_spread"] = pa.array(spreads, pa.float64())
    for parameter in facts.parameters:
        columns[f"parameter.{parameter.name}"] = _parameter_column(parameter.name, trials)
    columns["violations"] = pa.array([sorted(trial.violations) for trial in trials], pa.list_(pa.string()))
    columns["reason"] = pa.array([trial.reason for trial in trials], pa.string())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    write_atomically(location, sink.getvalue().to_pybytes())


def _parameter_column(name: str, trials: Sequence[TrialFacts]) -> Any:
    import pyarrow as pa

    values: list[Scalar] = [trial.parameters.get(name) for trial in trials]
    known = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known) and known:
        return pa.array(values, pa.bool_())
    if all(isinstance(value, int) and not isinstance(value, bool) for value in known) and known:
        return pa.array(values, pa.int64())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known) and known:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())

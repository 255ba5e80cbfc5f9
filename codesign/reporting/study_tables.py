"""A study's tables: the front before and after the test, every trial, the space that was searched."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import UNKNOWN, column_label, number, plus_minus, quantity, with_interval
from codesign.analysis.metadata import Objective, ParameterFacts, TrialFacts
from codesign.reporting.study_trials import Study, best_first, parameter_text, trial_name
from codesign.reporting.tables import Cell, Heading, Table, shortened, text_table

__all__ = ["front_table", "level_table", "objective_table", "space_table", "telling_parameters", "trial_table"]

_FRONT_LIMIT = 100
_TRIAL_LIMIT = 600
_CELL_LIMIT = 10_000
"""Cells of the table of trials: a page with all parameters of a large space would not open any more."""
_REASON = 200


def telling_parameters(study: Study) -> list[str]:
    """Parameters in which the front's trials or the baseline differ from each other, in the space's order."""
    rows = _front_rows(study)
    return [name for name in study.spaces if len({_key(trial, name) for trial in rows}) > 1]


def front_table(study: Study) -> Table:
    """The baseline and the trials on the front: what sets them apart, and their values on both splits."""
    names = telling_parameters(study)
    tested = [objective.column for objective in study.objectives]
    columns = tested if "accuracy" in tested else [*tested, "accuracy"]
    rows = [
        (
            _trial(trial),
            *(cell for column in columns for cell in _both(study, trial, column)),
            *(_parameter(study, trial, name) for name in names),
        )
        for trial in _front_rows(study)
    ]
    table = Table(
        caption="The baseline and the front’s trials, best in the first objective first.",
        headings=(
            Heading(text="trial", numeric=True),
            *(
                Heading(text=f"{column_label(column)}, {split}", numeric=True, hint=COLUMNS[column].meaning)
                for column in columns
                for split in (("validation", "test") if column in tested else ("test",))
            ),
            *(_parameter_heading(study, name) for name in names),
        ),
        rows=tuple(rows),
    )
    return shortened(table, _FRONT_LIMIT)


def trial_table(study: Study) -> tuple[Table, str]:
    """Every trial on validation, or those that say most; and a note on what is left out."""
    names = list(study.spaces)
    facts = study.facts
    everything = [*([facts.baseline] if facts.baseline else []), *facts.trials]
    limit = min(_TRIAL_LIMIT, _CELL_LIMIT // (6 + len(names) + len(study.objectives)))
    shown = _preferred(study, everything, limit)
    several = len(facts.levels) > 1
    rows = [
        (
            _trial(trial),
            Cell(text=f"{trial.state}, on the front" if trial.on_front else trial.state),
            *([Cell(text=str(trial.level + 1), order=trial.level)] if several else []),
            *(_validation(trial, index, objective) for index, objective in enumerate(study.objectives)),
            *(_parameter(study, trial, name) for name in names),
            Cell(text="; ".join(f"{name} by {number(by)}" for name, by in sorted(trial.violations.items()))),
            Cell(text=_short(trial.reason or "")),
        )
        for trial in shown
    ]
    level = Heading(text="level", numeric=True, hint="fidelity level that the values come from; 1 is the lowest")
    table = Table(
        caption="Trials in order of their numbers, and the baseline.",
        headings=(
            Heading(text="trial", numeric=True),
            Heading(text="state", wide=any(trial.on_front for trial in shown)),
            *([level] if several else []),
            *(
                Heading(text=column_label(o.column), numeric=True, hint=COLUMNS[o.column].meaning)
                for o in study.objectives
            ),
            *(_parameter_heading(study, name) for name in names),
            Heading(text="violations", wide=any(trial.violations for trial in shown)),
            Heading(text="reason", wide=any(trial.reason for trial in shown)),
        ),
        rows=tuple(rows),
    )
    if len(shown) == len(everything):
        return table, ""
    return table, (
        f"{len(shown)} of {len(everything):,} rows: the baseline, the front, complete trials best in "
        f"{column_label(study.objectives[0].column)}, then others. The results file holds all."
    )


def space_table(study: Study) -> Table:
    """What was searched."""
    rows = [(p.name, p.kind, _range(p), _scale(p), p.condition or "always") for p in study.facts.parameters]
    return text_table("The search space.", ("parameter", "kind", "range or choices", "scale", "condition"), rows)


def level_table(study: Study) -> Table | None:
    """The fidelity levels, and how many trials ended at each; None where there is only the full one."""
    levels = study.facts.levels
    if len(levels) < 2:
        return None
    ended = [sum(trial.level == level for trial in study.facts.trials) for level in range(len(levels))]
    return Table(
        caption="Fidelity levels: a trial goes on to the next while it is worth it.",
        headings=(
            Heading(text="level", numeric=True),
            Heading(text="what is run", wide=True),
            Heading(text="trials that ended there", numeric=True),
        ),
        rows=tuple(
            (Cell(text=str(n + 1), order=n), Cell(text=words), Cell(text=str(ended[n]), order=ended[n]))
            for n, words in enumerate(levels)
        ),
    )


def objective_table(study: Study) -> Table:
    """Objectives with the fixed references of the hypervolume."""
    rows = [
        (column_label(o.column), o.direction, UNKNOWN if o.reference is None else quantity(o.reference, o.column))
        for o in study.objectives
    ]
    return text_table("Objectives.", ("objective", "direction", "reference of the hypervolume"), rows)


def _front_rows(study: Study) -> list[TrialFacts]:
    baseline = study.facts.baseline
    return [*([baseline] if baseline else []), *study.front]


def _preferred(study: Study, trials: Sequence[TrialFacts], limit: int) -> list[TrialFacts]:
    """All trials or so many of them, in order of their numbers."""
    if len(trials) <= limit:
        return list(trials)
    order = ("complete", "dropped", "infeasible", "failed")

    def rank(trial: TrialFacts) -> tuple[object, ...]:
        first = best_first(trial, 0, study.objectives[0])
        return trial.number is not None, not trial.on_front, order.index(trial.state), *first

    return sorted(sorted(trials, key=rank)[:limit], key=lambda trial: -1 if trial.number is None else trial.number)


def _key(trial: TrialFacts, name: str) -> tuple[bool, object]:
    """What tells values apart: 1 and true are equal in Python."""
    value = trial.parameters.get(name)
    return isinstance(value, bool), value


def _trial(trial: TrialFacts) -> Cell:
    return Cell(text=trial_name(trial), order=trial.number)


def _parameter_heading(study: Study, name: str) -> Heading:
    space = study.spaces.get(name)
    return Heading(text=name, numeric=space is not None and space.kind != "categorical")


def _parameter(study: Study, trial: TrialFacts, name: str) -> Cell:
    value = trial.parameters.get(name)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(text=study.text(trial, name), order=float(value) if is_number and value is not None else None)


def _validation(trial: TrialFacts, index: int, objective: Objective) -> Cell:
    value, spread = trial.values[index], trial.spreads[index]
    return Cell(text=plus_minus(value, spread, objective.column), order=value)


def _both(study: Study, trial: TrialFacts, column: str) -> list[Cell]:
    """Validation, where the column is an objective, and test."""
    places = [(n, objective) for n, objective in enumerate(study.objectives) if objective.column == column]
    return [*(_validation(trial, *place) for place in places), _test(study, trial, column)]


def _test(study: Study, trial: TrialFacts, column: str) -> Cell:
    point = study.point(trial)
    if point is None:
        return Cell(text=UNKNOWN)
    value = point.value(column)
    return Cell(text=with_interval(value, column), order=value.mean)


def _range(parameter: ParameterFacts) -> str:
    if parameter.kind == "categorical":
        return ", ".join(parameter.choices) or UNKNOWN
    return f"{parameter_text(parameter.low, parameter)} to {parameter_text(parameter.high, parameter)}"


def _scale(parameter: ParameterFacts) -> str:
    if parameter.kind == "categorical":
        return UNKNOWN
    return "logarithmic" if parameter.log else "linear"


def _short(text: str) -> str:
    return text if len(text) <= _REASON else f"{text[: _REASON - 1]}…"

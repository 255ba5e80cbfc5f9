"""The Pareto table, or a study's front, and the verdict's headlines on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import (
    UNKNOWN,
    column_label,
    coverage_words,
    percent,
    plus_minus,
    quantity,
    with_interval,
)
from codesign.analysis.fronts import find_fronts
from codesign.analysis.metadata import TrialFacts
from codesign.analysis.points import Point, gather
from codesign.analysis.table import ResultTable
from codesign.reporting.claims import Claim
from codesign.reporting.facts import contradiction_notes, coverage_note, structure_notes
from codesign.reporting.paper.section import PaperSection, paper_section
from codesign.reporting.study_tables import telling_parameters
from codesign.reporting.study_trials import Study, read_study, short_names, trial_name
from codesign.reporting.study_verdict import study_summary, study_verdict
from codesign.reporting.verdict import equivalence_note, headlines, verdict

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_study_summary", "print_summary"]

_ROWS = 15
_STYLES = {
    "holds": "green",
    "holds in part": "yellow",
    "not shown": "red",
    "does not hold": "red",
    "cannot be asked": "dim",
}
_OBJECTIVES = 3
_PARAMETERS = 6
_LEFT_OUT = 6
_NAMES = {"accuracy": "accuracy", "energy_j": "energy", "latency_s": "latency"}


def print_summary(
    table: ResultTable, report_path: Path | str | None, results_path: Path | str, console: Console
) -> None:
    """Print the points on Pareto fronts, what the verdict is, and where the files lie. Fits 80 columns.

    Results of a study are summarized as such.

    Args:
        report_path: None where no report was written.
    """
    from rich.text import Text

    if table.metadata.study is not None:
        print_study_summary(table, report_path, results_path, console)
        return
    points = gather(table)
    section = paper_section(table, points)
    if section is not None:
        _print_paper_section(section, console)
    counts = table.frame["status"].value_counts().to_dict()
    rows = ", ".join(f"{counts[status]} {status}" for status in ("ok", "infeasible", "failed") if status in counts)
    console.print(Text(f"{table.metadata.title}: {len(points)} design points from {len(table.frame)} rows ({rows})"))
    best = _best(table, points)
    if best:
        _print_points(best, _columns(table), console)
    else:
        console.print("The Pareto front is empty: no point has all objectives.")
    _print_claims(headlines(verdict(points)) if points else [], console)
    notes = [*contradiction_notes(table.metadata), *structure_notes(table.metadata), equivalence_note(points)]
    for note in filter(None, notes):
        console.print(Text(note))
    _print_paths(report_path, results_path, console)


def _print_points(best: Sequence[Point], columns: Sequence[str], console: Console) -> None:
    """Points of the fronts, what their energies cover, and what is left out of them."""
    from rich.table import Table
    from rich.text import Text

    letters = {
        cover: chr(ord("a") + n % 26)
        for n, cover in enumerate(dict.fromkeys(coverage_words(point.coverage) for point in best))
    }
    schedules = {point.schedule for point in best[:_ROWS]}
    one = f", schedule {next(iter(schedules))}" if len(schedules) == 1 else ""
    grid = Table(title=Text(f"Pareto front{one}"), title_justify="left", box=None, pad_edge=False)
    grid.add_column("chip", overflow="fold", ratio=2)
    for name in ("recipe",) if one else ("recipe", "schedule"):
        grid.add_column(name, overflow="fold", ratio=1)
    for column in columns:
        grid.add_column(_NAMES.get(column, column_label(column)), justify="right", no_wrap=True)
    for point in best[:_ROWS]:
        mark = f" ({letters[coverage_words(point.coverage)]})"
        chip = point.place + ("*" if point.capacity == "scaled" else "")
        names = [Text(chip), Text(point.recipe), *([] if one else [Text(point.schedule)])]
        grid.add_row(*names, *(_value(point, column, mark) for column in columns))
    console.print(grid)
    if len(best) > _ROWS:
        console.print(f"… and {len(best) - _ROWS} more in the report")
    for cover, letter in letters.items():
        console.print(Text(f"({letter}) energy of {cover}", style="dim"))
    if len(letters) > 1:
        console.print(Text("Energies with different letters do not compare.", style="dim"))
    left_out = list(dict.fromkeys(entry for point in best[:_ROWS] for entry in point.not_modelled))
    for entry in left_out[:_LEFT_OUT]:
        console.print(Text(f"not modelled: {entry}", style="dim"))
    if len(left_out) > _LEFT_OUT:
        console.print(f"… and {len(left_out) - _LEFT_OUT} more in the report")
    if any(point.capacity == "scaled" for point in best[:_ROWS]):
        console.print(Text("* capacity scaled: a projection, not a chip that exists", style="dim"))


def _print_paper_section(section: PaperSection, console: Console) -> None:
    """The paper's numbers beside the sweep's, and what its statements come to."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(section.title, style="bold"))
    if section.part.brief is not None and section.part.brief.rows:
        grid = Table(title=section.part.brief.caption, title_justify="left", box=None, pad_edge=False)
        for heading in section.part.brief.headings:
            grid.add_column(Text(heading.text), justify="right" if heading.numeric else "left", overflow="fold")
        for row in section.part.brief.rows:
            grid.add_row(*(Text(cell.text) for cell in row))
        console.print(grid)
    if section.part.missing:
        console.print(Text(section.part.missing))
    _print_claims(section.part.claims, console)


def print_study_summary(
    table: ResultTable, report_path: Path | str | None, results_path: Path | str, console: Console
) -> None:
    """Print a study's verdict, its front on both splits, and where the files lie. Fits 80 columns.

    Args:
        table: with `metadata.study`.
        report_path: None where no report was written.

    Raises:
        InputError: trials and rows do not fit together.
    """
    from rich.text import Text

    points = gather(table)
    study = read_study(table, points)
    console.print(Text(f"{table.metadata.title}: {study_summary(study, table.metadata)[0]}"))
    if study.front:
        _print_front(study, console)
    else:
        console.print("The front is empty: no complete trial is better than all references.")
    _print_claims(study_verdict(study), console)
    notes = [coverage_note(points), *contradiction_notes(table.metadata), *structure_notes(table.metadata)]
    for note in filter(None, notes):
        console.print(Text(note))
    _print_paths(report_path, results_path, console)


def _print_front(study: Study, console: Console) -> None:
    """One row per trial, validation above test in every cell."""
    from rich.table import Table
    from rich.text import Text

    telling = telling_parameters(study)
    ranked = [name for name in dict.fromkeys([*study.drawn, *telling]) if name in telling]
    names = short_names(ranked[:_PARAMETERS])
    objectives = study.objectives[:_OBJECTIVES]
    baseline = study.facts.baseline
    shown = [*([baseline] if baseline else []), *study.front[:_ROWS]]
    rows = [[_both(study, trial, index) for index in range(len(objectives))] for trial in shown]
    grid = Table(title="The front: validation, below it test", title_justify="left", box=None, pad_edge=False)
    grid.add_column("trial", no_wrap=True)
    grid.add_column("parameters that differ", overflow="fold", ratio=1)
    for index, objective in enumerate(objectives):
        label = column_label(objective.column)
        widest = max(map(len, [*label.split(), *(line for row in rows for line in row[index].splitlines())]))
        grid.add_column(Text(label), justify="right", min_width=widest, max_width=widest)
    for trial, values in zip(shown, rows, strict=True):
        parameters = [f"{short} {study.text(trial, name)}" for name, short in names.items() if name in trial.parameters]
        grid.add_row(trial_name(trial), Text(", ".join(parameters) or UNKNOWN), *map(Text, values))
    console.print(grid)
    if len(study.front) > _ROWS:
        console.print(f"… and {len(study.front) - _ROWS} more in the report")
    if len(telling) > len(names):
        console.print(f"More parameters that differ, in the report: {len(telling) - len(names)}.", style="dim")


def _both(study: Study, trial: TrialFacts, index: int) -> str:
    column = study.objectives[index].column
    point = study.point(trial)
    tested = UNKNOWN if point is None else _written(point, column)
    if column == "accuracy":
        return f"{plus_minus(trial.values[index], trial.spreads[index], column)}\n{tested}"
    return f"{quantity(trial.values[index], column)}\n{tested}"


def _print_claims(claims: Sequence[Claim], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for claim in claims:
        grid.add_row(Text(f"{claim.status:>15}", style=_STYLES[claim.status]), Text(claim.title))
    console.print(grid)


def _print_paths(report_path: Path | str | None, results_path: Path | str, console: Console) -> None:
    from rich.text import Text

    if report_path is not None:
        console.print(Text(f"report   {report_path}"), soft_wrap=True)
    console.print(Text(f"results  {results_path}"), soft_wrap=True)


def _columns(table: ResultTable) -> list[str]:
    """Accuracy, energy, latency, and the first objective that is none of them."""
    others = [o.column for o in table.metadata.objectives if o.column in COLUMNS and o.column not in _NAMES]
    return [*_NAMES, *others[:1]]


def _best(table: ResultTable, points: tuple[Point, ...]) -> list[Point]:
    fronts = find_fronts(points, table.metadata.objectives)
    found = {point.number: point for front in fronts for point in front.best}
    return sorted(found.values(), key=lambda p: (p.coverage, -(p.value("accuracy").mean or 0.0), p.number))


def _value(point: Point, column: str, mark: str) -> str:
    text = _written(point, column)
    return text + mark if column == "energy_j" and point.value(column).mean is not None else text


def _written(point: Point, column: str) -> str:
    """With its interval where that is an accuracy: there is no room for more."""
    value = point.value(column)
    if column == "accuracy":
        return with_interval(value, column) if value.half_width is not None else percent(value.mean)
    return quantity(value.mean, column)

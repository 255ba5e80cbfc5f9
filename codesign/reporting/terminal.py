"""The Pareto table and the verdict's headlines on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from codesign.reporting.fronts import coverage_words, find_fronts
from codesign.reporting.points import Point, gather
from codesign.reporting.verdict import equivalence_note, headlines, verdict
from codesign.reporting.wording import percent, quantity, with_interval
from codesign.results import ResultTable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_summary"]

_ROWS = 15
_STYLES = {"holds": "green", "holds in part": "yellow", "not shown": "red", "cannot be asked": "dim"}
_COLUMNS = ("accuracy", "energy_j", "latency_s")


def print_summary(table: ResultTable, report_path: Path | None, results_path: Path, console: Console) -> None:
    """Print the points on Pareto fronts, what the verdict is, and where the files lie. Fits 80 columns.

    Args:
        report_path: None where no report was written.
    """
    from rich.table import Table
    from rich.text import Text

    points = gather(table)
    counts = table.frame["status"].value_counts().to_dict()
    rows = ", ".join(f"{counts[status]} {status}" for status in ("ok", "infeasible", "failed") if status in counts)
    console.print(Text(f"{table.metadata.title}: {len(points)} design points from {len(table.frame)} rows ({rows})"))
    best = _best(table, points)
    if best:
        letters = {cover: chr(ord("a") + n % 26) for n, cover in enumerate(dict.fromkeys(map(coverage_words, best)))}
        grid = Table(title="Pareto front", title_justify="left", box=None, pad_edge=False)
        for name in ("chip", "recipe", "schedule"):
            grid.add_column(name, overflow="fold", ratio=1)
        for name in ("accuracy", "energy", "latency"):
            grid.add_column(name, justify="right", no_wrap=True)
        for point in best[:_ROWS]:
            mark = f" ({letters[coverage_words(point)]})"
            chip = point.place + ("*" if point.capacity == "scaled" else "")
            names = [Text(chip), Text(point.recipe), Text(point.schedule)]
            grid.add_row(*names, *(_value(point, column, mark) for column in _COLUMNS))
        console.print(grid)
        if len(best) > _ROWS:
            console.print(f"… and {len(best) - _ROWS} more in the report")
        for cover, letter in letters.items():
            console.print(Text(f"({letter}) energy of {cover}", style="dim"))
        if len(letters) > 1:
            console.print(Text("Energies with different letters do not compare.", style="dim"))
        if any(point.capacity == "scaled" for point in best[:_ROWS]):
            console.print(Text("* capacity scaled: a projection, not a chip that exists", style="dim"))
    else:
        console.print("The Pareto front is empty: no point has all objectives.")
    claims = Table.grid(padding=(0, 2, 0, 0))
    for claim in headlines(verdict(points)) if points else []:
        claims.add_row(Text(f"{claim.status:>15}", style=_STYLES[claim.status]), Text(claim.title))
    console.print(claims)
    note = equivalence_note(points)
    if note is not None:
        console.print(Text(note))
    if report_path is not None:
        console.print(Text(f"report   {report_path}"), soft_wrap=True)
    console.print(Text(f"results  {results_path}"), soft_wrap=True)


def _best(table: ResultTable, points: tuple[Point, ...]) -> list[Point]:
    fronts = find_fronts(points, table.metadata.objectives)
    found = {point.number: point for front in fronts for point in front.best}
    return sorted(found.values(), key=lambda p: (p.coverage, -(p.value("accuracy").mean or 0.0), p.number))


def _value(point: Point, column: str, mark: str) -> str:
    value = point.value(column)
    if column == "accuracy":
        return with_interval(value, column) if value.half_width is not None else percent(value.mean)
    text = quantity(value.mean, column)
    return text + mark if column == "energy_j" and value.mean is not None else text

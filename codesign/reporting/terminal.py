"""What a sweep, a study or its report says on a terminal: the answers, in at most 25 lines of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codesign.analysis.answers import Answer, Option
from codesign.analysis.asking import answers_of, chips_at
from codesign.analysis.formatting import UNKNOWN, percent, quantity, with_interval
from codesign.analysis.naming import Names, names_of
from codesign.analysis.points import Point, gather
from codesign.analysis.table import ResultTable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["print_summary"]

_LINES, _COLUMNS = 25, 80
_ROWS, _REMARKS, _LABEL = 8, 2, 30
_STYLES = {
    **dict.fromkeys(("sure", "holds", "met", "shown"), "green"),
    **dict.fromkeys(("likely", "holds in part"), "yellow"),
    **dict.fromkeys(("open", "not shown", "does not hold", "not met"), "red"),
    "cannot be asked": "dim",
}
_SHOWN = {"accuracy": "accuracy", "energy_j": "energy", "latency_s": "latency"}


def print_summary(
    table: ResultTable, report_path: Path | str | None, results_path: Path | str, console: Console
) -> None:
    """Print the answer to the first question, the best of each chip, other answers, and where the files lie.

    Args:
        report_path: None where no report was written.
    """
    from rich.text import Text

    points = gather(table)
    answers = answers_of(table, points)
    names = names_of(points)
    above = [Text(_title(table, points), style="bold"), *(_first(answers[0]) if answers else [])]
    places = [Text(f"results  {results_path}")]
    if report_path is not None:
        places.insert(0, Text(f"report   {report_path}"))
    used = sum(_height(text) for text in above) + sum(_height(text) for text in places)
    options = _best(table, points, answers)
    rows = options[: min(_ROWS, _LINES - used - 2)] if options else []
    left = _LINES - used - (len(rows) + 1 if rows else 0)
    for text in above:
        console.print(text)
    if rows:
        _print_options(rows, names, console)
    others = [_line(answer) for answer in answers[1:]]
    for text in others if len(others) <= left else others[: max(left - 1, 0)]:
        console.print(text, no_wrap=True, overflow="ellipsis", crop=True)
    if len(others) > left:
        console.print(f"… and {len(others) - max(left - 1, 0)} more answers in the report")
    for text in places:
        console.print(text, soft_wrap=True)


def _title(table: ResultTable, points: Sequence[Point]) -> str:
    counts = table.frame["status"].value_counts().to_dict()
    rest = [f"{counts[status]:,} {status}" for status in ("infeasible", "failed") if status in counts]
    rows = f"{len(points):,} design points from {len(table.frame):,} rows"
    return f"{table.metadata.title}: {rows}" + (f" ({', '.join(rest)})" if rest else "")


def _first(answer: Answer) -> list[Text]:
    """The question, what the answer is and how sure, and the first remarks."""
    from rich.text import Text

    sure = "" if answer.confidence is None else f", in {percent(answer.confidence)} of training seeds and draws"
    standing = Text(f"{answer.standing}{sure}. ", style=_STYLES[answer.standing])
    return [
        Text(answer.question),
        standing + Text(answer.sentence, style="bold"),
        *(Text(remark, style="dim") for remark in answer.remarks[:_REMARKS]),
    ]


def _best(table: ResultTable, points: Sequence[Point], answers: Sequence[Answer]) -> Sequence[Option]:
    """The best of each chip where there are several, else the options of the first answer."""
    if len({point.chip for point in points}) > 1:
        return chips_at(table, points).options
    return answers[0].options if answers else ()


def _print_options(options: Sequence[Option], names: Names, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), width=_COLUMNS)
    label = min(max(len(option.label) for option in options), _LABEL)
    grid.add_column("", no_wrap=True, overflow="ellipsis", min_width=label, max_width=label)
    for column, heading in _SHOWN.items():
        widest = max(len(heading), *(len(_cell(option, column)) for option in options))
        grid.add_column(heading, justify="right", no_wrap=True, min_width=widest)
    grid.add_column("at its best with", no_wrap=True, overflow="ellipsis", ratio=1)
    for option in options:
        how = option.obstacle if option.point is None else _how(option, option.point, names)
        grid.add_row(Text(option.label), *(_cell(option, column) for column in _SHOWN), Text(how))
    console.print(grid)


def _how(option: Option, point: Point, names: Names) -> str:
    """What makes the variant that stands for an option, without the option itself."""
    parts = (names.recipes[point.recipe], names.schedules[point.schedule], names.variant(point))
    return ", ".join(part for part in parts if part and part != option.label)


def _cell(option: Option, column: str) -> str:
    value = option.values.get(column)
    if value is None:
        return UNKNOWN
    return with_interval(value, column) if column == "accuracy" else quantity(value.mean, column)


def _line(answer: Answer) -> Text:
    from rich.text import Text

    said = answer.question if answer.form in ("claim", "printed") else answer.sentence
    return Text(f"{answer.standing:>13}  ", style=_STYLES[answer.standing]) + Text(said.partition("\n")[0])


def _height(text: Text) -> int:
    """Lines that a text takes."""
    from rich.console import Console

    return len(text.wrap(Console(width=_COLUMNS), _COLUMNS))

"""Printing the answers of a sweep, a study or a report: about 25 lines on a terminal, all answers elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from codesign.analysis.answers.answers import Answer, Option, value_text, values_of
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.savings import first_taking_part, what_limits
from codesign.analysis.comparisons.not_modelled import not_modelled, unpriced_currents
from codesign.analysis.results.formatting import column_label
from codesign.analysis.results.naming import Names, stop_label
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN
from codesign.analysis.results.table import ResultTable
from codesign.reporting.facts import pace_warnings, without_result
from codesign.units import plural

_LINES = 25
_ROWS, _REMARKS, _LABEL, _STANDING = 8, 2, 30, 13
_GIVEN = 20
"""Most points of given models that are listed individually."""
_STYLES = {
    **dict.fromkeys(("sure", "holds", "met"), "green"),
    **dict.fromkeys(("likely", "holds in part"), "yellow"),
    **dict.fromkeys(("not met", "does not hold"), "red"),
}
"""Styles of standings, coloured as in `page.css`; all others are neutral."""
_SHOWN = {"accuracy": "accuracy", "energy_j": "energy", "latency_s": "latency"}
_FULL = ("float_accuracy",)
_OF_GIVEN = {"accuracy": "accuracy", "float_accuracy": "32-bit", "energy_j": "energy", "latency_s": "latency"}
_IN_REAL_TIME = {name: column_label(name) for name in ("power_w", "decision_latency_s")}  # instead of the latency


def print_summary(
    table: AnsweredTable, report_path: Path | str | None, results_path: Path | str, console: Console
) -> None:
    """Print the answer to the first question with its options, other answers, and the locations of the files; for given
    models, a row per chip and schedule, however many lines they take."""
    points, answers, names = table.points, table.answers, table.names
    given = bool(points) and len(points) <= _GIVEN and all(point.training_method == GIVEN for point in points)
    shown = answers[0] if answers and answers[0].options else table.chips
    beside_a_claim = bool(answers) and shown is not answers[0]
    # Next to a claim, a single chip offers no choice.
    options = () if beside_a_claim and not given and len(names.chips) < 2 else shown.options
    rows, alike = (_rows_of_given(points, names), "") if given else _rows_of_options(options, names)

    above = [Text(_title(table, given=given), style="bold")]
    if table.study and table.study.emptiness:
        above.append(Text(table.study.emptiness, style="red"))
    above += _first(answers[0]) if answers else []
    if beside_a_claim and not given and options:
        above.append(Text(f"{shown.question} ({shown.how_sure})"))
    if not answers and not given:
        above.append(Text(table.costs))
    notes = [Text(note, style="dim") for note in (alike, *_notes(table, rows, shown, given=given)) if note]
    others = [_answer_line(answer) for answer in answers[1:]]
    places = [Text(f"results  {results_path}")]
    if report_path is not None:
        places.insert(0, Text(f"report   {report_path}"))

    def parts(count: int, told: int) -> list[RenderableType]:
        grid = [_options(rows[:count], names, "layers wait" if given else "with", shown.column)] if count else []
        left = len(others) - told
        more = [Text(f"… and {plural(left, 'more answer')} in the report")] if left else []
        return [*above, *grid, *notes, *others[:told], *more]

    everything = parts(len(rows), len(others))
    if console.is_terminal and not given:
        most = min(len(rows), _ROWS)
        fewer = [(most, told) for told in range(len(others), -1, -1)]  # other answers are left out first, then options
        fewer += [(count, 0) for count in range(most - 1, 0, -1)]
        tried = (parts(*counts) for counts in fewer)
        everything = next((some for some in tried if _lines([*some, *places], console) <= _LINES), parts(*fewer[-1]))
    for part in everything:
        console.print(part)
    for text in places:
        console.print(text, soft_wrap=True)


def _lines(parts: Sequence[RenderableType], console: Console) -> int:
    return sum(len(console.render_lines(part, pad=False)) for part in parts)


def _notes(table: AnsweredTable, rows: Sequence[tuple[Option, str]], shown: Answer, *, given: bool) -> Iterator[str]:
    """Yield what trials are, what is not modelled, which chips fall behind, and what limits the best."""
    points, answers, names = table.points, table.answers, table.names
    if table.study:
        said = [*(way for _, way in rows), *(f"{answer.question} {answer.sentence}" for answer in answers)]
        yield from table.study.named_in(said)
    in_rows = [option.point for option, _ in rows if option.point is not None]
    remarks = " ".join(answers[0].remarks[:_REMARKS]) if answers else ""
    yield from (each for each in not_modelled(in_rows, names) if each not in remarks)
    yield from pace_warnings(in_rows, ["late_fraction"])
    yield unpriced_currents(points)
    yield _infeasible(table)
    by_chip = {point.chip: point for point in reversed(points) if not point.beyond_chip}
    for point in reversed(by_chip.values()) if given else [first_taking_part(shown.options)]:
        if limits := what_limits(point, names):
            yield f"What limits {limits}"


def _title(table: AnsweredTable, *, given: bool) -> str:
    rest, points = without_result(table), table.points
    rows = f"{plural(len(points), 'design point')} from {plural(len(table.frame), 'row')}"
    tested = f", tested on {plural(round(points[0].value('samples').mean or 0), 'sample')}" if given else ""
    book = "" if table.metadata.static_book == "board" else "; energies are those of the cores in use"
    return f"{table.metadata.title}: {rows}" + (f" ({rest})" if rest else "") + tested + book


def _infeasible(table: ResultTable) -> str:
    """Why some chips cannot run any point, if all have the same reason; otherwise ""."""
    frame = table.frame
    without = ~frame["chip"].isin(frame["chip"][frame["status"] != "infeasible"])
    reasons = frame["reason"][without].unique()
    return f"Infeasible: {reasons[0]}." if len(reasons) == 1 else ""


def _first(answer: Answer) -> list[Text]:
    """The question, the answer and how sure it is, and the first remarks."""
    standing = Text(f"{answer.how_sure}. ", style=_STYLES.get(answer.standing, "dim"))
    return [
        Text(answer.question),
        standing + Text(answer.sentence, style="bold"),
        *(Text(remark, style="dim") for remark in answer.remarks[:_REMARKS]),
    ]


def _rows_of_given(points: Sequence[Point], names: Names) -> list[tuple[Option, str]]:
    """All points, grouped by chip: first those where layers wait, then the others."""
    ordered = sorted(points, key=lambda point: (point.chip, not point.layered, point.stop == "drained"))
    said = [(names.chips[one.chip], one.recipe, names.variant(one), _waiting(one)) for one in ordered]
    alike, models = Counter(said), len({point.recipe for point in points})
    rows = []
    for point, words in zip(ordered, said, strict=True):
        chip, recipe, variant, waiting = words  # all models are from elsewhere, so that the recipe's name is enough
        told = (chip, recipe * (models > 1), variant, names.schedules[point.schedule] if alike[words] > 1 else "")
        option = Option(label=", ".join(filter(None, told)), point=point, values=values_of(point, _FULL))
        rows.append((option, waiting))
    return rows


def _waiting(point: Point) -> str:
    if point.inference != "asynchronous":
        waits = "yes" if point.inference == "layered" else "for messages"
        return f"{waits}, as if it could" if point.beyond_chip else waits
    return f"no, {'first output' if point.stop == 'on_output' else stop_label(point)}"


def _options(rows: Sequence[tuple[Option, str]], names: Names, how: str, asked: str) -> Table:
    """A row per option: its values, including the `asked` column, and its variant."""
    ways = [way for _, way in rows]
    shown = _OF_GIVEN if any(column in option.values for option, _ in rows for column in _FULL) else _SHOWN
    if {option.point.operation for option, _ in rows if option.point is not None} == {"real_time"}:
        shown = {name: heading for name, heading in (shown | _IN_REAL_TIME).items() if name != "latency_s"}
    if asked not in shown and any(asked in option.values for option, _ in rows):
        shown = {**shown, asked: column_label(asked)}
    cells = [
        [value_text(option, name, names, interval=name.endswith("accuracy")) for name in shown] for option, _ in rows
    ]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("", max_width=_LABEL, overflow="fold")
    for heading in shown.values():
        grid.add_column(heading, justify="right", overflow="fold")
    if any(ways):
        grid.add_column(how, overflow="fold")
    for (option, way), values in zip(rows, cells, strict=True):
        grid.add_row(*map(Text, (option.label, *values, *([way] if any(ways) else ()))))
    return grid


def _rows_of_options(options: Sequence[Option], names: Names) -> tuple[list[tuple[Option, str]], str]:
    """Options with a description of the variant that represents each: values of axes, chip, training and schedule that
    differ between options; or why there is none. Values of axes that all have follow in a sentence."""
    every = [option.point.axis_texts.items() for option in options if option.point is not None]
    shared = [each for each in every[0] if all(each in others for others in every)] if every[1:] else []
    chosen = [option.point for option in options if option.point is not None and option.takes_part]
    facts = [fact for fact in ("chip", "recipe", "schedule") if len({getattr(point, fact) for point in chosen}) > 1]

    def told(option: Option) -> str:
        if (point := option.point) is None or not option.takes_part:
            return option.obstacle
        words = [names.of(fact, getattr(point, fact)) for fact in facts]
        words += [names.option(*each) for each in point.axis_texts.items() if each not in shared]
        return ", ".join(word for word in words if word != option.label)

    alike = ", ".join(names.option(*each) for each in shared)
    return [(option, told(option)) for option in options], f"In all rows: {alike}." if alike else ""


def _answer_line(answer: Answer) -> Table:
    question = answer.question.partition("\n")[0]
    said = Text(question)
    if answer.form not in ("claim", "printed") or answer.standing == "cannot be asked":
        said.append("" if question.endswith(("?", ".", "!")) else ".").append(f" {answer.sentence}", style="bold")
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(justify="right", min_width=_STANDING, no_wrap=True)
    grid.add_column()
    grid.add_row(Text(answer.how_sure, style=_STYLES.get(answer.standing, "dim")), said)
    return grid

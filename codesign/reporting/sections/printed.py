"""Tables that compare a publication's numbers with those of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codesign.analysis.answers.answers import Answer, Option
from codesign.analysis.results.formatting import (
    UNKNOWN,
    column_label,
    is_share,
    number,
    points_with_interval,
    stated,
    unit_of,
    with_interval,
)
from codesign.analysis.results.statistics import Interval, interval
from codesign.reporting.pieces import Cell, Heading, Section, Table, numeric, table_of, with_rows

_NONE = interval(())


def printed_section(answers: Sequence[Answer]) -> Section:
    """The section with all printed numbers of the file's publications, and settings that are not as printed."""
    body: list[str | Table] = []
    for answer in answers:
        if answer.form == "printed":
            body += (*with_rows(printed_table(answer)), *answer.remarks)
    return Section(name="printed", title="What is printed, and here", body=tuple(body))


def printed_table(answer: Answer) -> Table:
    """A table with one row per row of the publication; without rows for settings alone, which are sentences."""
    options = answer.options
    printed = [option.printed for option in options]
    values = dict.fromkeys(name for option in options for name in (*option.values, *option.printed.values))
    columns = {
        name: (any(name in of.values for of in printed), any(name in of.multiples for of in printed)) for name in values
    }
    rows = [_row(option, columns) for option in options]
    if any(of.remark for of in printed):
        for row, option in zip(rows, options, strict=True):
            row[Heading("not as printed", wide=True)] = Cell(option.obstacle or option.printed.remark)
    seeds = any(value.half_width is not None for option in options for value in option.values.values())
    caption = f"{answer.question}, and here{' with 95 % intervals over training seeds' * seeds}."
    return table_of(caption, rows)


def _row(option: Option, columns: Mapping[str, tuple[bool, bool]]) -> dict[Heading, Cell]:
    """Cells of the printed value, the value here, their difference, and both as multiples of the reference row, if any
    row has them."""
    cells, printed = {Heading("as printed"): Cell(option.label)}, option.printed
    for name, (in_print, in_multiples) in columns.items():
        label, here = column_label(name), option.values.get(name, _NONE)
        if in_print:
            cells[numeric(f"{label}, printed", unit=unit_of(name))] = _number(printed.values.get(name), name)
        cells[numeric(f"{label}, here", unit=unit_of(name))] = Cell(with_interval(here, name), here.mean)
        if in_print:
            by, of = ("points", "") if is_share(name) else ("%", ", as a share of that")
            hint = f"{label} here less what is printed{of}; the interval is of what is here"
            cells[numeric(f"difference, {by}", hint)] = _difference(printed.values.get(name), here, name)
        if in_multiples:
            theirs, ours = printed.multiples.get(name, (None, _NONE))
            hint = f"{label} as a multiple of that of the reference row; here paired by seed"
            if in_print:
                cells[numeric("multiple, printed", hint)] = Cell(number(theirs), theirs)
            cells[numeric("multiple, here", hint)] = Cell(number(ours.mean, 3, ours.half_width), ours.mean)
    return cells


def _number(value: float | str | None, name: str) -> Cell:
    if isinstance(value, float):
        return Cell(stated(value, name), order=value)
    return Cell(value or UNKNOWN)


def _difference(printed: float | str | None, here: Interval, name: str) -> Cell:
    unit = 1.0 if is_share(name) or not isinstance(printed, float) else abs(printed)
    if not isinstance(printed, float) or here.mean is None or not unit:
        return Cell(UNKNOWN)
    half = None if here.half_width is None else here.half_width / unit
    apart = Interval(mean=(here.mean - printed) / unit, half_width=half, seeds=here.seeds)
    text = points_with_interval(apart)
    return Cell(text if text.startswith(("−", "0.0")) else f"+{text}", order=apart.mean)

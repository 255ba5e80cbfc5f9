"""Tables of a publication's numbers beside a sweep's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codesign.analysis.answers.answers import Answer, Option, PrintedNumbers
from codesign.analysis.results.formatting import UNKNOWN, number, quantity, with_interval
from codesign.analysis.results.measures import label_of, like
from codesign.analysis.results.statistics import Interval
from codesign.reporting.pieces import Cell, Heading, Section, Table, numeric

_ROUNDING = 1e-12
"""Relative spread that equal numbers get from their ratio."""
_Column = tuple[Heading, list[Cell]]
_NONE = Interval(mean=None, half_width=None, seeds=0)


def printed_section(answers: Sequence[Answer]) -> Section | None:
    """All that the file's publications print, with what is not as printed; None where it names none."""
    body: list[str | Table] = []
    for answer in answers:
        if answer.form == "printed":
            body += [table] if (table := printed_table(answer)) is not None else []
            body += answer.remarks
    return Section(name="printed", title="What is printed, and here", body=tuple(body)) if body else None


def printed_table(answer: Answer) -> Table | None:
    """A row for each row of the publication; None for settings alone, which are sentences."""
    options = answer.options
    if not options:
        return None
    printed = [option.printed or PrintedNumbers(values={}) for option in options]
    names = dict.fromkeys(
        name for option, there in zip(options, printed, strict=True) for name in (*option.values, *there.values)
    )
    remarks = [option.obstacle or there.remark for option, there in zip(options, printed, strict=True)]
    columns: list[_Column] = [
        (Heading("as printed"), [Cell(option.label) for option in options]),
        *(column for name in names for column in _columns(name, options, printed)),
        (Heading("not as printed", wide=True), [Cell(text) for text in remarks]),
    ]
    if not any(there.remark for there in printed):
        columns.pop()
    return Table(
        caption=f"{answer.question}, and here with 95 % intervals over training seeds.",
        headings=tuple(heading for heading, _ in columns),
        rows=tuple(zip(*(cells for _, cells in columns), strict=True)),
    )


def _columns(name: str, options: Sequence[Option], printed: Sequence[PrintedNumbers]) -> Iterator[_Column]:
    """What is printed, what is here, and both as multiples of the reference row, as far as there is anything."""
    label, theirs = label_of(name), [there.values.get(name) for there in printed]
    known = any(value is not None for value in theirs)
    if known:
        yield numeric(f"{label}, printed"), [_number(value, name) for value in theirs]
    here = [option.values.get(name, _NONE) for option in options]
    yield (
        numeric(f"{label}, here"),
        [Cell(with_interval(value, like(name)), order=value.mean) for value in here],
    )
    multiples = [there.multiples.get(name) for there in printed]
    if any(multiple is not None for multiple in multiples):
        hint = f"{label} as a multiple of that of the reference row; here paired by seed"
        pairs = [multiple or (None, _NONE) for multiple in multiples]
        if known:
            cells = [Cell(number(value), order=value) for value, _ in pairs]
            yield numeric("multiple, printed", hint), cells
        ours = [Cell(_multiple(value), order=value.mean) for _, value in pairs]
        yield numeric("multiple, here", hint), ours


def _number(value: float | str | None, name: str) -> Cell:
    if isinstance(value, float):
        return Cell(quantity(value, like(name)), order=value)
    return Cell(value or UNKNOWN)


def _multiple(value: Interval) -> str:
    if value.mean is None or value.half_width is None:
        return number(value.mean, 3)
    half = 0.0 if value.half_width <= _ROUNDING * abs(value.mean) else value.half_width
    return f"{number(value.mean, 3)} ± {number(half, 2)}"

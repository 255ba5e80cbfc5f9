"""Tables of a publication's numbers beside a sweep's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codesign.analysis.answers import Answer, Option
from codesign.analysis.formatting import UNKNOWN, number, quantity, with_interval
from codesign.analysis.measures import label_of, like
from codesign.analysis.statistics import Interval
from codesign.reporting.section import Section
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["printed_section", "printed_table"]

_ROUNDING = 1e-12
"""Relative spread that equal numbers get from their ratio."""


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
    if not answer.options:
        return None
    columns = list(dict.fromkeys(name for option in answer.options for name in _columns(option)))
    remarked = any(option.printed is not None and option.printed.remark for option in answer.options)
    return Table(
        caption=f"{answer.question}, and here with 95 % intervals over training seeds.",
        headings=(
            Heading(text="as printed"),
            *(heading for name in columns for heading in _headings(name, answer.options)),
            *((Heading(text="not as printed", wide=True),) if remarked else ()),
        ),
        rows=tuple(
            (
                Cell(text=option.label),
                *(cell for name in columns for cell in _cells(name, option, answer.options)),
                *(
                    (Cell(text=option.obstacle or (option.printed.remark if option.printed else "")),)
                    if remarked
                    else ()
                ),
            )
            for option in answer.options
        ),
    )


def _columns(option: Option) -> list[str]:
    return list(dict.fromkeys([*option.values, *(option.printed.values if option.printed else ())]))


def _is_printed(name: str, options: Sequence[Option]) -> bool:
    return any(option.printed is not None and name in option.printed.values for option in options)


def _is_relative(name: str, options: Sequence[Option]) -> bool:
    return any(option.printed is not None and name in option.printed.multiples for option in options)


def _headings(name: str, options: Sequence[Option]) -> Iterator[Heading]:
    label = label_of(name)
    if _is_printed(name, options):
        yield Heading(text=f"{label}, printed", numeric=True)
    yield Heading(text=f"{label}, here", numeric=True)
    if _is_relative(name, options):
        hint = f"{label} as a multiple of that of the reference row; here paired by seed"
        if _is_printed(name, options):
            yield Heading(text="multiple, printed", numeric=True, hint=hint)
        yield Heading(text="multiple, here", numeric=True, hint=hint)


def _cells(name: str, option: Option, options: Sequence[Option]) -> Iterator[Cell]:
    printed, here = option.printed.values.get(name) if option.printed else None, option.values.get(name)
    relative = option.printed.multiples.get(name) if option.printed else None
    if _is_printed(name, options):
        if isinstance(printed, float):
            yield Cell(text=quantity(printed, like(name)), order=printed)
        else:
            yield Cell(text=printed or UNKNOWN)
    if here is None or here.mean is None:
        yield Cell(text=UNKNOWN)
    else:
        yield Cell(text=with_interval(here, like(name)), order=here.mean)
    if _is_relative(name, options):
        theirs, ours = relative if relative is not None else (None, Interval(mean=None, half_width=None, seeds=0))
        if _is_printed(name, options):
            yield Cell(text=UNKNOWN if theirs is None else number(theirs), order=theirs)
        yield Cell(text=_multiple(ours), order=ours.mean)


def _multiple(value: Interval) -> str:
    if value.mean is None or value.half_width is None:
        return number(value.mean, 3)
    half = 0.0 if value.half_width <= _ROUNDING * abs(value.mean) else value.half_width
    return f"{number(value.mean, 3)} ± {number(half, 2)}"

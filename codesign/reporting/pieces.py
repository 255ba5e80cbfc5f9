"""Pieces of pages: tables of typed cells, and sections of sentences, tables and charts; templates define their look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from codesign.reporting.charts.base import Figure

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Characters by which spreadsheets recognize formulas; the last four are wide forms of the first."""


@dataclass(frozen=True)
class Cell:
    """A cell: its text, and its sort key in a numeric column; None sorts last."""

    text: str
    order: float | None = None


@dataclass(frozen=True)
class Heading:
    """The heading of a column.

    Attributes:
        numeric: whether the column is right-aligned and sorted by `Cell.order`.
        unit: unit of `Cell.order`; `SI` if cells have several, "" if none.
        hint: text shown on hovering.
        links: whether addresses in the column's cells become links.
        wide: whether cells hold sentences and need room.
    """

    text: str
    _: KW_ONLY
    numeric: bool = False
    unit: str = ""
    hint: str = ""
    links: bool = False
    wide: bool = False


def numeric(text: str, hint: str = "", *, unit: str = "") -> Heading:
    """The heading of a column of numbers."""
    return Heading(text, numeric=True, unit=unit, hint=hint)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: its headings, and rows of as many cells.

    Attributes:
        name: lower-case letters and hyphens, unique in its section, used as a file name; "" for the section's name.
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    name: str = ""


def table_of(caption: str, rows: Sequence[Mapping[Heading, Cell]], name: str = "") -> Table:
    """A table of rows with the same headings; without rows it has no headings."""
    headings = tuple(rows[0]) if rows else ()
    return Table(caption=caption, headings=headings, rows=tuple(tuple(row.values()) for row in rows), name=name)


def text_table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], name: str = "") -> Table:
    """A table of plain texts; addresses in a column named `source` become links."""
    return Table(
        caption=caption,
        headings=tuple(Heading(text, links=text == "source") for text in headings),
        rows=tuple(tuple(Cell(text) for text in row) for row in rows),
        name=name,
    )


def with_rows(*tables: Table) -> tuple[Table, ...]:
    """The tables that have rows."""
    return tuple(table for table in tables if table.rows)


def without_repeats(table: Table) -> Table:
    """The table without columns that are equal in all rows; the caption has their values instead."""
    if len(table.rows) < 2:
        return table
    alike = {n for n, cells in enumerate(zip(*table.rows, strict=True)) if len({cell.text for cell in cells}) == 1}
    said = [f"{table.headings[n].text} {table.rows[0][n].text}" for n in sorted(alike) if table.rows[0][n].text]
    return replace(
        table,
        caption=f"{table.caption} In all rows: {', '.join(said)}." if said else table.caption,
        headings=tuple(heading for n, heading in enumerate(table.headings) if n not in alike),
        rows=tuple(tuple(cell for n, cell in enumerate(row) if n not in alike) for row in table.rows),
    )


def inert(text: str) -> str:
    """A text for a CSV file that spreadsheets do not interpret as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# sections ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Section:
    """A foldable part of a page.

    Attributes:
        name: letters, digits and hyphens, unique on its page; its anchor.
        title: title in words, such as `What each choice does`.
        summary: its content in a few words, shown while it is folded; "" for none.
        body: its sentences, tables and charts.
        code: a command or a file to copy, shown last; "" for none.
    """

    name: str
    title: str
    summary: str = ""
    body: tuple[str | Table | Figure, ...] = ()
    code: str = ""

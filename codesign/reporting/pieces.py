"""What pages hold: tables as typed cells, and sections of sentences, tables and charts; templates say how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from codesign.reporting.charts.base import Figure

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""How spreadsheets know a formula; the last four are wide forms of the first."""


@dataclass(frozen=True)
class Cell:
    """One cell: what is read, and by what a numeric column is sorted; None sorts last."""

    text: str
    order: float | None = None


@dataclass(frozen=True)
class Heading:
    """One column's head.

    Attributes:
        numeric: the column is right-aligned and sorted by `Cell.order`.
        hint: what hovering says.
        links: addresses in the column's cells become links.
        wide: cells hold sentences and need room.
    """

    text: str
    _: KW_ONLY
    numeric: bool = False
    hint: str = ""
    links: bool = False
    wide: bool = False


def numeric(text: str, hint: str = "") -> Heading:
    """The head of a column of numbers."""
    return Heading(text, numeric=True, hint=hint)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: its headings, and as many cells in each row.

    Attributes:
        name: of small letters and hyphens, unique in its section; its file is called so. "" for that of the section.
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    name: str = ""


def table_of(caption: str, rows: Sequence[Mapping[Heading, Cell]], name: str = "") -> Table:
    """A table of rows with the same headings; without rows it has none."""
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
    """Those that say anything."""
    return tuple(table for table in tables if table.rows)


def without_repeats(table: Table) -> Table:
    """The table without columns that say the same in every row: the caption says it once."""
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
    """A text of a CSV file that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# sections ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page that opens.

    Attributes:
        name: unique in its page, of letters, digits and hyphens; its anchor.
        title: in words, such as `What each choice does`.
        summary: what it says in a few words, read while it is folded; "" for nothing.
        body: sentences, tables and charts.
        code: a command or a file to copy, shown last; "" for none.
    """

    name: str
    title: str
    summary: str = ""
    body: tuple[str | Table | Figure, ...] = ()
    code: str = ""

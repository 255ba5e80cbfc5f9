"""What a folded section of a page holds: sentences, tables and charts, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from codesign.reporting.charts.base import Figure
from codesign.reporting.tables import Table


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page that opens.

    Attributes:
        name: unique in its page, of letters, digits and hyphens; its anchor.
        title: in words, such as `What each choice does`.
        summary: what it says in a few words, read while it is folded; "" for nothing.
        body: sentences, tables, charts, and sections within it.
        code: a command or a file to copy, shown last; "" for none.
    """

    name: str
    title: str
    summary: str = ""
    body: tuple[str | Table | Figure | Section, ...] = ()
    code: str = ""


def figures_in(sections: Sequence[Section]) -> dict[str, Any]:
    """Specifications of all charts by name."""
    drawn = (piece for section in sections for piece in pieces_in(section) if isinstance(piece, Figure))
    return {figure.name: figure.spec for figure in drawn}


def pieces_in(section: Section) -> Iterator[Table | Figure]:
    """Tables and charts of a section and of those within it, in their order."""
    for piece in section.body:
        if isinstance(piece, Section):
            yield from pieces_in(piece)
        elif not isinstance(piece, str):
            yield piece

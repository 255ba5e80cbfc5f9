"""What a folded section of a page holds: sentences, tables and charts, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codesign.reporting.tables import Table

__all__ = ["Figure", "Section"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart of a page, drawn once its section is opened.

    Attributes:
        name: unique in its page, of letters, digits and hyphens; files that a reader saves are called so.
        title: what it shows, as text above it, and what a screen reader says.
        spec: Vega-Lite, such as `chart.to_dict()` of Altair, with its data in it and without a theme, which the page
            gives; `"width": "container"` fills the column.
        note: what to know before reading it.
    """

    name: str
    title: str
    spec: Mapping[str, Any] = field(repr=False)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page that opens.

    Attributes:
        name: unique in its page, of letters, digits and hyphens; its anchor.
        title: in words, such as `What each choice does`.
        summary: what it says in a few words, read while it is folded; "" for nothing.
        body: sentences, tables, figures, and sections within it.
        code: a command or a file to copy, shown last; "" for none.
    """

    name: str
    title: str
    summary: str = ""
    body: tuple[str | Table | Figure | Section, ...] = ()
    code: str = ""

"""What a folded section of a page holds: sentences, tables and charts, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from codesign.reporting.tables import Table

__all__ = ["Drawing", "Section", "figures_in"]


class Drawing(Protocol):
    """A chart of a page, drawn once its section is opened, such as a `Figure` of `codesign.reporting.charts`."""

    @property
    def name(self) -> str:
        """Unique in its page, of letters, digits and hyphens; files that a reader saves are called so."""

    @property
    def title(self) -> str:
        """What it shows, as text above it, and what a screen reader says."""

    @property
    def note(self) -> str:
        """What to know before reading it; "" for nothing."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """Vega-Lite with its data in it and without a look, which the page gives."""


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
    body: tuple[str | Table | Drawing | Section, ...] = ()
    code: str = ""


def figures_in(sections: Sequence[Section]) -> dict[str, Any]:
    """Specifications of all charts by name."""
    return {drawing.name: drawing.spec for section in sections for drawing in _drawings(section)}


def _drawings(section: Section) -> Iterator[Drawing]:
    for piece in section.body:
        if isinstance(piece, Section):
            yield from _drawings(piece)
        elif not isinstance(piece, str | Table):
            yield piece

"""What one part of the paper, repeated, puts into the report."""

from __future__ import annotations

from dataclasses import dataclass

from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel
from codesign.reporting.tables import Table

__all__ = ["Part"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table or figure of the paper beside the sweep's own.

    Attributes:
        claims: the paper's statements that it can test.
        table: the paper's numbers beside the sweep's; the sweep's alone where the paper draws without printing.
        brief: the same in few columns, for a terminal.
        panels, legend: in the form of the paper's figure.
        remarks: what to know of the numbers, in sentences.
        missing: what the sweep has no result for, in a sentence; "" if nothing.
    """

    claims: tuple[Claim, ...]
    table: Table | None = None
    brief: Table | None = None
    panels: tuple[Panel, ...] = ()
    legend: tuple[LegendEntry, ...] = ()
    remarks: tuple[str, ...] = ()
    missing: str = ""

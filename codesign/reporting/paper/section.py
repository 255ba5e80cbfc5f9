"""The report's section on the part of the paper that a sweep repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codesign.analysis.metadata import PaperPart
from codesign.analysis.points import Point
from codesign.analysis.table import ResultTable
from codesign.reporting.paper.accuracy import repeat_table2
from codesign.reporting.paper.data import differences
from codesign.reporting.paper.decisions import repeat_figure5, repeat_figure6
from codesign.reporting.paper.energy import repeat_table3
from codesign.reporting.paper.groups import repeat_figure7
from codesign.reporting.paper.hyperparameters import repeat_figure9
from codesign.reporting.paper.loss import repeat_figure10, repeat_figure12
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.reactivity import repeat_figure4
from codesign.reporting.paper.rows import Repeated, repeated
from codesign.reporting.paper.training_cost import repeat_table7

__all__ = ["PaperSection", "paper_section", "title_of"]

_PARTS: Mapping[PaperPart, Callable[[Repeated], Part]] = {
    "table2": repeat_table2,
    "table3": repeat_table3,
    "table7": repeat_table7,
    "figure4": repeat_figure4,
    "figure5": repeat_figure5,
    "figure6": repeat_figure6,
    "figure7": repeat_figure7,
    "figure9": repeat_figure9,
    "figure10": repeat_figure10,
    "figure12": repeat_figure12,
}


def title_of(part: PaperPart) -> str:
    """A part as the paper calls it: `Table 2`, `figure 4`."""
    kind = "Table" if part.startswith("table") else "figure"
    return f"{kind} {part.removeprefix(kind.lower())}"


@dataclass(frozen=True, kw_only=True)
class PaperSection:
    """What stands at the top of the report of a sweep that repeats a part of the paper.

    Attributes:
        title: such as `The paper's Table 2, repeated`.
        differences: what was run otherwise than in the paper, in sentences; empty if nothing.
        part: claims, table and panels.
    """

    title: str
    differences: tuple[str, ...]
    part: Part


def paper_section(table: ResultTable, points: tuple[Point, ...]) -> PaperSection | None:
    """The section, or None for a sweep that repeats no part of the paper.

    Args:
        points: of the table, gathered.
    """
    name = table.metadata.paper
    if name is None:
        return None
    sweep = repeated(table, points)
    return PaperSection(
        title=f"The paper’s {title_of(name)}, repeated",
        differences=tuple(differences(table.metadata, sweep.beside)),
        part=_PARTS[name](sweep),
    )

"""Made-up sweeps that repeat a part of the paper, with numbers that can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from synthetic_sweep import Row, mubrain_row, synthetic_metadata, table_of

from codesign.analysis.metadata import PaperPart, ResultMetadata, WorkloadFacts
from codesign.analysis.points import gather
from codesign.reporting.claims import Claim
from codesign.reporting.paper.section import PaperSection, paper_section

WHOLE = WorkloadFacts(
    name="nmnist", train=54_000, validation=6_000, test=10_000, classes=10, timesteps=10, timestep_s=0.01
)
"""The whole of N-MNIST, as the paper has it."""


def repeating(part: PaperPart, **changes: Any) -> ResultMetadata:
    return replace(synthetic_metadata(), paper=part, **changes)


def section(rows: list[Row], metadata: ResultMetadata) -> PaperSection:
    table = table_of(rows, metadata)
    return paper_section(table, gather(table))


def claims(found: PaperSection) -> dict[str, Claim]:
    return {claim.name: claim for claim in found.part.claims}


def run(recipe: str, inference: str, seed: int, /, **changes: object) -> Row:
    """A row of µBrain that differs from `mubrain_row` in `changes`, which name its design point."""
    row = mubrain_row(recipe, inference, seed, 0) | changes
    apart = "/".join(f"{key}={changes[key]}" for key in sorted(changes))
    return row | {"point": f"{recipe}/{inference}/{seed}/{apart}"}


def runs(recipe: str, inference: str, column: str, values: tuple[float, ...], /, **changes: object) -> list[Row]:
    """One row a training seed, with `column` as given."""
    return [run(recipe, inference, seed, **{**changes, column: value}) for seed, value in enumerate(values)]

"""Points made up of a few numbers, and the answers to a question about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from synthetic_sweep import Row, mubrain_row, synthetic_metadata, table_of

from codesign.analysis.answers.answers import Answer
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.metadata import ChipFacts
from codesign.analysis.results.points import Point, points_of

SEEDS = (0, 1, 2)
Variant = tuple[str, float, float, float, float]
"""Chip, width, accuracy, energy in nanojoules and latency in microseconds."""


def row(chip: str, width: float, seed: int, **changes: Any) -> Row:
    """A row whose energy is one term."""
    named = {"chip": chip, "chip_title": chip, "training_seed": seed, "axis.width": width}
    made = mubrain_row("layered", "random", 0, 0) | named | changes
    if "energy_j" in changes:
        made |= {"energy_synaptic_operation_j": made["energy_j"], "energy_coverage": ["synaptic_operation"]}
    return made


def by_seed(column: str, **chips: Sequence[float | None]) -> list[Row]:
    """A row for each value that chips have in a column, one a training seed."""
    return [
        row(chip, 1.0, seed, **{column: value}) for chip, values in chips.items() for seed, value in enumerate(values)
    ]


def accurate(chip: str, energy: float, *accuracies: float) -> list[Row]:
    """A row for each accuracy, one a training seed; energies in joules, which seeds tell apart by a hair."""
    return [
        row(chip, 1.0, seed, accuracy=accuracy, energy_j=energy * (1 + 1e-6 * seed))
        for seed, accuracy in enumerate(accuracies)
    ]


def with_terms(chip: str, seed: int, **nanojoules: float) -> Row:
    """A row whose energy is the sum of these terms."""
    made = row(chip, 1.0, seed) | {"energy_synaptic_operation_j": None}
    made |= {f"energy_{name}_j": value * 1e-9 for name, value in nanojoules.items()}
    covered = ["static" if name.startswith("static") else name for name in nanojoules]
    return made | {"energy_j": sum(nanojoules.values()) * 1e-9, "energy_coverage": covered, "not_modelled": []}


def rows_of(variants: list[Variant], seeds: int = 3) -> list[Row]:
    """Each variant in some seeds that differ by a hair."""
    return [
        row(
            chip,
            width,
            seed,
            accuracy=accuracy,
            energy_j=energy * 1e-9 * (1 + 1e-6 * seed),
            latency_s=latency * 1e-6 * (1 + 1e-6 * seed),
        )
        for chip, width, accuracy, energy, latency in variants
        for seed in range(seeds)
    ]


def gathered(rows: list[Row]) -> tuple[Point, ...]:
    return points_of(table_of(rows).frame, units={})


def asked(
    rows: list[Row],
    chips: Mapping[str, ChipFacts] | None = None,
    *,
    commonest: float = 0.1,
    samples: int | None = None,
    **content: Any,
) -> Answer:
    """The answer to one question about rows, of whose chips and samples more may be known."""
    rows = rows if samples is None else [row | {"samples": samples} for row in rows]
    metadata = synthetic_metadata(it=content)
    metadata = replace(metadata, workload=replace(metadata.workload, commonest=commonest))
    metadata.chips.update(chips or {})
    (answer,) = AnsweredTable.of(table_of(rows, metadata)).answers
    return answer


def labels(answer: Answer) -> list[str]:
    return [option.label for option in answer.options]

from __future__ import annotations

from pathlib import Path

from synthetic_sweep import base_row, mubrain_row, synthetic_metadata, synthetic_rows, written

from codesign.analysis.fronts import find_fronts
from codesign.analysis.points import gather
from codesign.reporting.facts import chip_numbers, energy_books_sentence, failure_table, validation_table
from codesign.reporting.tables import (
    Table,
    accuracy_and_density,
    all_points,
    operations_and_energy,
    pareto_table,
)


def texts(table: Table, *names: str) -> list[tuple[str, ...]]:
    places = [[heading.text for heading in table.headings].index(name) for name in names]
    return [tuple(row[place].text for place in places) for row in table.rows]


def middle_seed(recipe: str, inference: str) -> dict[str, object]:
    """A row with exactly the paper's accuracy and density."""
    return mubrain_row(recipe, inference, 1, 0) | {"evaluation_seed": 0}


def test_the_papers_tables_come_out_of_its_densities(tmp_path: Path) -> None:
    points = gather(written(tmp_path / "r", [middle_seed("layered", "layered")]))
    assert texts(accuracy_and_density(points), "training", "inference", "accuracy", "spike density", "seeds") == [
        ("Layered (layered)", "Layered", "94.9 %", "3.987", "1")
    ]
    # Table 3: 3.987 · 192 · 46 = 3.521e4 operations, times 26 pJ = 0.9155 µJ.
    assert texts(operations_and_energy(points), "SOs ×10⁴, paper", "energy µJ, paper") == [("3.521", "0.9155")]


def test_both_books_stand_side_by_side_and_the_difference_is_explained(tmp_path: Path) -> None:
    points = gather(written(tmp_path / "r", synthetic_rows()))
    headings = [heading.text for heading in operations_and_energy(points).headings]
    assert "SOs ×10⁴, paper" in headings
    assert "SOs ×10⁴, all synapses" in headings
    sentence = energy_books_sentence(points)
    assert "density 3.987 × 8,832 synapses" in sentence


def test_pareto_rows_are_sorted_by_accuracy_within_what_compares(tmp_path: Path) -> None:
    table = written(tmp_path / "r", synthetic_rows())
    points = gather(table)
    pareto = pareto_table(find_fronts(points, table.metadata.objectives), table.metadata.objectives)
    rows = texts(pareto, "chip", "accuracy", "energy per sample", "latency", "front of")
    chips = ["truenorth (scaled)"] * 2 + ["loihi"] * 2 + ["mubrain (scaled)"]
    assert [row[0] for row in rows] == chips
    assert [row[1] for row in rows] == ["94.9 ± 1.0 %", "93.4 ± 1.0 %"] * 2 + ["96.3 ± 0.5 %"]
    assert rows[2][2:4] == ("9.22 µJ", "289.7 µs")
    assert rows[4][3:] == ("–", "energy per sample")
    assert len(pareto.points) == len(pareto.rows)


def test_unknown_numbers_are_a_dash_and_sort_last(tmp_path: Path) -> None:
    row = middle_seed("layered", "random") | dict.fromkeys(("energy_j", "latency_spikes", "spike_density"))
    points = gather(written(tmp_path / "r", [row]))
    table = all_points(points)
    assert texts(table, "energy per sample", "latency", "spikes until output", "spike density") == [("–",) * 4]
    place = [heading.text for heading in table.headings].index("energy per sample")
    assert table.rows[0][place].order is None


def test_equal_failures_are_counted_together(tmp_path: Path) -> None:
    rows = [
        base_row("layered", "mubrain", "async_random", seed, 0) | {"status": "infeasible", "reason": "too small"}
        for seed in (0, 1)
    ]
    table = failure_table(written(tmp_path / "r", rows))
    assert table is not None
    assert texts(table, "status", "chip", "reason", "rows") == [("infeasible", "mubrain", "too small", "2")]
    assert failure_table(written(tmp_path / "r", [middle_seed("layered", "random")])) is None


def test_chip_numbers_carry_confidence_and_source_and_the_unknown_is_shown() -> None:
    numbers = chip_numbers(synthetic_metadata())
    assert numbers is not None
    loihi, first, second = texts(numbers, "value", "known how")
    assert loihi == ("30 mW", "stated")
    assert first == ("26 pJ", "measured")
    assert second == ("–", "assumed")
    validation = validation_table(synthetic_metadata())
    assert validation is not None
    assert texts(validation, "published", "model") == [("308 nJ", "not modelled")]

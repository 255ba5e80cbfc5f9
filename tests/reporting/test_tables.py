from __future__ import annotations

from synthetic_sweep import base_row, columns, mubrain_row, points_of, synthetic_rows, table_of

from codesign.analysis.fronts import find_fronts
from codesign.analysis.points import gather
from codesign.reporting.facts import energy_books_sentence, failure_table
from codesign.reporting.tables import (
    accuracy_and_density,
    all_points,
    operations_and_energy,
    pareto_table,
)


def middle_seed(recipe: str, inference: str) -> dict[str, object]:
    """A row with exactly the paper's accuracy and density."""
    return mubrain_row(recipe, inference, 1, 0) | {"evaluation_seed": 0}


def test_the_papers_tables_come_out_of_its_densities():
    points = points_of([middle_seed("layered", "layered")])
    assert columns(accuracy_and_density(points), "training", "inference", "accuracy", "spike density", "seeds") == [
        ("Layered (layered)", "Layered", "94.9 %", "3.987", "1")
    ]
    other = points_of([middle_seed("layered", "random")])
    assert columns(accuracy_and_density(other), "contention", "agreement") == [("75.0 %", "87.5 %")]
    # Table 3: 3.987 · 192 · 46 = 3.521e4 operations, times 26 pJ = 0.9155 µJ.
    assert columns(operations_and_energy(points), "SOs ×10⁴, paper", "energy µJ, paper") == [("3.521", "0.9155")]


def test_both_books_stand_side_by_side_and_the_difference_is_explained():
    points = points_of(synthetic_rows())
    headings = [heading.text for heading in operations_and_energy(points).headings]
    assert "SOs ×10⁴, paper" in headings
    assert "SOs ×10⁴, all synapses" in headings
    sentence = energy_books_sentence(points)
    assert "density 3.987 × 8,832 synapses" in sentence


def test_pareto_rows_are_sorted_by_accuracy_within_what_compares():
    table = table_of(synthetic_rows())
    points = gather(table)
    pareto = pareto_table(find_fronts(points, table.metadata.objectives), table.metadata.objectives)
    rows = columns(pareto, "chip", "accuracy", "energy per sample", "latency", "front of")
    chips = ["truenorth (scaled)"] * 2 + ["loihi"] * 2 + ["mubrain (scaled)"]
    assert [row[0] for row in rows] == chips
    assert [row[1] for row in rows] == ["94.9 ± 1.0 %", "93.4 ± 1.0 %"] * 2 + ["96.3 ± 0.5 %"]
    assert rows[2][2:4] == ("9.22 µJ", "289.7 µs")
    assert rows[4][3:] == ("–", "energy per sample")
    assert len(pareto.points) == len(pareto.rows)


def test_unknown_numbers_are_a_dash_and_sort_last():
    row = middle_seed("layered", "random") | dict.fromkeys(("energy_j", "latency_spikes", "spike_density"))
    points = points_of([row])
    table = all_points(points)
    assert columns(table, "energy per sample", "latency", "spikes until output", "spike density") == [("–",) * 4]
    place = [heading.text for heading in table.headings].index("energy per sample")
    assert table.rows[0][place].order is None


def test_equal_failures_are_counted_together():
    rows = [
        base_row("layered", "mubrain", "async_random", seed, 0) | {"status": "infeasible", "reason": "too small"}
        for seed in (0, 1)
    ]
    table = failure_table(table_of(rows))
    assert columns(table, "status", "chip", "reason", "rows") == [("infeasible", "mubrain", "too small", "2")]
    assert failure_table(table_of([middle_seed("layered", "random")])) is None

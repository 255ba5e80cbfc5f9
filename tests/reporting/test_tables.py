from __future__ import annotations

from synthetic_sweep import base_row, columns, mubrain_row, table_of

from codesign.reporting.facts import failure_table


def middle_seed(recipe: str, inference: str) -> dict[str, object]:
    """A row with exactly the paper's accuracy and density."""
    return mubrain_row(recipe, inference, 1, 0) | {"evaluation_seed": 0}


def test_equal_failures_are_counted_together():
    rows = [
        base_row("layered", "mubrain", "async_random", seed, 0) | {"status": "infeasible", "reason": "too small"}
        for seed in (0, 1)
    ]
    larger = rows[0] | {"topology": "512-[900]-10"}
    table = failure_table(table_of([*rows, larger]))
    assert columns(table, "status", "chip", "network", "reason", "rows") == [
        ("infeasible", "mubrain", str(rows[0]["topology"]), "too small", "2"),
        ("infeasible", "mubrain", "512-[900]-10", "too small", "1"),
    ]
    assert not failure_table(table_of([middle_seed("layered", "random")])).rows

"""Made-up rows of models that were trained for one schedule and run under another."""

from __future__ import annotations

from synthetic_sweep import Row, mubrain_row

HIGH, LOW = (0.9, 0.92, 0.94), (0.6, 0.6, 0.6)
LEVEL = (0.89, 0.92, 0.95)
"""Against HIGH, 0.01, 0 and −0.01 are missing: the interval includes zero."""


def cells(recipe: str, schedule: str, accuracies: tuple[float, ...], **changes: object) -> list[Row]:
    """One row a seed; a recipe's name says how it was trained, a schedule's how it runs: `random 8 drained`."""
    policy, *size = recipe.split()
    trained: Row = {"recipe": recipe, "training_method": "unlayered", "training_policy": policy}
    if policy in ("layered", "calibrated"):
        trained |= {"training_method": "layered", "training_policy": None}
    trained["training_group_size"] = int(size[0]) if size else None
    runs, *group = schedule.split()
    rows = []
    for seed, accuracy in enumerate(accuracies):
        row = mubrain_row("layered", "layered" if runs == "layered" else "random", seed, 0)
        row |= trained | {"schedule": schedule, "accuracy": accuracy}
        if runs != "layered":
            row |= {"policy": runs, "group_size": int(group[0])}
        rows.append(row | changes)
    return rows

"""Made-up rows of models that were trained for one schedule and run under another."""

from __future__ import annotations

from dataclasses import replace

from synthetic_sweep import Row, mubrain_row, synthetic_metadata

from codesign.analysis.metadata import ResultMetadata

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


def with_recipes(**parameters: dict[str, str]) -> ResultMetadata:
    return replace(synthetic_metadata(), recipes={name.replace("_", " "): value for name, value in parameters.items()})


def grid(trained: tuple[str, ...], run: tuple[str, ...], accuracies: tuple[float, ...] = LOW) -> list[Row]:
    return [row for recipe in trained for schedule in run for row in cells(recipe, schedule, accuracies)]


REMEDIED = {
    "policy": [("layered", "momentum 8", {})],
    "run": [
        ("layered", "random 16", {}),
        ("layered", "random 8 waits", {"steps_after_output": 4}),
        ("layered", "random 8 drained", {"stop": "drained", "steps_after_output": None}),
    ],
    "policy and run": [("layered", "momentum 16", {})],
    "calibration": [("calibrated", "random 8", {})],
    "retraining": [("random 8", "random 8", {}), ("random 4", "random 8", {})],
    "other retraining": [("momentum 8", "random 8", {})],
}


def tried(good: set[tuple[str, str]]) -> list[Row]:
    """A layered model that loses under `random 8`, and all that can be done; what is `good` is level, the rest bad."""
    rows = cells("layered", "layered", HIGH) + cells("layered", "random 8", LOW)
    # Not mitigations: asks less, or differs in more than policy and what waits.
    rows += cells("layered", "random 4", LEVEL) + cells("layered", "fifo 8", LEVEL, input_mode="queued")
    rows += cells("layered", "fifo 8 other", LEVEL, chip="other")
    for ways in REMEDIED.values():
        for number, (recipe, schedule, changes) in enumerate(ways):
            accuracies = LEVEL if (recipe, schedule) in good else (0.61 + number / 100, 0.61, 0.61)
            rows += cells(recipe, schedule, accuracies, **changes)
    return rows


CALIBRATED = with_recipes(calibrated={"method": "layered", "calibration": "momentum"})
EVERY_WAY = [(kind, recipe, schedule) for kind, ways in REMEDIED.items() for recipe, schedule, _ in ways]

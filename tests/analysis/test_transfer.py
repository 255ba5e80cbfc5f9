from __future__ import annotations

import pytest
from synthetic_sweep import Row, base_row, loihi_row, mubrain_row, points_of
from transfer_rows import CALIBRATED, EVERY_WAY, HIGH, LEVEL, LOW, cells, grid, tried, with_recipes

from codesign.analysis.metadata import ResultMetadata
from codesign.analysis.mitigations import Gap, find_gaps
from codesign.analysis.transfer import MOST_SHOWN, Transfer, find_transfer, losses


def transfer(rows: list[Row], metadata: ResultMetadata | None = None) -> Transfer:
    return find_transfer(points_of(rows, metadata))


def gap_of(found: Transfer, recipe: str, schedule: str) -> Gap:
    (gap,) = [g for g in find_gaps(found) if g.model.recipe == recipe and g.setting.example.schedule == schedule]
    return gap


def test_trainings_and_schedules_are_in_the_order_of_their_numbers():
    trained = ("momentum 4", "random 16", "layered", "random 8", "random 128", "fifo 8")
    found = transfer(grid(trained, ("momentum 8", "random 16", "random 4", "layered", "random 100")))
    recipes = ["layered", "random 8", "random 16", "random 128", "momentum 4", "fifo 8"]
    assert [m.recipe for m in found.models] == recipes
    schedules = ["layered", "random 4", "random 16", "random 100", "momentum 8"]
    assert [s.example.schedule for s in found.settings] == schedules
    assert found.found == (6, 5)
    assert len(found.cells) == 30


def test_axes_tell_rows_and_columns_apart():
    rows = [
        row
        | {"training_group_size": trained, "axis.recipe.random.group_size": float(trained), "recipe": "random"}
        | {"group_size": run, "axis.schedule.s.group_size": float(run), "schedule": "s"}
        | {"accuracy": 0.9 - abs(trained - run) / 100}
        for trained in (16, 4, 8)
        for run in (8, 16, 4)
        for row in cells("random 1", "random 1", LOW)
    ]
    found = transfer(rows)
    assert [m.group_size for m in found.models] == [4, 8, 16]
    assert [s.example.group_size for s in found.settings] == [4, 8, 16]
    # What the labels say of F anyway is not said again by the axis.
    assert {m.names for m in found.models} == {("random",)}
    matched = {(m.group_size, s.example.group_size) for m, s in found.cells if found.trained_for(m, s)}
    assert matched == {(4, 4), (8, 8), (16, 16)}


def test_other_axes_are_named():
    rows = [
        row | {"axis.recipe.random.epochs": epochs, "recipe": "random", "accuracy": 0.5 + epochs / 100}
        for epochs in (20.0, 10.0)
        for schedule in ("random 4", "random 8")
        for row in cells("random 8", schedule, LOW)
    ]
    assert [m.names for m in transfer(rows).models] == [("random (epochs = 10)",), ("random (epochs = 20)",)]


def test_chips_that_only_price_differently_are_one_column():
    rows = []
    for recipe, accuracies in (("layered", HIGH), ("random 8", LEVEL)):
        for chip in ("mubrain", "cheap", "other"):
            shift = 0.01 if chip == "other" else 0.0
            rows += cells(recipe, "layered", accuracies, chip=chip)
            rows += cells(recipe, "random 8", tuple(a - 0.2 - shift for a in accuracies), chip=chip)
    found = transfer(rows)
    assert [s.names for s in found.settings] == [
        ("layered on cheap", "layered on mubrain", "layered on other"),
        ("random 8 on cheap", "random 8 on mubrain"),
        ("random 8 on other",),
    ]
    assert found.found == (2, 3)


def test_recipes_that_train_alike_and_answer_alike_are_one_row():
    rows = grid(("layered", "random 8"), ("layered", "random 8"), HIGH)
    rows += [row | {"recipe": "again"} for row in grid(("random 8",), ("layered", "random 8"), HIGH)]
    assert [m.names for m in transfer(rows).models] == [("layered",), ("again", "random 8")]


@pytest.mark.parametrize(
    ("trained", "run"),
    [(("layered",), ("layered", "random 8")), (("layered", "random 8"), ("random 8",)), ((), ())],
)
def test_one_training_or_one_schedule_is_no_matrix(trained, run):
    assert find_transfer(points_of(grid(trained, run))) is None


def test_two_models_that_share_no_schedule_are_no_matrix():
    rows = cells("layered", "layered", HIGH) + cells("random 8", "random 8", LEVEL)
    assert find_transfer(points_of(rows)) is None


def test_failed_and_infeasible_rows_leave_a_cell_empty():
    rows = grid(("layered", "random 8"), ("layered", "random 8"), HIGH)
    rows = [row for row in rows if (row["recipe"], row["schedule"]) != ("random 8", "layered")]
    for status in ("failed", "infeasible"):
        missing = base_row("unlayered_rs", "mubrain", "layered", 0, 0) | {"recipe": "random 8", "reason": "why"}
        rows.append(missing | {"status": status})
    found = transfer(rows)
    layered, random = found.models
    assert found.cell(random, found.settings[0]) is None
    assert found.cell(layered, found.settings[0]) is not None
    assert not found.trained_for(random, found.settings[0])
    # Without layered inference of its own there is no gap to speak of.
    assert [gap.model for gap in find_gaps(found)] == [layered]


def test_the_gap_by_hand():
    rows = cells("layered", "layered", HIGH) + cells("layered", "random 8", LOW)
    rows += cells("random 8", "layered", (0.8, 0.8, 0.8)) + cells("random 8", "random 8", (0.85, 0.84, 0.83))
    found = transfer(rows)
    gap = gap_of(found, "layered", "random 8")
    # Differences 0.30, 0.32, 0.34: mean 0.32, deviation 0.02, half width 4.302653 * 0.02 / sqrt(3) = 0.04968.
    assert gap.gap.gain.mean == pytest.approx(0.32)
    assert gap.gap.gain.half_width == pytest.approx(0.04968, rel=1e-3)
    assert gap.shown
    assert not gap.level
    unlayered = gap_of(found, "random 8", "random 8")
    # Its own layered inference is worse: −0.05, −0.04, −0.03. To the layered model 0.05, 0.08, 0.11 are missing.
    assert unlayered.gap.gain.mean == pytest.approx(-0.04)
    assert not unlayered.shown
    assert unlayered.remaining.gain.mean == pytest.approx(0.08)


def test_seeds_that_one_side_lacks_are_left_out():
    rows = grid(("random 8",), ("layered", "random 8"), HIGH)
    rows += cells("layered", "layered", HIGH) + cells("layered", "random 8", (0.6, 0.7))
    gap = gap_of(transfer(rows), "layered", "random 8")
    assert gap.gap.gain.seeds == 2
    assert gap.gap.gain.mean == pytest.approx((0.3 + 0.22) / 2)


def test_the_gap_is_taken_at_the_same_weight_bits():
    rows = []
    for recipe in ("layered", "random 8"):
        rows += cells(recipe, "layered", (0.5, 0.5, 0.5), weight_bits=1) + cells(recipe, "random 8", LOW, weight_bits=1)
        rows += cells(recipe, "layered", HIGH, weight_bits=8) + cells(recipe, "random 8", LOW, weight_bits=8)
        rows += cells(recipe, "random 4", LOW, weight_bits=2)
    gaps = [gap for gap in find_gaps(transfer(rows)) if gap.model.layered]
    assert {gap.setting.example.weight_bits: round(gap.gap.gain.mean or 0.0, 3) for gap in gaps} == {1: -0.1, 8: 0.32}


@pytest.mark.parametrize("number", range(len(EVERY_WAY)))
def test_the_cheapest_mitigation_that_closes_a_gap_is_named(number):
    """Alone or with all that cost more."""
    for closing in (EVERY_WAY[number : number + 1], EVERY_WAY[number:]):
        good = {(recipe, schedule) for _, recipe, schedule in closing}
        gap = gap_of(transfer(tried(good), CALIBRATED), "layered", "random 8")
        best = gap.mitigation
        assert len(gap.mitigations) == len(EVERY_WAY)
        assert (best.kind, best.model.recipe, best.setting.example.schedule) == EVERY_WAY[number]
        assert best.remaining.gain.mean == pytest.approx(0.0)
        # 4.302653 * 0.01 / sqrt(3)
        assert best.remaining.gain.half_width == pytest.approx(0.02484, rel=1e-3)
        assert best.without.schedule == "random 8"


def test_what_comes_closest_if_nothing_closes_it():
    gap = gap_of(transfer(tried(set()), CALIBRATED), "layered", "random 8")
    assert gap.mitigation is None
    closest = gap.closest
    # 0.63, 0.61, 0.61 for what was tried third of its kind.
    assert closest.setting.example.schedule == "random 8 drained"
    assert closest.remaining.worse_mean == pytest.approx((0.63 + 0.61 + 0.61) / 3)
    assert closest.remaining.gain.above_zero


def test_what_is_worse_than_doing_nothing_closes_nothing():
    rows = grid(("random 8",), ("layered", "random 8"), (0.1, 0.5, 0.9))
    rows += cells("layered", "layered", HIGH) + cells("layered", "random 8", LOW)
    gap = gap_of(transfer(rows), "layered", "random 8")
    assert [mitigation.kind for mitigation in gap.mitigations] == ["retraining"]
    # What it leaves has an interval that includes zero, but its mean is worse than without it.
    assert not gap.mitigations[0].remaining.gain.above_zero
    assert gap.mitigation is None
    assert gap.closest is None


def test_one_seed_closes_nothing_for_certain():
    rows = [row for row in tried({("layered", "momentum 8")}) if row["training_seed"] == 0]
    gap = gap_of(transfer(rows, CALIBRATED), "layered", "random 8")
    assert gap.gap.gain.half_width is None
    assert not gap.shown
    assert gap.mitigation is None
    assert gap.closest.kind == "policy"


def test_losses_by_what_training_did_not_know_by_hand():
    exact = (0.90, 0.92, 0.94)
    rows = grid(("random 8", "random 4", "momentum 8", "fifo 2", "layered"), ("layered",), HIGH)
    for recipe, loss in (("random 8", 0.0), ("random 4", 0.01), ("momentum 8", 0.02), ("fifo 2", 0.04)):
        rows += cells(recipe, "random 8", tuple(a - loss for a in exact))
    rows += cells("layered", "random 8", (0.60, 0.60, 0.60))
    # A second schedule with a model of its own: random 4 loses nothing, random 8 loses 0.03, the layered one 0.5.
    rows += cells("random 4", "random 4", (0.8, 0.8, 0.8)) + cells("random 8", "random 4", (0.77, 0.77, 0.77))
    rows += cells("layered", "random 4", (0.3, 0.3, 0.3))
    found = {loss.difference: loss for loss in losses(transfer(rows))}
    assert list(found) == [
        "training for another F",
        "training for another policy",
        "training for another policy and another F",
        "layered training",
    ]
    assert found["training for another F"].loss.mean == pytest.approx((0.01 + 0.03) / 2)
    assert found["training for another F"].loss.half_width == pytest.approx(0.0, abs=1e-12)
    assert found["training for another policy"].loss.mean == pytest.approx(0.02)
    assert found["training for another policy and another F"].loss.mean == pytest.approx(0.04)
    # By seed (0.30 + 0.5) / 2, (0.32 + 0.5) / 2 and (0.34 + 0.5) / 2: three values, not six.
    layered = found["layered training"].loss
    assert layered.mean == pytest.approx(0.41)
    assert layered.seeds == 3
    assert layered.half_width == pytest.approx(4.302653 * 0.01 / 3**0.5, rel=1e-3)
    assert len(found["layered training"].comparisons) == 2


def test_without_a_model_trained_for_a_schedule_there_is_no_loss():
    assert losses(transfer(grid(("layered", "random 4"), ("layered", "random 8")))) == []


def test_a_frame_is_not_a_queue():
    rows = grid(("frame 8", "queue 8"), ("layered",), HIGH)
    for recipe in ("frame 8", "queue 8"):
        rows += cells(recipe, "random 8", LOW)
        rows += cells(recipe, "queued 8", LEVEL, policy="random", input_mode="queued")
    rows = [row | {"training_policy": "random"} for row in rows]
    modes = with_recipes(frame_8={"input_mode": "frame"}, queue_8={"input_mode": "queued"})
    found = transfer(rows, modes)
    matched = {(m.recipe, s.example.schedule) for m, s in found.cells if found.trained_for(m, s)}
    assert matched == {("frame 8", "random 8"), ("queue 8", "queued 8")}
    assert [loss.difference for loss in losses(found)] == ["training for another input mode"]


def test_refractoriness_sets_columns_apart():
    rows = []
    for recipe in ("layered", "random 8"):
        rows += cells(recipe, "random 8", LOW, refractory=True) + cells(recipe, "again 8", LEVEL, refractory=False)
    rows = [row | {"policy": "random"} for row in rows]
    assert [s.example.refractory for s in transfer(rows).settings] == [False, True]


def test_a_group_as_large_as_a_layer_is_trained_for_layers():
    found = transfer(grid(("layered", "random 64", "random 63"), ("layered", "random 8"), HIGH))
    layered = found.settings[0]
    assert [m.recipe for m in found.models if found.trained_for(m, layered)] == ["layered", "random 64"]


def test_a_chip_with_barriers_waits_too():
    rows = [loihi_row("layered", seed, 0) | {"weight_bits": 4} for seed in range(3)]
    rows += [loihi_row("unlayered_rs", seed, 0) | {"weight_bits": 4} for seed in range(3)]
    for recipe in ("layered", "unlayered_rs"):
        rows += [mubrain_row(recipe, "random", seed, 0) for seed in range(3)]
    (gap,) = [gap for gap in find_gaps(transfer(rows)) if gap.model.layered]
    assert gap.gap.better.chip == "loihi"
    assert gap.gap.gain.mean == pytest.approx(0.949 - 0.625 + 0.001)


def test_a_large_sweep_is_limited_to_what_tells_most():
    sizes = [2 + number for number in range(18)]
    rows = [
        row
        for trained in ("layered", *(f"random {size}" for size in sizes))
        for run in ("layered", *(f"random {size}" for size in sizes))
        for row in cells(trained, run, (0.5 + 0.001 * len(run) + 0.01 * int(run.partition(" ")[2] or 30),))
    ]
    found = transfer(rows)
    assert found.found == (19, 19)
    shown = found.limited(MOST_SHOWN)
    assert (len(shown.models), len(shown.settings)) == (12, 12)
    assert shown.found == (19, 19)
    assert shown.models[0].layered
    assert shown.settings[0].layered
    kept = [model.group_size for model in shown.models[1:]]
    assert kept == sorted(kept)
    # Rows that are trained for a column that is shown come first.
    assert set(kept) == {setting.example.group_size for setting in shown.settings[1:]}
    assert len(shown.cells) == 144

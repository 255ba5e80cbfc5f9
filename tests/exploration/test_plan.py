from __future__ import annotations

from collections.abc import Callable

import pytest
from tiny_sweeps import plan_of, tiny

from codesign.errors import InputError
from codesign.exploration.plan import Plan
from codesign.exploration.spec import SweepSpec

UNLAYERED = ("  layered: {method: layered}", "  layered: {method: layered}\n  rs: {method: unlayered, policy: random}")


def keys(spec: SweepSpec) -> dict[str, set[str]]:
    jobs = [point.jobs for point in plan_of(spec).points if point.jobs is not None]
    return {
        "train": {job.execution.model.key for job in jobs},
        "execute": {job.execution.key for job in jobs},
        "summary": {job.summary.key for job in jobs},
        "cost": {job.cost.key for job in jobs},
    }


def changed(spec: SweepSpec, base: SweepSpec) -> set[str]:
    """Kinds of job whose keys differ."""
    ours, theirs = keys(spec), keys(base)
    return {kind for kind in ours if ours[kind] != theirs[kind]}


CHIP = "  mubrain_fitted: {capacity: scaled, schedules: [layered, asynchronous]}"


def with_override(text: str) -> tuple[str, str]:
    return CHIP, CHIP.replace("]}", f"], overrides: {{{text}}}}}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_override("energies.synaptic_operation: 27 pJ"), {"cost"}),
        (with_override("vector_width: 4"), {"cost"}),
        (
            ("schedules: [layered, asynchronous]}", "schedules: [layered, asynchronous], operation: real_time}"),
            {"cost"},
        ),
        (("group_size: 4}", "group_size: 5}"), {"execute", "cost"}),
        (("group_size: 4}", "group_size: 4, steps_after_output: 2}"), {"summary"}),  # drained anyway, only read later
        (("group_size: 4}", "group_size: 4, input_mode: queued}"), {"execute", "cost"}),
        (("scaled, schedules", "scaled, weight_bits: 3, schedules"), {"execute", "cost"}),
        (("epochs: 1", "epochs: 2"), {"train", "execute", "cost"}),
        (('"12-8"', '"12-9"'), {"train", "execute", "cost"}),
        (("preset: nmnist", "preset: shd"), {"train", "execute", "cost"}),
        (("training: [0]", "training: [1]"), {"train", "execute", "cost"}),
        (("title: Tiny", "title: Other\nquestion: Why?"), set()),
        (
            (
                "recipe_defaults: {",
                "recipe_defaults: {group_size: 9, policy: fifo, momentum_noise: 0.5, idle_gradient: none, ",
            ),
            set(),
        ),
        (("  layered: {", "  another_name: {"), set()),
        (("schedules: [layered, asynchronous]", "schedules: [asynchronous, layered]"), set()),
    ],
)
def test_keys_change_with_what_the_result_depends_on_and_with_nothing_else(
    change: tuple[str, str], expected: set[str]
) -> None:
    summaries = {"summary"} if "execute" in expected else set()
    assert changed(tiny(change), tiny()) == expected | summaries


@pytest.mark.parametrize("parameter", ["group_size: 9", "policy: fifo", "input_mode: queued", "idle_gradient: spare"])
def test_keys_of_unlayered_trainings_change_with_what_they_train_through(parameter: str) -> None:
    unlayered, policy = UNLAYERED[1], "policy: random"
    changed_recipe = parameter if parameter.startswith("policy") else f"{policy}, {parameter}"
    base, other = tiny(UNLAYERED), tiny((UNLAYERED[0], unlayered.replace(policy, changed_recipe)))
    assert changed(other, base) == {"train", "execute", "summary", "cost"}
    assert len(keys(other)["train"] & keys(base)["train"]) == 1  # the layered model is the same


def test_other_data_changes_everything() -> None:
    base, spec = plan_of(tiny()), tiny()
    from codesign.exploration.plan import build_plan

    other = build_plan(spec, workload="1" * 64, input_grid=(2, 16, 16), classes=10)
    ours = {point.jobs.cost.key for point in other.points if point.jobs}
    assert ours.isdisjoint({point.jobs.cost.key for point in base.points if point.jobs})


@pytest.mark.parametrize("kind", ["TRAIN", "EXECUTE", "COST"])
def test_a_raised_semantics_version_changes_the_keys_from_there_on(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(tiny())
    monkeypatch.setattr(f"codesign.exploration.jobs.{kind}_VERSION", 1000)
    after = keys(tiny())
    order = ["train", "execute", "cost"]
    first = order.index(kind.lower())
    assert [before[name] == after[name] for name in order] == [place < first for place in range(3)]


def feasible(plan: Plan, wanted: Callable[[dict[str, object]], bool]) -> list[object]:
    return [point.jobs for point in plan.points if point.jobs is not None and wanted(point.columns)]


def test_a_model_is_shared_by_all_chips_and_schedules() -> None:
    spec = tiny(UNLAYERED, (CHIP, CHIP + "\n  loihi: {}\n  mubrain: {capacity: scaled, schedules: [layered]}"))
    plan = plan_of(spec)
    assert len([point for point in plan.points if point.jobs]) == 8
    assert len(keys(spec)["train"]) == 2


def test_an_execution_is_shared_by_chips_that_schedule_and_quantize_alike() -> None:
    spec = tiny((CHIP, CHIP + "\n  mubrain: {capacity: scaled, schedules: [layered, asynchronous]}"))
    counts = {kind: len(found) for kind, found in keys(spec).items()}
    # layered, and asynchronous until drained: neither chip is known to drop what waits
    assert counts == {"train": 1, "execute": 2, "summary": 2, "cost": 4}


def test_evaluation_seeds_share_an_execution_that_cannot_depend_on_them() -> None:
    base, seeded = tiny(), tiny(("training: [0]", "training: [0], evaluation: [0, 1, 2]"))
    jobs = [point.jobs for point in plan_of(seeded).points if point.jobs is not None]
    assert len(jobs) == 6  # every seed is a design point
    layered, asynchronous = (
        {
            point.jobs.execution.key
            for point in plan_of(seeded).points
            if point.jobs and point.columns["schedule"] == name
        }
        for name in ("layered", "asynchronous")
    )
    assert (len(layered), len(asynchronous)) == (1, 3)
    assert keys(base)["execute"] < keys(seeded)["execute"]


def test_a_chip_that_cannot_drop_what_waits_pays_for_the_drained_schedule() -> None:
    points = {point.columns["schedule"]: point for point in plan_of(tiny()).points if point.jobs}
    asynchronous = points["asynchronous"].jobs
    assert asynchronous is not None
    assert asynchronous.execution.schedule.stop == "drained"
    assert asynchronous.summary.decided_after == 1
    assert asynchronous.cost.execution == asynchronous.summary.execution == asynchronous.execution.key
    layered = points["layered"].jobs
    assert layered is not None
    assert layered.summary.decided_after is None
    flushing = tiny(("asynchronous]}", "asynchronous], overrides: {can_flush: 'yes'}}"))
    points = {point.columns["schedule"]: point for point in plan_of(flushing).points if point.jobs}
    asynchronous = points["asynchronous"].jobs
    assert asynchronous is not None
    assert asynchronous.execution.schedule.stop == "on_output"
    assert asynchronous.summary.decided_after is None


def test_a_network_that_does_not_fit_is_a_point_with_a_reason() -> None:
    (point,) = (point for point in plan_of(tiny()).points if point.columns["chip"] == "truenorth")
    assert point.jobs is None
    assert point.reason is not None
    assert "512 inputs per neuron, a neuron has 256" in point.reason


def test_axes_are_crossed_where_they_apply_and_empty_elsewhere() -> None:
    axes = "axes:\n  schedule.asynchronous.group_size: [1, 2, all]\n  chip.mubrain_fitted.vector_width: [1, 8]\n"
    plan = plan_of(tiny(("seeds:", axes + "seeds:")))
    found = [
        (
            point.columns["chip"],
            point.columns["schedule"],
            point.columns["axis.schedule.asynchronous.group_size"],
            point.columns["axis.chip.mubrain_fitted.vector_width"],
        )
        for point in plan.points
    ]
    fitted = [
        ("mubrain_fitted", schedule, size, width)
        for width in (1.0, 8.0)
        for schedule, size in (("layered", None), *(("asynchronous", size) for size in ("1", "2", "all")))
    ]
    assert found == [*fitted, ("truenorth", "chip", None, None)]
    assert [point.columns["group_size"] for point in plan.points[:4]] == [None, 1, 2, None]
    assert len({point.columns["point"] for point in plan.points}) == len(plan.points)


def test_a_quantity_on_an_axis_becomes_its_si_value() -> None:
    axes = "axes:\n  chip.mubrain_fitted.energies.synaptic_operation: [26 pJ, 1 nJ]\n"
    spec = tiny(("seeds:", axes + "seeds:"), ("[layered, asynchronous]", "[layered]"))
    column = "axis.chip.mubrain_fitted.energies.synaptic_operation"
    values = [point.columns[column] for point in plan_of(spec).points]
    assert values[:2] == pytest.approx([26e-12, 1e-9])
    assert values[2] is None
    counts = {kind: len(found) for kind, found in keys(spec).items()}
    assert counts == {"train": 1, "execute": 1, "summary": 1, "cost": 2}


def test_a_value_that_an_axis_cannot_take() -> None:
    spec = tiny(("seeds:", "axes:\n  schedule.asynchronous.group_size: [0]\nseeds:"))
    with pytest.raises(InputError, match=r"axes\.schedule\.asynchronous\.group_size: .*found 0"):
        plan_of(spec)


def test_columns_say_what_a_schedule_amounts_to() -> None:
    text = "  loihi: {schedules: [chip, paper_table5, asynchronous]}\n  mubrain: {capacity: scaled, schedules: "
    spec = tiny((CHIP, text + "[chip, paper_table5]}"))
    rows = {(point.columns["chip"], point.columns["schedule"]): point.columns for point in plan_of(spec).points}
    loihi, mubrain = rows["loihi", "chip"], rows["mubrain", "chip"]
    assert (loihi["inference"], loihi["policy"], loihi["group_size"]) == ("layered", None, None)
    assert (mubrain["inference"], mubrain["policy"], mubrain["group_size"]) == ("asynchronous", "random", 8)
    assert mubrain["equivalent_to_layered"] is False
    assert any("no group size; F = 8" in text for text in mubrain["assumptions"])
    table5 = rows["mubrain", "paper_table5"]  # F = the widest layer: layered inference in all but name
    assert table5["equivalent_to_layered"] is True
    assert table5["inference"] == "layered"
    assert any("does not wait for it" in text for text in rows["loihi", "asynchronous"]["assumptions"])


def test_the_configuration_hash_follows_the_configuration() -> None:
    base = plan_of(tiny()).config_hash
    assert plan_of(tiny()).config_hash == base
    assert plan_of(tiny(("epochs: 1", "epochs: 2"))).config_hash != base
    assert plan_of(tiny(with_override("vector_width: 4"))).config_hash != base

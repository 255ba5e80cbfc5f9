from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_sweeps import CHIP, UNLAYERED, changed, keys, outline, plan_of, tiny, with_override

from codesign.errors import InputError
from codesign.exploration.plan import Plan
from codesign.hardware.quantization import Grid


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
        (("group_size: 4}", "group_size: 4, refractory: false}"), {"execute", "cost"}),
        (("group_size: 4}", "group_size: 4, refractory: true}"), set()),
        (("scaled, schedules", "scaled, weight_bits: 3, schedules"), {"execute", "cost"}),
        (("scaled, schedules", "scaled, weight_bits: none, schedules"), {"execute", "cost"}),
        (("scaled, schedules", "scaled, mapping: balanced, schedules"), {"cost"}),  # every layer stays on one core
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


@pytest.mark.parametrize(
    "parameter",
    [
        "group_size: 9",
        "policy: fifo",
        "policy: arbiter",
        "input_mode: queued",
        "refractory: false",
        "idle_gradient: spare",
    ],
)
def test_keys_of_unlayered_trainings_change_with_what_they_train_through(parameter: str) -> None:
    unlayered, policy = UNLAYERED[1], "policy: random"
    changed_recipe = parameter if parameter.startswith("policy") else f"{policy}, {parameter}"
    base, other = tiny(UNLAYERED), tiny((UNLAYERED[0], unlayered.replace(policy, changed_recipe)))
    assert changed(other, base) == {"train", "execute", "summary", "cost"}
    assert len(keys(other)["train"] & keys(base)["train"]) == 1  # the layered model is the same


@pytest.mark.parametrize("parameter", ["group_size: 9", "criterion: matching", "samples: 20", "steps_after_output: 2"])
def test_keys_of_calibrated_trainings_change_with_the_calibration(parameter: str) -> None:
    recipe = "  layered: {method: layered}\n"
    calibrated = "  calibrated: {method: layered, calibration: {policy: random}}\n"
    base = tiny((recipe, recipe + calibrated))
    other = tiny((recipe, recipe + calibrated.replace("policy: random", f"policy: random, {parameter}")))
    assert len(keys(base)["train"]) == 2
    assert keys(base)["train"] & keys(other)["train"] == keys(tiny())["train"]
    assert changed(other, base) == {"train", "execute", "summary", "cost"}


def test_other_data_changes_everything() -> None:
    base, spec = plan_of(tiny()), tiny()
    from codesign.exploration.plan import build_plan

    other = build_plan(spec, outline(fingerprint="1" * 64))
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
    # layered, and asynchronous until drained, as neither chip is known to drop what waits; each with float weights too
    assert counts == {"train": 1, "execute": 4, "summary": 4, "cost": 4}


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


def test_every_quantized_execution_has_a_twin_in_floats_which_chips_share() -> None:
    spec = tiny((CHIP, CHIP + "\n  loihi: {schedules: [layered]}\n  floats: {chip: loihi, weight_bits: none}"))
    points = [point for point in plan_of(spec).points if point.jobs and point.columns["inference"] == "layered"]
    by_chip = {point.columns["chip"]: point.jobs for point in points}
    fitted, loihi, floats = (by_chip[name] for name in ("mubrain_fitted", "loihi", "floats"))
    assert fitted is not None
    assert loihi is not None
    assert floats is not None
    assert (fitted.execution.weight_bits, loihi.execution.weight_bits, floats.execution.weight_bits) == (4, 9, None)
    assert fitted.unquantized is not None
    assert fitted.unquantized.weight_bits is None
    assert fitted.unquantized == loihi.unquantized
    assert fitted.unquantized_summary == loihi.unquantized_summary
    assert fitted.unquantized_summary.execution == fitted.unquantized.key
    assert floats.unquantized is None
    assert floats.summaries == (floats.summary,)


WEIGHTS = """
weight_bits: {value: 3, confidence: stated, source: made_up}
weights: {signed: false, scale: network, confidence: stated, source: made_up}
potential_bits: {value: 6, confidence: stated, source: made_up}
"""
TIMES = "\n".join(
    f"  {name}: {{value: 1 ns, confidence: stated, source: made_up}}"
    for name in ("synaptic_operation", "neuron_update", "output", "message")
)
MADE_UP = f"""
name: own
title: Made up
description: for a test
citation: made_up
operating_point: on paper
sources: {{made_up: {{citation: made up}}}}
cores: {{value: 1, confidence: stated, source: made_up}}
layers_share_core: true
can_flush: "no"
vector_width: {{value: 2, confidence: stated, source: made_up}}
synchronization: {{kind: asynchronous}}
times:
{TIMES}
"""


def own_chip(folder: Path, text: str, entry: str = "") -> tuple[str, str]:
    """The tiny sweep's first chip replaced by one of its own."""
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return CHIP, f"  own: {{chip: {path}, schedules: [layered, asynchronous]{entry}}}"


def test_weights_and_potentials_are_the_chips(tmp_path: Path) -> None:
    found = {}
    for name, text, entry in (("plain", MADE_UP, ""), ("own", MADE_UP + WEIGHTS, ""), ("wide", "", ", weight_bits: 4")):
        points = plan_of(tiny(own_chip(tmp_path, text or MADE_UP + WEIGHTS, entry))).points
        point = next(point for point in points if point.jobs)
        assert point.jobs is not None
        found[name] = (point.jobs.execution, [text for text in point.columns["assumptions"] if "own" in text])
    plain, own, wide = (found[name][0] for name in ("plain", "own", "wide"))
    assert (plain.weight_bits, plain.weight_grid, plain.potential_bits) == (None, Grid(), None)
    assert (own.weight_bits, own.potential_bits) == (3, 6)
    assert own.weight_grid == Grid(signed=False, scale="network")
    assert (wide.weight_bits, wide.weight_grid) == (4, own.weight_grid)
    assert len({plain.key, own.key, wide.key}) == 3
    assert any("states no weight bits" in text for text in found["plain"][1])
    assert "own has no negative weights; those of the model became 0" in found["own"][1]
    assert "own: potentials saturate at 6 bits, counted in the network's weight scale" in found["own"][1]


def test_potentials_of_few_bits_have_no_meaning_with_floats(tmp_path: Path) -> None:
    points = plan_of(tiny(own_chip(tmp_path, MADE_UP + WEIGHTS, ", weight_bits: none"))).points
    point = next(point for point in points if point.jobs)
    assert point.jobs is not None
    assert (point.jobs.execution.weight_grid, point.jobs.execution.potential_bits) == (Grid(), None)
    assert any("potentials are not limited to 6 bits" in text for text in point.columns["assumptions"])


def test_every_part_of_the_grid_is_in_the_key(tmp_path: Path) -> None:
    base = keys(tiny(own_chip(tmp_path, MADE_UP + WEIGHTS)))
    for old, new in (
        ("signed: false", "signed: true"),
        ("scale: network", "scale: layer"),
        ("signed: false", "levels: full"),
        ("potential_bits: {value: 6", "potential_bits: {value: 7"),
    ):
        other = keys(tiny(own_chip(tmp_path, MADE_UP + WEIGHTS.replace(old, new))))
        assert len(other["execute"] & base["execute"]) == 2  # those with floats
        assert len(other["execute"]) == 4


ENERGY = "energies: {synaptic_operation: {value: 1 pJ, all_in: false, confidence: stated, source: made_up"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("confidence: stated, source: made_up, note: x}}", "confidence: stated, source: made_up, note: y}}", set()),
        ("operating_point: on paper", "operating_point: elsewhere", set()),
        ("confidence: stated, source: made_up, note", "confidence: estimated, source: made_up, note", {"cost"}),
        ("source: made_up, note", "range: [0.5 pJ, 3 pJ], source: made_up, note", {"cost"}),
    ],
)
def test_prices_change_with_how_sure_a_number_is_but_not_with_what_is_said_of_it(
    tmp_path: Path, old: str, new: str, expected: set[str]
) -> None:
    text = f"{MADE_UP}{ENERGY}, note: x}}}}\n"
    assert old in text
    base = keys(tiny(own_chip(tmp_path, text)))
    other = keys(tiny(own_chip(tmp_path, text.replace(old, new))))
    assert {kind for kind in base if base[kind] != other[kind]} == expected


def test_layers_are_spread_evenly_where_that_is_asked_for() -> None:
    cores = {}
    for strategy in ("in_order", "balanced"):
        wide = (('"12-8"', '"2000"'), (CHIP, f"  loihi: {{mapping: {strategy}}}"))
        point = next(point for point in plan_of(tiny(*wide)).points if point.columns["chip"] == "loihi")
        assert point.jobs is not None
        parts = [one.neurons for one in point.jobs.cost.placement.parts if one.layer == 0]
        cores[strategy] = parts
    assert max(cores["balanced"]) - min(cores["balanced"]) <= 1
    assert max(cores["in_order"]) - min(cores["in_order"]) > 1
    assert len(cores["balanced"]) == len(cores["in_order"])


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
    assert counts == {"train": 1, "execute": 2, "summary": 2, "cost": 2}


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


def test_no_chip_keeps_pace_in_real_time_with_an_input_that_lasts_no_time() -> None:
    from codesign.exploration.plan import build_plan

    spec = tiny((CHIP, CHIP.replace("{", "{operation: real_time, ")))
    assert build_plan(spec, outline()).points
    with pytest.raises(InputError, match=r"chips.mubrain_fitted.operation: .* 'digits' is a static input"):
        build_plan(spec, outline(timesteps=1, timestep_s=0.0))

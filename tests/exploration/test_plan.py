from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_sweeps import outline, plan_of, tiny

from codesign.errors import InputError
from codesign.exploration.plan import Plan
from codesign.exploration.spec import SweepSpec
from codesign.hardware.quantization import Grid

UNLAYERED = ("  layered: {method: layered}", "  layered: {method: layered}\n  rs: {method: unlayered, policy: random}")


def keys(spec: SweepSpec) -> dict[str, set[str]]:
    jobs = [point.jobs for point in plan_of(spec).points if point.jobs is not None]
    return {
        "train": {job.execution.model.key for job in jobs},
        "execute": {one.key for job in jobs for one in job.executions},
        "summary": {one.key for job in jobs for one in job.summaries},
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


TIMED = ("group_size: 4}", "group_size: 4, policy: timed}")
RANDOM = ("policy: random, group_size: 4", "group_size: 4")


def test_times_change_executions_of_a_policy_that_looks_at_them_and_only_those() -> None:
    slower = with_override("times.synaptic_operation: 1 us")
    assert changed(tiny(slower), tiny()) == {"cost"}
    base, other = tiny(RANDOM, TIMED), tiny(RANDOM, TIMED, slower)
    assert changed(other, base) == {"execute", "summary", "cost"}
    assert len(keys(other)["execute"] & keys(base)["execute"]) == 2  # layered, with the chip's weights and in floats
    cheaper = with_override("energies.synaptic_operation: 1 pJ")
    assert changed(tiny(RANDOM, TIMED, cheaper), base) == {"cost"}


def test_an_axis_of_a_time_gives_executions_of_their_own() -> None:
    axes = ("seeds:", "axes:\n  chip.mubrain_fitted.times.synaptic_operation: [1 ns, 1 us, 1 ms]\nseeds:")
    layered_only = ("[layered, asynchronous]", "[asynchronous]")
    counts = {kind: len(found) for kind, found in keys(tiny(axes, layered_only)).items()}
    assert counts == {"train": 1, "execute": 2, "summary": 2, "cost": 3}
    timed = plan_of(tiny(axes, layered_only, RANDOM, TIMED))
    executions = {point.jobs.execution.key: point.jobs.execution for point in timed.points if point.jobs}
    assert len(executions) == 3
    messages = [one.schedule.service.message_s[0] for one in executions.values() if one.schedule.service]
    assert messages == pytest.approx([1e-9, 1e-6, 1e-3])


def test_a_policy_that_looks_at_times_works_with_any_thresholds() -> None:
    waiting = (RANDOM[0], "policy: timed, group_size: 4, synchronization_threshold: 3")
    points = plan_of(tiny(waiting)).points
    schedule = next(point.jobs for point in points if point.columns["schedule"] == "asynchronous").execution.schedule
    assert schedule.service is not None
    assert schedule.barrier_messages


def test_a_chip_without_times_cannot_run_a_policy_that_looks_at_them() -> None:
    spec = tiny(RANDOM, TIMED, ("mubrain_fitted: {", "mubrain: {"))
    expected = r"schedules\.asynchronous on chips\.mubrain: mubrain: .* gives no times\.synaptic_operation"
    with pytest.raises(InputError, match=expected):
        plan_of(spec)


TIMED_RECIPE = (UNLAYERED[0], UNLAYERED[1].replace("random", "timed, chip: mubrain_fitted"))


def test_a_recipe_trains_through_the_times_of_its_chip() -> None:
    plan = plan_of(tiny(TIMED_RECIPE))
    models = {point.columns["recipe"]: point.jobs.execution.model for point in plan.points if point.jobs}
    timed = models["rs"].schedule
    assert (timed.policy, timed.group_size, timed.stop) == ("timed", 8, "drained")
    assert timed.cores == (0,) * 30  # as the sweep maps it: one core
    assert timed.service is not None
    assert models["layered"].schedule.service is None
    slower = tiny(TIMED_RECIPE, with_override("times.synaptic_operation: 1 us"))
    assert len(keys(slower)["train"] - keys(tiny(TIMED_RECIPE))["train"]) == 1
    axis = ("seeds:", "axes:\n  chip.mubrain_fitted.times.synaptic_operation: [1 ns, 1 us]\nseeds:")
    assert keys(tiny(TIMED_RECIPE, axis))["train"] == keys(tiny(TIMED_RECIPE))["train"]  # axes pass trainings by


def test_a_recipe_whose_chip_is_too_small_cannot_be_trained() -> None:
    recipe = (UNLAYERED[0], UNLAYERED[1].replace("random", "timed, chip: truenorth"))
    rows = [point for point in plan_of(tiny(recipe)).points if point.columns["recipe"] == "rs"]
    assert [point.jobs for point in rows] == [None] * 3
    reasons = [point.reason or "" for point in rows if point.columns["chip"] == "mubrain_fitted"]
    assert len(reasons) == 2
    assert all(reason.startswith("recipe 'rs' trains for chip 'truenorth'; truenorth: layer 1") for reason in reasons)


def test_a_recipe_whose_chip_lacks_times_is_a_mistake() -> None:
    recipe = (UNLAYERED[0], UNLAYERED[1].replace("random", "timed, chip: mubrain"))
    with pytest.raises(InputError, match=r"recipes\.rs\.chip: mubrain: .* gives no times"):
        plan_of(tiny(recipe, (CHIP, CHIP + "\n  mubrain: {capacity: scaled, schedules: [layered]}")))


@pytest.mark.parametrize("policy", ["round_robin", "arbiter"])
def test_a_recipe_trains_through_the_cores_of_its_chip_or_layers_are_cores(policy: str) -> None:
    found = {}
    for chip in ("", ", chip: loihi", ", chip: mubrain_fitted"):
        changes = (
            ('"12-8"', '"2000"'),
            ("policy: random, group_size: 4", f"policy: {policy}, group_size: 4"),
            (CHIP, f"{CHIP}\n  loihi: {{schedules: [asynchronous]}}"),
            (UNLAYERED[0], UNLAYERED[1].replace("random", policy + chip)),
        )
        points = [point for point in plan_of(tiny(*changes)).points if point.columns["recipe"] == "rs"]
        (on_loihi,) = (point.jobs.execution for point in points if point.jobs and point.columns["chip"] == "loihi")
        assert (on_loihi.schedule.policy, on_loihi.schedule.service) == (policy, None)
        assert len(set(on_loihi.schedule.cores)) > 2
        found[chip] = on_loihi.model.schedule
    assert {schedule.policy for schedule in found.values()} == {policy}
    assert found[""].cores is None
    assert found[", chip: loihi"].cores == on_loihi.schedule.cores
    assert found[", chip: mubrain_fitted"].cores == (0,) * 2010  # one core


def test_where_a_policy_has_no_choice_its_cores_are_of_no_consequence() -> None:
    own = "  {name}: {{policy: {name}, group_size: all, stop: drained, refractory: {refractory}}}"
    named = "\n".join(
        own.format(name=name, refractory=refractory)
        for name, refractory in (("arbiter", "true"), ("timed", "false"), ("round_robin", "false"))
    )
    spec = tiny((CHIP, CHIP.replace("asynchronous]", "arbiter, timed, round_robin]")), ("seeds:", f"{named}\nseeds:"))
    assert {kind: len(found) for kind, found in keys(spec).items()} == {
        "train": 1,
        "execute": 2,  # with 4-bit weights and without
        "summary": 2,
        "cost": 1,
    }


def test_refractoriness_is_an_axis_and_a_column() -> None:
    """Layered inference needs none: it is one execution, in which no neuron can fire twice."""
    axes = "axes:\n" + "".join(f"  schedule.{name}.refractory: [true, false]\n" for name in ("asynchronous", "layered"))
    spec = tiny(("seeds:", axes + "seeds:"))
    rows = [point.columns for point in plan_of(spec).points if point.columns["chip"] == "mubrain_fitted"]
    found = [
        (row["schedule"], row[f"axis.schedule.{row['schedule']}.refractory"], row["refractory"], row["inference"])
        for row in rows
    ]
    assert found == [
        ("layered", "True", True, "layered"),
        ("layered", "False", True, "layered"),
        ("asynchronous", "True", True, "asynchronous"),
        ("asynchronous", "False", False, "asynchronous"),
    ]
    about = [any("one spike a timestep at most" in text for text in row["assumptions"]) for row in rows]
    assert about == [True, True, True, False]
    assert len(keys(spec)["execute"]) == 2 * 3
    (infeasible,) = (point.columns for point in plan_of(spec).points if point.columns["chip"] == "truenorth")
    assert infeasible.get("refractory") is None


def test_neurons_without_refractoriness_have_one_form_of_schedule() -> None:
    free = ('network: {hidden: "12-8"}', 'network: {hidden: "12-8", neuron: {refractory: false}}')
    schedule = ("group_size: 4}", "group_size: 4, refractory: false}")
    assert not changed(tiny(free, schedule), tiny(free))
    for spec in (tiny(free, schedule), tiny(free)):
        rows = [point.columns for point in plan_of(spec).points]
        assert [row.get("refractory") for row in rows] == [True, False, None]


@pytest.mark.parametrize("values", ["[1, 2, 4, 8, none]", "[none, 3]"])
def test_bits_of_weights_are_an_axis(values: str) -> None:
    spec = tiny(("seeds:", f"axes:\n  chip.mubrain_fitted.weight_bits: {values}\nseeds:"))
    texts = values.strip("[]").split(", ")
    expected = [(text, None if text == "none" else int(text)) for text in texts for _ in range(2)]
    points = [point for point in plan_of(spec).points if point.jobs is not None]
    column = "axis.chip.mubrain_fitted.weight_bits"
    assert [(point.columns[column], point.columns["weight_bits"]) for point in points] == expected
    assert [point.jobs.execution.weight_bits for point in points] == [bits for _, bits in expected]
    assert len({point.jobs.execution.key for point in points}) == len(points)


def test_layers_are_spread_evenly_where_that_is_asked_for() -> None:
    cores = {}
    for strategy in ("in_order", "balanced"):
        wide = (('"12-8"', '"2000"'), (CHIP, f"  loihi: {{mapping: {strategy}}}"))
        point = next(point for point in plan_of(tiny(*wide)).points if point.columns["chip"] == "loihi")
        assert point.jobs is not None
        parts = [one.neurons for one in point.jobs.cost.mapping.placements if one.layer == 0]
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


def test_no_chip_keeps_pace_in_real_time_with_an_input_that_lasts_no_time() -> None:
    from codesign.exploration.plan import build_plan

    spec = tiny((CHIP, CHIP.replace("{", "{operation: real_time, ")))
    assert build_plan(spec, outline()).points
    with pytest.raises(InputError, match=r"chips.mubrain_fitted.operation: .* 'digits' is a static input"):
        build_plan(spec, outline(timesteps=1, timestep_s=0.0))

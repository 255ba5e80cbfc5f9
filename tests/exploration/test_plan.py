from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_sweeps import (
    CHIP,
    OWN_CHIP,
    OWN_WEIGHTS,
    TINY,
    axes,
    beside,
    changed,
    counts,
    feasible,
    instead,
    keys,
    outline,
    plan_of,
    tiny,
    with_part,
)

from codesign.errors import DocumentError
from codesign.exploration.definition.library import load_sweep
from codesign.exploration.definition.without_effect import without_effect
from codesign.exploration.jobs.jobs import SummaryInputs
from codesign.exploration.planning import build_plan, plan_designs
from codesign.network.quantization import Quantization
from codesign.simulation.schedule import LAYERED, Schedule


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_part("energies: {synaptic_operation: 27 pJ}"), {"cost"}),
        (with_part("vector_width: 336"), {"cost"}),
        (("asynchronous]}", "asynchronous], operation: real_time}"), {"cost"}),
        (("group_size: 4}", "group_size: 5}"), {"execute", "cost"}),
        (("group_size: 4}", "group_size: 4, steps_after_output: 2}"), {"summary"}),  # drained anyway, only read later
        (("group_size: 4}", "group_size: 4, refractory: false}"), {"execute", "cost"}),
        (("group_size: 4}", "group_size: 4, refractory: true}"), set()),
        (("scaled, schedules", "scaled, weight_bits: 3, schedules"), {"execute", "cost"}),
        (("scaled, schedules", "scaled, mapping: balanced, schedules"), {"cost"}),  # every layer stays on one core
        (("epochs: 1", "epochs: 2"), {"train", "execute", "cost"}),
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
    ],
)
def test_keys_change_with_what_the_result_depends_on_and_with_nothing_else(change, expected):
    summaries = {"summary"} if "execute" in expected else set()
    assert changed(tiny(change), tiny()) == expected | summaries


@pytest.mark.parametrize(
    ("recipe", "now", "others"),
    [
        (  # at which only later entries look
            "method: unlayered, mixture: [{{method: layered}}, {{policy: random, group_size: 2}}]{}",
            "",
            [", input_mode: queued", ", refractory: false"],
        ),
        (
            "method: layered, calibration: {{policy: random{}}}",
            "",
            [", group_size: 9", ", criterion: matching", ", samples: 20", ", steps_after_output: 2"],
        ),
    ],
)
def test_keys_of_trainings_change_with_what_they_train_through(recipe, now, others):
    base, *varied = (tiny(beside(f"mine: {{{recipe.format(value)}}}")) for value in (now, *others))
    for other in varied:
        assert keys(other)["train"] & keys(base)["train"] == keys(tiny())["train"]  # the layered model is the same
        assert changed(other, base) == {"train", "execute", "summary", "cost"}


def test_neurons_that_learn():
    """They are said where a chip is not known to have them, of the models that do, and refused where nothing leaks."""
    learning = beside("learning: {method: layered, learn: {threshold: neuron, time_constant: layer}}")
    for point in feasible(tiny(learning, instead("truenorth: {capacity: scaled}"))):
        learns, assumed = point.columns["recipe"] == "learning", point.columns["assumptions"]
        assert len([text for text in assumed if "evaluated with its own" in text]) == 2 * learns
        leaks = [text.endswith("τ_m = one learned for each layer") for text in assumed if "τ_m" in text]
        assert leaks == [learns] * (point.columns["chip"] == "truenorth")
    spec = tiny(learning, ('"12-8"', '"12-8", neuron: {time_constant: infinite}'))
    with pytest.raises(DocumentError, match=r"recipes\.learning\.learn: an infinite time constant cannot be trained"):
        build_plan(spec, outline())


def test_numbers_that_a_calibration_scales_are_not_told_as_the_file_has_them():
    spec = tiny(
        beside("calibrated: {method: layered, calibration: {}}"),
        ('"12-8"', '"12-8", neuron: {bias: true, floor: -0.5, gain: 2, time_constant: 20 ms}'),
    )
    for point in feasible(spec):
        assumed, calibrated = " ".join(point.columns["assumptions"]), point.columns["recipe"] == "calibrated"
        assert ("floor; evaluated with calibrated ones" in assumed) == calibrated
        assert ("floor; evaluated with -0.5" in assumed) != calibrated
        assert assumed.count("have gain; evaluated with 2.0") == assumed.count("have a bias;") == 1


@pytest.mark.parametrize("kind", ["EXECUTE", "COST"])
def test_trainings_for_a_budget_of_energy_depend_on_what_measures_it(kind, monkeypatch):
    budget = "budget: {energy: 1 mJ, chip: mubrain}"
    spec = tiny(("{method: layered}", f"{{method: layered, {budget}}}"))
    before = keys(spec)
    monkeypatch.setattr(f"codesign.exploration.jobs.jobs.{kind}_VERSION", 1000)
    assert before["train"].isdisjoint(keys(spec)["train"])


def test_a_chip_that_cannot_end_a_sample_is_read_at_the_margin():
    margin = ("group_size: 4}", "group_size: 4, stop: margin, margin: 2, margin_check: step}")

    def on(chip: str) -> tuple[Schedule, SummaryInputs, dict[str, Any]]:
        (point,) = feasible(tiny(margin, with_part(chip)), schedule="asynchronous")
        return point.jobs.execution.schedule, point.jobs.summary, point.columns

    schedule, summary, columns = on("")
    assert (schedule.stop, schedule.margin) == ("drained", LAYERED.margin)
    assert (summary.margin, summary.ends_samples, summary.last_step) == (2, False, None)
    assert (columns["stop"], columns["margin"], columns["margin_check"]) == ("margin", 2, "timestep")
    assert sum("margin" in text for text in columns["assumptions"]) == 2
    schedule, summary, columns = on("can_end_sample: 'yes'")
    assert (schedule.stop, schedule.margin, schedule.margin_check) == ("margin", 2, "timestep")
    assert (summary.margin, summary.ends_samples) == (2, True)
    assert columns["margin_check"] == "timestep"
    schedule, summary, columns = on("can_end_sample: 'yes', can_flush: 'yes'")
    assert (schedule.stop, schedule.margin, schedule.margin_check) == ("margin", 2, "step")
    assert (columns["stop"], columns["steps_after_output"], columns["margin_check"]) == ("margin", None, "step")
    assert not any("margin" in text for text in columns["assumptions"])
    spec = tiny(("group_size: 4}", "group_size: 4, stop: margin}"), axes("schedule.asynchronous.margin: [1, 2, 3]"))
    read = {point.jobs.execution.key: point.jobs.summary.margin for point in feasible(spec, schedule="asynchronous")}
    assert len(read) == 1  # three readings of one execution
    assert counts(spec)["summary"] == 2 * (1 + 3)


def test_every_quantized_execution_has_a_twin_in_floats_which_chips_share():
    spec = tiny((CHIP, CHIP + "\n  loihi: {schedules: [layered]}\n  floats: {extends: loihi, weight_bits: none}"))
    by_chip = {point.columns["chip"]: point.jobs for point in feasible(spec, inference="layered")}
    fitted, loihi, floats = (by_chip[name] for name in ("mubrain", "loihi", "floats"))
    assert fitted.execution.quantization == Quantization(bits=4)
    assert loihi.execution.quantization == Quantization(bits=9, potential_fraction_bits=6)
    assert floats.execution.quantization is fitted.unquantized.execution.quantization is None
    assert fitted.unquantized == loihi.unquantized
    assert fitted.unquantized.summary.execution == fitted.unquantized.execution.key
    assert floats.unquantized is None
    assert floats.evaluations == (floats, floats.layered)


def test_every_execution_is_held_against_one_under_layered_inference_which_schedules_share():
    """Its own where its spikes are those, however the answer is read."""
    more = tiny(("asynchronous]}", "asynchronous, early]}"), ("seeds:", "  early: {group_size: layer}\nseeds:"))
    by_schedule = {point.columns["schedule"]: point.jobs for point in feasible(more)}
    layered, asynchronous, early = (by_schedule[name] for name in ("layered", "asynchronous", "early"))
    assert layered.layered.execution == layered.execution
    assert early.layered.execution == early.execution == layered.execution
    assert (early.summary.decided_after, early.layered) == (1, layered.layered)
    twin, summary = asynchronous.layered.execution, asynchronous.layered.summary
    assert twin.schedule == LAYERED
    assert replace(twin, schedule=asynchronous.execution.schedule) == asynchronous.execution
    assert summary == SummaryInputs(execution=twin.key, last_step=None)
    assert asynchronous.evaluations[-1].execution == twin


def own_chip(folder: Path, text: str, entry: str = "") -> tuple[str, str]:
    """The tiny sweep's first chip replaced by one of its own."""
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return CHIP, f"  own: {{extends: {path}, schedules: [layered, asynchronous]{entry}}}"


def test_weights_and_potentials_are_the_chips(tmp_path):
    found, weighed = {}, OWN_CHIP + OWN_WEIGHTS
    for name, text, entry in (("plain", OWN_CHIP, ""), ("own", weighed, ""), ("wide", weighed, ", weight_bits: 4")):
        point = feasible(tiny(own_chip(tmp_path, text, entry)))[0]
        found[name] = (point.jobs.execution, [text for text in point.columns["assumptions"] if "own" in text])
    plain, own, wide = (found[name][0] for name in ("plain", "own", "wide"))
    expected = Quantization(bits=3, signed=False, scale="network", potential_bits=6, potential_fraction_bits=2)
    assert plain.quantization is None
    assert own.quantization == expected
    assert wide.quantization == expected.model_copy(update={"bits": 4})
    assert len({plain.key, own.key, wide.key}) == 3
    assert any("states no weight bits" in text for text in found["plain"][1])
    assert "own has no negative weights; those of the model became 0" in found["own"][1]
    assert "own: potentials saturate at 6 bits, counted in the network's weight scale" in found["own"][1]
    assert any("own: potentials are truncated to 2 fractional bits as they decay" in text for text in found["own"][1])


def test_potentials_of_few_bits_have_no_meaning_with_floats(tmp_path):
    point = feasible(tiny(own_chip(tmp_path, OWN_CHIP + OWN_WEIGHTS, ", weight_bits: none")))[0]
    assert point.jobs.execution.quantization is None
    assert any("potentials are not limited to 6 bits" in text for text in point.columns["assumptions"])
    assert any("potentials are not truncated, since" in text for text in point.columns["assumptions"])


def test_mappings_are_an_axis_and_only_prices_differ_where_policies_look_at_no_cores():
    wide = (('"12-8"', '"2000"'), (CHIP, "  loihi: {schedules: [chip, turns]}"))
    mappings = axes("chip.loihi.mapping: [in_order, balanced, near, balanced_near]")
    turns = "\nschedules:\n  turns: {policy: round_robin, group_size: 4}"
    points = feasible(tiny(*wide, mappings, ("\nschedules:", turns)), chip="loihi")
    placed = {(p.columns["axis.chip.loihi.mapping"], p.columns["schedule"]): p.jobs for p in points}
    assert len(placed) == 8
    assert all(p.columns["mapping"] == p.columns["axis.chip.loihi.mapping"] for p in points)
    layers = {
        name: [part.neurons for part in jobs.cost.placement.parts if part.layer == 0]
        for (name, schedule), jobs in placed.items()
        if schedule == "chip"
    }
    assert layers["near"] == layers["in_order"]
    assert max(layers["in_order"]) - min(layers["in_order"]) > 1
    assert layers["balanced_near"] == layers["balanced"]
    assert max(layers["balanced"]) - min(layers["balanced"]) <= 1
    executions = {place: jobs.execution.key for place, jobs in placed.items()}
    for name, base in (("near", "in_order"), ("balanced_near", "balanced")):
        assert executions[name, "chip"] == executions[base, "chip"]
        assert executions[name, "turns"] != executions[base, "turns"]
        assert placed[name, "chip"].cost.key != placed[base, "chip"].cost.key


def test_a_chips_entry_spreads_a_network_over_more_cores():
    wide = (('"12-8"', '"2000"'), (CHIP, "  loihi: {schedules: [chip]}"), axes("chip.loihi.spread: [12, 14, 3000]"))
    assert {point.columns["cores_used"] for point in feasible(tiny(*wide), chip="loihi")} == {12, 14}


def test_columns_say_what_a_schedule_amounts_to():
    text = "  loihi: {schedules: [chip, paper_table5, asynchronous]}\n  mubrain_layersync2024: {capacity: scaled, "
    gated = "schedules:\n  gated: {synchronization_threshold: 3}\n"
    spec = tiny((CHIP, text + "schedules: [chip, paper_table5, layered, gated]}"), ("schedules:\n", gated))
    rows = {(point.columns["chip"], point.columns["schedule"]): point.columns for point in plan_of(spec).points}
    loihi, free = rows["loihi", "chip"], rows["mubrain_layersync2024", "chip"]
    assert (loihi["inference"], loihi["policy"], loihi["group_size"]) == ("layered", None, None)
    assert (free["inference"], free["policy"], free["group_size"]) == ("asynchronous", "random", 8)
    assert free["equivalent_to_layered"] is False
    assert any("no group size; F = 8" in text for text in free["assumptions"])
    table5 = rows["mubrain_layersync2024", "paper_table5"]  # F = the widest layer: the same spikes, and nothing waits
    assert (table5["equivalent_to_layered"], table5["inference"]) == (True, "asynchronous")
    assert any("holds whole layers, so that spikes are those of layers that wait" in x for x in table5["assumptions"])
    layered = rows["mubrain_layersync2024", "layered"]
    assert (layered["equivalent_to_layered"], layered["inference"]) == (True, "layered")
    assert any("waits for layers anyway" in text for text in layered["assumptions"])
    assert any("does not wait for it" in text for text in rows["loihi", "asynchronous"]["assumptions"])
    assert rows["mubrain_layersync2024", "gated"]["inference"] == "gated"


@pytest.mark.parametrize(
    ("recipe", "schedule", "expected"),
    [
        ("method: unlayered", "stop: margin, margin: 2", []),
        ("method: unlayered, momentum_noise: 0.1", "stop: on_output", ["recipe.mine.momentum_noise"]),
        ("method: unlayered, policy: momentum, momentum_noise: 0.1", "steps_after_output: 2", []),
        ("method: layered, input_gate: true, input_cost: 0.1", "", []),
        ("method: layered, input_cost: 0.1", "", ["recipe.mine.input_cost"]),
        ("method: layered", "stop: drained, margin: 2", ["schedule.asynchronous.margin"]),
    ],
)
def test_what_changes_nothing_is_told(recipe, schedule, expected):
    """Of what the file says itself: a preset gives recipes more than they need."""
    schedules = ("group_size: 4}", f"group_size: 4, {schedule}}}")
    spec = tiny(("layered: {method: layered}", f"mine: {{{recipe}}}"), schedules)
    notes = plan_designs(spec, lambda spec: outline()).notes
    assert [note.split(" changes nothing; it needs ")[0] for note in notes] == expected


def test_a_schedule_that_no_chip_runs_is_told_where_the_file_itself_has_it(tmp_path: Path):
    spec = tiny((", asynchronous]", "]"))
    assert [*without_effect(spec)] == ["schedule.asynchronous changes nothing; it needs a chip that runs it"]
    (tmp_path / "base.yaml").write_text(TINY.replace(", asynchronous]", "]"), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nname: mine\n", encoding="utf-8")
    assert not [*without_effect(load_sweep(tmp_path / "mine.yaml"))]


def test_an_axis_that_changes_nothing_is_told():
    built_in = plan_designs(tiny(axes("schedule.layered.margin: [1, 2]")), lambda spec: outline()).notes
    assert built_in == ("schedule.layered.margin changes nothing; it needs stop margin",)
    spec = tiny(axes("schedule.asynchronous.group_size: [1, 2]"), (", asynchronous]", "]"))
    notes = plan_designs(spec, lambda spec: outline()).notes
    assert notes == ("schedule.asynchronous.group_size changes nothing; it needs a chip that runs the schedule",)
    spec = tiny(
        (CHIP, f"{CHIP}\n  speck: {{}}"), axes("chip.mubrain.weight_bits: [1, 2]", "chip.speck.weight_bits: [4, 8]")
    )
    notes = plan_designs(spec, lambda spec: outline()).notes  # the other states a structure
    assert notes == ("chip.speck.weight_bits changes no price of the chip; it needs a structure in its file",)
    for more, told in (("", True), (", energies: {synaptic_operation: 1 pJ}", False)):
        entry = f"{{supply_voltage: 1 V{more}}}"
        spec = tiny((CHIP, f"{CHIP}\n  speck: {entry}\n  odin: {entry}"))
        notes = plan_designs(spec, lambda spec: outline()).notes
        assert [note.split(" changes no price")[0] for note in notes] == ["chips.speck.supply_voltage"] * told

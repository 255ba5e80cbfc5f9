"""What schedules and recipes look at on a chip: its times, its cores, refractoriness and bits."""

from __future__ import annotations

import pytest
from tiny_sweeps import CHIP, axes, beside, changed, feasible, keys, plan_of, tiny, with_part

from codesign.analysis.results.columns import AXIS_PREFIX
from codesign.errors import DocumentError, InputError
from codesign.exploration.jobs.jobs import TrainInputs
from codesign.network.quantization import Quantization

TIMED = ("group_size: 4}", "group_size: 4, policy: timed}")
RANDOM = ("policy: random, group_size: 4", "group_size: 4")


def test_times_change_executions_of_a_policy_that_looks_at_them_and_only_those():
    slower = with_part("times: {synaptic_operation: 1 us}")
    assert changed(tiny(slower), tiny()) == {"cost"}
    base, other = tiny(RANDOM, TIMED), tiny(RANDOM, TIMED, slower)
    assert changed(other, base) == {"execute", "summary", "cost"}
    assert len(keys(other)["execute"] & keys(base)["execute"]) == 2  # layered, with the chip's weights and in floats
    cheaper = with_part("energies: {synaptic_operation: 1 pJ}")
    assert changed(tiny(RANDOM, TIMED, cheaper), base) == {"cost"}


TIMED_RECIPE = beside("rs: {method: unlayered, policy: timed, chip: mubrain}")


def test_a_recipe_trains_through_the_times_of_its_chip():
    models = {point.columns["recipe"]: point.jobs.execution.model for point in feasible(tiny(TIMED_RECIPE))}
    timed = models["rs"].schedule
    assert (timed.policy, timed.group_size, timed.stop) == ("timed", 8, "drained")
    assert timed.cores == (0,) * 30  # as the sweep maps it: one core
    assert timed.service is not None
    assert models["layered"].schedule.service is None
    slower = tiny(TIMED_RECIPE, with_part("times: {synaptic_operation: 1 us}"))
    assert len(keys(slower)["train"] - keys(tiny(TIMED_RECIPE))["train"]) == 1
    times = axes("chip.mubrain.times.synaptic_operation: [1 ns, 1 us]")
    assert keys(tiny(TIMED_RECIPE, times))["train"] == keys(tiny(TIMED_RECIPE))["train"]  # axes pass trainings by


def test_a_recipe_whose_chip_is_too_small_cannot_be_trained():
    recipe = "rs: {method: unlayered, policy: timed, chip: truenorth}"
    rows = [point for point in plan_of(tiny(beside(recipe))).points if point.columns["recipe"] == "rs"]
    assert [point.jobs for point in rows] == [None] * 3
    reasons = [point.reason or "" for point in rows if point.columns["chip"] == "mubrain"]
    assert len(reasons) == 2
    assert all(one.startswith("recipe 'rs' trains for chip 'truenorth'; truenorth: the first la") for one in reasons)


@pytest.mark.parametrize("policy", ["round_robin", "arbiter"])
def test_a_recipe_trains_through_the_cores_of_its_chip_or_layers_are_cores(policy):
    found = {}
    for chip in ("", ", chip: loihi", ", chip: mubrain"):
        changes = (
            ('"12-8"', '"2000"'),
            ("policy: random, group_size: 4", f"policy: {policy}, group_size: 4"),
            (CHIP, f"{CHIP}\n  loihi: {{schedules: [asynchronous]}}"),
            beside(f"rs: {{method: unlayered, policy: {policy}{chip}}}"),
        )
        (on_loihi,) = (point.jobs.execution for point in feasible(tiny(*changes), recipe="rs", chip="loihi"))
        assert (on_loihi.schedule.policy, on_loihi.schedule.service) == (policy, None)
        assert len(set(on_loihi.schedule.cores)) > 2
        found[chip] = on_loihi.model.schedule
    assert {schedule.policy for schedule in found.values()} == {policy}
    assert found[""].cores is None
    assert found[", chip: loihi"].cores == on_loihi.schedule.cores
    assert found[", chip: mubrain"].cores == (0,) * 2010  # one core


def test_a_schedule_may_lose_input_events_and_stop_after_some_timesteps():
    waits = "  cut: {synchronization_threshold: chip, input_dropout: 0.3, timesteps: 10}\n"
    spec = tiny(
        (CHIP, CHIP.replace("asynchronous", "cut")), ("seeds:", f"{waits}seeds:"), ("0]", "0], evaluation: [0, 1]")
    )
    points = [point for point in plan_of(spec).points if point.columns["chip"] == "mubrain"]
    assert [(p.columns["input_dropout"], p.columns["timesteps"]) for p in points] == [(0, None)] * 2 + [(0.3, 10)] * 2
    jobs = [point.jobs.execution for point in points]
    assert [(job.schedule.input_dropout, job.schedule.timesteps, job.seed) for job in jobs] == [
        (0, None, 0),
        (0, None, 0),  # nothing is drawn
        (0.3, 10, 0),
        (0.3, 10, 1),
    ]
    with pytest.raises(InputError, match=r"schedules\.cut\.timesteps: must be at most the 10 timesteps .*, found 11"):
        plan_of(tiny((CHIP, CHIP.replace("asynchronous", "cut")), ("seeds:", waits.replace("10}", "11}") + "seeds:")))
    with pytest.raises(
        InputError, match=r"axes\.schedule\.layered\.timesteps: must be at most the 10 timesteps .*, found"
    ):
        plan_of(tiny(axes("schedule.layered.timesteps: [10, 11]")))  # of a schedule that every sweep has


def test_refractoriness_is_an_axis_and_a_column():
    """Layered inference needs none: it is one execution, in which no neuron can fire twice."""
    spec = tiny(axes(*(f"schedule.{name}.refractory: [true, false]" for name in ("asynchronous", "layered"))))
    rows = [point.columns for point in plan_of(spec).points if point.columns["chip"] == "mubrain"]
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
    about = [any("at most one spike per timestep" in text for text in row["assumptions"]) for row in rows]
    assert about == [True, True, True, False]
    assert len(keys(spec)["execute"]) == 2 * 3
    (infeasible,) = (point.columns for point in plan_of(spec).points if point.columns["chip"] == "truenorth")
    assert infeasible.get("refractory") is None


def test_neurons_without_refractoriness_have_one_form_of_schedule():
    free = ('network: {hidden: "12-8"}', 'network: {hidden: "12-8", neuron: {refractory: false}}')
    schedule = ("group_size: 4}", "group_size: 4, refractory: false}")
    assert not changed(tiny(free, schedule), tiny(free))
    for spec in (tiny(free, schedule), tiny(free)):
        rows = [point.columns for point in plan_of(spec).points]
        assert [row.get("refractory") for row in rows] == [True, False, None]


def test_a_recipe_trains_with_its_own_bits_or_with_those_of_its_chip():
    def models(recipe: str, *changes: tuple[str, str]) -> dict[str, TrainInputs]:
        points = feasible(tiny(beside(f"few: {{method: layered, {recipe}}}"), *changes))
        return {point.columns["recipe"]: point.jobs.execution.model for point in points}

    chip = "chip: mubrain, quantization: chip"
    found = models(chip)
    few = found.pop("few")
    assert few.quantization == Quantization(bits=4)
    assert {model.quantization for model in found.values()} == {None}
    assert models("quantization: 4")["few"].key == few.key  # wherever the bits come from
    assert models(chip, with_part("weight_bits: 3"))["few"].quantization == Quantization(bits=3)
    assert models(chip, ("{capacity: scaled,", "{capacity: scaled, weight_bits: 2,"))["few"].quantization.bits == 2
    own = "quantization: {bits: 4, signed: false, potential_bits: 8}"
    assert models(own)["few"].quantization == Quantization(bits=4, signed=False, potential_bits=8)
    axis = axes("recipe.few.quantization: [none, chip, 1, 4]")
    points = feasible(tiny(beside(f"few: {{method: layered, {chip}}}"), axis))
    keys = {p.columns[f"{AXIS_PREFIX}recipe.few.quantization"]: p.jobs.execution.model.key for p in points}
    assert keys["chip"] == keys["4"]
    assert len(set(keys.values())) == 3
    assert keys["none"] == keys[None]  # the recipe beside it, which says the same


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("quantization: chip", r"quantization 'chip' needs the name of one of the sweep's chips"),
        ("quantization: chip, chip: floats", r"quantization: chip 'floats' has no weight bits here"),
        ("quantization: {bits: 40}", r"quantization\.bits: must be"),
    ],
)
def test_bits_that_nobody_has_are_a_mistake(recipe, message):
    chips = (CHIP, f"{CHIP}\n  floats: {{extends: mubrain, capacity: scaled, weight_bits: none}}")
    with pytest.raises((InputError, DocumentError), match=message):
        plan_of(tiny(beside(f"few: {{method: layered, {recipe}}}"), chips))

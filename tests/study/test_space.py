"""The search space: what a file may say, what is drawn, and what a trial becomes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from optuna.trial import FixedTrial
from pydantic import TypeAdapter, ValidationError
from tiny_studies import searching, study
from tiny_sweeps import plan_of

from codesign import Policy
from codesign.errors import InputError
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.study.domains import Choices, Domain, SameAs, in_si
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.simulation import policies

ADAPTER = TypeAdapter(Domain)
POLICIES = "  recipe.policy: [random, momentum]\n"
SIZES = "  recipe.group_size: {from: 1, to: 8, scale: log}\n"
SAME_SIZE = "  schedule.group_size: {same_as: recipe.group_size}\n"


def test_forms() -> None:
    assert ADAPTER.validate_python(["a", "b"]) == Choices(choices=("a", "b"))
    assert ADAPTER.validate_python({"same_as": "recipe.policy"}) == SameAs(same_as="recipe.policy")
    times = ADAPTER.validate_python({"from": "1 ms", "to": "0.1 s", "scale": "log"})
    assert times.ends() == pytest.approx((1.0, 100.0))
    assert times.unit == "ms"
    assert in_si(times, "20 ms") == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"from": 3, "to": 3}, "'from' must be below 'to', found 3 and 3"),
        ({"from": 0, "to": 3, "scale": "log"}, "a log scale needs ends above 0"),
        ({"from": 1, "to": 8, "scale": "log", "step": 2}, "a log scale has no step"),
        ({"from": 1, "to": 8, "step": 0.5}, "step must be one as well"),
        ({"from": 16, "to": 64, "step": 100}, "step must reach another value up to 'to', found 100"),
        ({"from": "1 ms", "to": 5}, "needs a unit, found 5"),
        ({"from": 1, "to": "5"}, "both ends must be numbers, or have a unit such as '10 ms', found 1 and '5'"),
        ({"from": "1 ms", "to": "5 pJ"}, "must be a quantity in ms"),
        ({"from": "1 parsnip", "to": "2 parsnip"}, "must be a unit such as"),
        ({"choices": []}, "at least 1"),
        (["1 ms", "1000 us"], "choices must differ, found 1 ms, 1000 us"),
        ({"from": 1}, "Field required"),
    ],
)
def test_mistakes(entry: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(entry)


@pytest.mark.parametrize(("ends", "last"), [({"from": 1, "to": 10}, 9), ({"from": "1 ms", "to": "10 ms"}, "9 ms")])
def test_what_no_step_reaches_is_not_drawn_and_nobody_is_warned(ends: dict[str, object], last: object) -> None:
    assert ADAPTER.validate_python({**ends, "step": 4}).suggest(FixedTrial({"x": 9}), "x") == last


DRAWN: dict[str, Any] = {
    "recipe": "unlayered",
    "recipe.learning_rate": 0.004,
    "recipe.policy": "momentum",
    "recipe.momentum_noise": 0.25,
    "recipe.group_size": 5,
    "neuron.time_constant": 12.3456789,
    "network.hidden.1": 7,
}


def draw(spec: StudySpec, more: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Values of a trial of which these are drawn, others than `DRAWN` or beside it."""
    return spec.search_space.draw(FixedTrial({**DRAWN, **more}))


def test_a_trial_is_a_sweep_of_one_point() -> None:
    spec = study()
    values = draw(spec)
    assert values == {**DRAWN, "schedule.group_size": 5, "neuron.time_constant": "12.3457 ms"}
    sweep = spec.trial_sweep(values)
    recipe = sweep.recipes["unlayered"]
    assert list(sweep.recipes) == ["unlayered"]
    assert (recipe.policy, recipe.group_size, recipe.momentum_noise, recipe.learning_rate) == (
        "momentum",
        5,
        0.25,
        0.004,
    )
    assert recipe.epochs == 4
    assert sweep.schedules["asynchronous"].group_size == 5
    assert sweep.neuron.time_constant == pytest.approx(0.0123457)
    assert sweep.neuron.threshold == 0.05
    assert sweep.network.hidden == "7-4"
    assert sweep.evaluation.split == "validation"
    assert spec.trial_sweep(values, split="test").evaluation.split == "test"


def test_a_budget_keeps_its_chip_whatever_the_trials_is() -> None:
    budget = ("{method: layered}", "{method: layered, budget: {energy: 1 nJ, chip: mubrain}}")
    spec = study(budget, ("schedules: [asynchronous]}", "schedules: [asynchronous]}\n  loihi: {}"))
    plan = plan_of(spec.trial_sweep({"recipe": "layered", "chip": "loihi"}))
    assert {point.columns["chip"] for point in plan.points} == {"loihi"}
    assert {point.jobs.execution.model.metered.placement.chip.name for point in plan.points} == {"mubrain"}


def test_a_recipe_trains_for_its_own_chip_where_none_is_searched_for_and_else_for_the_trials() -> None:
    recipe = ("{method: layered}", "{method: layered, quantization: chip, chip: loihi}")
    spec = study(recipe, ("schedules: [asynchronous]}", "schedules: [asynchronous]}\n  loihi: {}"))
    trials = [{"recipe": "layered", **chip} for chip in ({}, {"chip": "loihi"}, {"chip": "mubrain"})]
    models = [plan_of(spec.trial_sweep(values)).jobs[0].execution.model for values in trials]
    assert models[0].quantization == models[1].quantization != models[2].quantization


def test_a_schedule_that_is_not_searched_for_is_one_of_the_trials_chip() -> None:
    chips = ("schedules: [asynchronous]}", "schedules: [asynchronous]}\n  loihi: {}")
    spec = study(chips, searching("chip: [mubrain, loihi]", "schedule.chip.input_dropout: [0.5]"))
    for chip, schedule, own in (("mubrain", "asynchronous", set()), ("loihi", "chip", {"schedule.chip.input_dropout"})):
        values = draw(spec, {"chip": chip, "schedule.chip.input_dropout": 0.5})
        assert spec.trial_sweep(values).chips[chip].schedules == (schedule,)
        assert {path for path in values if path.startswith("schedule.chip.")} == own


def test_parameters_that_mean_nothing_take_no_part() -> None:
    layered = draw(study(), {"recipe": "layered"})
    assert sorted(layered) == ["network.hidden.1", "neuron.time_constant", "recipe", "recipe.learning_rate"]
    without_noise = draw(study(), {"recipe.policy": "random"})
    assert "recipe.momentum_noise" not in without_noise
    models = [jobs.execution.model for jobs in plan_of(study().trial_sweep(without_noise)).jobs]
    assert {model.recipe.momentum_noise for model in models} == {0.0}
    given, mixed = (
        "given: {model: a.safetensors}",
        "mixed: {method: unlayered, mixture: [{policy: fifo, group_size: 2}]}",
    )
    beside = study(
        ('network: {hidden: "6-4", neuron: {threshold: 0.05}}\n', ""),
        ("layered: {method: layered}", f"{given}\n  {mixed}"),
        ("[layered, unlayered]", "[unlayered, given, mixed]"),
        ("  neuron.time_constant: {from: 1 ms, to: 100 ms, scale: log}\n  network.hidden.1: {from: 4, to: 8}\n", ""),
    )
    of_each = {name: [path for path in draw(beside, {"recipe": name}) if "recipe." in path] for name in beside.recipes}
    assert (of_each["given"], of_each["mixed"]) == ([], ["recipe.learning_rate"])


def test_momentum_noise_matters_where_any_policy_looks_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = "unlayered: {method: unlayered, mixture: [{policy: momentum, group_size: 4}, {method: layered}]"
    spec = study(("unlayered: {method: unlayered, policy: random", mixed), (POLICIES, ""), (SIZES, ""), (SAME_SIZE, ""))
    drawn = draw(spec)
    assert spec.trial_sweep(drawn).recipes["unlayered"].momentum_noise == drawn["recipe.momentum_noise"] == 0.25
    noisy = Policy(name="noisy", priority=lambda waiting: waiting.potential + waiting.noise * waiting.uniform)
    monkeypatch.setattr(policies, "_from_entry_point", {"noisy": noisy}.__getitem__)
    own = study(("random, momentum", "random, noisy"))
    values = draw(own, {"recipe.policy": "noisy"})
    assert values["recipe.momentum_noise"] == own.trial_sweep(values).recipes["unlayered"].momentum_noise == 0.25


def test_momentum_trains_with_the_presets_noise_also_where_the_policy_is_that_of_the_schedule() -> None:
    noise = ("  recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log}\n", "")
    shared = (POLICIES, "  schedule.policy: [random, momentum]\n  recipe.policy: {same_as: schedule.policy}\n")
    for spec in (study(noise), study(noise, shared)):
        assert spec.trial_sweep({"recipe.policy": "momentum"}).recipes["unlayered"].momentum_noise == 1e-6


def test_a_path_that_names_the_recipe_replaces_the_general_one_for_it_and_others_have_conditions() -> None:
    rate, width = "recipe.unlayered.learning_rate", "network.width"
    spec = study(
        searching(f"{rate}: {{from: 0.1, to: 0.2}}", f"{width}: {{from: 4, to: 8, when: {{recipe: layered}}}}")
    )
    drawn = {rate: 0.15, width: 5}
    unlayered, layered = draw(spec, drawn), draw(spec, {**drawn, "recipe": "layered"})
    assert {"recipe.learning_rate", width}.isdisjoint(unlayered)
    assert rate not in layered
    assert spec.trial_sweep(unlayered).recipes["unlayered"].learning_rate == 0.15
    trial = spec.trial_sweep(layered)
    assert (trial.recipes["layered"].learning_rate, trial.network.hidden) == (0.004, "5-5")


def test_depth_decides_which_layers_there_are() -> None:
    spec = study(searching("network.depth: {from: 1, to: 3}", "network.hidden.2: {from: 4, to: 8}"))
    shallow = draw(spec, {"network.depth": 1, "network.hidden.2": 8})
    assert "network.hidden.2" not in shallow
    assert spec.trial_sweep(shallow).network.hidden == "6"
    deep = draw(spec, {"network.depth": 3, "network.hidden.2": 8})
    assert spec.trial_sweep(deep).network.hidden == "6-8-4"
    recurrent = study(('"6-4"', '"6-4r"'), searching("network.depth: [3]"))
    assert recurrent.trial_sweep(draw(recurrent, {"network.depth": 3})).network.hidden == "6-4r-4r"


def test_fields_that_go_together_are_set_together() -> None:
    spec = study(
        searching(
            "schedule.input_mode: [frame, queued]",
            "schedule.prioritize_input: {choices: [true, false], when: {schedule.input_mode: queued}}",
        )
    )
    both = {"schedule.prioritize_input": True, "schedule.input_mode": "queued"}
    for values in (both, dict(reversed(both.items()))):
        schedule = spec.trial_sweep(values).schedules["asynchronous"]
        assert (schedule.input_mode, schedule.prioritize_input, schedule.group_size) == ("queued", True, 4)
    with pytest.raises(InputError, match=r"^prioritize_input = True: prioritize_input needs input_mode 'queued'"):
        spec.trial_sweep({"schedule.prioritize_input": True})


def test_numbers_of_the_chip_are_apart_from_fields_of_its_entry() -> None:
    spec = study(
        searching(
            "chip.vector_width: [1, 4]",
            "chip.weight_bits: [2, 4]",
            "chip.energies.synaptic_operation: {from: 5 pJ, to: 50 pJ, when: {recipe.policy: momentum}}",
        )
    )
    drawn = {"chip.vector_width": 4, "chip.weight_bits": 2, "chip.energies.synaptic_operation": 7.5}
    chip = spec.trial_sweep(draw(spec, drawn)).chips["mubrain"]
    assert chip.weight_bits == 2
    assert chip.numbers == {"vector_width": 4, "energies.synaptic_operation": "7.5 pJ"}
    assert chip.schedules == ("asynchronous",)


def test_a_kind_of_synchronization_is_a_dimension_and_its_own_numbers_hang_on_it() -> None:
    spec = study(
        searching(
            "chip.synchronization: [asynchronous, clocked, timer 1 ms]",
            "chip.synchronization.tick: {choices: [2 ms, 5 ms], when: {chip.synchronization: timer 1 ms}}",
        )
    )
    drawn = {"chip.synchronization": "timer 1 ms", "chip.synchronization.tick": "5 ms"}
    for values, kind in ((drawn, "timer"), ({"chip.synchronization": "clocked"}, "clocked")):
        chip = base_chip(spec.trial_sweep(draw(spec, values)), "mubrain")
        assert chip.synchronization.kind == kind
        assert kind != "timer" or chip.synchronization.tick.value == pytest.approx(5e-3)
    assert spec.search_space.baseline_values()["chip.synchronization"] == "asynchronous"


def test_a_level_changes_only_what_it_names() -> None:
    level = FidelityLevel(epochs=1, samples=30, evaluation_samples=10, seeds=1)
    sweep = study().trial_sweep({}, level=level)
    assert sweep.recipes["unlayered"].epochs == 1
    assert sweep.workload.train == 30
    assert sweep.workload.validation == 40
    assert sweep.evaluation.samples == 10
    assert sweep.seeds.training == (0,)
    assert study().trial_sweep({}, level=FidelityLevel(seeds=1)).recipes["unlayered"].epochs == 4
    more = FidelityLevel(epochs=5, samples=10**6, evaluation_samples=10**6, seeds=9)
    assert study().trial_sweep({}, level=more) == study().trial_sweep({}).model_copy(
        update={"evaluation": sweep.evaluation.model_copy(update={"samples": 10**6})}
    )


def test_parts_of_a_recipe_are_dimensions() -> None:
    spec = study(
        searching("recipe.loss.temperature: {from: 0.1, to: 1.0}", "recipe.budget.density: {from: 0.5, to: 2.0}")
    )
    recipe = spec.trial_sweep({"recipe.loss.temperature": 0.25, "recipe.budget.density": 1.5}).recipes["unlayered"]
    assert recipe.loss == {"name": "sum", "temperature": 0.25}
    assert recipe.budget.density == 1.5
    assert spec.search_space.baseline_values()["recipe.budget.density"] is None
    ranges = ("recipe.augmentation.event_drop: {from: 0, to: 1}", "neuron.threshold.0: {from: 1, to: 3}")
    by_layer = ("threshold: 0.05", "threshold: [0.05, 1.0, 1.0]")
    whole = study(searching(*ranges, "recipe.batch_size: {from: 1, to: 9}"), by_layer).search_space.parameters
    integers = [bool(whole[path].domain.integers) for path in [*whole][-3:]]
    assert integers == [False, False, True]  # as of input_dropout: not 0 or 1 alone
    with pytest.raises(InputError, match=r"^budget\.density = -1\.0: must be greater than 0, found -1"):
        spec.trial_sweep({"recipe.budget.density": -1.0})


def test_the_baseline_is_the_file_as_it_stands() -> None:
    assert study().search_space.baseline_values() == {
        "recipe": "unlayered",
        "recipe.learning_rate": 0.01,
        "recipe.policy": "random",
        "recipe.group_size": 8,
        "schedule.group_size": 4,
        "neuron.time_constant": 0.001,
        "network.hidden.1": 6,
    }


def test_network_neuron_and_data_are_searched_as_axes_set_them() -> None:
    """A value goes with what the file says beside it: the reset's value with its reset."""
    reset, timestep = "neuron.reset_value: {from: -0.1, to: 0.1}", "workload.timestep: [5 ms, 10 ms]"
    searched = searching("network.hidden: ['9', '5r-4']", reset, timestep)
    spec = study(("threshold: 0.05", "threshold: 0.05, reset: value"), searched)
    drawn = {"network.hidden": "5r-4", "neuron.reset_value": -0.05, "workload.timestep": "5 ms"}
    sweep = spec.trial_sweep(draw(spec, drawn))
    assert (sweep.network.hidden, sweep.neuron.reset, sweep.neuron.reset_value) == ("5r-4", "value", -0.05)
    assert sweep.workload == spec.workload.model_copy(update={"timestep": 0.005})
    assert spec.search_space.baseline_values()["network.hidden"] == "6-4"

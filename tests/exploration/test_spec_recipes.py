"""What a sweep's recipes, networks and schedules take from presets and defaults."""

from __future__ import annotations

import plug_ins
import pytest
from tiny_sweeps import axes, beside, tiny

from codesign.documents import parse_document
from codesign.errors import DocumentError
from codesign.exploration.definition.entries import BUILT_IN_SCHEDULES
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import recipe_variants
from codesign.network.layers import Linear
from codesign.simulation.policies import Policy
from codesign.training.recipe import Recipe


def test_a_mixture_takes_no_defaults_of_one_schedule():
    defaults = ("recipe_defaults: {", "recipe_defaults: {group_size: 4, policy: fifo, momentum_noise: 0.25, ")

    def mixture(*entries: str) -> list[tuple[str, str]]:
        return [beside(f"mixed: {{method: unlayered, mixture: [{', '.join(entries)}]}}"), defaults]

    layered, quiet = "{method: layered}", "{policy: random, group_size: 2}"
    assert tiny(*mixture(quiet, layered)).recipes["mixed"].as_trained.momentum_noise == 0
    spec = tiny(*mixture(quiet, "{policy: momentum, group_size: 3}")).recipes["mixed"].as_trained
    assert (spec.momentum_noise, [one.group_size for one in spec.schedules]) == (0.25, [2, 3])


def test_a_policy_for_all_recipes_passes_layered_ones_by():
    default = ("recipe_defaults: {", "recipe_defaults: {chip: mubrain, policy: timed, ")
    spec = tiny(default, beside("timed: {method: unlayered}"))
    assert (spec.recipes["layered"].policy, spec.recipes["timed"].policy) == ("random", "timed")
    assert spec.recipes["layered"].chip == spec.recipes["timed"].chip == "mubrain"  # whose bits it may train with


def test_a_policy_of_ones_own_keeps_the_noise_that_it_looks_at(monkeypatch):
    noisy = Policy(name="noisy", priority=lambda waiting: waiting.potential - waiting.noise * waiting.uniform)
    plug_ins.register(monkeypatch, "codesign.policies", noisy=noisy)
    assert tiny(beside("own: {method: unlayered, policy: noisy}")).recipes["own"].as_trained.momentum_noise == 1e-6


def test_an_axis_on_the_policy_takes_the_noise_that_the_preset_has_for_it():
    spec = tiny(beside("rs: {method: unlayered, policy: random}"), axes("recipe.rs.policy: [random, momentum]"))
    trained = [variant.value.as_trained for variant in recipe_variants(spec, "rs")]
    found = {recipe.policy: recipe.momentum_noise for recipe in trained}
    assert found == {"random": 0.0, "momentum": 1e-6}


def test_a_recipe_takes_what_is_recommended_for_its_data():
    """Its own words win over that, and that over what all recipes of the file share."""
    text = """
name: recommended
workload: {name: digits}
network: {hidden: "[8x2]"}
preset: nmnist
recipe_defaults: {epochs: 3, loss: sum, group_size: 4, spike_cost: 1.0}
recipes:
  layered: {preset: recommended_layered}
  mine: {preset: recommended_unlayered, spike_cost: 0.5}
  plain: {method: layered}
chips: {loihi: {}}
"""
    layered, mine, plain = parse_document(text, "recommended.yaml", SweepSpec).recipes.values()
    assert (layered.method, layered.spike_cost, layered.epochs, layered.batch_size) == ("layered", 0.06, 3, 256)
    assert (mine.method, mine.spike_cost, mine.group_size, mine.loss) == ("unlayered", 0.5, 8, layered.loss)
    assert (plain.spike_cost, plain.loss) == (1.0, Recipe(method="layered", epochs=1).loss)
    only = "\n".join(
        line for line in text.replace("epochs: 3, ", "").splitlines() if "mine:" not in line and "plain:" not in line
    )
    for wrong, message in (("recommended", "unknown preset of a recipe 'recommended'"), ("[layered]", "found a list$")):
        with pytest.raises(DocumentError, match=f"^recommended.yaml:8: recipes.layered.preset: .*{message}") as told:
            parse_document(only.replace("recommended_layered", wrong), "recommended.yaml", SweepSpec)
        assert len(told.value.problems) == 1


@pytest.mark.parametrize("preset", ["", "preset: nmnist"])
def test_data_of_ones_own_take_what_is_recommended_too(preset: str):
    text = f"""
name: mine
workload: {{name: arrays}}
network: {{hidden: "24"}}
{preset}
recipes:
  mine: {{preset: recommended_unlayered, epochs: 3}}
chips: {{loihi: {{}}}}
"""
    mine = parse_document(text, "mine.yaml", SweepSpec).recipes["mine"]
    assert (mine.method, mine.spike_cost, mine.loss["name"]) == ("unlayered", 0.06, "timestep")
    assert mine.learning_rate == (2e-3 if preset else Recipe(method="layered", epochs=1).learning_rate)


def test_a_network_takes_inputs_and_outputs_from_the_workload_and_layers_from_the_preset():
    for changes, hidden in (([], (12, 8)), ([('network: {hidden: "12-8"}\n', "")], (64, 64, 64))):
        topology = tiny(*changes).topology(input_grid=(2, 16, 16), classes=10)
        assert (topology.input, topology.layers) == (512, tuple(Linear(neurons=size) for size in (*hidden, 10)))


def test_no_schedule_of_a_sweep_hides_a_built_in_one():
    """Answers would call it the chip's own."""
    with pytest.raises(DocumentError, match=r"schedules.chip: every sweep has a schedule of that name; rename yours"):
        tiny(("  asynchronous: {", "  chip: {policy: fifo}\n  asynchronous: {"))
    assert tiny().all_schedules["layered"] == BUILT_IN_SCHEDULES["layered"]

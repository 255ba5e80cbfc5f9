from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_sweep import mubrain_row, points_of, synthetic, synthetic_metadata, synthetic_rows, truenorth_row

from codesign.analysis.comparisons.comparability import comparison_group
from codesign.analysis.comparisons.fronts import find_fronts
from codesign.analysis.results.metadata import AxisFacts
from codesign.analysis.results.naming import names_of
from codesign.errors import InputError


def test_seeds_are_gathered_into_points():
    points = synthetic().points
    # 3 recipes on µBrain under 3 schedules, on Loihi and on TrueNorth under 1; failures are no points.
    assert len(points) == 15
    assert [point.number for point in points] == list(range(1, 16))
    assert all(len(point.rows) == 6 for point in points)
    (found,) = [p for p in points if (p.chip, p.schedule, p.recipe) == ("mubrain", "async_random", "unlayered_rs")]
    assert found.value("accuracy").mean == pytest.approx(0.956)
    assert found.value("accuracy").seeds == 3
    assert found.trained_for_it
    assert len(repr(found)) < 100
    assert found.free_running
    (timer,) = points_of([truenorth_row("layered", 0, 0)])
    assert not timer.layered
    assert not timer.free_running


def test_axes_set_points_apart_and_null_axes_do_not():
    rows = [
        mubrain_row("layered", "random", seed, 0) | {"axis.lanes": lanes, "point": f"{seed}{lanes}"}
        for seed in (0, 1)
        for lanes in (1, 4, None)
    ]
    points = points_of(rows)
    assert [point.axes for point in points] == [(("lanes", None),), (("lanes", 1.0),), (("lanes", 4.0),)]
    assert [point.place for point in points] == ["mubrain", "mubrain (lanes = 1)", "mubrain (lanes = 4)"]


@pytest.mark.parametrize(
    "titles",
    [
        {"energies.spike": "spike (energies) of µBrain", "times.spike": "spike (times) of µBrain"},
        {"static_power.chip": "static power", "static_power.core_in_use": "static power (core in use)"},
    ],
)
def test_axes_on_two_numbers_of_one_thing_have_two_names(titles):
    paths = {f"axis.chip.mubrain.{number}": title for number, title in titles.items()}
    names = names_of(points_of([mubrain_row("layered", "random", 0, 0) | dict.fromkeys(paths, 1e-9)]))
    assert {path: names.axis(path) for path in paths} == paths


def test_axes_on_layers_and_data_are_said_in_words():
    titles = {"network.hidden.2": "second-layer width", "network.hidden.11": "hidden 11"}
    titles |= {"workload.timesteps": "number of timesteps", "recipe.layered.spike_cost.1": "spike cost 1"}
    for path, title in titles.items():
        names = names_of(points_of([mubrain_row("layered", "random", 0, 0) | {f"axis.{path}": 12.0}]))
        assert (names.axis(path), names.option(path, "12")) == (title, f"{title} 12")


def test_axes_are_read_with_their_units():
    row = mubrain_row("layered", "random", 0, 0) | {"axis.chip.mubrain.energies.spike": 2.6e-11}
    unit = AxisFacts(name="chip.mubrain.energies.spike", unit="J")
    (point,) = points_of([row], replace(synthetic_metadata(), axes=(unit,)))
    assert [*point.axis_texts.values()] == ["26 pJ"]
    assert point.place == "mubrain (spike = 26 pJ)"
    (point,) = points_of([row | {"axis.chip.mubrain.times.spike": None}])
    assert point.place == "mubrain (chip.mubrain.energies.spike = 2.6e-11)"


@pytest.mark.parametrize(
    ("varied", "title"),
    [({}, "layered training, margin, margin 2"), ({"loss.margin": 1.0}, "layered training, margin")],
)
def test_a_recipes_title_says_no_parameter_of_a_loss_that_an_axis_varies(varied, title):
    losses = {"layered": "sum", "unlayered_rs": "margin, margin 2"}
    plain = {"training_method": "layered", "training_policy": None, "training_group_size": None}
    rows = [row | plain for row in synthetic_rows() if row["recipe"] in losses]
    recipes = {name: {"loss": loss, **varied} for name, loss in losses.items()}
    points = points_of(rows, replace(synthetic_metadata(), recipes=recipes))
    assert names_of(points).recipes["unlayered_rs"] == title


def test_a_cost_of_spikes_is_in_the_titles_of_all_recipes_that_have_one_or_of_none():
    rows = [row for row in synthetic_rows() if row["recipe"] != "unlayered_ms"]
    costly = [row | {"training_cost": "0.06"} for row in rows]
    short = {"layered": "layered training", "unlayered_rs": "unlayered training"}
    assert names_of(points_of(costly)).recipes == short
    free = [row | {"recipe": "free"} for row in rows if row["recipe"] == "layered"]
    found = names_of(points_of([*costly, *free])).recipes
    assert found == {name: f"{title}, few spikes" for name, title in short.items()} | {"free": "layered training"}


def test_the_front_by_hand():
    fronts = find_fronts(synthetic().points, synthetic_metadata().objectives)
    two = [f for f in fronts if len(f.objectives) == 2 and "energy of synaptic operation" in str(f.group)]
    (front,) = (f for f in two if "all in" not in str(f.group))
    # The most accurate of all, under momentum, also has the lowest density and so the lowest energy.
    assert [(p.recipe, p.schedule) for p in front.best] == [("unlayered_ms", "async_momentum")]


def test_the_papers_book_compares_across_coverages_but_not_with_all_in_figures():
    points = {point.chip: point for point in synthetic().points}
    paper = ("paper_energy_j",)
    assert comparison_group(points["mubrain"], paper) == comparison_group(points["loihi"], paper)
    assert comparison_group(points["mubrain"], paper) != comparison_group(points["truenorth"], paper)
    steps = ("latency_steps",)
    assert comparison_group(points["mubrain"], steps) == comparison_group(points["truenorth"], steps)


def test_energy_times_delay_compares_as_its_energy_does_and_area_across_everything():
    points = {point.chip: point for point in synthetic().points}
    product, energy, area = ("energy_delay_js",), ("energy_j",), ("area_m2",)
    assert [comparison_group(one, product) for one in points.values()] == [
        comparison_group(one, energy) for one in points.values()
    ]
    assert len({comparison_group(one, area) for one in points.values()}) == 1
    assert comparison_group(points["loihi"], area).operation is None
    assert comparison_group(points["loihi"], ("accuracy", "energy_j")).operation == "accelerated"


def test_lists_of_a_point_that_differ_in_length_are_refused() -> None:
    rows = [mubrain_row("layered", "random", seed, 0) | {"layer_spikes": [1.0] * (1 + seed)} for seed in (0, 1)]
    (point,) = points_of(rows)
    with pytest.raises(InputError, match="layer_spikes must be as long in all rows of a design point"):
        point.means("layer_spikes")

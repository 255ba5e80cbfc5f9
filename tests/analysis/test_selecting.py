"""Selections of points, and which points of two selections are compared."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from synthetic_sweep import Row, loihi_row, mubrain_row, synthetic_metadata, synthetic_rows, table_of

from codesign.analysis.answers.effects import effects_of
from codesign.analysis.answers.selecting import ladders_along, never_alike, pairs_between, points_in, selection_problems
from codesign.analysis.results.metadata import AxisFacts
from codesign.analysis.results.naming import names_of
from codesign.analysis.results.points import Point, gather
from codesign.exploration.definition.library import load_sweep

AXIS = "axis.schedule.{}.group_size"


def by_group_size(schedule: str, stop: str, *sizes: int, **changes: object) -> list[Row]:
    """A layered model under random scheduling, with F as an axis of its schedule."""
    other = {"on_output": "drained", "drained": "on_output"}[stop]
    return [
        mubrain_row("layered", "random", 0, 0)
        | {"schedule": schedule, "stop": stop, "group_size": size, "point": f"{schedule}{size}{changes}"}
        | {AXIS.format(f"async_{stop}"): float(size), AXIS.format(f"async_{other}"): None, **changes}
        for size in sizes
    ]


def points_of(*rows: Row) -> tuple[Point, ...]:
    return gather(table_of(list(rows)))


def sizes(pairs: list[tuple[Point, Point]]) -> list[tuple[int | None, int | None]]:
    return [(a.group_size, b.group_size) for a, b in pairs]


def test_points_are_found_by_what_they_are():
    points = points_of(*synthetic_rows(seeds=(0,)))
    named = points_in(points, {"recipe": ("unlayered_rs", "unlayered_ms"), "chip": "mubrain", "policy": "random"})
    assert [(p.recipe, p.schedule) for p in named] == [
        ("unlayered_ms", "async_random"),
        ("unlayered_rs", "async_random"),
    ]
    assert {p.chip for p in points_in(points, {"layered": True})} == {"mubrain", "loihi"}
    assert {p.recipe for p in points_in(points, {"trained_for_it": True})} == {"unlayered_rs", "unlayered_ms"}
    # A layer that waits has no stop, whatever its rows say.
    assert not any(p.layered for p in points_in(points, {"stop": ("drained", "on_output")}))
    assert len(points_in(points, {})) == len(points)


def test_ends_are_those_of_the_points_that_have_all_else():
    points = points_of(
        *by_group_size("async_on_output", "on_output", 1, 8, 64), *by_group_size("async_drained", "drained", 4, 16)
    )
    assert [p.group_size for p in points_in(points, {"group_size": "highest", "stop": "drained"})] == [16]
    assert [p.group_size for p in points_in(points, {"group_size": "lowest"})] == [1]


def test_a_pair_has_its_chip_its_bits_and_its_axes_in_common():
    rows = [mubrain_row(recipe, "layered", 0, 0) for recipe in ("layered", "unlayered_rs")]
    rows += [loihi_row(recipe, 0, 0) for recipe in ("layered", "unlayered_rs")]
    fewer = [row | {"weight_bits": 3, "point": row["point"][1:]} for row in rows if row["chip"] == "mubrain"]
    found = pairs_between(points_of(*rows, *fewer), {"recipe": "unlayered_rs"}, {"recipe": "layered"})
    assert [(a.chip, a.weight_bits) for a, _ in found] == [("loihi", 8), ("mubrain", 3), ("mubrain", 4)]
    assert all((a.chip, a.weight_bits) == (b.chip, b.weight_bits) for a, b in found)


@pytest.mark.parametrize(("sweep", "fact"), [("group_size", "group_size"), ("policies", "policy")])
def test_shipped_claims_hold_trainings_for_it_against_others(sweep: str, fact: str):
    """A pair agrees in whatever its sides do not name: also in what a model was trained for."""
    ways = {"group_size": [("random", 4), ("random", 8)], "policy": [("random", 8), ("momentum", 8)]}[fact]
    rows = [
        mubrain_row(f"unlayered_{trained[0][0]}s", ran[0], 0, 0)
        | {"training_group_size": trained[1], "group_size": ran[1], "point": f"{trained}{ran}"}
        | {
            "axis.recipe.unlayered_rs.group_size": float(trained[1]),
            "axis.schedule.async_random.group_size": float(ran[1]),
        }
        for trained, ran in product(ways, ways)
    ]
    claim = load_sweep(f"beyond/{sweep}", dataset="digits", scale="small").questions["trained_for_it"]
    found = pairs_between(points_of(*rows), claim.more, claim.less)
    assert len(found) == 2
    assert all(getattr(own, fact) == getattr(other, fact) for own, other in found)


def test_networks_pair_where_neuron_and_data_agree():
    """What the network's axis sets, such as the topology, follows from it."""
    combinations = [*product((16.0, 32.0), (0.001, 0.01), (0.005, 0.02))]
    points = points_of(
        *(
            mubrain_row("layered", "random", 0, 0)
            | {"topology": f"512-{width:.0f}-10", "point": f"{width}{constant}{step}", "axis.network.width": width}
            | {"axis.neuron.time_constant": constant, "axis.workload.timestep": step}
            for width, constant, step in combinations
        )
    )
    for name, low, high in (
        ("network.width", 16, 32),
        ("neuron.time_constant", 0.001, 0.01),
        ("workload.timestep", 0.005, 0.02),
    ):
        pairs = pairs_between(points, {name: high}, {name: low})
        assert len(pairs) == len(ladders_along(points, name)) == 4
        for pair in pairs:
            values = zip(*(point.axes for point in pair), strict=True)
            assert {axis for (axis, one), (_, other) in values if one != other} == {name}
        blocks = {effect.option: effect.blocks for effect in effects_of(points, "accuracy", names_of(points))}
        assert set(blocks.values()) == {4}


def test_axes_of_two_chips_that_set_the_same_pair_where_they_agree():
    axes = [f"axis.chip.{chip}.vector_width" for chip in "ab"]
    points = points_of(
        *(
            mubrain_row("layered", "layered", 0, 0)
            | {"chip": chip, "point": f"{chip}{width}", **dict.fromkeys(axes), f"axis.chip.{chip}.vector_width": width}
            for chip, width in product("ab", (1.0, 4.0))
        )
    )
    pairs = pairs_between(points, {"chip": "a"}, {"chip": "b"})
    widths = [[dict(point.axes)[f"chip.{point.chip}.vector_width"] for point in pair] for pair in pairs]
    assert widths == [[1, 1], [4, 4]]


def test_what_two_sides_have_no_value_of_in_common_keeps_them_apart():
    rows = [mubrain_row("layered", "layered", 0, 0), mubrain_row("unlayered_rs", "layered", 0, 0) | {"weight_bits": 3}]
    sides = {"recipe": "layered"}, {"recipe": "unlayered_rs"}
    assert never_alike(points_of(*rows), *sides) == ["weight_bits"]
    assert never_alike(points_of(*rows, rows[0] | {"weight_bits": 3, "point": "other"}), *sides) == []


def test_ladders_differ_in_one_fact_only():
    points = points_of(
        *by_group_size("async_on_output", "on_output", 8, 1, 64),
        *by_group_size("async_drained", "drained", 4, 16),
        mubrain_row("unlayered_rs", "random", 0, 0)
        | {AXIS.format(f"async_{stop}"): None for stop in ("on_output", "drained")},
    )
    ladders = ladders_along(points, "group_size")
    assert sorted([p.group_size for p in ladder] for ladder in ladders) == [[1, 8, 64], [4, 16], [8]]
    assert [
        [p.group_size for p in ladder] for ladder in ladders_along(points, "schedule.async_drained.group_size")
    ] == [[4, 16]]


def test_an_axis_on_a_chip_moves_the_fact_that_it_sets():
    rows = [mubrain_row("layered", "random", 0, 0) | {"axis.chip.mubrain.weight_bits": float(n)} for n in (1, 4, 2)]
    points = points_of(*(row | {"weight_bits": int(row["axis.chip.mubrain.weight_bits"])} for row in rows))
    for name in ("chip.mubrain.weight_bits", "weight_bits"):
        assert [[point.weight_bits for point in ladder] for ladder in ladders_along(points, name)] == [[1, 2, 4]]


def test_trainings_pair_at_the_same_cost_of_spikes_if_a_side_has_several_and_none_is_a_cost():
    """A given model has no training whose cost could differ."""
    layered, unlayered = (mubrain_row(recipe, "random", 0, 0) for recipe in ("layered", "unlayered_rs"))
    costly = unlayered | {"recipe": "costly", "training_cost": "0.06", "point": "costly"}
    given = layered | {"training_method": "given"}
    sides = {"training_method": "unlayered"}, {"recipe": "layered"}
    for less, costs in ((layered, [None]), (given, ["0.06", None])):
        assert [more.training_cost for more, _ in pairs_between(points_of(unlayered, costly, less), *sides)] == costs
    assert len(pairs_between(points_of(costly, layered), *sides)) == 1  # one each: it is what sets the sides apart


@pytest.mark.parametrize("path", ["spike_cost", "budget.density"])
def test_an_axis_on_what_spikes_cost_moves_the_fact_that_tells_it(path: str):
    row = mubrain_row("layered", "random", 0, 0)
    told = [{"training_cost": str(of), "point": str(of), f"axis.recipe.layered.{path}": of} for of in (0.1, 0.5)]
    points = points_of(*(row | of for of in told))
    for name in (f"recipe.layered.{path}", f"training.{path}"):
        assert [len(ladder) for ladder in ladders_along(points, name)] == [2]


def test_parts_of_a_recipe_that_are_called_alike_are_not_the_same_parameter():
    sizes = [(of_training, of_calibration) for of_training in (1, 8) for of_calibration in (1.0, 4.0)]
    axes = "axis.recipe.unlayered_rs.group_size", "axis.recipe.unlayered_rs.calibration.group_size"
    row = mubrain_row("unlayered_rs", "random", 0, 0)
    values = [{axes[0]: float(one), axes[1]: other, "training_group_size": one} for one, other in sizes]
    points = points_of(*(row | of | {"point": str(number)} for number, of in enumerate(values)))
    name = axes[1].removeprefix("axis.")
    pairs = pairs_between(points, {name: 1}, {name: 4})
    assert [(a.training_group_size, b.training_group_size) for a, b in pairs] == [(1, 1), (8, 8)]


@pytest.mark.parametrize(
    ("selection", "problem"),
    [
        ({"recipe": "layerd"}, "recipe: has no value 'layerd'; did you mean 'layered'?"),
        ({"recipie": "layered"}, "recipie: is not a fact or axis of the points; did you mean 'recipe'?"),
        ({"stop": ("drained", "early")}, "stop: has no value 'early'"),
        ({"chip.loihi.lanes": 2}, "chip.loihi.lanes: is not a fact"),
        ({"recipe": ()}, "recipe: is an empty list, which selects nothing"),
        ({"group_size": (8, "8")}, "group_size: must be a number or null, found '8'"),
        ({"layered": "yes"}, "layered: must be true or false or null, found 'yes'"),
    ],
)
def test_mistakes_are_told(selection, problem):
    (told,) = selection_problems(selection, {"recipe": ["layered", "unlayered_rs"], "schedule.a.group_size": []})
    assert told.startswith(problem)


def test_ends_nulls_and_axes_are_no_mistakes():
    right = {
        "recipe": "layered",
        "group_size": "lowest",
        "training_policy": None,
        "schedule.a.group_size": 4,
        "training.epochs": 3,
    }
    assert not [*selection_problems(right, {"recipe": ["layered"], "schedule.a.group_size": []})]


def by_words(refractory: bool, *groups: int | str) -> list[Row]:
    """Axes of which some values are words, or all true or false, hold text; with all neurons at once layers wait."""
    paths = {"axis.schedule.x.refractory": str(refractory)}
    return [
        mubrain_row("layered", "layered" if of == "all" else "random", 0, 0)
        | {"schedule": "x", "refractory": refractory, "group_size": None if of == "all" else of}
        | {**paths, "axis.schedule.x.group_size": str(of), "point": f"{refractory}{of}"}
        for of in groups
    ]


def test_values_of_an_axis_that_are_kept_as_text_are_found_as_they_are_written():
    points = points_of(*by_words(True, 1, 8, "all"), *by_words(False, 1))
    size, refractory = "schedule.x.group_size", "schedule.x.refractory"
    counts = {8: 1, "8": 1, "all": 1, 1: 2, 2: 0}
    assert {of: len(points_in(points, {size: of})) for of in counts} == counts
    assert [len(points_in(points, {refractory: of})) for of in (True, False, 1)] == [3, 1, 0]
    assert [p.group_size for p in points_in(points, {size: "highest"})] == [8]
    (ladder,) = (each for each in ladders_along(points, size) if len(each) > 1)
    assert [p.group_size for p in ladder] == [1, 8]


@pytest.mark.parametrize(
    ("path", "name"), [("neuron.lag", "neuron.lag"), ("recipe.layered.budget.lag", "training.budget.lag")]
)
def test_points_of_an_axis_are_found_by_quantities(path: str, name: str):
    rows = [mubrain_row("layered", "random", 0, 0) | {"point": str(s), f"axis.{path}": s} for s in (0.001, 0.005)]
    points = gather(table_of(rows, replace(synthetic_metadata(), axes=(AxisFacts(name=path, unit="s"),))))
    found = {of: len(points_in(points, {name: of})) for of in ("5 ms", "1000 us", "2 ms", "5 V", 0.005)}
    assert found == {"5 ms": 1, "1000 us": 1, "2 ms": 0, "5 V": 0, 0.005: 1}


def test_two_values_of_an_axis_that_neither_side_names_never_pair():
    points = points_of(*by_words(True, 1, 8, "all"), *by_words(False, 1, 8, "all"))
    found = pairs_between(points, {"schedule.x.refractory": False}, {"schedule.x.refractory": True})
    assert sizes(found) == [(1, 1), (8, 8), (None, None)]
    # Whether layers wait, on the other hand, follows from such an axis.
    assert sizes(pairs_between(points, {"layered": True}, {"free_running": True}))


def test_points_of_different_trials_never_pair_unless_a_side_names_one():
    rows = [
        mubrain_row("layered", inference, 0, 0) | {"axis.trial": trial, "point": trial}
        for trial, inference in (("3", "layered"), ("7", "random"))
    ]
    points = points_of(*rows)
    assert pairs_between(points, {"layered": True}, {"free_running": True}) == []
    assert len(pairs_between(points, {"trial": "3"}, {"trial": "7"})) == 1

"""Axes and study spaces on parts of recipes: budgets, losses, mixtures."""

from __future__ import annotations

import pytest
from mistakes_found import mistakes_of
from tiny_sweeps import axes, beside, tiny

from codesign.exploration.definition.variants import recipe_variants

RECIPES = beside(
    "budgeted: {method: layered, budget: {density: 1.0}, loss: sum}",
    "mixed: {method: unlayered, mixture: [{policy: random, group_size: 8}, {method: layered}]}",
    "jittered: {method: layered, augmentation: {time_jitter: 2 ms, shift: 1}}",
    "adjusted: {method: layered, calibration: {group_size: 8}, learn: {threshold: layer}}",
)


def test_axes_reach_parts_of_recipes_and_leave_the_others() -> None:
    varied = axes(
        "recipe.budgeted.budget.density: [0.5, 2.0]",
        "recipe.budgeted.loss.temperature: [0.25, 1.0]",
        "recipe.mixed.mixture.0.group_size: [1, 4]",
        "recipe.jittered.augmentation.shift: [0, 2]",
        "recipe.adjusted.calibration.group_size: [1, 4]",
        "recipe.adjusted.learn.learning_rate: [0.01]",
    )
    spec = tiny(RECIPES, varied)
    budgeted = [variant.value for variant in recipe_variants(spec, "budgeted")]
    assert [(recipe.budget.density, recipe.loss) for recipe in budgeted] == [
        (density, {"name": "sum", "temperature": temperature}) for density in (0.5, 2.0) for temperature in (0.25, 1.0)
    ]
    mixed = [variant.value.mixture for variant in recipe_variants(spec, "mixed")]
    assert [(entries[0].policy, entries[0].group_size, entries[1].method) for entries in mixed] == [
        ("random", 1, "layered"),
        ("random", 4, "layered"),
    ]
    jittered = [variant.value.augmentation for variant in recipe_variants(spec, "jittered")]
    assert [(one.shift, one.time_jitter) for one in jittered] == [(0, 0.002), (2, 0.002)]
    adjusted = [variant.value for variant in recipe_variants(spec, "adjusted")]
    assert [(one.calibration.group_size, one.learn.learning_rate) for one in adjusted] == [(1, 0.01), (4, 0.01)]
    assert spec.recipes["budgeted"].budget.density == 1.0


def test_a_part_is_set_in_the_whole_that_another_axis_sets_whichever_comes_first() -> None:
    whole, part = "recipe.budgeted.loss: [timestep, sum]", "recipe.budgeted.loss.temperature: [0.25, 1.0]"
    for order in ((whole, part), (part, whole)):
        losses = [variant.value.loss for variant in recipe_variants(tiny(RECIPES, axes(*order)), "budgeted")]
        assert {(loss["name"], loss["temperature"]) for loss in losses} == {
            (name, temperature) for name in ("timestep", "sum") for temperature in (0.25, 1.0)
        }


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("recipe.budgeted.budget.density: [0.5, -1]", "must be greater than 0, found -1"),
        (
            "recipe.budgeted.budget.densty: [0.5]",
            "a recipe has no parameter 'budget.densty'; did you mean 'budget.density'?",
        ),
        ("recipe.budgeted.loss.temprature: [0.5]", "loss 'sum' has no parameter 'temprature'"),
        ("recipe.mixed.mixture.0.group_siz: [1]", "did you mean 'mixture.0.group_size'?"),
        ("recipe.jittered.augmentation.time_jitter: [0.002]", "needs a unit, found 0.002"),
    ],
)
def test_mistakes_in_parts_are_told_at_their_line(axis: str, message: str) -> None:
    ((line, told),) = mistakes_of(tiny, RECIPES, axes(axis))
    assert (line, message in told) == (20, True)

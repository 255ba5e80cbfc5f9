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
)


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
    assert (line, message in told) == (19, True)

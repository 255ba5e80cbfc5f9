"""The loss as a parameter of recipes: in keys, on axes and, for potentials, refused."""

from __future__ import annotations

import pytest
from tiny_sweeps import outline, plan_of, tiny

from codesign.errors import CodesignError, InputError
from codesign.exploration.plan import build_plan
from codesign.exploration.spec import SweepSpec

LAYERED = "  layered: {method: layered}"
BY_TIMESTEP = (LAYERED, "  layered: {method: layered, loss: timestep}")


def trainings(spec: SweepSpec) -> set[str]:
    return {point.jobs.execution.model.key for point in plan_of(spec).points if point.jobs is not None}


def test_only_the_loss_of_each_timestep_is_in_keys():
    usual = trainings(tiny())
    assert trainings(tiny((LAYERED, "  layered: {method: layered, loss: sum}"))) == usual
    assert trainings(tiny(BY_TIMESTEP)).isdisjoint(usual)
    by_default = tiny(("recipe_defaults: {", "recipe_defaults: {loss: timestep, "))
    assert trainings(by_default) == trainings(tiny(BY_TIMESTEP))


def test_the_loss_is_an_axis():
    spec = tiny(("seeds:", "axes:\n  recipe.layered.loss: [sum, timestep]\nseeds:"))
    points = plan_of(spec).points
    losses = {point.columns["axis.recipe.layered.loss"]: point.jobs.execution.model for point in points if point.jobs}
    assert {name: model.recipe.loss for name, model in losses.items()} == {"sum": "sum", "timestep": "timestep"}
    assert {model.key for model in losses.values()} == trainings(tiny()) | trainings(tiny(BY_TIMESTEP))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((LAYERED, "  layered: {method: layered, loss: each}"), r"recipes\.layered\.loss.*'sum' or 'timestep'"),
        (("seeds:", "axes:\n  recipe.layered.loss: [sum, each]\nseeds:"), r"recipe\.layered\.loss.*'each'"),
    ],
)
def test_what_is_no_loss_is_refused(change: tuple[str, str], message: str):
    with pytest.raises(CodesignError, match=message):
        plan_of(tiny(change))


@pytest.mark.parametrize("where", [BY_TIMESTEP, ("seeds:", "axes:\n  recipe.layered.loss: [timestep]\nseeds:")])
def test_potentials_of_several_timesteps_are_refused(where: tuple[str, str]):
    potential = ('hidden: "12-8"', 'hidden: "12-8", neuron: {readout: potential}')
    drained = ("group_size: 4}", "group_size: 4, stop: drained}")
    spec = tiny(where, potential, drained)
    with pytest.raises(InputError, match=r"recipes\.layered\.loss: 'timestep' needs output spikes"):
        plan_of(spec)
    assert build_plan(spec, outline(timesteps=1)).points

"""Losses of recipes: how they are written, and those of an entry point."""

from __future__ import annotations

from functools import partial
from typing import get_args

import plug_ins
import pytest
import torch

from codesign.errors import InputError
from codesign.exploration.jobs.jobs import TrainInputs
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import parse_topology
from codesign.simulation.loss import CrossEntropy, Loss
from codesign.simulation.results import Simulation
from codesign.training.losses import loss_names, make_loss
from codesign.training.recipe import Recipe


def recipe(loss: object) -> Recipe:
    return Recipe(method="layered", epochs=1, loss=loss)


class Margin:
    """A loss with a parameter."""

    version = 1

    def __init__(self, margin: float = 1.0) -> None:
        if margin < 0:
            raise ValueError("margin is negative")
        self.margin = margin

    def __call__(self, simulation: Simulation, labels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.multi_margin_loss(simulation.logits, labels, margin=self.margin)


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch):
    """Registers objects as entry points `codesign.losses`, by name."""
    return partial(plug_ins.register, monkeypatch, "codesign.losses")


def test_a_recipe_chooses_a_loss_by_name_or_with_parameters():
    assert recipe({"name": "sum"}).loss == recipe("sum").loss == "sum"
    chosen = recipe({"name": "timestep", "temperature": 0.25, "label_smoothing": 0.05})
    assert make_loss(chosen.loss) == CrossEntropy(of="timestep", temperature=0.25, label_smoothing=0.05)
    assert Recipe.model_validate_json(chosen.model_dump_json(exclude_unset=True)) == chosen


def test_a_loss_of_ones_own_comes_in_by_entry_point_with_its_parameters(plug_in):
    plug_in(margin=Margin, broken=ImportError("no module named nothing_here"))
    assert loss_names() == tuple(sorted({"broken", "margin", *get_args(Loss)}))
    assert make_loss(recipe({"name": "margin", "margin": 2}).loss).margin == 2
    assert make_loss(recipe("margin").loss).margin == 1


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("timesteps", "unknown loss 'timesteps'; did you mean 'timestep'?"),
        ({"temperature": 2}, "must be the name of a loss"),
        ({"name": "sum", "temprature": 2}, "loss 'sum' has no parameter 'temprature'; did you mean 'temperature'?"),
        ({"name": "sum", "temperature": 0}, "loss 'sum': temperature: must be above 0, found 0"),
        ({"name": "sum", "temperature": "hot"}, "loss 'sum': temperature: must be a finite number, found 'hot'"),
        ({"name": "margin", "margin": -1}, "loss 'margin': ValueError: margin is negative"),
        ("broken", "entry point broken = plugin:broken: cannot be loaded: ImportError: no module"),
    ],
)
def test_what_is_no_loss_is_told(plug_in, loss: object, message: str):
    plug_in(margin=Margin, broken=ImportError("no module"))
    with pytest.raises(InputError, match=message):
        recipe(loss)


def test_keys_hold_the_parameters_and_the_version_of_a_loss(plug_in):
    def key(loss: object) -> str:
        trained = recipe(loss)
        return TrainInputs(
            workload="w",
            topology=parse_topology("1-2"),
            neuron=NeuronSpec(),
            recipe=trained,
            schedule=trained.schedule,
            seed=0,
        ).key

    plug_in(margin=Margin)
    chosen = ["sum", "timestep", {"name": "sum", "temperature": 2}, "margin", {"name": "margin", "margin": 2}]
    keys = [key(loss) for loss in chosen]
    plug_in(margin=type("Margin", (Margin,), {"version": 2}))
    assert [key(loss) for loss in chosen[:3]] == keys[:3]
    assert len({*keys, *(key(loss) for loss in chosen[3:])}) == 7
    plug_in(margin=lambda margin=1.0: Margin(margin))  # of no version
    assert key("margin") == keys[3]

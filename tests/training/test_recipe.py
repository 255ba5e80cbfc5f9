"""Recipes and the paper's Table 6."""

from __future__ import annotations

import math
from operator import attrgetter

import pytest

from codesign.documents import validate_data
from codesign.errors import InputError
from codesign.network.topology import TopologySpec, network_shape
from codesign.simulation.schedule import LAYERED
from codesign.training.augmentation import Augmentation
from codesign.training.presets import PRESETS
from codesign.training.recipe import Recipe


def test_table_6():
    columns = {
        "nmnist": (10e-3, 256, 50, 5e-4, 0.3, 1e-5, 1e-3, 2, 0.25, 8, 0.8, 1e-6),
        "shd": (10e-3, 32, 100, 7e-4, 0.3, 1e-4, 100e-3, 10, 0.2, 8, 0.8, 0.1),
        "dvsgesture": (20e-3, 32, 70, 1e-4, 0.3, 1e-5, 100e-3, 10, 0.2, 8, 0.8, 0.1),
        "cifar10": (0.0, 64, 150, 2e-4, 0.2, 0, math.inf, 2, 0, 512, 0.7, None),
    }
    rows = (
        *("timestep", "batch_size", "epochs", "learning_rate", "neuron.threshold", "weight_decay"),
        *("neuron.time_constant", "neuron.surrogate_steepness", "input_dropout", "group_size"),
        *("refractory_dropout", "momentum_noise"),
    )
    assert {name: attrgetter(*rows)(PRESETS[name]) for name in columns} == columns


def test_the_networks_of_table_6():
    assert [PRESETS[name].hidden for name in ("nmnist", "shd", "dvsgesture")] == ["[64x3]", "[128x3]", "[128x3]"]
    vgg = PRESETS["cifar10"]
    assert vgg.hidden is None
    assert vgg.neuron.readout == "potential"  # section A.4
    shape = network_shape(TopologySpec(input=(3, 32, 32), layers=vgg.layers))
    assert shape.layer_sizes == (65536, 65536, 32768, 32768, 16384, 16384, 10)


def test_schedules_of_recipes():
    assert Recipe(method="layered", epochs=1).schedule == LAYERED
    unlayered = Recipe(method="unlayered", policy="momentum", group_size=4, epochs=1).schedule
    assert (unlayered.policy, unlayered.group_size, unlayered.stop) == ("momentum", 4, "drained")


def test_policies_that_look_at_times_need_a_chip():
    with pytest.raises(InputError, match="policy 'timed' looks at a chip's service times: name one of"):
        Recipe(method="unlayered", policy="timed", epochs=1)
    assert Recipe(method="unlayered", policy="timed", chip="mubrain", epochs=1).schedule.policy == "timed"
    assert Recipe(method="unlayered", policy="fifo", chip="mubrain", epochs=1).schedule.cores is None


def test_training_without_refractoriness_validates_without_it_and_has_nothing_to_drop():
    recipe = Recipe(method="unlayered", refractory=False, refractory_dropout=0.8, epochs=1)
    assert recipe.schedule.refractory is False
    assert recipe.regularization.refractory_dropout == 0
    dropped = Recipe(method="unlayered", refractory_dropout=1.0, epochs=1)
    assert (dropped.schedule.refractory, dropped.regularization.refractory_dropout) == (True, 1)


def test_layered_recipes_refuse_a_schedule():
    assert Recipe(method="layered", epochs=1).idle_gradient == "all"
    wanted = "layered training has no schedule to choose: remove group_size, idle_gradient, policy, refractory"
    with pytest.raises(InputError, match=wanted):
        Recipe(method="layered", policy="momentum", group_size=4, refractory=False, idle_gradient="none", epochs=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"spike_cost": [0.1, -2]}, "spike_cost.1: must be greater than or equal to 0, found -2"),
        ({"quantization": "chop"}, "quantization: must be 'chip', found 'chop'; did you mean 'chip'?"),
    ],
)
def test_a_mistake_in_a_field_of_several_forms_is_told_once(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as raised:
        validate_data({"method": "layered", "epochs": 1, **given}, Recipe)
    assert str(raised.value) == message


def test_parameters_with_parts_are_told_in_words() -> None:
    loss = {"name": "timestep", "temperature": 0.25, "label_smoothing": 0.05}
    told = Recipe(
        method="layered", epochs=1, loss=loss, augmentation=Augmentation(shift=1, time_jitter=0.002)
    ).parameters
    assert told["loss"] == "timestep, temperature 0.25, label smoothing 0.05"
    assert told["augmentation"] == "shift 1, time jitter 2 ms"

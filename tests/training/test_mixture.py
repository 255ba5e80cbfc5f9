"""Mixtures: a sample's schedule depends on its id and the epoch alone, and the loss is the mean over all samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.simulation.engine import classification_loss
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.training.evaluation import answer
from codesign.training.mixture import drawn_entries
from codesign.training.recipe import Recipe
from codesign.training.spike_costs import SpikeCosts
from codesign.training.trainer import train

MIXTURE = [{"policy": "random", "group_size": 2}, {"method": "layered"}, {"policy": "momentum", "group_size": 1}]


def recipe(mixture: Any = MIXTURE, **given: Any) -> Recipe:
    return Recipe(**{"method": "unlayered", "epochs": 1, "mixture": mixture, **given})


def test_schedules_by_hand():
    drained = {"stop": "drained", "refractory": False}
    first = Schedule(policy="random", group_size=2, **drained)
    assert recipe(refractory=False).schedules == (first, LAYERED, Schedule(policy="momentum", group_size=1, **drained))
    assert Recipe(method="unlayered", epochs=1).schedules == (Schedule(stop="drained"),)
    assert recipe().parameters["mixture"] == "random F = 2, layered, momentum F = 1"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"policy": "fifo", "group_size": 4}, "say what is trained through: remove group_size, policy, or mixture"),
        ({"calibration": {}}, "a calibration matches the one schedule"),
        ({"mixture": [{"policy": "random"}]}, "needs policy and group_size, or method 'layered' and neither"),
        ({"mixture": [{"policy": "timed", "group_size": 8}]}, "service times, and this is for no chip"),
    ],
)
def test_what_a_mixture_cannot_be(given: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        recipe(**{"mixture": MIXTURE, **given})


def test_every_entry_is_as_likely_and_no_draw_knows_of_another():
    ids = np.arange(6000) * 7919
    drawn = drawn_entries(ids, 3, seed=4, epoch=2)
    assert np.abs(np.bincount(drawn, minlength=3) / 2000 - 1).max() < 0.06  # over three standard deviations
    assert drawn_entries(ids[::-5], 3, seed=4, epoch=2).tolist() == drawn[::-5].tolist()
    for other in (drawn_entries(ids, 3, seed=4, epoch=3), drawn_entries(ids, 3, seed=5, epoch=2)):
        assert abs((other == drawn).mean() - 1 / 3) < 0.03


def test_trains_on_the_mean_over_samples_each_under_its_own_schedule():
    """Adam's first step has the size of the learning rate against the sign of the gradient."""
    rng = np.random.default_rng(0)
    events = batch_of(rng.poisson(0.7, (40, 3, 8)), rng.integers(0, 2, 40))
    network = network_of("8-12-2", threshold=0.3)
    mixed = recipe(batch_size=40, learning_rate=1e-3, refractory_dropout=0.5, spike_cost=0.5, cost_ramp=0.0)
    cost = SpikeCosts(mixed, network).of_update(1)
    drawn = drawn_entries(events.sample_ids, 3, seed=5, epoch=1)
    assert set(drawn.tolist()) == {0, 1, 2}
    options: dict[str, Any] = {"regularization": mixed.regularization, "spike_cost": cost}
    alone = [
        classification_loss(network, events.select([n]), mixed.schedules[entry], seed=5, epoch=1, **options)
        for n, entry in enumerate(drawn)
    ]
    loss = torch.stack([one.value for one in alone]).mean()
    gradients = torch.autograd.grad(loss, network.weights())
    before = [weight.detach().clone() for weight in network.weights()]
    report = train(network, mixed, events, events, seed=5).history[0]
    charged = cost.of(torch.cat([one.charges for one in alone])).mean()
    assert report.loss == pytest.approx(float(loss.detach() - charged), rel=1e-5)
    answered = [int(one.logits.argmax()) if one.logits.any() else -1 for one in alone]
    right = np.equal(answered, events.labels)
    assert report.training_accuracy == pytest.approx(np.mean(right))
    assert report.spike_density == pytest.approx(sum(float(one.spikes[:, 0].sum()) for one in alone) / 40 / 12)
    for weight, start, gradient in zip(network.weights(), before, gradients, strict=True):
        clear = gradient.abs() > 1e-4
        assert clear.float().mean() > 0.5
        torch.testing.assert_close((weight - start).detach()[clear], -1e-3 * gradient.sign()[clear], rtol=0, atol=1e-5)
    answers = [answer(network, events, schedule, seed=5)[0] == events.labels for schedule in mixed.schedules]
    assert report.validation_accuracy == pytest.approx(np.mean(answers))

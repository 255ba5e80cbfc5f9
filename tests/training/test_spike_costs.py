"""What spikes cost in training: by hand, towards a budget, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from networks import network_of, toy_split

import codesign as cd
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.training.budget import EnergyMeter
from codesign.training.recipe import Recipe
from codesign.training.spike_costs import SpikeCosts
from codesign.training.trainer import train

SMALL = network_of("8-6-4-2")


def recipe(**more: Any) -> Recipe:
    return Recipe(**{"method": "layered", "epochs": 10, "cost_ramp": 0.5, **more})


def network(seed: int = 0) -> SpikingNetwork:
    return network_of("8-24-24-2", threshold=0.3, seed=seed)


def test_a_cost_is_of_density_and_rises():
    costs = SpikeCosts(recipe(spike_cost=[0.5, 0.25], spike_floor=0.1), SMALL)
    cost = costs.of_update(3)
    assert cost.weights.tolist() == pytest.approx([0.1] * 10 + [0.0] * 2)
    assert cost.floors == pytest.approx((0.06, 0.04, 0.0))
    assert cost.multipliers == pytest.approx((0.25, 0.125, 0.0))  # two and a half of five epochs
    assert costs.of_update(6).multipliers == costs.of_update(10).multipliers == (0.5, 0.25, 0.0)
    costs.end_epoch(7, 99.0)
    assert costs.of_update(10).multipliers == (0.5, 0.25, 0.0)
    assert SpikeCosts(recipe(spike_cost=[0.0, 0.25]), SMALL).of_update(10).multipliers == (0.0, 0.25, 0.0)


def test_energy_weighs_spikes_by_what_they_take():
    meter = EnergyMeter(spike_j=np.array([3e-12] * 6 + [1e-12] * 4 + [7e-12] * 2), sample_j=lambda network: 1e-6)
    costs = SpikeCosts(recipe(epochs=64, budget={"energy": "2 uJ", "chip": "some"}), SMALL, meter)
    weights = costs.of_update(1).weights
    assert weights.tolist() == pytest.approx([3 / 22] * 6 + [1 / 22] * 4 + [0.0] * 2)
    assert costs.energy_j(network()) == 1e-6
    before = costs.of_update(64).multipliers[0]
    costs.end_epoch(64, 3e-6)  # 1 µJ is there without spikes: they may take 1 µJ and take 2
    assert costs.of_update(64).multipliers[0] == pytest.approx(before * math.exp(32 / 64 * math.log(2)))
    with pytest.raises(InputError, match="budget: 1 µJ is not above the 1 µJ that a sample takes on some without any"):
        SpikeCosts(recipe(budget={"energy": "1 uJ", "chip": "some"}), SMALL, meter)


def test_a_budget_below_what_input_takes_needs_a_gate_that_closes_it():
    meter = EnergyMeter(spike_j=np.ones(12), sample_j=lambda network: 2e-6 if network.input_gate is None else 5e-7)
    given = {"energy": "1 uJ", "chip": "some"}
    assert SpikeCosts(recipe(budget=given, input_gate=True), SMALL, meter).least == 5e-7
    roomy = {**given, "energy": "3 uJ"}
    assert SpikeCosts(recipe(budget=roomy, input_gate=True), SMALL, meter).least == 2e-6
    with pytest.raises(InputError, match=r"the 500 nJ .* without any spike of a neuron"):
        SpikeCosts(recipe(budget={**given, "energy": "0.5 uJ"}, input_gate=True), SMALL, meter)


def test_a_network_without_spikes_still_works_on_its_input_where_weights_of_0_are_skipped():
    """What it takes is measured with weights of 0, which no network that learns has."""
    chip, split, silent = cd.find_chip("loihi2"), toy_split(0, 20), network()
    assert chip.skips_zero_weights == "yes"
    keeps = chip.model_copy(update={"skips_zero_weights": "no"})
    with torch.no_grad():
        for weight in silent.all_weights():
            weight.zero_()
    taken = [cd.energy_meter(cd.place(silent.shape, one), split).sample_j(silent) for one in (chip, keeps)]
    assert taken[0] == taken[1]


def test_a_budget_leads_the_cost():
    costs = SpikeCosts(recipe(budget={"density": 2.0}, spike_cost=0.1), SMALL)
    costs.end_epoch(1, 8.0)  # a fifth has risen, so 10 would be allowed; before all has, costs do not fall
    assert costs.of_update(6).multipliers[0] == 0.1
    assert costs.of_update(3).multipliers[0] == pytest.approx(0.05)
    costs.end_epoch(5, 3.0)
    raised = 0.1 * math.exp(0.75 * math.log(1.5))
    assert costs.of_update(6).multipliers[0] == pytest.approx(raised)
    costs.end_epoch(6, 1.0)
    assert costs.of_update(7).multipliers[0] == pytest.approx(raised * math.exp(0.75 * math.log(0.5)))
    for epoch in range(7, 30):
        costs.end_epoch(epoch, 1e9)
    assert costs.of_update(9).multipliers[0] == 10.0
    for epoch in range(7, 30):
        costs.end_epoch(epoch, 0.0)
    assert costs.of_update(9).multipliers[0] == 1e-3


def test_the_best_epoch_keeps_the_budget():
    costs = SpikeCosts(recipe(budget={"density": 1.0}), SMALL)
    worst_first = [
        costs.rank(4, 0.5, 0.99),  # costs were still rising
        costs.rank(6, 3.0, 0.98),
        costs.rank(6, 2.0, 0.90),  # nearer to the budget
        costs.rank(6, 1.04, 0.70),
        costs.rank(6, 0.2, 0.80),
    ]
    assert worst_first == sorted(worst_first)
    assert len(set(worst_first)) == 5


def test_training_comes_to_its_budget():
    plain = {"method": "unlayered", "epochs": 24, "batch_size": 20, "learning_rate": 0.01}
    results = {}
    for name, more in {"free": {}, "cost": {"spike_cost": 1.0}, "budget": {"budget": {"density": 0.4}}}.items():
        results[name] = train(
            network(), Recipe.model_validate({**plain, **more}), toy_split(1, 120), toy_split(2, 120), seed=0
        )
    best = {name: result.history[result.best_epoch - 1] for name, result in results.items()}
    assert results["free"].history[-1].validation_density > 1.0
    assert results["cost"].history[-1].validation_density < 0.3
    assert 0.15 < best["budget"].validation_density <= 0.42
    assert min(report.validation_accuracy for report in best.values()) > 0.85
    assert best["free"].spike_cost == 0.0 < best["budget"].spike_cost
    assert best["budget"].epoch >= 0.4 * 24
    assert [result.keeps_budget for result in results.values()] == [None, None, True]


def test_a_budget_that_no_epoch_keeps_is_told():
    result = train(network(), recipe(budget={"density": 1e-3}, epochs=2), toy_split(1, 40), toy_split(2, 40), seed=0)
    assert result.keeps_budget is False


def test_a_budget_is_one_thing():
    for budget in ({}, {"energy": "1 uJ"}, {"density": 1.0, "chip": "loihi"}):
        with pytest.raises(InputError, match="give either density, or energy and the chip that it is for"):
            recipe(budget=budget)


def test_costs_fit_the_network():
    with pytest.raises(InputError, match="spike_cost: must be one number, or one for each of 2 hidden layers"):
        train(SMALL, recipe(spike_cost=[0.1, 0.1, 0.1]), toy_split(1, 40), toy_split(2, 10), seed=0)
    with pytest.raises(InputError, match="needs a meter"):
        SpikeCosts(recipe(budget={"energy": "1 uJ", "chip": "loihi"}), SMALL)

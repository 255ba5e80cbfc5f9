"""The paper's CIFAR-10 setting (A.10): a VGG of spiking neurons that never leak, on currents of a single timestep."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec
from codesign.simulation.schedule import Schedule
from codesign.training.evaluation import evaluate
from codesign.training.presets import PRESETS
from codesign.training.recipe import Recipe
from codesign.training.trainer import train
from codesign.workload.events import EventBatch

PRESET = PRESETS["cifar10"]


def images(samples: int) -> EventBatch:
    """Coloured squares of 8 × 8 pixels, as currents on a dyadic grid."""
    rng = np.random.default_rng(0)
    squares = np.round(16 * rng.normal(size=(samples, 1, 3, 4, 4))) / 16
    pixels = squares.repeat(8, axis=3).repeat(8, axis=4)
    return EventBatch.from_dense(pixels, np.arange(samples) % 10, timestep_s=1.0, currents=True)


@pytest.mark.thorough
def test_full_width_trains_and_evaluates():
    """Would catch a size of the paper's network that some index or buffer does not hold."""
    topology = TopologySpec(input=[3, 32, 32], layers=PRESET.layers)
    network, events = SpikingNetwork(topology, PRESET.neuron, timestep_s=1.0, seed=0), images(2)
    with torch.no_grad():
        for weight in network.weights():
            weight.mul_(2)  # so that all layers fire
    before = [weight.detach().clone() for weight in network.weights()]
    recipe = Recipe(method="unlayered", group_size=PRESET.group_size, epochs=1, batch_size=2, learning_rate=2e-4)
    (report,) = train(network, recipe, events, events, seed=0).history
    assert np.isfinite(report.loss)
    assert not any(torch.equal(one, weight) for one, weight in zip(before, network.weights(), strict=True))
    execution = evaluate(network, events, Schedule(group_size=64, stop="drained"))
    assert execution.emitted.shape == (2, 7)
    assert (execution.emitted[:, :-1] > 0).all()
    assert (execution.emitted[:, -1] == 0).all()  # output neurons never fire

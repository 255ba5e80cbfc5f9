"""Updates of a training: those of packed weights are those that are made one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from networks import batch_of, network_of, toy_split

from codesign.network.spiking_network import SpikingNetwork
from codesign.training import updates
from codesign.training.hooks import Hooks
from codesign.training.recipe import Recipe
from codesign.training.result import EpochReport
from codesign.training.trainer import train

LAYERED = Recipe(method="layered", epochs=3, batch_size=20, learning_rate=0.01)
RANDOM = Recipe(
    method="unlayered",
    group_size=2,
    epochs=3,
    batch_size=30,
    learning_rate=0.01,
    refractory_dropout=0.8,
    weight_decay=0.01,
)
CONVOLUTION = {
    "input": [1, 2, 4],
    "layers": [{"kind": "conv2d", "channels": 5, "kernel": 2}, {"kind": "linear", "neurons": 2}],
}


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of samples of each block of updates between which weights stay packed."""
    before, samples = updates.packed, []

    def packed(optimizer: Any, run: Any) -> Any:
        samples.append(len(run.events))
        return before(optimizer, run)

    monkeypatch.setattr(updates, "packed", packed)
    return samples


@pytest.mark.parametrize(
    ("changes", "topology"),
    [
        ({}, "8-12-2"),
        ({"input_dropout": 0.2, "network_dropout": 0.2, "momentum_noise": 0.1, "policy": "momentum"}, "8-21-7-2"),
        ({"loss": "timestep", "warm_up": 7, "idle_gradient": "none", "spike_cost": 0.1}, "8-12-2"),
        ({}, CONVOLUTION),
    ],
)
def test_weights_that_stay_packed_are_those_of_updates_one_by_one(
    changes: dict[str, Any], topology: Any, blocks: list[int], monkeypatch: pytest.MonkeyPatch
):
    """To the last bit, on any number of threads, with several blocks of updates an epoch and a smaller last batch. A
    hook forbids packing."""
    monkeypatch.setattr(updates, "_MOST_NUMBERS", 1500)
    recipe = RANDOM.model_copy(update=changes)
    found = []
    for threads, hooks in ((2, Hooks()), (1, Hooks(batch_transform=lambda events, seed, epoch: events))):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        network = network_of(topology, threshold=0.3)
        result = train(network, recipe, toy_split(1, 200), toy_split(2, 50), seed=0, hooks=hooks)
        found.append((result.state, [(one.loss, one.training_accuracy, one.spike_density) for one in result.history]))
    (packed, history), (one_by_one, its_history) = found
    assert history == its_history
    assert all(torch.equal(packed[name], one_by_one[name]) for name in packed)
    assert recipe.epochs < len(blocks) < recipe.epochs * 7


def halves(network: SpikingNetwork) -> None:
    network.weights()[0].register_hook(lambda gradient: gradient / 2)


def halves_in_place(network: SpikingNetwork) -> None:
    def halve(weight: torch.Tensor) -> None:
        weight.grad.mul_(0.5)

    network.weights()[0].register_post_accumulate_grad_hook(halve)


def learns_from_the_second_epoch_on(network: SpikingNetwork) -> None:
    network.weights()[0].requires_grad_(False)


@pytest.mark.parametrize("change", [halves, halves_in_place, learns_from_the_second_epoch_on])
def test_what_a_user_does_to_single_weights_is_done_in_plain_training_too(change: Any):
    """As where a hook forbids that weights stay packed."""
    found = []
    for hooks in (Hooks(), Hooks(batch_transform=lambda events, seed, epoch: events)):
        network = network_of("8-12-2", threshold=0.3)
        change(network)

        def learn_all(report: EpochReport, network: SpikingNetwork = network) -> None:
            network.requires_grad_()

        recipe = LAYERED
        train(network, recipe, toy_split(1, 60), toy_split(2, 20), seed=0, hooks=hooks, on_epoch=learn_all)
        found.append(network.state_dict())
    plain, hooked = found
    assert all(torch.equal(plain[name], hooked[name]) for name in plain)


def test_weights_stay_packed_for_as_many_samples_as_their_scores_have_room(
    blocks: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(updates, "_MOST_NUMBERS", 600)
    silent = batch_of(np.zeros((200, 3, 8)), np.arange(200) % 2)
    recipe = Recipe(method="layered", loss="timestep", epochs=1, batch_size=30)
    train(network_of("8-12-2"), recipe, silent, silent, seed=0, warn=False)
    assert blocks == [60, 60, 60, 20]  # 3 timesteps of 2 scores each

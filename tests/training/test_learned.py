"""Thresholds and time constants that learn."""

from __future__ import annotations

import math
import re

import pytest
import torch
from networks import network_of, toy_split

from codesign.errors import InputError, TrainingDivergedError
from codesign.models.card import describe_model
from codesign.models.file import decode_model, encode_model
from codesign.models.page import model_page
from codesign.simulation.engine import simulate
from codesign.simulation.schedule import LAYERED
from codesign.training.evaluation import evaluate
from codesign.training.learn import Learn, LearnedNeurons
from codesign.training.recipe import Recipe
from codesign.training.trainer import train

BOTH = Learn(threshold="layer", time_constant="neuron", learning_rate=0.02)


def recipe(learn: Learn | None, **others: object) -> Recipe:
    return Recipe(method="layered", epochs=3, batch_size=20, learning_rate=0.01, learn=learn, **others)


def test_a_first_update_moves_each_number_by_the_rate_against_its_gradient():
    """Adam's first step is the learning rate, and is taken in the logarithm; layers sum the gradients of neurons."""
    network, batch = network_of("8-12-2", time_constant="20 ms"), toy_split(1, 40)
    twin = network_of("8-12-2", time_constant="20 ms")
    twin.threshold.requires_grad_()
    twin.time_constant.requires_grad_()
    logits = simulate(twin, batch, LAYERED, seed=5, epoch=1).logits
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()
    one = recipe(BOTH).model_copy(update={"epochs": 1, "batch_size": 40})
    state = train(network, one, batch, toy_split(2, 10), seed=5).state
    of_layers = [twin.threshold.grad[neurons].sum() for neurons in network.layer_slices]
    threshold = [0.25 * math.exp(-0.02 * float(gradient.sign())) for gradient in of_layers]
    assert state["threshold"].tolist() == pytest.approx([threshold[0]] * 12 + [threshold[1]] * 2, rel=1e-4)
    steps = -0.02 * twin.time_constant.grad.sign()
    assert steps.any()
    assert state["time_constant"].tolist() == pytest.approx((0.02 * steps.exp()).tolist(), rel=1e-4)
    assert not network.threshold.requires_grad


def test_what_was_learned_is_run_saved_and_loaded():
    network = network_of("8-12-2", time_constant="20 ms")
    result = train(network, recipe(BOTH), toy_split(1, 100), toy_split(2, 40), seed=0)
    assert len(set(result.state["threshold"].tolist())) == 2
    assert len(set(result.state["time_constant"].tolist())) > 2
    fresh = network_of("8-12-2", time_constant="20 ms")
    fresh.load_state_dict(result.state)
    card = describe_model(network, name="learned", recipe=recipe(BOTH), training=result)
    loaded = decode_model(encode_model(result.state, card))
    assert loaded.card.recipe == recipe(BOTH)
    events = toy_split(3, 50)
    scores = evaluate(network, events, LAYERED).scores
    for other in (fresh, loaded.network):
        assert (evaluate(other, events, LAYERED).scores == scores).all()
    page = model_page(card, "x.safetensors")
    assert re.search(r"threshold 0\.\d+ to 0\.\d+, time constant", page)
    assert "| learn | threshold of each layer, time constant of each neuron, learning rate 0.02 |" in page


def test_what_does_not_learn_stays():
    network = network_of("8-12-2", time_constant="20 ms")
    learn = Learn(threshold="neuron")
    state = train(network, recipe(learn), toy_split(1, 40), toy_split(2, 10), seed=0).state
    assert set(state["time_constant"].tolist()) == {0.02}
    assert len(set(state["threshold"].tolist())) > 2


def test_time_constants_that_vanish_are_a_divergence():
    fast = recipe(Learn(time_constant="neuron", learning_rate=1e4))
    with pytest.raises(TrainingDivergedError, match="a number that learns became 0 or is no longer finite in epoch 1"):
        train(network_of("8-12-2", time_constant="20 ms"), fast, toy_split(1, 100), toy_split(2, 40), seed=0)


def test_numbers_stay_in_their_ranges_whatever_an_optimizer_does():
    network = network_of("3-2", time_constant="20 ms")
    network.time_constant[1] = 0.03
    learned = LearnedNeurons(network, Learn(threshold="neuron", time_constant="layer"))
    for p in (-20.0, 5.0):
        with torch.no_grad():
            for parameter in learned.logarithms.values():
                parameter.fill_(p)
            learned.join()
        assert network.threshold.tolist() == pytest.approx([0.25 * math.exp(p)] * 2)
        assert network.time_constant.tolist() == pytest.approx([0.02 * math.exp(p), 0.03 * math.exp(p)])
        assert ((network.decay >= 0) & (network.decay < 1)).all()


def test_time_constants_that_cannot_learn():
    learn = Learn(time_constant="layer")
    with pytest.raises(InputError, match="an infinite time constant cannot be trained"):
        train(network_of("8-12-2"), recipe(learn), toy_split(1, 40), toy_split(2, 10), seed=0)

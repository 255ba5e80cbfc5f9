"""The gate that learns: its gradient, what it closes, and when it rests."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import batch_of, dense, network_of, toy_split

from codesign.errors import InputError
from codesign.simulation.engine import classification_loss
from codesign.simulation.schedule import LAYERED
from codesign.training.evaluation import evaluate
from codesign.training.hooks import Hooks
from codesign.training.input_gate import LearnedGate
from codesign.training.recipe import Recipe
from codesign.training.trainer import train

RECIPE = Recipe(
    method="layered", epochs=20, batch_size=20, learning_rate=0.01, input_gate=True, input_cost=0.3, cost_ramp=0.2
)
CONVOLUTION = {
    "input": [3, 4, 4],
    "layers": [{"kind": "conv2d", "channels": 5, "kernel": 3}, {"kind": "linear", "neurons": 2}],
}
POOLED = {"input": [2, 4, 4], "layers": [{"kind": "average_pool", "kernel": 2}, {"kind": "linear", "neurons": 2}]}


@pytest.mark.parametrize("topology", ["10-12-2", CONVOLUTION, POOLED])
def test_the_gradient_is_that_of_a_mask_on_the_weights(topology):
    network, rng = network_of(topology, threshold=0.1), np.random.default_rng(0)
    frames = rng.poisson(1.0, (8, 2, network.shape.input_size))
    events = batch_of(frames, rng.integers(0, 2, 8))
    gate = LearnedGate(network, RECIPE.model_copy(update={"batch_size": 3}), events)
    assert gate.logits.tolist() == pytest.approx([0.1 * 0.01 * 20 * 3] * network.input_columns)
    columns, inputs = network.input_columns, network.shape.input_size
    of_column = (
        torch.nn.functional.one_hot(torch.arange(inputs) // (inputs // columns)) if topology is CONVOLUTION else None
    )
    if topology == "10-12-2":
        assert gate.shares.tolist() == pytest.approx(frames.sum(axis=(0, 1)) / frames.sum())
    elif of_column is not None:
        assert gate.shares.tolist() == pytest.approx(frames.reshape(-1, 3, 16).sum(axis=(0, 2)) / frames.sum())
    with torch.no_grad():
        gate.logits[::2] = -1.0
    weight, whole = network.weights()[0], network.weights()[0].detach().clone()
    mask = (gate.logits > 0).float().requires_grad_()
    with gate.in_weights(epoch=2):  # the cost has risen to 1.5 of 4 epochs
        assert network.input_gate is None
        assert not weight[:, ::2].any()
        classification_loss(network, events, LAYERED).value.backward()
        of_masked = weight.grad.clone()
    shape = (1, -1, *(1,) * (weight.ndim - 2))
    original = whole.clone().requires_grad_()
    (of_masked * (original * mask.view(shape))).sum().backward()
    torch.testing.assert_close(gate.logits.grad, mask.grad + 1.5 / 4 * 0.3 * gate.shares)
    torch.testing.assert_close(weight.grad, original.grad)
    assert torch.equal(weight, whole)
    assert of_masked[:, ::2].any()  # closed columns have something to learn from
    gate.settle()
    assert network.input_gate.tolist() == [i % 2 == 1 for i in range(columns)]
    with gate.in_weights(epoch=13):
        pass
    assert gate.logits.grad is None


def test_closes_inputs_that_say_nothing():
    network = network_of("16-12-2", threshold=0.3)
    training, validation = toy_split(1, 200, busy=8), toy_split(2, 100, busy=8)
    result = train(network, RECIPE, training, validation, seed=0)
    assert result.best_epoch > 12  # halfway from the end of the ramp
    gate = result.state["input_gate"]
    assert not gate[8:].any()
    assert gate[:8].sum() >= 4
    assert network.open_inputs == int(gate.sum())
    execution = evaluate(network, validation, LAYERED)
    assert execution.accuracy > 0.85
    passed = dense(validation)[:, :, gate.numpy()].sum(axis=(1, 2))
    assert execution.input_events.tolist() == passed.tolist()


def test_the_gate_of_an_epoch_is_what_its_last_update_made_of_the_logits():
    network, logits, agree = network_of("16-12-2", threshold=0.3), [], []

    def optimizer(parameters):
        logits.append(parameters[-1])
        return torch.optim.Adam(parameters, lr=0.01)

    def compare(report):
        agree.append(torch.equal(network.input_gate, logits[0] > 0))

    recipe = RECIPE.model_copy(update={"batch_size": 60})  # all inputs open at first, and each update is an epoch
    splits = toy_split(1, 60, busy=8), toy_split(2, 20, busy=8)
    train(network, recipe, *splits, seed=0, hooks=Hooks(optimizer=optimizer), on_epoch=compare)
    assert not network.input_gate.all()
    assert agree == [True] * 20


def test_the_gate_rests_before_training_ends():
    recipe = RECIPE.model_copy(update={"cost_ramp": 1.0})
    splits = toy_split(1, 60, busy=8), toy_split(2, 20, busy=8)
    result = train(network_of("16-12-2", threshold=0.3), recipe, *splits, seed=0)
    assert result.best_epoch == 20
    assert not result.state["input_gate"].all()


def test_patience_begins_when_the_gate_rests():
    network = network_of("16-12-2", threshold=0.3)
    recipe = RECIPE.model_copy(update={"patience": 1})
    result = train(network, recipe, toy_split(1, 60, busy=8), toy_split(2, 20, busy=8), seed=0)
    assert len(result.history) > 12


def test_what_has_no_gate_is_a_mistake():
    layers = [{"kind": "linear", "neurons": neurons} for neurons in (12, 6, 2)]
    skipped = {"input": 8, "layers": layers, "skips": [{"from": "input", "to": 2, "kind": "linear"}]}
    with pytest.raises(InputError, match="input_gate: cannot be learned where skips begin at the input"):
        train(network_of(skipped), RECIPE, toy_split(1, 20), toy_split(2, 20), seed=0)


def test_an_interrupt_within_a_pass_leaves_the_gate():
    network = network_of("16-12-2", threshold=0.3)

    def optimizer(parameters):
        with torch.no_grad():
            parameters[-1][8:] = -1.0
        return torch.optim.SGD(parameters, lr=1e-3)

    def loss(simulation, labels):
        if len(labels) > 1:  # the first batch
            raise KeyboardInterrupt
        return simulation.logits.sum()

    hooks = Hooks(optimizer=optimizer, loss=loss)
    with pytest.raises(KeyboardInterrupt):
        train(network, RECIPE, toy_split(1, 20, busy=8), toy_split(2, 20, busy=8), seed=0, hooks=hooks)
    assert network.input_gate.tolist() == [True] * 8 + [False] * 8

"""Training: it learns, it repeats itself, it looks at validation only, and it says when it diverges."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from networks import network_of, toy_split

from codesign.errors import InputError, SilentNetworkWarning, TrainingDivergedError
from codesign.network.neuron import NeuronSpec
from codesign.network.quantization import Quantization, quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.loss import CrossEntropy
from codesign.simulation.results import Simulation
from codesign.simulation.schedule import Schedule
from codesign.simulation.service import ServiceModel
from codesign.training.augmentation import Augmentation
from codesign.training.evaluation import evaluate
from codesign.training.hooks import Hooks
from codesign.training.learn import Learn
from codesign.training.recipe import Recipe
from codesign.training.result import EpochReport, TrainingResult
from codesign.training.trainer import train
from codesign.workload.events import EventBatch


def run(recipe: Recipe, *, seed: int = 0, **options: object) -> tuple[SpikingNetwork, TrainingResult]:
    network = network_of("8-12-2", threshold=0.3, seed=seed)
    result = train(network, recipe, toy_split(1, 200), toy_split(2, 100), seed=seed, **options)
    return network, result


RECIPES = {
    "layered": Recipe(method="layered", epochs=8, batch_size=20, learning_rate=0.01),
    "random": Recipe(
        method="unlayered", group_size=2, epochs=8, batch_size=20, learning_rate=0.01, refractory_dropout=0.8
    ),
    "momentum": Recipe(
        method="unlayered", policy="momentum", group_size=2, epochs=8, batch_size=20, learning_rate=0.01
    ),
    "one bit": Recipe(method="layered", quantization=1, epochs=8, batch_size=20, learning_rate=0.01),
}
FEW_BITS = Quantization(bits=3, potential_bits=4, potential_fraction_bits=1)


@pytest.mark.parametrize("name", RECIPES)
def test_learns_what_can_be_learned(name: str):
    network, result = run(RECIPES[name])
    quantize(network, RECIPES[name].quantization)
    assert result.history[-1].loss < 0.7 * result.history[0].loss
    execution = evaluate(network, toy_split(3, 200), RECIPES[name].schedule, seed=0)
    assert execution.accuracy > 0.85


def test_numbers_of_numpy_are_numbers_within_lists_too():
    assert Recipe(method="layered", epochs=np.int64(2), learning_rate=np.float64(0.01)).epochs == 2
    assert NeuronSpec(most_spikes=[np.int64(2), 1]).most_spikes == (2, 1)
    TopologySpec(input=np.int64(4), layers=[{"kind": "linear", "neurons": np.int64(2)}])


def test_the_seed_decides_the_order_of_samples():
    """Of one network, without random draws: the epoch takes what the seed says, and again the same."""
    losses = []
    for seed in (0, 0, 1):
        network = network_of("8-12-2", threshold=0.3)
        recipe = RECIPES["layered"].model_copy(update={"epochs": 1})
        losses.append(train(network, recipe, toy_split(1, 200), toy_split(2, 100), seed=seed).history[0].loss)
    assert losses[0] == losses[1] != losses[2]


SERVICE = ServiceModel(
    message_s=(2e-6, 1e-6, 3e-6),
    lanes=None,
    update_s=1e-6,
    spike_s=1e-6,
    output_s=(1e-6, 4e-6, 0.0),
    route_s=((1e-6, 0.0, 0.0), (0.0, 0.0, 9e-6), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
)
TIMED = Recipe(
    method="unlayered", policy="timed", chip="some", group_size=2, epochs=3, batch_size=20, learning_rate=0.01
)


def test_trains_through_the_times_of_a_chip():
    """The second half of the hidden layer lies on a core of its own, far away: its spikes leave last."""
    schedule = replace(TIMED.schedule, cores=(0,) * 6 + (1,) * 6 + (2,) * 2, service=SERVICE)
    network, timed = run(TIMED, schedule=schedule)
    assert timed.history[-1].loss < timed.history[0].loss
    fifo = run(TIMED.model_copy(update={"policy": "fifo"}))[1]
    assert not torch.equal(timed.state["connections.0.weight"], fifo.state["connections.0.weight"])
    assert evaluate(network, toy_split(3, 50), schedule).accuracy > 0.5


def one_epoch(events: EventBatch, recipe: Recipe, **options: object) -> TrainingResult:
    network = network_of("8-12-2", threshold=0.3)
    return train(network, recipe, events, toy_split(2, 100), seed=5, **options)


def test_trains_wherever_gradients_are_switched_off():
    recipe = RECIPES["layered"].model_copy(update={"epochs": 1})
    loss = one_epoch(toy_split(1, 40), recipe).history[0].loss
    for without in (torch.no_grad(), torch.inference_mode()):
        network = network_of("8-12-2", threshold=0.3)
        with without:
            assert train(network, recipe, toy_split(1, 40), toy_split(2, 100), seed=5).history[0].loss == loss


def test_samples_are_augmented_for_updates_and_not_for_validation():
    """The same as training on samples that were augmented before."""
    augmentation = Augmentation(shift=2, event_drop=0.5)
    recipe = RECIPES["layered"].model_copy(update={"epochs": 1})
    events = toy_split(1, 200).with_grid((1, 1, 8))
    before = one_epoch(augmentation(events, seed=5, epoch=1), recipe)
    by_recipe = one_epoch(events, recipe.model_copy(update={"augmentation": augmentation}))
    by_hook = one_epoch(events, recipe, hooks=Hooks(batch_transform=augmentation))
    for result in (by_recipe, by_hook):
        assert result.history[0].loss == before.history[0].loss
        assert result.history[0].validation_accuracy == before.history[0].validation_accuracy
    assert one_epoch(events, recipe).history[0].loss != before.history[0].loss
    with pytest.raises(InputError, match=r"^augmentation: shift: needs inputs on a grid"):
        one_epoch(toy_split(1, 200), recipe.model_copy(update={"augmentation": augmentation}))


def test_an_optimizer_and_its_learning_rates_are_those_of_the_hooks():
    """Plain descent follows the gradient itself, to which decay adds 2 λ_W W; with a learning rate of 0 after the first
    epoch nothing moves."""
    recipe = RECIPES["layered"].model_copy(update={"epochs": 3, "batch_size": 200, "weight_decay": 0.25})
    network = network_of("8-12-2", threshold=0.3)
    start = [weight.detach().clone() for weight in network.weights()]
    value = classification_loss(network, toy_split(1, 200), recipe.schedule, epoch=1, seed=5).value
    gradients = torch.autograd.grad(value, network.weights())
    hooks = Hooks(
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5),
        learning_rate_schedule=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.0),
    )
    train(network, recipe, toy_split(1, 200), toy_split(2, 10), seed=5, hooks=hooks)
    for weight, before, gradient in zip(network.weights(), start, gradients, strict=True):
        assert gradient.any()
        torch.testing.assert_close(weight.detach(), before - 0.5 * (gradient + 0.5 * before), rtol=0, atol=1e-6)


def test_a_learning_rate_warms_up_over_updates():
    rates: list[float] = []

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    recipe = RECIPES["layered"].model_copy(update={"epochs": 2, "batch_size": 50, "warm_up": 5})
    network = network_of("8-12-2", threshold=0.3)
    hooks = Hooks(optimizer=lambda parameters: Watched(parameters, lr=0.5))
    train(network, recipe, toy_split(1, 200), toy_split(2, 10), seed=5, hooks=hooks)
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5])
    falling = replace(hooks, learning_rate_schedule=lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: 1.0))
    network.input_gate = torch.tensor([True, False] * 4)
    before, gated = deepcopy(network.state_dict()), {"quantization": FEW_BITS, "input_gate": True}
    with pytest.raises(InputError, match=r"hooks\.learning_rate_schedule: must warm up by itself"):
        train(network, recipe.model_copy(update=gated), toy_split(1, 200), toy_split(2, 10), seed=5, hooks=falling)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("hook", "made", "message"),
    [
        ("optimizer", lambda parameters: None, "returns: must be Optimizer, found NoneType"),
        ("learning_rate_schedule", lambda optimizer: None, "returns: must be LRScheduler, found NoneType"),
        ("learning_rate_schedule", torch.optim.lr_scheduler.ReduceLROnPlateau, "gets no metric, which ReduceLROnPlat"),
    ],
)
def test_a_hook_makes_what_can_be_used_before_the_first_epoch(hook: str, made: Any, message: str):
    with pytest.raises(InputError, match=rf"hooks\.{hook}:? {message}"):
        run(RECIPES["layered"], hooks=Hooks(**{hook: made}))


def test_a_transform_keeps_the_number_of_samples():
    hooks = Hooks(batch_transform=lambda events, seed, epoch: events.select([0]))
    with pytest.raises(InputError, match="must return 20 samples, found 1"):
        run(RECIPES["layered"], hooks=hooks)
    with pytest.raises(InputError, match=r"what hooks\.batch_transform returns: must be EventBatch, found NoneType"):
        run(RECIPES["layered"], hooks=Hooks(batch_transform=lambda events, seed, epoch: None))


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        (lambda simulation, labels: None, "NoneType"),
        (lambda simulation, labels: simulation.logits, r"shape \(1, 2\)"),
        (lambda simulation, labels: simulation.logits.detach().sum(), "one without"),
    ],
)
def test_a_loss_that_cannot_be_minimized_is_refused(loss, found):
    with pytest.raises(InputError, match=f"loss: must return a scalar with a gradient, found {found}$"):
        run(RECIPES["layered"], hooks=Hooks(loss=loss))


def test_training_ends_when_it_is_told_to():
    result = run(RECIPES["layered"], on_epoch=lambda report: report.epoch == 3)[1]
    whole = run(RECIPES["layered"])[1]
    assert [report.loss for report in result.history] == [report.loss for report in whole.history[:3]]
    assert result.best_epoch <= 3


@pytest.mark.parametrize(
    ("engine", "quantization"),
    [("reference", None), ("event", None), ("event", Quantization(bits=1)), ("event", FEW_BITS)],
)
def test_one_update_follows_the_gradient_of_the_loss(engine: str, quantization: Quantization | None):
    """Adam's first step has the size of the learning rate against the sign of the gradient, which is that at quantized
    weights, and of weight decay that of the float weights."""
    recipe = RECIPES["random"].model_copy(update={"epochs": 1, "batch_size": 200, "weight_decay": 1e-3})
    recipe = recipe.model_copy(update={"quantization": quantization})
    network = network_of("8-12-2", threshold=0.3)
    before = [weight.detach().clone() for weight in network.weights()]
    batch = toy_split(1, 200)
    quantize(network, quantization)
    logits = simulate(
        network, batch, recipe.schedule, regularization=recipe.regularization, seed=5, epoch=1, engine=engine
    ).logits
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels))
    gradients = torch.autograd.grad(loss, network.weights())
    gradients = [gradient + 2e-3 * weight for gradient, weight in zip(gradients, before, strict=True)]
    quantize(network, None, weights=before)
    report = train(network, recipe, batch, toy_split(2, 10), seed=5, engine=engine).history[0]
    for weight, start, gradient in zip(network.weights(), before, gradients, strict=True):
        clear = gradient.abs() > 1e-4
        assert clear.float().mean() > 0.5
        expected = start - 0.01 * gradient.sign()
        torch.testing.assert_close(weight.detach()[clear], expected[clear], rtol=0, atol=1e-4)
    labels = torch.from_numpy(batch.labels)
    assert report.loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits.detach(), labels)), rel=1e-5)
    right = (logits.argmax(dim=1) == labels) & (logits > 0).any(dim=1)
    assert report.training_accuracy == pytest.approx(float(right.float().mean()))


@pytest.mark.parametrize("quantization", [Quantization(bits=2, scale="network"), FEW_BITS])
def test_what_is_quantized_afterwards_is_what_was_trained(quantization: Quantization):
    recipe = RECIPES["random"].model_copy(update={"quantization": "chip", "epochs": 3})
    network, result = run(recipe, quantization=quantization)
    assert (network.potential_ranges, network.potential_steps) == (None, None)
    assert all(torch.equal(value, result.state[name]) for name, value in network.state_dict().items())
    floats = evaluate(network, toy_split(2, 100), recipe.schedule)
    quantize(network, quantization)
    coarse = evaluate(network, toy_split(2, 100), recipe.schedule)
    assert coarse.accuracy == result.history[result.best_epoch - 1].validation_accuracy
    assert (coarse.scores != floats.scores).any()
    ranges = network.potential_ranges
    train(network, RECIPES["random"].model_copy(update={"epochs": 1}), toy_split(1, 20), toy_split(2, 20), seed=0)
    assert network.potential_ranges == ranges  # a training in floats leaves them


def test_a_quantization_that_is_not_the_recipes_is_refused():
    for_chip = RECIPES["random"].model_copy(update={"quantization": "chip"})
    for recipe, quantization in ((RECIPES["one bit"], Quantization(bits=2)), (for_chip, None)):
        with pytest.raises(InputError, match="quantization: "):
            run(recipe, quantization=quantization)


def test_a_loss_of_the_hooks_is_minimized_and_one_that_engines_know_is_trained_on_alike():
    recipe = RECIPES["random"].model_copy(update={"epochs": 2, "loss": {"name": "timestep", "temperature": 0.5}})
    by_recipe = run(recipe)[1]
    known = CrossEntropy(of="timestep", temperature=0.5)
    by_hook = run(RECIPES["random"].model_copy(update={"epochs": 2}), hooks=Hooks(loss=known))[1]
    assert [report.loss for report in by_hook.history] == [report.loss for report in by_recipe.history]
    unknown = run(recipe, hooks=Hooks(loss=lambda simulation, labels: known(simulation, labels)))[1]
    assert unknown.history[0].loss == pytest.approx(by_recipe.history[0].loss, rel=1e-3)  # gradients add up otherwise

    def rates(simulation: Simulation, labels: torch.Tensor) -> torch.Tensor:
        return (simulation.scores - torch.nn.functional.one_hot(labels, 2)[:, None]).square().mean()

    network, result = run(RECIPES["random"], hooks=Hooks(loss=rates))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert result.history[-1].loss < 0.7 * result.history[0].loss
    assert evaluate(network, toy_split(3, 200), RECIPES["random"].schedule).accuracy > 0.85


def test_keeps_the_weights_that_did_best_on_validation_and_tells_of_every_epoch():
    reports: list[EpochReport] = []
    network, result = run(RECIPES["layered"], on_epoch=reports.append)
    best = max(report.validation_accuracy for report in result.history)
    first = next(report.epoch for report in result.history if report.validation_accuracy == best)
    assert result.best_epoch == first
    assert all(torch.equal(network.state_dict()[name], value) for name, value in result.state.items())
    execution = evaluate(network, toy_split(2, 100), RECIPES["layered"].schedule, seed=0)
    assert execution.accuracy == pytest.approx(best)
    assert tuple(reports) == tuple(result.history)
    assert [report.epoch for report in reports] == list(range(1, 9))
    assert reports[-1].remaining_s == 0
    assert all(report.spike_density > 0 for report in reports)
    assert result.epoch_wall_s == reports[1].updates_s > 0
    assert sum(report.updates_s for report in reports) < reports[-1].elapsed_s
    short = run(RECIPES["layered"].model_copy(update={"epochs": 1}))[1]
    assert short.epoch_wall_s == short.history[0].updates_s


def test_an_epoch_is_picked_by_accuracy_under_a_margin():
    recipe = RECIPES["layered"].model_copy(update={"validation_margin": 1, "epochs": 3})
    schedule = replace(recipe.schedule, stop="margin", margin=1)
    network, result = run(recipe)
    kept = evaluate(network, toy_split(2, 100), schedule)
    assert kept.accuracy == result.history[result.best_epoch - 1].validation_accuracy
    assert (kept.timesteps_run < 3).any()
    plain = run(recipe.model_copy(update={"validation_margin": None}))[1]
    found, drained = ([report.validation_accuracy for report in one.history] for one in (result, plain))
    assert [report.loss for report in result.history] == [report.loss for report in plain.history]
    assert found != drained
    potentials = network_of("8-2", readout="potential")
    with pytest.raises(InputError, match="validation_margin: needs output spikes"):
        train(potentials, recipe, toy_split(1, 20), toy_split(2, 20), seed=0)


def test_an_interrupted_training_leaves_the_best_weights_so_far():
    network = network_of("8-12-2", threshold=0.3)
    accuracies, states = [], []

    def interrupt(report: EpochReport) -> None:
        accuracies.append(report.validation_accuracy)
        states.append(network.connections[0].weight.detach().clone())
        if accuracies.index(max(accuracies)) < report.epoch - 1:  # of equals the first is the best
            raise KeyboardInterrupt

    recipe = RECIPES["random"].model_copy(update={"epochs": 100})
    with pytest.raises(KeyboardInterrupt):
        train(network, recipe, toy_split(1, 200), toy_split(2, 100), seed=0, on_epoch=interrupt)
    assert torch.equal(network.connections[0].weight, states[accuracies.index(max(accuracies))])
    assert not torch.equal(network.connections[0].weight, states[-1])


@pytest.mark.parametrize("at", [0, 11])
def test_what_ends_the_first_epoch_leaves_a_plain_network(at: int):
    """With float weights, those of inputs that the gate had closed for a pass included."""
    losses = iter(range(12))

    def loss(simulation: Simulation, labels: torch.Tensor) -> torch.Tensor:
        if next(losses) == at:
            raise KeyboardInterrupt
        return torch.nn.functional.cross_entropy(simulation.logits, labels)

    more = {"quantization": 2, "learn": {"threshold": "layer"}, "input_gate": True, "input_cost": 100.0}
    recipe = Recipe(method="layered", epochs=2, batch_size=10, learning_rate=0.05, cost_ramp=0.0, **more)
    network = network_of("8-12-2", threshold=0.3)
    with pytest.raises(KeyboardInterrupt):
        train(network, recipe, toy_split(1, 200), toy_split(2, 20), seed=0, hooks=Hooks(loss=loss))
    weight = deepcopy(network).connections[0].weight
    assert network.potential_ranges is None
    assert len(weight.unique()) == weight.numel()


def test_tensors_are_made_where_the_network_is_whatever_the_default():
    network = network_of("8-12-2", threshold=0.3)
    recipe = RECIPES["layered"].model_copy(update={"epochs": 1, "learn": Learn(threshold="layer")})
    torch.set_default_device("meta")
    try:
        train(network, recipe, toy_split(1, 200), toy_split(2, 100), seed=0)
        assert evaluate(network, toy_split(3, 200), Schedule(group_size=2)).samples == 200
    finally:
        torch.set_default_device(None)


def test_stops_early_when_validation_no_longer_improves():
    recipe = RECIPES["layered"].model_copy(update={"epochs": 60, "patience": 3})
    result = run(recipe)[1]
    assert len(result.history) < 60
    assert len(result.history) == result.best_epoch + 3


def test_divergence_is_an_error():
    recipe = Recipe(method="layered", epochs=3, learning_rate=1e30, weight_decay=1.0)  # weights overflow
    wanted = "no longer finite in epoch 2; a lower learning rate may help; of 1 complete, epoch 1 was best"
    for quantization in (None, FEW_BITS):
        with pytest.raises(TrainingDivergedError, match=wanted):
            run(recipe.model_copy(update={"quantization": quantization}))
    integers, few = network_of("8-12-2", potential_step=2.0**-6), recipe.model_copy(update={"quantization": FEW_BITS})
    with pytest.raises(TrainingDivergedError, match=wanted):
        train(integers, few, toy_split(1, 200), toy_split(2, 100), seed=0)
    with pytest.raises(TrainingDivergedError, match=r"in epoch 1; .*; no epoch was complete"):
        run(recipe.model_copy(update={"batch_size": 20}))
    nothing = Hooks(loss=lambda simulation, labels: simulation.logits.sum() * float("nan"))
    with pytest.raises(TrainingDivergedError, match="the loss became nan in epoch 1"):
        run(RECIPES["layered"], hooks=nothing)


def test_a_loss_that_float32_cannot_hold_diverges_without_a_warning_of_numpy():
    network = network_of("8-12-2", threshold=0.3, readout="potential")
    with torch.no_grad():
        network.weights()[1].mul_(1e37)
    recipe = Recipe(method="layered", loss={"name": "sum", "temperature": 0.001}, epochs=1, batch_size=20)
    with pytest.raises(TrainingDivergedError, match="the loss became inf in epoch 1"):
        train(network, recipe, toy_split(1, 60), toy_split(2, 20), seed=0)


def test_a_network_that_cannot_run_is_no_divergence():
    network = network_of("8-12-2")
    network.threshold[3] = math.nan
    with pytest.raises(InputError, match="thresholds must be finite"):
        train(network, RECIPES["layered"], toy_split(1, 40), toy_split(2, 40), seed=0)


def test_a_layer_that_never_fires_is_told_after_the_first_epoch():
    network = SpikingNetwork("8-12-6-2", NeuronSpec(threshold=0.1), timestep_s=0.01)
    recipe = Recipe(method="layered", epochs=3, batch_size=20)
    train(network, recipe, toy_split(1, 40), toy_split(2, 40), seed=0)  # nothing to tell
    with torch.no_grad():
        network.weights()[1].mul_(0.01)
    before = [weight.detach().clone() for weight in network.weights()]
    with pytest.warns(
        SilentNetworkWarning, match="the second of 3 layers fired for none of 40 training samples"
    ) as told:
        train(network, recipe, toy_split(1, 40), toy_split(2, 40), seed=0)
    assert [warning.filename for warning in told] == [__file__]
    train(network, recipe, toy_split(1, 40), toy_split(2, 40), seed=0, warn=False)
    assert all(torch.equal(was, weight) for was, weight in zip(before, network.weights(), strict=True))


def test_labels_without_an_output_are_refused():
    right, wrong = toy_split(1, 4), replace(toy_split(2, 4), labels=np.array([0, 1, 2, 1]))
    for name, splits in {"training": (wrong, right), "validation": (right, wrong)}.items():
        with pytest.raises(InputError, match=f"{name}: labels must be 0 … 1 for a network with 2 outputs, found 2"):
            train(network_of("8-12-2"), RECIPES["layered"], *splits, seed=0)


def test_empty_splits_are_an_error():
    network = network_of("8-2")
    with pytest.raises(InputError, match="must not be empty"):
        train(network, RECIPES["layered"], toy_split(1, 4).select([]), toy_split(2, 4), seed=0)

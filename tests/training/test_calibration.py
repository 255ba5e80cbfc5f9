"""Calibration: scaled thresholds are scaled weights, matching matches, and only training samples are looked at."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from equality import assert_same
from neuron_values import another

from codesign.errors import InputError
from codesign.network.neuron import OF_RESETS, SCALED, NeuronSpec
from codesign.network.quantization import Quantization, quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec
from codesign.simulation.engine import simulate
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.training import calibration as module
from codesign.training import trainer
from codesign.training.calibration import Thresholds, calibrate
from codesign.training.evaluation import evaluate
from codesign.training.recipe import Calibration, Recipe
from codesign.workload.events import EventBatch

ASYNCHRONOUS = Schedule(policy="random", group_size=2, stop="on_output", steps_after_output=1)


def network_of(
    topology: str | TopologySpec = "8-12-10-3", *, grid: float | None = None, **neuron: Any
) -> SpikingNetwork:
    """Weights large enough that all layers fire; on multiples of `grid`, whose sums are exact in any order."""
    spec = NeuronSpec(threshold=0.3125, time_constant="10 ms", **neuron)
    network = SpikingNetwork(topology, spec, timestep_s=0.01, seed=1)
    network.time_constant.fill_(0.01 / np.log(2))  # the decay of a timestep is 1/2
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            values = torch.randn(parameter.shape, generator=generator) * 0.4 + 0.1
            parameter.copy_(values if grid is None else (values / grid).round() * grid)
    return network


def split(seed: int, samples: int = 60) -> EventBatch:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, samples)
    rates = np.where(np.arange(8) % 3 == labels[:, None], 1.0, 0.3)
    frames = rng.poisson(rates[:, None, :].repeat(3, axis=1))
    return EventBatch.from_dense(frames, labels, timestep_s=0.01, sample_ids=1000 * seed + np.arange(samples))


@pytest.mark.parametrize(
    "neuron",
    [
        {},
        {"refractory": False},
        {"reset": "subtract", "refractory": False},
        {"reset": "subtract", "reset_amount": 0.25, "bias": True},
        {"reset": "value", **{name: another(name) for name in SCALED if OF_RESETS.get(name, "value") == "value"}},
        {"potential_ranges": ((-0.5, 0.75), (-0.5, 0.5), (-1, 1.5)), "potential_steps": (2**-4, 2**-5, 0)},
    ],
    ids=["hard reset", "free to fire again", "subtract", "amount and bias", "value, floor and start", "on a chip"],
)
@pytest.mark.parametrize("schedule", [LAYERED, ASYNCHRONOUS])
def test_scaled_thresholds_are_weights_scaled_inversely(schedule: Schedule, neuron: dict[str, Any]) -> None:
    """To the last spike and counter, where scales are powers of two and no sum is rounded."""
    scales = (2.0, 0.5, 4.0)
    chip = {name: neuron[name] for name in neuron if name.startswith("potential_")}
    neuron = {name: value for name, value in neuron.items() if name not in chip}
    raised, divided, given = (network_of(grid=2**-6, **neuron) for _ in range(3))
    for network, (name, value) in itertools.product((raised, divided, given), chip.items()):
        setattr(network, name, value)
    for neurons, scale in zip(raised.layer_slices, scales, strict=True):
        raised.threshold[neurons] *= scale
    thresholds = Thresholds(divided)
    thresholds.set((0.5, 0.5, 0.5))  # scales are of what it found
    thresholds.set(scales)
    assert torch.equal(divided.threshold, network_of(**neuron).threshold)
    events = split(3)
    with torch.no_grad():
        one, other = (simulate(each, events, schedule, seed=4).execution for each in (raised, divided))
        plain = simulate(given, events, schedule, seed=4).execution
    assert_same(one, other)
    assert (one.emitted.sum(axis=0) > 0).all()
    assert not np.array_equal(one.emitted, plain.emitted)


def test_matching_reaches_the_spikes_of_layered_inference() -> None:
    network, events = network_of("8-40-40-12-3"), split(5, 200)
    wanted = evaluate(network, events, LAYERED).emitted.sum(axis=0)
    before = evaluate(network, events, ASYNCHRONOUS.drained(), seed=7).emitted.sum(axis=0)
    assert (abs(before / wanted - 1)[1:3] > 0.03).all()
    calibration = Calibration(group_size=2, criterion="matching", samples=200)
    scales = calibrate(network, calibration, events, trained_through=LAYERED, seed=7)
    after = evaluate(network, events, ASYNCHRONOUS.drained(), seed=7).emitted.sum(axis=0)
    assert after[:3] == pytest.approx(wanted[:3], rel=0.03)  # layers after it still move a layer a little
    # A frame reaches all of the first layer at once, whatever the schedule.
    assert scales[0] == 1


def test_scales_are_found_for_the_network_that_the_chip_runs() -> None:
    """Those of three levels a layer, which scales do not change; what is kept are float weights."""
    quantization, calibration = Quantization(bits=2), Calibration(group_size=2)

    def calibrated(network: SpikingNetwork, **options: Any) -> tuple[float, ...]:
        return calibrate(network, calibration, split(5), trained_through=LAYERED, seed=3, **options)

    coarse, network = network_of(), network_of()
    quantize(coarse, quantization)
    expected = calibrated(coarse)
    assert expected != calibrated(network_of())
    floats = [weight.detach().clone() for weight in network.weights()]
    assert calibrated(network, quantization=quantization) == expected
    for weight, before, scale in zip(network.weights(), floats, expected, strict=True):
        assert torch.equal(weight, before / scale)


def test_matching_what_was_trained_through_changes_nothing() -> None:
    network, schedule = network_of(), Schedule(policy="random", group_size=2, stop="drained")
    before = [weight.clone() for weight in network.weights()]
    calibration = Calibration(group_size=2, criterion="matching")
    assert calibrate(network, calibration, split(5), trained_through=schedule, seed=0) == (1, 1, 1)
    assert all(map(torch.equal, network.weights(), before))


def test_cross_entropy_falls_below_that_of_matching() -> None:
    def loss(network: SpikingNetwork) -> float:
        events = split(5)
        with torch.no_grad():
            logits = simulate(network, events, ASYNCHRONOUS, seed=3).logits
        return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(events.labels)))

    losses = {}
    for criterion in ("matching", "cross_entropy"):
        network = network_of()
        calibration = Calibration(group_size=2, criterion=criterion)
        calibrate(network, calibration, split(5), trained_through=LAYERED, seed=3)
        losses[criterion] = loss(network)
    assert losses["cross_entropy"] < losses["matching"]


def test_scales_go_up_and_down_to_the_nearest_quarter_of_an_octave() -> None:
    """Octaves of 1.3 and −0.7: by halves to 1.5 and −0.5, then by quarters; and a layer that changes nothing."""
    held: list[list[float]] = []

    def loss() -> float:
        return abs(np.log2(held[-1][0]) - 1.3) + abs(np.log2(held[-1][1]) + 0.7)

    found = module._descended(SimpleNamespace(layers=3, set=held.append), loss, [1.0] * 3)
    assert found == pytest.approx([2**1.25, 2**-0.75, 1.0])


def test_an_interrupt_leaves_the_network_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    network, calls = network_of(bias=True), itertools.count()

    def evaluated(*given: Any, **options: Any) -> Any:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return evaluate(*given, **options)

    monkeypatch.setattr(module, "evaluate", evaluated)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    options = {"quantization": Quantization(bits=4), "seed": 0}
    with pytest.raises(KeyboardInterrupt):
        calibrate(network, Calibration(group_size=2), split(1), trained_through=LAYERED, **options)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_layer_of_which_nothing_is_wanted_keeps_its_threshold() -> None:
    """The other's spikes fall as one by its threshold: from 20 to 10 at twice of it."""
    held: list[list[float]] = []
    found = module._matched(
        SimpleNamespace(layers=2, set=held.append), lambda: np.array([5, 20]) / held[-1], np.array([0, 10])
    )
    assert found == [1.0, pytest.approx(2.0, rel=0.01)]


def test_the_potentials_that_are_read_are_not_scaled() -> None:
    network = network_of(readout="potential")
    last = network.weights()[-1].clone()
    calibration = Calibration(group_size=2, stop="drained")
    scales = calibrate(network, calibration, split(5), trained_through=LAYERED, seed=0)
    assert scales[-1] == 1
    assert scales[1] != 1
    assert torch.equal(network.weights()[-1], last)


RECIPE = Recipe(method="layered", epochs=2, batch_size=20, learning_rate=0.01)
CALIBRATED = RECIPE.model_copy(update={"calibration": Calibration(group_size=2, samples=40)})


def test_a_recipe_calibrates_what_it_trained() -> None:
    plain, calibrated = network_of(), network_of()
    before = trainer.train(plain, RECIPE, split(5), split(6), seed=3)
    after = trainer.train(calibrated, CALIBRATED, split(5), split(6), seed=3)
    assert before.threshold_scales is None
    assert [report.loss for report in before.history] == [report.loss for report in after.history]
    assert set(after.threshold_scales) != {1.0}
    for name, value in before.state.items():
        scale = after.threshold_scales[int(name.split(".")[1])] if name.startswith("connections") else 1.0
        assert torch.equal(after.state[name], value / scale if scale != 1 else value)
        assert torch.equal(calibrated.state_dict()[name], after.state[name])


def test_only_the_first_training_samples_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever validation holds, where training has one epoch to keep. The test split is no argument at all."""
    training, validation = split(5), split(6)
    seen: list[np.ndarray] = []

    def watched(network: SpikingNetwork, events: EventBatch, *arguments: Any, **options: Any) -> Any:
        seen.append(events.sample_ids)
        return simulate(network, events, *arguments, **options)

    monkeypatch.setattr(module, "simulate", watched)
    recipe = CALIBRATED.model_copy(update={"epochs": 1})
    one = trainer.train(network_of(), recipe, training, validation, seed=3)
    assert seen
    assert {tuple(ids) for ids in seen} == {tuple(training.sample_ids[:40])}
    other = trainer.train(network_of(), recipe, training, split(9), seed=3)
    assert one.threshold_scales == other.threshold_scales


def test_a_calibration_knows_no_chip() -> None:
    with pytest.raises(InputError, match="policy 'timed' looks at a chip's service times, and this is for no chip"):
        Calibration(policy="timed")
    with pytest.raises(InputError, match="'matching' or 'cross_entropy'"):
        Calibration(criterion="accuracy")


def test_a_calibration_that_cannot_run_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer.Learner, "updates", None)
    layers = [{"kind": "linear", "neurons": neurons} for neurons in (5, 3)]
    returns = TopologySpec(input=8, layers=layers, delayed=[{"from": 0, "to": 0, "within": "pass"}])
    recipe = RECIPE.model_copy(update={"calibration": Calibration(refractory=False)})
    with pytest.raises(InputError, match="connections within a pass need refractory neurons"):
        trainer.train(network_of(returns), recipe, split(5), split(6), seed=3)
    with pytest.raises(InputError, match=r"^calibration: must stop when 'drained'"):
        trainer.train(network_of(readout="potential"), CALIBRATED, split(5), split(6), seed=3)

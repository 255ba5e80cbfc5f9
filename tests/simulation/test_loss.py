"""The two losses: by hand, on both engines, and what they must not depend on.

`test_gradient.py` holds their gradients against torch's autograd.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from engine_comparison import ENGINE, arguments, assert_gradients_close, gradients_of
from random_cases import Case, random_case, wide_case

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.engine import ClassificationLoss, classification_loss, engine_names, simulate
from codesign.simulation.loss import cross_entropy
from codesign.simulation.schedule import LAYERED
from codesign.workload.events import EventBatch

pytestmark = pytest.mark.usefixtures("one_thread")

every_engine = pytest.mark.parametrize("engine", engine_names())


def loss_of(case: Case, loss: str, engine: str, events: EventBatch | None = None) -> ClassificationLoss:
    events = case.events if events is None else events
    return classification_loss(case.network, events, case.schedule, loss=loss, engine=engine, **arguments(case))


def one_input_two_outputs() -> tuple[SpikingNetwork, EventBatch]:
    """Weights 3/16 and 0, threshold 1/4, α = 2, no leak, an event in each of two timesteps, class 0.

    Output 0 is silent at 3/16 and fires at 3/8 in the second timestep; output 1 stays at 0.
    """
    neuron = NeuronSpec(threshold=0.25, surrogate_steepness=2.0)
    network = SpikingNetwork(parse_topology("1-2"), neuron, timestep_s=0.01)
    with torch.no_grad():
        network.weights()[0].copy_(torch.tensor([[0.1875], [0.0]]))
    return network, EventBatch.from_frames(np.ones((1, 2, 1)), np.zeros(1, dtype=np.int64), timestep_s=0.01)


def slope(v: float) -> float:
    """ds/dv at a threshold of 1/4, α = 2."""
    return 1 / (1 + (math.pi * (v - 0.25)) ** 2)


@every_engine
def test_values_and_gradients_by_hand(engine: str):
    """Counts are (0, 0), then (1, 0); the softmax gives class 0 a half, then e / (1 + e)."""
    network, events = one_input_two_outputs()
    rest = 1 / (1 + math.e)
    summed = classification_loss(network, events, LAYERED, engine=engine)
    assert float(summed.value.detach()) == pytest.approx(math.log(1 + math.e) - 1)
    found = classification_loss(network, events, LAYERED, loss="timestep", engine=engine)
    assert float(found.value.detach()) == pytest.approx((math.log(2) + math.log(1 + math.e) - 1) / 2)
    assert found.logits.tolist() == summed.logits.tolist() == [[1, 0]]
    # dL/dc is ∓ a half of 1/2 in the first timestep and of `rest` in the second. Output 0's potential after the first
    # timestep is that before the second, and is lost to the reset there in part: dL/du = dL/dv of the evaluation.
    late = -rest / 2 * slope(0.375)
    early = late + (-1 / 4 - late * 0.1875) * slope(0.1875)
    late_other = rest / 2 * slope(0)
    early_other = late_other + 1 / 4 * slope(0)
    (gradient,) = gradients_of(network, found.value)
    assert gradient[:, 0].tolist() == pytest.approx([late + early, late_other + early_other], rel=1e-5)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("convolutional", [False, True])
def test_the_event_engine_equals_the_reference(seed: int, convolutional: bool):
    case = wide_case(5000 + seed, convolutional=convolutional)
    found, expected = (loss_of(case, "timestep", engine) for engine in (ENGINE, "reference"))
    assert found.logits.tolist() == expected.logits.tolist()
    assert found.emitted == expected.emitted
    torch.testing.assert_close(found.value, expected.value, rtol=1e-5, atol=1e-6)
    assert_gradients_close(gradients_of(case.network, found.value), gradients_of(case.network, expected.value))


@pytest.mark.parametrize("seed", range(10))
def test_small_networks_equal_the_reference(seed: int):
    case = random_case(70_000 + seed)
    found, expected = (loss_of(case, "timestep", engine) for engine in (ENGINE, "reference"))
    torch.testing.assert_close(found.value, expected.value, rtol=1e-5, atol=1e-6)
    assert_gradients_close(gradients_of(case.network, found.value), gradients_of(case.network, expected.value))


def test_losses_differ_on_most_cases():
    """The comparisons above compare more than one loss with itself."""
    differ = 0
    for seed in range(12):
        case = wide_case(5000 + seed)
        one, other = (gradients_of(case.network, loss_of(case, loss, ENGINE).value) for loss in ("sum", "timestep"))
        differ += not all(map(torch.equal, one, other))
    assert differ > 4


@every_engine
@pytest.mark.parametrize("readout", ["spikes", "potential"])
def test_one_timestep_makes_them_the_same(engine: str, readout: str):
    compared = 0
    for seed in range(12):
        case = random_case(71_000 + seed, readout=readout)
        if case.events.timesteps > 1:
            continue
        one, other = (loss_of(case, loss, engine) for loss in ("sum", "timestep"))
        assert torch.equal(one.value, other.value)
        pairs = zip(gradients_of(case.network, one.value), gradients_of(case.network, other.value), strict=True)
        assert all(torch.equal(first, second) for first, second in pairs)
        compared += 1
    assert compared > 5


@every_engine
def test_predictions_are_those_of_the_summed_counts(engine: str):
    case = wide_case(5003, plain=True)
    simulation = simulate(case.network, case.events, case.schedule, engine=engine, **arguments(case))
    for loss in ("sum", "timestep"):
        assert loss_of(case, loss, engine).logits.tolist() == simulation.logits.tolist()


@every_engine
def test_a_sample_does_not_depend_on_its_batch(engine: str):
    case = wide_case(5002, batch=6, plain=True)
    whole = loss_of(case, "timestep", engine)
    each = [loss_of(case, "timestep", engine, case.events.select([sample])) for sample in range(6)]
    assert torch.cat([one.logits for one in each]).tolist() == whole.logits.tolist()
    assert len({float(one.value.detach()) for one in each}) > 1
    mean = torch.stack([one.value for one in each]).mean()
    torch.testing.assert_close(whole.value, mean, rtol=1e-6, atol=1e-7)
    assert_gradients_close(gradients_of(case.network, whole.value), gradients_of(case.network, mean))


def test_the_number_of_threads_changes_no_bit():
    case = wide_case(5002, batch=40, plain=True)
    with torch.no_grad():  # free weights: sums depend on their order
        for weight in case.network.weights():
            weight.add_(0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    outcomes = []
    for number in (1, 2, 3, 16):
        torch.set_num_threads(number)
        found = loss_of(case, "timestep", ENGINE)
        outcomes.append((float(found.value.detach()), gradients_of(case.network, found.value)))
    assert all(gradient.any() for gradient in outcomes[0][1])
    for value, gradients in outcomes[1:]:
        assert value == outcomes[0][0]
        assert all(map(torch.equal, gradients, outcomes[0][1]))


@every_engine
def test_without_gradients_the_value_is_the_same(engine: str):
    case = wide_case(5003, plain=True)
    learnt = loss_of(case, "timestep", engine)
    with torch.no_grad():
        found = loss_of(case, "timestep", engine)
    assert not found.value.requires_grad
    torch.testing.assert_close(found.value, learnt.value.detach(), rtol=1e-6, atol=1e-7)
    assert found.logits.tolist() == learnt.logits.tolist()


@every_engine
def test_potentials_of_several_timesteps_have_no_loss_of_each(engine: str):
    network = SpikingNetwork(parse_topology("3-2"), NeuronSpec(readout="potential"), timestep_s=0.01)
    events = EventBatch.from_frames(np.ones((2, 3, 3)), np.zeros(2, dtype=np.int64), timestep_s=0.01)
    with pytest.raises(InputError, match=r"loss: .timestep. needs output spikes .* read once, after all 3"):
        classification_loss(network, events, LAYERED, loss="timestep", engine=engine)


@every_engine
def test_an_unknown_loss_is_an_error(engine: str):
    network, events = one_input_two_outputs()
    with pytest.raises(InputError, match="unknown loss 'timesteps'; did you mean 'timestep'"):
        classification_loss(network, events, LAYERED, loss="timesteps", engine=engine)


def test_cross_entropy_is_the_mean_over_readings():
    scores = torch.tensor([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 0.0]]])
    expected = [math.log(2), math.log(1 + math.e) - 1, math.log(1 + math.exp(2)) - 2, math.log(2)]
    assert float(cross_entropy(scores, torch.tensor([0, 1]))) == pytest.approx(sum(expected) / 4)

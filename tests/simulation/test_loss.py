"""The two losses: by hand, on both engines, and what they must not depend on.

`test_gradient.py` holds their gradients against torch's autograd, and `test_event_engine.py` one engine's against the
other's.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_comparison import assert_gradients_close, gradients_of, loss_of, slope
from networks import batch_of, network_of
from random_cases import a_case

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, engine_names
from codesign.simulation.loss import cross_entropy
from codesign.simulation.schedule import LAYERED
from codesign.workload.events import EventBatch

every_engine = pytest.mark.parametrize("engine", engine_names())


def one_input_two_outputs() -> tuple[SpikingNetwork, EventBatch]:
    """Weights 3/16 and 0, threshold 1/4, α = 2, no leak, an event in each of two timesteps, class 0.

    Output 0 is silent at 3/16 and fires at 3/8 in the second timestep; output 1 stays at 0.
    """
    return network_of("1-2", [[0.1875], [0.0]], surrogate_steepness=2.0), batch_of([1, 1])


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


@every_engine
@pytest.mark.parametrize("readout", ["spikes", "potential"])
def test_one_timestep_makes_them_the_same(engine: str, readout: str):
    case = a_case(timesteps=1, readout=readout)
    one, other = (loss_of(case, engine, loss=loss) for loss in ("sum", "timestep"))
    assert torch.equal(one.value, other.value)
    gradients = gradients_of(case.network, one.value)
    assert all(gradient.any() for gradient in gradients)
    assert all(map(torch.equal, gradients, gradients_of(case.network, other.value)))


@every_engine
def test_a_sample_does_not_depend_on_its_batch(engine: str):
    case = a_case(batch=6)
    whole = loss_of(case, engine, loss="timestep")
    parts = [replace(case, events=case.events.select([sample])) for sample in range(6)]
    each = [loss_of(part, engine, loss="timestep") for part in parts]
    assert torch.cat([one.logits for one in each]).tolist() == whole.logits.tolist()
    assert len({float(one.value.detach()) for one in each}) > 1
    mean = torch.stack([one.value for one in each]).mean()
    torch.testing.assert_close(whole.value, mean, rtol=1e-6, atol=1e-7)
    assert_gradients_close(gradients_of(case.network, whole.value), gradients_of(case.network, mean))


@every_engine
def test_without_gradients_the_value_is_the_same(engine: str):
    case = a_case()
    learnt = loss_of(case, engine, loss="timestep")
    with torch.no_grad():
        found = loss_of(case, engine, loss="timestep")
    assert not found.value.requires_grad
    torch.testing.assert_close(found.value, learnt.value.detach(), rtol=1e-6, atol=1e-7)
    assert found.logits.tolist() == learnt.logits.tolist()


@every_engine
def test_potentials_of_several_timesteps_have_no_loss_of_each(engine: str):
    network, events = network_of("3-2", readout="potential"), batch_of(np.ones((2, 3, 3)))
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

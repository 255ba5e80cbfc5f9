"""The two losses: by hand, on both engines, and what they must not depend on.

`test_gradient.py` holds their gradients against torch's autograd, and `test_event_engine.py` one engine's against the
other's.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from engine_comparison import gradients_of, slope
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, engine_names
from codesign.simulation.loss import CrossEntropy
from codesign.simulation.results import Simulation
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
def test_potentials_of_several_timesteps_have_no_loss_of_each(engine: str):
    network, events = network_of("3-2", readout="potential"), batch_of(np.ones((2, 3, 3)))
    with pytest.raises(InputError, match=r"loss: .timestep. needs output spikes.* read once, after all timesteps"):
        classification_loss(network, events, LAYERED, loss="timestep", engine=engine)


@every_engine
def test_a_loss_of_ones_own_sees_each_timestep_and_each_layer(engine: str):
    """Its value is what it gives: (0, 0), then (1, 0) are the scores, and one spike is that of the only layer."""
    network, events = one_input_two_outputs()
    seen = []

    def loss(simulation: Simulation, labels: torch.Tensor) -> torch.Tensor:
        seen.append((simulation.scores.tolist(), simulation.spikes.tolist(), labels.tolist()))
        return (3 * simulation.scores[:, 1, 0]).sum()

    found = classification_loss(network, events, LAYERED, loss=loss, engine=engine)
    assert seen == [([[[0, 0], [1, 0]]], [[1]], [0])]
    assert float(found.value.detach()) == 3
    # output 0: 3 at its count in the second timestep, and through its potential at the first
    late = 3 * slope(0.375)
    early = late * (1 - 0.1875 * slope(0.1875))
    (gradient,) = gradients_of(network, found.value)
    assert gradient[:, 0].tolist() == pytest.approx([late + early, 0], rel=1e-5)


@every_engine
def test_a_loss_that_extends_a_known_one_is_called(engine: str):
    class Doubled(CrossEntropy):
        def __call__(self, simulation: Simulation, labels: torch.Tensor) -> torch.Tensor:
            return 2 * super().__call__(simulation, labels)

    network, events = one_input_two_outputs()
    losses = CrossEntropy(), Doubled()
    once, twice = (classification_loss(network, events, LAYERED, loss=loss, engine=engine).value for loss in losses)
    assert float(twice.detach()) == 2 * float(once.detach())

"""Running a case on two engines and comparing all that comes out."""

from __future__ import annotations

import math
from typing import Any

import torch
from equality import assert_same
from networks import batch_of
from random_cases import Case

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.execution import Execution
from codesign.simulation.results import ClassificationLoss, Simulation
from codesign.simulation.schedule import LAYERED

ENGINE = "event"
ENGINES = ("reference", ENGINE)
GRADIENT_TOLERANCE = 2e-5
"""Gradients are float32 sums in the event engine and float64 in the reference: a share of the largest entry of each
tensor, about two hundred times the rounding of one operation. Where larger terms cancel in a tensor, a millionth of the
largest entry of all."""


def arguments(case: Case) -> dict[str, Any]:
    return {
        "regularization": case.regularization,
        "seed": case.seed,
        "epoch": case.epoch,
        "idle_gradient": case.idle_gradient,
    }


def run(case: Case, engine: str, **options: Any) -> Simulation:
    return simulate(case.network, case.events, case.schedule, engine=engine, **{**arguments(case), **options})


@torch.no_grad()
def driven(network: SpikingNetwork, currents: list[float], engine: str) -> Execution:
    """A network of one input after these currents, one a timestep."""
    return simulate(network, batch_of(currents, currents=True), LAYERED, engine=engine).execution


def loss_of(case: Case, engine: str, **options: Any) -> ClassificationLoss:
    options = {"loss": case.loss, "spike_cost": case.spike_cost, **arguments(case), **options}
    return classification_loss(case.network, case.events, case.schedule, engine=engine, **options)


def gradients_of(network: SpikingNetwork, loss: torch.Tensor, **options: bool) -> list[torch.Tensor]:
    network.zero_grad()
    neurons = [number for number in network.buffers() if number.requires_grad]
    for number in neurons:
        number.grad = None
    loss.backward(**options)
    return [parameter.grad.clone() for parameter in (*network.parameters(), *neurons)]


def result_gradients(case: Case, found: Simulation) -> list[torch.Tensor]:
    """Gradients under some gradient at the scores of each timestep and at the spikes of each layer."""
    generator = torch.Generator().manual_seed(1)
    of_scores, of_spikes = (torch.randn(result.shape, generator=generator) for result in (found.scores, found.spikes))
    return gradients_of(case.network, (found.scores * of_scores).sum() + (found.spikes * of_spikes).sum())


def assert_gradients_close(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    cancelled = 1e-6 * max(float(other.abs().max()) for other in expected) + 1e-6  # of summands about 1
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        largest = float(other.abs().max())
        torch.testing.assert_close(one, other, rtol=0, atol=GRADIENT_TOLERANCE * largest + cancelled)


def assert_equals_reference(case: Case) -> None:
    """Everything that a simulation and a loss tell, and their gradients."""
    expected, found = run(case, "reference", spike_cost=case.spike_cost), run(case, ENGINE)
    assert found.logits.dtype == expected.logits.dtype
    assert found.logits.tolist() == expected.logits.tolist()
    assert found.emitted == expected.emitted
    assert found.spikes.tolist() == expected.spikes.tolist() == expected.execution.emitted.tolist()
    assert found.scores.tolist() == expected.scores.tolist()
    assert_same(found.execution, expected.execution)
    value = case.loss(expected, torch.from_numpy(case.events.labels.copy()))
    if case.spike_cost is not None:
        value = value + case.spike_cost.of(expected.charges).mean()
    gradients_of_loss = gradients_of(case.network, value, retain_graph=True)
    own = loss_of(case, ENGINE, loss=lambda simulation, labels: case.loss(simulation, labels))  # not known to engines
    for loss in (loss_of(case, ENGINE), own):
        assert loss.logits.tolist() == expected.logits.tolist()
        assert loss.logits.dtype == expected.logits.dtype
        assert not loss.logits.requires_grad
        assert loss.spikes.tolist() == expected.spikes.tolist()
        assert (loss.charges is None) == (case.spike_cost is None)
        if loss.charges is not None:
            torch.testing.assert_close(loss.charges, expected.charges.detach())
        assert loss.value.shape == ()
        torch.testing.assert_close(loss.value, value, rtol=1e-5, atol=1e-6, equal_nan=True)
        assert_gradients_close(gradients_of(case.network, loss.value), gradients_of_loss)
    gradients = result_gradients(case, found)
    assert_gradients_close(gradients, result_gradients(case, expected))
    again = run(case, ENGINE, recompute=True)
    assert_same(again.execution, found.execution)
    assert [one.tolist() for one in result_gradients(case, again)] == [one.tolist() for one in gradients]


def slope(v: float) -> float:
    """ds/dv by hand, of a neuron with threshold 1/4 and α = 2."""
    return 1 / (1 + (math.pi * (v - 0.25)) ** 2)

"""The replayed gradient against torch's own, through graphs that are written independently."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from random_cases import Case, random_case, random_frames, random_network, random_neuron

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation import reference
from codesign.simulation.engine import simulate
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.workload.events import EventBatch


class Threshold(torch.autograd.Function):
    """v > U_thr forwards, equation 6's derivative backwards."""

    @staticmethod
    def forward(ctx, v, threshold, alpha):
        ctx.save_for_backward(v - threshold)
        ctx.alpha = alpha
        return (v > threshold).to(v.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (distance,) = ctx.saved_tensors
        return gradient * (ctx.alpha / 2) / (1 + (math.pi * ctx.alpha * distance / 2) ** 2), None, None


def layered_logits(network: SpikingNetwork, frames: np.ndarray, weights: list[torch.Tensor]) -> torch.Tensor:
    """A plain layered loop: a layer is evaluated in a timestep if the layer before it spiked."""
    spec = network.neuron
    potentials = [torch.zeros(len(frames), size, dtype=torch.float64) for size in network.shape.layer_sizes]
    counts = torch.zeros_like(potentials[-1])
    decay = float(network.decay[0])
    threshold = float(network.threshold[0])
    for t in range(frames.shape[1]):
        spikes = torch.from_numpy(frames[:, t]).double()
        for layer, weight in enumerate(weights):
            u = potentials[layer] * decay
            reached = (spikes.detach() != 0).any(dim=1, keepdim=True)
            v = u + spikes @ weight.T
            s = Threshold.apply(v, threshold, spec.surrogate_steepness)
            after = v - threshold * s if spec.reset == "subtract" else v * (1 - s)
            potentials[layer] = torch.where(reached, after, u)
            spikes = torch.where(reached, s, torch.zeros_like(s))
        counts = counts + spikes
    return counts


@pytest.mark.parametrize("seed", range(40))
def test_equals_layered_backpropagation_when_a_group_holds_a_layer(seed: int):
    rng = np.random.default_rng(seed)
    neuron = NeuronSpec.model_validate({**random_neuron(rng).model_dump(), "bias": False, "time_constant": "infinite"})
    network = random_network(rng, convolutional=False, neuron=neuron)
    frames = random_frames(rng, 4, 3, network.shape.input_size)
    labels = rng.integers(0, network.shape.layers[-1].neurons, 4)
    events = EventBatch.from_frames(frames, labels, timestep_s=0.01)
    schedule = Schedule(policy="random", group_size=max(network.shape.layer_sizes), stop="drained")
    weights = [weight.detach().double().requires_grad_() for weight in network.weights()]
    expected = layered_logits(network, frames, weights)
    torch.nn.functional.cross_entropy(expected, torch.from_numpy(labels)).backward()

    logits = simulate(network, events, schedule).logits
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()

    assert logits.tolist() == expected.tolist()
    for parameter, weight in zip(network.weights(), weights, strict=True):
        torch.testing.assert_close(parameter.grad.double(), weight.grad, rtol=1e-5, atol=1e-7)


def frozen_graph(case: Case, result: reference.Result, weights: list[torch.Tensor]) -> torch.Tensor:
    """The asynchronous forward pass in float64 as an ordinary autograd graph, with the choices of `result`.

    A neuron that is idle in a group that is not full is treated as chosen: it has no waiting spike, so nothing but the
    gradient changes.
    """
    network, spec = case.network, case.network.neuron
    layers, threshold = network.layer_slices, network.threshold.double()
    connections = network.layer_connections()
    fires = torch.ones(network.shape.neurons, dtype=torch.float64)
    if spec.readout == "potential":
        fires[layers[-1]] = 0
    u = torch.zeros(len(case.events), network.shape.neurons, dtype=torch.float64)
    u = u + 0 * sum(weight.sum() for weight in weights)  # a graph even where no input ever comes
    counts = 0 * u
    for one in result.passes:
        u = u * network.decay.double()
        if network.bias is not None:
            u = u + weights[-1]
        q = torch.zeros_like(u)
        kept = None
        for step in one.steps:
            x = []
            for layer, connection in enumerate(connections):
                if layer == 0 and step.kept_input is not None:
                    x.append(connection.currents(step.kept_input.double(), weights[0]))
                elif layer == 0 or kept is None:
                    x.append(torch.zeros_like(u[:, layers[layer]]))
                else:
                    x.append(connection.currents(kept[:, layers[layer - 1]], weights[layer]))
            v = (u + torch.cat(x, dim=1)) * ~step.refractory
            s = Threshold.apply(v, threshold, spec.surrogate_steepness) * fires
            if step.open is not None:
                s = s * step.open
            s = s * step.evaluated
            after = v - threshold * s if spec.reset == "subtract" else v * (1 - s)
            u = torch.where(step.evaluated, after, u)
            q, counts = q + s, counts + s
            leaves = step.chosen | step.idle
            share = 1.0 if step.kept_share is None else torch.where(step.chosen, step.kept_share.double(), 1.0)
            kept = q * leaves * share
            q = q * ~leaves
    return u[:, layers[-1]] if spec.readout == "potential" else counts[:, layers[-1]]


def check_frozen(case: Case) -> None:
    network = case.network
    result = reference.run(
        network,
        case.events,
        case.schedule,
        case.regularization,
        seed=case.seed,
        epoch=case.epoch,
        recorder=None,
        trace=True,
    )
    weights = [parameter.detach().double().requires_grad_() for parameter in network.parameters()]
    if network.bias is not None:  # torch lists a module's own parameters before its children's
        weights = [*weights[1:], weights[0]]
    expected = frozen_graph(case, result, weights)
    labels = torch.from_numpy(case.events.labels)
    torch.nn.functional.cross_entropy(expected, labels).backward()
    simulation = simulate(
        network, case.events, case.schedule, regularization=case.regularization, seed=case.seed, epoch=case.epoch
    )
    torch.nn.functional.cross_entropy(simulation.logits, labels).backward()
    torch.testing.assert_close(simulation.logits.double(), expected, rtol=1e-5, atol=1e-6)
    parameters = [*network.weights(), *([] if network.bias is None else [network.bias])]
    for parameter, weight in zip(parameters, weights, strict=True):
        gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
        torch.testing.assert_close(parameter.grad.double(), gradient, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(150))
def test_equals_autograd_with_frozen_choices(seed: int):
    check_frozen(random_case(30_000 + seed))


@pytest.mark.parametrize("seed", range(30))
def test_equals_autograd_with_frozen_choices_on_convolutions(seed: int):
    check_frozen(random_case(40_000 + seed, convolutional=True))


@pytest.mark.parametrize("seed", range(20))
def test_equals_autograd_with_frozen_choices_on_potentials(seed: int):
    check_frozen(random_case(50_000 + seed, readout="potential"))


def two_neuron_chain() -> tuple[SpikingNetwork, EventBatch]:
    """Input → hidden (weight 1/2) → output (weight 3/4), threshold 1/4, α = 2, no leak, one event."""
    neuron = NeuronSpec(threshold=0.25, surrogate_steepness=2.0)
    network = SpikingNetwork(parse_topology("1-1-1"), neuron, timestep_s=0.01)
    with torch.no_grad():
        network.weights()[0].fill_(0.5)
        network.weights()[1].fill_(0.75)
    return network, EventBatch.from_frames(np.ones((1, 1, 1)), np.zeros(1, dtype=np.int64), timestep_s=0.01)


def test_chain_of_two_neurons_by_hand():
    network, events = two_neuron_chain()
    simulate(network, events, Schedule(group_size=1, stop="drained")).logits.sum().backward()
    slope = [1 / (1 + (math.pi * (v - 0.25)) ** 2) for v in (0.5, 0.75)]
    first, second = network.weights()
    # dL/dv of the output is its slope; the hidden neuron's queue entry gets 3/4 of it
    assert second.grad.item() == pytest.approx(slope[1], rel=1e-6)
    assert first.grad.item() == pytest.approx(0.75 * slope[1] * slope[0], rel=1e-6)


def test_silent_neuron_learns_through_the_idle_rule():
    network, events = two_neuron_chain()
    with torch.no_grad():
        network.weights()[0].fill_(0.125)  # below threshold: the hidden neuron is evaluated and stays silent
    other = torch.ones((1, 1, 2))
    events = EventBatch.from_frames(other.numpy(), np.zeros(1, dtype=np.int64), timestep_s=0.01)
    network = SpikingNetwork(parse_topology("2-2-1"), network.neuron, timestep_s=0.01)
    with torch.no_grad():
        network.weights()[0].copy_(torch.tensor([[0.125, 0.0], [0.5, 0.0]]))
        network.weights()[1].copy_(torch.tensor([[0.75, 0.75]]))
    simulate(network, events, Schedule(group_size=2, stop="drained")).logits.sum().backward()
    slope_silent = 1 / (1 + (math.pi * (0.125 - 0.25)) ** 2)
    slope_output = 1 / (1 + (math.pi * (0.75 - 0.25)) ** 2)
    assert network.weights()[0].grad[0].tolist() == pytest.approx([0.75 * slope_output * slope_silent] * 2, rel=1e-6)
    # a full group has no room for the silent neuron: F = 1
    network.zero_grad()
    simulate(network, events, Schedule(group_size=1, stop="drained")).logits.sum().backward()
    assert network.weights()[0].grad[0].tolist() == [0.0, 0.0]


def test_gradients_accumulate_as_anywhere_in_torch():
    case = random_case(1)
    for _ in range(2):
        simulate(case.network, case.events, case.schedule).logits.sum().backward()
    twice = [parameter.grad.clone() for parameter in case.network.parameters()]
    case.network.zero_grad()
    simulate(case.network, case.events, case.schedule).logits.sum().backward()
    for parameter, double in zip(case.network.parameters(), twice, strict=True):
        torch.testing.assert_close(double, 2 * parameter.grad)


def test_weights_changed_between_forward_and_backward_are_an_error():
    network, events = two_neuron_chain()
    logits = simulate(network, events, LAYERED).logits
    with torch.no_grad():
        network.weights()[0].add_(1)
    with pytest.raises(RuntimeError, match="modified in place"):
        logits.sum().backward()


def test_no_trace_without_gradient():
    network, events = two_neuron_chain()
    with torch.no_grad():
        assert not simulate(network, events, LAYERED).logits.requires_grad


def test_potentials_need_a_drained_pass():
    case = random_case(2, readout="potential")
    with pytest.raises(InputError, match="drained"):
        simulate(case.network, case.events, Schedule(stop="on_output"))

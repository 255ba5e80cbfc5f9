"""The replayed gradient against torch's own, through graphs that are written independently."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from engine_comparison import loss_of, slope
from hypothesis import given
from network_oracle import max_pools
from networks import batch_of, network_of
from random_cases import Case, cases, examples, learn

from codesign.errors import InputError
from codesign.network.connection import FurtherConnection
from codesign.network.neuron import OF_NEURONS
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import engine_names, simulate
from codesign.simulation.loss import CrossEntropy, SpikeCost
from codesign.simulation.reference import run_machine
from codesign.simulation.run import Run
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.simulation.trace import Result, Step
from codesign.workload.events import EventBatch

IDLE_RULES = ("all", "spare", "none")
every_engine = pytest.mark.parametrize("engine", engine_names())


class Multiples(torch.autograd.Function):
    """How many multiples of U_thr are exceeded; backwards that of the nearest one."""

    @staticmethod
    def forward(ctx, v, compared, threshold, alpha, most, inclusive):
        nearest = (v / threshold).round().clamp(min=torch.ones_like(v), max=most)
        ctx.save_for_backward(v - compared - (nearest - 1) * threshold, nearest)
        ctx.alpha = alpha
        quotient = v / threshold
        whole = torch.where(inclusive, quotient.floor(), quotient.ceil() - 1).clamp(max=most)
        return torch.where(v > compared, whole.clamp(min=1), 0.0)

    @staticmethod
    def backward(ctx, gradient):
        distance, nearest = ctx.saved_tensors
        slope = gradient * (ctx.alpha / 2) / (1 + (math.pi * ctx.alpha * distance / 2) ** 2)
        return slope, None, -slope * nearest, None, None, None


def neurons_of(network: SpikingNetwork) -> list[torch.Tensor]:
    """Thresholds and time constants, in float64, that collect gradients."""
    return [one.detach().double().requires_grad_() for one in (network.threshold, network.time_constant)]


def decay_of(network: SpikingNetwork, time_constant: torch.Tensor) -> torch.Tensor:
    """The network's own decays to the last bit, with the gradient of exp(−Δt/τ)."""
    decay = torch.exp(-network.timestep_s / time_constant)
    return network.decay.detach().double() + (decay - decay.detach())


def assert_close_to(found: torch.Tensor, gradient: torch.Tensor | None) -> None:
    """A share of the largest entry: potentials, and the gradient where the replay begins, are float32 numbers."""
    gradient = torch.zeros_like(found).double() if gradient is None else gradient
    largest = float(gradient.abs().max())
    torch.testing.assert_close(found.double(), gradient, rtol=0, atol=5e-6 * largest + 1e-12)


def direct_weights(
    network: SpikingNetwork, weights: list[torch.Tensor]
) -> list[tuple[FurtherConnection, torch.Tensor]]:
    """Direct connections, and their weights among all."""
    before = len(network.layer_connections()) + len(network.delayed_connections)
    return list(zip(network.direct(), weights[before:], strict=False))


def arriving_late(
    network: SpikingNetwork, weights: list[torch.Tensor], counts: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, N) currents over delayed connections after (B, N) spikes of the timesteps before, and whom any reaches."""
    own = weights[len(network.layer_connections()) :]
    late, arrives = 0 * network.threshold.double()[None], torch.zeros_like(network.threshold[None], dtype=torch.bool)
    for one, weight in zip(network.delayed_connections, own, strict=False):
        if one.shape.delay > len(counts):
            continue
        source, target = network.layer_slices[one.shape.source], network.layer_slices[one.shape.target]
        spikes = counts[-one.shape.delay][:, source]
        late, arrives = (number.expand(len(spikes), -1).clone() for number in (late, arrives))
        late[:, target] = late[:, target] + spikes @ weight.T
        arrives[:, target] |= (spikes > 0).any(dim=1, keepdim=True)
    return late, arrives


def plain_loss(scores: torch.Tensor, labels: np.ndarray, loss: CrossEntropy) -> torch.Tensor:
    """Either loss of (B, R, C) scores, in plain torch."""
    readings = [scores.sum(dim=1)] if loss.of == "sum" else scores.unbind(dim=1)
    logs = torch.stack([(one / loss.temperature).log_softmax(dim=1) for one in readings])
    right, all_alike = -logs[:, range(len(labels)), labels], -logs.mean(dim=2)
    return ((1 - loss.label_smoothing) * right + loss.label_smoothing * all_alike).mean()


def plain_cost(network: SpikingNetwork, spikes: torch.Tensor, cost: SpikeCost) -> torch.Tensor:
    """What (B, N) spikes cost, layer by layer."""
    total = torch.zeros(len(spikes), dtype=torch.float64)
    for layer, multiplier, floor in zip(network.layer_slices, cost.multipliers, cost.floors, strict=True):
        over = (spikes[:, layer] * cost.weights[layer]).sum(dim=1) - floor
        total = total + multiplier * torch.where(over > 0, over, 0.0)
    return total.mean()


def straight_through(exact: torch.Tensor, limited: torch.Tensor) -> torch.Tensor:
    """Limited forwards, backwards as if it were exact."""
    return exact + (limited - exact).detach()


def left_after_a_timestep(network: SpikingNetwork, u: torch.Tensor, decay: torch.Tensor) -> torch.Tensor:
    """Potentials or currents that decay, and are truncated where the network says so."""
    steps = network.potential_grid()
    if steps is None:
        return u * decay
    steps = torch.where(steps > 0, steps, math.nan).double()
    limited = (decay.detach() * (u / steps).round()).trunc() * steps
    return straight_through(u * decay, torch.where(limited.isnan(), u * decay, limited))


def frozen_graph(
    case: Case, result: Result, weights: list[torch.Tensor], neurons: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The asynchronous forward pass in float64 as an ordinary autograd graph, with the choices of `result`.

    A neuron that is idle is treated as chosen: it has no waiting spike, so nothing but the gradient changes. Returns
    (B, T, C) output spikes, or (B, 1, C) output potentials.
    """
    network, spec = case.network, case.network.neuron
    layers, threshold, decay = network.layer_slices, neurons[0], decay_of(network, neurons[1])
    connections = network.layer_connections()
    fires = torch.ones(network.shape.neurons, dtype=torch.float64)
    if spec.readout == "potential":
        fires[layers[-1]] = 0
    number = {name: network.numbers_of(name).double() for name in OF_NEURONS}
    amount = threshold if network.reset_amount is None else network.reset_amount.double()
    compared, soft = network.compared_threshold().double(), network.neuron_flags("reset", "subtract")
    most, inclusive = network.neuron_numbers("most_spikes").double(), network.neuron_flags("comparison", ">=")
    u = torch.zeros(len(case.events), network.shape.neurons, dtype=torch.float64) + number["initial_potential"]
    alpha, j = network.synaptic_decay(), torch.zeros_like(u)
    u = u + 0 * sum(weight.sum() for weight in weights)  # a graph even where no input ever comes
    counts: list[torch.Tensor] = []
    step_of_layer = network.of_neurons(torch.arange(len(layers))) + (case.schedule.input_mode == "queued")
    for one in result.passes:
        u = left_after_a_timestep(network, u, decay)
        if alpha is not None:
            j = left_after_a_timestep(network, j, alpha.double())
        if network.bias is not None:  # where a current flows, it adds to that
            u, j = u + weights[-1] * ~network.flows(), j + weights[-1] * network.flows()
        u = u + number["gain"] * j
        u = u if one.held is None else torch.where(one.held, 0.0, u)
        q, count = torch.zeros_like(u), 0 * u
        kept, left = None, list[torch.Tensor]()
        late, _ = arriving_late(network, weights, counts)
        for k, step in enumerate(one.steps):
            x = []
            for layer, connection in enumerate(connections):
                if layer == 0 and step.kept_input is not None:
                    x.append(connection.currents(step.kept_input.double(), weights[0]))
                elif layer == 0 or kept is None:
                    x.append(torch.zeros_like(u[:, layers[layer]]))
                else:
                    x.append(connection.currents(kept[:, layers[layer - 1]], weights[layer]))
            for skip, weight in direct_weights(network, weights):
                departed, source, into = k - skip.shape.detour, skip.shape.source, skip.shape.target
                spikes = one.steps[departed].kept_input if source < 0 and departed >= 0 else None
                if source >= 0 and departed > 0:
                    spikes = left[departed - 1][:, layers[source]]
                if spikes is not None:
                    x[into] = x[into] + skip.currents(spikes.double(), weight)
            x = torch.cat(x, dim=1) + late * (step_of_layer == k)
            if alpha is not None:
                j = j + x * step.evaluated
            v = (u + number["gain"] * x) * ~step.refractory
            if (bounds := network.potential_bounds()) is not None:
                v = straight_through(v, v.clamp(*(bound.double() for bound in bounds)))
            # who is refractory is silent whatever the threshold is
            could = fires * ~step.refractory * step.evaluated * (1 if step.open is None else step.open)
            limits = compared, threshold.expand_as(v), network.surrogate_steepness
            s, n = (
                Multiples.apply(v, *limits, at_most, inclusive) * could for at_most in (torch.ones_like(most), most)
            )
            after = torch.where(soft, v - n * amount, v * (1 - s) + s * network.reset_to())
            u = torch.where(step.evaluated, after, u)
            q, count = q + n, count + n
            leaves = step.chosen | step.idle
            share = 1.0 if step.kept_share is None else torch.where(step.chosen, step.kept_share.double(), 1.0)
            kept = q * leaves * share
            kept = (
                kept + (kept.round() - kept).detach()
            )  # whole spikes, which a share of a third is not to the last bit
            left.append(kept)
            q = q * ~leaves
        u = straight_through(u, u.maximum(number["floor"]))
        counts.append(count)
    outputs = [count[:, layers[-1]] for count in counts]
    scores = [u[:, layers[-1]]] if spec.readout == "potential" else outputs
    return torch.stack(scores, dim=1), torch.stack(counts).sum(dim=0)


def idle_by_rule(case: Case, step: Step, sample: int, passed: set[tuple[int, ...]]) -> set[int]:
    """Neurons of one sample that are idle in a step, from the rule's words; for input mode `frame` and `drained`.

    `passed` has the windows of max pools that have passed a spike before, and gets those of this step.
    """
    windows = max_pools(case.network)
    passed |= {windows[n] for n in step.kept[sample].nonzero()[:, 0].tolist() if windows[n] is not None}
    outputs = case.network.layer_slices[-1]
    group_size = case.schedule.group_size or 10**9
    room = group_size - int(step.chosen[sample].sum())  # everybody who waits is chosen where there is room
    silent = [n for n in range(outputs.stop) if step.evaluated[sample, n] and not step.spikes[sample, n]]
    silent = [n for n in silent if windows[n] not in passed]
    if room <= 0 or case.idle_gradient == "none":
        return set()
    if case.idle_gradient == "all":
        return set(silent)
    able = [n for n in silent if not step.refractory[sample, n] and n < outputs.start]
    if step.open is not None:
        able = [n for n in able if step.open[sample, n]]
    below = {n: float(case.network.compared_threshold()[n] - step.v[sample, n]) for n in able}
    return set(sorted(able, key=lambda n: (below[n], n))[:room])


@examples(60)
@given(cases("tiny"))
def test_equals_autograd_with_frozen_choices(case: Case):
    network = case.network
    result = run_machine(
        Run(
            network=network,
            events=case.events,
            schedule=case.schedule,
            regularization=case.regularization,
            seed=case.seed,
            epoch=case.epoch,
            idle_gradient=case.idle_gradient,
            learns=True,
        )
    )
    if case.schedule.input_mode == "frame" and case.schedule.stop == "drained":
        for one, sample in itertools.product(result.passes, range(len(case.events))):
            passed: set[tuple[int, ...]] = set()
            for step in one.steps:
                idle = set(step.idle[sample].nonzero()[:, 0].tolist())
                assert idle == idle_by_rule(case, step, sample, passed)
    weights = [parameter.detach().double().requires_grad_() for parameter in network.parameters()]
    if network.bias is not None:  # torch lists a module's own parameters before its children's
        weights = [*weights[1:], weights[0]]
    neurons = neurons_of(network)
    expected, spikes = frozen_graph(case, result, weights, neurons)
    value = plain_loss(expected, case.events.labels, case.loss)
    if case.spike_cost is not None:
        value = value + plain_cost(network, spikes, case.spike_cost)
    value.backward()
    found = loss_of(case, "reference")
    found.value.backward()
    torch.testing.assert_close(found.logits.double(), expected.sum(dim=1), rtol=1e-5, atol=1e-6)
    parameters = [*network.all_weights(), *([] if network.bias is None else [network.bias])]
    for parameter, weight in zip(parameters, weights, strict=True):
        assert_close_to(parameter.grad, weight.grad)
    for parameter, neuron in zip((network.threshold, network.time_constant), neurons, strict=True):
        if parameter.requires_grad:
            assert_close_to(parameter.grad, neuron.grad)


def two_neuron_chain() -> tuple[SpikingNetwork, EventBatch]:
    """Input → hidden (weight 1/2) → output (weight 3/4), threshold 1/4, α = 2, no leak, one event."""
    return network_of("1-1-1", 0.5, 0.75, surrogate_steepness=2.0), batch_of([1])


@every_engine
def test_chain_over_two_timesteps_by_hand(engine: str):
    """Half of the potential is left after a timestep; the output is silent in the first, on its threshold."""
    network, events = network_of("1-1-1", 0.5, 0.25, surrogate_steepness=2.0, bias=True), batch_of([1, 1])
    network.time_constant.fill_(0.01 / math.log(2))
    learn(network, "threshold", "time_constant")
    simulate(network, events, LAYERED, engine=engine).logits.sum().backward()
    # dL/dv of the output: it fires at 1/8 + 1/4, and a timestep before it is evaluated at 1/4
    late = slope(0.375)
    early = late / 2 + (1 - late / 2 * 0.25) * slope(0.25)
    # dL/dv of the hidden neuron: it fires at 1/2 both times, and the reset is part of the graph
    hidden_late = 0.25 * late * slope(0.5)
    hidden_early = (0.25 * early - hidden_late / 2 * 0.5) * slope(0.5)
    assert network.weights()[1].grad.item() == pytest.approx(late + early, rel=1e-5)
    assert network.weights()[0].grad.item() == pytest.approx(hidden_late + hidden_early, rel=1e-5)
    assert network.bias.grad.tolist() == pytest.approx([hidden_late + hidden_early, late + early], rel=1e-5)
    # A threshold is felt through comparisons only. The output goes into the second timestep with 1/4, and so late is
    # the gradient at its decay times that; the hidden neuron, reset to 0, goes with nothing.
    through_comparisons = [-(hidden_late + hidden_early), -(late + early - late / 2)]
    assert network.threshold.grad.tolist() == pytest.approx(through_comparisons, rel=1e-5)
    of_decay = late / 4 * 0.5 * network.timestep_s / network.time_constant[1].item() ** 2
    assert network.time_constant.grad.tolist() == pytest.approx([0, of_decay], rel=1e-5)


@every_engine
@pytest.mark.parametrize("idle_gradient", IDLE_RULES)
def test_waiting_inputs_take_room(engine: str, idle_gradient: str):
    """Mode `queued`, F = 2: inputs 0 and 1 leave in step 0, input 2 in step 1, the loud neuron in step 2."""
    first = [[0.0, 0.0, 0.0625], [0.0, 0.0, 0.5]]
    network, events = network_of("3-2-1", first, 0.75, surrogate_steepness=2.0), batch_of(np.ones((1, 1, 3)))
    schedule = Schedule(policy="fifo", group_size=2, stop="drained", input_mode="queued")
    simulate(network, events, schedule, idle_gradient=idle_gradient, engine=engine).logits.sum().backward()
    back = 0.75 * slope(0.75)  # at the queue in step 2, from the output in step 3
    loud, silent = back * slope(0.5), back * slope(0.0625)
    # Step 1 evaluates both at 0 while input 2 waits: one place. Who is idle there gets 0 from step 2, where the output
    # is not reached; who is not keeps what its queue gets from step 2.
    kept = back * slope(0.0)
    expected = {
        "all": [[silent] * 3, [loud] * 3],
        "spare": [[silent] * 3, [loud + kept, loud + kept, loud]],
        "none": [[0.0] * 3, [loud + kept, loud + kept, loud]],
    }[idle_gradient]
    gradient = network.weights()[0].grad
    assert gradient.flatten().tolist() == pytest.approx([*expected[0], *expected[1]], rel=1e-5)


@every_engine
def test_frozen_weights_get_no_gradient(engine: str):
    network, events = two_neuron_chain()
    network.weights()[0].requires_grad_(False)
    simulate(network, events, LAYERED, engine=engine).logits.sum().backward()
    assert network.weights()[0].grad is None
    assert network.weights()[1].grad.item() == pytest.approx(slope(0.75), rel=1e-5)


@pytest.mark.parametrize("name", OF_NEURONS)
def test_numbers_that_cannot_learn_are_refused_where_they_should(name: str):
    network, events = two_neuron_chain()
    network.expect_buffers([name])
    getattr(network, name).requires_grad_()
    with pytest.raises(InputError, match=f"network: {name} cannot learn; only weights, biases, threshold and time"):
        simulate(network, events, LAYERED)
    with torch.no_grad():
        simulate(network, events, LAYERED)


@every_engine
def test_a_gradient_is_that_of_the_network_that_ran(engine: str):
    network, events = two_neuron_chain()
    logits, (first, second) = simulate(network, events, LAYERED, engine=engine).logits, network.weights()
    network.threshold.fill_(5.0)
    network.connections[1].weight = torch.nn.Parameter(torch.zeros(1, 1))
    logits.sum().backward()
    assert second.grad.item() == pytest.approx(slope(0.75), rel=1e-5)
    assert first.grad.item() == pytest.approx(0.75 * slope(0.75) * slope(0.5), rel=1e-5)


def test_potentials_need_a_drained_pass():
    with pytest.raises(InputError, match="drained"):
        simulate(network_of("1-1", readout="potential"), batch_of([1]), Schedule(stop="on_output"))


def test_unknown_idle_rules_are_an_error():
    network, events = two_neuron_chain()
    with pytest.raises(InputError, match=r"idle_gradient: unknown 'some'; .*allowed: all, none, spare"):
        simulate(network, events, LAYERED, idle_gradient="some")

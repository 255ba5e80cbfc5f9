"""Delayed connections, skips and connections within a pass by hand, where they come from, and what they cost; the
engines' properties draw them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from engine_comparison import ENGINES
from handmade_hardware import ASYNCHRONOUS, ENERGIES, MESH_CORES, TIMES, Builder, chip_from, cost_of, near, number
from networks import batch_of, network_of

from codesign.errors import InfeasibleError, InputError
from codesign.hardware.placement.placement import place
from codesign.network.quantization import Quantization, quantize
from codesign.network.topology import TopologySpec, network_shape, parse_topology, topology_text
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution, Slice
from codesign.simulation.schedule import LAYERED, Regularization, Schedule

LINEAR = {"kind": "linear", "neurons": 1}
PAIR: dict[str, Any] = {"input": 1, "layers": [LINEAR] * 2}
CHAIN: dict[str, Any] = {"input": 1, "layers": [LINEAR] * 3}
OVER = {**CHAIN, "skips": [{"from": 0, "to": 2, "kind": "identity"}]}
BACK: dict[str, Any] = {
    "input": 1,
    "layers": [{"kind": "linear", "neurons": 2}, LINEAR],
    "delayed": [{"from": 0, "to": 0, "within": "pass"}],
}
QUEUED = Schedule(stop="drained", input_mode="queued")


@torch.no_grad()
def run(
    topology: Any, weights: list[Any], counts: list[int], engine: str = "event", schedule: Schedule = LAYERED
) -> Execution:
    """Threshold 1/4, no leak, hard reset."""
    return simulate(network_of(topology, *weights), batch_of(counts), schedule, engine=engine).execution


@pytest.mark.parametrize(
    ("topology", "weights", "coarse"),
    [("1-1r-1", (0.2, 0.3, 0.5), [0.0, 0.3, 0.5]), (OVER, (0.3, 0.3, 0.2, 0.5), [0.3, 0.3, 0.0, 0.5])],
)
def test_a_layers_weights_share_their_scale(topology: Any, weights: tuple[float, ...], coarse: list[float]):
    """Scale 1/2 of 3 symmetric levels comes from the weight that leads back, or from the identity."""
    network = network_of(topology, *weights)
    quantize(network, Quantization(bits=2))
    assert [weight.item() for weight in network.all_weights()] == pytest.approx(coarse)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schedule", [LAYERED, QUEUED, Schedule(group_size=1, stop="on_output")])
def test_a_spike_comes_back_in_the_next_timestep(engine: str, schedule: Schedule):
    """One event keeps a neuron firing, as long as what comes back exceeds its threshold."""
    for weight, spikes in ((0.5, [1, 1, 1, 1]), (0.25, [1, 0, 0, 0]), (-0.5, [1, 0, 0, 0])):
        execution = run("1-1r", [1.0, weight], [1, 0, 0, 0], engine, schedule)
        assert execution.output_counts[0, :, 0].tolist() == spikes
        arrivals = sum(spikes[:-1])
        assert execution.delayed_operations.tolist() == [[arrivals]]
        assert execution.synaptic_operations.tolist() == [[1 + arrivals]]
        assert execution.evaluations.tolist() == [[1 + arrivals]]


def test_delayed_messages_go_to_the_cores_of_the_target():
    """Two hidden neurons on two cores of a mesh; the first fires in t = 0, and its spike comes back to both."""
    body = MESH_CORES.replace("layers_share_core", f"neurons_per_core: {number(1)}\nlayers_share_core")
    chip = body + TIMES + ENERGIES + ASYNCHRONOUS
    slices = tuple(Slice(layer=layer, core=core, neurons=1) for core, layer in enumerate((0, 0, 1)))
    executions = [
        Builder(topology, timesteps=2, slices=slices).message(-1, 0, 1).update(0, 0, 1, 1).message(0, 1, 1).build()
        for topology in ("1-2r-1", "1-2-1")
    ]
    assert network_shape("1-2r-1") == executions[0].shape
    cost, plain = (cost_of(execution, chip) for execution in executions)
    energies, others = cost.energy.terms_j, plain.energy.terms_j
    assert energies["message"] - others["message"] == near([2e-9])
    # from core 0 to both of them is one hop in all
    assert energies["hop"] - others["hop"] == near([10e-9])
    assert any("not stated to have delayed connections" in text for text in cost.assumptions)
    assert not any("delayed" in text for text in plain.assumptions)
    # the first core sends three messages instead of one, 1 ms each, and each receives one late, 10 + 1 µs
    late = cost.latency.busy_s - plain.latency.busy_s
    assert late[0] == near([2e-3 + 11e-6, 11e-6, 0])


def test_delayed_synapses_take_room():
    shape = network_shape("3-4r-2")
    chip = chip_from(MESH_CORES + f"synapses_per_core: {number(28)}\nfan_in: {number(7)}\n" + ENERGIES + ASYNCHRONOUS)
    assert [load.synapses for load in place(shape, chip).core_loads] == [28, 8]
    with pytest.raises(InfeasibleError, match="the first layer needs 8 inputs per neuron, a neuron has 7"):
        place(network_shape("3-5r-2"), chip)


def test_text_of_a_topology():
    for text, layers in (("7-[3x2]r-4", [0, 1]), ("700-128r-20", [0]), ("5-4r", [0])):
        topology = parse_topology(text)
        assert [(one.from_, one.to, one.delay) for one in topology.delayed] == [(at, at, 1) for at in layers]
        assert parse_topology(topology_text(network_shape(topology))) == topology
    feedback = TopologySpec.model_validate({**PAIR, "delayed": [{"from": 1, "to": 0, "delay": 3}]})
    assert topology_text(network_shape(feedback)) == "1-1-1, layer 1 to 0 after Δt · 3"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schedule", [LAYERED, Schedule(group_size=1, stop="drained"), QUEUED])
def test_a_skip_takes_as_long_as_the_layers_between(engine: str, schedule: Schedule):
    """What comes over it is added to what comes through the layer between, and neither alone fires."""
    execution = run(OVER, [1.0, 0.5, 0.125, 0.25], [1], engine, schedule)
    assert execution.emitted.tolist() == [[1, 1, 1]]
    assert execution.evaluations.tolist() == [[1, 1, 1]]
    assert execution.synaptic_operations.tolist() == [[1, 1, 2]]
    queued = schedule.input_mode == "queued"
    sent = execution.direct_messages
    assert (sent.source.tolist(), sent.step.tolist(), sent.synaptic_operations.tolist()) == ([4], [int(queued)], [1])
    # where the layer between is silent, the pass goes on until the skip's spike is there
    execution = run(OVER, [1.0, 0.125, 0.125, 0.5], [1], engine, schedule)
    assert execution.emitted.tolist() == [[1, 0, 1]]
    assert execution.forward_steps.tolist() == [[3 + queued]]


@pytest.mark.parametrize("engine", ENGINES)
def test_neurons_that_fire_again_cannot_be_recurrent_within_a_pass(engine: str):
    network, events = network_of(BACK), batch_of([1])
    again = Regularization(refractory_dropout=1.0)
    for schedule, regularization in ((Schedule(refractory=False), Regularization()), (LAYERED, again)):
        with pytest.raises(InputError, match="connections within a pass need refractory neurons"):
            simulate(network, events, schedule, regularization=regularization, engine=engine)


def test_how_large_groups_must_be():
    """With recurrence, all layers behind it can wait at once; a skip changes nothing."""
    skip, back = (network_shape(TopologySpec.model_validate(spec)) for spec in (OVER, BACK))
    assert [(shape.widest, shape.gates_suffice) for shape in (skip, back)] == [(1, True), (3, False)]
    assert not Schedule(group_size=2).equivalent_to_layered(back)
    layer = {"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1}
    sizes = ((1, 0, 1, True), (5, 2, 1, True), (3, 1, 1, True), ([5, 7], [2, 3], 1, False), (1, 0, 2, False))
    for kernel, padding, groups, suffices in sizes:
        skips = [{"from": 0, "to": 2, "kind": "conv2d", "kernel": kernel, "padding": padding}]
        spec = {"input": [2, 5, 5], "layers": [layer, {**layer, "groups": groups}, layer], "skips": skips}
        assert network_shape(TopologySpec.model_validate(spec)).gates_suffice == suffices
    spec = {"input": [2, 5, 5], "layers": [layer] * 3, "skips": [{"from": 0, "to": 2, "kind": "linear"}]}
    assert not network_shape(TopologySpec.model_validate(spec)).gates_suffice
    along = {"kind": "conv1d", "channels": 1, "kernel": 3, "padding": 1}
    long = {"input": [1, 30_000], "layers": [along] * 3, "skips": [{"from": 0, "to": 2, "kind": "identity"}]}
    assert network_shape(TopologySpec.model_validate(long)).gates_suffice  # in a moment


def test_messages_over_a_skip_go_to_the_cores_of_the_target():
    """Three layers on three cores of a mesh; the first spike goes to the last core too, two hops away."""
    chip = MESH_CORES + TIMES + ENERGIES + ASYNCHRONOUS
    weights = [1.0, 0.5, 0.5]
    over = run(OVER, [*weights, 0.5], [1])
    cost, plain = cost_of(over, chip), cost_of(run(CHAIN, weights, [1]), chip)
    energies, others = cost.energy.terms_j, plain.energy.terms_j
    assert energies["message"] - others["message"] == near([1e-9])
    assert (energies["synaptic_operation"], others["synaptic_operation"]) == (near([4e-12]), near([3e-12]))
    shape = network_shape(TopologySpec.model_validate(OVER))
    half = replace(over, zero_weights=(0.0, 0.0, 0.5))  # of those from layer to layer, and not over the skip
    skipping = cost_of(half, chip + "skips_zero_weights: 'yes'\n")
    assert skipping.energy.terms_j["synaptic_operation"] == near([3.5e-12])
    assert cost.latency.total_s - skipping.latency.total_s == near([0.5e-6])
    placement = place(shape, chip_from(chip))
    assert [load.synapses for load in placement.core_loads] == [1, 1, 2]
    assert placement.geometry.reach.share.tolist()[4:] == [[0, 0, 1]]
    assert any("not stated to have skips over layers" in text for text in cost.assumptions)
    assert not any("skips" in text for text in plain.assumptions)


@pytest.mark.parametrize("trained", [False, True])
def test_an_identity_is_trained_only_if_asked(trained: bool):
    network = network_of(OVER, 1.0, 0.5, 0.125, 0.25)
    network.direct()[0].weight.requires_grad_(trained)
    simulate(network, batch_of([1]), LAYERED).scores.sum().backward()
    assert (network.direct()[0].weight.grad is not None) == trained

"""Skips and connections within a pass by hand, and what they cost; the engines' properties draw them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from engine_comparison import ENGINES
from handmade_hardware import ASYNCHRONOUS, ENERGIES, MESH_CORES, TIMES, chip_from, cost_of, near
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.hardware.cost.spike_energy import spike_energy
from codesign.hardware.placement.placement import place
from codesign.network.quantization import Quantization, quantize
from codesign.network.topology import TopologySpec, network_shape
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.schedule import LAYERED, Regularization, Schedule

CHAIN: dict[str, Any] = {"input": 1, "layers": [{"kind": "linear", "neurons": 1}] * 3}
OVER = {**CHAIN, "skips": [{"from": 0, "to": 2, "kind": "identity"}]}
SCHEDULES = [LAYERED, Schedule(group_size=1, stop="drained"), Schedule(stop="drained", input_mode="queued")]
BACK: dict[str, Any] = {
    "input": 1,
    "layers": [{"kind": "linear", "neurons": 2}, {"kind": "linear", "neurons": 1}],
    "delayed": [{"from": 0, "to": 0, "within": "pass"}],
}


@torch.no_grad()
def run(
    topology: Any, weights: list[Any], count: int = 1, engine: str = "event", schedule: Schedule = LAYERED
) -> Execution:
    """Threshold 1/4, no leak, hard reset; one timestep with so many events."""
    return simulate(network_of(topology, *weights), batch_of([count]), schedule, engine=engine).execution


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_skip_takes_as_long_as_the_layers_between(engine: str, schedule: Schedule):
    """What comes over it is added to what comes through the layer between, and neither alone fires."""
    execution = run(OVER, [1.0, 0.5, 0.125, 0.25], 1, engine, schedule)
    assert execution.emitted.tolist() == [[1, 1, 1]]
    assert execution.evaluations.tolist() == [[1, 1, 1]]
    assert execution.synaptic_operations.tolist() == [[1, 1, 2]]
    queued = schedule.input_mode == "queued"
    sent = execution.direct_messages
    assert (sent.source.tolist(), sent.step.tolist(), sent.synaptic_operations.tolist()) == ([4], [int(queued)], [1])
    # where the layer between is silent, the pass goes on until the skip's spike is there
    execution = run(OVER, [1.0, 0.125, 0.125, 0.5], 1, engine, schedule)
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
    assert (skip.widest, skip.gates_suffice) == (1, True)
    assert (back.widest, back.gates_suffice) == (3, False)
    assert not Schedule(group_size=2).equivalent_to_layered(back)
    windows = {"input": [2, 5, 5], "layers": [{"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1}] * 3}
    for kernel, padding, suffices in ((1, 0, True), (5, 2, True), (3, 1, True), ([5, 7], [2, 3], False)):
        skips = [{"from": 0, "to": 2, "kind": "conv2d", "kernel": kernel, "padding": padding}]
        shape = network_shape(TopologySpec.model_validate({**windows, "skips": skips}))
        assert shape.gates_suffice == suffices


def test_messages_go_to_the_cores_of_the_target():
    """Three layers on three cores of a mesh; the first spike goes to the last core too, two hops away."""
    chip = MESH_CORES + TIMES + ENERGIES + ASYNCHRONOUS
    weights = [1.0, 0.5, 0.5]
    cost, plain = cost_of(run(OVER, [*weights, 0.5]), chip), cost_of(run(CHAIN, weights), chip)
    energies, others = cost.energy.terms_j, plain.energy.terms_j
    assert energies["message"] - others["message"] == near([1e-9])
    assert energies["synaptic_operation"] > others["synaptic_operation"]
    shape = network_shape(TopologySpec.model_validate(OVER))
    placement = place(shape, chip_from(chip))
    assert [load.synapses for load in placement.core_loads] == [1, 1, 2]
    assert placement.geometry.reach.share.tolist()[4:] == [[0, 0, 1]]
    plain_shape = network_shape(TopologySpec.model_validate(CHAIN))
    own, less = (spike_energy(each) for each in (placement, place(plain_shape, chip_from(chip))))
    assert own[0] > less[0]
    assert own[1:] == near(less[1:])
    assert any("not stated to have skips over layers" in text for text in cost.assumptions)
    assert not any("skips" in text for text in plain.assumptions)


def test_a_layers_weights_share_their_scale_with_a_skips():
    """Scale 1/2 of 3 symmetric levels comes from the identity."""
    network = network_of(OVER, 0.3, 0.3, 0.2, 0.5)
    quantize(network, Quantization(bits=2))
    assert [weight.item() for weight in network.all_weights()] == pytest.approx([0.3, 0.3, 0.0, 0.5])


@pytest.mark.parametrize("trained", [False, True])
def test_an_identity_is_trained_only_if_asked(trained: bool):
    network = network_of(OVER, 1.0, 0.5, 0.125, 0.25)
    network.direct()[0].weight.requires_grad_(trained)
    simulate(network, batch_of([1]), LAYERED).scores.sum().backward()
    assert (network.direct()[0].weight.grad is not None) == trained

"""Schedules without refractoriness: by hand, as a refractory dropout of 1, and where they can change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_comparison import (
    ENGINE,
    assert_equals_reference,
    assert_same,
    gradients_of,
    run,
    score_gradients,
)
from random_cases import Case, random_case, wide_case

from codesign.exploration.canonical import canonical_schedule, fires_once
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.workload.events import EventBatch

pytestmark = pytest.mark.usefixtures("one_thread")

ENGINES = ("reference", ENGINE)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("neuron", "schedule", "spikes"), [(True, True, 1), (True, False, 2), (False, True, 2)])
def test_by_hand(engine: str, neuron: bool, schedule: bool, spikes: int):
    """Two neurons fire at once and leave one after the other; each of them lifts the output from 0 above 0.5."""
    spec = NeuronSpec(threshold=0.5, refractory=neuron)
    network = SpikingNetwork(parse_topology("1-2-1"), spec, timestep_s=0.01)
    with torch.no_grad():
        for weight in network.weights():
            weight.fill_(1.0)
    events = EventBatch.from_frames(np.ones((1, 1, 1)), np.array([0]), timestep_s=0.01)
    one_by_one = Schedule(policy="fifo", group_size=1, stop="drained", refractory=schedule)
    assert simulate(network, events, one_by_one, engine=engine).logits.tolist() == [[spikes]]
    at_once = replace(one_by_one, group_size=2)
    assert simulate(network, events, at_once, engine=engine).logits.tolist() == [[1]]


def free(case: Case) -> tuple[Case, Case]:
    """The case without refractoriness by its schedule, and by dropout."""
    bounded = replace(case.schedule, refractory=True)
    if bounded.group_size is not None:
        bounded = replace(bounded, group_size=max(bounded.group_size, case.network.shape.neurons // 32))
    by_schedule = replace(case, schedule=replace(bounded, refractory=False))
    by_dropout = replace(case.regularization, refractory_dropout=1.0)
    return by_schedule, replace(case, schedule=bounded, regularization=by_dropout)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(4))
def test_equals_a_refractory_dropout_of_one(engine: str, seed: int):
    """Execution and gradients, the loss too. Both start from a case of any policy, mode, gate and dropout."""
    for case in (random_case(80_000 + seed), wide_case(80_000 + seed, convolutional=seed % 2 == 1, batch=2)):
        schedule, dropout = free(case)
        one, other = run(schedule, engine), run(dropout, engine)
        assert_same(one.execution, other.execution)
        assert one.logits.tolist() == other.logits.tolist()
        for mine, theirs in zip(
            score_gradients(schedule, one.logits), score_gradients(dropout, other.logits), strict=True
        ):
            assert mine.tolist() == theirs.tolist()
        losses = [
            classification_loss(
                each.network,
                each.events,
                each.schedule,
                regularization=each.regularization,
                seed=each.seed,
                epoch=each.epoch,
                engine=engine,
            )
            for each in (schedule, dropout)
        ]
        assert losses[0].value.item() == losses[1].value.item()
        gradients = [
            gradients_of(each.network, loss.value) for each, loss in zip((schedule, dropout), losses, strict=True)
        ]
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(*gradients, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_neurons_that_are_not_refractory_are_the_same_under_either(seed: int):
    case = wide_case(81_000 + seed, batch=2)
    spec = case.network.neuron.model_copy(update={"refractory": False})
    network = SpikingNetwork(case.network.topology, spec, timestep_s=0.01)
    network.load_state_dict(case.network.state_dict())
    schedule, _ = free(case)
    expected = run(schedule, ENGINE)
    found = run(replace(schedule, network=network, schedule=replace(schedule.schedule, refractory=True)), ENGINE)
    assert_same(found.execution, expected.execution)


def test_neurons_do_fire_again():
    more = 0
    for seed in range(15):
        case = replace(random_case(82_000 + seed), regularization=Regularization())
        spec = case.network.neuron.model_copy(update={"refractory": True})
        network = SpikingNetwork(case.network.topology, spec, timestep_s=0.01)
        network.load_state_dict(case.network.state_dict())
        schedule = Schedule(group_size=1, stop="drained")
        once = simulate(network, case.events, schedule, seed=seed)
        again = simulate(network, case.events, replace(schedule, refractory=False), seed=seed)
        more += again.execution.emitted.sum() > once.execution.emitted.sum()
    assert more > 5


GATED = {"synchronization_threshold": "layer", "barrier_messages": True}
WITHOUT_BARRIERS = {"synchronization_threshold": "layer", "barrier_messages": False}


@pytest.mark.parametrize(
    "options",
    [
        {"group_size": None},
        {"group_size": None, "input_mode": "queued"},
        {"group_size": None, "synchronization_threshold": 3, "barrier_messages": True},
        {"group_size": None, "synchronization_threshold": 2, "input_mode": "queued"},
        {"group_size": 1, **GATED},
        {"group_size": 3, **GATED, "input_mode": "queued"},
        {"group_size": 2, **GATED, "input_mode": "queued", "prioritize_input": True},
        {"group_size": 1, **WITHOUT_BARRIERS},
        {"group_size": 2, **WITHOUT_BARRIERS, "input_mode": "queued"},
        "widest layer",
    ],
)
@pytest.mark.parametrize("convolutional", [False, True])
def test_changes_nothing_where_no_neuron_is_evaluated_after_it_fired(options, convolutional: bool):
    """Every counter, and both forms of the schedule are one."""
    for seed in range(8):
        case = random_case(83_000 + seed, convolutional=convolutional)
        case = replace(case, regularization=Regularization())
        spec = case.network.neuron.model_copy(update={"refractory": True})
        network = SpikingNetwork(case.network.topology, spec, timestep_s=0.01)
        network.load_state_dict(case.network.state_dict())
        shape = network.shape
        given = {"group_size": max(shape.layer_sizes)} if options == "widest layer" else options
        schedule = Schedule(policy="random", stop=case.schedule.stop, **given)
        without = replace(schedule, refractory=False)
        assert fires_once(schedule, shape)
        one, other = (run(replace(case, network=network, schedule=each), ENGINE) for each in (schedule, without))
        assert_same(one.execution, other.execution)
        assert canonical_schedule(schedule, shape) == canonical_schedule(without, shape)


def test_layered_inference_is_layered_without_refractoriness_too():
    sizes = (64, 64, 10)
    for schedule in (LAYERED, Schedule(group_size=64), Schedule(group_size=1, **GATED)):
        assert replace(schedule, refractory=False).equivalent_to_layered(sizes)
    assert not Schedule(group_size=63, refractory=False).equivalent_to_layered(sizes)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("convolutional", [False, True])
def test_engines_agree_without_refractoriness(seed: int, convolutional: bool):
    schedule, _ = free(wide_case(84_000 + seed, convolutional=convolutional, batch=2))
    assert_equals_reference(schedule)

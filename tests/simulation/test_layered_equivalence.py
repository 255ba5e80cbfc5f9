"""Layered inference is what an asynchronous pass becomes with large groups, or with `layer` thresholds and barriers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_cases import random_frames, random_network, random_neuron

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.workload.events import EventBatch


def layered_spikes(network: SpikingNetwork, frames: np.ndarray) -> np.ndarray:
    """(B, T, L) spikes a layer emits in a plain layered loop, and the output counts (B, C), from scratch."""
    potentials = [torch.zeros(len(frames), size) for size in network.shape.layer_sizes]
    emitted = np.zeros((*frames.shape[:2], len(potentials)), dtype=np.int64)
    for t in range(frames.shape[1]):
        spikes = torch.from_numpy(frames[:, t]).double()
        for layer, connection in enumerate(network.layer_connections()):
            part = network.layer_slices[layer]
            u = potentials[layer] * network.decay[part]
            reached = connection.messages(spikes) > 0
            v = u + connection.currents(spikes, connection.weight.detach().double()).float()
            fires = reached & (v > network.threshold[part])
            after = v - network.threshold[part] if network.neuron.reset == "subtract" else torch.zeros_like(v)
            potentials[layer] = torch.where(reached, torch.where(fires, after, v), u)
            spikes = fires.double()
            emitted[:, t, layer] = fires.sum(dim=1).numpy()
    return emitted


def a_network(seed: int, *, convolutional: bool) -> tuple[SpikingNetwork, np.ndarray, EventBatch]:
    rng = np.random.default_rng(seed)
    fields = {**random_neuron(rng).model_dump(), "bias": False, "time_constant": str(rng.choice(["infinite", "10 ms"]))}
    network = random_network(rng, convolutional=convolutional, neuron=NeuronSpec.model_validate(fields))
    frames = random_frames(rng, 4, 4, network.shape.input_size)
    return network, frames, EventBatch.from_frames(frames, np.zeros(4, dtype=np.int64), timestep_s=0.01)


def execute(network: SpikingNetwork, events: EventBatch, schedule: Schedule, seed: int) -> Execution:
    execution = simulate(network, events, schedule, seed=seed).execution
    assert execution is not None
    return execution


@pytest.mark.parametrize("convolutional", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_layered_schedule_equals_a_plain_layered_loop(seed: int, convolutional: bool):
    network, frames, events = a_network(seed, convolutional=convolutional)
    execution = execute(network, events, LAYERED, seed)
    expected = layered_spikes(network, frames)
    assert execution.emitted.tolist() == expected.sum(axis=1).tolist()


@pytest.mark.parametrize("convolutional", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_large_groups_and_layer_thresholds_equal_layered(seed: int, convolutional: bool):
    network, _, events = a_network(1000 + seed, convolutional=convolutional)
    rng = np.random.default_rng(seed)
    layered = execute(network, events, LAYERED, seed)
    widest = max(network.shape.layer_sizes)
    policy = str(rng.choice(["random", "momentum", "fifo"]))
    schedules = [Schedule(policy=policy, group_size=widest, stop="drained")]
    for group_size in (1, 3, 8):
        schedules.append(
            Schedule(
                policy=policy,
                group_size=group_size,
                stop="drained",
                synchronization_threshold="layer",
                barrier_messages=True,
            )
        )
    for schedule in schedules:
        assert schedule.equivalent_to_layered(network.shape.layer_sizes)
        execution = execute(network, events, schedule, seed)
        assert execution.emitted.tolist() == layered.emitted.tolist()
        assert execution.scores.tolist() == layered.scores.tolist()
        assert execution.synaptic_operations.tolist() == layered.synaptic_operations.tolist()


def test_every_synchronized_neuron_sends_exactly_one_message_a_timestep():
    network, _, events = a_network(7, convolutional=False)
    schedule = Schedule(group_size=2, stop="drained", synchronization_threshold="layer", barrier_messages=True)
    execution = execute(network, events, schedule, 0)
    sent = (execution.emitted + execution.barrier_messages)[:, :-1]
    sizes = np.array(network.shape.layer_sizes[:-1])
    assert (sent == sizes * execution.timesteps).all()


def test_small_groups_differ_from_layered_somewhere():
    differs = 0
    for seed in range(12):
        network, _, events = a_network(2000 + seed, convolutional=False)
        layered = execute(network, events, LAYERED, seed)
        one = execute(network, events, Schedule(group_size=1, stop="drained"), seed)
        differs += one.emitted.tolist() != layered.emitted.tolist()
    assert differs > 5


def test_which_schedules_are_flagged_as_layered():
    sizes = (64, 64, 10)
    gated = {"synchronization_threshold": "layer", "barrier_messages": True}
    assert LAYERED.equivalent_to_layered(sizes)
    assert Schedule(group_size=64).equivalent_to_layered(sizes)
    assert Schedule(group_size=1, **gated).equivalent_to_layered(sizes)
    assert not Schedule(group_size=63).equivalent_to_layered(sizes)
    assert not Schedule(group_size=64, input_mode="queued").equivalent_to_layered(sizes)
    assert not Schedule(group_size=1, synchronization_threshold="layer").equivalent_to_layered(sizes)
    assert not Schedule(group_size=64, synchronization_threshold=5).equivalent_to_layered(sizes)

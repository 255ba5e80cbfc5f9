"""Layered inference is what an asynchronous pass becomes with large groups, or with `layer` thresholds and barriers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from networks import batch_of, network_of
from random_cases import POLICIES, examples, networks, random_batch, random_frames

from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import network_shape
from codesign.simulation.engine import simulate
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, Schedule

TIMELESS = [name for name in POLICIES if not get_policy(name).uses_service]
GATED = {"synchronization_threshold": "layer", "barrier_messages": True}


@examples(25)
@given(networks("tiny", bias=False, readout="spikes"), st.sampled_from(TIMELESS), st.integers(0, 99))
def test_large_groups_and_layer_thresholds_equal_layered(network: SpikingNetwork, policy: str, seed: int):
    rng = np.random.default_rng(seed)
    events = random_batch(rng, network, random_frames(rng, 4, 4, network.shape.input_size))
    layered = simulate(network, events, LAYERED, seed=seed).execution
    schedules = [Schedule(policy=policy, group_size=network.shape.widest, stop="drained")]
    if network.shape.gates_suffice:
        schedules += [Schedule(policy=policy, group_size=size, stop="drained", **GATED) for size in (1, 3, 8)]
        assert all(schedule.equivalent_to_layered(network.shape) for schedule in schedules)
        schedules.append(replace(schedules[-1], input_mode="queued"))
    for schedule in schedules:
        execution = simulate(network, events, schedule, seed=seed).execution
        assert execution.emitted.tolist() == layered.emitted.tolist()
        assert execution.scores.tolist() == layered.scores.tolist()
        assert execution.synaptic_operations.tolist() == layered.synaptic_operations.tolist()
        assert execution.active.tolist() == layered.active.tolist()  # barrier messages make nobody active


def test_which_schedules_are_flagged_as_layered():
    sizes = network_shape("5-64-64-10")
    assert LAYERED.equivalent_to_layered(sizes)
    assert Schedule(group_size=64).equivalent_to_layered(sizes)
    assert Schedule(group_size=1, **GATED).equivalent_to_layered(sizes)
    assert not Schedule(group_size=63).equivalent_to_layered(sizes)
    assert not Schedule(group_size=64, input_mode="queued").equivalent_to_layered(sizes)
    assert not Schedule(group_size=1, synchronization_threshold="layer").equivalent_to_layered(sizes)
    assert not Schedule(group_size=64, synchronization_threshold=5).equivalent_to_layered(sizes)


def test_a_gate_that_opens_by_no_message_is_not_layered():
    """A padded kernel of 1 leaves neurons without synapses, which only delayed spikes reach."""
    conv = {"kind": "conv2d", "channels": 1, "kernel": 1}
    layers = [conv, {**conv, "padding": 1}, {"kind": "linear", "neurons": 2}]
    network = network_of({"input": [1, 2, 2], "layers": layers, "delayed": [{"from": 0, "to": 1}]}, 1.0, 1.0, 1.0, 1.0)
    gated = replace(LAYERED, barrier_messages=True)
    events = batch_of(np.ones((1, 2, 4)))
    assert simulate(network, events, LAYERED).execution.emitted.tolist() == [[8, 8 + 12, 4]]
    assert simulate(network, events, gated).execution.emitted.tolist() == [[8, 8, 4]]
    assert not gated.equivalent_to_layered(network.shape)

"""Layered inference is what an asynchronous pass becomes with large groups, or with `layer` thresholds and barriers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from random_cases import POLICIES, a_case, examples, networks, random_batch, random_frames

from codesign.network.neuron_numbers import OF_NEURONS
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import network_shape, parse_topology
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.workload.events import EventBatch

TIMELESS = [name for name in POLICIES if not get_policy(name).uses_service]
GATED = {"synchronization_threshold": "layer", "barrier_messages": True}


def execute(network: SpikingNetwork, events: EventBatch, schedule: Schedule, seed: int) -> Execution:
    execution = simulate(network, events, schedule, seed=seed).execution
    assert execution is not None
    return execution


@examples(25)
@given(networks("tiny", bias=False, readout="spikes"), st.sampled_from(TIMELESS), st.integers(0, 99))
def test_large_groups_and_layer_thresholds_equal_layered(network: SpikingNetwork, policy: str, seed: int):
    rng = np.random.default_rng(seed)
    events = random_batch(rng, network, random_frames(rng, 4, 4, network.shape.input_size))
    layered = execute(network, events, LAYERED, seed)
    schedules = [Schedule(policy=policy, group_size=network.shape.widest, stop="drained")]
    if network.shape.gates_suffice:
        schedules += [Schedule(policy=policy, group_size=size, stop="drained", **GATED) for size in (1, 3, 8)]
        assert all(schedule.equivalent_to_layered(network.shape) for schedule in schedules)
        schedules.append(replace(schedules[-1], input_mode="queued"))
    for schedule in schedules:
        execution = execute(network, events, schedule, seed)
        assert execution.emitted.tolist() == layered.emitted.tolist()
        assert execution.scores.tolist() == layered.scores.tolist()
        assert execution.synaptic_operations.tolist() == layered.synaptic_operations.tolist()


def over_skips(network: SpikingNetwork, layer: int, frame: torch.Tensor, passed: torch.Tensor) -> torch.Tensor | float:
    """Currents of a layer over skips, from (B, inputs) events and (B, N) spikes of the timestep."""
    found: torch.Tensor | float = 0.0
    for one in network.direct():
        if one.shape.target == layer:
            spikes = frame if one.shape.source < 0 else passed[:, network.layer_slices[one.shape.source]]
            found = found + one.currents(spikes.double(), one.weight.double()).float()
    return found


def everybody(network: SpikingNetwork, frames: np.ndarray) -> np.ndarray:
    """(B, L) spikes where every neuron is evaluated once in every timestep, as frameworks do, in float32."""
    neuron, layers = network.neuron, network.layer_slices
    zeros = torch.zeros(len(frames), network.shape.neurons)
    of = {name: zeros if (given := getattr(network, name)) is None else given for name in OF_NEURONS}
    gain = torch.ones_like(zeros) if network.gain is None else network.gain
    floor = zeros - math.inf if network.floor is None else network.floor
    amount = network.threshold if network.reset_amount is None else network.reset_amount
    alpha = network.synaptic_decay() if network.synaptic_time_constant is not None else torch.zeros(1)
    bias = zeros if network.bias is None else network.bias
    u, j, fired = zeros + of["initial_potential"], zeros, zeros.bool()
    emitted, passed = torch.zeros(len(frames), len(layers)), []
    for t in range(frames.shape[1]):
        j = j * alpha + bias * network.flows()
        u = u * network.decay + bias * ~network.flows() + gain * j
        fired_before, fired = fired, torch.zeros_like(fired)
        passed.append(torch.zeros_like(u))
        spikes = frame = torch.from_numpy(frames[:, t]).float()
        for i, (own, connection) in enumerate(zip(layers, network.layer_connections(), strict=True)):
            x = connection.currents(spikes.double(), connection.weight.double()).float()
            x += over_skips(network, i, frame, passed[t])
            for late in network.delayed_connections:
                if late.target == i and late.delay <= t:
                    x += passed[t - late.delay][:, layers[late.source]] @ late.weight.T
            limit, most, reset = network.threshold[own], neuron.of_layers("most_spikes", len(layers))[i], None
            reset, inclusive = (neuron.of_layers(name, len(layers))[i] for name in ("reset", "comparison"))
            held = fired_before[:, own] & (neuron.of_layers("reset_delay", len(layers))[i] and reset != "subtract")
            v = torch.where(held, 0.0, u[:, own] + (gain * torch.ones_like(zeros))[:, own] * x)
            j[:, own] += x
            whole = (v / limit).floor() if inclusive == ">=" else (v / limit).ceil() - 1
            spikes = whole.clamp(min=0, max=most)
            left = v - spikes * amount[own]
            if reset != "subtract":
                left = torch.zeros_like(v) + (of["reset_value"].expand_as(zeros)[:, own] if reset == "value" else 0.0)
            u[:, own] = torch.where(spikes > 0, left, v)
            fired[:, own] = spikes > 0
            passed[t][:, own] = spikes
            emitted[:, i] += spikes.sum(dim=1)
        u = u.maximum(floor)
    return emitted.long().numpy()


@torch.no_grad()
@examples(40)
@given(networks("tiny", tick=True, readout="spikes"), st.sampled_from(TIMELESS), st.integers(0, 99))
def test_with_the_tick_everybody_is_evaluated(network: SpikingNetwork, policy: str, seed: int):
    assume(network.max_pools() is None and not any(one.target <= one.source for one in network.shape.direct))
    rng = np.random.default_rng(seed)
    frames = random_frames(rng, 4, 4, network.shape.input_size)
    events = random_batch(rng, network, frames)
    widest = Schedule(policy=policy, group_size=max(network.shape.layer_sizes), stop="drained")
    queued = Schedule(group_size=None, stop="drained", input_mode="queued")
    gated = Schedule(policy=policy, group_size=1, stop="drained", **GATED)
    expected = everybody(network, frames).tolist()
    waiting = (gated, replace(gated, input_mode="queued")) if network.shape.gates_suffice else ()
    for schedule in (widest, queued, *waiting):
        assert execute(network, events, schedule, seed).emitted.tolist() == expected


def test_every_synchronized_neuron_sends_exactly_one_message_a_timestep():
    case = a_case()
    execution = execute(case.network, case.events, Schedule(group_size=2, stop="drained", **GATED), 0)
    sent = (execution.emitted + execution.barrier_messages)[:, :-1]
    sizes = np.array(case.network.shape.layer_sizes[:-1])
    assert (sent == sizes * execution.timesteps).all()


def test_small_groups_differ_from_layered():
    case = a_case()
    one_by_one = Schedule(group_size=1, stop="drained")
    layered, one = (execute(case.network, case.events, schedule, 0) for schedule in (LAYERED, one_by_one))
    assert one.emitted.tolist() != layered.emitted.tolist()


def test_which_schedules_are_flagged_as_layered():
    sizes = network_shape(parse_topology("5-64-64-10"))
    assert LAYERED.equivalent_to_layered(sizes)
    assert Schedule(group_size=64).equivalent_to_layered(sizes)
    assert Schedule(group_size=1, **GATED).equivalent_to_layered(sizes)
    assert not Schedule(group_size=63).equivalent_to_layered(sizes)
    assert not Schedule(group_size=64, input_mode="queued").equivalent_to_layered(sizes)
    assert not Schedule(group_size=1, synchronization_threshold="layer").equivalent_to_layered(sizes)
    assert not Schedule(group_size=64, synchronization_threshold=5).equivalent_to_layered(sizes)

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade_hardware import ASYNCHRONOUS, MESH_CORES, TIMES, chip_from, group, mesh, near, number

from codesign.errors import InputError
from codesign.hardware import scheduling
from codesign.hardware.library import find_chip
from codesign.hardware.placement import place
from codesign.hardware.prices import Prices
from codesign.hardware.replay import replay
from codesign.hardware.scheduling import (
    chip_schedule,
    neuron_assumptions,
    schedule_assumptions,
    service_model,
)
from codesign.hardware.work import PlacedExecution
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import Conv2d, Linear, TopologySpec, network_shape, parse_topology
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.simulation.service import ServiceModel
from codesign.workload.events import EventBatch

SHAPE = network_shape(parse_topology("64-32-32-10"))


def schedule_of(name: str, topology=SHAPE, capacity="scaled", **options):
    chip = find_chip(name)
    return chip_schedule(place(topology, chip, capacity, chip.weight_bits.value), **options)


def test_a_barrier_makes_every_neuron_wait_for_its_fan_in() -> None:
    result = schedule_of("loihi", stop="drained")
    assert result.schedule.synchronization_threshold == "layer"
    assert result.schedule.barrier_messages
    assert result.schedule.group_size is None
    assert result.schedule.equivalent_to_layered(SHAPE.layer_sizes)
    assert not result.assumptions


def test_a_timer_makes_every_neuron_wait_for_its_core_or_its_fan_in() -> None:
    schedule = schedule_of("truenorth", stop="drained").schedule
    # 32, 32 and 10 neurons on three cores; fan-in 64, 32 and 32
    assert schedule.synchronization_threshold == (32,) * 64 + (10,) * 10
    assert schedule.barrier_messages
    assert schedule.group_size == 256
    wide = network_shape(parse_topology("8-32-10"))
    assert schedule_of("truenorth", wide).schedule.synchronization_threshold == (8,) * 32 + (10,) * 10


def test_an_asynchronous_chip_without_a_group_size_gets_8_as_an_assumption() -> None:
    result = schedule_of("mubrain")
    assert result.schedule == Schedule(group_size=8, stop="read_early")
    assert any("F = 8" in text for text in result.assumptions)
    assert any("not known to be able to drop" in text for text in result.assumptions)
    assert not schedule_of("mubrain", group_size=4, stop="drained").assumptions


def test_a_chip_with_a_group_size_uses_it() -> None:
    chip = chip_from(
        f"cores: {number(1)}\nlayers_share_core: true\ngroup_size: {number(3)}\nsynchronization: {{kind: clocked}}"
    )
    result = chip_schedule(place(SHAPE, chip))
    assert result.schedule.group_size == 3
    assert not result.assumptions


def test_table_5_on_an_asynchronous_chip_is_layered_inference_and_says_so() -> None:
    result = schedule_of("mubrain", group_size=32, stop="drained")
    assert result.schedule.group_size == 32
    assert result.schedule.equivalent_to_layered(SHAPE.layer_sizes)
    assert any("no layer synchronization" in text for text in result.assumptions)


def test_cores_are_named_where_layers_are_split_or_the_policy_looks_at_them() -> None:
    assert schedule_of("loihi").schedule.cores is None
    for policy in ("round_robin", "arbiter"):
        assert schedule_of("loihi", policy=policy).schedule.cores == (0,) * 32 + (1,) * 32 + (2,) * 10
    assert schedule_of("mubrain_fitted").schedule.cores is None
    assert schedule_of("mubrain_fitted", policy="timed").schedule.cores == (0,) * 74  # one core
    assert len(set(schedule_of("loihi", network_shape(parse_topology("2312-64-10"))).schedule.cores)) == 3


def test_schedules_that_a_chip_does_not_have_are_assumptions() -> None:
    assert schedule_assumptions(find_chip("mubrain"), LAYERED, SHAPE.layer_sizes)
    assert not schedule_assumptions(find_chip("mubrain"), Schedule(stop="drained"), SHAPE.layer_sizes)
    assert schedule_assumptions(find_chip("loihi"), Schedule(stop="drained"), SHAPE.layer_sizes)


def test_neurons_that_a_chip_does_not_have_are_assumptions() -> None:
    chip = find_chip("mubrain")
    texts = neuron_assumptions(chip, time_constant_s=1e-3, reset="zero", refractory=True)
    for words in ("no leak", "reset 'zero'", "refractory"):
        assert any(words in text for text in texts), words
    full = chip_from(f"cores: {number(1)}\nlayers_share_core: true\n{ASYNCHRONOUS}")
    assert not neuron_assumptions(full, time_constant_s=1e-3, reset="subtract")
    assert not [text for text in neuron_assumptions(chip, time_constant_s=math.inf, reset="zero") if "leak" in text]


@pytest.mark.parametrize("name", ["mubrain", "loihi", "truenorth"])
def test_input_mode_and_stop_are_passed_on(name: str) -> None:
    options = {"input_mode": "queued", "prioritize_input": True, "steps_after_output": 3, "refractory": False}
    schedule = schedule_of(name, **options).schedule
    assert {option: getattr(schedule, option) for option in options} == options


# service models ------------------------------------------------------------------------------------------------------


def test_a_service_model_by_hand() -> None:
    """3-4-2 with two neurons a core: A and B of the first layer on cores 0 and 1, both outputs on core 2, in one row.

    t_so 1 µs for two synapses, t_message 10 µs, t_update 100 µs, t_output 1 ms, t_hop 10 ms.
    """
    chip = chip_from(MESH_CORES + TIMES + ASYNCHRONOUS + f"neurons_per_core: {number(2)}")
    shape = network_shape(parse_topology("3-4-2"))
    model = service_model(place(shape, chip))
    assert model.message_s == near((11e-6,) * 3)  # two synapses in one lane operation
    assert (model.lanes, model.update_s, model.spike_s) == (2, near(100e-6), 0)
    assert model.output_s == near((1e-3, 1e-3, 0))  # each hidden neuron to one core, outputs to none
    assert model.route_s[0][:2] == near((0, 10e-3))  # inputs enter at core 0
    assert (model.route_s[1][2], model.route_s[2][2]) == near((20e-3, 10e-3))


def test_the_times_of_a_convolution_are_those_of_its_mean_synapses() -> None:
    """A 2×2 kernel without padding over 3×3: 16 synapses from 9 inputs to 4 neurons, then 4 to each of two outputs."""
    text = f"cores: {number(2)}\nlayers_share_core: false\nvector_width: {number(1)}\n" + TIMES.replace("hop", "spike")
    chip = chip_from(text + ASYNCHRONOUS + mesh(1, 1, 2))
    layers = (Conv2d(kind="conv2d", channels=1, kernel=2), Linear(neurons=2))
    shape = network_shape(TopologySpec(input=(1, 3, 3), layers=layers))
    model = service_model(place(shape, chip))
    assert model.message_s == near((2e-6 + 10e-6, 2e-6 + 10e-6))  # 16 / 9 rounded up; 2
    assert model.spike_s == near(10e-3)


def test_on_a_crossbar_a_message_takes_every_neuron_of_its_core() -> None:
    chip = chip_from(MESH_CORES + TIMES + ASYNCHRONOUS + f"neurons_per_core: {number(8)}\ncrossbar: true")
    shape = network_shape(parse_topology("3-4-2"))
    model = service_model(place(shape, chip))
    assert model.message_s == near((14e-6, 14e-6))  # 8 neurons, 2 lanes


def test_a_policy_that_looks_at_times_needs_all_of_them() -> None:
    with pytest.raises(
        InputError, match=r"mubrain: a policy that looks at .* gives no times.synaptic_operation, times"
    ):
        schedule_of("mubrain", policy="timed")
    assert schedule_of("mubrain", policy="momentum").schedule.service is None


@pytest.mark.parametrize(("core", "service"), [(False, False), (True, False), (False, True)])
def test_a_policy_of_ones_own_gets_what_it_looks_at(core: bool, service: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(get_policy("fifo"), name="own", uses_cores=core, uses_service=service)
    monkeypatch.setattr(scheduling, "get_policy", {"own": own}.get)
    schedule = schedule_of("mubrain_fitted", policy="own").schedule
    assert (schedule.service is not None) == service
    assert (schedule.cores is not None) == (core or service)


def test_a_visit_of_all_neurons_that_the_policy_does_not_see_is_an_assumption() -> None:
    times = TIMES + f"  neuron_access: {number('1 us')}\n"
    shape = network_shape(parse_topology("3-4-2"))
    for kind, expected in (("clocked", 1), ("asynchronous", 0)):
        chip = chip_from(MESH_CORES + times + f"synchronization: {{kind: {kind}}}")
        found = chip_schedule(place(shape, chip), policy="timed", stop="drained")
        assert len([text for text in found.assumptions if "visit of all neurons" in text]) == expected


TINY_TIMES = {
    "synaptic_operation": "3 ns",
    "message": "5 ns",
    "neuron_update": "7 ns",
    "spike": "2 ns",
    "output": "11 ns",
    "hop": "13 ns",
    "hop_vertical": "4 ns",
}


@pytest.mark.parametrize("policy", ["timed", "fifo"])
@pytest.mark.parametrize(("lanes", "shares"), [(2, "false"), ('"all"', "true")])
def test_the_replay_of_an_execution_is_the_replay_of_its_service_model(policy: str, lanes: object, shares: str) -> None:
    """Latency counts the very times that the policy saw: layers split over cores, and two layers on one core."""
    chip = chip_from(
        f"""
cores: {number(16)}
neurons_per_core: {number(5)}
layers_share_core: {shares}
vector_width: {number(lanes)}
{mesh(4, 2, 2)}{ASYNCHRONOUS}{group("times", **TINY_TIMES)}"""
    )
    network = SpikingNetwork(parse_topology("12-9-7-3"), NeuronSpec(threshold=0.2), timestep_s=0.01, seed=2)
    placement = place(network.shape, chip, "published")
    model = service_model(placement)
    schedule = chip_schedule(placement, policy=policy, group_size=2, stop="drained").schedule
    assert schedule.service == (model if policy == "timed" else None)
    schedule = replace(schedule, cores=placement.schedule_cores(core_aware=True))
    frames = np.random.default_rng(0).integers(0, 3, size=(8, 3, 12))
    events = EventBatch.from_frames(frames, np.zeros(8, dtype=np.int64), timestep_s=0.01)
    with torch.no_grad():
        execution = simulate(network, events, schedule).execution
    assert execution is not None
    assert execution.emitted.sum() > 50
    prices = Prices(chip=chip, extent=placement.extent)
    result = replay(PlacedExecution(execution, placement), prices.work_times()[:, 0], prices.hop_times()[:, 0])
    expected = [[makespan(execution, model, sample, timestep) for timestep in range(3)] for sample in range(8)]
    np.testing.assert_allclose(result.makespan_s, expected, rtol=1e-12)


def makespan(execution: Execution, service: ServiceModel, sample: int, timestep: int) -> float:
    """When the last core is done: the records of one pass, served one row after another at the times of a model."""
    slices, table, updates = execution.slices, execution.messages, execution.updates
    rows = np.flatnonzero((table.sample == sample) & (table.timestep == timestep))
    work = np.flatnonzero((updates.sample == sample) & (updates.timestep == timestep))
    free = dict.fromkeys((one.core for one in slices), 0.0)
    sent: dict[tuple[int, int], float] = {}
    for step in range(1 + max([*updates.step[work], *table.step[rows]], default=0)):
        for row in rows[table.step[rows] == step - 1]:
            source = int(table.source[row])
            layer = 0 if source == 0 else slices[source - 1].layer + 1
            start = 0.0 if source == 0 else sent[source - 1, int(table.enqueue_step[row])]
            for part, one in enumerate(slices):
                if one.layer == layer:
                    begin = max(free[one.core], start + service.route_s[source][part])
                    free[one.core] = begin + int(table.spikes[row]) * service.message_s[part]
        for row in work[updates.step[work] == step]:
            part = int(updates.slice[row])
            turns = -(-int(updates.evaluated[row]) // service.lanes) if service.lanes else 1
            free[slices[part].core] += turns * service.update_s
            free[slices[part].core] += int(updates.emitted[row]) * service.emission_s[part]
            sent[part, step] = free[slices[part].core]
    return max(free.values())

"""Scheduling by the times of a service model: by hand, both engines alike, and against a replay of the records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_comparison import (
    ENGINE,
    arguments,
    assert_equals_reference,
    assert_gradients_close,
    assert_same,
    gradients_of,
    run,
)
from random_cases import Case, random_case, random_service, timed, wide_case

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation import policies
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.event import batch as event_batch
from codesign.simulation.execution import Execution
from codesign.simulation.policies import Policy
from codesign.simulation.schedule import Regularization, Schedule
from codesign.simulation.service import ServiceModel, longest_ways
from codesign.workload.events import EventBatch

pytestmark = pytest.mark.usefixtures("one_thread")

ENGINES = ("reference", ENGINE)

# by hand -------------------------------------------------------------------------------------------------------------

BY_HAND = ServiceModel(
    message_s=(100.0, 1.0, 1.0, 1.0),
    lanes=None,
    update_s=1.0,
    spike_s=0.5,
    output_s=(0.25, 0.25, 0.25, 0.0),
    route_s=(
        (2.0, 2.0, 9.0, 9.0),  # from the input to A and C
        (9.0, 9.0, 3.0, 9.0),  # from A to D
        (9.0, 9.0, 3.0, 9.0),  # from C to D
        (9.0, 9.0, 9.0, 4.0),  # from D to O
        (9.0, 9.0, 9.0, 9.0),
    ),
)
"""A and C of the first layer, D, and the output O, each on a core of its own; A's is slow."""


def by_hand(schedule: Schedule) -> Case:
    """One event makes A and C fire at once; either of them makes D fire, and D makes O fire."""
    network = SpikingNetwork(parse_topology("1-2-1-1"), NeuronSpec(threshold=0.5), timestep_s=0.01)
    with torch.no_grad():
        for weight in network.weights():
            weight.fill_(1.0)
    events = EventBatch.from_frames(np.ones((1, 1, 1)), np.array([0]), timestep_s=0.01)
    return replace(
        random_case(0), network=network, events=events, schedule=schedule, regularization=Regularization(), frames=None
    )


def order(execution: Execution) -> list[tuple[int, int]]:
    """(slice, step of enqueueing) of neurons as they leave."""
    table = execution.messages
    own = table.source > 0
    return list(zip((table.source[own] - 1).tolist(), table.enqueue_step[own].tolist(), strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slow_core_goes_last_by_hand(engine: str):
    """F = 1. Fifo lets A leave first, ties by index. On the chip A is the last of all:

    A receives until 2 + 100 = 102, is evaluated until 103, has sent at 103.75 and is at D at 106.75;
    C                2 + 1 = 3,                    4,              4.75,               7.75;
    D, after C's message, receives until 8.75, is evaluated until 9.75, has sent at 10.5 and is at O at 14.5;
    O receives until 15.5, is evaluated until 16.5, and has fired at 17.

    In the end D receives A's message from 106.75 to 107.75, and is evaluated until 108.75.
    """
    schedule = Schedule(group_size=1, stop="drained", cores=(0, 1, 2, 3), service=BY_HAND)
    a, c, d, o = range(4)
    fifo = run(by_hand(replace(schedule, policy="fifo")), engine).execution
    assert order(fifo) == [(a, 0), (c, 0), (d, 1), (o, 3)]
    found = run(by_hand(replace(schedule, policy="timed")), engine).execution
    assert order(found) == [(c, 0), (d, 1), (o, 2), (a, 0)]
    if engine == ENGINE:
        state = last_state(by_hand(replace(schedule, policy="timed")))
        assert state.served.delivery[1:5].tolist() == [106.75, 7.75, 14.5, 17.0]
        assert state.served.free.tolist() == [103.75, 4.75, 108.75, 17.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_cores_that_slices_share_serve_one_after_the_other(engine: str):
    """All on one core, where A and C are one slice, F = 1.

    The slice receives until 2 + 101 = 103, is evaluated until 103 + 2 · 0.5 = 104, has sent at 104 + 2 · 0.75 = 105.5
    and is at D at 108.5. A leaves first, ties by index. D receives until max(105.5, 108.5) + 1 = 109.5, is evaluated
    until 110, has sent at 110.75 and is at O at 114.75: C's message is there before, so C leaves before D.
    """
    schedule = Schedule(group_size=1, stop="drained", policy="timed", cores=(0, 0, 0, 0))
    three = ServiceModel(
        message_s=(101.0, 1.0, 1.0),
        lanes=1,
        update_s=0.5,
        spike_s=0.5,
        output_s=(0.25, 0.25, 0.0),
        route_s=((2.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 4.0), (0.0, 0.0, 0.0)),
    )
    case = by_hand(replace(schedule, service=three))
    found = run(case, engine).execution
    assert [one.neurons for one in found.slices] == [2, 1, 1]
    assert order(found) == [(0, 0), (0, 0), (1, 1), (2, 3)]
    if engine == ENGINE:
        state = last_state(case)
        assert state.served.delivery[1:4].tolist() == [108.5, 108.5, 114.75]


@pytest.mark.parametrize("engine", ENGINES)
def test_queued_inputs_are_there_at_once(engine: str):
    """Inputs have delivery 0, so they leave before all neurons, the lowest first."""
    network = SpikingNetwork(parse_topology("3-2-1"), NeuronSpec(threshold=0.5), timestep_s=0.01)
    with torch.no_grad():
        for weight in network.weights():
            weight.fill_(1.0)
    events = EventBatch.from_frames(np.ones((1, 1, 3)), np.array([0]), timestep_s=0.01)
    zeros = (0.0, 0.0)
    service = ServiceModel(
        message_s=(1.0, 1.0), lanes=None, update_s=1.0, spike_s=0.0, output_s=zeros, route_s=(zeros,) * 3
    )
    schedule = Schedule(policy="timed", group_size=1, stop="drained", input_mode="queued", service=service)
    table = simulate(network, events, schedule, engine=engine).execution.messages
    assert table.source.tolist() == [0, 0, 0, 1, 1, 2]


# engines -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_fully_connected_networks_equal_the_reference(seed: int):
    assert_equals_reference(timed(wide_case(70_000 + seed), seed))


@pytest.mark.parametrize("seed", range(6))
def test_convolutional_networks_equal_the_reference(seed: int):
    assert_equals_reference(timed(wide_case(71_000 + seed, convolutional=True), seed))


@pytest.mark.parametrize("seed", range(5))
def test_small_networks_equal_the_reference(seed: int):
    readout = "potential" if seed % 5 == 0 else "spikes"
    assert_equals_reference(timed(random_case(72_000 + seed, readout=readout), seed))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("engine", ENGINES)
def test_losses_and_their_gradients_equal_the_reference(seed: int, engine: str):
    case = timed(wide_case(73_000 + seed, convolutional=seed % 3 == 0), seed)
    simulation = run(case, "reference")
    expected = torch.nn.functional.cross_entropy(simulation.logits, torch.from_numpy(case.events.labels))
    found = classification_loss(case.network, case.events, case.schedule, engine=engine, **arguments(case))
    assert found.logits.tolist() == simulation.logits.tolist()
    torch.testing.assert_close(found.value, expected, rtol=1e-5, atol=1e-6)
    assert_gradients_close(gradients_of(case.network, found.value), gradients_of(case.network, expected))


def test_times_change_spikes():
    """The comparisons above compare something: neither the policy nor the numbers of its model are in vain."""
    policy = numbers = 0
    for seed in range(14):
        case = timed(wide_case(70_000 + seed), seed)
        other = random_service(np.random.default_rng(seed + 1), case.network, case.schedule)
        ways = [
            run(replace(case, schedule=schedule), ENGINE).execution.messages.synaptic_operations.tolist()
            for schedule in (
                case.schedule,
                replace(case.schedule, policy="fifo"),
                replace(case.schedule, service=other),
            )
        ]
        policy += ways[0] != ways[1]
        numbers += ways[0] != ways[2]
    assert policy > 3
    assert numbers > 3


def test_the_number_of_threads_and_the_batch_change_nothing():
    case = timed(wide_case(70_004, batch=40), 4)
    whole = run(case, ENGINE).execution
    torch.set_num_threads(3)
    assert_same(run(case, ENGINE).execution, whole)
    torch.set_num_threads(1)
    parts = [run(replace(case, events=case.events.select([b])), ENGINE).execution for b in range(40)]
    assert_same(Execution.concatenate(parts), whole)


def test_passes_of_very_many_steps():
    network = SpikingNetwork(parse_topology("60-200-3"), NeuronSpec(threshold=0.5, refractory=False), timestep_s=0.01)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        network.weights()[0].copy_(torch.from_numpy(rng.integers(-16, 32, (200, 60)) / 128))
        network.weights()[1].copy_(torch.from_numpy(rng.integers(-8, 12, (3, 200)) / 128))
    events = EventBatch.from_frames(rng.poisson(1.0, (2, 2, 60)), np.zeros(2, dtype=np.int64), timestep_s=0.01)
    cores = tuple(n // 50 for n in range(203))
    schedule = Schedule(policy="timed", group_size=1, stop="drained", input_mode="queued", cores=cores)
    schedule = replace(schedule, service=random_service(rng, network, schedule))
    case = replace(random_case(0), network=network, events=events, schedule=schedule, regularization=Regularization())
    assert_equals_reference(case)
    assert run(case, ENGINE).execution.forward_steps.max() > 150


# times ---------------------------------------------------------------------------------------------------------------


def last_state(case: Case) -> Any:
    """Working memory of the event engine after a case of one sample and timestep."""
    run(case, ENGINE)
    return event_batch._resources_of(case.network).states[-1][1]


def replayed(execution: Execution, model: ServiceModel) -> tuple[dict[int, float], dict[tuple[int, int], float]]:
    """When each core gets free, and when each slice has sent what it emitted in each step: from the tables alone."""
    slices, table, updates = execution.slices, execution.messages, execution.updates
    free = dict.fromkeys(sorted({one.core for one in slices}), 0.0)
    sent = {}
    last = int(max(table.step.max(initial=-1), updates.step.max(initial=-1))) + 1
    for step in range(last + 1):
        for row in np.flatnonzero((table.step == step - 1) & (table.spikes > 0)).tolist():
            source, enqueued = int(table.source[row]), int(table.enqueue_step[row])
            target = 0 if source == 0 else slices[source - 1].layer + 1
            ready = 0.0 if source == 0 else sent[source - 1, enqueued]
            for part, one in enumerate(slices):
                if one.layer == target:
                    begin = max(free[one.core], ready + model.route_s[source][part])
                    free[one.core] = begin + float(table.spikes[row]) * model.message_s[part]
        for part, one in enumerate(slices):
            row = np.flatnonzero((updates.step == step) & (updates.slice == part))
            evaluated, emitted = int(updates.evaluated[row].sum()), int(updates.emitted[row].sum())
            turns = int(evaluated > 0) if model.lanes is None else -(-evaluated // model.lanes)
            free[one.core] += turns * model.update_s
            free[one.core] += emitted * (model.spike_s + model.output_s[part])
            sent[part, step] = free[one.core]
    return free, sent


@pytest.mark.parametrize("seed", range(14))
def test_the_engines_times_are_those_of_a_replay(seed: int):
    """One sample and timestep: the cores' last times, and the deliveries of all that emitted exactly once."""
    case = timed(wide_case(74_000 + seed, batch=1, convolutional=seed % 4 == 0), seed)
    case = replace(case, events=EventBatch.from_frames(
        case.frames[:1, -1:], case.events.labels, timestep_s=0.01, sample_ids=case.events.sample_ids,
        currents=case.events.currents,
    ))  # fmt: skip
    state = last_state(case)
    execution = run(case, "reference").execution
    free, sent = replayed(execution, case.schedule.service)
    assert state.served.free[: len(free)].tolist() == list(free.values())
    ways = longest_ways(case.schedule.service, execution.slices)
    inputs = execution.shape.input_size
    ends = inputs + np.cumsum([0, *(one.neurons for one in execution.slices)])
    updates = execution.updates
    for part in range(len(execution.slices)):
        steps = updates.step[(updates.slice == part) & (updates.emitted > 0)].tolist()
        possible = {0.0, *(float(np.float32(sent[part, step] + ways[part])) for step in steps)}
        found = state.served.delivery[ends[part] : ends[part + 1]].tolist()
        assert set(found) <= possible
        assert bool(steps) <= any(source in possible for source in found)


# what is not a service model -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_s": (0.0,) * 3}, "service output_s: must have one time for each of 4 slices, found 3"),
        (
            {"route_s": BY_HAND.route_s[:4]},
            r"service route_s: must have 5 rows of 4 ways, found rows of \[4, 4, 4, 4\]",
        ),
        ({"route_s": ()}, "service route_s: must have 5 rows of 4 ways, found rows of nothing"),
        ({"lanes": 0}, "service lanes: must be at least 1, or None for all, found 0"),
        ({"update_s": -1.0}, "service update_s: must be finite times of at least 0 s, found -1.0"),
        ({"spike_s": float("inf")}, "service spike_s: must be finite times of at least 0 s, found inf"),
        ({"message_s": (0.0, float("nan"), 0.0, 0.0)}, "service message_s: must be finite times .* found nan"),
    ],
)
def test_numbers_that_are_no_times_are_an_error(change: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        replace(BY_HAND, **change)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_policy_that_uses_times_needs_them(engine: str):
    with pytest.raises(InputError, match="policy 'timed': needs the schedule's `service`"):
        run(by_hand(Schedule(policy="timed")), engine)
    with pytest.raises(InputError, match=r"must describe the 3 slices of the network's layers .* found 4"):
        run(by_hand(Schedule(policy="timed", service=BY_HAND)), engine)


def by_delivery(waiting):
    return -waiting.delivery


@pytest.mark.parametrize("engine", ENGINES)
def test_only_policies_that_say_so_see_times(monkeypatch: pytest.MonkeyPatch, engine: str):
    """After a run that left times in memory, too."""
    case = by_hand(Schedule(policy="timed", group_size=1, stop="drained", cores=(0, 1, 2, 3), service=BY_HAND))
    expected = run(case, engine).execution
    for uses_service in (False, True):
        mine = Policy(name="mine", priority=by_delivery, uses_service=uses_service)
        monkeypatch.setattr(policies, "_from_entry_point", {"mine": mine}.__getitem__)
        found = run(replace(case, schedule=replace(case.schedule, policy="mine")), engine).execution
        assert (order(found) == order(expected)) is uses_service
        assert order(found)[0] == ((1, 0) if uses_service else (0, 0))


def test_learns_through_it():
    """A task that needs both layers, trained through timed scheduling."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 160)
    patterns = rng.random((4, 30)) < 0.4
    frames = (patterns[labels][:, None] & (rng.random((160, 3, 30)) < 0.8)) | (rng.random((160, 3, 30)) < 0.05)
    events = EventBatch.from_frames(frames.astype(np.int64), labels, timestep_s=0.01)
    network = SpikingNetwork(parse_topology("30-40-4"), NeuronSpec(threshold=0.3), timestep_s=0.01, seed=0)
    schedule = Schedule(policy="timed", group_size=4, stop="drained", cores=tuple(n // 11 for n in range(44)))
    schedule = replace(schedule, service=random_service(rng, network, schedule))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for epoch in range(30):
        loss = classification_loss(network, events, schedule, epoch=epoch, engine=ENGINE).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]

"""Policies that look at cores: the orders in which spikes leave, worked out by hand, in both engines."""

from __future__ import annotations

import numpy as np
import pytest
from engine_comparison import ENGINES
from networks import batch_of, network_of

from codesign.simulation.engine import simulate
from codesign.simulation.policies import Waiting, get_policy
from codesign.simulation.schedule import Schedule

A, B, C, D, E, F, OUT = range(1, 8)
INPUT = 0
CORES = (1, 2, 0, 1, 2, 0, 3)
"""Of A to F and the output: C and F are on core 0, A and D on core 1, B and E on core 2."""


def departures(
    topology: str, schedule: Schedule, engine: str, *, weights: tuple[float, ...], inputs: int = 1
) -> list[tuple[int, int]]:
    """(step, source) of all that leave when every input has one event; layers have equal weights. Threshold 0.5."""
    network, events = network_of(topology, *weights, threshold=0.5), batch_of(np.ones((1, 1, inputs)))
    execution = simulate(network, events, schedule, engine=engine).execution
    assert execution is not None
    table = execution.messages
    return [pair for pair in zip(table.step.tolist(), table.source.tolist(), strict=True) if pair[0] >= 0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("policy", "group_size", "expected"),
    [
        ("round_robin", 1, [{C}, {A}, {B}, {F}, {D}, {E}]),  # the output's core has its turn in step 3: nothing waits
        ("round_robin", 2, [{C, F}, {A, D}, {B, E}]),
        ("round_robin", 3, [{C, F, A}, {D, B, E}]),
        ("round_robin", 4, [{C, F, A, D}, {B, E}]),
        ("arbiter", 1, [{C}, {F}, {A}, {D}, {B}, {E}]),
        ("arbiter", 4, [{C, F, A, D}, {B, E}]),
        ("fifo", 1, [{A}, {B}, {C}, {D}, {E}, {F}]),
    ],
)
def test_the_order_of_cores_by_hand(engine: str, policy: str, group_size: int, expected: list[set[int]]):
    """One event makes A to F fire at once; the output never does. Each neuron is a slice."""
    schedule = Schedule(policy=policy, group_size=group_size, stop="drained", cores=CORES)
    found = departures("1-6-1", schedule, engine, weights=(1.0, 0.0))
    steps = range(len(expected))
    if policy == "round_robin" and group_size == 1:
        # step 3 is the turn of core 3, which has nothing: core 0 is next, and again in step 4, with nothing left
        assert found == [(0, C), (1, A), (2, B), (3, F), (4, D), (5, E)]
    assert [{source for step, source in found if step == k} for k in steps] == expected
    assert len(found) == 6


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # layers are cores 0, 1 and 2, and what fires in a step waits from it on:
        # step 0, core 0's turn: a first neuron, which makes both of the second layer fire in step 1, core 1's turn: one
        # of them; the output fires in step 2, its own turn; step 3: core 0 again
        ("round_robin", [(0, 1), (1, 2), (2, 3), (3, 1), (4, 2)]),
        # the lowest address: the first layer drains before the second
        ("arbiter", [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)]),
    ],
)
def test_without_a_chip_layers_are_cores(engine: str, policy: str, expected: list[tuple[int, int]]):
    schedule = Schedule(policy=policy, group_size=1, stop="drained")
    assert departures("1-2-2-1", schedule, engine, weights=(1.0, 1.0, 1.0)) == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # 2 inputs on core 0, A and B on cores 1 and 0. Step 0, core 0's turn: an input, which makes A and B fire.
        # Step 1, core 1's turn: A. Step 2, core 0's: the other input, which waits for longer than B.
        ("round_robin", [(0, INPUT), (1, A), (2, INPUT), (3, B)]),
        # inputs have the lowest addresses
        ("arbiter", [(0, INPUT), (1, INPUT), (2, B), (3, A)]),
    ],
)
def test_queued_inputs_are_on_core_0(engine: str, policy: str, expected: list[tuple[int, int]]):
    schedule = Schedule(policy=policy, group_size=1, stop="drained", input_mode="queued", cores=(1, 0, 1))
    assert departures("2-2-1", schedule, engine, weights=(1.0, 0.0), inputs=2) == expected


def priority(name: str, **given: float) -> float:
    """The policy's priority; arguments that are not given are 0."""
    return float(get_policy(name).priority(Waiting(*(np.float32(given.get(f, 0.0)) for f in Waiting._fields))))


def test_turns_come_before_age_and_are_exact_on_large_chips():
    """4096 cores after 4095 steps: (core − 4095) mod 4096 turns, each of 4096 steps."""
    ranks = [
        priority("round_robin", core=core, enqueue_step=age, step=4095, cores=4096)
        for core in (4095, 0, 1, 4094)
        for age in (0, 1, 4095)
    ]
    assert ranks == [-0, -1, -4095, -4096, -4097, -8191, -8192, -8193, -12287, -16773120, -16773121, -16777215]

"""Scheduling by the times of a service model, by hand; `test_event_engine.py` and `test_reference.py` draw it too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from engine_comparison import ENGINES, run
from networks import batch_of, network_of
from random_cases import Case, a_case

from codesign.errors import InputError
from codesign.simulation.execution import Execution
from codesign.simulation.policies import Policy
from codesign.simulation.schedule import Regularization, Schedule
from codesign.simulation.service import ServiceModel

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
    network = network_of("1-2-1-1", 1.0, 1.0, 1.0, threshold=0.5)
    return replace(a_case(), network=network, events=batch_of([1]), schedule=schedule, regularization=Regularization())


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"route_s": BY_HAND.route_s[:4]}, "service: must have 4 output_s and 5 rows of 4 route_s"),
        ({"lanes": 0}, "service lanes: must be at least 1, found 0"),
        ({"update_s": -1.0}, "service times: must be at least 0, found -1.0"),
    ],
)
def test_numbers_that_are_no_times_are_an_error(change: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        replace(BY_HAND, **change)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_policy_that_uses_times_needs_them(engine: str):
    with pytest.raises(InputError, match="policy 'timed': needs the schedule's `service`"):
        run(by_hand(Schedule(policy="timed")), engine)
    with pytest.raises(InputError, match="must describe 3 slices of the network on the cores, found 4"):
        run(by_hand(Schedule(policy="timed", service=BY_HAND)), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_policy_of_ones_own_sees_times(engine: str):
    case = by_hand(Schedule(policy="timed", group_size=1, stop="drained", cores=(0, 1, 2, 3), service=BY_HAND))
    mine = Policy(name="mine", priority=lambda waiting: -waiting.delivery, uses_service=True)
    found = run(replace(case, schedule=replace(case.schedule, policy=mine)), engine).execution
    assert order(found) == order(run(case, engine).execution)
    assert order(found)[0] == (1, 0)

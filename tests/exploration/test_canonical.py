from __future__ import annotations

from dataclasses import replace

import pytest

from codesign.exploration.jobs.canonical import canonical_schedule, fires_once, leaves_no_choice, needs_seed
from codesign.network.topology import network_shape, parse_topology
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.simulation.service import ServiceModel

SHAPE = network_shape(parse_topology("5-4-3-2"))  # 9 neurons, fan-in 5, 4, 3


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(group_size=None), True),
        (Schedule(group_size=3), False),
        (Schedule(group_size=4), True),  # the widest layer, and no two layers wait at the same time
        (Schedule(group_size=8, synchronization_threshold="layer", barrier_messages=True), False),
        (Schedule(group_size=9, synchronization_threshold="layer", barrier_messages=True), True),
        (Schedule(group_size=13, input_mode="queued"), False),  # 9 neurons and 5 inputs wait at once
        (Schedule(group_size=14, input_mode="queued"), True),
    ],
)
def test_when_a_group_takes_all_that_wait(schedule, expected):
    assert leaves_no_choice(schedule, SHAPE) is expected
    assert needs_seed(schedule, SHAPE) is not expected


@pytest.mark.parametrize(("policy", "seeded"), [("random", True), ("momentum", False), ("fifo", False)])
def test_only_random_numbers_need_a_seed_and_schedules_that_leave_no_choice_are_one(policy, seeded):
    assert needs_seed(Schedule(policy=policy, group_size=1), SHAPE) == seeded
    assert needs_seed(replace(LAYERED, input_dropout=0.5), SHAPE)
    for group_size in (4, 100, None):
        schedule = Schedule(policy=policy, group_size=group_size, stop="drained", steps_after_output=3)
        assert canonical_schedule(schedule, SHAPE) == LAYERED


def test_the_stop_is_kept():
    schedule = Schedule(group_size=None, stop="on_output", steps_after_output=2)
    assert canonical_schedule(schedule, SHAPE) == replace(LAYERED, stop="on_output", steps_after_output=2)
    ahead = Schedule(group_size=None, stop="margin", margin=5, margin_check="step", steps_after_output=2)
    assert canonical_schedule(ahead, SHAPE) == replace(LAYERED, stop="margin", margin=5, margin_check="step")
    assert canonical_schedule(ahead.drained(), SHAPE) == LAYERED


SERVICE = ServiceModel(
    message_s=(1.0,) * 3, lanes=1, update_s=1.0, spike_s=1.0, output_s=(1.0,) * 3, route_s=((0.0,) * 3,) * 4
)


def test_service_times_are_kept_where_a_policy_that_looks_at_them_has_a_choice():
    timed = Schedule(policy="timed", group_size=1, service=SERVICE)
    assert canonical_schedule(timed, SHAPE).service == SERVICE
    assert canonical_schedule(replace(timed, policy="fifo"), SHAPE).service is None
    whole = canonical_schedule(replace(timed, group_size=4, stop="drained"), SHAPE)
    assert whole == LAYERED
    assert not needs_seed(timed, SHAPE)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(group_size=4), True),
        (Schedule(group_size=1, synchronization_threshold="layer", barrier_messages=True), True),
        (Schedule(group_size=1, synchronization_threshold="layer", input_mode="queued"), True),
        (Schedule(group_size=1, synchronization_threshold=3, barrier_messages=True), False),
        (Schedule(group_size=13, input_mode="queued"), False),
    ],
)
def test_where_refractoriness_is_of_no_consequence(schedule, expected):
    assert fires_once(schedule, SHAPE) is expected
    without = replace(schedule, refractory=False)
    assert canonical_schedule(without, SHAPE).refractory is expected
    assert (canonical_schedule(without, SHAPE) == canonical_schedule(schedule, SHAPE)) is expected
    assert canonical_schedule(without, SHAPE, refractory=False) == canonical_schedule(schedule, SHAPE)


def test_cores_that_nobody_looks_at_are_left_out_where_no_layer_is_split():
    one, split = (7,) * 9, (0,) * 2 + (1,) * 7
    for policy in ("fifo", "arbiter"):
        schedule = Schedule(policy=policy, group_size=1)
        looks = policy == "arbiter"
        assert canonical_schedule(replace(schedule, cores=one), SHAPE).cores == (one if looks else None)
        assert canonical_schedule(replace(schedule, cores=split), SHAPE).cores == split
        moved = tuple(8 - core for core in split)  # who shares a core with whom is the same
        assert canonical_schedule(replace(schedule, cores=moved), SHAPE).cores == (moved if looks else split)
        two = (0,) * 7 + (1,) * 2  # the first of which holds two whole layers
        assert canonical_schedule(replace(schedule, cores=two), SHAPE).cores == (two if looks else None)
        assert canonical_schedule(replace(schedule, cores=one, group_size=4), SHAPE).cores is None


def test_cores_of_one_layer_each_are_the_usual_ones():
    own = (0,) * 4 + (1,) * 3 + (2,) * 2
    arbitrated = Schedule(policy="arbiter", group_size=1)
    assert canonical_schedule(replace(arbitrated, cores=own), SHAPE) == arbitrated

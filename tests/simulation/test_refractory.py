"""Schedules without refractoriness: by hand, and where they can change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_comparison import ENGINE, ENGINES, run
from equality import assert_same
from hypothesis import assume, given
from networks import batch_of, network_of
from random_cases import Case, cases, examples

from codesign.exploration.canonical import canonical_schedule, fires_once
from codesign.network.topology import network_shape, parse_topology
from codesign.simulation.engine import simulate
from codesign.simulation.schedule import LAYERED, Regularization, Schedule


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("neuron", "schedule", "spikes"), [(True, True, 1), (True, False, 2), (False, True, 2)])
def test_by_hand(engine: str, neuron: bool, schedule: bool, spikes: int):
    """Two neurons fire at once and leave one after the other; each of them lifts the output from 0 above 0.5."""
    network, events = network_of("1-2-1", 1.0, 1.0, threshold=0.5, refractory=neuron), batch_of([1])
    one_by_one = Schedule(policy="fifo", group_size=1, stop="drained", refractory=schedule)
    assert simulate(network, events, one_by_one, engine=engine).logits.tolist() == [[spikes]]
    at_once = replace(one_by_one, group_size=2)
    assert simulate(network, events, at_once, engine=engine).logits.tolist() == [[1]]


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
@examples(12)
@given(case=cases("tiny"))
def test_changes_nothing_where_no_neuron_is_evaluated_after_it_fired(options, case: Case):
    """Every counter, and both forms of the schedule are one."""
    case = replace(case, regularization=Regularization())
    network, shape = case.network, case.network.shape
    network.neuron = network.neuron.model_copy(update={"refractory": True})
    assume(shape.gates_suffice)
    given = {"group_size": shape.widest} if options == "widest layer" else options
    schedule = Schedule(policy="random", stop=case.schedule.stop, **given)
    without = replace(schedule, refractory=False)
    assert fires_once(schedule, shape)
    one, other = (run(replace(case, schedule=each), ENGINE) for each in (schedule, without))
    assert_same(one.execution, other.execution)
    assert canonical_schedule(schedule, shape) == canonical_schedule(without, shape)


def test_layered_inference_is_layered_without_refractoriness_too():
    sizes = network_shape(parse_topology("5-64-64-10"))
    for schedule in (LAYERED, Schedule(group_size=64), Schedule(group_size=1, **GATED)):
        assert replace(schedule, refractory=False).equivalent_to_layered(sizes)
    assert not Schedule(group_size=63, refractory=False).equivalent_to_layered(sizes)

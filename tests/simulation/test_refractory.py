"""Schedules without refractoriness: by hand, and where they can change nothing."""

from __future__ import annotations

from dataclasses import replace

from engine_comparison import ENGINE, run
from equality import assert_same
from hypothesis import assume, given
from hypothesis import strategies as st
from random_cases import Case, cases, examples

from codesign.exploration.jobs.canonical import canonical_schedule, fires_once
from codesign.simulation.schedule import Regularization, Schedule

GATED = {"synchronization_threshold": "layer", "barrier_messages": True}
SCHEDULES = [
    {"group_size": None},
    {"group_size": None, "input_mode": "queued"},
    {"group_size": None, "synchronization_threshold": 3, "barrier_messages": True},
    {"group_size": None, "synchronization_threshold": 2, "input_mode": "queued"},
    {"group_size": 1, **GATED},
    {"group_size": 3, **GATED, "input_mode": "queued"},
    {"group_size": 2, **GATED, "input_mode": "queued", "prioritize_input": True},
    {"group_size": 1, "synchronization_threshold": "layer"},
    {"group_size": 2, "synchronization_threshold": "layer", "input_mode": "queued"},
    "widest layer",
]


@examples(70)
@given(st.sampled_from(SCHEDULES), cases("tiny"))
def test_changes_nothing_where_no_neuron_is_evaluated_after_it_fired(options, case: Case):
    """Every counter, and both forms of the schedule are one."""
    case = replace(case, regularization=Regularization())
    network, shape = case.network, case.network.shape
    network.neuron = network.neuron.model_copy(update={"refractory": True})
    assume(shape.gates_suffice)
    options = {"group_size": shape.widest} if options == "widest layer" else options
    schedule = Schedule(policy="random", stop=case.schedule.stop, **options)
    without = replace(schedule, refractory=False)
    assert fires_once(schedule, shape)
    one, other = (run(replace(case, schedule=each), ENGINE) for each in (schedule, without))
    assert_same(one.execution, other.execution)
    assert canonical_schedule(schedule, shape) == canonical_schedule(without, shape)

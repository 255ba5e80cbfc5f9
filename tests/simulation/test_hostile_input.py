"""Schedules and networks that are no input: an `InputError` before any kernel runs, in one process.

Batches are checked as they are made (`tests/workload/test_events.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.engine import engine_names, simulate
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.workload.events import MOST_EVENTS, EventBatch

NAN = float("nan")


def network() -> SpikingNetwork:
    """The one on which a count of 1.1e8 ended the process."""
    return SpikingNetwork(parse_topology("20-16-5"), NeuronSpec(time_constant="10 ms"), timestep_s=0.01)


def events() -> EventBatch:
    return batch_of(np.random.default_rng(0).poisson(0.8, (3, 2, 20)))


NOT_WHOLE = [-1, 1.5, 2.0, NAN, "8", True, np.ones(2), np.ones((2, 2)), [8], 1 << 31]
WRONG_SETTINGS: dict[str, list[Any]] = {
    "policy": ["none such", 3, None],
    "group_size": [0, *NOT_WHOLE],
    "stop": ["never", None, 1],
    "steps_after_output": [None, *NOT_WHOLE],
    "input_mode": ["stream", None],
    "prioritize_input": [1, None, "yes", True],
    "synchronization_threshold": ["all", None, (1, 2), (), (1.0,) * 21, ((1, 2),) * 21, (-1,) * 21, *NOT_WHOLE],
    "barrier_messages": [0, None, "no"],
    "cores": [3, (), (0,) * 3, (0.0,) * 21, (-1,) * 21, (1 << 24,) * 21, np.zeros(21, int), [0] * 21],
    "refractory": [1, None],
    "service": [3.0, {"update_s": 1.0}],
}


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.sampled_from([(name, value) for name, values in WRONG_SETTINGS.items() for value in values]))
def test_a_malformed_schedule_is_an_input_error(setting: tuple[str, Any]):
    name, value = setting
    with pytest.raises(InputError):
        simulate(network(), events(), Schedule(**{name: value}))


@pytest.mark.parametrize("name", ["input_dropout", "network_dropout", "refractory_dropout", "momentum_noise"])
@pytest.mark.parametrize("value", [-0.1, NAN, np.inf, "0.5", None, True])
def test_a_malformed_regularization_is_an_input_error(name: str, value: Any):
    with pytest.raises(InputError, match=name):
        Regularization(**{name: value})


def test_whole_numbers_of_numpy_are_taken():
    schedule = Schedule(group_size=np.int64(3), synchronization_threshold=(np.int32(2), 1), cores=(np.int64(1), 0))
    assert schedule == Schedule(group_size=3, synchronization_threshold=(2, 1), cores=(1, 0))
    assert type(schedule.group_size) is type(schedule.cores[0]) is int


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", NAN),
        ("weights", np.inf),
        ("thresholds", NAN),
        ("time constants", NAN),
        ("time constants", -0.01),
        ("time constants", 0.0),
    ],
)
def test_numbers_of_a_network_that_mean_nothing_are_an_input_error(engine: str, name: str, value: float):
    broken = network()
    tensors = {"weights": broken.weights()[1], "thresholds": broken.threshold, "time constants": broken.time_constant}
    with torch.no_grad():
        tensors[name].view(-1)[3] = value
    with pytest.raises(InputError, match=f"network: {name}"):
        simulate(broken, events(), LAYERED, engine=engine)


@pytest.mark.parametrize("engine", engine_names())
def test_as_many_events_as_a_frame_may_have(engine: str):
    """Counted, lost one by one, and in no counter too many."""
    frames = np.zeros((1, 1, 20))
    frames[0, 0, :2] = MOST_EVENTS // 4
    dropout = Regularization(input_dropout=0.5)
    execution = simulate(network(), batch_of(frames), LAYERED, regularization=dropout, engine=engine).execution
    assert execution.input_events.tolist() == [MOST_EVENTS // 2]
    assert execution.synaptic_operations[0, 0] / 16 == pytest.approx(MOST_EVENTS / 4, rel=0.01)
    assert execution.currents_before_firing.sum() == execution.emitted.sum() > 0

"""Schedules and networks that are no input: an `InputError` before any kernel runs, in one process.

Batches are checked as they are made (`tests/workload/test_events.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import engine_names, simulate
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.training.evaluation import evaluate
from codesign.training.recipe import Recipe
from codesign.training.trainer import train
from codesign.workload.event_rows import MOST_EVENTS
from codesign.workload.events import EventBatch

NAN = float("nan")


def network() -> SpikingNetwork:
    """The one on which a count of 1.1e8 ended the process."""
    return network_of("20-16-5", threshold=0.3, time_constant="10 ms")


def events() -> EventBatch:
    return batch_of(np.random.default_rng(0).poisson(0.8, (3, 2, 20)))


WRONG_SETTINGS = [
    {"policy": "none such"},
    {"group_size": 0},
    {"group_size": 1.5},
    {"group_size": 1 << 31},
    {"stop": "never"},
    {"steps_after_output": -1},
    {"margin": 0},
    {"margin_check": "spike"},
    {"input_mode": "stream"},
    {"prioritize_input": True},
    {"synchronization_threshold": "all"},
    {"synchronization_threshold": (-1,) * 21},
    {"synchronization_threshold": (1, 2)},
    {"cores": (0,) * 3},
    {"cores": (1 << 24,) * 21},
    {"input_dropout": 1.1},
]


@pytest.mark.parametrize("wrong", WRONG_SETTINGS, ids=str)
def test_a_malformed_schedule_is_an_input_error(wrong: dict[str, Any]):
    with pytest.raises(InputError):
        simulate(network(), events(), Schedule(**wrong))


@pytest.mark.parametrize("value", [-0.1, NAN, 1.1])
def test_a_malformed_regularization_is_an_input_error(value: float):
    with pytest.raises(InputError, match="refractory_dropout"):
        Regularization(refractory_dropout=value)


def test_whole_numbers_of_numpy_are_taken():
    schedule = Schedule(group_size=np.int64(3), synchronization_threshold=(np.int32(2), 1), cores=(np.int64(1), 0))
    assert schedule == Schedule(group_size=3, synchronization_threshold=(2, 1), cores=(1, 0))
    assert type(schedule.group_size) is type(schedule.cores[0]) is int
    for numbers in ([2, 1], np.array([2, 1])):
        assert Schedule(synchronization_threshold=numbers, cores=numbers).synchronization_threshold == (2, 1)


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


NOT_REAL = [NAN, np.inf, -1, None]
NOT_A_SEED = [1.0, None, 1 << 63]


CALLS: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
    "timestep_s": (lambda v: SpikingNetwork("20-5", NeuronSpec(), timestep_s=v), NOT_REAL),
    "seed": (lambda v: SpikingNetwork("20-5", NeuronSpec(), timestep_s=0.01, seed=v), NOT_A_SEED),
    "seed: ": (lambda v: simulate(network(), events(), LAYERED, seed=v), NOT_A_SEED),
    "epoch": (lambda v: simulate(network(), events(), LAYERED, epoch=v), NOT_A_SEED),
    "batch_size": (lambda v: evaluate(network(), events(), LAYERED, batch_size=v), [0, NAN, -1, 2.5, None]),
    "seed:": (
        lambda v: train(network(), Recipe(method="layered", epochs=1), events(), events(), seed=v),
        [*NOT_A_SEED, -1],
    ),
    "frames: sample": (
        lambda v: EventBatch.from_dense(np.full((1, 1, 20), v), [0], timestep_s=0.01),
        [NAN, np.inf, -1],
    ),
}


@pytest.mark.filterwarnings("ignore:none of 3 samples")
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, values) in CALLS.items() for value in values])
def test_a_number_that_is_none_is_named(name: str, value: Any):
    """Before anything is computed with it."""
    with pytest.raises(InputError, match=f"^{name}"):
        CALLS[name][0](value)


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


def test_a_leak_needs_timesteps_that_last():
    frames = EventBatch.from_dense(np.ones((3, 2, 20)), np.arange(3), timestep_s=0)
    leaky = SpikingNetwork("20-5", NeuronSpec(time_constant="10 ms"), timestep_s=0.0)
    with pytest.raises(InputError, match="timestep_s must be above 0"):
        simulate(leaky, frames, LAYERED)
    assert simulate(leaky, frames.first_timesteps(1), LAYERED).execution.samples == 3

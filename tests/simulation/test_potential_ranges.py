"""Potentials that saturate: by hand, both engines alike, and for inference only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from engine_comparison import ENGINE, assert_same, run
from random_cases import random_case, saturate, timed, wide_case

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.schedule import LAYERED
from codesign.workload.events import EventBatch

pytestmark = pytest.mark.usefixtures("one_thread")

ENGINES = ("reference", ENGINE)


@torch.no_grad()
def potentials(ranges: tuple[tuple[float, float], ...] | None, inputs: list[float], engine: str) -> float:
    """The potential of one neuron of weight 1 after these currents, one a timestep."""
    spec = NeuronSpec(threshold=0.5, readout="potential", refractory=False)
    network = SpikingNetwork(parse_topology("1-1"), spec, timestep_s=0.01)
    network.weights()[0].fill_(1.0)
    network.potential_ranges = ranges
    frames = np.array(inputs).reshape(1, -1, 1)
    events = EventBatch.from_frames(frames, np.array([0]), timestep_s=0.01, currents=True)
    return float(simulate(network, events, LAYERED, engine=engine).execution.scores[0, 0])


@pytest.mark.parametrize("engine", ENGINES)
def test_by_hand(engine: str):
    assert potentials(None, [3.0, 2.0, -1.0], engine) == 4.0
    assert potentials(((-1.0, 2.0),), [3.0, 2.0, -1.0], engine) == 1.0  # 3 → 2, 4 → 2, 1
    assert potentials(((-1.0, 2.0),), [-4.0, 0.5], engine) == -0.5  # −4 → −1, −0.5
    assert potentials(((float("-inf"), 2.0),), [-4.0, 0.5], engine) == -3.5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("high", "fires"), [(0.5, False), (0.625, True)])
def test_a_potential_is_clamped_before_it_is_compared(engine: str, high: float, fires: bool):
    network = SpikingNetwork(parse_topology("1-1"), NeuronSpec(threshold=0.5), timestep_s=0.01)
    with torch.no_grad():
        network.weights()[0].fill_(1.0)
        network.potential_ranges = ((0.0, high),)
        events = EventBatch.from_frames(np.ones((1, 1, 1)), np.array([0]), timestep_s=0.01)
        assert bool(simulate(network, events, LAYERED, engine=engine).execution.scores[0, 0]) is fires


def assert_engines_agree(case: Any) -> None:
    with torch.no_grad():
        expected, found = run(case, "reference"), run(case, ENGINE)
        assert found.logits.tolist() == expected.logits.tolist()
        assert_same(found.execution, expected.execution)
        assert run(case, ENGINE, counters=False).logits.tolist() == expected.logits.tolist()
        loss = [
            classification_loss(case.network, case.events, case.schedule, engine=engine, seed=case.seed).value
            for engine in ENGINES
        ]
        torch.testing.assert_close(*loss, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_engines_agree(seed: int):
    assert_engines_agree(saturate(wide_case(80_000 + seed), seed))
    readout = "potential" if seed % 3 == 0 else "spikes"
    assert_engines_agree(saturate(wide_case(81_000 + seed, convolutional=True, readout=readout), seed))


@pytest.mark.parametrize("seed", range(5))
def test_engines_agree_under_timed_scheduling(seed: int):
    assert_engines_agree(timed(saturate(wide_case(82_000 + seed, convolutional=seed % 2 == 0), seed), seed))


def test_ranges_change_spikes_and_wide_ones_do_not():
    changed = 0
    for seed in range(12):
        case = wide_case(80_000 + seed)
        with torch.no_grad():
            free = run(case, ENGINE).execution
            case.network.potential_ranges = ((-1e6, 1e6),) * len(case.network.shape.layers)
            assert_same(run(case, ENGINE).execution, free)
            narrow = run(saturate(case, seed), ENGINE).execution
            changed += narrow.emitted.tolist() != free.emitted.tolist()
            case.network.potential_ranges = None
            assert_same(run(case, ENGINE).execution, free)
    assert changed > 3


def test_they_are_no_part_of_the_state_dict():
    network = SpikingNetwork(parse_topology("4-3-2"), NeuronSpec(), timestep_s=0.01)
    names = set(network.state_dict())
    assert network.potential_ranges is None
    assert network.potential_bounds() is None
    network.potential_ranges = ((-1, 2), (-3, 4))
    assert network.potential_ranges == ((-1.0, 2.0), (-3.0, 4.0))
    assert set(network.state_dict()) == names
    low, high = network.potential_bounds()
    assert low.tolist() == [-1.0] * 3 + [-3.0] * 2
    assert high.tolist() == [2.0] * 3 + [4.0] * 2


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (((-1.0, 1.0),), "must have one range for each of 2 layers, found 1"),
        (((-1.0, 1.0), (0.5, 1.0)), r"layer 1 must have low ≤ 0 ≤ high, found \(0.5, 1.0\)"),
        (((1.0, -1.0), (-1.0, 1.0)), r"layer 0 must have low ≤ 0 ≤ high, found \(1.0, -1.0\)"),
        (((float("nan"), 1.0), (-1.0, 1.0)), r"layer 0 must have low ≤ 0 ≤ high, found \(nan, 1.0\)"),
    ],
)
def test_wrong_ranges_are_an_error(ranges: Any, message: str):
    network = SpikingNetwork(parse_topology("4-3-2"), NeuronSpec(), timestep_s=0.01)
    with pytest.raises(InputError, match=message):
        network.potential_ranges = ranges
    assert network.potential_ranges is None


@pytest.mark.parametrize("engine", ENGINES)
def test_training_through_them_is_an_error(engine: str):
    case = saturate(random_case(1), 1)
    with pytest.raises(InputError, match="potential_ranges: are for inference only"):
        run(case, engine)
    with pytest.raises(InputError, match="potential_ranges: are for inference only"):
        classification_loss(case.network, case.events, case.schedule, engine=engine)
    case.network.requires_grad_(False)
    assert run(case, engine).execution is not None

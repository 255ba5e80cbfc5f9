"""Potentials that saturate: by hand; properties of the engines draw them too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from engine_comparison import ENGINES
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.simulation.engine import simulate
from codesign.simulation.schedule import LAYERED


@torch.no_grad()
def potentials(ranges: tuple[tuple[float, float], ...] | None, inputs: list[float], engine: str) -> float:
    """The potential of one neuron of weight 1 after these currents, one a timestep."""
    network = network_of("1-1", 1.0, threshold=0.5, readout="potential", refractory=False)
    network.potential_ranges = ranges
    events = batch_of(inputs, currents=True)
    return float(simulate(network, events, LAYERED, engine=engine).execution.scores[0, 0])


@pytest.mark.parametrize("engine", ENGINES)
def test_by_hand(engine: str):
    assert potentials(None, [3.0, 2.0, -1.0], engine) == 4.0
    assert potentials(((-1.0, 2.0),), [3.0, 2.0, -1.0], engine) == 1.0  # 3 → 2, 4 → 2, 1
    assert potentials(((-1.0, 2.0),), [-4.0, 0.5], engine) == -0.5  # −4 → −1, −0.5
    assert potentials(((float("-inf"), 2.0),), [-4.0, 0.5], engine) == -3.5


def test_they_are_no_part_of_the_state_dict():
    network = network_of("4-3-2")
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
    network = network_of("4-3-2")
    with pytest.raises(InputError, match=message):
        network.potential_ranges = ranges
    assert network.potential_ranges is None

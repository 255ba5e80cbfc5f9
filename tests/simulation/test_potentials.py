"""Potentials that saturate, and that are truncated as they decay: by hand, and against Loihi's integers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from engine_comparison import ENGINES, driven
from hypothesis import given
from hypothesis import strategies as st
from networks import network_of
from random_cases import examples

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork


def integrator(decay: float, weight: float, step: float | None, **neuron: Any) -> SpikingNetwork:
    """One neuron that never fires."""
    neuron = {"threshold": 1e9, "readout": "potential", "refractory": False, **neuron}
    constant = "infinite" if decay == 1 else f"{-0.01 / math.log(decay)!r} s"
    network = network_of("1-1", weight, time_constant=constant, **neuron)
    assert network.decay.item() == decay
    network.potential_steps = None if step is None else (step,)
    return network


@pytest.mark.parametrize("engine", ENGINES)
def test_truncated_by_hand(engine: str):
    def potential(step: float | None, inputs: list[float]) -> float:
        return float(driven(integrator(0.5, 1.0, step), inputs, engine).scores[0, 0])

    assert potential(None, [3.0, 2.0, -1.0]) == 0.75  # 3, 3.5, 0.75
    assert potential(1.0, [3.0, 2.0, -1.0]) == 0.0  # 3, 1 + 2, 1 − 1
    assert potential(1.0, [-3.0, -2.0, 0.0]) == -1.0  # towards 0: −3, −1 − 2, −1
    assert potential(0.25, [3.0, 2.0, -1.0]) == 0.75  # 3, 3.5, 1.75 − 1
    assert potential(1.0, [0.4, 0.0]) == 0.0  # what lies between two steps goes to the nearer one first
    assert potential(0.0, [3.0, 2.0, -1.0]) == 0.75
    biased = integrator(0.5, 1.0, 1.0, bias=True)
    biased.bias.detach()[:] = 0.25
    assert float(driven(biased, [3.0, 0.0], engine).scores[0, 0]) == 1.25  # 3.25 is 3 steps: 1, and the bias


@pytest.mark.parametrize("engine", ENGINES)
@given(
    removed=st.integers(0, 4095),
    scale=st.floats(1e-3, 10),
    currents=st.lists(st.integers(-300, 300), min_size=1, max_size=12),
)
@examples(60)
def test_potentials_are_the_integers_of_loihi(engine: str, removed: int, scale: float, currents: list[int]):
    """v ← sign(v) · (|v| · (4096 − removed) >> 12) + 64 · input, whatever weight an integer stands for."""
    expected = 0
    for current in currents:
        kept = abs(expected) * (4096 - removed) >> 12
        expected = (kept if expected > 0 else -kept) + 64 * current
    network = integrator(1 - removed / 4096, scale, scale / 64)
    found = float(driven(network, [float(current) for current in currents], engine).scores[0, 0])
    assert found / scale * 64 == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_potential_that_is_truncated_to_0_was_active(engine: str):
    """Chips that update active neurons update it then, and no more."""
    assert driven(integrator(0.5, 1.0, 1.0), [1.0, 0.0, 0.0], engine).active[0, :, 0].tolist() == [1, 1, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_saturated_by_hand(engine: str):
    def potential(ranges: tuple[tuple[float, float], ...] | None, inputs: list[float]) -> float:
        network = integrator(1, 1.0, None)
        network.potential_ranges = ranges
        return float(driven(network, inputs, engine).scores[0, 0])

    assert potential(None, [3.0, 2.0, -1.0]) == 4.0
    assert potential(((-1.0, 2.0),), [3.0, 2.0, -1.0]) == 1.0  # 3 → 2, 4 → 2, 1
    assert potential(((-1.0, 2.0),), [-4.0, 0.5]) == -0.5  # −4 → −1, −0.5
    assert potential(((-math.inf, 2.0),), [-4.0, 0.5]) == -3.5


def test_ranges_are_no_part_of_the_state_dict():
    network = network_of("4-3-2")
    names = set(network.state_dict())
    assert network.potential_bounds() is None
    network.potential_ranges = ((-1, 2), (-3, 4))
    assert network.potential_ranges == ((-1.0, 2.0), (-3.0, 4.0))
    assert set(network.state_dict()) == names
    assert [bound.tolist() for bound in network.potential_bounds()] == [[-1.0] * 3 + [-3.0] * 2, [2.0] * 3 + [4.0] * 2]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("steps", (0.5,), r"must have one step for each of 2 layers, found \(0.5,\)"),
        ("steps", 0.5, "must have one step for each of 2 layers, found 0.5"),
        ("steps", (0.5, -0.5), "that of layer 1: must be"),
        ("steps", (math.nan, 0.5), "that of layer 0: must be a finite number"),
        ("ranges", ((-1.0, 1.0),), r"must have one \(low, high\) for each of 2 layers, found"),
        ("ranges", (-1.0, 1.0), r"must have one \(low, high\) for each of 2 layers, found \(-1.0, 1.0\)"),
        ("ranges", ((-1.0, 1.0), (0.5, 1.0)), r"layer 1 must have low ≤ 0 ≤ high, found \(0.5, 1.0\)"),
        ("ranges", ((1.0, -1.0), (-1.0, 1.0)), r"layer 0 must have low ≤ 0 ≤ high, found \(1.0, -1.0\)"),
        ("ranges", ((math.nan, 1.0), (-1.0, 1.0)), r"layer 0 must have low ≤ 0 ≤ high, found \(nan, 1.0\)"),
    ],
)
def test_wrong_steps_and_ranges_are_an_error(name: str, values: Any, message: str):
    network = network_of("4-3-2")
    with pytest.raises(InputError, match=f"potential_{name}: .*{message}"):
        setattr(network, f"potential_{name}", values)
    assert network.potential_steps is network.potential_ranges is None

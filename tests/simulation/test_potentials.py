"""Potentials that saturate, and that are truncated as they decay, by hand; Loihi's integers are in `test_lava.py`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from engine_comparison import ENGINES, driven
from networks import network_of

from codesign.network.spiking_network import SpikingNetwork


def integrator(decay: float, **limits: Any) -> SpikingNetwork:
    """One neuron of weight 1 that never fires, with these steps or ranges of its potential."""
    constant = "infinite" if decay == 1 else f"{-0.01 / math.log(decay)!r} s"
    network = network_of("1-1", 1.0, time_constant=constant, threshold=1e9, readout="potential", refractory=False)
    assert network.decay.item() == decay
    for name, values in limits.items():
        setattr(network, f"potential_{name}", values)
    return network


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("decay", "limits", "inputs", "potential"),
    [
        (0.5, {}, [3.0, 2.0, -1.0], 0.75),  # 3, 3.5, 0.75
        (0.5, {"steps": (0.0,)}, [3.0, 2.0, -1.0], 0.75),
        (0.5, {"steps": (1.0,)}, [3.0, 2.0, -1.0], 0.0),  # 3, 1 + 2, 1 − 1
        (0.5, {"steps": (1.0,)}, [-3.0, -2.0, 0.0], -1.0),  # towards 0: −3, −1 − 2, −1
        (0.5, {"steps": (0.25,)}, [3.0, 2.0, -1.0], 0.75),  # 3, 3.5, 1.75 − 1
        (0.5, {"steps": (1.0,)}, [1.6, 0.0], 1.0),  # what lies between two steps goes to the nearer one first
        (1, {"ranges": ((-1.0, 2.0),)}, [3.0, 2.0, -1.0], 1.0),  # 3 → 2, 4 → 2, 1
        (1, {"ranges": ((-1.0, 2.0),)}, [-4.0, 0.5], -0.5),  # −4 → −1, −0.5
        (1, {"ranges": ((-math.inf, 2.0),)}, [-4.0, 0.5], -3.5),
    ],
)
def test_by_hand(decay: float, limits: dict[str, Any], inputs: list[float], potential: float, engine: str):
    assert driven(integrator(decay, **limits), inputs, engine).scores.tolist() == [[potential]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_potential_that_is_truncated_to_0_was_active(engine: str):
    """Chips that update active neurons update it then, and no more."""
    execution = driven(integrator(0.5, steps=(1.0,)), [1.0, 0.0, 0.0], engine)
    assert execution.active[0, :, 0].tolist() == [1, 1, 0]

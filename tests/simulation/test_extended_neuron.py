"""What neurons have beyond threshold, leak and reset: by hand; the engines' properties draw all of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from engine_comparison import ENGINES, driven
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.simulation.engine import simulate
from codesign.simulation.schedule import Schedule


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("inputs", "spikes", "neuron"),
    [
        ([0.25], [0], {}),
        ([0.25], [1], {"comparison": ">="}),
        ([0.75], [2], {"most_spikes": 9}),  # above 1/4 and 1/2
        ([0.75, 0.125], [2, 1], {"most_spikes": 9, "reset": "subtract"}),  # 3/4 − 2/4 + 1/8
        ([0.75, 0.125], [1, 0], {"reset": "subtract", "reset_amount": 0.625}),
        ([0.5, 0.25], [1, 0], {"reset": "value", "reset_value": -0.125}),
        ([0.5, 0.5, 0.5], [1, 0, 1], {"reset_delay": True}),
        ([0.5, 0.5], [0, 1], {"gain": 0.5}),
        ([0.0, 1.5], [0, 1], {"floor": -0.125, "bias": True}),  # −1 is lifted to −1/8 without any message
        ([0.0], [1], {"initial_potential": 0.5, "tick": True}),
        ([0.5, 0.0], [1, 0], {"synaptic_time_constant": "infinite"}),  # 1/2 flows again, and nobody looks
        ([0.5, 0.0], [1, 1], {"synaptic_time_constant": "infinite", "tick": True}),
    ],
)
def test_spikes_of_each_timestep(inputs: list[float], spikes: list[int], neuron: dict[str, Any], engine: str):
    """One neuron of weight 1 and threshold 1/4."""
    network = network_of("1-1", 1.0, refractory=False, **neuron)
    if network.bias is not None:
        network.bias.detach().fill_(-1.0)
    assert driven(network, inputs, engine).output_counts[0, :, 0].tolist() == spikes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("limits", "inputs", "potential"),
    [
        ({"steps": (1.0,)}, [-3.0, -2.0, 0.0], -1.0),  # towards 0: −3, −1 − 2, −1
        ({"steps": (1.0,)}, [1.0, 0.0], 0.0),
        ({"steps": (1.0,)}, [1.6, 0.0], 1.0),  # what lies between two steps goes to the nearer one first
        ({"ranges": ((-1.0, 2.0),)}, [3.0, 2.0, -1.0], 0.0),  # 3 → 2, 1 + 2 → 2, 1 − 1
        ({"ranges": ((-math.inf, 2.0),)}, [-4.0, 0.5], -1.5),
    ],
)
def test_potentials_of_few_bits(limits: dict[str, Any], inputs: list[float], potential: float, engine: str):
    """One neuron of weight 1 that never fires and keeps half of its potential; Loihi's integers: `test_lava.py`."""
    constant = f"{0.01 / math.log(2)!r} s"
    network = network_of("1-1", 1.0, time_constant=constant, threshold=1e9, readout="potential", refractory=False)
    for name, values in limits.items():
        setattr(network, f"potential_{name}", values)
    execution = driven(network, inputs, engine)
    assert execution.scores.tolist() == [[potential]]
    assert execution.active[0, :, 0].all()  # also where it is truncated to 0, since a chip updates it then


@pytest.mark.parametrize("engine", ENGINES)
def test_more_spikes_than_can_be_counted_are_an_error(engine: str):
    """The neuron waits behind 40 inputs, each of which makes it fire 2²⁰ spikes."""
    network = network_of("40-1-1", 1e6, 1.0, threshold=1e-3, most_spikes=1 << 20, refractory=False)
    behind = Schedule(policy="fifo", group_size=1, stop="drained", input_mode="queued", prioritize_input=True)
    with pytest.raises(InputError, match="more than 16777216 spikes of one neuron wait"):
        simulate(network, batch_of(np.ones((1, 1, 40))), behind, engine=engine)

"""What reaches a network: gates, losses and timesteps by hand. The random cases hold engines and oracle to the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.simulation.engine import simulate
from codesign.simulation.input import admitted
from codesign.simulation.schedule import LAYERED

CONVOLUTION = {
    "input": [2, 4, 4],
    "layers": [{"kind": "sum_pool", "kernel": 2}, {"kind": "conv2d", "channels": 3, "kernel": 2}],
}
POOLED = {"input": [1, 4, 4], "layers": [{"kind": "sum_pool", "kernel": 2}, {"kind": "linear", "neurons": 3}]}


@pytest.mark.parametrize(
    ("topology", "gate", "closed"),
    [
        ("6-4-2", [True, False, True, True, False, True], [1, 4]),
        (CONVOLUTION, [True, False], list(range(16, 32))),
        (POOLED, [True, False, True, True], [2, 3, 6, 7]),  # the window at the top right
    ],
)
def test_a_gate_closes_inputs_windows_or_channels(topology, gate, closed):
    network = network_of(topology)
    inputs = network.shape.input_size
    network.input_gate = torch.tensor(gate)
    assert network.open_inputs == inputs - len(closed)
    frames = np.arange(1, 2 * inputs + 1).reshape(1, 2, inputs)
    found = admitted(network, batch_of(frames), LAYERED, seed=0, epoch=0)
    frames[:, :, closed] = 0
    assert [found.frame(timestep)[0].tolist() for timestep in (0, 1)] == frames[0].tolist()


def test_currents_are_lost_whole():
    """How events are lost, one by one, is the machine's of `test_reference.py`."""
    currents = batch_of(np.random.default_rng(0).random((20, 5, 50)) - 0.5, currents=True)
    kept = admitted(network_of("50-2"), currents, replace(LAYERED, input_dropout=0.3), seed=3, epoch=0)
    assert set(kept.values.tolist()) < set(currents.values.tolist())
    assert 0.65 < len(kept.values) / len(currents.values) < 0.75


def test_currents_too_small_for_float32_do_not_arrive():
    """A price takes events that did not leave for spikes that were dropped."""
    events = batch_of(np.array([[[0.5, 1e-60, -0.5, 1e-60]]]), currents=True)
    execution = simulate(network_of("4-2"), events, LAYERED, engine="reference").execution
    assert execution.input_events.tolist() == execution.messages.spikes.tolist() == [2]


def test_a_state_dict_brings_its_gate():
    one, other = network_of("6-4-2"), network_of("6-4-2")
    one.input_gate = torch.arange(6) < 2
    plain = other.state_dict()
    other.load_state_dict(one.state_dict())
    assert other.open_inputs == 2
    with pytest.raises(RuntimeError, match="size mismatch for input_gate"):
        other.load_state_dict({**plain, "input_gate": torch.ones(5, dtype=torch.bool)})


def test_more_timesteps_than_there_are_is_an_error():
    network, events = network_of("6-4-2"), batch_of(np.ones((1, 2, 6)))
    with pytest.raises(InputError, match="timesteps: must be between 1 and the events' 2, found 3"):
        simulate(network, events, replace(LAYERED, timesteps=3))

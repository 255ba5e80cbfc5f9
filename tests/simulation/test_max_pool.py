"""Max pooling of spikes: the first spike of a window goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_comparison import slope
from networks import batch_of, network_of, set_dyadic_weights
from torch.nn.functional import conv2d, linear, max_pool2d

from codesign.simulation.engine import engine_names, simulate
from codesign.simulation.schedule import LAYERED, Schedule

WINDOW = {
    "input": [1, 2, 2],
    "layers": [
        {"kind": "conv2d", "channels": 1, "kernel": 1},
        {"kind": "max_pool", "kernel": 2},
        {"kind": "linear", "neurons": 3},
    ],
}
ONE_BY_ONE = Schedule(policy="fifo", group_size=1, stop="drained")
WAITING = Schedule(group_size=1, stop="drained", synchronization_threshold="layer", barrier_messages=True)


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize(("schedule", "evaluated"), [(LAYERED, 3), (ONE_BY_ONE, 3), (WAITING, 12)])
def test_a_window_of_four_spikes_by_hand(engine: str, schedule: Schedule, evaluated: int):
    """All four neurons fire, four messages leave and one goes on: 3 operations. Only who waits looks at the others."""
    network = network_of(WINDOW, 1.0, 0.125)
    execution = simulate(network, batch_of(np.ones((1, 1, 4))), schedule, engine=engine).execution
    assert execution.emitted.tolist() == [[4, 0]]
    assert execution.propagated.tolist() == [[4, 0]]
    assert execution.synaptic_operations.tolist() == [[4, 3]]
    assert execution.evaluations.tolist() == [[4, evaluated]]
    assert execution.residual.sum() == 3  # an eighth each


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize(("schedule", "first"), [(LAYERED, 1), (Schedule(policy="momentum", group_size=1), 2)])
def test_the_spike_that_passes_learns(engine: str, schedule: Schedule, first: int):
    """Neurons of potential 1 and 2 fire: together, so that the first goes on, or the one further above its threshold.

    The weight that both share gets its gradient from one: its input times 1/8, the way to the output, times its slope.
    """
    conv, pool = {"kind": "conv2d", "channels": 1, "kernel": 1}, {"kind": "max_pool", "kernel": [1, 2]}
    topology = {"input": [1, 1, 2], "layers": [conv, pool, {"kind": "linear", "neurons": 1}]}
    network = network_of(topology, 1.0, 0.125, readout="potential")
    drained = replace(schedule, stop="drained")
    result = simulate(network, batch_of([[[1, 2]]]), drained, engine=engine)
    result.logits.sum().backward()
    assert result.logits.tolist() == [[0.125]]
    weight, following = network.weights()
    assert weight.grad.item() == pytest.approx(first * 0.125 * slope(first))
    assert following.grad.item() == 1


def test_layered_inference_is_torchs_max_pooling_of_binary_spikes():
    topology = {
        "input": [2, 7, 6],
        "layers": [
            {"kind": "conv2d", "channels": 3, "kernel": 2},
            {"kind": "max_pool", "kernel": [2, 3]},
            {"kind": "conv2d", "channels": 4, "kernel": [2, 1]},
            {"kind": "linear", "neurons": 5},
        ],
    }
    network, rng = network_of(topology), np.random.default_rng(0)
    set_dyadic_weights(rng, network, -40, 50)
    frames = rng.poisson(0.5, (20, 1, 2 * 7 * 6))
    execution = simulate(network, batch_of(frames), LAYERED).execution
    first, second, last = (weight.detach() for weight in network.weights())
    spikes = (conv2d(torch.from_numpy(frames[:, 0]).float().reshape(-1, 2, 7, 6), first) > 0.25).float()
    emitted = [spikes.flatten(1).sum(dim=1)]
    spikes = (conv2d(max_pool2d(spikes, (2, 3)), second) > 0.25).float()
    emitted.append(spikes.flatten(1).sum(dim=1))
    emitted.append((linear(spikes.flatten(1), last) > 0.25).float().sum(dim=1))
    assert execution.emitted.tolist() == torch.stack(emitted, dim=1).long().tolist()
    assert execution.emitted.sum(axis=0).all()

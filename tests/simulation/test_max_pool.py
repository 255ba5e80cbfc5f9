"""Max pooling of spikes: the first spike of a window goes on."""

from __future__ import annotations

import numpy as np
import torch
from networks import batch_of, network_of, set_dyadic_weights
from torch.nn.functional import conv2d, linear, max_pool2d

from codesign.simulation.engine import simulate
from codesign.simulation.schedule import LAYERED


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

"""Networks and batches by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, parse_topology
from codesign.workload.events import EventBatch


def network_of(
    topology: str | dict[str, Any] | TopologySpec, *weights: float | list[list[float]], seed: int = 0, **neuron: Any
) -> SpikingNetwork:
    """A network with these weights of each layer, then of each delayed and direct connection, where a number is all of
    a tensor's; drawn from a seed where none are given.

    Threshold 1/4, no leak, and 10 ms a timestep unless `neuron` says otherwise.
    """
    spec = NeuronSpec.model_validate({"threshold": 0.25, **neuron})
    shape = parse_topology(topology) if isinstance(topology, str) else TopologySpec.model_validate(topology)
    network = SpikingNetwork(shape, spec, timestep_s=0.01, seed=seed)
    with torch.no_grad():
        for tensor, values in zip(network.all_weights(), weights, strict=bool(weights)):
            tensor.copy_(torch.tensor(values))
    return network


def set_dyadic_weights(rng: np.random.Generator, network: SpikingNetwork, low: int = -40, high: int = 64) -> None:
    """Multiples of 1/128, of which sums are exact in any order."""
    with torch.no_grad():
        for weight in network.all_weights():
            weight.copy_(torch.from_numpy(rng.integers(low, high, tuple(weight.shape)) / 128))
        if network.bias is not None:
            network.bias.copy_(torch.from_numpy(rng.integers(-8, 9, size=len(network.bias)) / 128))


def batch_of(frames: Any, labels: Any = None, grid: Any = None, **options: Any) -> EventBatch:
    """Counts (samples, timesteps, …), or those of one input; of class 0 and 10 ms a timestep unless said otherwise."""
    frames = np.asarray(frames)
    frames = frames.reshape(1, -1, 1) if frames.ndim == 1 else frames
    labels = np.zeros(len(frames), dtype=np.int64) if labels is None else labels
    return EventBatch.from_dense(frames, labels, **{"timestep_s": 0.01, **options}).with_grid(grid)


def toy_split(seed: int, samples: int, busy: int = 0) -> EventBatch:
    """Two classes that light different halves of eight inputs, with noise, beside busy ones that say nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, samples)
    rates = np.where((np.arange(8) < 4) == (labels[:, None] == 0), 1.2, 0.15)
    rates = np.concatenate([rates, np.full((samples, busy), 3.0)], axis=1)
    return batch_of(rng.poisson(rates[:, None, :].repeat(3, axis=1)), labels)


def dense(batch: EventBatch) -> np.ndarray:
    """(samples, timesteps, inputs) what a batch holds."""
    return np.stack([batch.frame(t).numpy() for t in range(batch.timesteps)], axis=1)

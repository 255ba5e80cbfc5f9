"""Random cores of neurons."""

from __future__ import annotations

import numpy as np

from codesign.network.spiking_network import SpikingNetwork


def scattered(rng: np.random.Generator, neurons: int, cores: int) -> tuple[int, ...]:
    return tuple(sorted(rng.integers(0, cores, neurons).tolist(), key=lambda core: core % 3))


def strips(rng: np.random.Generator, network: SpikingNetwork) -> tuple[int, ...]:
    """Each layer cut along an axis, or between axes, on three cores of its own."""
    layers = []
    for number, layer in enumerate(network.shape.layers):
        axes = rng.permutation(3)
        cores = 3 * number + np.sort(rng.integers(0, 3, layer.neurons))
        turned = cores.reshape(np.array([layer.channels, layer.height, layer.width])[axes])
        layers.append(turned.transpose(np.argsort(axes)).ravel())
    return tuple(np.concatenate(layers).tolist())

"""A VGG of 229,386 neurons at the paper's width (A.10): training, layered training in plain torch, and counters.

    python benchmarks/large_network.py [--rounds 5] [--group-size 512]

64-64-P-128-128-P-256-256-P-10 on currents of 3 × 32 × 32, one timestep, integrate-and-fire, answer read from
potentials, untrained weights, batch of 16, one thread. Implementations take turns; times are medians, in ms a sample.
Before, layered inference must emit the spikes of the dense network in torch, and what unlayered inference does is
counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from baselines import Spike
from torch.nn import functional

import codesign as cd
from codesign.simulation.schedule import LAYERED
from codesign.training.adam import Adam
from codesign.training.presets import PRESETS

_POOLED = (1, 3, 5)  # the convolutions before a pool
_BATCH, _RATE = 16, 1e-9
_GRID = 2.0**-12
"""Of weights and currents, so that sums are exact in any order."""

_SETTINGS = PRESETS["cifar10"]
_LAYERED = LAYERED.drained()


def _network() -> cd.SpikingNetwork:
    topology = cd.TopologySpec(input=[3, 32, 32], layers=_SETTINGS.layers)
    network = cd.SpikingNetwork(topology, _SETTINGS.neuron, timestep_s=1.0, seed=0)
    with torch.no_grad():
        for weight in network.weights():
            weight.copy_((weight / _GRID).round() * _GRID)
    return network


def _events() -> cd.EventBatch:
    pixels = np.random.default_rng(0).normal(size=(_BATCH, 1, 3, 32, 32))
    return cd.EventBatch.from_dense(np.round(16 * pixels) / 16, np.arange(_BATCH) % 10, timestep_s=1.0, currents=True)


class _Dense(torch.nn.Module):
    """The same network, layered, as torch computes it best: with one timestep, a network of binary activations."""

    def __init__(self, network: cd.SpikingNetwork) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(weight.detach().clone() for weight in network.weights())
        self.threshold, self.steepness = float(network.threshold[0]), network.neuron.surrogate_steepness

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return functional.linear(self.spikes(images)[-1].flatten(1), self.weights[-1])

    def spikes(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What each convolution emits, the last pooled."""
        found, below = [], images
        for layer, weight in enumerate(self.weights[:-1]):
            emitted = Spike.apply(functional.conv2d(below, weight, padding=1) - self.threshold, self.steepness)
            below = functional.avg_pool2d(emitted, 2) if layer in _POOLED else emitted
            found.append(emitted)
        return [*found, below]


def _check(network: cd.SpikingNetwork, dense: _Dense, events: cd.EventBatch, images: torch.Tensor) -> None:
    with torch.no_grad():
        expected = [emitted.sum(dim=(1, 2, 3)) for emitted in dense.spikes(images)[:-1]]
        execution = cd.simulate(network, events, _LAYERED).execution
    assert execution is not None
    for layer, counts in enumerate(expected):
        assert np.array_equal(execution.emitted[:, layer], counts.numpy()), f"layer {layer} differs"


def _tell(network: cd.SpikingNetwork, events: cd.EventBatch, schedule: cd.Schedule) -> None:
    with torch.no_grad():
        execution = cd.simulate(network, events, schedule).execution
    assert execution is not None
    names = ("synaptic_operations", "forward_steps", "evaluations", "emitted")
    operations, steps, evaluations, emitted = (getattr(execution, name).sum() / _BATCH for name in names)
    neurons = network.shape.neurons
    print(f"{neurons:,} neurons, {operations:.2g} synaptic operations and {steps:.0f} forward steps a sample")
    print(f"of a neuron {evaluations / neurons:.1f} evaluations and {emitted / neurons:.2f} spikes")


def _training(optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def _implementations(unlayered: cd.Schedule) -> Iterator[tuple[str, Callable[[], None]]]:
    network, events = _network(), _events()
    images, labels = events.frame(0).reshape(_BATCH, 3, 32, 32), torch.from_numpy(events.labels)
    dense = _Dense(network)
    _check(network, dense, events, images)
    _tell(network, events, unlayered)
    schedules = {"unlayered": unlayered, "layered": _LAYERED}
    for name, schedule in schedules.items():

        def fused(schedule: cd.Schedule = schedule) -> torch.Tensor:
            return cd.classification_loss(network, events, schedule).value

        yield f"training, {name}", _training(Adam(network.weights(), lr=_RATE), fused)
    optimizer = torch.optim.Adam(dense.parameters(), lr=_RATE, fused=True)
    yield ("training, layered, torch", _training(optimizer, lambda: functional.cross_entropy(dense(images), labels)))
    for name, counters in {"inference, unlayered": False, "inference, unlayered, all counters": True}.items():

        def infer(counters: bool = counters) -> None:
            with torch.no_grad():
                cd.simulate(network, events, unlayered, counters=counters)

        yield name, infer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 100), metavar="N")
    parser.add_argument("--group-size", type=int, default=_SETTINGS.group_size, metavar="F")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    unlayered = cd.Schedule(policy="momentum", group_size=arguments.group_size, stop="drained")
    implementations = dict(_implementations(unlayered))
    times: dict[str, list[float]] = {name: [] for name in implementations}
    for run in range(arguments.rounds + 1):
        for name, step in implementations.items():
            begin = time.perf_counter()
            step()
            if run:  # the first round warms up
                times[name].append(1e3 * (time.perf_counter() - begin) / _BATCH)
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:<40}{median:8.1f} ms a sample")
    ratio = medians["training, unlayered"] / medians["training, layered, torch"]
    counted = medians["inference, unlayered, all counters"] / medians["inference, unlayered"]
    print(f"{'unlayered training / layered in torch':<40}{ratio:8.2f}")
    print(f"{'all counters / none':<40}{counted:8.2f}")


if __name__ == "__main__":
    main()

"""The networks and inputs that are timed, at the paper's sizes and spike densities.

Inputs are random: each pixel of each frame holds one event with probability 0.03. Neurons are those of the paper's
Table 6. Weights are random too, and made so that spikes are as dense as the paper measured (Table 2, layered training),
because the work of an event-driven simulation follows its spikes:

- every weight is drawn from torch's default, uniform in ±1/√(fan-in);
- a constant is added to all weights of a layer, so that its mean current is one standard deviation above zero when
  the layer before is as dense as it should be; without it activity would fade from layer to layer;
- each layer is multiplied by a gain, found by bisection, front to back, until its neurons emit the wanted number of
  spikes on average. A layer's density depends on how the layers after it compete for places in a group, so this is
  repeated with all layers at work. The output layer is given the same density.

Gains are found for each schedule on its own: the same weights are denser without layer synchronization than with it,
and denser with small groups than with large ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.training.presets import PRESETS, Preset
from codesign.workload.events import EventBatch

EVENT_PROBABILITY = 0.03
TOLERANCE = 0.01
"""Relative deviation of a layer's density at which its bisection ends."""

_MEAN_OVER_DEVIATION = 1.0
_SWEEPS = 4
_HALVINGS = 16

Gains = tuple[float, ...]
"""One factor a layer of neurons."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One network and batch.

    Attributes:
        topology: in the paper's notation.
        preset: its name in `codesign.training.presets.PRESETS`.
        timesteps, batch_size: of the input.
        spike_density: emitted spikes per hidden neuron per sample (paper, Table 2, layered).
        calibration_samples: samples on which gains are found.
        target_ratio: aim for the time of unlayered training relative to the fastest layered training in plain torch.
    """

    topology: str
    preset: str
    timesteps: int
    batch_size: int
    spike_density: float
    calibration_samples: int
    target_ratio: float

    @property
    def settings(self) -> Preset:
        return PRESETS[self.preset]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then neurons of each layer."""
        shape = parse_topology(self.topology)
        assert isinstance(shape.input, int)
        return (shape.input, *(layer.neurons for layer in shape.layers))  # type: ignore[union-attr]


SHAPES = {
    "nmnist": Shape(
        topology="2312-[64x3]-10",
        preset="nmnist",
        timesteps=10,
        batch_size=256,
        spike_density=3.987,
        calibration_samples=64,
        target_ratio=0.4,
    ),
    "shd": Shape(
        topology="350-[128x3]-20",
        preset="shd",
        timesteps=100,
        batch_size=32,
        spike_density=14.386,
        calibration_samples=16,
        target_ratio=0.4,
    ),
    "dvs": Shape(
        topology="2048-[128x3]-11",
        preset="dvsgesture",
        timesteps=90,
        batch_size=32,
        spike_density=46.473,
        calibration_samples=8,
        target_ratio=0.7,
    ),
}


def make_events(shape: Shape, samples: int) -> EventBatch:
    """Random input; the first samples are the same whatever their number. Holds one dense sample at a time."""
    inputs, classes = shape.sizes[0], shape.sizes[-1]
    lengths, indices = [np.zeros(1, dtype=np.int64)], []
    for sample in range(samples):
        random = np.random.default_rng([7, sample])
        row, index = np.nonzero(random.random((shape.timesteps, inputs), dtype=np.float32) < EVENT_PROBABILITY)
        lengths.append(np.bincount(row, minlength=shape.timesteps))
        indices.append(index.astype(np.int32))
    entries = np.concatenate(indices)
    return EventBatch(
        offsets=np.cumsum(np.concatenate(lengths)),
        indices=entries,
        values=np.ones(len(entries), dtype=np.float32),
        labels=np.arange(samples, dtype=np.int64) % classes,
        sample_ids=np.arange(samples, dtype=np.int64),
        timesteps=shape.timesteps,
        input_size=inputs,
        timestep_s=shape.settings.timestep,
    )


def make_network(shape: Shape, gains: Gains) -> SpikingNetwork:
    """The network described above; the same weights in every process."""
    network = SpikingNetwork(
        parse_topology(shape.topology), shape.settings.neuron, timestep_s=shape.settings.timestep, seed=11
    )
    _apply(network, shape, gains)
    return network


def schedule_of(policy: str, group_size: int | None) -> Schedule:
    """Drained, as in training; `layered` stands for a group of a whole layer."""
    if policy == "layered":
        return LAYERED
    return Schedule(policy=policy, group_size=group_size, stop="drained")


@torch.no_grad()
def execution_of(network: SpikingNetwork, events: EventBatch, schedule: Schedule) -> Execution:
    """All counters of a batch."""
    execution = simulate(network, events, schedule, engine="event").execution
    assert execution is not None
    return execution


def calibrate(shape: Shape, schedule: Schedule, *, samples: int) -> Gains:
    """Gains at which every layer is as dense as `shape` says, within `TOLERANCE` where bisection gets there."""
    events = make_events(shape, samples)
    network = make_network(shape, (0.0,) * (len(shape.sizes) - 1))
    gains = [0.0] * (len(shape.sizes) - 1)

    def densities() -> np.ndarray:
        _apply(network, shape, tuple(gains))
        emitted = execution_of(network, events, schedule).emitted.mean(axis=0)
        return np.asarray(emitted / np.array(shape.sizes[1:]))

    def bisect(layer: int, low: float, high: float) -> None:
        for _ in range(_HALVINGS):
            gains[layer] = float(np.sqrt(low * high))
            ratio = densities()[layer] / shape.spike_density
            if abs(ratio - 1) < TOLERANCE:
                return
            low, high = (gains[layer], high) if ratio < 1 else (low, gains[layer])

    for layer in range(len(gains)):
        bisect(layer, 2**-6, 2**6)
    for _ in range(_SWEEPS):
        for layer in range(len(gains)):
            if abs(densities()[layer] / shape.spike_density - 1) >= TOLERANCE:
                bisect(layer, gains[layer] / 1.5, gains[layer] * 1.5)
        if np.all(np.abs(densities() / shape.spike_density - 1) < 2 * TOLERANCE):
            break
    return tuple(gains)


@torch.no_grad()
def _apply(network: SpikingNetwork, shape: Shape, gains: Gains) -> None:
    """Set the weights to (default + shift) · gain, layer by layer."""
    default = SpikingNetwork(network.topology, network.neuron, timestep_s=network.timestep_s, seed=11)
    share = EVENT_PROBABILITY
    for weight, initial, gain in zip(network.weights(), default.weights(), gains, strict=True):
        fan_in = weight.shape[1]
        # n active sources with weights uniform in ±b: the sum's deviation is b √(n/3), its mean n times the shift
        shift = _MEAN_OVER_DEVIATION / np.sqrt(3 * share * fan_in) / np.sqrt(fan_in)
        weight.copy_((initial + shift) * gain)
        share = shape.spike_density / shape.timesteps

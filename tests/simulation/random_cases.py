"""Random networks, inputs and schedules for property tests. Weights lie on a dyadic grid, where sums are exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, parse_topology
from codesign.simulation.schedule import Regularization, Schedule
from codesign.workload.events import EventBatch

CONVOLUTIONAL = [
    {"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1},
    {"kind": "sum_pool", "kernel": 2},
    {"kind": "conv2d", "channels": 3, "kernel": 2, "stride": 1},
    {"kind": "average_pool", "kernel": 1},
    {"kind": "linear", "neurons": 4},
]


@dataclass(frozen=True, kw_only=True)
class Case:
    network: SpikingNetwork
    events: EventBatch
    frames: np.ndarray
    schedule: Schedule
    regularization: Regularization
    seed: int
    epoch: int


def random_network(rng: np.random.Generator, *, convolutional: bool, neuron: NeuronSpec) -> SpikingNetwork:
    if convolutional:
        topology = TopologySpec.model_validate({"input": [2, 6, 6], "layers": CONVOLUTIONAL})
    else:
        sizes = [int(rng.integers(3, 12)) for _ in range(rng.integers(2, 6))]
        topology = parse_topology("-".join(map(str, sizes)))
    network = SpikingNetwork(topology, neuron, timestep_s=0.01, seed=int(rng.integers(1 << 30)))
    with torch.no_grad():
        for weight in network.weights():
            grid = rng.integers(-40, 64, size=tuple(weight.shape)) / 128
            weight.copy_(torch.from_numpy(grid).float())
        if network.bias is not None:
            network.bias.copy_(torch.from_numpy(rng.integers(-8, 9, size=len(network.bias)) / 128).float())
    return network


def random_neuron(rng: np.random.Generator, *, readout: str = "spikes") -> NeuronSpec:
    return NeuronSpec.model_validate(
        {
            "threshold": float(rng.integers(8, 64)) / 128,
            "time_constant": str(rng.choice(["infinite", "1 ms", "10 ms", "100 ms"])),
            "reset": str(rng.choice(["zero", "zero", "subtract"])),
            "refractory": bool(rng.random() < 0.8),
            "readout": readout,
            "surrogate_steepness": float(rng.choice([1.0, 2.0, 10.0])),
            "bias": bool(rng.random() < 0.2),
        }
    )


def random_frames(rng: np.random.Generator, batch: int, timesteps: int, inputs: int) -> np.ndarray:
    frames = rng.poisson(rng.choice([0.05, 0.3, 0.8]), (batch, timesteps, inputs))
    frames[rng.random((batch, timesteps)) < 0.15] = 0  # empty frames
    return frames


def random_case(seed: int, *, convolutional: bool = False, readout: str = "spikes", batch: int = 3) -> Case:
    rng = np.random.default_rng(seed)
    network = random_network(rng, convolutional=convolutional, neuron=random_neuron(rng, readout=readout))
    timesteps = int(rng.integers(1, 4))
    frames = random_frames(rng, batch, timesteps, network.shape.input_size)
    ids = rng.integers(0, 1 << 40, size=batch)
    events = EventBatch.from_frames(
        frames, rng.integers(0, network.shape.layers[-1].neurons, batch), timestep_s=0.01, sample_ids=ids
    )
    neurons = network.shape.neurons
    mode = str(rng.choice(["frame", "frame", "queued"]))
    threshold = [1, 1, 1, "layer", int(rng.integers(0, 5)), tuple(int(n) for n in rng.integers(0, 6, neurons))]
    schedule = Schedule(
        policy=str(rng.choice(["random", "momentum", "fifo"])),
        group_size=[None, 1, 2, 3, 5, 8, 1000][rng.integers(7)],
        stop="drained" if readout == "potential" else str(rng.choice(["drained", "on_output"])),
        steps_after_output=int(rng.integers(0, 4)),
        input_mode=mode,
        prioritize_input=mode == "queued" and bool(rng.random() < 0.5),
        synchronization_threshold=threshold[rng.integers(len(threshold))],
        barrier_messages=bool(rng.random() < 0.5),
    )
    regularization = Regularization()
    if rng.random() < 0.6:
        regularization = Regularization(
            input_dropout=float(rng.choice([0, 0.25])),
            network_dropout=float(rng.choice([0, 0.3])),
            refractory_dropout=float(rng.choice([0, 0.8, 1.0])),
            momentum_noise=float(rng.choice([0, 0.1])),
        )
    return Case(
        network=network,
        events=events,
        frames=frames,
        schedule=schedule,
        regularization=regularization,
        seed=int(rng.integers(1 << 20)),
        epoch=int(rng.integers(5)),
    )

"""Random networks, inputs and schedules for property tests. Weights lie on a dyadic grid, where sums are exact."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, parse_topology
from codesign.simulation.recording import slices_of
from codesign.simulation.schedule import Regularization, Schedule
from codesign.simulation.service import ServiceModel
from codesign.workload.events import EventBatch

POLICIES = ["random", "momentum", "fifo", "round_robin", "arbiter"]
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
    idle_gradient: str = "all"


def random_network(rng: np.random.Generator, *, convolutional: bool, neuron: NeuronSpec) -> SpikingNetwork:
    if convolutional:
        topology = TopologySpec.model_validate({"input": [2, 6, 6], "layers": CONVOLUTIONAL})
    else:
        sizes = [int(rng.integers(3, 12)) for _ in range(rng.integers(2, 6))]
        topology = parse_topology("-".join(map(str, sizes)))
    network = SpikingNetwork(topology, neuron, timestep_s=0.01, seed=int(rng.integers(1 << 30)))
    set_dyadic_weights(rng, network)
    return network


def set_dyadic_weights(rng: np.random.Generator, network: SpikingNetwork) -> None:
    with torch.no_grad():
        for weight in network.weights():
            grid = rng.integers(-40, 64, size=tuple(weight.shape)) / 128
            weight.copy_(torch.from_numpy(grid).float())
        if network.bias is not None:
            network.bias.copy_(torch.from_numpy(rng.integers(-8, 9, size=len(network.bias)) / 128).float())


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
        policy=str(rng.choice(POLICIES)),
        group_size=[None, 1, 2, 3, 5, 8, 1000][rng.integers(7)],
        stop="drained" if readout == "potential" else str(rng.choice(["drained", "on_output"])),
        steps_after_output=int(rng.integers(0, 4)),
        input_mode=mode,
        prioritize_input=mode == "queued" and bool(rng.random() < 0.5),
        synchronization_threshold=threshold[rng.integers(len(threshold))],
        barrier_messages=bool(rng.random() < 0.5),
        cores=own_cores(seed, neurons),
        refractory=own_refractory(seed),
    )
    if convolutional and schedule.group_size in (1, 2, 3):
        schedule = replace(schedule, refractory=True)  # fire again and again, they would take very many steps
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


def own_refractory(seed: int) -> bool:
    """Of random numbers of its own, so that all else in the cases stays as it was."""
    return bool(np.random.default_rng([seed, 0x4EF]).random() < 0.8)


def own_cores(seed: int, neurons: int) -> tuple[int, ...] | None:
    """Likewise: a core a layer, a few cores in any order, or runs of neurons as chips hold them."""
    rng = np.random.default_rng([seed, 0xC04E])
    kind, count = rng.integers(3), int(rng.integers(1, 6))
    if kind == 0:
        return None
    anywhere = tuple(int(n) for n in rng.integers(0, count, neurons))
    return anywhere if kind == 1 else tuple(n // max(1, neurons // count) for n in range(neurons))


LAYER_SIZES = [1, 3, 7, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 200]
CHANNELS = [1, 2, 3, 5, 15, 16, 17, 20, 33]
GROUP_SIZES = [None, 1, 2, 2, 3, 4, 5, 7, 8, 8, 15, 16, 17, 64, 1000, 2**31 - 1]
TIME_CONSTANTS = [math.inf, 1e-3, 5e-3, 10e-3, 0.1, 2.5]


def wide_linear(rng: np.random.Generator) -> TopologySpec:
    """Fully connected layers about as wide as vectors are, and wider."""
    sizes = [int(rng.choice(LAYER_SIZES)) for _ in range(rng.integers(2, 6))]
    return parse_topology("-".join(map(str, sizes)))


def deep_convolutional(rng: np.random.Generator) -> TopologySpec:
    """Convolutions of any stride and padding, pools in a row and in between, and linear layers at the end or not."""
    channels, height, width = int(rng.choice([1, 2, 3, 17])), int(rng.integers(3, 10)), int(rng.integers(3, 10))
    source = [channels, height, width]
    layers: list[dict[str, Any]] = []
    for _ in range(rng.integers(1, 4)):
        for _ in range(rng.choice([0, 0, 1, 2])):
            kernel = int(rng.choice([1, 2, 2, 3]))
            kind = str(rng.choice(["sum_pool", "average_pool"]))
            if height % kernel or width % kernel or (kind == "average_pool" and kernel == 3):
                continue  # does not divide, or its scale of 1/9 is not dyadic
            layers.append({"kind": kind, "kernel": kernel})
            height, width = height // kernel, width // kernel
        kernel, stride, padding = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(0, 3))
        if min(height, width) + 2 * padding < kernel:
            break
        conv = {"kind": "conv2d", "channels": int(rng.choice(CHANNELS)), "kernel": kernel}
        layers.append({**conv, "stride": stride, "padding": padding})
        height, width = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
    if not layers or layers[-1]["kind"] != "conv2d" or rng.random() < 0.7:
        layers += [{"kind": "linear", "neurons": int(n)} for n in rng.choice(LAYER_SIZES[:12], rng.integers(1, 3))]
    return TopologySpec.model_validate({"input": source, "layers": layers})


def free_neurons(rng: np.random.Generator, network: SpikingNetwork) -> None:
    """Each neuron its own threshold, on the grid of the weights, and its own time constant."""
    neurons = network.shape.neurons
    network.threshold.copy_(torch.from_numpy(rng.integers(8, 64, neurons) / 128).float())
    network.time_constant.copy_(torch.from_numpy(rng.choice(TIME_CONSTANTS, neurons)))


def wide_events(rng: np.random.Generator, network: SpikingNetwork, batch: int) -> tuple[np.ndarray, EventBatch]:
    """Counts of which some are large, or currents of either sign; empty frames, and ids from all of 63 bits."""
    inputs = network.shape.input_size
    frames = random_frames(rng, batch, int(rng.integers(1, 5)), inputs)
    frames[:, -1] += rng.random((batch, inputs)) < 0.2  # most samples have something to do
    currents = bool(rng.random() < 0.25)
    if currents:
        frames = np.where(frames > 0, rng.integers(-16, 25, frames.shape) / 8, 0.0)
    elif rng.random() < 0.3:
        frames = frames * rng.integers(1, 6, frames.shape)
    labels = rng.integers(0, network.shape.layers[-1].neurons, batch)
    ids = rng.choice([1 << 8, 1 << 40, (1 << 63) - 1])
    sample_ids = rng.integers(0, ids, size=batch) if batch == 1 or ids > 1 << 8 else rng.permutation(1 << 8)[:batch]
    events = EventBatch.from_frames(frames, labels, timestep_s=0.01, sample_ids=sample_ids, currents=currents)
    return frames, events


def wide_regularization(rng: np.random.Generator) -> Regularization:
    if rng.random() < 0.4:
        return Regularization()
    return Regularization(
        input_dropout=float(rng.choice([0, 0.25, 1.0], p=[0.45, 0.5, 0.05])),
        network_dropout=float(rng.choice([0, 0.3, 1.0], p=[0.45, 0.5, 0.05])),
        refractory_dropout=float(rng.choice([0, 0.8, 1.0])),
        momentum_noise=float(rng.choice([0, 0.1])),
    )


def wide_schedule(
    rng: np.random.Generator, network: SpikingNetwork, *, smallest_group: int, refractory: bool
) -> Schedule:
    neurons = network.shape.neurons
    group_sizes = [size for size in GROUP_SIZES if size is None or size >= smallest_group]
    mode = str(rng.choice(["frame", "frame", "queued"]))
    threshold = [1, 1, 1, "layer", int(rng.integers(0, 7)), tuple(int(n) for n in rng.integers(0, 7, neurons))]
    cores = [
        None,
        tuple(int(n) for n in rng.integers(0, 4, neurons)),
        tuple(n // int(rng.integers(1, neurons + 1)) for n in range(neurons)),
    ]
    return Schedule(
        policy=str(rng.choice(POLICIES)),
        group_size=group_sizes[rng.integers(len(group_sizes))],
        stop="drained" if network.neuron.readout == "potential" else str(rng.choice(["drained", "on_output"])),
        steps_after_output=int(rng.choice([0, 1, 2, 3, 40])),
        input_mode=mode,
        prioritize_input=mode == "queued" and bool(rng.random() < 0.5),
        synchronization_threshold=threshold[rng.integers(len(threshold))],
        barrier_messages=bool(rng.random() < 0.5),
        cores=cores[rng.integers(len(cores))],
        refractory=refractory,
    )


def wide_case(
    seed: int, *, convolutional: bool = False, readout: str = "spikes", batch: int | None = None, plain: bool = False
) -> Case:
    """A case as wide as engines must take: any size, grid, input, schedule, regularization and idle rule.

    Args:
        plain: without what an evaluation or a usual training has none of: gates, barriers and queued input.
    """
    rng = np.random.default_rng([seed, 0xE7E])
    topology = deep_convolutional(rng) if convolutional else wide_linear(rng)
    network = SpikingNetwork(topology, random_neuron(rng, readout=readout), timestep_s=0.01)
    set_dyadic_weights(rng, network)
    if rng.random() < 0.4:
        free_neurons(rng, network)
    frames, events = wide_events(rng, network, int(rng.integers(1, 8)) if batch is None else batch)
    regularization = wide_regularization(rng)
    # where neurons fire again and again, small groups take very many steps
    refractory = own_refractory(seed)
    unbounded = not (network.neuron.refractory and refractory) or regularization.refractory_dropout == 1
    smallest_group = network.shape.neurons // 32 if unbounded else 1
    schedule = wide_schedule(rng, network, smallest_group=smallest_group, refractory=refractory)
    if plain:
        policy, group_size = schedule.policy, schedule.group_size
        schedule = Schedule(policy=policy, group_size=group_size, stop="drained", refractory=refractory)
    return Case(
        network=network,
        events=events,
        frames=frames,
        schedule=schedule,
        regularization=regularization,
        seed=int(rng.choice([0, int(rng.integers(1 << 20)), 2**62 + 5, -3])),
        epoch=int(rng.integers(5)),
        idle_gradient=str(rng.choice(["all", "spare", "none"])),
    )


def small_events(rng: np.random.Generator, network: SpikingNetwork, batch: int, timesteps: int) -> EventBatch:
    """Counts or currents of one kind, some frames empty."""
    frames = random_frames(rng, batch, timesteps, network.shape.input_size)
    frames[:, -1] += rng.random(frames[:, -1].shape) < 0.2
    currents = bool(rng.random() < 0.25)
    if currents:
        frames = np.where(frames > 0, rng.integers(-16, 25, frames.shape) / 8, 0.0)
    labels, ids = rng.integers(0, network.shape.layers[-1].neurons, batch), rng.integers(0, 1 << 60, batch)
    return EventBatch.from_frames(frames, labels, timestep_s=0.01, sample_ids=ids, currents=currents)


POOL = {"kind": "sum_pool", "kernel": 2}
TINY_CONVOLUTIONS = [
    {"input": [2, 4, 4], "layers": [{"kind": "conv2d", "channels": 3, "kernel": 2, "stride": 2}]},
    {
        "input": [1, 6, 6],
        "layers": [{"kind": "sum_pool", "kernel": 2}, {"kind": "conv2d", "channels": 17, "kernel": 2}],
    },
    {"input": [3, 4, 6], "layers": [{"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 2}]},
    {"input": [2, 3, 3], "layers": [{"kind": "conv2d", "channels": 2, "kernel": 1, "padding": 1}]},
]


@st.composite
def schedules(draw: st.DrawFn, network: SpikingNetwork, *, least_group: int) -> Schedule:
    """Any schedule, `timed` with the times that it needs; numbers of neurons come from a seed."""
    rng, neurons = np.random.default_rng(draw(st.integers(0, 99))), network.shape.neurons
    mode = draw(st.sampled_from(["frame", "queued"]))
    threshold = draw(st.sampled_from([1, 0, 2, 5, "layer", "each"]))
    cores = draw(st.sampled_from([None, 1, 3, neurons]))
    schedule = Schedule(
        policy=draw(st.sampled_from([*POLICIES, "timed"])),
        group_size=draw(st.none() | st.integers(least_group, least_group + 8) | st.sampled_from([64, 1000])),
        stop="drained" if network.neuron.readout == "potential" else draw(st.sampled_from(["drained", "on_output"])),
        steps_after_output=draw(st.integers(0, 3) | st.just(40)),
        input_mode=mode,
        prioritize_input=mode == "queued" and draw(st.booleans()),
        synchronization_threshold=tuple(rng.integers(0, 6, neurons).tolist()) if threshold == "each" else threshold,
        barrier_messages=draw(st.booleans()),
        cores=None if cores is None else tuple(sorted(rng.integers(0, cores, neurons).tolist(), key=lambda n: n % 3)),
        refractory=draw(st.booleans()),
    )
    if schedule.policy == "timed":
        schedule = replace(schedule, policy="fifo")
        schedule = replace(schedule, policy="timed", service=random_service(rng, network, schedule))
    return schedule


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """All that engines know, drawn feature by feature, so that a case that fails shrinks to the few that matter."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    neuron = NeuronSpec.model_validate(
        {
            "threshold": draw(st.integers(8, 63)) / 128,
            "time_constant": draw(st.sampled_from(["infinite", "5 ms", "100 ms"])),
            "reset": draw(st.sampled_from(["zero", "subtract"])),
            "refractory": draw(st.booleans()),
            "readout": draw(st.sampled_from(["spikes", "spikes", "potential"])),
            "surrogate_steepness": draw(st.sampled_from([2.0, 10.0])),
            "bias": draw(st.booleans()),
        }
    )
    if draw(st.integers(0, 2)):
        sizes = draw(st.lists(st.sampled_from([1, 2, 7, 15, 16, 17, 33, 64, 65, 80]), min_size=2, max_size=4))
        topology = parse_topology("-".join(map(str, sizes)))
    else:
        shape = draw(st.sampled_from(TINY_CONVOLUTIONS))
        layers = [*shape["layers"], *draw(st.sampled_from([[], [{"kind": "linear", "neurons": 5}]]))]
        topology = TopologySpec.model_validate({**shape, "layers": layers})
    network = SpikingNetwork(topology, neuron, timestep_s=0.01)
    set_dyadic_weights(rng, network)
    if draw(st.booleans()):
        free_neurons(rng, network)
    regularization = Regularization(
        input_dropout=draw(st.sampled_from([0.0, 0.25, 1.0])),
        network_dropout=draw(st.sampled_from([0.0, 0.3, 1.0])),
        refractory_dropout=draw(st.sampled_from([0.0, 0.8, 1.0])),
        momentum_noise=draw(st.sampled_from([0.0, 0.1])),
    )
    events = small_events(rng, network, draw(st.integers(1, 4)), draw(st.integers(1, 3)))
    # where neurons may fire again and again, small groups take very many steps
    return Case(
        network=network,
        events=events,
        frames=np.zeros(0),
        schedule=draw(schedules(network, least_group=1 + network.shape.neurons // 16)),
        regularization=regularization,
        seed=draw(st.sampled_from([0, 2**62 + 5, -3])),
        epoch=draw(st.integers(0, 2)),
        idle_gradient=draw(st.sampled_from(["all", "spare", "none"])),
    )


def random_service(rng: np.random.Generator, network: SpikingNetwork, schedule: Schedule) -> ServiceModel:
    """Times of every size for the slices of a schedule, some of them 0."""
    slices = slices_of(network, schedule)
    count = len(slices)
    scale = float(rng.choice([1e-9, 1e-6, 1.0]))

    def times(*shape: int) -> np.ndarray:
        return rng.choice([0.0, 0.1, 1.0, 3.0]) * scale * rng.random(shape)

    outputs = np.array([one.layer == slices[-1].layer for one in slices])
    return ServiceModel(
        message_s=tuple(times(count).tolist()),
        lanes=[None, 1, 3, 16][rng.integers(4)],
        update_s=float(times(1)[0]),
        spike_s=float(times(1)[0]),
        output_s=tuple(np.where(outputs, 0.0, times(count)).tolist()),
        route_s=tuple(map(tuple, times(count + 1, count).tolist())),
    )


def timed(case: Case, seed: int) -> Case:
    """The same case under policy `timed` with a random service model; a choice is seldom left to nobody."""
    rng = np.random.default_rng([seed, 0x71])
    neurons = case.network.shape.neurons
    cores = [
        None,
        tuple(n // max(1, neurons // 6) for n in range(neurons)),
        tuple(n // max(1, neurons // 12) * 7 % 5 for n in range(neurons)),
        tuple(int(n) for n in rng.integers(0, 4, neurons)) if neurons <= 30 else None,
    ]
    schedule = replace(case.schedule, policy="timed", cores=cores[rng.integers(len(cores))])
    if rng.random() < 0.7:
        fires_once = case.network.neuron.refractory and schedule.refractory
        unbounded = not fires_once or case.regularization.refractory_dropout == 1
        size = max(int(rng.integers(1, 9)), neurons // 32 if unbounded else 1)
        schedule = replace(schedule, group_size=size)
    return replace(case, schedule=replace(schedule, service=random_service(rng, case.network, schedule)))


def saturate(case: Case, seed: int) -> Case:
    """The same case with a range of potentials for each layer, on the grid of the weights, infinite or nothing."""
    rng = np.random.default_rng([seed, 0x5A])
    bounds = [math.inf, 1.0, 0.5, 0.25, 3 / 128, 0.0]
    case.network.potential_ranges = tuple(
        (-float(rng.choice(bounds)), float(rng.choice(bounds, p=[0.3, 0.25, 0.2, 0.15, 0.05, 0.05])))
        for _ in case.network.shape.layers
    )
    return case

"""Random networks, inputs and schedules for property tests; weights lie on a dyadic grid, where sums are exact."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from networks import batch_of, network_of, set_dyadic_weights
from neuron_values import draw_for_layers, draw_for_networks
from random_cores import scattered, strips

from codesign.network.neuron import NeuronSpec
from codesign.network.skips_and_delays import Delayed
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, network_shape, parse_topology
from codesign.simulation.loss import CrossEntropy, Loss, SpikeCost
from codesign.simulation.policies import policy_names
from codesign.simulation.recording import slices_of
from codesign.simulation.schedule import Regularization, Schedule
from codesign.simulation.service import ServiceModel
from codesign.workload.events import EventBatch

POLICIES = policy_names()

Size = Literal["tiny", "usual", "wide"]
"""`tiny` is for plain Python, `usual` has vectors that end amid a row, `wide` has grids of any stride and padding."""


@dataclass(frozen=True, kw_only=True)
class Case:
    network: SpikingNetwork
    events: EventBatch
    frames: np.ndarray
    schedule: Schedule
    regularization: Regularization
    seed: int = 0
    epoch: int = 0
    idle_gradient: str = "all"
    loss: CrossEntropy = field(default_factory=CrossEntropy)
    spike_cost: SpikeCost | None = None


def examples(number: int, *, fresh: bool = False) -> settings:
    """So many examples, the same in every run unless they are fresh."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
    return settings(
        max_examples=number, database=None, derandomize=not fresh, print_blob=fresh, suppress_health_check=checks
    )


# networks ------------------------------------------------------------------------------------------------------------

LAYER_SIZES = [1, 3, 7, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 200]
WIDTHS = {"tiny": range(1, 12), "usual": [1, 2, 7, 15, 16, 17, 33, 64, 65, 80]}
CHANNELS = [1, 2, 3, 5, 15, 16, 17, 20, 33]
TIME_CONSTANTS = [math.inf, 1e-3, 5e-3, 10e-3, 0.1, 2.5]


def conv(channels: int, kernel: Any, **arguments: Any) -> dict[str, Any]:
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, **arguments}


def conv1d(channels: int, kernel: int, **arguments: Any) -> dict[str, Any]:
    return {**conv(channels, kernel, **arguments), "kind": "conv1d"}


POOL = {"kind": "sum_pool", "kernel": 2}
MAX_POOL = {"kind": "max_pool", "kernel": 2}
CONVOLUTIONAL = {
    "input": [2, 6, 6],
    "layers": [conv(2, 3, padding=1), POOL, conv(3, 2), {"kind": "average_pool", "kernel": 2}],
}
CONVOLUTIONAL["layers"].append({"kind": "linear", "neurons": 4})
SMALL_CONVOLUTIONS = [
    CONVOLUTIONAL,
    {"input": [2, 4, 4], "layers": [conv(3, 2, stride=2)]},
    {"input": [1, 6, 6], "layers": [POOL, conv(17, 2)]},
    {"input": [3, 4, 6], "layers": [conv(2, 3, padding=2)]},
    {"input": [2, 3, 3], "layers": [conv(2, 1, padding=1)]},
    {
        "input": [2, 7],
        "layers": [conv1d(4, 2, dilation=2, groups=2), {**POOL, "kernel": [1, 2]}, conv1d(4, 2, groups=4)],
    },
    {"input": [2, 5, 4], "layers": [{**POOL, "kernel": [2, 3]}, conv(4, (2, 1), groups=2), conv(4, (2, 1), padding=1)]},
    {"input": [1, 3, 4], "layers": [{**POOL, "kernel": 3}, {"kind": "linear", "neurons": 17}]},
    {"input": [2, 4, 5], "layers": [conv(3, 2, padding=1), MAX_POOL, conv(2, 2)]},
    {
        "input": [1, 3, 4],
        "layers": [conv(2, 1), {**MAX_POOL, "kernel": [1, 2]}, MAX_POOL, {"kind": "linear", "neurons": 3}],
    },
    # grids that skips may lead to
    {"input": [2, 4, 3], "layers": [conv(4, 3, padding=1), conv(4, 3, padding=1, groups=2), conv(4, 1)]},
    {"input": [2, 4, 4], "layers": [conv(4, 1), MAX_POOL, conv(4, 3, padding=1), conv(4, 3, padding=1, groups=4)]},
    {"input": [4, 4, 4], "layers": [conv(2, 2, stride=2), conv(8, 1, groups=2), conv(8, 3, padding=1, groups=2)]},
    # kernels as large as the grid, one position after the other, and kernels that never reach the last column
    {"input": [3, 1, 1], "layers": [conv(20, 1), conv(17, 1)]},
    {"input": [2, 3, 3], "layers": [conv(5, 3), conv(16, 1), conv(3, 3, padding=1)]},
    {"input": [2, 4, 4], "layers": [conv(5, 1, stride=3), conv(4, 2, stride=2), conv(18, 3, stride=3, padding=2)]},
    {"input": [4, 3, 5], "layers": [conv(4, (2, 3), padding=(1, 0), groups=2), conv(34, 1, groups=2)]},
]


def wide_linear(rng: np.random.Generator) -> TopologySpec:
    """Fully connected layers about as wide as vectors are, and wider."""
    sizes = [int(rng.choice(LAYER_SIZES)) for _ in range(rng.integers(2, 6))]
    return parse_topology("-".join(map(str, sizes)))


def deep_convolutional(rng: np.random.Generator) -> TopologySpec:
    """Convolutions of any kernel, stride, padding, dilation and groups, pools in a row and in between, and linear
    layers at the end or not."""
    grid = [int(rng.integers(3, 10)), int(rng.integers(3, 10))]
    channels = int(rng.choice([1, 2, 3, 17]))
    source = [channels, *grid]
    layers: list[dict[str, Any]] = []
    for depth in range(rng.integers(1, 4)):
        kinds = ["sum_pool", "average_pool"] if not depth or rng.random() < 0.5 else ["max_pool"]
        for _ in range(rng.choice([0, 0, 1, 2])):
            kernel = rng.choice([1, 2, 2, 3], 2).tolist()
            kind = str(rng.choice(kinds))
            if np.greater(kernel, grid).any() or (kind == "average_pool" and 3 in kernel):
                continue  # does not fit, or its scale of 1/9 is not dyadic
            layers.append({"kind": kind, "kernel": kernel})
            grid = [size // k for size, k in zip(grid, kernel, strict=True)]
        arguments = {
            "kernel": rng.integers(1, 4, 2).tolist(),
            "stride": rng.integers(1, 4, 2).tolist(),
            "padding": rng.integers(0, 3, 2).tolist(),
            "dilation": rng.choice([1, 1, 2], 2).tolist(),
        }
        after = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(grid, *arguments.values(), strict=True)
        ]
        if min(after) < 1:
            break
        grid = after
        groups = int(rng.choice([g for g in (1, 1, 2, 3, 17) if channels % g == 0]))
        channels = groups * int(rng.choice([c for c in CHANNELS if groups * c <= 51]))
        layers.append(conv(channels, groups=groups, **arguments))
    if not layers or layers[-1]["kind"] != "conv2d" or rng.random() < 0.7:
        layers += [{"kind": "linear", "neurons": int(n)} for n in rng.choice(LAYER_SIZES[:12], rng.integers(1, 3))]
    return TopologySpec.model_validate({"input": source, "layers": layers})


def free_neurons(rng: np.random.Generator, network: SpikingNetwork) -> None:
    """Each neuron its own threshold, on the grid of the weights, and its own time constant."""
    neurons = network.shape.neurons
    network.threshold.copy_(torch.from_numpy(rng.integers(8, 64, neurons) / 128).float())
    network.time_constant.copy_(torch.from_numpy(rng.choice(TIME_CONSTANTS, neurons)))


def delayed(rng: np.random.Generator, layers: int) -> tuple[Delayed, ...]:
    """Connections of any layers, most of them of a layer to itself."""
    found = {}
    for _ in range(rng.integers(1, 4)):
        source = int(rng.integers(layers))
        target = source if rng.random() < 0.5 else int(rng.integers(layers))
        found[source, target, int(rng.choice([1, 1, 1, 2, 3]))] = None
    later = [Delayed(from_=source, to=target, delay=delay) for source, target, delay in found]
    within = {(source, target) for source, target, _ in found if target <= source < layers - 1 and rng.random() < 0.5}
    return *later, *(Delayed(from_=source, to=target, within="pass") for source, target in sorted(within))


def skips(rng: np.random.Generator, topology: TopologySpec) -> tuple[Any, ...]:
    """Skips of every kind that fits, from any layer or the input, to any behind the next."""
    layers, found = len(network_shape(topology).layers), {}
    for _ in range(8):
        source = int(rng.integers(-1, max(layers - 2, 0)))
        kernel, stride, padding = [(1, 1, 0), (3, 1, 1), (1, 2, 0), (2, 2, 0), (3, 1, 0)][rng.integers(5)]
        sliding = {"kernel": kernel, "stride": stride, "padding": padding, "groups": int(rng.choice([1, 1, 2, 4]))}
        kinds = [{"kind": "identity", "factor": 0.5}, {"kind": "conv2d", **sliding}, {"kind": "linear"}]
        given = {"from": source if source >= 0 else "input", **kinds[rng.integers(3)]}
        if source + 2 < layers and len(found) < 3:
            given["to"] = int(rng.integers(source + 2, layers))
            with contextlib.suppress(ValueError):
                (one,) = TopologySpec.model_validate({**topology.model_dump(by_alias=True), "skips": [given]}).skips
                found[str(one)] = one
    return tuple(found.values())


@st.composite
def networks(draw: st.DrawFn, size: Size = "usual", *, extended: bool = True, **neuron: Any) -> SpikingNetwork:
    """Any network, with what `neuron` says of its neurons; without `extended` only those that have always been."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    spec = draw_for_networks(draw)
    if size == "wide":
        topology = deep_convolutional(rng) if draw(st.booleans()) else wide_linear(rng)
    elif draw(st.integers(0, 2)):
        sizes = draw(st.lists(st.sampled_from(WIDTHS[size]), min_size=2, max_size=5 if size == "tiny" else 4))
        topology = parse_topology("-".join(map(str, sizes)))
    else:
        shape = draw(st.sampled_from(SMALL_CONVOLUTIONS[:13] if size == "tiny" else SMALL_CONVOLUTIONS))
        layers = [*shape["layers"], *draw(st.sampled_from([[], [{"kind": "linear", "neurons": 5}]]))]
        topology = TopologySpec.model_validate({**shape, "layers": layers})
    if draw(st.integers(0, 2)) == 2:
        topology = topology.model_copy(update={"delayed": delayed(rng, len(network_shape(topology).layers))})
    if draw(st.integers(0, 2)) == 2:
        topology = topology.model_copy(update={"skips": skips(rng, topology)})
    if draw(st.booleans()):
        layers = len(network_shape(topology).layers)
        spec["surrogate_steepness"] = rng.choice([1.0, 2.0, 10.0], layers).tolist()
    if extended and draw(st.integers(0, 2)) == 2:
        spec |= draw_for_layers(draw, rng, len(network_shape(topology).layers))
    spec |= neuron
    if any(one.within for one in topology.delayed):
        spec["refractory"] = True
    if topology.delayed and isinstance(spec.get("most_spikes"), list):
        # around a circle spikes would multiply until float32 no longer adds them exactly
        spec["most_spikes"] = [min(most, 3) for most in spec["most_spikes"]]
    network = SpikingNetwork(topology, NeuronSpec.model_validate(spec), timestep_s=0.01)
    set_dyadic_weights(rng, network)
    for one in network.direct():
        one.weight.requires_grad_()  # an identity's too
    return network


def learn(network: SpikingNetwork, *names: str) -> None:
    """Thresholds or time constants that get gradients."""
    for name in names:
        getattr(network, name).requires_grad_()


def saturate(rng: np.random.Generator, network: SpikingNetwork) -> None:
    """A range of potentials for each layer, on the grid of the weights, infinite or nothing."""
    bounds = [math.inf, 1.0, 0.5, 0.25, 3 / 128, 0.0]
    network.potential_ranges = tuple(
        (-float(rng.choice(bounds)), float(rng.choice(bounds, p=[0.3, 0.25, 0.2, 0.15, 0.05, 0.05])))
        for _ in network.shape.layers
    )


def truncate(rng: np.random.Generator, network: SpikingNetwork) -> None:
    """A step of potentials for each layer: of the grid of the weights, coarser, off it, or none."""
    steps = [1 / 128, 1 / 512, 3 / 128, 0.01, 0.0]
    network.potential_steps = tuple(float(rng.choice(steps)) for _ in network.shape.layers)


# inputs and schedules ------------------------------------------------------------------------------------------------


def random_frames(rng: np.random.Generator, batch: int, timesteps: int, inputs: int) -> np.ndarray:
    """Counts, some frames empty."""
    frames = rng.poisson(rng.choice([0.1, 0.5, 2.0]), (batch, timesteps, inputs))
    frames[rng.random((batch, timesteps)) < 0.15] = 0
    frames[:, -1] += rng.random((batch, inputs)) < 0.2  # most samples have something to do
    return frames


def random_batch(
    rng: np.random.Generator, network: SpikingNetwork, frames: np.ndarray, *, currents: bool = False
) -> EventBatch:
    """The frames, with any labels and ids."""
    batch = len(frames)
    labels, ids = rng.integers(0, network.shape.layers[-1].neurons, batch), rng.integers(0, (1 << 63) - 1, batch)
    return batch_of(frames, labels, sample_ids=ids, currents=currents)


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


@st.composite
def schedules(draw: st.DrawFn, network: SpikingNetwork, *, least_group: int) -> Schedule:
    """Any schedule, `timed` with the times that it needs; numbers of neurons come from a seed."""
    rng, neurons = np.random.default_rng(draw(st.integers(0, 99))), network.shape.neurons
    mode = draw(st.sampled_from(["frame", "queued"]))
    threshold = draw(st.sampled_from([1, 1, 1, 0, 2, "layer", "each"]))
    cores = draw(st.sampled_from([None, 1, 3, neurons, "strips"]))
    schedule = Schedule(
        policy=draw(st.sampled_from(POLICIES)),
        group_size=draw(st.sampled_from([None, *(least_group + more for more in (0, 0, 1, 2, 8)), 64])),
        stop="drained"
        if network.neuron.readout == "potential"
        else draw(st.sampled_from(["drained", "on_output", "on_output", "margin"])),
        steps_after_output=draw(st.sampled_from([0, 0, 1, 2, 40])),
        margin=draw(st.sampled_from([1, 1, 2, 3])),
        margin_check=draw(st.sampled_from(["timestep", "step"])),
        input_mode=mode,
        prioritize_input=mode == "queued" and draw(st.booleans()),
        synchronization_threshold=tuple(rng.integers(0, 6, neurons).tolist()) if threshold == "each" else threshold,
        barrier_messages=draw(st.booleans()),
        cores=strips(rng, network) if cores == "strips" else cores and scattered(rng, neurons, cores),
        refractory=draw(st.booleans()),
    )
    if schedule.policy == "timed":
        schedule = replace(schedule, service=random_service(rng, network, schedule))
    return schedule


@st.composite
def cases(draw: st.DrawFn, size: Size = "usual") -> Case:
    """All that engines know, drawn feature by feature, so that a case that fails shrinks to the few that matter.

    Inputs of `tiny` cases are counts.
    """
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    network = draw(networks(size))
    if draw(st.booleans()):
        free_neurons(rng, network)
    if draw(st.integers(0, 5)) == 5:
        saturate(rng, network)
    if draw(st.integers(0, 5)) == 5:
        truncate(rng, network)
    regularization = Regularization(
        input_dropout=draw(st.sampled_from([0.0, 0.0, 0.0, 0.25, 1.0])),
        network_dropout=draw(st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0])),
        refractory_dropout=draw(st.sampled_from([0.0, 0.8, 1.0])),
        momentum_noise=draw(st.sampled_from([0.0, 0.1])),
    )
    learn(network, *draw(st.sampled_from([(), ("threshold",), ("time_constant",), ("threshold", "time_constant")])))
    timesteps = draw(st.integers(1, 3))
    frames = random_frames(rng, draw(st.integers(1, 4)), timesteps, network.shape.input_size)
    currents = size != "tiny" and draw(st.integers(0, 3)) == 3
    if currents:
        frames = np.where(frames > 0, rng.integers(-16, 25, frames.shape) / 8, 0.0)
    # where neurons may fire again and again, small groups take very many steps
    schedule = draw(schedules(network, least_group=1 + network.shape.neurons // (32 if size == "wide" else 16)))
    schedule = replace(
        schedule,
        input_dropout=draw(st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0])),
        timesteps=draw(st.sampled_from([None, None, 1, timesteps])),
    )
    if not draw(st.integers(0, 3)):
        network.input_gate = torch.from_numpy(rng.random(network.input_columns) < 0.6)
    if any(one.within for one in network.topology.delayed):  # their passes must end
        schedule = replace(schedule, refractory=True)
        regularization = replace(regularization, refractory_dropout=min(regularization.refractory_dropout, 0.8))
    each_timestep = network.neuron.readout == "spikes" or timesteps == 1
    return Case(
        network=network,
        events=random_batch(rng, network, frames, currents=currents),
        frames=frames,
        schedule=schedule,
        regularization=regularization,
        seed=draw(st.sampled_from([0, 2**62 + 5, -3])),
        epoch=draw(st.integers(0, 2)),
        idle_gradient=draw(st.sampled_from(["all", "spare", "none"])),
        loss=CrossEntropy(
            of=draw(st.sampled_from(get_args(Loss))) if each_timestep else "sum",
            temperature=draw(st.sampled_from([1.0, 1.0, 0.25, 3.0])),
            label_smoothing=draw(st.sampled_from([0.0, 0.0, 0.1])),
        ),
        spike_cost=random_cost(rng, network) if draw(st.booleans()) else None,
    )


def random_cost(rng: np.random.Generator, network: SpikingNetwork) -> SpikeCost:
    """Weights and floors on a grid, so that sums are exact; some neurons and some layers cost nothing."""
    layers = len(network.shape.layers)
    return SpikeCost(
        weights=torch.from_numpy(rng.integers(0, 5, network.shape.neurons) / 4).float(),
        multipliers=tuple(rng.choice([0.0, 0.1, 1.0], layers).tolist()),
        floors=tuple(rng.choice([0.0, 1.0, 3.0], layers).tolist()),
    )


DROPOUTS = Regularization(input_dropout=0.25, network_dropout=0.1, refractory_dropout=0.8, momentum_noise=0.1)


def a_case(
    *,
    convolutional: bool = False,
    batch: int = 3,
    timesteps: int = 3,
    schedule: Schedule | None = None,
    regularization: Regularization = DROPOUTS,
    **neuron: Any,
) -> Case:
    """One case that is always the same, whose layers all fire and learn; two spikes leave at once."""
    rng = np.random.default_rng(0)
    network = network_of(CONVOLUTIONAL if convolutional else "20-[33x2]-5", **neuron)
    set_dyadic_weights(rng, network)
    frames = rng.poisson(0.4, (batch, timesteps, network.shape.input_size))
    return Case(
        network=network,
        events=random_batch(rng, network, frames),
        frames=frames,
        schedule=schedule or Schedule(group_size=2, stop="drained"),
        regularization=regularization,
    )

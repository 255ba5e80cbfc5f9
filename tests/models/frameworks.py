"""What frameworks do and how they write it, in plain numpy: the oracle of every dialect.

A `Framework` draws a neuron's own parameters, writes them as the framework's export does, and runs them as its source
does, one timestep after the other. Nothing here knows how this program reads or runs a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import nir
import numpy as np

F = np.float32
State = dict[str, np.ndarray]


class DoubledError(Exception):
    """snnTorch took a threshold off twice, which no other framework does."""


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """One layer of neurons: its node, its step (state, input) → spikes, its first state."""

    node: nir.NIRNode
    step: Callable[[State, np.ndarray], np.ndarray]
    start: State


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Weights and what lies around them, then neurons."""

    nodes: list[nir.NIRNode]
    currents: Callable[[np.ndarray], np.ndarray]
    neuron: Neuron
    recurrent: np.ndarray | None = None
    recurrent_bias: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    input_shape: tuple[int, ...]
    layers: list[Layer]
    options: dict[str, Any] = field(default_factory=dict)

    def graph(self, rng: np.random.Generator) -> nir.NIRGraph:
        """Its nodes in any order, with names that say nothing."""
        nodes: dict[str, nir.NIRNode] = {"in": nir.Input(np.array(self.input_shape))}
        edges, last = [], "in"
        for index, layer in enumerate(self.layers):
            for at, node in enumerate([*layer.nodes, layer.neuron.node]):
                name = f"n{index}_{at}" if at < len(layer.nodes) else f"layer{index}"
                nodes[name] = node
                edges.append((last, name))
                last = name
            if layer.recurrent is not None:
                back = nir.Linear(layer.recurrent)
                if layer.recurrent_bias is not None:
                    back = nir.Affine(layer.recurrent, layer.recurrent_bias)
                nodes[f"back{index}"] = back
                edges += [(last, f"back{index}"), (f"back{index}", last)]
        nodes["out"] = nir.Output(np.array([1]))
        edges.append((last, "out"))
        order = rng.permutation(list(nodes))
        shuffled = [edges[place] for place in rng.permutation(len(edges))]
        return nir.NIRGraph({str(name): nodes[str(name)] for name in order}, shuffled, type_check=False)

    def run(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """(samples, timesteps, …) spikes of each layer, by its name in the graph."""
        spikes, found = inputs.astype(F), {}
        for index, layer in enumerate(self.layers):
            currents = np.stack([layer.currents(spikes[:, t]) for t in range(spikes.shape[1])], 1)
            state = {
                name: np.broadcast_to(F(value), currents[:, 0].shape).copy()
                for name, value in layer.neuron.start.items()
            }
            emitted: list[np.ndarray] = []
            for t in range(currents.shape[1]):
                x = currents[:, t]
                if layer.recurrent is not None:
                    x = x + (emitted[-1] @ layer.recurrent.T if emitted else 0)
                    x = x + (0 if layer.recurrent_bias is None else layer.recurrent_bias)
                emitted.append(layer.neuron.step(state, x.astype(F)))
            spikes = np.stack(emitted, 1)
            found[f"layer{index}"] = spikes
        return found


# neurons -------------------------------------------------------------------------------------------------------------

DECAYS = [F(0.5), F(0.75), F(1.0)]
THRESHOLDS = [F(0.5), F(0.75), F(1.0), F(1.5)]


def snntorch(
    rng: np.random.Generator, shape: tuple[int, ...], options: dict[str, Any], *, synaptic: bool, recurrent: bool
) -> Neuron:
    beta = rng.choice(DECAYS[:2], shape).astype(F) if rng.random() < 0.5 else np.full(shape, rng.choice(DECAYS[:2]), F)
    alpha, threshold = np.full(shape, rng.choice(DECAYS[:2]), F), np.full(shape, rng.choice(THRESHOLDS), F)
    delayed, subtracts = options["reset_delay"], options["reset"] == "subtract"
    tau = F(1e-4) / (1 - beta)
    given = {"v_threshold": threshold, "v_leak": np.zeros(shape, F), "r": tau / F(1e-4), "v_reset": np.zeros(shape, F)}
    if synaptic:
        tau_syn = F(1e-4) / (1 - alpha)
        node = nir.CubaLIF(tau_mem=tau, tau_syn=tau_syn, w_in=tau_syn / F(1e-4), **given)
    else:
        node = nir.LIF(tau=tau, **given)

    def step(state: State, x: np.ndarray) -> np.ndarray:
        reset = (state["mem"] > threshold).astype(F)
        if synaptic:
            state["syn"] = x = alpha * state["syn"] + x
        if subtracts:
            mem = beta * state["mem"] + x - reset * threshold
        elif synaptic or recurrent:
            mem = beta * state["mem"] + x
            mem = mem - reset * mem
        else:
            mem = beta * ((1 - reset) * state["mem"]) + x
        spikes = (mem > threshold).astype(F)
        if not delayed:
            more = spikes - reset
            if subtracts and reset.any():
                raise DoubledError
            mem = mem - more * (threshold if subtracts else mem)
        state["mem"] = mem
        return spikes

    return Neuron(node=node, step=step, start={"mem": F(0), "syn": F(0)})


def spikingjelly(
    rng: np.random.Generator, shape: tuple[int, ...], options: dict[str, Any], *, synaptic: bool, recurrent: bool
) -> Neuron:
    threshold, v_reset = float(rng.choice(THRESHOLDS)), float(rng.choice([0.0, 0.0, -0.5, 0.25]))
    kind = "cuba" if synaptic else rng.choice(["if", "lif"])
    dt, c_decay, v_decay = options["export_dt"], 0.5, 0.75
    tau, decay_input = float(rng.choice([2.0, 4.0])), bool(rng.random() < 0.5)

    def made(kind: Any, **fields: float) -> nir.NIRNode:
        given = {"v_threshold": threshold, "v_reset": v_reset, **fields}
        return kind(**{name: np.full(shape, value) for name, value in given.items()})

    if kind == "if":
        node = made(nir.IF, r=1 / dt)
    elif kind == "lif":
        node = made(nir.LIF, tau=tau * dt, r=1.0 if decay_input else tau, v_leak=v_reset)
    else:
        tau_syn, tau_mem = dt / (1 - c_decay), dt / (1 - v_decay)
        node = made(nir.CubaLIF, tau_syn=tau_syn, tau_mem=tau_mem, r=tau_mem / dt, v_leak=0.0, w_in=tau_syn / dt)

    def step(state: State, x: np.ndarray) -> np.ndarray:
        v = state["v"]
        if kind == "if":
            v = v + x
        elif kind == "lif":
            v = v + (x - (v - F(v_reset))) / F(tau) if decay_input else v - (v - F(v_reset)) / F(tau) + x
        else:
            state["c"] = state["c"] * F(c_decay) + x
            v = v * F(v_decay) + state["c"]
        spikes = (v >= F(threshold)).astype(F)
        state["v"] = np.where(spikes > 0, F(v_reset), v)
        return spikes

    return Neuron(node=node, step=step, start={"v": F(v_reset), "c": F(0)})


def norse(
    rng: np.random.Generator, shape: tuple[int, ...], options: dict[str, Any], *, synaptic: bool, recurrent: bool
) -> Neuron:
    inverse, inverse_syn = F(rng.choice([250.0, 500.0])), F(500)
    leak, threshold, v_reset = F(rng.choice([0.0, 0.0, 0.25])), F(rng.choice(THRESHOLDS)), F(options["v_reset"])
    leak = F(0) if synaptic else leak
    subtracts, dt, file_dt = options.get("reset") == "subtract", F(options["cell_dt"]), F(options["export_dt"])
    written = v_reset * F(rng.integers(2))  # norse 1.1 leaves it out
    given = {"v_threshold": threshold, "v_leak": leak, "r": F(1), "v_reset": written}
    leaks = synaptic or shape == (4,) or rng.random() < 0.5
    if not leaks:
        node = nir.IF(r=np.ones(shape, F), v_threshold=np.full(shape, threshold, F), v_reset=np.full(shape, written))
    elif synaptic:
        node = nir.CubaLIF(tau_mem=file_dt / inverse, tau_syn=file_dt / inverse_syn, **given)
    else:
        node = nir.LIF(tau=file_dt / inverse, **given)

    def step(state: State, x: np.ndarray) -> np.ndarray:
        if synaptic:
            state["i"] = x = state["i"] + x
        v = state["v"] + dt * inverse * (x + leak - state["v"]) if leaks else state["v"] + x
        spikes = (v > threshold).astype(F)
        if synaptic:
            state["i"] = x - dt * inverse_syn * x
        state["v"] = np.where(spikes > 0, v - threshold if subtracts and leaks else v_reset, v)
        return spikes

    return Neuron(node=node, step=step, start={"v": leak if leaks else v_reset, "i": F(0)})


def sinabs(
    rng: np.random.Generator, shape: tuple[int, ...], options: dict[str, Any], *, synaptic: bool, recurrent: bool
) -> Neuron:
    threshold, leaks = F(rng.choice(THRESHOLDS)), synaptic or shape == (4,) or rng.random() < 0.7
    tau = HALF if leaks else F(0)
    alpha = np.exp(F(-1) / tau) if leaks else F(1)
    if leaks:
        node = nir.LIF(tau=tau, v_threshold=threshold, v_leak=F(0), r=F(1))
    else:
        node = nir.IF(r=np.ones(shape, F), v_threshold=np.full(shape, threshold, F))
    most, floor = options["most_spikes"], options["floor"]
    alpha_syn = np.exp(F(-1) / F(options["tau_syn"])) if leaks and options.get("tau_syn") != "none" else None

    def step(state: State, x: np.ndarray) -> np.ndarray:
        if alpha_syn is not None:
            state["i"] = x = alpha_syn * (state["i"] + x)
        x = (1 - alpha) * x if leaks and options["norm_input"] else x
        v = alpha * state["v"] + x
        if most == 1:
            spikes = (v - threshold >= 0).astype(F)
        else:
            spikes = (v > 0) * np.trunc(v / threshold).astype(F)
            spikes = spikes if most == "unlimited" else np.minimum(spikes, F(most))
        v = v - spikes * threshold if options["reset"] == "subtract" else v * (spikes == 0)
        state["v"] = v if floor == "none" else np.maximum(v - F(floor), 0) + F(floor)
        return spikes

    return Neuron(node=node, step=step, start={"v": F(0), "i": F(0)})


def rockpool(
    rng: np.random.Generator, shape: tuple[int, ...], options: dict[str, Any], *, synaptic: bool, recurrent: bool
) -> Neuron:
    dt, bias, most = F(1e-3), F(options["bias"]), F(options["most_spikes"])
    tau, threshold = np.full(shape, half(dt), F), np.full(shape, rng.choice(THRESHOLDS), F)
    decay = np.exp(-dt / tau)
    r = tau * np.exp(-dt / tau) / dt
    zero = np.zeros(shape, F)
    if synaptic:
        node = nir.CubaLIF(tau_syn=tau, tau_mem=tau, r=r, v_leak=zero, v_threshold=threshold)
    else:
        node = nir.LIF(tau=tau, r=r, v_leak=zero, v_threshold=threshold)

    def step(state: State, x: np.ndarray) -> np.ndarray:
        if synaptic:
            state["i"] = x = (state["i"] + x) * decay
        v = state["v"] * decay + x + bias
        spikes = np.minimum((v >= threshold) * np.floor(v / threshold), most).astype(F)
        state["v"] = v - spikes * threshold
        return spikes

    return Neuron(node=node, step=step, start={"v": F(0), "i": F(0)})


def half(dt: np.float32) -> np.float32:
    """A time constant that leaves exactly half after dt, as exp rounds it."""
    tau = F(-dt / np.log(0.5))
    near = (tau + step * np.spacing(tau) for step in range(-4, 5))
    return next(one for one in near if np.exp(-dt / one) == F(0.5))


HALF = half(F(1))

NEURONS = {"snntorch": snntorch, "spikingjelly": spikingjelly, "norse": norse, "sinabs": sinabs, "rockpool": rockpool}


def options_of(dialect: str, rng: np.random.Generator) -> dict[str, Any]:
    """What the files of a framework leave open, drawn."""
    pick = lambda *values: values[rng.integers(len(values))]  # noqa: E731
    return {
        "snntorch": {"reset": pick("subtract", "zero"), "reset_delay": pick(True, True, False)},
        "spikingjelly": {"export_dt": pick(1e-4, 1e-3)},
        "norse": {
            "reset": pick("value", "subtract"),
            "v_reset": pick(0.0, -0.25),
            "cell_dt": pick(1e-3, 5e-4),
            "export_dt": pick(1e-3, 1e-4),
        },
        "sinabs": {
            "most_spikes": pick("unlimited", 1, 2),
            "reset": pick("subtract", "zero"),
            "floor": pick("none", -0.5),
            "norm_input": pick(True, False),
            "tau_syn": "none",
        },
        "rockpool": {"most_spikes": pick(65536, 1), "bias": pick(0.0, 0.125)},
    }[dialect]


# graphs --------------------------------------------------------------------------------------------------------------


def lif(*shape: int, beta: float = 0.75, threshold: float = 1.0) -> nir.LIF:
    """As snnTorch writes them."""
    tau = np.full(shape, 1e-4 / (1 - beta))
    return nir.LIF(tau=tau, r=tau / 1e-4, v_leak=np.zeros(shape), v_threshold=np.full(shape, threshold))


def chain(*shape: float, **nodes: nir.NIRNode) -> nir.NIRGraph:
    """Nodes that follow each other."""
    ends = {"output": nir.Output(np.array([1]))}
    named = {"input" if "input" not in nodes else "in": nir.Input(np.array(shape)), **nodes, **ends}
    return nir.NIRGraph(named, list(pairwise(named)), type_check=False)


# layers --------------------------------------------------------------------------------------------------------------


def dyadic(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.integers(-24, 40, shape) / 32).astype(F)


def linear(
    rng: np.random.Generator, source: tuple[int, ...], n: int, neuron: Neuron, *, bias: bool, **more: Any
) -> Layer:
    weight, offset = dyadic(rng, n, int(np.prod(source))), dyadic(rng, n) / F(4)
    nodes: list[nir.NIRNode] = [nir.Flatten(np.array(source), start_dim=0)] if len(source) > 1 else []
    nodes.append(nir.Affine(weight, offset) if bias else nir.Linear(weight))
    return Layer(
        nodes=nodes,
        currents=lambda spikes: spikes.reshape(len(spikes), -1) @ weight.T + (offset if bias else 0),
        neuron=neuron,
        **more,
    )


def slid(images: np.ndarray, weight: np.ndarray, padding: tuple[int, int] = (0, 0)) -> np.ndarray:
    """A convolution, window by window."""
    padded = np.pad(images, ((0, 0), (0, 0), *((size, size) for size in padding)))
    height, width = weight.shape[2:]
    rows, columns = padded.shape[2] - height + 1, padded.shape[3] - width + 1
    out = np.zeros((len(images), len(weight), rows, columns), F)
    for r in range(rows):
        for c in range(columns):
            out[:, :, r, c] = np.einsum("bihw,oihw->bo", padded[:, :, r : r + height, c : c + width], weight)
    return out


def grouped(images: np.ndarray, weight: np.ndarray, padding: tuple[int, int]) -> np.ndarray:
    """Half of the channels from each channel of the input."""
    halves = (slid(images[:, at : at + 1], weight[2 * at : 2 * at + 2], padding) for at in range(2))
    return np.concatenate(list(halves), axis=1)


def pooled(images: np.ndarray, k: int, *, average: bool) -> np.ndarray:
    batch, channels, rows, columns = images.shape
    kept = images[:, :, : rows // k * k, : columns // k * k].reshape(batch, channels, rows // k, k, columns // k, k)
    return kept.mean(axis=(3, 5)).astype(F) if average else kept.sum(axis=(3, 5)).astype(F)


def pool_node(k: int, *, average: bool) -> nir.NIRNode:
    return (nir.AvgPool2d if average else nir.SumPool2d)(np.array([k, k]), np.array([k, k]), np.array([0, 0]))


def random_model(dialect: str, rng: np.random.Generator, *, conv: bool, synaptic: bool, recurrent: bool) -> Model:
    """A network of two or three layers of the framework's neurons."""
    options = options_of(dialect, rng)
    if dialect == "sinabs" and synaptic:
        options["tau_syn"] = float(HALF)
    if dialect == "rockpool" and synaptic:  # a bias beside a synaptic current has no place
        options["bias"] = 0.0
    if dialect == "norse" and synaptic:  # whose LIFCell knows no other
        del options["reset"]

    def neurons(*shape: int, recurrent: bool = False) -> Neuron:
        return NEURONS[dialect](rng, shape, options, synaptic=synaptic, recurrent=recurrent)

    layers: list[Layer] = []
    source: tuple[int, ...] = (2, 6, 6) if conv else (7,)
    inputs = source
    if conv:
        weight, offset, average = dyadic(rng, 4, 1, 3, 2) / F(2), dyadic(rng, 4) / F(4), bool(rng.random() < 0.5)
        layers.append(
            Layer(  # of groups, with a kernel of its own for rows and columns
                nodes=[nir.Conv2d(None, weight, (1, 1), (1, 0), (1, 1), 2, offset)],
                currents=lambda spikes: (
                    grouped(spikes.reshape(-1, 2, 6, 6), weight, padding=(1, 0)) + offset[:, None, None]
                ),
                neuron=neurons(4, 6, 5),
            )
        )
        other = dyadic(rng, 2, 4, 2, 2) / F(2)
        layers.append(
            Layer(
                nodes=[
                    pool_node(2, average=average),
                    nir.Conv2d(None, other, 1, 0, 1, 1, np.zeros(2, F)),
                    pool_node(1, average=True),
                    nir.Scale(np.array([[[0.5]], [[2.0]]])),
                ],
                currents=lambda spikes: (
                    slid(pooled(spikes, 2, average=average), other) * np.array([0.5, 2.0], F)[:, None, None]
                ),
                neuron=neurons(2, 2, 1),
            )
        )
        source = (2, 2, 1)
    else:
        more = {"recurrent": dyadic(rng, 5, 5) / F(2), "recurrent_bias": dyadic(rng, 5) / F(8)} if recurrent else {}
        layers.append(linear(rng, source, 5, neurons(5, recurrent=recurrent), bias=bool(rng.random() < 0.7), **more))
        source = (5,)
    layers.append(linear(rng, source, 4, neurons(4), bias=bool(rng.random() < 0.5)))
    if all(isinstance(layer.neuron.node, nir.IF) for layer in layers):  # no time constant
        options.pop("export_dt", None)
    return Model(input_shape=inputs, layers=layers, options=options)

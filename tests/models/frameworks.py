"""What frameworks do and how they write it, in plain numpy: the oracle of every dialect.

A `Framework` draws a neuron's own parameters, writes them as the framework's export does, and runs them as its source
does, one timestep after the other. Nothing here knows how this program reads or runs a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    """A layer's neurons: their node, their step (state, input) → spikes, their first state."""

    node: nir.NIRNode
    step: Callable[[State, np.ndarray], np.ndarray]
    start: State


INPUTS, SIZE = 7, 5


@dataclass(frozen=True, kw_only=True)
class Model:
    """A layer: weights and biases from the input, of a recurrent layer also from its own spikes, and neurons."""

    weight: np.ndarray
    bias: np.ndarray | None
    back: np.ndarray | None
    neuron: Neuron
    options: dict[str, Any]

    def graph(self) -> nir.NIRGraph:
        ahead = nir.Linear(self.weight) if self.bias is None else nir.Affine(self.weight, self.bias)
        graph = chain(INPUTS, weights=ahead, neurons=self.neuron.node)
        if self.back is None:
            return graph
        edges = [*graph.edges, ("neurons", "back"), ("back", "neurons")]
        return nir.NIRGraph({**graph.nodes, "back": nir.Linear(self.back)}, edges, type_check=False)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """(samples, timesteps, neurons) spikes."""
        arriving = inputs.astype(F) @ self.weight.T + (0 if self.bias is None else self.bias)
        state = {name: np.full(arriving[:, 0].shape, value, F) for name, value in self.neuron.start.items()}
        emitted = [np.zeros_like(arriving[:, 0])]
        for x in arriving.swapaxes(0, 1):
            returning = 0 if self.back is None else emitted[-1] @ self.back.T
            emitted.append(self.neuron.step(state, (x + returning).astype(F)))
        return np.stack(emitted[1:], 1)


# neurons -------------------------------------------------------------------------------------------------------------

DECAYS = [F(0.5), F(0.75), F(1.0)]
THRESHOLDS = [F(0.5), F(0.75), F(1.0), F(1.5)]


def snntorch(rng: np.random.Generator, options: dict[str, Any], *, synaptic: bool, recurrent: bool) -> Neuron:
    beta = rng.choice(DECAYS[:2], SIZE).astype(F) if rng.random() < 0.5 else np.full(SIZE, rng.choice(DECAYS[:2]), F)
    alpha, threshold = np.full(SIZE, rng.choice(DECAYS[:2]), F), np.full(SIZE, rng.choice(THRESHOLDS), F)
    delayed, subtracts = options["reset_delay"], options["reset"] == "subtract"
    tau = F(1e-4) / (1 - beta)
    given = {"v_threshold": threshold, "v_leak": np.zeros(SIZE, F), "r": tau / F(1e-4), "v_reset": np.zeros(SIZE, F)}
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


def spikingjelly(rng: np.random.Generator, options: dict[str, Any], *, synaptic: bool, recurrent: bool) -> Neuron:
    threshold, v_reset = float(rng.choice(THRESHOLDS)), float(rng.choice([0.0, 0.0, -0.5, 0.25]))
    kind = "cuba" if synaptic else rng.choice(["if", "lif"])
    dt, c_decay, v_decay = options["export_dt"], 0.5, 0.75
    tau, decay_input = float(rng.choice([2.0, 4.0])), bool(rng.random() < 0.5)

    def made(kind: Any, **fields: float) -> nir.NIRNode:
        given = {"v_threshold": threshold, "v_reset": v_reset, **fields}
        return kind(**{name: np.full(SIZE, value) for name, value in given.items()})

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


def norse(rng: np.random.Generator, options: dict[str, Any], *, synaptic: bool, recurrent: bool) -> Neuron:
    inverse, inverse_syn = F(rng.choice([250.0, 500.0])), F(500)
    leak, threshold, v_reset = F(rng.choice([0.0, 0.0, 0.25])), F(rng.choice(THRESHOLDS)), F(options["v_reset"])
    leak = F(0) if synaptic else leak
    subtracts, dt, file_dt = options.get("reset") == "subtract", F(options["cell_dt"]), F(options["export_dt"])
    written = v_reset * F(rng.integers(2))  # norse 1.1 leaves it out
    given = {"v_threshold": threshold, "v_leak": leak, "r": F(1), "v_reset": written}
    leaks = synaptic or rng.random() < 0.5
    if not leaks:
        node = nir.IF(r=np.ones(SIZE, F), v_threshold=np.full(SIZE, threshold, F), v_reset=np.full(SIZE, written))
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


def sinabs(rng: np.random.Generator, options: dict[str, Any], *, synaptic: bool, recurrent: bool) -> Neuron:
    threshold, leaks = F(rng.choice(THRESHOLDS)), synaptic or rng.random() < 0.7
    tau = HALF if leaks else F(0)
    alpha = np.exp(F(-1) / tau) if leaks else F(1)
    if leaks:
        node = nir.LIF(tau=tau, v_threshold=threshold, v_leak=F(0), r=F(1))
    else:
        node = nir.IF(r=np.ones(SIZE, F), v_threshold=np.full(SIZE, threshold, F))
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


def rockpool(rng: np.random.Generator, options: dict[str, Any], *, synaptic: bool, recurrent: bool) -> Neuron:
    dt, bias, most = F(1e-3), F(options["bias"]), F(options["most_spikes"])
    tau, threshold = np.full(SIZE, half(dt), F), np.full(SIZE, rng.choice(THRESHOLDS), F)
    decay = np.exp(-dt / tau)
    r = tau * np.exp(-dt / tau) / dt
    zero = np.zeros(SIZE, F)
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


# networks ------------------------------------------------------------------------------------------------------------


def dyadic(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.integers(-24, 40, shape) / 32).astype(F)


OF_LEAKS = {"export_dt", "cell_dt", "norm_input", "tau_syn"}
"""What only files with leaky neurons leave open, beside norse's reset."""


def random_model(dialect: str, rng: np.random.Generator, *, synaptic: bool, recurrent: bool) -> Model:
    """A layer of the framework's neurons; graphs of any form, layers and grids too: `test_nir_random.py`."""
    options = options_of(dialect, rng)
    if dialect == "sinabs" and synaptic:
        options["tau_syn"] = float(HALF)
    if dialect == "rockpool" and synaptic:  # a bias beside a synaptic current has no place
        options["bias"] = 0.0
    if dialect == "norse" and synaptic:  # whose LIFCell knows no other
        del options["reset"]
    neuron = NEURONS[dialect](rng, options, synaptic=synaptic, recurrent=recurrent)
    if isinstance(neuron.node, nir.IF):
        left_out = OF_LEAKS | ({"reset"} if dialect == "norse" else set())
        options = {name: value for name, value in options.items() if name not in left_out}
    weight = dyadic(rng, SIZE, INPUTS)
    bias = dyadic(rng, SIZE) / F(4) if rng.random() < 0.6 else None
    back = dyadic(rng, SIZE, SIZE) / F(2) if recurrent else None
    return Model(weight=weight, bias=bias, back=back, neuron=neuron, options=options)

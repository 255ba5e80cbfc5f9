"""Random graphs of NIR, `plain`, against an interpreter of its nodes: spikes and potentials, exactly.

A thousand of them would catch nodes that are read wrongly only in a combination that twenty do not have.
"""

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from networks import batch_of
from torch.nn import functional

import codesign as cd

DT = 2.0**-10


def node(kind: str, **fields: Any) -> nir.NIRNode:
    """Of that kind, with those of the fields that it has, whatever their shapes."""
    made = object.__new__(getattr(nir, kind))
    made.metadata, made.input_type, made.output_type = {}, {"input": np.ones(1, int)}, {"output": np.ones(1, int)}
    vars(made).update({name: np.asarray(fields[name])[()] for name in made.__dataclass_fields__.keys() & fields})
    return made


class Drawn:
    """A graph. `maps` has what nodes do, `states` those of neurons, by what leads to them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.maps, self.states, self.layers, self.edges, self.back = rng, {}, {}, [], [], []
        choices = {"decay": ("euler", "exponential"), "norm_input": (True, False), "comparison": (">", ">=")}
        self.said = {name: self.any(*of) for name, of in {**choices, "reset": ("value", "subtract")}.items()}
        self.shapes = {"in": self.any((4,), (2, 7), (2, 7, 6))}
        self.nodes = {"in": nir.Input(np.array(self.shapes["in"])), "out": nir.Output(np.ones(1, int))}
        at, begins = "in", []
        for left in reversed(range(self.any(1, 2, 3))):
            begins.append(self.pool(at))
            at = self.scale(begins[-1])
            grid = min(self.shapes[at][1:], default=0) > 2 and self.any(0, 1, 1)
            at = self.pool(self.convolution(at)) if grid else self.linear(at)
            at = self.neurons(self.scale(at), last=not left)
            if left and not grid and self.any(0, 1):
                self.back.append((at, self.linear(at)))
                self.edges[-1] = (self.back[-1][1], at)
            for begin in begins[:-1]:
                if self.shapes[begin] == self.shapes[at] or not grid:
                    self.edges.append((self.scale(begin) if grid else self.linear(begin), at))
        self.edges.append((at, "out"))

    def any(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def numbers(self, shape: tuple[int, ...], *values: float) -> np.ndarray:
        some = self.any((), (1,), (shape[0], *[1] * (len(shape) - 1)), shape)
        return self.rng.choice(values, some).astype(self.any("f8", "f4", ">f4"))

    def add(self, source: str, made: nir.NIRNode, do: Any) -> str:
        name = f"{self.any('lif', '1', 'a.b', 'µ ')}{len(self.nodes)}"
        self.nodes[name], self.maps[name] = made, do
        self.edges.append((source, name))
        self.shapes[name] = np.shape(do(np.zeros(self.shapes[source])))
        return name

    def linear(self, source: str) -> str:
        if len(self.shapes[source]) > 1:
            source = self.scale(self.add(source, node("Flatten", start_dim=0, end_dim=-1), np.ravel))
        weight, bias = self.rng.integers(-6, 10, (4, *self.shapes[source])) / 8, self.numbers((4,), 0, 0.25, 0.5)
        made = node(self.any("Affine", "Linear"), weight=weight, bias=bias)
        bias = bias * isinstance(made, nir.Affine)
        return self.add(source, made, lambda x: weight @ x + bias)

    def scale(self, source: str) -> str:
        shape = self.shapes[source]
        scale = self.rng.choice([0.5, 1, 2], self.any((), (shape[0], *[1] * (len(shape) - 1))))
        made = node("Scale", scale=self.any(scale, scale[None]))  # for any number of samples
        return self.any(lambda: source, lambda: self.add(source, made, lambda x: x * scale))()

    def pool(self, source: str) -> str:
        if len(self.shapes[source]) < 3 or min(self.shapes[source]) < 2 or self.any(0, 1):
            return source
        (kind, share), size = self.any(("SumPool2d", 4), ("AvgPool2d", 1)), np.full(self.any(1, 2), 2)
        made = node(kind, kernel_size=size, stride=size, padding=np.zeros(2, int))
        return self.add(source, made, lambda x: functional.avg_pool2d(torch.tensor(x), 2).numpy() * share)

    def convolution(self, source: str) -> str:
        shape, groups = self.shapes[source], self.any(1, 2)
        names, limits = ("kernel", "padding", "dilation", "stride"), ((1, 3), (0, 2), (1, 3), (1, 3))
        told = {name: self.rng.integers(*of, len(shape) - 1) for name, of in zip(names, limits, strict=True)}
        kernel, told["groups"] = told.pop("kernel"), np.int64(groups)
        weight = self.rng.integers(-6, 10, (4, shape[0] // groups, *kernel)) / 8
        bias, kind = weight.reshape(4, -1)[:, 0], f"onv{len(kernel)}d"
        made = node(f"C{kind}", weight=weight, bias=bias, input_shape=1, **told)
        slide, sizes = getattr(functional, f"c{kind}"), {key: part.tolist() for key, part in told.items()}
        return self.add(source, made, lambda x: slide(*map(torch.tensor, (x, weight, bias)), **sizes).numpy())

    def neurons(self, source: str, *, last: bool) -> str:
        shape, normed, euler = self.shapes[source], self.said["norm_input"], self.said["decay"] == "euler"
        kinds = ["LIF", "CubaLIF", "IF", "Threshold", "LI", "I", "CubaLI"]  # of the first two all options are asked
        kind = self.any(*kinds[: 2 if not self.layers else 7 if last else 4])
        leaks, cuba, free = "L" in kind, "Cuba" in kind, kind == "Threshold"
        beta, alpha = self.numbers(shape, 0.5, 0.75).astype(float) if leaks else 1.0 - free, np.float64(0.5)
        theta, value, gain = (self.numbers(shape, *some) for some in ((0.5, 1, 1.5), (0, 0, -0.5, 0.25), (0.5, 1, 2)))
        leak, gain, w_in = self.numbers(shape, 0, 0.5) * (leaks and not cuba), 1 if free else gain, self.any(0.5, 2.0)
        tau, slow = (DT / (1 - part) if euler else -DT / np.log(part) for part in (beta if leaks else alpha, alpha))
        r, w = (gain / (1 - beta if leaks else DT), w_in / (1 - alpha)) if normed else (gain, w_in)
        told = {"tau": tau, "tau_mem": tau, "tau_syn": slow, "r": r, "w_in": w, "v_leak": leak, "v_reset": value}

        def step(x: np.ndarray) -> np.ndarray:
            u, j = self.states.get(source, (0, 0))
            v = beta * u + gain * (j := alpha * j + w_in * x if cuba else x) + (1 - beta) * leak
            fires = (v >= theta if self.said["comparison"] == ">=" else v > theta) & (kind in kinds[:4])
            u = v - fires * theta if self.said["reset"] == "subtract" else np.where(fires, value, v)
            self.states[source] = u, j
            return fires * 1.0 if kind in kinds[:4] else v

        self.layers.append(self.add(source, node(kind, v_threshold=theta, threshold=theta, **told), step))
        return self.layers[-1]

    def made(self, name: str, known: dict[str, np.ndarray], late: dict[str, np.ndarray]) -> np.ndarray:
        if name not in known:
            given = (self.made(one, known, late) for one, other in self.edges if other == name)
            known[name] = self.maps[name](sum(given, late.get(name, 0)))
        return known[name]

    def run(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        rows, self.states = [], {}
        for frame in inputs:
            late, known = {way: rows[-1][name] if rows else np.zeros(4) for name, way in self.back}, {"in": frame}
            rows.append({name: self.made(name, known, late) for name in self.layers})
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.thorough)])
def test_a_graph_is_read_as_it_is(count: int, tmp_path: Path):
    for seed in range(count):
        drawn = Drawn(rng := np.random.default_rng(seed))
        nodes, last = {**drawn.nodes}, drawn.layers[-1]
        inner = {"in": nir.Input(np.ones(1, int)), "n": nodes[last], "out": nodes["out"]}
        nodes[last] = drawn.any(nodes[last], nir.NIRGraph(inner, [("in", "n"), ("n", "out")], type_check=False))
        order, edges = rng.permutation(list(nodes)).tolist(), rng.permutation(drawn.edges + drawn.back).tolist()
        graph = nir.NIRGraph({name: nodes[name] for name in order}, [*map(tuple, edges)], type_check=False)
        nir.write(path := tmp_path / "model.nir", graph)
        network = cd.import_model(drawn.any(graph, path), dialect="plain", dt=DT, **drawn.said).network
        inputs = rng.integers(0, 3, (2, 3, *drawn.shapes["in"])).astype(float)
        sent, ours = [drawn.run(frames) for frames in inputs], cd.record(network, batch_of(inputs, timestep_s=DT))
        for name, layer in zip(drawn.layers, network.layer_slices, strict=True):
            found = ours.potentials if isinstance(drawn.nodes[name], nir.LI | nir.I | nir.CubaLI) else ours.spikes
            wanted = np.stack([each[name] for each in sent])
            assert found[:, :, layer].ravel().tolist() == wanted.ravel().tolist(), (seed, name)

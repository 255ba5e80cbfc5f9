"""lava-dl's `.net` files as graphs: one group per layer, from `layer/0` on, as `netx.hdf5` reads them.

    input    {shape, neuron, weight, bias}             one neuron per pixel; samples become integers by weight and bias
    conv     {shape, neuron, weight, bias, stride, …}  torch's convolution
    dense    {shape, neuron, weight, bias}             without a neuron, currents are summed and read
    flatten  {shape}

Layers follow one another, with neurons as defined in `codesign.models.nir.dialects.lava`. Everything else in such files
(complex, sigma-delta or graded neurons, delays, pools, skips) is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Floats, Integers
from codesign.errors import InputError
from codesign.models.nir.file import Tree
from codesign.models.nir.graph import LOIHI, Graph, NirNode

_TYPES = ("LOIHI", "CUBA")
_INTEGRATOR: Mapping[str, Any] = {"type": "CUBA", "iDecay": 0, "vDecay": 4096, "vThMant": 1 << 17}
"""The neuron of a layer that does not name one."""
_LARGEST, _SMALLEST = 255, -256
_SPAN = 4096
_NOT_HERE = {
    "delay": "synaptic delays",
    "gradedSpike": "graded spikes",
    "messageBits": "graded spikes",
    "wgtExp": "weights with an exponent",
}
_SLIDING = ("stride", "padding", "dilation", "groups")


def read_net(tree: Tree) -> Graph:
    """The graph of a file's group `layer`. Raises InputError that names a layer that is invalid or cannot be part of a
    network."""
    names = [str(number) for number in range(len(tree))]
    if set(names) != set(tree) or not names:
        raise InputError(f"layer: must have groups 0, 1, … one for each layer, found {', '.join(sorted(tree))[:80]}")
    nodes = [node for name in names for node in _nodes(name, tree[name], first=name == "0")]
    nodes.append(NirNode(name="output", kind="Pass"))
    order = [node.name for node in nodes]
    return Graph.of(dict(zip(order, nodes, strict=True)), pairwise(order), (order[0], order[-1]))


def _nodes(number: str, layer: Any, *, first: bool) -> Iterator[NirNode]:
    """The map of a layer and its neurons, after the graph's input if it is the first."""
    name = f"layer/{number}"
    if not isinstance(layer, Mapping):
        raise InputError(f"{name}: must be a group with a layer's type, shape and numbers")
    kind = _text(layer.get("type"))
    at = NirNode(name=name, kind=kind)
    allowed = ("input", "dense") if first else ("conv", "dense", "flatten")
    if kind not in allowed:
        raise at.refusal(f"cannot be imported as layer {number}; allowed are {' or '.join(allowed)}")
    if kind == "flatten":
        return
    _check_plain(at, layer)
    size = _whole(at, layer, "shape").ravel().astype(np.int64)
    if not 1 <= size.size <= 3 or size.min() < 1:
        raise at.refusal(f"shape must be up to three sizes, found {size.tolist()}")
    if kind == "input":
        grid = (1, *size) if size.size == 2 else (*size, 1, 1)[:3]
        yield NirNode(name="input", kind="Pass", numbers={"shape": np.array(grid)})
        yield _one_to_one(name, int(grid[0]))
        size = np.array(grid)
    else:
        node = NirNode(name=name, kind="Conv2d" if kind == "conv" else "Affine", numbers=dict(_map(at, layer, size)))
        if first:
            yield NirNode(name="input", kind="Pass", numbers={"shape": np.array(node.numbers["weight"].shape[1:])})
        yield node
    yield _neurons(at, layer.get("neuron", _INTEGRATOR), size)


def _one_to_one(name: str, channels: int) -> NirNode:
    one = np.ones(1, dtype=np.int64)
    fields = {"stride": one, "padding": 0 * one, "dilation": one, "groups": channels * one, "bias": 0 * one}
    return NirNode(name=name, kind="Conv2d", numbers={"weight": np.ones((channels, 1, 1, 1)), **fields})


def _map(at: NirNode, layer: Tree, shape: Integers) -> Iterator[tuple[str, NDArray[Any]]]:
    weight = _whole(at, layer, "weight", least=_SMALLEST, most=_LARGEST)
    if at.kind == "dense":
        outputs = int(np.prod(shape))
        if weight.size % outputs or weight.ndim > 2 or (weight.ndim == 2 and len(weight) != outputs):
            raise at.refusal(f"weight must be ({outputs}, inputs) for shape {shape.tolist()}, found {weight.shape}")
        weight = weight.reshape(outputs, -1)
    else:
        if weight.ndim == 5 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        for name in _SLIDING:
            yield name, _whole(at, layer, name)
    yield "weight", weight
    yield "bias", _whole(at, layer, "bias") if "bias" in layer else np.zeros(1)


def _neurons(at: NirNode, neuron: Any, size: NDArray[Any]) -> NirNode:
    name = f"{at.name}/neuron"
    node = NirNode(name=name, kind=LOIHI)
    if not isinstance(neuron, Mapping):
        raise node.refusal("must be a group with a neuron's type and numbers")
    kind = _text(neuron.get("type"))
    if kind not in _TYPES:
        raise node.refusal(f"must be of type {' or '.join(_TYPES)}, leaky integrate-and-fire; found {kind}")
    _check_plain(node, neuron)
    if "refDelay" in neuron and _whole(node, neuron, "refDelay").max() > 1:
        raise node.refusal("refDelay: refractory timesteps cannot be simulated; nearest: refDelay 1")
    numbers = {key: _whole(node, neuron, key, least=0, most=_SPAN) for key in ("iDecay", "vDecay")}
    numbers["vThMant"] = _whole(node, neuron, "vThMant", least=1)
    return NirNode(name=name, kind=LOIHI, numbers={**numbers, "shape": size})


def _check_plain(at: NirNode, group: Tree) -> None:
    """Check that a group has no features that neurons and synapses lack here."""
    for key, what in _NOT_HERE.items():
        value = group.get(key, np.zeros(1))
        if not isinstance(value, np.ndarray) or value.any():
            raise at.refusal(f"{key}: {what} cannot be simulated")


def _whole(at: NirNode, group: Tree, key: str, *, least: int = -(1 << 24), most: int = 1 << 24) -> Floats:
    given = group.get(key)
    numbers = np.asarray(given) if isinstance(given, np.ndarray | int) else np.zeros(0, object)
    if numbers.dtype.kind not in "biuf" or not numbers.size:
        raise at.refusal(f"{key} must be whole numbers, found {repr(given)[:40]}")
    if not (np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all()):
        raise at.refusal(f"{key} must be whole numbers, found fractions; lava's neurons use integer arithmetic")
    low, high = float(numbers.min()), float(numbers.max())
    if not least <= low <= high <= most:
        raise at.refusal(f"{key} must be from {least:,} to {most:,}, found {low:g} to {high:g}")
    return numbers.astype(np.float64)


def _text(value: Any) -> str:
    """A text, which may be stored as an array with one entry."""
    text = value[0] if isinstance(value, list) and len(value) == 1 else value
    return text[:40] if isinstance(text, str) else "without a type"

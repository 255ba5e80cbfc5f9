"""Everything between two layers of neurons, folded into one map W, b.

In a graph these may be pools, a fully connected layer or a convolution, scales, and pools of its currents.

- a scale s before it:  W ← W diag(s);  after it:  W ← diag(s) W,  b ← s b
- a batch normalization y = s x + t after it:  W ← diag(s) W,  b ← s b + t
- windows of k × k currents after a convolution of kernel K and stride S, summed:
  W'[a] = Σ_i W[a − S i] over i = 0 … k − 1 in both directions, of kernel K + S (k − 1) and stride S k;  b ← k² b;
  averaged: both divided by k²

Sums of numbers that are not dyadic fractions are then rounded in another order than in the framework.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Floats
from codesign.models.nir.graph import NirNode
from codesign.network.layers import Conv1d, Conv2d, Linear, Pool, both, window_of
from codesign.network.skips_and_delays import Skip
from codesign.network.window import Grid

_POOLS: Mapping[str, Literal["sum_pool", "average_pool", "max_pool"]] = {
    "SumPool2d": "sum_pool",
    "AvgPool2d": "average_pool",
    "MaxPool2d": "max_pool",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """A skip, with the name of the first node of its own or of the neurons that it leads to. It starts after the pools;
    the weight is as in `FurtherConnection`, the bias is one number, or one per channel or neuron."""

    name: str
    spec: Skip
    weight: Floats
    bias: Floats
    pools: tuple[Pool, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Neurons and the synapses that lead to them.

    Attributes:
        node: the node of the neurons.
        source: grid of the synapses' source, or a number of inputs without a grid.
        pools: pools of the source's spikes.
        synapses: layer of synapses after the pools.
        weight: weight as in `Connection`.
        bias: (neurons,) current that arrives in every timestep.
        grid: (channels, height, width) of the neurons; a fully connected layer is (neurons, 1, 1).
        recurrent: (neurons, neurons) weights of spikes that return to the layer itself, target first; or None.
        skips: skips that lead to the layer; `bias` includes their biases.
    """

    node: NirNode
    source: Grid | int
    pools: tuple[Pool, ...]
    synapses: Linear | Conv2d | Conv1d
    weight: Floats
    bias: Floats
    grid: Grid
    recurrent: Floats | None
    skips: tuple[Branch, ...] = ()

    @property
    def neurons(self) -> int:
        return math.prod(self.grid)

    def number(self, name: str, default: float | None = None) -> NDArray[Any]:
        """(neurons,) values of a field of the node, in its own precision, given for all neurons, per channel or per
        neuron. Raises InputError if it has another shape."""
        given = self.node.numbers[name] if default is None else self.node.numbers.get(name, np.array(default))
        if name.startswith("tau") and not (given > 0).all():
            raise self.node.refusal(f"{name} must be above 0")
        array = given.reshape([size for size in given.shape if size != 1] or [1])
        if array.dtype.kind != "f":
            array = array.astype(np.float64)
        whole = array.ndim == 1 or array.shape == tuple(size for size in self.grid if size != 1)
        if array.size == 1 or (array.size == self.neurons and whole):
            return np.broadcast_to(array.ravel(), self.neurons)
        if given.shape == (self.grid[0], 1, 1)[: max(given.ndim, 3 - (self.grid[1] == 1))]:
            return np.broadcast_to(given.reshape(-1, 1, 1), self.grid).ravel()
        grid = "×".join(map(str, self.grid))
        raise self.node.refusal(f"{name} must be one number, or one for each of {grid} neurons, found {given.shape}")


class Chain:
    """The map between two layers, folded node by node, starting with the shape of the source."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.source: Grid | int | None = None
        self.pools: list[Pool] = []
        self.flat = False
        self.scale: Floats = np.ones(())  # scale before any weights, one number or one for each of the source
        self.scaled = NirNode(name="", kind="Scale")  # the last node that scales
        self.synapses: Linear | Conv2d | Conv1d | None = None
        self.grid: Grid = (1, 1, 1)
        self.weight: Floats = np.zeros(0)
        self.bias: Floats = np.zeros(0)

    def apply(self, node: NirNode) -> None:
        """Fold the next node. Raises InputError if a node of its kind cannot be between layers."""
        match node.kind:
            case "Linear" | "Affine":
                self._linear(node)
            case "Conv1d" | "Conv2d":
                self._convolution(node)
            case "SumPool2d" | "AvgPool2d" | "MaxPool2d":
                self._pool(node) if self.synapses is None else self._pool_currents(node)
            case "Scale":
                self._scale(node)
            case "BatchNorm":
                self._normalize(node)
            case "Flatten":
                self.flat = True
                if self.synapses is not None:
                    self.shape = (math.prod(self.shape),)
            case "Pass":
                pass
            case _:
                raise node.refusal("cannot lie between two layers")

    def layer(self, neurons: NirNode, recurrent: tuple[NirNode, Floats, Floats] | None) -> Layer:
        """The layer that ends in these neurons; `recurrent` is the path from the neurons to themselves, with weights
        and biases."""
        if self.synapses is None or self.source is None:
            raise neurons.refusal("nothing with weights leads to it; put a Linear, Affine, Conv1d or Conv2d before it")
        bias = np.repeat(self.bias, math.prod(self.grid) // len(self.bias))
        weights: Floats | None = None
        if recurrent is not None:
            node, weights, own = recurrent
            if weights.shape != (len(bias), len(bias)):
                raise node.refusal(f"weight must be ({len(bias)}, {len(bias)}) to lead back, found {weights.shape}")
            bias = bias + own
        return Layer(
            node=neurons,
            source=self.source,
            pools=tuple(self.pools),
            synapses=self.synapses,
            weight=self.weight,
            bias=bias,
            grid=self.grid,
            recurrent=weights,
        )

    def _first(self, node: NirNode, dimensions: int) -> Grid:
        """The input grid of a convolution or pool, without a dimension of samples."""
        if len(self.shape) == dimensions + 1 and self.source is None and not self.flat:
            self._without_samples()
        shape = self.shape
        if len(shape) != dimensions:
            raise node.refusal(f"needs input of {dimensions} dimensions, channels first, found shape {shape}")
        grid: Grid = (shape[0], 1, shape[-1]) if dimensions == 2 else (shape[0], shape[-2], shape[-1])
        if self.source is None:
            self.source = grid
        return grid

    def _without_samples(self) -> None:
        """Leave the first dimension out, which is one of samples: scales must be the same for all of them."""
        if self.scale.ndim and (self.scale != self.scale[0]).any():
            raise self.scaled.refusal("must be the same for all samples")
        self.shape, self.scale = self.shape[1:], self.scale[0] if self.scale.ndim else self.scale

    def _linear(self, node: NirNode) -> None:
        self._once(node)
        weight = matrix_of(node)
        outputs, inputs = weight.shape
        size = math.prod(self.shape)
        if size != inputs and len(self.shape) == 2 and self.source is None:
            self._without_samples()
            size = self.shape[0]
        if size != inputs:
            raise node.refusal(f"weight is for {inputs} inputs, and {size} come from before it (shape {self.shape})")
        if self.source is None:
            shape = self.shape
            self.source = (shape[0], shape[1], shape[2]) if len(shape) == 3 else size
        self.synapses, self.weight = Linear(neurons=outputs), weight * _of_size(self.scaled, self.scale, inputs)
        self.bias = bias_of(node)
        self.shape, self.grid = (outputs,), (outputs, 1, 1)

    def _convolution(self, node: NirNode) -> None:
        self._once(node)
        flat = node.kind == "Conv1d"
        grid = self._first(node, 2 if flat else 3)
        channels = grid[0]
        weight = node.numbers["weight"].astype(np.float64)
        if weight.ndim != (3 if flat else 4) or not weight.size:
            raise node.refusal(f"weight must have {3 if flat else 4} dimensions above 0, found shape {weight.shape}")
        groups = _pair(node, "groups")[0]
        if weight.shape[1] * groups != channels:
            raise node.refusal(f"weight is for {weight.shape[1] * groups} channels, and {channels} come from before it")
        kernel, dilation, stride = weight.shape[2:], _pair(node, "dilation"), _pair(node, "stride")
        padding = _padding(node, kernel, dilation, stride)
        scale = of_channels(self.scaled, self.scale, self.shape, channels).reshape(groups, 1, -1, *[1] * len(kernel))
        weight = (weight.reshape(groups, -1, *weight.shape[1:]) * scale).reshape(weight.shape)
        self.weight = weight[:, :, None] if flat else weight
        self.bias = bias_of(node)
        sliding = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        spec = {name: sizes[-1] if flat else tuple(sizes) for name, sizes in sliding.items()}
        self._slide(node, {"kind": "conv1d" if flat else "conv2d", "channels": len(weight), "groups": groups, **spec})
        self.shape = (self.grid[0], self.grid[2]) if flat else self.grid

    def _slide(self, node: NirNode, spec: Mapping[str, Any]) -> None:
        """Make a convolution of this specification the layer's synapses."""
        try:
            self.synapses = (Conv1d if spec["kind"] == "conv1d" else Conv2d)(**spec)
            source = self.source if isinstance(self.source, tuple) else (self.source or 1, 1, 1)
            self.grid = window_of(source, self.pools, self.synapses).grid
        except ValueError as error:
            raise node.refusal(str(error)) from None

    def _pool(self, node: NirNode) -> None:
        """Fold a pool of spikes, before any weights."""
        channels, height, width = grid = self._first(node, 3)
        down, across = kernel = self._window(node, grid)
        kind = _POOLS[node.kind]
        scale = of_channels(self.scaled, self.scale, self.shape, channels)
        if kind == "max_pool" and not (scale > 0).all():
            raise self.scaled.refusal("must be above 0, since a max pool follows")
        self.pools.append(Pool(kind=kind, kernel=kernel))
        self.shape = (channels, height // down, width // across)
        self.scale = np.broadcast_to(scale[:, None, None], self.shape)

    def _pool_currents(self, node: NirNode) -> None:
        """Fold a pool of a convolution's currents, before the neurons."""
        kind = _POOLS[node.kind]
        if kind == "max_pool":
            raise node.refusal("must follow neurons: the largest of several currents is not a sum of messages")
        if not isinstance(self.synapses, Conv2d) or self.shape != self.grid:
            raise node.refusal("must follow neurons or a Conv2d")
        pooled, stride, apart = self._window(node, self.grid), both(self.synapses.stride), both(self.synapses.dilation)
        ends = [d * (k - 1) + 1 for d, k in zip(apart, self.weight.shape[2:], strict=True)]
        sizes = [end + s * (p - 1) for end, s, p in zip(ends, stride, pooled, strict=True)]
        folded = np.zeros((*self.weight.shape[:2], *sizes))
        for down in range(pooled[0]):
            for across in range(pooled[1]):
                row, column = stride[0] * down, stride[1] * across
                rows, columns = slice(row, row + ends[0], apart[0]), slice(column, column + ends[1], apart[1])
                folded[:, :, rows, columns] += self.weight
        windows = math.prod(pooled)
        share = 1 / windows if kind == "average_pool" else 1.0
        self.weight, self.bias = folded * share, self.bias * (windows * share)
        strides = (stride[0] * pooled[0], stride[1] * pooled[1])
        self._slide(node, {**dict(self.synapses), "kernel": tuple(sizes), "stride": strides, "dilation": 1})
        self.shape = self.grid

    def _window(self, node: NirNode, grid: Grid) -> tuple[int, int]:
        kernel, stride = _pair(node, "kernel_size"), _pair(node, "stride")
        padding = _pair(node, "padding")
        if kernel != stride or max(padding) > 0 or min(kernel) < 1:
            found = f"found stride {stride} and padding {padding} for {kernel}"
            raise node.refusal(f"windows must lie side by side without padding, {found}")
        if kernel[0] > grid[1] or kernel[1] > grid[2]:
            raise node.refusal(f"a pool of {kernel[0]}×{kernel[1]} does not fit {grid[1]}×{grid[2]}")
        return kernel

    def _scale(self, node: NirNode) -> None:
        scale = scale_of(node)
        if self.synapses is None:
            flat = self.flat and scale.size == math.prod(self.shape)
            spread = scale.reshape(self.shape) if flat else _spread(node, scale, self.shape)
            self.scale, self.scaled = spread * self.scale, node
            return
        by_row = of_channels(node, scale, self.shape, len(self.weight))
        self.weight = self.weight * by_row.reshape(-1, *[1] * (self.weight.ndim - 1))
        self.bias = self.bias * by_row

    def _normalize(self, node: NirNode) -> None:
        if self.synapses is None:
            raise node.refusal("must follow a layer with weights, into which it is folded")
        self._scale(node)
        self.bias = self.bias + _of_size(node, node.numbers["shift"], len(self.bias))

    def _once(self, node: NirNode) -> None:
        if self.synapses is not None:
            raise node.refusal("follows other weights without neurons between them; multiply both into one layer")


def matrix_of(node: NirNode) -> Floats:
    """(outputs, inputs) weights of a fully connected node."""
    weight = node.numbers["weight"]
    if weight.ndim != 2 or not weight.size:
        raise node.refusal(f"weight must be (outputs, inputs), found shape {weight.shape}")
    return weight.astype(np.float64)


def bias_of(node: NirNode) -> Floats:
    """(outputs,) biases of a node with weights."""
    return _of_size(node, node.numbers.get("bias", np.zeros(1)), len(node.numbers["weight"]), "bias ")


def scale_of(node: NirNode) -> Floats:
    """The factor of a node, without a dimension of samples."""
    scale = node.numbers["scale"].astype(np.float64)
    return np.asarray(scale[0] if scale.ndim > 1 and len(scale) == 1 else scale)


def _pair(node: NirNode, name: str) -> tuple[int, int]:
    """Integers for rows and columns; one number may stand for both."""
    sizes = node.numbers[name].ravel() if name in node.numbers else np.zeros(0)
    if sizes.size not in (1, 2) or not all(0 <= size < 1 << 31 and size == int(size) for size in sizes.tolist()):
        found = node.texts.get(name, sizes.tolist())
        raise node.refusal(f"{name} must be a whole number, or one for rows and one for columns, found {found}")
    return int(sizes[0]), int(sizes[-1])


def _padding(
    node: NirNode, kernel: tuple[int, ...], dilation: tuple[int, int], stride: tuple[int, int]
) -> tuple[int, int]:
    text = node.texts.get("padding")
    if text is None:
        return _pair(node, "padding")
    spans = [apart * (size - 1) for apart, size in zip(dilation[-len(kernel) :], kernel, strict=True)]
    if text == "valid":
        return 0, 0
    if text == "same" and stride == (1, 1) and not any(span % 2 for span in spans):
        return spans[0] // 2, spans[-1] // 2
    raise node.refusal(f"padding '{text[:20]}' of a kernel of {kernel} with stride {stride}; give it as numbers")


def _of_size(node: NirNode, numbers: NDArray[Any], size: int, what: str = "") -> Floats:
    if numbers.size not in (1, size):
        raise node.refusal(f"{what}must have one number, or one for each of {size}, found shape {numbers.shape}")
    return np.broadcast_to(numbers.ravel(), size).astype(np.float64)


def _spread(node: NirNode, numbers: Floats, shape: tuple[int, ...]) -> Floats:
    """Numbers for data of this shape, given in one that broadcasts to it."""
    if node.kind == "BatchNorm":  # which has one number per channel
        numbers = numbers.reshape(-1, *[1] * (len(shape) - 1))
    try:
        return np.broadcast_to(numbers, shape)
    except ValueError:
        raise node.refusal(
            f"must have one number, or one for each channel or each of {shape}, found shape {numbers.shape}"
        ) from None


def of_channels(node: NirNode, numbers: Floats, shape: tuple[int, ...], channels: int) -> Floats:
    """(channels,) numbers for data of this shape. Raises InputError if they differ within a channel, or have another
    shape."""
    full = _spread(node, numbers, shape).reshape(channels, -1)
    if not (full == full[:, :1]).all():
        raise node.refusal("must be the same for a whole channel, as a convolution's weights are")
    return np.asarray(full[:, 0], dtype=np.float64)

"""The shape of a network: which layers, how large, how connected. No weights and no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.network.window import Grid, KernelAxis, Window
from codesign.units import Positive

__all__ = [
    "AveragePool",
    "Conv1d",
    "Conv2d",
    "Grid",
    "LayerError",
    "LayerShape",
    "LayerSpec",
    "Linear",
    "NetworkShape",
    "Pool",
    "SumPool",
    "TopologySpec",
    "input_grid",
    "network_shape",
    "parse_topology",
    "topology_text",
    "window_of",
]

_MOST = 10_000_000
"""Inputs, and neurons of a layer."""
_MOST_NEURONS = 10 * _MOST
_MOST_LAYERS = 1000

Size = Annotated[Positive, Field(le=_MOST)]
Padding = Annotated[int, Field(ge=0, le=_MOST, strict=True)]

_BY_FORM = Discriminator(lambda given: "tuple[int]" if isinstance(given, list | tuple) else "int")
_SHORT = AfterValidator(lambda given: given[0] if isinstance(given, tuple) and given[0] == given[1] else given)
Sizes = Annotated[Annotated[Size, Tag("int")] | Annotated[tuple[Size, Size], Tag("tuple[int]")], _BY_FORM, _SHORT]
"""Of rows and columns, `[3, 5]`, or one number for both."""
Paddings = Annotated[
    Annotated[Padding, Tag("int")] | Annotated[tuple[Padding, Padding], Tag("tuple[int]")], _BY_FORM, _SHORT
]


class Linear(Spec):
    """A fully connected layer of `neurons` neurons."""

    kind: Literal["linear"] = "linear"
    neurons: Size


class Conv2d(Spec):
    """A convolutional layer of spiking neurons, with torch's arguments and its order of weights.

    `kernel`, `stride`, `padding` (with zeros) and `dilation` are of rows and columns, `[3, 5]`, or one number for both.
    With `groups` each of so many equal parts of the channels sees only its part of the channels before; as many as
    there are channels is a depthwise convolution.
    """

    added: ClassVar[frozenset[str]] = frozenset({"dilation", "groups"})

    kind: Literal["conv2d"]
    channels: Size
    kernel: Sizes
    stride: Sizes = 1
    padding: Paddings = 0
    dilation: Sizes = 1
    groups: Size = 1


class Conv1d(Spec):
    """A convolution along a grid of height 1: a `conv2d` with `kernel: [1, kernel]`, and so for the rest.

    Its weight has torch's shape with a dimension of 1 before the last: (channels, channels before / groups, 1, kernel).
    """

    kind: Literal["conv1d"]
    channels: Size
    kernel: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: Size = 1


class Pool(Spec):
    """Windows of `kernel` spikes, side by side, without neurons: they are folded into the synapses of the next layer.

    `kernel` is a number or `[rows, columns]`. What fills no window at the edge of the grid is left out, as in torch.
    """

    added: ClassVar[frozenset[str]] = frozenset({"stride"})

    kernel: Sizes
    stride: Sizes | None = None

    @field_validator("stride")
    @classmethod
    def _check_stride(cls, stride: Any, info: ValidationInfo) -> None:
        kernel = info.data.get("kernel", stride)
        if stride not in (None, kernel):
            raise ValueError(
                f"must be the kernel, {_text(kernel)}, found {_text(stride)}: windows of a pool neither overlap nor "
                "leave gaps. A conv2d with as many groups as channels can have any stride, and has neurons of its own"
            )


class SumPool(Pool):
    """Sums windows of `kernel` spikes."""

    kind: Literal["sum_pool"]


class AveragePool(Pool):
    """Averages windows of `kernel` spikes."""

    kind: Literal["average_pool"]


LayerSpec = Annotated[Linear | Conv2d | Conv1d | SumPool | AveragePool, Field(discriminator="kind")]


def _input(given: Any) -> Any:
    return (given[0], 1, given[1]) if isinstance(given, list | tuple) and len(given) == 2 else given


class TopologySpec(Spec):
    """A network's layers: `linear`, `conv2d`, `conv1d`, and the pools `sum_pool` and `average_pool` between them.

    `input` is a number of inputs, `[channels, height, width]`, or `[channels, length]`, which is of height 1; an input
    event's index runs over the channels first: `index = (channel · height + row) · width + column`.
    """

    input: Annotated[Size | tuple[Size, Size, Size], BeforeValidator(_input)]
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=_MOST_LAYERS)]

    @model_validator(mode="after")
    def _check(self) -> TopologySpec:
        network_shape(self)
        return self


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """One layer of neurons and the synapses that lead into it.

    Attributes:
        neurons: neurons in the layer, `channels · height · width`.
        channels, height, width: the grid; a fully connected layer is `neurons × 1 × 1`.
        fan_in: most synapses that end in one neuron of the layer.
        synapses: synapses from the previous layer (or the input) into this layer, counted one by one.
        weights: distinct stored weights; smaller than `synapses` where a kernel is shared.
        window: what its neurons see; None where every source reaches every neuron.
    """

    neurons: int
    channels: int
    height: int
    width: int
    fan_in: int
    synapses: int
    weights: int
    window: Window | None = field(default=None, compare=False)  # executions are stored without


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """What hardware needs to know of a network.

    Attributes:
        input_size: number of inputs.
        layers: one entry a layer of neurons, first hidden layer to output layer.
    """

    input_size: int
    layers: tuple[LayerShape, ...]

    @property
    def neurons(self) -> int:
        """N: all neurons, the output layer included."""
        return sum(layer.neurons for layer in self.layers)

    @property
    def hidden_neurons(self) -> int:
        """Neurons of all layers but the last: what spike density is measured per (paper, equation 10)."""
        return sum(layer.neurons for layer in self.layers[:-1])

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        return tuple(layer.neurons for layer in self.layers)

    @property
    def starts(self) -> tuple[int, ...]:
        """Index of the first neuron of each layer, with N at the end: L + 1 entries."""
        starts = [0]
        for layer in self.layers:
            starts.append(starts[-1] + layer.neurons)
        return tuple(starts)

    def fan_out(self, source: int) -> float:
        """Mean synapses that leave one neuron of layer `source` (0 is the input, 1 the first hidden layer, …)."""
        if source == len(self.layers):
            return 0.0
        size = self.input_size if source == 0 else self.layers[source - 1].neurons
        return self.layers[source].synapses / size

    @property
    def mean_hidden_fan_out(self) -> float:
        """Mean fan-out of the hidden layers, each layer counting once, as the paper's Table 3 uses it."""
        hidden = len(self.layers) - 1
        return sum(self.fan_out(source) for source in range(1, hidden + 1)) / hidden if hidden else 0.0


class LayerError(ValueError):
    """A layer that cannot follow the one before it; `rule` says why."""

    def __init__(self, layer: int, rule: str) -> None:
        self.layer, self.rule = layer, rule
        super().__init__(f"layers.{layer}: {rule}")


_ITEM = re.compile(r"(?:(\d+)|\[(\d+)\s*[x×]\s*(\d+)\])\Z")


def parse_topology(text: str) -> TopologySpec:
    """Read the paper's notation, such as `2312-[64x3]-10`: inputs, hidden layers as [neurons × layers], outputs.

    Raises:
        InputError: the text is not of that form.
    """
    rule = f"topology '{text}' is not of the form '2312-[64x3]-10' or '512-128-64-10'"
    sizes: list[int] = []
    for item in text.replace(" ", "").split("-"):
        match = _ITEM.match(item)
        if match is None:
            raise InputError(f"{rule}: found '{item}'")
        single, neurons, count = match.groups()
        if len(count or "") > 4 or len(single or neurons) > 8:
            raise InputError(f"{rule}: sizes must be at most 10,000,000 and layers at most 1,000, found '{item}'")
        sizes.extend([int(single)] if single else [int(neurons)] * int(count))
    if len(sizes) < 2:
        raise InputError(f"{rule}: needs inputs and at least one layer")
    if 0 in sizes or len(sizes) > 1000:
        raise InputError(f"{rule}: sizes must be above 0 and layers at most 1000")
    return TopologySpec(input=sizes[0], layers=tuple(Linear(neurons=size) for size in sizes[1:]))


def input_grid(topology: TopologySpec) -> Grid:
    """Channels, height and width of the input; a number of inputs are channels."""
    return topology.input if isinstance(topology.input, tuple) else (topology.input, 1, 1)


def network_shape(topology: TopologySpec) -> NetworkShape:
    """Sizes, fan-in and synapses of every layer of neurons.

    Raises:
        LayerError: a kernel or pool is larger than what it slides over, groups do not divide channels, the last layer
            is a pool, or there are more inputs or neurons than a network may have.
    """
    grid = input_grid(topology)
    input_size = math.prod(grid)
    if input_size > _MOST:
        raise LayerError(0, f"must have at most {_MOST:,} inputs, found {input_size:,}")
    neurons = 0
    layers: list[LayerShape] = []
    pools: list[Pool] = []  # between the last layer of neurons and this one
    for position, spec in enumerate(topology.layers):
        try:
            if isinstance(spec, Pool):
                pools.append(spec)
                _pooled(grid, pools)
                continue
            window = window_of(grid, pools, spec)
            layer = _layer_shape(window)
        except ValueError as error:
            raise LayerError(position, str(error)) from None
        layers.append(layer)
        neurons += layer.neurons
        if neurons > _MOST_NEURONS:
            raise LayerError(
                position, f"must be at most {_MOST_NEURONS:,} neurons with those before, found {neurons:,}"
            )
        grid, pools = window.grid, []
    if pools:
        raise LayerError(len(topology.layers) - 1, "the last layer must have neurons, found a pool")
    return NetworkShape(input_size=input_size, layers=tuple(layers))


def window_of(grid: Grid, pools: Sequence[Pool], spec: Linear | Conv2d | Conv1d) -> Window:
    """What a layer sees of a source with this grid, with the pools between them.

    Raises:
        ValueError: it does not fit.
    """
    channels, height, width = grid
    down, across = _pooled(grid, pools)
    rows, columns = height // down, width // across
    if isinstance(spec, Linear):
        arguments = [(size, 1, 0, 1) for size in (rows, columns)]
        out_channels, groups = spec.neurons, 1
    else:
        arguments = _arguments(spec)
        out_channels, groups = spec.channels, spec.groups
        if isinstance(spec, Conv1d) and rows != 1:
            raise ValueError(f"a conv1d slides along a grid of height 1, found {rows}×{columns}; use a conv2d")
    if channels % groups or out_channels % groups:
        raise ValueError(f"groups must divide the channels {channels} before and {out_channels} here, found {groups}")
    axes = [
        KernelAxis(length=length, pool=pool, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        for length, pool, (kernel, stride, padding, dilation) in zip(
            (height, width), (down, across), arguments, strict=True
        )
    ]
    if min(axis.outputs for axis in axes) < 1:
        kernel, apart = (tuple(getattr(axis, name) for axis in axes) for name in ("kernel", "dilation"))
        apart_text = "" if apart == (1, 1) else f" {_text(apart)} apart"
        raise ValueError(f"a kernel of {_text(kernel)}{apart_text} does not fit {rows}×{columns}")
    window = Window(channels=channels, rows=axes[0], columns=axes[1], out_channels=out_channels, groups=groups)
    if math.prod(window.grid) > _MOST:
        raise ValueError(f"must be at most {_MOST:,} neurons, found {math.prod(window.grid):,}")
    return window


def _pooled(grid: Grid, pools: Sequence[Pool]) -> tuple[int, int]:
    """Rows and columns that pools one after the other make one of: windows of windows are windows.

    Raises:
        ValueError: they make nothing of the grid.
    """
    _, rows, columns = grid
    down = across = 1
    for pool in pools:
        kernel = _both(pool.kernel)
        if kernel[0] > rows // down or kernel[1] > columns // across:
            raise ValueError(f"a pool of {_text(kernel)} does not fit {rows // down}×{columns // across}")
        down, across = down * kernel[0], across * kernel[1]
    return down, across


def _arguments(spec: Conv2d | Conv1d) -> list[tuple[int, int, int, int]]:
    """Kernel, stride, padding and dilation of the rows, and of the columns."""
    if isinstance(spec, Conv1d):
        return [(1, 1, 0, 1), (spec.kernel, spec.stride, spec.padding, spec.dilation)]
    pairs = (_both(sizes) for sizes in (spec.kernel, spec.stride, spec.padding, spec.dilation))
    return list(zip(*pairs, strict=True))


def _both(sizes: int | tuple[int, int]) -> tuple[int, int]:
    return sizes if isinstance(sizes, tuple) else (sizes, sizes)


def _text(sizes: int | tuple[int, ...]) -> str:
    """`3`, or `3×5`."""
    if isinstance(sizes, int) or len(set(sizes)) == 1:
        return str(sizes if isinstance(sizes, int) else sizes[0])
    return "×".join(map(str, sizes))


def _layer_shape(window: Window) -> LayerShape:
    channels, height, width = window.grid
    return LayerShape(
        neurons=channels * height * width,
        channels=channels,
        height=height,
        width=width,
        fan_in=window.fan_in,
        synapses=window.synapses,
        weights=window.weights,
        window=None if window.complete else window,
    )


def topology_text(shape: NetworkShape) -> str:
    """Layer sizes as in 512-64-64-64-10."""
    return "-".join(map(str, (shape.input_size, *shape.layer_sizes)))

"""The shape of a network: which layers, how large, how connected. No weights and no torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, model_validator

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.units import Positive

__all__ = [
    "AveragePool",
    "Conv2d",
    "Grid",
    "LayerError",
    "LayerShape",
    "LayerSpec",
    "Linear",
    "NetworkShape",
    "SumPool",
    "TopologySpec",
    "Window",
    "network_shape",
    "parse_topology",
    "topology_text",
]

_MOST = 10_000_000
"""Inputs, and neurons of a layer."""
_MOST_NEURONS = 10 * _MOST
_MOST_LAYERS = 1000

Grid = tuple[int, int, int]
"""Channels, height and width."""

Size = Annotated[Positive, Field(le=_MOST)]


class Linear(Spec):
    """A fully connected layer of `neurons` neurons."""

    kind: Literal["linear"] = "linear"
    neurons: Size


class Conv2d(Spec):
    """A convolutional layer of spiking neurons: `channels` maps, a square `kernel`, `stride` and zero `padding`."""

    kind: Literal["conv2d"]
    channels: Size
    kernel: Size
    stride: Size = 1
    padding: Annotated[int, Field(ge=0, le=_MOST, strict=True)] = 0


class SumPool(Spec):
    """Sums windows of `kernel` × `kernel` spikes. Has no neurons: it is folded into the synapses of the next layer."""

    kind: Literal["sum_pool"]
    kernel: Size


class AveragePool(Spec):
    """Averages windows of `kernel` × `kernel` spikes. Has no neurons: it is folded into the next layer's synapses."""

    kind: Literal["average_pool"]
    kernel: Size


LayerSpec = Annotated[Linear | Conv2d | SumPool | AveragePool, Field(discriminator="kind")]


class TopologySpec(Spec):
    """A network's layers.

    `input` is a number of inputs or `[channels, height, width]`; an input event's index runs over the channels first:
    `index = (channel · height + row) · width + column`.
    """

    input: Size | tuple[Size, Size, Size]
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=_MOST_LAYERS)]

    @model_validator(mode="after")
    def _check(self) -> TopologySpec:
        network_shape(self)
        return self


@dataclass(frozen=True, kw_only=True)
class Window:
    """What of its source a convolution sees: a `kernel` that slides with `stride` over a padded grid.

    Attributes:
        height, width: of the grid, which pools of `pool` × `pool` spikes make of the source's.
        out_channels, out_height, out_width: of the layer's own grid.
    """

    pool: int
    height: int
    width: int
    kernel: int
    stride: int
    padding: int
    out_channels: int
    out_height: int
    out_width: int


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """One layer of neurons and the synapses that lead into it.

    Attributes:
        neurons: neurons in the layer, `channels · height · width`.
        channels, height, width: the grid; a fully connected layer is `neurons × 1 × 1`.
        fan_in: most synapses that end in one neuron of the layer.
        synapses: synapses from the previous layer (or the input) into this layer, counted one by one.
        weights: distinct stored weights; smaller than `synapses` where a kernel is shared.
        window: of a convolution; None where every source reaches every neuron.
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


def network_shape(topology: TopologySpec) -> NetworkShape:
    """Sizes, fan-in and synapses of every layer of neurons.

    Raises:
        LayerError: a kernel is larger than what it slides over, a pool does not divide it, the last layer is a pool, or
            there are more inputs or neurons than a network may have.
    """
    grid = topology.input if isinstance(topology.input, tuple) else (topology.input, 1, 1)
    input_size = math.prod(grid)
    if input_size > _MOST:
        raise LayerError(0, f"must have at most {_MOST:,} inputs, found {input_size:,}")
    neurons = 0
    layers: list[LayerShape] = []
    pool = 1  # factor of the pools between the last layer of neurons and the current grid
    for position, spec in enumerate(topology.layers):
        try:
            if isinstance(spec, SumPool | AveragePool):
                grid = _pooled(grid, spec)
                pool *= spec.kernel
                continue
            layer = _linear(grid, pool, spec) if isinstance(spec, Linear) else _convolution(grid, pool, spec)
        except ValueError as error:
            raise LayerError(position, str(error)) from None
        layers.append(layer)
        neurons += layer.neurons
        if neurons > _MOST_NEURONS:
            raise LayerError(
                position, f"must be at most {_MOST_NEURONS:,} neurons with those before, found {neurons:,}"
            )
        grid, pool = (layer.channels, layer.height, layer.width), 1
    if isinstance(topology.layers[-1], SumPool | AveragePool):
        raise LayerError(len(topology.layers) - 1, "the last layer must have neurons, found a pool")
    return NetworkShape(input_size=input_size, layers=tuple(layers))


def _pooled(grid: Grid, spec: SumPool | AveragePool) -> Grid:
    channels, height, width = grid
    if height % spec.kernel or width % spec.kernel:
        raise ValueError(f"a pool of {spec.kernel} does not divide {height}×{width}")
    return channels, height // spec.kernel, width // spec.kernel


def _linear(grid: Grid, pool: int, spec: Linear) -> LayerShape:
    inputs = math.prod(grid)
    fan_in = inputs * pool * pool
    return LayerShape(
        neurons=spec.neurons,
        channels=spec.neurons,
        height=1,
        width=1,
        fan_in=fan_in,
        synapses=fan_in * spec.neurons,
        weights=inputs * spec.neurons,
    )


def _convolution(grid: Grid, pool: int, spec: Conv2d) -> LayerShape:
    channels, height, width = grid
    out_height = (height + 2 * spec.padding - spec.kernel) // spec.stride + 1
    out_width = (width + 2 * spec.padding - spec.kernel) // spec.stride + 1
    if out_height < 1 or out_width < 1:
        raise ValueError(f"a kernel of {spec.kernel} does not fit {height}×{width}")
    neurons = spec.channels * out_height * out_width
    if neurons > _MOST:
        raise ValueError(f"must be at most {_MOST:,} neurons, found {neurons:,}")
    rows, columns = _taps(height, out_height, spec), _taps(width, out_width, spec)
    return LayerShape(
        neurons=neurons,
        channels=spec.channels,
        height=out_height,
        width=out_width,
        fan_in=channels * max(rows) * max(columns) * pool * pool,
        synapses=channels * sum(rows) * sum(columns) * pool * pool * spec.channels,
        weights=channels * spec.kernel * spec.kernel * spec.channels,
        window=Window(
            pool=pool,
            height=height,
            width=width,
            kernel=spec.kernel,
            stride=spec.stride,
            padding=spec.padding,
            out_channels=spec.channels,
            out_height=out_height,
            out_width=out_width,
        ),
    )


def topology_text(shape: NetworkShape) -> str:
    """Layer sizes as in 512-64-64-64-10."""
    return "-".join(map(str, (shape.input_size, *shape.layer_sizes)))


def _taps(size: int, out_size: int, spec: Conv2d) -> list[int]:
    """For each output position along one axis, how many of the kernel's taps lie on the grid and not on its padding."""
    starts = (position * spec.stride - spec.padding for position in range(out_size))
    return [max(0, min(size, start + spec.kernel) - max(0, start)) for start in starts]

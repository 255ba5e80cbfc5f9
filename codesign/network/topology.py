"""The shape of a network: its layers, their sizes and connections. No weights and no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.network.layers import (
    MOST,
    MOST_LAYERS,
    Conv1d,
    Conv2d,
    LayerSpec,
    Linear,
    Pool,
    Size,
    check_max_pool,
    pooled,
    window_of,
)
from codesign.network.skips_and_delays import Delayed, DelayedShape, DirectShape, Skip, comes_in_time, further_shape
from codesign.network.window import Grid, Window

_MOST_NEURONS = 10 * MOST
_ADDED = {"added": True}
"""Marks a field added after the first keys of results: keys leave it out if it has its default."""


def _input(given: Any) -> Any:
    return (given[0], 1, given[1]) if isinstance(given, list | tuple) and len(given) == 2 else given


class TopologySpec(Spec):
    """The layers of a network: `linear`, `conv2d`, `conv1d`, and in between the pools `sum_pool`, `average_pool` and
    `max_pool`.

    `input` is a number of inputs, `[channels, height, width]`, or `[channels, length]` with height 1. The index of an
    input event is `(channel · height + row) · width + column`.

    `delayed` lists connections whose spikes arrive in a later timestep, such as `{from: 0, to: 0, delay: 1}`, or later
    in the same timestep, such as `{from: 0, to: 0, within: pass}`. `skips` lists connections that skip layers and whose
    currents are added to the others, such as `{from: 0, to: 2, kind: identity}` or `{from: input, to: 2, kind: conv2d,
    kernel: 1}`.
    """

    added: ClassVar[frozenset[str]] = frozenset({"delayed", "skips"})

    input: Annotated[Size | tuple[Size, Size, Size], BeforeValidator(_input)]
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=MOST_LAYERS)]
    delayed: Annotated[tuple[Delayed, ...], Field(max_length=MOST_LAYERS)] = ()
    skips: Annotated[tuple[Skip, ...], Field(max_length=MOST_LAYERS)] = ()

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
        synapses: number of synapses from the previous layer (or the input) into this layer.
        weights: number of distinct stored weights; smaller than `synapses` if a kernel is shared.
        delayed_fan_in: synapses of delayed connections that end in each neuron, in addition.
        direct_synapses, direct_weights: synapses and stored weights of direct connections into the layer, in addition.
        window: what its neurons see; None if every spike of every source reaches every neuron.
    """

    neurons: int
    channels: int
    height: int
    width: int
    fan_in: int
    synapses: int
    weights: int
    delayed_fan_in: int = field(default=0, metadata=_ADDED)
    direct_synapses: int = field(default=0, metadata=_ADDED)
    direct_weights: int = field(default=0, metadata=_ADDED)
    window: Window | None = field(default=None, compare=False)  # not stored with executions

    @property
    def grid(self) -> Grid:
        return self.channels, self.height, self.width

    @property
    def all_synapses(self) -> int:
        """Synapses including those of delayed and direct connections."""
        return self.synapses + self.delayed_fan_in * self.neurons + self.direct_synapses

    @property
    def all_weights(self) -> int:
        """Stored weights, likewise."""
        return self.weights + self.delayed_fan_in * self.neurons + self.direct_weights


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """The shape of a network as hardware needs to know it.

    Attributes:
        input_size: number of inputs.
        layers: one entry per layer of neurons, from the first hidden layer to the output layer.
        delayed: connections whose spikes arrive in a later timestep.
        direct: skips, then recurrent connections within a pass.
    """

    input_size: int
    layers: tuple[LayerShape, ...]
    delayed: tuple[DelayedShape, ...] = field(default=(), metadata=_ADDED)
    direct: tuple[DirectShape, ...] = field(default=(), metadata=_ADDED)

    @property
    def further(self) -> tuple[DelayedShape | DirectShape, ...]:
        """Delayed connections, then direct ones."""
        return *self.delayed, *self.direct

    @property
    def neurons(self) -> int:
        """N: number of neurons, including the output layer."""
        return sum(layer.neurons for layer in self.layers)

    @property
    def hidden_neurons(self) -> int:
        """Number of neurons except the output layer, the denominator of spike density (paper, equation 10)."""
        return sum(layer.neurons for layer in self.layers[:-1])

    @property
    def widest(self) -> int:
        """Most neurons that wait at once in a layered pass: those of the widest layer or, with connections within a
        pass, of all layers from the first target of these on, if that is more."""
        again = [connection.target for connection in self.direct if connection.leads_back]
        return max(*self.layer_sizes, sum(self.layer_sizes[min(again) :]) if again else 0)

    @property
    def returns_within_pass(self) -> bool:
        """Whether connections lead to the same or an earlier layer within a pass."""
        return any(connection.leads_back for connection in self.direct)

    @property
    def gates_suffice(self) -> bool:
        """Whether neurons that wait for all messages of the preceding layer then also have those of direct
        connections."""
        layers = [(layer.grid, layer.window) for layer in self.layers]
        return all(comes_in_time(connection, layers) for connection in self.direct)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        return tuple(layer.neurons for layer in self.layers)

    @property
    def starts(self) -> tuple[int, ...]:
        """Index of the first neuron of each layer, with N at the end: L + 1 entries."""
        return tuple(accumulate(self.layer_sizes, initial=0))

    def fan_out(self, source: int) -> float:
        """Mean number of synapses that leave a neuron of layer `source` (0 is the input, 1 the first hidden layer,
        …)."""
        if source == len(self.layers):
            return 0.0
        size = self.input_size if source == 0 else self.layers[source - 1].neurons
        return self.layers[source].synapses / size

    @property
    def mean_hidden_fan_out(self) -> float:
        """Mean fan-out of the hidden layers, weighting layers equally, as in the paper's Table 3."""
        hidden = len(self.layers) - 1
        return sum(self.fan_out(source) for source in range(1, hidden + 1)) / hidden if hidden else 0.0


class LayerError(ValueError):
    """A layer that cannot follow the one before it; `rule` says why."""

    def __init__(self, layer: int, rule: str) -> None:
        self.layer, self.rule = layer, rule
        super().__init__(f"layers.{layer}: {rule}")


_ITEM = re.compile(r"(?:([1-9]\d{0,7})|\[([1-9]\d{0,7})\s*[x×]\s*([1-9]\d{0,3})\])(r?)\Z")


def parse_topology(text: str) -> TopologySpec:
    """Read the paper's notation, such as `2312-[64x3]-10`: inputs, hidden layers as [neurons × layers], outputs.

    A layer `128r` is recurrent: its spikes return to it in the next timestep. `[64x3]r` are three such layers.

    Raises:
        InputError: the text does not have this form.
    """
    rule = f"topology '{text}' is not of the form '2312-[64x3]-10', '512-128-64-10' or, recurrent, '700-128r-20'"
    sizes: list[int] = []
    recurrent: list[bool] = []
    for item in text.replace(" ", "").split("-"):
        match = _ITEM.match(item)
        if match is None:
            raise InputError(f"{rule}: found '{item}'")
        single, neurons, count, again = match.groups()
        sizes.extend([int(single)] if single else [int(neurons)] * int(count))
        recurrent.extend([bool(again)] * (1 if single else int(count)))
    if not 2 <= len(sizes) <= 1 + MOST_LAYERS or recurrent[0]:
        raise InputError(f"{rule}: needs inputs, which are not recurrent, and 1 to {MOST_LAYERS} layers")
    return TopologySpec(
        input=sizes[0],
        layers=tuple(Linear(neurons=size) for size in sizes[1:]),
        delayed=tuple(Delayed(from_=layer, to=layer) for layer, again in enumerate(recurrent[1:]) if again),
    )


def as_topology(given: TopologySpec | str) -> TopologySpec:
    """Return a topology, parsing the notation of `parse_topology`. Raises InputError for anything else."""
    if isinstance(given, str):
        return parse_topology(given)
    if not isinstance(given, TopologySpec):
        found = type(given).__name__
        raise InputError(f"topology: must be TopologySpec or a text such as '512-64-10', found {found}")
    return given


def input_grid(topology: TopologySpec) -> Grid:
    """(channels, height, width) of the input; a plain number of inputs counts as channels."""
    return topology.input if isinstance(topology.input, tuple) else (topology.input, 1, 1)


def network_shape(topology: TopologySpec | str) -> NetworkShape:
    """Sizes, fan-in and synapses of every layer of neurons, and its delayed and direct connections.

    Args:
        topology: a topology or its notation, such as `512-[64x3]-10`.

    Raises:
        InputError: it is neither, or the notation is wrong.
        ValueError: a delayed or direct connection names a layer that does not exist, does not fit it, or occurs twice.
        LayerError: a kernel or pool is larger than its input, groups do not divide channels, the last layer is a pool,
            or there are more inputs or neurons than a network may have.
    """
    topology = as_topology(topology)
    input_size = math.prod(input_grid(topology))
    if input_size > MOST:
        raise LayerError(0, f"must have at most {MOST:,} inputs, found {input_size:,}")
    windows = [window for *_, window in layers_of_neurons(topology)]
    further = [shape for *_, shape in further_layers(topology)]
    delayed = tuple(connection for connection in further if isinstance(connection, DelayedShape))
    direct = tuple(connection for connection in further if isinstance(connection, DirectShape))
    layers = tuple(_layer_shape(layer, windows, further) for layer in range(len(windows)))
    return NetworkShape(input_size=input_size, layers=layers, delayed=delayed, direct=direct)


def layers_of_neurons(topology: TopologySpec) -> Iterator[tuple[list[Pool], Linear | Conv2d | Conv1d, Window]]:
    """For each layer of neurons, the pools before it, the layer, and what its neurons see through the pools. Raises
    LayerError like `network_shape`."""
    grid, neurons = input_grid(topology), 0
    pools: list[Pool] = []
    for position, spec in enumerate(topology.layers):
        try:
            if isinstance(spec, Pool):
                check_max_pool([*pools, spec], behind_neurons=neurons > 0)
                pools.append(spec)
                pooled(grid, pools)
                continue
            window = window_of(grid, pools, spec)
        except ValueError as error:
            raise LayerError(position, str(error)) from None
        neurons += math.prod(window.grid)
        if neurons > _MOST_NEURONS:
            raise LayerError(
                position, f"must be at most {_MOST_NEURONS:,} neurons with those before, found {neurons:,}"
            )
        yield pools, spec, window
        grid, pools = window.grid, []
    if pools:
        raise LayerError(len(topology.layers) - 1, "the last layer must have neurons, found a pool")


FurtherLayer = tuple[Skip | Delayed, Sequence[Pool], Linear | Conv2d, DelayedShape | DirectShape]


def further_layers(topology: TopologySpec) -> list[FurtherLayer]:
    """For each delayed connection, each skip and each connection within a pass, in this order: the connection, the
    pools after which it starts, the layer that has the same synapses, and its shape. Raises ValueError if one does not
    fit its layers."""
    layers = list(layers_of_neurons(topology))
    grids, last = [input_grid(topology), *(window.grid for _, _, window in layers)], len(layers) - 1
    pools = [*(before for before, _, _ in layers), []]  # the pools that follow each grid
    found: list[FurtherLayer] = []
    every: tuple[tuple[str, tuple[Skip | Delayed, ...]], ...] = ("skips", topology.skips), ("delayed", topology.delayed)
    for name, specs in every:
        ways = [connection.model_dump(exclude={"factor"}) for connection in specs]
        for number, connection in enumerate(specs):
            place = f"{name}.{number}"
            if ways[number] in ways[:number]:
                raise ValueError(f"{place}: this connection is already listed")
            for end, layer in (("from", connection.from_), ("to", connection.to)):
                if isinstance(layer, int) and layer > last:
                    raise ValueError(f"{place}.{end}: must be a layer of neurons, 0 to {last}, found {layer}")
            try:
                found.append((connection, *further_shape(connection, grids, pools)))
            except ValueError as error:
                raise ValueError(f"{place}.{error}") from None
    return sorted(found, key=lambda layer: not layer[-1].delay)


def _layer_shape(layer: int, windows: Sequence[Window], further: Sequence[DelayedShape | DirectShape]) -> LayerShape:
    window, into = windows[layer], [connection for connection in further if connection.target == layer]
    direct = [connection for connection in into if isinstance(connection, DirectShape)]
    delayed_fan_in = sum(math.prod(windows[one.source].grid) for one in into if isinstance(one, DelayedShape))
    channels, height, width = window.grid
    return LayerShape(
        neurons=channels * height * width,
        channels=channels,
        height=height,
        width=width,
        fan_in=window.fan_in + delayed_fan_in + sum(connection.fan_in for connection in direct),
        synapses=window.synapses,
        weights=window.weights,
        delayed_fan_in=delayed_fan_in,
        direct_synapses=sum(connection.synapses for connection in direct),
        direct_weights=sum(connection.weights for connection in direct),
        window=None if window.complete and not window.first else window,
    )


def topology_text(shape: NetworkShape) -> str:
    """Layer sizes, such as 512-64-64-64-10, with an r after recurrent layers; other delayed connections follow."""
    again = {layer: DelayedShape(source=layer, target=layer, delay=1) for layer in range(len(shape.layers))}
    sizes = [f"{size}{'r' * (again[layer] in shape.delayed)}" for layer, size in enumerate(shape.layer_sizes)]
    others = [connection.text for connection in shape.further if connection != again.get(connection.source)]
    return ", ".join(["-".join([str(shape.input_size), *sizes]), *others])

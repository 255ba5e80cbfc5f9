"""A network's synapses, pools and input gate written a second time, from the definition of each kind of layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from codesign.network.connection import Connection
from codesign.network.layers import Conv1d, Conv2d, LayerSpec, Linear, Pool
from codesign.network.spiking_network import SpikingNetwork


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def grids(network: SpikingNetwork) -> Iterator[tuple[LayerSpec, tuple[int, int, int], tuple[int, int], float]]:
    """Each layer of neurons with the grid of its source, the window of the pools between, and the factor of these."""
    source = network.topology.input if isinstance(network.topology.input, tuple) else (network.topology.input, 1, 1)
    pool, scale = (1, 1), 1.0
    shapes = iter(network.shape.layers)
    for spec in network.topology.layers:
        if isinstance(spec, Pool):
            rows, columns = pair(spec.kernel)
            pool = pool[0] * rows, pool[1] * columns
            scale *= 1 / (rows * columns) if spec.kind == "average_pool" else 1.0
            continue
        yield spec, source, pool, scale
        layer = next(shapes)
        source, pool, scale = (layer.channels, layer.height, layer.width), (1, 1), 1.0


Table = list[list[tuple[int, float]]]
"""[source neuron] → (target neuron, weight) one by one."""


def synapses(network: SpikingNetwork) -> list[Table]:
    """Of each layer, from the definition of its kind."""
    given = zip(network.layer_connections(), grids(network), strict=True)
    return [table(connection, spec, source, pool, scale) for connection, (spec, source, pool, scale) in given]


def direct(network: SpikingNetwork) -> list[tuple[int, int, Table]]:
    """Source, −1 for the input, target and synapses of each direct connection."""
    specs = [*network.topology.skips, *(one for one in network.topology.delayed if one.within)]
    seen, found = list(grids(network)), []
    for connection, spec in zip(network.direct_connections, specs, strict=True):
        layer = -1 if spec.from_ == "input" else spec.from_
        _, source, pool, scale = seen[layer + 1]
        if getattr(spec, "kind", "") == "identity":
            spec = Conv2d(kind="conv2d", channels=source[0], kernel=1, groups=source[0])
        elif getattr(spec, "kind", "") == "conv2d":
            told = {name: getattr(spec, name) for name in ("kernel", "stride", "padding", "dilation", "groups")}
            spec = Conv2d(kind="conv2d", channels=len(connection.weight), **told)
        else:
            spec = Linear(neurons=len(connection.weight))
        found.append((layer, connection.shape.target, table(connection, spec, source, pool, scale)))
    return found


def table(
    connection: Connection, spec: LayerSpec, source: tuple[int, int, int], pool: tuple[int, int], scale: float
) -> Table:
    channels, height, width = source
    weight = connection.weight.detach().double().numpy()
    rows, columns = height // pool[0], width // pool[1]
    table: Table = [[] for _ in range(channels * height * width)]
    if isinstance(spec, Linear):
        weight = weight.reshape(spec.neurons, channels, rows, columns)
        given, groups, outputs = [(rows, columns), (1, 1), (0, 0), (1, 1)], 1, spec.neurons
    else:
        given = [pair(getattr(spec, name)) for name in ("kernel", "stride", "padding", "dilation")]
        if isinstance(spec, Conv1d):
            given = [(nothing, value[1]) for nothing, value in zip((1, 1, 0, 1), given, strict=True)]
        groups, outputs = spec.groups, spec.channels
    kernel, stride, padding, dilation = given
    grid = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip((rows, columns), kernel, stride, padding, dilation, strict=True)
    ]
    for o, oy, ox in itertools.product(range(outputs), range(grid[0]), range(grid[1])):
        group = o // (outputs // groups)
        for c, ky, kx in itertools.product(range(channels // groups), range(kernel[0]), range(kernel[1])):
            y, x = oy * stride[0] + ky * dilation[0] - padding[0], ox * stride[1] + kx * dilation[1] - padding[1]
            if 0 <= y < rows and 0 <= x < columns:
                for py, px in itertools.product(range(pool[0]), range(pool[1])):
                    row, column = y * pool[0] + py, x * pool[1] + px
                    j = ((group * (channels // groups) + c) * height + row) * width + column
                    table[j].append(((o * grid[0] + oy) * grid[1] + ox, weight[o, c, ky, kx] * scale))
    return table


def max_pools(network: SpikingNetwork) -> list[tuple[int, ...] | None]:
    """Of each neuron its window of a max pool behind it: layer, channel, row and column; None where there is none."""
    neurons = [spec for spec in network.topology.layers if not isinstance(spec, Pool)]
    behind = {id(one) for one, after in itertools.pairwise(network.topology.layers) if after.kind == "max_pool"}
    windows = [pool for _, _, pool, _ in grids(network)][1:]
    found: list[tuple[int, ...] | None] = []
    for layer, shape in enumerate(network.shape.layers):
        pooled = id(neurons[layer]) in behind
        rows, columns = windows[layer] if pooled else (1, 1)
        for c, y, x in itertools.product(range(shape.channels), range(shape.height), range(shape.width)):
            inside = y < shape.height // rows * rows and x < shape.width // columns * columns
            found.append((layer, c, y // rows, x // columns) if pooled and inside else None)
    return found


def passes(network: SpikingNetwork, j: int) -> bool:
    """Whether the gate lets input j pass: the column of the first layer's weights that it feeds, if it feeds any."""
    spec, (_, height, width), pool, _ = next(grids(network))
    c, y, x = j // (height * width), j // width % height // pool[0], j % width // pool[1]
    if not isinstance(spec, Linear):
        return bool(network.input_gate[c])
    rows, columns = height // pool[0], width // pool[1]
    return y < rows and x < columns and bool(network.input_gate[(c * rows + y) * columns + x])

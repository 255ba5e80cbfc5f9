"""From a graph to its layers: what leads to neurons from the layer before, over skips from earlier layers, and back.

All paths that end in neurons are sums of currents. A node shared by several of them, as after a sum of spikes, occurs
several times, each time with the same weights; its bias counts once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

import numpy as np

from codesign.arrays import Floats
from codesign.models.nir.folding import Branch, Chain, Layer, bias_of, matrix_of, of_channels, scale_of
from codesign.models.nir.graph import NEURONS, Graph, NirNode
from codesign.network.layers import MOST, Conv1d, Conv2d
from codesign.network.skips_and_delays import ConvolutionSkip, IdentitySkip, LinearSkip, Skip
from codesign.network.window import Grid

Path = list[NirNode]
"""Nodes from an input or neurons to neurons or an output, both included."""
_MOST_STEPS = 50_000
"""Most nodes in all paths of a graph; a network of a thousand layers has a few thousand."""
_WEIGHTS = ("Linear", "Affine", "Conv1d", "Conv2d")
_SCALES = ("Scale", "BatchNorm")
_ONE_PATH = "make one layer of their weights"


def read_layers(graph: Graph) -> tuple[Layer, ...]:
    """The layers of a graph, from its input to its output. Raises InputError that names a node that cannot be part of a
    network, and says which nodes can."""
    steps = iter(range(_MOST_STEPS))
    paths = {name: _paths(graph, node, steps) for name, node in graph.nodes.items() if node.kind in NEURONS}
    order = [graph.nodes[graph.input], *_in_order(graph, paths)]
    ends = _paths(graph, graph.nodes[graph.output], steps)
    reached = {node.name for path in chain(*paths.values(), ends) for node in path} | {graph.input}
    left_out = sorted(set(graph.nodes) - reached)
    if left_out:
        raise graph.nodes[left_out[0]].refusal("nothing leads from the input to it and on to the output")
    for path in ends:
        _check_end(order[-1], path)
    layers: list[Layer] = []
    shapes = {graph.input: _shape(order[0])}
    for neurons in order[1:]:
        layer, shapes[neurons.name] = _layer(neurons, paths[neurons.name], order, shapes, layers)
        layers.append(layer)
    return tuple(layers)


def _shape(entrance: NirNode) -> tuple[int, ...]:
    """Shape of an input's data."""
    sizes = entrance.numbers.get("shape", np.zeros(0)).ravel().tolist()
    whole = sizes and all(0 < size <= MOST and size == int(size) for size in sizes)
    if not whole or math.prod(sizes) > MOST:
        raise entrance.refusal(f"shape must be whole numbers above 0, for at most {MOST:,} inputs, found {sizes}")
    return tuple(map(int, sizes))


def _paths(graph: Graph, end: NirNode, steps: Iterator[int]) -> list[Path]:
    """All paths that end in a node, each from the neurons or the input before it, as long as there are steps left."""
    found: list[Path] = []
    begun: list[Path] = [[end]]
    while begun:
        path = begun.pop()
        sources = graph.before[path[0].name]
        if not sources and path[0].name != graph.input:
            raise path[0].refusal("nothing leads from the input to it and on to the output")
        for name in sources:
            node = graph.nodes[name]
            if len(path) > len(graph.nodes):
                twice = next(one for at, one in enumerate(path) if one in path[:at])
                raise twice.refusal("is part of a cycle without neurons")
            (found if node.kind in NEURONS or name == graph.input else begun).append([node, *path])
        if next(steps, None) is None:
            raise end.refusal("too many paths lead to it and to other neurons")
    return found


def _in_order(graph: Graph, paths: Mapping[str, list[Path]]) -> list[NirNode]:
    """Neurons, each after all that send spikes to them, except themselves. Raises InputError if several layers lead
    back to each other, or are parallel."""
    level = {graph.input: 0}
    waiting = {name: {path[0].name for path in found} - {name} for name, found in paths.items()}
    while waiting:
        ready = [name for name, sources in waiting.items() if sources <= set(level)]
        if not ready:
            raise graph.nodes[next(iter(waiting))].refusal("its spikes lead back to it through other layers")
        for name in ready:
            level[name] = 1 + max((level[source] for source in waiting.pop(name)), default=0)
    order = sorted(paths, key=lambda name: level[name])
    for name, other in pairwise(order):
        if level[name] == level[other]:
            raise graph.nodes[other].refusal(f"lies beside '{name}'; a branch may have no neurons of its own")
    return [graph.nodes[name] for name in order]


def _layer(
    neurons: NirNode,
    paths: Sequence[Path],
    order: Sequence[NirNode],
    shapes: Mapping[str, tuple[int, ...]],
    layers: Sequence[Layer],
) -> tuple[Layer, tuple[int, ...]]:
    """The layer of these neurons, which follows `layers`, and the shape of their spikes."""
    before = order[len(layers)]
    ahead = [path for path in paths if path[0] is not neurons]
    ahead.sort(key=lambda path: (path[0] is not before, not any(node.kind in _WEIGHTS for node in path)))
    main = _folded(ahead[0], shapes[before.name])
    loops = [path for path in paths if path[0] is neurons]
    if len(loops) > 1:
        raise neurons.refusal(f"its spikes come back over several paths; {_ONE_PATH}")
    recurrent = _recurrent(neurons, _with_own_biases(loops[0], ahead)[1:-1]) if loops else None
    layer = main.layer(neurons, recurrent)
    skips: list[Branch] = []
    for at, path in enumerate(ahead[1:], start=1):
        if path[0] is before:
            raise neurons.refusal(f"several paths lead to it from the layer before; {_ONE_PATH}")
        source, own = order.index(path[0]), _with_own_biases(path, ahead[:at])
        skip = _branch(own[1:], shapes[path[0].name], source - 1, len(layers), layer.grid)
        if skip.pools != layers[source].pools:
            raise path[0].refusal(
                f"the skip over '{skip.name}' and the next layer must begin behind the same pools; a Conv2d in the "
                "skip can pool too"
            )
        sent = math.prod(shapes[path[0].name])
        if isinstance(skip.spec, IdentitySkip) and not skip.pools and sent != layer.neurons:
            raise neurons.refusal(f"has {layer.neurons} neurons, and a skip without weights has {sent} currents")
        if any(skip.spec.model_dump(exclude={"factor"}) == one.spec.model_dump(exclude={"factor"}) for one in skips):
            raise neurons.refusal(f"two skips of one kind lead to it from '{path[0].name}'; {_ONE_PATH}")
        skips.append(skip)
    biases = [np.repeat(skip.bias, layer.neurons // skip.bias.size) for skip in skips]
    return replace(layer, bias=sum(biases, layer.bias), skips=tuple(skips)), main.shape


def _branch(path: Sequence[NirNode], shape: tuple[int, ...], source: int, target: int, grid: Grid) -> Branch:
    """The skip of a path of nodes, with the neurons last. Source and target are layers, −1 for the input, and `shape`
    is that of the source's spikes. Raises InputError that names a node that cannot be part of a skip."""
    chain, neurons = Chain(shape), path[-1]
    own = [node for node in path[:-1] if node.kind in (*_WEIGHTS, *_SCALES)]
    scales = [node for node in own if node.kind in _SCALES and not np.any(node.numbers.get("shift", 0))]
    for node in path[:-1]:
        if node not in scales or len(own) > len(scales):
            chain.apply(node)
    ends: dict[str, Any] = {"from": "input" if source < 0 else source, "to": target}
    if chain.synapses is None:
        channels = chain.shape[0]
        factors = [of_channels(node, scale_of(node), chain.shape, channels) for node in scales]
        weight = np.prod([np.ones(channels), *factors], axis=0).reshape(-1, 1, 1, 1)
        spec: Skip = IdentitySkip(kind="identity", factor=float(np.float32(weight.flat[0])), **ends)
        return Branch(
            name=(own or [neurons])[0].name, spec=spec, weight=weight, bias=np.zeros(1), pools=tuple(chain.pools)
        )
    if chain.grid != grid:
        raise own[-1].refusal(f"leads to {chain.grid} over a skip, but the layer '{neurons.name}' has {grid}")
    synapses = chain.synapses
    if isinstance(synapses, Conv2d | Conv1d):
        sliding = {name: getattr(synapses, name) for name in ("kernel", "stride", "padding", "dilation")}
        if isinstance(synapses, Conv1d):
            first = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}
            sliding = {name: (first[name], size) for name, size in sliding.items()}
        spec = ConvolutionSkip(kind="conv2d", groups=synapses.groups, **sliding, **ends)
    else:
        spec = LinearSkip(kind="linear", **ends)
    return Branch(name=own[0].name, spec=spec, weight=chain.weight, bias=chain.bias, pools=tuple(chain.pools))


def _folded(path: Path, shape: tuple[int, ...]) -> Chain:
    folded = Chain(shape)
    for node in path[1:-1]:
        folded.apply(node)
    return folded


def _with_own_biases(path: Path, others: Sequence[Path]) -> Path:
    """A path without the biases of nodes that other paths also end with, which count once."""
    own = len(path) - 1 - max((_common_end(path[1:-1], other[1:-1]) for other in others), default=0)
    return [*path[:own], *map(_without_bias, path[own:-1]), path[-1]]


def _common_end(path: Path, other: Path) -> int:
    pairs = enumerate(zip(reversed(path), reversed(other), strict=False))
    return next((at for at, (one, two) in pairs if one is not two), min(len(path), len(other)))


def _without_bias(node: NirNode) -> NirNode:
    without = {name: np.zeros_like(numbers) for name, numbers in node.numbers.items() if name in ("bias", "shift")}
    return replace(node, numbers={**node.numbers, **without})


def _check_end(last: NirNode, path: Path) -> None:
    """Check that the output returns what the last neurons send."""
    extra = [node for node in path[1:] if node.kind not in ("Pass", "Flatten")]
    if extra:
        raise extra[0].refusal(
            "comes after the last neurons; end with neurons, or with a node LI (in dialect plain also I) whose "
            "potential is read, or a module such as snnTorch's Leaky with reset_mechanism 'none', norse's LICell, "
            "SpikingJelly's IFNode with an infinite v_threshold, or sinabs's ExpLeak (its from_model ends with neurons "
            "if given add_spiking_output=True)"
        )
    if last.kind not in NEURONS:
        raise last.refusal("the graph has no neurons")
    if path[0] is not last:
        raise path[0].refusal(f"leads to the output beside '{last.name}'; a network ends with one layer")


def _recurrent(neurons: NirNode, loop: list[NirNode]) -> tuple[NirNode, Floats, Floats]:
    maps = [node for node in loop if node.kind != "Pass"]
    if not maps or any(node.kind not in ("Linear", "Affine") for node in maps):
        kinds = ", ".join(node.kind for node in maps) or "nothing"
        raise neurons.refusal(f"spikes may come back over Linear and Affine, found {kinds}")
    weight, bias = matrix_of(maps[0]), bias_of(maps[0])
    for node in maps[1:]:
        again = matrix_of(node)
        if again.shape[1] != len(weight):
            raise node.refusal(f"weight is for {again.shape[1]} inputs, and {len(weight)} come from before it")
        weight, bias = again @ weight, again @ bias + bias_of(node)
    return maps[0], weight, bias

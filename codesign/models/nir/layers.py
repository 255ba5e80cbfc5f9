"""From a graph to its layers, along its edges. A path from neurons back to themselves is recurrence, one past the next
layer a skip."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.models.nir.branches import branch_of
from codesign.models.nir.folding import Chain, Layer, matrix_of
from codesign.models.nir.graph import NEURONS, Graph, NirNode

__all__ = ["read_layers"]

_BEFORE_WEIGHTS = ("Pass", "Flatten", "SumPool2d", "AvgPool2d", "MaxPool2d")


Path = list[NirNode]


def read_layers(graph: Graph) -> tuple[Layer, ...]:
    """The layers of a graph, from its input to its output, and the skips over them.

    Raises:
        InputError: names the node that cannot be part of a network, and what can.
    """
    starts, paths = _in_order(graph)
    reached = {graph.input} | {node.name for ways in paths.values() for path in (*ways[0], *ways[1]) for node in path}
    layers: list[Layer] = []
    shapes = [_input_shape(graph.nodes[graph.input])]
    for place, neurons in enumerate(starts[1:]):
        before = starts[place]
        main = [path for path in paths[before.name][0] if path[-1] is neurons]
        if len(main) != 1:
            raise before.refusal(
                f"must lead to one next layer, '{neurons.name}', over one path, found {len(main)}; skips may only lead "
                "to later layers"
            )
        chain = Chain(shapes[-1])
        for node in main[0][:-1]:
            chain.apply(node)
        returning = [loop[:-1] for loop in paths[neurons.name][1]]
        over = [(at, path) for at in range(place) for path in paths[starts[at].name][0] if path[-1] is neurons]
        _check_arrivals(graph, neurons, 1 + len(returning) + len(over))
        layer = chain.layer(neurons, [_recurrent(neurons, loop) for loop in returning])
        skips = [branch_of(path, shapes[at], at - 1, place, layer.grid) for at, path in over]
        biases = [np.repeat(skip.bias, layer.neurons // skip.bias.size) for skip in skips]
        layers.append(replace(layer, skips=tuple(skips), bias=sum(biases, layer.bias)))
        shapes.append(chain.shape)
    _check_pools(starts, layers)
    left_out = sorted(set(graph.nodes) - reached)
    if left_out:
        raise graph.nodes[left_out[0]].refusal("nothing leads from the input to it and on to the output")
    return tuple(layers)


def _in_order(graph: Graph) -> tuple[Path, dict[str, tuple[list[Path], list[Path]]]]:
    """The input and all neurons, each behind those that lead to it, and the paths from each on and back to itself."""
    start = graph.nodes[graph.input]
    paths = {start.name: _paths(graph, start)}
    open_ = [start]
    while open_:
        for path in paths[open_.pop().name][0]:
            neurons = path[-1]
            if neurons.kind in NEURONS and neurons.name not in paths:
                paths[neurons.name] = _paths(graph, neurons)
                open_.append(neurons)
    waiting = {name: {n for n, (ahead, _) in paths.items() if any(p[-1].name == name for p in ahead)} for name in paths}
    order: Path = []
    while waiting:
        ready = [name for name, before in waiting.items() if not before]
        if not ready:
            neurons = graph.nodes[min(waiting)]
            raise neurons.refusal(
                f"gets currents over {len(graph.before[neurons.name])} edges, of a circle of layers; "
                "a layer may be recurrent, several layers may not"
            )
        if len(ready) > 1:
            names = ", ".join(f"'{name}'" for name in sorted(ready))
            raise graph.nodes[min(ready)].refusal(f"layers side by side ({names}) cannot be: each must follow another")
        order.append(graph.nodes[ready[0]])
        waiting = {name: before - {ready[0]} for name, before in waiting.items() if name != ready[0]}
    for node in order:
        for path in paths[node.name][0]:
            if path[-1].kind not in NEURONS:
                if node is not order[-1]:
                    raise node.refusal("only the last layer may lead to the output")
                _check_end(node, path)
    if not any(path[-1].kind not in NEURONS for path in paths[order[-1].name][0]):
        raise order[-1].refusal("nothing leads from it to the output")
    return order, paths


def _check_pools(starts: Path, layers: list[Layer]) -> None:
    """That skips begin where the next layer does."""
    for branch in (branch for layer in layers for branch in layer.skips):
        at = branch.spec.source + 1
        if branch.pools != layers[at].pools:
            raise starts[at].refusal(
                f"the skip over '{branch.name}' and the next layer must begin behind the same pools; a Conv2d in the "
                "skip can pool too"
            )


def _paths(graph: Graph, start: NirNode) -> tuple[list[Path], list[Path]]:
    """Nodes from one layer of neurons on to the next ones or the output, inclusive; and those that lead back to it."""
    ahead: list[Path] = []
    back: list[Path] = []
    open_ = [[graph.nodes[first]] for first in reversed(graph.after[start.name])]
    while open_:
        path = open_.pop()
        node = path[-1]
        following = graph.after[node.name]
        if node.kind in NEURONS or not following:
            (back if node is start else ahead).append(path)
            continue
        if len(graph.before[node.name]) > 1:
            raise node.refusal("several nodes lead to it; only neurons add what arrives")
        if len(following) > 1 and any(one.kind not in _BEFORE_WEIGHTS for one in path):
            raise node.refusal("leads to several nodes; currents of one map cannot be shared by layers")
        if len(path) > len(graph.nodes):
            raise node.refusal("is part of a cycle without neurons")
        open_ += [[*path, graph.nodes[name]] for name in reversed(following)]
    return ahead, back


def _check_arrivals(graph: Graph, neurons: NirNode, expected: int) -> None:
    found = len(graph.before[neurons.name])
    if found != expected:
        raise neurons.refusal(
            f"gets currents over {found} edges; they may come from the layer before it, over skips from earlier ones, "
            "and from the layer itself"
        )


def _check_end(start: NirNode, path: list[NirNode]) -> None:
    """That the output shows what neurons do."""
    extra = [node for node in path if node.kind != "Pass" and node.kind != "Flatten"]
    if extra:
        raise extra[0].refusal(
            "comes after the last neurons; end with neurons, or add a node I or LI whose potential is read"
        )
    if start.kind == "Pass":
        raise start.refusal("the graph has no neurons")


def _input_shape(node: NirNode) -> tuple[int, ...] | None:
    shape = node.numbers.get("shape")
    return None if shape is None else tuple(int(size) for size in shape.ravel())


def _recurrent(neurons: NirNode, loop: list[NirNode]) -> tuple[NirNode, NDArray[np.float64], NDArray[Any] | None]:
    """Weights and bias of a path from neurons back to themselves."""
    maps = [node for node in loop if node.kind != "Pass"]
    if not maps or any(node.kind not in ("Linear", "Affine") for node in maps):
        kinds = ", ".join(node.kind for node in maps) or "nothing"
        raise neurons.refusal(f"spikes may come back over Linear and Affine, found {kinds}")
    weight, bias = matrix_of(maps[0]), maps[0].numbers.get("bias")
    for node in maps[1:]:
        bias = node.numbers.get("bias") if bias is None else matrix_of(node) @ bias + node.numbers.get("bias", 0)
        weight = matrix_of(node) @ weight
    return maps[0], weight, bias

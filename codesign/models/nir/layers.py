"""From a graph to its layers, along its edges; recurrence is a path from neurons back to themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.models.nir.folding import Chain, Layer, matrix_of
from codesign.models.nir.graph import NEURONS, Graph, NirNode

__all__ = ["read_layers"]


def read_layers(graph: Graph) -> tuple[Layer, ...]:
    """The layers of a graph, from its input to its output.

    Raises:
        InputError: names the node that cannot be part of a network, and what can.
    """
    reached: set[str] = {graph.input}
    layers: list[Layer] = []
    start, shape = graph.nodes[graph.input], _input_shape(graph.nodes[graph.input])
    while True:
        ahead, back = _paths(graph, start)
        for path in (*ahead, *back):
            reached |= {node.name for node in path}
        if len(ahead) != 1:
            raise start.refusal(
                f"must lead to one next layer, found {len(ahead)}; a network is a chain of layers, which may be "
                "recurrent each"
            )
        path = ahead[0]
        if path[-1].kind not in NEURONS:
            _check_end(start, path)
            break
        neurons = path[-1]
        if any(layer.node is neurons for layer in layers):
            raise start.refusal(f"leads back to '{neurons.name}'; a layer may be recurrent, several layers may not")
        chain = Chain(shape)
        for node in path[:-1]:
            chain.apply(node)
        returning = [loop[:-1] for loop in _paths(graph, neurons)[1]]
        _check_arrivals(graph, neurons, 1 + len(returning))
        layers.append(chain.layer(neurons, [_recurrent(neurons, loop) for loop in returning]))
        start, shape = neurons, chain.shape
    left_out = sorted(set(graph.nodes) - reached)
    if left_out:
        raise graph.nodes[left_out[0]].refusal("nothing leads from the input to it and on to the output")
    return tuple(layers)


def _paths(graph: Graph, start: NirNode) -> tuple[list[list[NirNode]], list[list[NirNode]]]:
    """Nodes from one layer of neurons on to the next or the output, inclusive; and those that lead back to it."""
    ahead: list[list[NirNode]] = []
    back: list[list[NirNode]] = []
    for first in graph.after[start.name]:
        path = [graph.nodes[first]]
        while path[-1].kind not in NEURONS and graph.after[path[-1].name]:
            name = path[-1].name
            if len(graph.before[name]) > 1:
                raise path[-1].refusal("several nodes lead to it; only neurons add what arrives, from their own layer")
            if len(graph.after[name]) > 1:
                raise path[-1].refusal("leads to several nodes; currents of one map cannot be shared by layers")
            if len(path) > len(graph.nodes):
                raise path[-1].refusal("is part of a cycle without neurons")
            path.append(graph.nodes[graph.after[name][0]])
        (back if path[-1] is start else ahead).append(path)
    return ahead, back


def _check_arrivals(graph: Graph, neurons: NirNode, expected: int) -> None:
    found = len(graph.before[neurons.name])
    if found != expected:
        raise neurons.refusal(
            f"gets currents over {found} edges; they may come from one layer before it, and from the layer itself"
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

"""Skips in NIR graphs: an edge from where they begin to a node of weights, and from there to the neurons."""

from __future__ import annotations

from collections.abc import Sequence

import nir
import numpy as np
import torch

from codesign.errors import InputError
from codesign.models.nir.folding import Layer
from codesign.models.nir.readers import made, shape_of
from codesign.network.direct_connection import DirectConnection
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import Conv2d, Linear, TopologySpec

__all__ = ["add_skips", "skip_weights"]


def add_skips(
    network: SpikingNetwork, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], reader: str
) -> None:
    """Add those of a network to its nodes and edges.

    Raises:
        InputError: there are connections within a pass, a fully connected skip leads to a grid, or the graph is for a
            reader.
    """
    if reader != "plain" and network.direct():
        raise InputError(f"a network with skips cannot be written for {reader}; write dialect plain")
    for index, one in enumerate(network.direct()):
        source, target = one.shape.source, one.shape.target
        if target <= source:
            raise InputError(f"{one.shape.text}: NIR has no recurrence within a timestep; use cd.save_model")
        if isinstance(one.target, Linear) and shape_of(network.shape.layers[target]) != (one.outputs,):
            raise InputError(f"{one.shape.text}: NIR cannot lead a Linear to a grid; use cd.save_model")
        # behind the pools that follow its source
        path = [name for name in nodes if name.startswith(f"pool{source + 1}_")][-1:]
        path = path or ["input" if source < 0 else f"neurons{source}"]
        if isinstance(one.target, Linear) and one.window.source[1:] != (1, 1):
            nodes[f"flatten_skip{index}"] = nir.Flatten(np.array(one.window.pooled), start_dim=0)
            path.append(f"flatten_skip{index}")
        nodes[f"skip{index}"] = _weights(one, identity=network.topology.skips[index].kind == "identity")
        edges += zip([*path, f"skip{index}"], [*path[1:], f"skip{index}", f"neurons{target}"], strict=True)


def _weights(one: DirectConnection, *, identity: bool) -> nir.NIRNode:
    weight = one.weight.detach().numpy()
    if identity:
        return made("Scale", scale=np.broadcast_to(weight.reshape(-1, 1, 1), one.window.grid).reshape(_flat(one)))
    if isinstance(one.target, Linear):
        return nir.Linear(weight)
    assert isinstance(one.target, Conv2d)
    sliding = {}
    for name in ("stride", "padding", "dilation"):
        sizes = getattr(one.target, name)
        sliding[name] = np.array(sizes if isinstance(sizes, tuple) else (sizes, sizes))
    places, bias = (one.window.rows.places, one.window.columns.places), np.zeros(len(weight), np.float32)
    return nir.Conv2d(input_shape=places, weight=weight, bias=bias, groups=one.target.groups, **sliding)


def _flat(one: DirectConnection) -> tuple[int, ...]:
    return one.window.grid if one.window.grid[1:] != (1, 1) else one.window.grid[:1]


def skip_weights(topology: TopologySpec, layers: Sequence[Layer]) -> dict[str, torch.Tensor]:
    """Weights of skips in the state of a network that was written so.

    Raises:
        InputError: the graph does not have one.
    """
    found = {skip.name: skip for layer in layers for skip in layer.skips}
    state: dict[str, torch.Tensor] = {}
    for index, spec in enumerate(topology.skips):
        skip = found.get(f"skip{index}", found.get(f"flatten_skip{index}"))
        if skip is None or skip.spec.kind != spec.kind or skip.spec.to != spec.to:
            raise InputError(f"metadata: skip {index} is of kind {spec.kind}, but the graph has no such node")
        state[f"direct_connections.{index}.weight"] = torch.from_numpy(skip.weight.astype(np.float32))
    return state

"""Skips of a graph: paths that lead from a layer, or the input, past the next layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codesign.models.nir.folding import Branch, Chain, of_channels
from codesign.models.nir.graph import NirNode
from codesign.network.direct import ConvolutionSkip, IdentitySkip, LinearSkip, Skip
from codesign.network.layers import Conv1d, Conv2d
from codesign.network.window import Grid

_SCALES = ("Scale", "BatchNorm")


def branch_of(path: Sequence[NirNode], shape: tuple[int, ...] | None, source: int, target: int, grid: Grid) -> Branch:
    """The skip of a path to neurons on a grid.

    Args:
        path: its nodes, the neurons last.
        shape: of what its source sends.
        source, target: layers; −1 is the input.

    Raises:
        InputError: names the node that cannot be part of a skip.
    """
    chain, neurons = Chain(shape), path[-1]
    own = [node for node in path[:-1] if node.kind in ("Linear", "Affine", "Conv1d", "Conv2d", *_SCALES)]
    scales = [node for node in own if node.kind in _SCALES and not np.any(node.numbers.get("shift", 0))]
    for node in path[:-1]:
        if node not in scales or len(own) > len(scales):
            chain.apply(node)
    told: dict[str, Any] = {"from": "input" if source < 0 else source, "to": target}
    if chain.synapses is None:
        shown = chain.shape or ()
        if [size for size in shown if size != 1] != [size for size in grid if size != 1]:
            raise neurons.refusal(f"a skip without weights brings {shown}, and the layer is {grid}; add a Conv2d to it")
        factors = [of_channels(node, node.numbers["scale"].astype(np.float64), grid) for node in scales]
        weight = np.prod([np.ones(grid[0]), *factors], axis=0).reshape(-1, 1, 1, 1)
        spec: Skip = IdentitySkip(kind="identity", factor=float(np.float32(weight.flat[0])), **told)
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
        spec = ConvolutionSkip(kind="conv2d", groups=synapses.groups, **sliding, **told)
    else:
        spec = LinearSkip(kind="linear", **told)
    return Branch(name=own[0].name, spec=spec, weight=chain.weight, bias=chain.bias, pools=tuple(chain.pools))

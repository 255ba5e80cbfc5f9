"""Synapses of direct connections, whose spikes arrive in the same timestep."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from codesign.network.connection import Connection
from codesign.network.direct import DirectShape, IdentitySkip
from codesign.network.layers import Conv2d, Linear, Pool
from codesign.network.topology import TopologySpec, direct_layers


class DirectConnection(Connection):
    """A connection within a timestep that skips layers or leads back to the same or an earlier layer, as its `shape`
    says.

    With a factor it is an identity, whose weight of shape (channels, 1, 1, 1) is `factor` everywhere and has no
    gradient unless `requires_grad` is set.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        target: Linear | Conv2d,
        shape: DirectShape,
        generator: torch.Generator,
        factor: float | None,
    ) -> None:
        assert shape.window is not None
        super().__init__(pools, target, shape.window, generator)
        self.shape = shape
        if factor is not None:
            self.weight = torch.nn.Parameter(torch.full_like(self.weight, factor), requires_grad=False)

    def extra_repr(self) -> str:
        return f"{self.shape.text}, {super().extra_repr()}"


def direct_connections(topology: TopologySpec, generator: torch.Generator) -> list[DirectConnection]:
    """The direct connections of a topology: its skips, then its connections within a pass."""
    return [
        DirectConnection(pools, layer, shape, generator, spec.factor if isinstance(spec, IdentitySkip) else None)
        for spec, pools, layer, shape in direct_layers(topology)
    ]

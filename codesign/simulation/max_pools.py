"""Max pooling of spikes: in each pass, a window passes on the first spike that reaches it and drops the others."""

from __future__ import annotations

import torch

from codesign.network.spiking_network import SpikingNetwork


class MaxPools:
    """Which windows of a network's max pools have passed a spike, in each of B samples. False without max pools."""

    def __init__(self, network: SpikingNetwork, batch: int) -> None:
        windows = network.max_pools()
        device = network.threshold.device
        self._windows = torch.full((network.shape.neurons,), -1, device=device) if windows is None else windows
        self._pooled = self._windows >= 0
        self._count = int(self._windows.max()) + 1
        self._window = self._windows.where(self._pooled, self._count).expand(batch, -1)  # unpooled neurons share one
        self._index = torch.arange(network.shape.neurons, device=device).expand(batch, -1)

    def __bool__(self) -> bool:
        return self._count > 0

    def begin_pass(self) -> None:
        self._passed = torch.zeros((len(self._index), self._count + 1), dtype=torch.bool, device=self._index.device)

    def first(self, kept: torch.Tensor) -> torch.Tensor:
        """(B, N) which of the (B, N) spikes that leave in a step go on: per window, one spike of its lowest neuron."""
        if not self:
            return kept
        late = len(self._pooled)  # after the last neuron
        index = self._index.where((kept > 0) & self._pooled & ~self.spent(), late)
        lowest = torch.full_like(self._passed, late, dtype=index.dtype).scatter_reduce(1, self._window, index, "amin")
        first = (index < late) & (index == lowest.gather(1, self._window))
        self._passed |= lowest < late
        return torch.where(self._pooled, first.to(kept.dtype), kept)

    def spent(self) -> torch.Tensor:
        """(B, N) whether a neuron's window has passed a spike."""
        return self._passed.gather(1, self._window) & self._pooled

    def reaching(self, left: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        """(B, N) which of the spikes that left reach neurons: all, except that a window passes only the first."""
        return torch.where(self._pooled, first, left)

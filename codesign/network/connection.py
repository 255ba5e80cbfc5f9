"""Synapses from one layer of neurons to the next, with the pools that stand between them folded in."""

from __future__ import annotations

import math

import torch
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from codesign.network.topology import AveragePool, Conv2d, Grid, Linear, SumPool

__all__ = ["Connection"]


class Connection(torch.nn.Module):
    """A linear map from spike counts of the source to currents of the target, and its adjoint.

    Spikes and currents are flat: (B, channels · height · width). A weight argument lets callers compute in another
    precision than the parameter has.

    Args:
        source: (channels, height, width) of the source's neurons or of the input.
        pools: pools between source and target, in order; they sum or average windows of the source's spikes.
        target: the layer of neurons that receives.
        grid: (channels, height, width) of the target's neurons.
        generator: source of the initial weights, uniform in ±1/√(fan-in) as in torch's own layers.
    """

    def __init__(
        self,
        source: Grid,
        pools: tuple[SumPool | AveragePool, ...],
        target: Linear | Conv2d,
        grid: Grid,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.source = source
        self.grid = grid
        self.target = target
        self.pool = math.prod(pool.kernel for pool in pools)
        self.scale = math.prod(pool.kernel**-2 for pool in pools if isinstance(pool, AveragePool))
        channels, height, width = source
        self.pooled: Grid = (channels, height // self.pool, width // self.pool)
        if isinstance(target, Linear):
            shape: tuple[int, ...] = (target.neurons, math.prod(self.pooled))
        else:
            shape = (target.channels, channels, target.kernel, target.kernel)
        self.columns = shape[1]
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = torch.nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) * bound)

    def extra_repr(self) -> str:
        """Grids of source and target, and what leads from one to the other."""
        size = "x".join
        source, target = size(map(str, self.source)), size(map(str, self.grid))
        pool = f", pools of {self.pool}" if self.pool > 1 else ""
        return f"{source} to {target}, {self.target.kind}{pool}"

    @property
    def inputs(self) -> int:
        return math.prod(self.source)

    @property
    def outputs(self) -> int:
        return math.prod(self.grid)

    def currents(self, spikes: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(B, outputs) currents of (B, inputs) spikes: x_i = Σ_j W_ij s_j (paper, equation 3)."""
        return self._map(self._pool(spikes) * self.scale, weight)

    def messages(self, spikes: torch.Tensor) -> torch.Tensor:
        """(B, outputs) number of (B, inputs) spikes that reach each neuron over an existing synapse of any weight."""
        pooled = self._pool(spikes)
        if isinstance(self.target, Linear):
            return pooled.sum(dim=1, keepdim=True).expand(-1, self.outputs)
        kernel = torch.ones((1, *self.weight.shape[1:]), dtype=spikes.dtype, device=spikes.device)
        return self._map(pooled, kernel).repeat(1, self.target.channels)

    def spikes_gradient(self, gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(B, inputs) adjoint of `currents`: Σ_i W_ij g_i for (B, outputs) g."""
        if isinstance(self.target, Linear):
            pooled = gradient @ weight
        else:
            grid = gradient.reshape(-1, *self.grid)
            pooled = conv2d_input(  # type: ignore[no-untyped-call]
                (len(gradient), *self.pooled), weight, grid, stride=self.target.stride, padding=self.target.padding
            )
        return self._unpool(pooled * self.scale)

    def weight_gradient(self, gradient: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        """Gradient of the weight from (B, outputs) gradient of currents and the (B, inputs) spikes that made them."""
        pooled = self._pool(spikes) * self.scale
        if isinstance(self.target, Linear):
            return gradient.T @ pooled
        gradient_of_kernel: torch.Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            pooled.reshape(-1, *self.pooled),
            self.weight.shape,
            gradient.reshape(-1, *self.grid),
            stride=self.target.stride,
            padding=self.target.padding,
        )
        return gradient_of_kernel

    def fan_out(self) -> torch.Tensor:
        """(inputs,) int64 synapses that leave each source neuron."""
        if isinstance(self.target, Linear):
            return torch.full((self.inputs,), self.outputs, dtype=torch.int64)
        ones = torch.ones((1, self.outputs), dtype=torch.float64)
        kernel = torch.ones(self.weight.shape, dtype=torch.float64)
        # a spike reaches each output neuron at most once, over one tap of the kernel of its own channel
        pooled = conv2d_input(  # type: ignore[no-untyped-call]
            (1, *self.pooled),
            kernel,
            ones.reshape(1, *self.grid),
            stride=self.target.stride,
            padding=self.target.padding,
        )
        return self._unpool(pooled)[0].round().to(torch.int64)

    def fan_in(self) -> torch.Tensor:
        """(outputs,) int64 synapses that end in each target neuron."""
        ones = torch.ones((1, self.inputs), dtype=torch.float64)
        return self.messages(ones)[0].round().to(torch.int64)

    def of_inputs(self, of_columns: torch.Tensor) -> torch.Tensor:
        """(inputs,) values of source neurons from the (columns,) values of columns of weights, `weight[:, i]`.

        A column of a fully connected layer belongs to a source neuron, or to a window of the pools before the layer;
        that of a convolution to a channel.
        """
        if isinstance(self.target, Linear):
            return self._unpool(of_columns)[0]
        return of_columns.repeat_interleave(self.inputs // len(of_columns))

    def of_columns(self, of_inputs: torch.Tensor) -> torch.Tensor:
        """(columns,) sums of (inputs,) values over the source neurons of each column; the adjoint of `of_inputs`."""
        if isinstance(self.target, Linear):
            return self._pool(of_inputs).flatten()
        return of_inputs.reshape(self.columns, -1).sum(dim=1)

    def _map(self, pooled: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if isinstance(self.target, Linear):
            return functional.linear(pooled, weight)
        grid = pooled.reshape(-1, *self.pooled)
        result = functional.conv2d(grid, weight, stride=self.target.stride, padding=self.target.padding)
        return result.flatten(1)

    def _pool(self, spikes: torch.Tensor) -> torch.Tensor:
        if self.pool == 1:
            return spikes
        channels, height, width = self.pooled
        windows = spikes.reshape(-1, channels, height, self.pool, width, self.pool)
        return windows.sum(dim=(3, 5)).flatten(1)

    def _unpool(self, pooled: torch.Tensor) -> torch.Tensor:
        grid = pooled.reshape(-1, *self.pooled)
        if self.pool > 1:
            grid = grid.repeat_interleave(self.pool, dim=2).repeat_interleave(self.pool, dim=3)
        return grid.flatten(1)

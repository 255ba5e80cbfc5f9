"""Synapses between layers of neurons: from one layer to the next, with the pools between them folded in, delayed ones,
and direct ones, whose spikes arrive in the same timestep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from codesign.network.layers import Conv1d, Conv2d, Linear, Pool, both
from codesign.network.skips_and_delays import DelayedShape, DirectShape, IdentitySkip
from codesign.network.topology import TopologySpec, further_layers
from codesign.network.window import Window


class Connection(torch.nn.Module):
    """A linear map from spike counts of the source to currents of the target, and its adjoint.

    Spikes and currents are flat: (B, channels · height · width). A weight argument lets callers compute in another
    precision than the parameter has.

    Args:
        pools: pools between source and target, in order; they sum or average windows of the source's spikes. At most
            one spike per max-pool window may be given; engines determine which.
        target: the receiving layer of neurons.
        window: the part of the source that each neuron sees, including pools.
        generator: draws the initial weights, uniform in ±1/√(fan-in) as in torch's layers.
    """

    def __init__(
        self, pools: Sequence[Pool], target: Linear | Conv2d | Conv1d, window: Window, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.window = window
        self.target = target
        self.scale = math.prod(math.prod(both(pool.kernel)) ** -1 for pool in pools if pool.kind == "average_pool")
        shape: tuple[int, ...] = window.weight_shape
        if isinstance(target, Linear):
            shape = (target.neurons, window.weights // target.neurons)
        self.weight_shape = shape
        self.columns = shape[1] * window.groups
        self.weight = _initial_weight(shape, generator)

    def extra_repr(self) -> str:
        source, target = ("x".join(map(str, grid)) for grid in (self.window.source, self.window.grid))
        pool = f", pools of {self.window.rows.pool}x{self.window.columns.pool}" if self.window.pool > 1 else ""
        return f"{source} to {target}, {self.target.kind}{pool}"

    @property
    def inputs(self) -> int:
        return math.prod(self.window.source)

    @property
    def outputs(self) -> int:
        return math.prod(self.window.grid)

    def currents(self, spikes: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(B, outputs) currents of (B, inputs) spikes: x_i = Σ_j W_ij s_j (paper, equation 3)."""
        return self._map(self._pool(spikes) * self.scale, weight)

    def messages(self, spikes: torch.Tensor) -> torch.Tensor:
        """(B, outputs) number of the (B, inputs) spikes that reach each neuron over a synapse, whatever its weight."""
        pooled = self._pool(spikes)
        if isinstance(self.target, Linear):
            return pooled.sum(dim=1, keepdim=True).expand(-1, self.outputs)
        groups, channels = self.window.groups, self.window.out_channels
        kernel = torch.ones((groups, *self.weight.shape[1:]), dtype=spikes.dtype, device=spikes.device)
        of_groups = self._map(pooled, kernel).reshape(len(spikes), groups, self.outputs // channels)
        return of_groups.repeat_interleave(channels // groups, dim=1).flatten(1)

    def spikes_gradient(self, gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(B, inputs) adjoint of `currents`: Σ_i W_ij g_i for (B, outputs) g."""
        return self._unpool(self._adjoint(gradient, weight) * self.scale)

    def weight_gradient(self, gradient: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        """Gradient of the weight, given the (B, outputs) gradient of the currents and the (B, inputs) spikes that made
        them."""
        pooled = self._pool(spikes) * self.scale
        if isinstance(self.target, Linear):
            return gradient.T @ pooled
        grids = pooled.reshape(-1, *self.window.pooled), gradient.reshape(-1, *self.window.grid)
        gradient_of_kernel: torch.Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            grids[0], self.weight.shape, grids[1], **self.sliding
        )
        return gradient_of_kernel

    def fan_out(self, there: torch.Tensor | None = None) -> torch.Tensor:
        """(inputs,) int64 number of synapses that leave each source neuron, counting only those whose weight is set in
        `there`."""
        # a spike reaches each output neuron at most once, over one tap of the kernel of its own channel
        there = torch.ones(self.weight.shape, dtype=torch.float64) if there is None else there.double().cpu()
        each = torch.ones((1, self.outputs), dtype=torch.float64)
        return self._unpool(self._adjoint(each, there))[0].round().to(torch.int64)

    def fan_in(self) -> torch.Tensor:
        """(outputs,) int64 number of synapses that end in each target neuron."""
        ones = torch.ones((1, self.inputs), dtype=torch.float64)
        return self.messages(ones)[0].round().to(torch.int64)

    def of_inputs(self, of_columns: torch.Tensor) -> torch.Tensor:
        """(inputs,) values of source neurons, given (columns,) values of columns of weights; 0 for neurons without a
        column.

        In a fully connected layer, a column holds the weights of one source neuron, or of one window of the pools
        before the layer; in a convolution, those of one channel.
        """
        if isinstance(self.target, Linear):
            return self._unpool(of_columns)[0]
        return of_columns.repeat_interleave(self.inputs // len(of_columns))

    def of_columns(self, of_inputs: torch.Tensor) -> torch.Tensor:
        """(columns,) sums of (inputs,) values over the source neurons of each column; the adjoint of `of_inputs`."""
        if isinstance(self.target, Linear):
            return self._pool(of_inputs).flatten()
        return of_inputs.reshape(self.columns, -1).sum(dim=1)

    def of_weights(self, of_columns: torch.Tensor) -> torch.Tensor:
        """(columns,) values of columns, in a shape that broadcasts with the weight."""
        groups = self.window.groups
        of_groups = of_columns.view(groups, 1, -1).expand(-1, len(self.weight) // groups, -1)
        return of_groups.reshape(-1, self.columns // groups, *(1,) * (self.weight.ndim - 2))

    def sums_of_columns(self, of_weights: torch.Tensor) -> torch.Tensor:
        """(columns,) sums of per-weight values over each column; the adjoint of `of_weights`."""
        groups = self.window.groups
        of_groups = of_weights.reshape(groups, len(self.weight) // groups, self.columns // groups, -1)
        return of_groups.sum(dim=(1, 3)).flatten()

    @property
    def sliding(self) -> dict[str, Any]:
        """Stride, padding, dilation and groups, as arguments of torch's convolutions."""
        axes = self.window.rows, self.window.columns
        pairs = {name: tuple(getattr(axis, name) for axis in axes) for name in ("stride", "padding", "dilation")}
        return {**pairs, "groups": self.window.groups}

    def _map(self, pooled: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if isinstance(self.target, Linear):
            return functional.linear(pooled, weight)
        return functional.conv2d(pooled.reshape(-1, *self.window.pooled), weight, **self.sliding).flatten(1)

    def _adjoint(self, gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The adjoint of `_map`: (B, …) gradient of the windows of pools."""
        if isinstance(self.target, Linear):
            return gradient @ weight
        size, grid = (len(gradient), *self.window.pooled), gradient.reshape(-1, *self.window.grid)
        pooled: torch.Tensor = conv2d_input(size, weight, grid, **self.sliding)  # type: ignore[no-untyped-call]
        return pooled

    def _pool(self, spikes: torch.Tensor) -> torch.Tensor:
        if self.window.pool == 1:
            return spikes
        rows, columns = self.window.rows, self.window.columns
        whole = spikes.reshape(-1, *self.window.source)[..., : rows.places * rows.pool, : columns.places * columns.pool]
        windows = whole.reshape(-1, self.window.channels, rows.places, rows.pool, columns.places, columns.pool)
        return windows.sum(dim=(3, 5)).flatten(1)

    def _unpool(self, pooled: torch.Tensor) -> torch.Tensor:
        rows, columns = self.window.rows, self.window.columns
        grid = pooled.reshape(-1, *self.window.pooled)
        if self.window.pool > 1:
            grid = grid.repeat_interleave(rows.pool, dim=2).repeat_interleave(columns.pool, dim=3)
            left = columns.length % columns.pool, rows.length % rows.pool
            grid = functional.pad(grid, (0, left[0], 0, left[1])) if any(left) else grid
        return grid.flatten(1)


def _initial_weight(shape: tuple[int, ...], generator: torch.Generator) -> torch.nn.Parameter:
    weight = torch.rand(shape, generator=generator, dtype=torch.float32)
    if not weight.is_meta:  # arithmetic on meta tensors would import torch's compiler, which takes a second
        weight = (2 * weight - 1) * (1 / math.sqrt(math.prod(shape[1:])))
    return torch.nn.Parameter(weight)


class FurtherConnection(Connection):
    """A delayed connection between any two layers, or a direct one that skips layers or leads back: see its `shape`.

    With a factor it is an identity, whose weight of shape (channels, 1, 1, 1) is `factor` everywhere and has no
    gradient unless `requires_grad` is set.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        target: Linear | Conv2d,
        shape: DelayedShape | DirectShape,
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


def further_connections(topology: TopologySpec, generator: torch.Generator) -> list[FurtherConnection]:
    """The delayed connections of a topology, its skips, then its connections within a pass."""
    return [
        FurtherConnection(pools, layer, shape, generator, spec.factor if isinstance(spec, IdentitySkip) else None)
        for spec, pools, layer, shape in further_layers(topology)
    ]


def windows_of_max_pools(connections: Sequence[Connection]) -> torch.Tensor | None:
    """(N,) int64 max-pool window that contains each neuron, −1 if none; None without max pools."""
    found, known = list[torch.Tensor](), 0
    for connection in connections[1:]:
        window = connection.window
        held = torch.from_numpy(window.held()) if window.first else torch.full((connection.inputs,), -1)
        found.append(torch.where(held < 0, held, known + held))
        known += math.prod(window.pooled) if window.first else 0
    return torch.cat([*found, torch.full((connections[-1].outputs,), -1)]) if known else None

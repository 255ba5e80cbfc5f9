"""Connections other than those from one layer to the next: delayed ones, whose spikes arrive in a later timestep, and
direct ones, whose spikes arrive in the same timestep: skips over layers, and recurrence within a pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from codesign.documents import Spec
from codesign.network.layers import MOST_LAYERS, Conv2d, Linear, Paddings, Pool, Size, Sizes, pooled, window_of
from codesign.network.window import Grid, KernelAxis, Window
from codesign.units import Real

Layer = Annotated[int, Field(ge=0, lt=MOST_LAYERS, strict=True)]
"""A layer of neurons, counted from 0, without pools."""

_LONGEST_DELAY = 1000


class Delayed(Spec):
    """A connection over which spikes arrive `delay` timesteps after their emission, or within the same pass (`within:
    pass`).

    `from` and `to` are layers of neurons, counted from 0; `to` may be the same layer (recurrence), an earlier or a
    later one. Every neuron of `from` is connected to every neuron of `to`. Within a pass, spikes arrive in the forward
    step after the one in which they leave, as on chips that deliver at once; `to` must then not be a later layer, and
    `from` is taken after the pools that follow it.
    """

    model_config = ConfigDict(populate_by_name=True)
    added: ClassVar[frozenset[str]] = frozenset({"within"})

    from_: Annotated[Layer, Field(alias="from")]
    to: Layer
    delay: Annotated[int, Field(ge=1, le=_LONGEST_DELAY, strict=True)] = 1
    within: Literal["pass"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Delayed:
        if self.within and self.delay > 1:
            raise ValueError("delay: give this or within, not both")
        return self

    @property
    def source(self) -> int:
        """The source layer."""
        return self.from_


class _Skip(Spec):
    """A connection from a layer or the input that skips at least one layer."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[Layer | Literal["input"], Field(alias="from")]
    to: Layer

    @property
    def source(self) -> int:
        """The source layer; −1 for the input."""
        return -1 if isinstance(self.from_, str) else self.from_


class IdentitySkip(_Skip):
    """Connects neuron i of `from` to neuron i of `to`, both on the same grid, with one weight that is not trained:
    `factor`."""

    kind: Literal["identity"]
    factor: Real = 1.0


class LinearSkip(_Skip):
    """Connects every neuron of `from` to every neuron of `to`."""

    kind: Literal["linear"]


class ConvolutionSkip(_Skip):
    """A convolution of `from`, with the arguments of a `conv2d`; it must result in the grid of `to`, whose channels it
    has."""

    kind: Literal["conv2d"]
    kernel: Sizes
    stride: Sizes = 1
    padding: Paddings = 0
    dilation: Sizes = 1
    groups: Size = 1


Skip = Annotated[IdentitySkip | LinearSkip | ConvolutionSkip, Field(discriminator="kind")]
"""A skip starts after the pools that follow `from`, like the next layer."""


@dataclass(frozen=True, kw_only=True)
class DelayedShape:
    """A connection between all neurons of two layers, whose spikes arrive `delay` timesteps later; `window` is as in
    `DirectShape`."""

    detour: ClassVar[int] = 0
    source: int
    target: int
    delay: int
    window: Window | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """Its text, as appended to a topology's layers."""
        return f"layer {self.source} to {self.target} after Δt · {self.delay}"


@dataclass(frozen=True, kw_only=True)
class DirectShape:
    """A connection whose spikes arrive in the same timestep.

    Attributes:
        source: source layer; −1 is the input.
        target: target layer.
        fan_in: most synapses that end in a neuron of the target.
        synapses: number of synapses.
        weights: number of distinct stored weights.
        window: what a neuron of the target sees; None in a stored execution.
    """

    delay: ClassVar[int] = 0
    source: int
    target: int
    fan_in: int
    synapses: int
    weights: int
    window: Window | None = field(default=None, compare=False)

    @property
    def leads_back(self) -> bool:
        """Whether it leads to the same or an earlier layer: recurrence within a pass, and not a skip."""
        return self.target <= self.source

    @property
    def detour(self) -> int:
        """Forward steps that its messages take beyond the one that every message takes."""
        return max(self.target - self.source - 1, 0)

    @property
    def text(self) -> str:
        """Its text, as appended to a topology's layers."""
        source = "input" if self.source < 0 else f"layer {self.source}"
        return f"{source} to layer {self.target} within the timestep"


def comes_in_time(direct: DirectShape, layers: Sequence[tuple[Grid, Window | None]]) -> bool:
    """Whether no neuron can have all messages of the preceding layer while one of the direct connection is yet to come.

    This holds if every source of the connection is seen through the layers in between, each of which waits for it. Each
    layer is given by its grid and by what its neurons see, None for everything.
    """
    between = layers[direct.source + 1 : direct.target + 1]
    grouped = any(window is not None and window.groups > 1 for _, window in between)
    if direct.leads_back or direct.window is None or grouped:
        return False
    from scipy.sparse import csr_array

    for place, name in enumerate(("rows", "columns"), start=1):
        own: KernelAxis = getattr(direct.window, name)
        seen = _seen(KernelAxis(length=own.length, kernel=1))
        for grid, window in between:
            if window is None:
                seen = csr_array(np.ones((grid[place], seen.shape[0]), dtype=bool)) @ seen
            else:
                seen = _seen(getattr(window, name)) @ seen
        wanted = _seen(own)
        outputs = seen.shape[0] // wanted.shape[0]  # a linear skip has one row for all its outputs
        if wanted.multiply(seen).nnz < wanted.nnz * outputs:
            return False
    return True


def _seen(axis: KernelAxis) -> Any:
    """(outputs, length) sparse array: whether each output sees each neuron of the source along an axis."""
    from scipy.sparse import csr_array

    place, _, output = axis.pairs()
    source = (place[:, None] * axis.pool + np.arange(axis.pool)).ravel()
    flags = np.ones(len(source), dtype=bool)
    return csr_array((flags, (output.repeat(axis.pool), source)), shape=(axis.outputs, axis.length))


def synapses_of(spec: Skip | Delayed, source: Grid, target: Grid) -> Linear | Conv2d:
    """The layer that has the same synapses as a connection between these grids; `source` is the grid after pools."""
    neurons = target[0] * target[1] * target[2]
    if isinstance(spec, ConvolutionSkip):
        sliding = {name: getattr(spec, name) for name in ("kernel", "stride", "padding", "dilation", "groups")}
        return Conv2d(kind="conv2d", channels=target[0], **sliding)
    if isinstance(spec, IdentitySkip):
        return Conv2d(kind="conv2d", channels=source[0], kernel=1, groups=source[0])
    return Linear(neurons=neurons)


def further_shape(
    spec: Skip | Delayed, grids: Sequence[Grid], pools: Sequence[Sequence[Pool]]
) -> tuple[Sequence[Pool], Linear | Conv2d, DelayedShape | DirectShape]:
    """The pools after which a connection between existing layers starts, the layer that has the same synapses, and its
    shape, given the grids of the input and of each layer and the pools that follow each. Raises ValueError, beginning
    with the name of the field, if a skip does not lead forward, a connection within a pass does not lead back, or it
    does not fit its layers."""
    delayed = isinstance(spec, Delayed) and spec.within is None
    if not delayed:
        _check_direction(spec, last=len(grids) - 2)
    before, target = grids[spec.source + 1], grids[spec.to + 1]
    folded = () if delayed else pools[spec.source + 1]
    down, across = pooled(before, folded)
    synapses = synapses_of(spec, (before[0], before[1] // down, before[2] // across), target)
    try:
        window = window_of(before, folded, synapses)
    except ValueError as error:
        raise ValueError(f"kind: {error}") from None
    if not isinstance(synapses, Linear) and window.grid != target:
        given, needed = ("×".join(map(str, grid)) for grid in (window.grid, target))
        raise ValueError(f"kind: {spec.kind} gives {given}, but layer {spec.to} has {needed}")  # type: ignore[union-attr]
    if isinstance(spec, Delayed) and delayed:
        return folded, synapses, DelayedShape(source=spec.source, target=spec.to, delay=spec.delay, window=window)
    shape = DirectShape(
        source=spec.source,
        target=spec.to,
        fan_in=window.fan_in,
        synapses=window.synapses,
        weights=window.weights,
        window=window,
    )
    return folded, synapses, shape


def _check_direction(spec: Skip | Delayed, last: int) -> None:
    """Raises ValueError unless a skip leads forward, and a connection within a pass back, not from the `last` layer."""
    if not isinstance(spec, Delayed):
        if spec.to <= spec.source + 1:
            raise ValueError("to: must be a later layer than the one after from; for recurrence see delayed")
    elif spec.to > spec.source:
        rule = "within a pass must not be a later layer than from; the next is connected, and skips lead to others"
        raise ValueError(f"to: {rule}")
    elif spec.source == last:
        raise ValueError("from: within a pass must not be the last layer, whose spikes leave the network")

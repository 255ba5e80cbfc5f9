"""The layers that a network may have, as files write them, and what each of them sees of the one before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from codesign.documents import Spec
from codesign.network.window import Grid, KernelAxis, Window
from codesign.units import Positive

MOST = 10_000_000
"""Inputs, and neurons of a layer; also sizes of all kinds."""

MOST_LAYERS = 1000
_LONGEST_DELAY = 1000

Size = Annotated[Positive, Field(le=MOST)]
Padding = Annotated[int, Field(ge=0, le=MOST, strict=True)]

_BY_FORM = Discriminator(lambda given: "tuple[int]" if isinstance(given, list | tuple) else "int")
_SHORT = AfterValidator(lambda given: given[0] if isinstance(given, tuple) and given[0] == given[1] else given)
Sizes = Annotated[Annotated[Size, Tag("int")] | Annotated[tuple[Size, Size], Tag("tuple[int]")], _BY_FORM, _SHORT]
"""Of rows and columns, `[3, 5]`, or one number for both."""
Paddings = Annotated[
    Annotated[Padding, Tag("int")] | Annotated[tuple[Padding, Padding], Tag("tuple[int]")], _BY_FORM, _SHORT
]


class Linear(Spec):
    """A fully connected layer of `neurons` neurons."""

    kind: Literal["linear"] = "linear"
    neurons: Size


class Conv2d(Spec):
    """A convolutional layer of spiking neurons, with torch's arguments and its order of weights.

    `kernel`, `stride`, `padding` (with zeros) and `dilation` are of rows and columns, `[3, 5]`, or one number for both.
    With `groups` each of so many equal parts of the channels sees only its part of the channels before; as many as
    there are channels is a depthwise convolution.
    """

    added: ClassVar[frozenset[str]] = frozenset({"dilation", "groups"})

    kind: Literal["conv2d"]
    channels: Size
    kernel: Sizes
    stride: Sizes = 1
    padding: Paddings = 0
    dilation: Sizes = 1
    groups: Size = 1


class Conv1d(Spec):
    """A convolution along a grid of height 1: a `conv2d` with `kernel: [1, kernel]`, and so for the rest.

    Its weight has torch's shape with a dimension of 1 before the last: (channels, channels before / groups, 1, kernel).
    """

    kind: Literal["conv1d"]
    channels: Size
    kernel: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: Size = 1


class Pool(Spec):
    """Windows of `kernel` spikes, side by side, without neurons: they are folded into the synapses of the next layer.

    `kernel` is a number or `[rows, columns]`. What fills no window at the edge of the grid is left out, as in torch.
    """

    added: ClassVar[frozenset[str]] = frozenset({"stride"})

    kernel: Sizes
    stride: Sizes | None = None

    @field_validator("stride")
    @classmethod
    def _check_stride(cls, stride: Any, info: ValidationInfo) -> None:
        kernel = info.data.get("kernel", stride)
        if stride not in (None, kernel):
            raise ValueError(
                f"must be the kernel, {_text(kernel)}, found {_text(stride)}: windows of a pool neither overlap nor "
                "leave gaps. A conv2d with as many groups as channels can have any stride, and has neurons of its own"
            )


class SumPool(Pool):
    """Sums windows of `kernel` spikes."""

    kind: Literal["sum_pool"]


class AveragePool(Pool):
    """Averages windows of `kernel` spikes."""

    kind: Literal["average_pool"]


class MaxPool(Pool):
    """Of a window of `kernel` spiking neurons only the first spike in a timestep goes on, the others are lost. It
    stands right behind a layer of neurons, or another such pool."""

    kind: Literal["max_pool"]


class Delayed(Spec):
    """A connection over which spikes arrive `delay` timesteps after they were emitted, or `within: pass`.

    `from` and `to` are layers of neurons, counted from 0: `to` may be the same layer (recurrence), an earlier or a
    later one. Every neuron of `from` is connected to every neuron of `to`. Within a pass spikes arrive in the forward
    step after the one in which they leave, for chips that deliver at once; `to` is then no later layer, and `from` is
    seen behind the pools that follow it.
    """

    model_config = ConfigDict(populate_by_name=True)
    added: ClassVar[frozenset[str]] = frozenset({"within"})

    from_: Annotated[int, Field(ge=0, lt=MOST_LAYERS, strict=True, alias="from")]
    to: Annotated[int, Field(ge=0, lt=MOST_LAYERS, strict=True)]
    delay: Annotated[int, Field(ge=1, le=_LONGEST_DELAY, strict=True)] = 1
    within: Literal["pass"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Delayed:
        if self.within and self.delay > 1:
            raise ValueError("delay: give this or within, not both")
        return self


LayerSpec = Annotated[Linear | Conv2d | Conv1d | SumPool | AveragePool | MaxPool, Field(discriminator="kind")]


def window_of(grid: Grid, pools: Sequence[Pool], spec: Linear | Conv2d | Conv1d) -> Window:
    """What a layer sees of a source with this grid, with the pools between them. Raises ValueError where it does not
    fit."""
    channels, height, width = grid
    down, across = pooled(grid, pools)
    rows, columns = height // down, width // across
    if isinstance(spec, Linear):
        arguments = [(size, 1, 0, 1) for size in (rows, columns)]
        out_channels, groups = spec.neurons, 1
    else:
        arguments = _arguments(spec)
        out_channels, groups = spec.channels, spec.groups
        if isinstance(spec, Conv1d) and rows != 1:
            raise ValueError(f"a conv1d slides along a grid of height 1, found {rows}×{columns}; use a conv2d")
    if channels % groups or out_channels % groups:
        raise ValueError(f"groups must divide the channels {channels} before and {out_channels} here, found {groups}")
    axes = [
        KernelAxis(length=length, pool=pool, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        for length, pool, (kernel, stride, padding, dilation) in zip(
            (height, width), (down, across), arguments, strict=True
        )
    ]
    if min(axis.outputs for axis in axes) < 1:
        kernel, apart = (tuple(getattr(axis, name) for axis in axes) for name in ("kernel", "dilation"))
        apart_text = "" if apart == (1, 1) else f" {_text(apart)} apart"
        raise ValueError(f"a kernel of {_text(kernel)}{apart_text} does not fit {rows}×{columns}")
    window = Window(
        channels=channels,
        rows=axes[0],
        columns=axes[1],
        out_channels=out_channels,
        groups=groups,
        first=any(isinstance(pool, MaxPool) for pool in pools),
    )
    if math.prod(window.grid) > MOST:
        raise ValueError(f"must be at most {MOST:,} neurons, found {math.prod(window.grid):,}")
    return window


def check_max_pool(pools: Sequence[Pool], *, behind_neurons: bool) -> None:
    """Raises ValueError where a pool of these, one after the other, has no spikes of neurons to choose the first of."""
    of_first = [isinstance(pool, MaxPool) for pool in pools]
    if any(of_first) and not behind_neurons:
        raise ValueError("a max_pool chooses between spikes of neurons and cannot pool the input; a sum_pool can")
    if any(of_first) and not all(of_first):
        raise ValueError("a max_pool and a pool of another kind need a layer of neurons between them")


def pooled(grid: Grid, pools: Sequence[Pool]) -> tuple[int, int]:
    """Rows and columns that pools one after the other make one of: windows of windows are windows. Raises ValueError
    where they make nothing of the grid."""
    _, rows, columns = grid
    down = across = 1
    for pool in pools:
        kernel = both(pool.kernel)
        if kernel[0] > rows // down or kernel[1] > columns // across:
            raise ValueError(f"a pool of {_text(kernel)} does not fit {rows // down}×{columns // across}")
        down, across = down * kernel[0], across * kernel[1]
    return down, across


def _arguments(spec: Conv2d | Conv1d) -> list[tuple[int, int, int, int]]:
    """Kernel, stride, padding and dilation of the rows, and of the columns."""
    if isinstance(spec, Conv1d):
        return [(1, 1, 0, 1), (spec.kernel, spec.stride, spec.padding, spec.dilation)]
    pairs = (both(sizes) for sizes in (spec.kernel, spec.stride, spec.padding, spec.dilation))
    return list(zip(*pairs, strict=True))


def both(sizes: int | tuple[int, int]) -> tuple[int, int]:
    """Of rows and of columns, where one number may stand for both."""
    return sizes if isinstance(sizes, tuple) else (sizes, sizes)


def _text(sizes: int | tuple[int, ...]) -> str:
    """`3`, or `3×5`."""
    numbers = (sizes,) if isinstance(sizes, int) else sizes
    return "×".join(map(str, numbers if len(set(numbers)) > 1 else numbers[:1]))

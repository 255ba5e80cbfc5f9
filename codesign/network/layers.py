"""The kinds of layers as files write them, and what each neuron sees of the layer before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from codesign.documents import Spec
from codesign.network.window import Grid, KernelAxis, Window
from codesign.units import Positive

MOST = 10_000_000
"""Most inputs, most neurons of a layer, and the limit for sizes of all kinds."""

MOST_LAYERS = 1000

Size = Annotated[Positive, Field(le=MOST)]
Padding = Annotated[int, Field(ge=0, le=MOST, strict=True)]

_BY_FORM = Discriminator(lambda given: "tuple[int]" if isinstance(given, list | tuple) else "int")
_SHORT = AfterValidator(lambda given: given[0] if isinstance(given, tuple) and given[0] == given[1] else given)
Sizes = Annotated[Annotated[Size, Tag("int")] | Annotated[tuple[Size, Size], Tag("tuple[int]")], _BY_FORM, _SHORT]
"""[rows, columns], such as `[3, 5]`, or one number for both."""
Paddings = Annotated[
    Annotated[Padding, Tag("int")] | Annotated[tuple[Padding, Padding], Tag("tuple[int]")], _BY_FORM, _SHORT
]


class Linear(Spec):
    """A fully connected layer of `neurons` neurons."""

    kind: Literal["linear"] = "linear"
    neurons: Size


class Conv2d(Spec):
    """A convolutional layer of spiking neurons, with torch's arguments and its order of weights.

    `kernel`, `stride`, `padding` (with zeros) and `dilation` are `[rows, columns]` or one number for both. `groups`
    divides the channels into that many equal parts, each of which sees only its part of the input channels; as many
    groups as channels make a depthwise convolution.
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
    """A convolution along a grid of height 1: a `conv2d` with `kernel: [1, kernel]`, and likewise for the other
    arguments.

    Its weight has torch's shape with a dimension of 1 before the last: (channels, input channels / groups, 1, kernel).
    """

    kind: Literal["conv1d"]
    channels: Size
    kernel: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: Size = 1


class Pool(Spec):
    """Adjacent windows of `kernel` spikes. Pools have no neurons: they are folded into the synapses of the next layer.

    `kernel` is a number or `[rows, columns]`. Incomplete windows at the edge of the grid are left out, as in torch. A
    `sum_pool` adds the spikes of a window, and an `average_pool` divides the sum by the number of its neurons. A
    `max_pool` passes on only the first spike of each window in a timestep and drops the others; it must directly follow
    a layer of neurons or another max pool.
    """

    added: ClassVar[frozenset[str]] = frozenset({"stride"})

    kernel: Sizes
    stride: Sizes | None = None
    kind: Literal["sum_pool", "average_pool", "max_pool"]

    @field_validator("stride")
    @classmethod
    def _check_stride(cls, stride: Any, info: ValidationInfo) -> None:
        kernel = info.data.get("kernel", stride)
        if stride not in (None, kernel):
            raise ValueError(f"must be the kernel, {_text(kernel)}: windows of a pool neither overlap nor leave gaps")


LayerSpec = Annotated[Linear | Conv2d | Conv1d | Pool, Field(discriminator="kind")]


def window_of(grid: Grid, pools: Sequence[Pool], spec: Linear | Conv2d | Conv1d) -> Window:
    """What each neuron of a layer sees of a source with this grid, through the pools between them. Raises ValueError if
    the layer does not fit."""
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
        spans = tuple(axis.dilation * (axis.kernel - 1) + 1 for axis in axes)
        raise ValueError(f"a kernel of {_text(spans)} does not fit {rows}×{columns}")
    window = Window(
        channels=channels,
        rows=axes[0],
        columns=axes[1],
        out_channels=out_channels,
        groups=groups,
        first=any(pool.kind == "max_pool" for pool in pools),
    )
    if math.prod(window.grid) > MOST:
        raise ValueError(f"must be at most {MOST:,} neurons, found {math.prod(window.grid):,}")
    return window


def check_max_pool(pools: Sequence[Pool], *, behind_neurons: bool) -> None:
    """Raises ValueError if one of these consecutive pools is a max pool without spikes of neurons to choose from."""
    of_first = [pool.kind == "max_pool" for pool in pools]
    if any(of_first) and not (behind_neurons and all(of_first)):
        raise ValueError("a max_pool must directly follow a layer of neurons or another max_pool")


def pooled(grid: Grid, pools: Sequence[Pool]) -> tuple[int, int]:
    """(rows, columns) of the window to which consecutive pools combine. Raises ValueError if no window fits on the
    grid."""
    _, rows, columns = grid
    down = across = 1
    for pool in pools:
        kernel = both(pool.kernel)
        if kernel[0] > rows // down or kernel[1] > columns // across:
            raise ValueError(f"a pool of {_text(kernel)} does not fit {rows // down}×{columns // across}")
        down, across = down * kernel[0], across * kernel[1]
    return down, across


def _arguments(spec: Conv2d | Conv1d) -> list[tuple[int, int, int, int]]:
    """(kernel, stride, padding, dilation) of the rows, then of the columns."""
    if isinstance(spec, Conv1d):
        return [(1, 1, 0, 1), (spec.kernel, spec.stride, spec.padding, spec.dilation)]
    pairs = (both(sizes) for sizes in (spec.kernel, spec.stride, spec.padding, spec.dilation))
    return list(zip(*pairs, strict=True))


def both(sizes: int | tuple[int, int]) -> tuple[int, int]:
    """(rows, columns), given these or one number for both."""
    return sizes if isinstance(sizes, tuple) else (sizes, sizes)


def _text(sizes: int | tuple[int, ...]) -> str:
    """`3`, or `3×5`."""
    numbers = (sizes,) if isinstance(sizes, int) else sizes
    return "×".join(map(str, numbers if len(set(numbers)) > 1 else numbers[:1]))

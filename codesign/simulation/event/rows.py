"""Adding rows of weights, and gradients along them: most of the work is here.

Each function processes the columns in pieces, the largest of which fills eight registers; a piece of the result stays
in registers over all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import (
    BLOCK,
    HAS_LONG_REGISTERS,
    LANES,
    WIDE,
    add,
    fill_as,
    load,
    load_block,
    load_wide,
    multiply,
    multiply_add,
    store,
    total,
    unsigned_index,
)


class Rows(NamedTuple):
    """Rows of a matrix, which begin at starts[n] · stride for begin ≤ n < end."""

    starts: Any
    stride: int
    begin: int
    end: int


@leaf
def set_all(array: Any, value: Any) -> None:
    """array[:] = value, for arrays of slots (whole vectors)."""
    every = fill_as(load(array, 0), value)
    for at in range(0, len(array), LANES):
        store(array, at, every)


@leaf
def add_and_clear(array: Any, total_: Any) -> None:
    """total_ += array; array[:] = 0."""
    for at in range(len(array)):
        total_[at] += array[at]
        array[at] = 0


@leaf
def copy(array: Any, source: Any) -> None:
    """array[:] = source, for arrays of slots."""
    for at in range(0, len(array), LANES):
        store(array, at, load(source, at))


def _over_columns(piece: Callable[[Any], Any], *, wide: bool = HAS_LONG_REGISTERS) -> Any:
    """Make a function of (width, arguments of a piece) that calls pieces until all columns are done.

    Args:
        piece: given a function that loads a vector, returns the function for vectors of that length; its first argument
            is the column at which the vector begins.
        wide: whether pieces have 128, 64 and 16 columns, or 64 and 16.
    """
    block, vector = piece(load_block), piece(load)
    largest, size = (piece(load_wide), WIDE) if wide else (block, BLOCK)

    @leaf
    def over_columns(width: Any, *arguments: Any) -> None:
        c = 0
        while c + size <= width:
            largest(c, *arguments)
            c += size
        if wide and c + BLOCK <= width:
            block(c, *arguments)
            c += BLOCK
        while c < width:
            vector(c, *arguments)
            c += LANES

    return over_columns


@_over_columns
def add_rows(load: Any) -> Any:
    """add_rows(width, x, at, weights, starts, begin, end)

    x[at : at + width] += Σ weights[starts[n] : starts[n] + width], begin ≤ n < end.
    """

    @leaf
    def piece(c: Any, x: Any, at: Any, weights: Any, starts: Any, begin: Any, end: Any) -> None:
        sum_ = load(x, at + c)
        for n in range(begin, end):
            sum_ = add(sum_, load(weights, unsigned_index(starts[np.uint64(n)]) + c))
        store(x, at + c, sum_)

    return piece


@_over_columns
def add_scaled_rows(load: Any) -> Any:
    """add_scaled_rows(width, x, at, weights, rows, scale, offset)

    x[at : at + width] += Σ scale[n − offset] · weights[row : row + width] for each row of `Rows`.
    """

    @leaf
    def piece(c: Any, x: Any, at: Any, weights: Any, rows: Any, scale: Any, offset: Any) -> None:
        sum_ = load(x, at + c)
        for n in range(rows.begin, rows.end):
            row = unsigned_index(rows.starts[np.uint64(n)]) * rows.stride + c
            sum_ = multiply_add(fill_as(sum_, scale[np.uint64(n - offset)]), load(weights, row), sum_)
        store(x, at + c, sum_)

    return piece


@_over_columns
def accumulate_rows(load: Any) -> Any:
    """accumulate_rows(width, dx, at, gradient, rows, scale, offset)

    gradient[row : row + width] += scale[n − offset] · dx[at : at + width] for each row of `Rows`.
    """

    @leaf
    def piece(c: Any, dx: Any, at: Any, gradient: Any, rows: Any, scale: Any, offset: Any) -> None:
        d = load(dx, at + c)
        for n in range(rows.begin, rows.end):
            row = unsigned_index(rows.starts[np.uint64(n)]) * rows.stride + c
            store(gradient, row, multiply_add(fill_as(d, scale[np.uint64(n - offset)]), d, load(gradient, row)))

    return piece


@partial(_over_columns, wide=True)  # on any machine, since pieces determine the order in which a row is summed
def dot_and_accumulate(load: Any) -> Any:
    """dot_and_accumulate(width, dx, at, weights, gradient, rows, scale, dots)

    dots[n] += weights[row : row + width] · dx[at : at + width] and gradient[row : row + width] += scale[n] · dx[at : …]
    for each row of `Rows`.
    """

    @leaf
    def piece(c: Any, dx: Any, at: Any, weights: Any, gradient: Any, rows: Any, scale: Any, dots: Any) -> None:
        d = load(dx, at + c)
        for n in range(rows.begin, rows.end):
            row = unsigned_index(rows.starts[np.uint64(n)]) * rows.stride + c
            dots[np.uint64(n)] += total(multiply(d, load(weights, row)))
            store(gradient, row, multiply_add(fill_as(d, scale[np.uint64(n)]), d, load(gradient, row)))

    return piece


@_over_columns
def multiply_transposed(load: Any) -> Any:
    """multiply_transposed(width, result, stride, matrix, start, dx, first, rows)

    result[: width] = Σ_i dx[first + i] · matrix[start + i · stride : start + i · stride + width], i < rows; rows ≥ 1.
    """

    @leaf
    def piece(c: Any, result: Any, stride: Any, matrix: Any, start: Any, dx: Any, first: Any, rows: Any) -> None:
        sum_ = load(matrix, start + c)
        sum_ = multiply(fill_as(sum_, dx[unsigned_index(first)]), sum_)
        for i in range(1, rows):
            row = load(matrix, start + i * stride + c)
            sum_ = multiply_add(fill_as(row, dx[unsigned_index(first + i)]), row, sum_)
        store(result, c, sum_)

    return piece


@leaf
def dot(dx: Any, at: Any, width: Any, weights: Any, row: Any) -> Any:
    """weights[row : row + width] · dx[at : at + width]."""
    sum_ = np.float32(0)
    for c in range(0, width, LANES):
        sum_ += total(multiply(load(dx, at + c), load(weights, row + c)))
    return sum_

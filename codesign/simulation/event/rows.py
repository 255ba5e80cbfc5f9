"""Adding rows of weights, and taking gradients along them: where most of the work is.

Each function goes over the columns in pieces of 128, 64 and 16; a piece of the result stays in registers over all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import (
    BLOCK,
    LANES,
    WIDE,
    add,
    fill_as,
    load,
    load_block,
    load_wide,
    multiply,
    multiply_add,
    natural,
    store,
    total,
)

__all__ = [
    "accumulate_rows",
    "add_rows",
    "add_scaled_rows",
    "dot",
    "dot_and_accumulate",
    "multiply_transposed",
    "set_all",
]


def _of_each_length(piece: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    """A piece's function for vectors of 128, 64 and 16 numbers, made by `piece` from how such a vector is loaded."""
    return piece(load_wide), piece(load_block), piece(load)


def _add(load: Any) -> Any:
    @leaf
    def add_piece(x: Any, at: Any, c: Any, weights: Any, rows: Any, begin: Any, end: Any) -> None:
        sum_ = load(x, at + c)
        for n in range(begin, end):
            sum_ = add(sum_, load(weights, natural(rows[n]) + c))
        store(x, at + c, sum_)

    return add_piece


def _add_scaled(load: Any) -> Any:
    @leaf
    def add_scaled_piece(
        x: Any, at: Any, c: Any, weights: Any, rows: Any, stride: Any, scale: Any, offset: Any, begin: Any, end: Any
    ) -> None:
        sum_ = load(x, at + c)
        for n in range(begin, end):
            row = natural(rows[n]) * stride + c
            sum_ = multiply_add(fill_as(sum_, scale[natural(n - offset)]), load(weights, row), sum_)
        store(x, at + c, sum_)

    return add_scaled_piece


def _accumulate(load: Any) -> Any:
    @leaf
    def accumulate_piece(
        dx: Any, at: Any, c: Any, gradient: Any, rows: Any, stride: Any, scale: Any, offset: Any, begin: Any, end: Any
    ) -> None:
        d = load(dx, at + c)
        for n in range(begin, end):
            row = natural(rows[n]) * stride + c
            store(gradient, row, multiply_add(fill_as(d, scale[natural(n - offset)]), d, load(gradient, row)))

    return accumulate_piece


def _dot_and_accumulate(load: Any) -> Any:
    @leaf
    def dot_and_accumulate_piece(
        dx: Any, at: Any, c: Any, weights: Any, gradient: Any, rows: Any, scale: Any, dots: Any, begin: Any, end: Any
    ) -> None:
        d = load(dx, at + c)
        for n in range(begin, end):
            row = natural(rows[n]) + c
            dots[n] += total(multiply(d, load(weights, row)))
            store(gradient, row, multiply_add(fill_as(d, scale[n]), d, load(gradient, row)))

    return dot_and_accumulate_piece


def _multiply_transposed(load: Any) -> Any:
    @leaf
    def multiply_transposed_piece(
        result: Any, c: Any, width: Any, matrix: Any, start: Any, dx: Any, first: Any, rows: Any
    ) -> None:
        sum_ = load(matrix, start + c)
        sum_ = multiply(fill_as(sum_, dx[natural(first)]), sum_)
        for i in range(1, rows):
            row = load(matrix, start + i * width + c)
            sum_ = multiply_add(fill_as(row, dx[natural(first + i)]), row, sum_)
        store(result, c, sum_)

    return multiply_transposed_piece


_add_wide, _add_block, _add_vector = _of_each_length(_add)
_add_scaled_wide, _add_scaled_block, _add_scaled_vector = _of_each_length(_add_scaled)
_accumulate_wide, _accumulate_block, _accumulate_vector = _of_each_length(_accumulate)
_dot_wide, _dot_block, _dot_vector = _of_each_length(_dot_and_accumulate)
_transposed_wide, _transposed_block, _transposed_vector = _of_each_length(_multiply_transposed)


@leaf
def set_all(array: Any, value: Any) -> None:
    """array[:] = value, for arrays of slots (whole vectors)."""
    every = fill_as(load(array, 0), value)
    for at in range(0, len(array), LANES):
        store(array, at, every)


@leaf
def add_rows(x: Any, at: Any, width: Any, weights: Any, rows: Any, begin: Any, end: Any) -> None:
    """x[at : at + width] += Σ weights[rows[n] : rows[n] + width], begin ≤ n < end."""
    c = 0
    while c + WIDE <= width:
        _add_wide(x, at, c, weights, rows, begin, end)
        c += WIDE
    while c + BLOCK <= width:
        _add_block(x, at, c, weights, rows, begin, end)
        c += BLOCK
    while c < width:
        _add_vector(x, at, c, weights, rows, begin, end)
        c += LANES


@leaf
def add_scaled_rows(
    x: Any,
    at: Any,
    width: Any,
    weights: Any,
    rows: Any,
    stride: Any,
    scale: Any,
    offset: Any,
    begin: Any,
    end: Any,
) -> None:
    """x[at : at + width] += Σ scale[n − offset] · weights[row : row + width] with row = rows[n] · stride."""
    c = 0
    while c + WIDE <= width:
        _add_scaled_wide(x, at, c, weights, rows, stride, scale, offset, begin, end)
        c += WIDE
    while c + BLOCK <= width:
        _add_scaled_block(x, at, c, weights, rows, stride, scale, offset, begin, end)
        c += BLOCK
    while c < width:
        _add_scaled_vector(x, at, c, weights, rows, stride, scale, offset, begin, end)
        c += LANES


@leaf
def accumulate_rows(
    dx: Any,
    at: Any,
    width: Any,
    gradient: Any,
    rows: Any,
    stride: Any,
    scale: Any,
    offset: Any,
    begin: Any,
    end: Any,
) -> None:
    """gradient[row : row + width] += scale[n − offset] · dx[at : at + width] for each row = rows[n] · stride."""
    c = 0
    while c + WIDE <= width:
        _accumulate_wide(dx, at, c, gradient, rows, stride, scale, offset, begin, end)
        c += WIDE
    while c + BLOCK <= width:
        _accumulate_block(dx, at, c, gradient, rows, stride, scale, offset, begin, end)
        c += BLOCK
    while c < width:
        _accumulate_vector(dx, at, c, gradient, rows, stride, scale, offset, begin, end)
        c += LANES


@leaf
def dot_and_accumulate(
    dx: Any, at: Any, width: Any, weights: Any, gradient: Any, rows: Any, scale: Any, dots: Any, begin: Any, end: Any
) -> None:
    """`accumulate_rows` (stride 1, offset 0), and dots[n] += weights[rows[n] : rows[n] + width] · dx[at : …]."""
    c = 0
    while c + WIDE <= width:
        _dot_wide(dx, at, c, weights, gradient, rows, scale, dots, begin, end)
        c += WIDE
    while c + BLOCK <= width:
        _dot_block(dx, at, c, weights, gradient, rows, scale, dots, begin, end)
        c += BLOCK
    while c < width:
        _dot_vector(dx, at, c, weights, gradient, rows, scale, dots, begin, end)
        c += LANES


@leaf
def dot(dx: Any, at: Any, width: Any, weights: Any, row: Any) -> Any:
    """weights[row : row + width] · dx[at : at + width]."""
    sum_ = np.float32(0)
    for c in range(0, width, LANES):
        sum_ += total(multiply(load(dx, at + c), load(weights, row + c)))
    return sum_


@leaf
def multiply_transposed(result: Any, width: Any, matrix: Any, start: Any, dx: Any, first: Any, rows: Any) -> None:
    """result[: width] = Σ_i dx[first + i] · matrix[start + i · width : start + (i + 1) · width], i < rows; rows ≥ 1."""
    c = 0
    while c + WIDE <= width:
        _transposed_wide(result, c, width, matrix, start, dx, first, rows)
        c += WIDE
    while c + BLOCK <= width:
        _transposed_block(result, c, width, matrix, start, dx, first, rows)
        c += BLOCK
    while c < width:
        _transposed_vector(result, c, width, matrix, start, dx, first, rows)
        c += LANES

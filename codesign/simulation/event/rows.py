"""Adding rows of weights, and taking gradients along them: where most of the time goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import LANES, add, fill, load, multiply_add, natural, store, total

__all__ = ["accumulate_rows", "add_rows", "add_scaled_row", "add_scaled_rows", "dot", "dot_and_accumulate", "multiply_transposed"]

_2, _3, _4 = 2 * LANES, 3 * LANES, 4 * LANES


@leaf
def add_rows(x: Any, at: Any, width: Any, weights: Any, rows: Any, begin: Any, end: Any) -> None:
    """x[at : at + width] += Σ weights[row : row + width]; four vectors of x stay in registers over all rows."""
    c = 0
    while c + _4 <= width:
        i = at + c
        x0, x1, x2, x3 = load(x, i), load(x, i + LANES), load(x, i + _2), load(x, i + _3)
        for n in range(begin, end):
            w = natural(rows[n]) + c
            x0 = add(x0, load(weights, w))
            x1 = add(x1, load(weights, w + LANES))
            x2 = add(x2, load(weights, w + _2))
            x3 = add(x3, load(weights, w + _3))
        store(x, i, x0)
        store(x, i + LANES, x1)
        store(x, i + _2, x2)
        store(x, i + _3, x3)
        c += _4
    while c < width:
        x0 = load(x, at + c)
        for n in range(begin, end):
            x0 = add(x0, load(weights, natural(rows[n]) + c))
        store(x, at + c, x0)
        c += LANES


@leaf
def add_scaled_rows(
    x: Any, at: Any, width: Any, weights: Any, rows: Any, scale: Any, begin: Any, end: Any
) -> None:
    """x[at : at + width] += Σ scale · weights[row : row + width]."""
    c = 0
    while c + _4 <= width:
        i = at + c
        x0, x1, x2, x3 = load(x, i), load(x, i + LANES), load(x, i + _2), load(x, i + _3)
        for n in range(begin, end):
            w = natural(rows[n]) + c
            s = fill(scale[n])
            x0 = multiply_add(s, load(weights, w), x0)
            x1 = multiply_add(s, load(weights, w + LANES), x1)
            x2 = multiply_add(s, load(weights, w + _2), x2)
            x3 = multiply_add(s, load(weights, w + _3), x3)
        store(x, i, x0)
        store(x, i + LANES, x1)
        store(x, i + _2, x2)
        store(x, i + _3, x3)
        c += _4
    while c < width:
        x0 = load(x, at + c)
        for n in range(begin, end):
            x0 = multiply_add(fill(scale[n]), load(weights, natural(rows[n]) + c), x0)
        store(x, at + c, x0)
        c += LANES


@leaf
def add_scaled_row(x: Any, at: Any, width: Any, weights: Any, row: Any, scale: Any) -> None:
    """x[at : at + width] += scale · weights[row : row + width]."""
    s = fill(scale)
    for c in range(0, width, LANES):
        store(x, at + c, multiply_add(s, load(weights, row + c), load(x, at + c)))


@leaf
def dot_and_accumulate(
    dx: Any, at: Any, width: Any, weights: Any, gradient: Any, rows: Any, scale: Any, dots: Any, begin: Any, end: Any
) -> None:
    """For each row: dots += weights[row : …] · dx, gradient[row : …] += scale · dx; dx stays in registers."""
    c = 0
    while c + _4 <= width:
        i = at + c
        d0, d1, d2, d3 = load(dx, i), load(dx, i + LANES), load(dx, i + _2), load(dx, i + _3)
        for n in range(begin, end):
            w = natural(rows[n]) + c
            s = fill(scale[n])
            product = multiply_add(d0, load(weights, w), fill(np.float32(0)))
            product = multiply_add(d1, load(weights, w + LANES), product)
            product = multiply_add(d2, load(weights, w + _2), product)
            product = multiply_add(d3, load(weights, w + _3), product)
            dots[n] += total(product)
            store(gradient, w, multiply_add(s, d0, load(gradient, w)))
            store(gradient, w + LANES, multiply_add(s, d1, load(gradient, w + LANES)))
            store(gradient, w + _2, multiply_add(s, d2, load(gradient, w + _2)))
            store(gradient, w + _3, multiply_add(s, d3, load(gradient, w + _3)))
        c += _4
    while c < width:
        d0 = load(dx, at + c)
        for n in range(begin, end):
            w = natural(rows[n]) + c
            dots[n] += total(multiply_add(d0, load(weights, w), fill(np.float32(0))))
            store(gradient, w, multiply_add(fill(scale[n]), d0, load(gradient, w)))
        c += LANES


@leaf
def accumulate_rows(
    dx: Any, at: Any, width: Any, gradient: Any, rows: Any, scale: Any, begin: Any, end: Any
) -> None:
    """For each row: gradient[row : …] += scale · dx."""
    c = 0
    while c + _4 <= width:
        i = at + c
        d0, d1, d2, d3 = load(dx, i), load(dx, i + LANES), load(dx, i + _2), load(dx, i + _3)
        for n in range(begin, end):
            w = natural(rows[n]) + c
            s = fill(scale[n])
            store(gradient, w, multiply_add(s, d0, load(gradient, w)))
            store(gradient, w + LANES, multiply_add(s, d1, load(gradient, w + LANES)))
            store(gradient, w + _2, multiply_add(s, d2, load(gradient, w + _2)))
            store(gradient, w + _3, multiply_add(s, d3, load(gradient, w + _3)))
        c += _4
    while c < width:
        d0 = load(dx, at + c)
        for n in range(begin, end):
            w = natural(rows[n]) + c
            store(gradient, w, multiply_add(fill(scale[n]), d0, load(gradient, w)))
        c += LANES


@leaf
def dot(dx: Any, at: Any, width: Any, weights: Any, row: Any) -> Any:
    """weights[row : row + width] · dx[at : at + width]."""
    sum_ = fill(np.float32(0))
    for c in range(0, width, LANES):
        sum_ = multiply_add(load(dx, at + c), load(weights, row + c), sum_)
    return total(sum_)


@leaf
def multiply_transposed(result: Any, at: Any, width: Any, matrix: Any, start: Any, dx: Any, first: Any, rows: Any) -> None:
    """result[at : at + width] = Σ_i dx[first + i] · matrix[start + i · width : …], i < rows."""
    c = 0
    while c + _4 <= width:
        r0 = r1 = r2 = r3 = fill(np.float32(0))
        for i in range(rows):
            w = start + i * width + c
            s = fill(dx[first + i])
            r0 = multiply_add(s, load(matrix, w), r0)
            r1 = multiply_add(s, load(matrix, w + LANES), r1)
            r2 = multiply_add(s, load(matrix, w + _2), r2)
            r3 = multiply_add(s, load(matrix, w + _3), r3)
        i = at + c
        store(result, i, r0)
        store(result, i + LANES, r1)
        store(result, i + _2, r2)
        store(result, i + _3, r3)
        c += _4
    while c < width:
        r0 = fill(np.float32(0))
        for i in range(rows):
            r0 = multiply_add(fill(dx[first + i]), load(matrix, start + i * width + c), r0)
        store(result, at + c, r0)
        c += LANES

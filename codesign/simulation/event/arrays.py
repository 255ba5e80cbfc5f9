"""Arrays as kernels are given them: their types, and making them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.vector import LANES

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

# what kernels are given where there is nothing; they never look at it
NO_FLOATS = np.zeros(0, dtype=np.float32)
NO_DOUBLES = np.zeros(0)
NO_INTEGERS = np.zeros(0, dtype=np.int32)
NO_LONGS = np.zeros(0, dtype=np.int64)
NO_PAIRS = np.zeros((0, 0))


def aligned_zeros(count: int) -> Floats:
    """(count,) float32 zeros that begin on a cache line, with a vector's room behind them."""
    raw = np.zeros(count + 2 * LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[start : start + count]


def integers(values: object) -> Integers:
    return np.ascontiguousarray(values, dtype=np.int32)


def longs(values: object) -> Longs:
    return np.ascontiguousarray(values, dtype=np.int64)

"""Arrays for kernels: their types and how they are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.vector import LANES

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

# passed to kernels for what a run does not have; never read
NO_FLOATS = np.zeros(0, dtype=np.float32)
NO_DOUBLES = np.zeros(0)
NO_INTEGERS = np.zeros(0, dtype=np.int32)
NO_LONGS = np.zeros(0, dtype=np.int64)
NO_PAIRS = np.zeros((0, 0))


def aligned_zeros(count: int) -> Floats:
    """(count,) float32 zeros aligned to a cache line, with room for one more vector after them."""
    raw = np.zeros(count + 2 * LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[start : start + count]


def integers(values: object) -> Integers:
    return np.ascontiguousarray(values, dtype=np.int32)


def longs(values: object) -> Longs:
    return np.ascontiguousarray(values, dtype=np.int64)

"""Bins of time, on a clock of whole nanoseconds so that 70 ms lie in bin 7 of 10 ms whatever floating point says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bin_edges_ns(timestep_s: float, timesteps: int) -> NDArray[np.int64]:
    """(T + 1,) edges of the bins; bin k holds what happens at edges[k] ≤ time < edges[k + 1]."""
    edges: NDArray[np.int64] = np.rint(np.arange(timesteps + 1) * (timestep_s * 1e9)).astype(np.int64)
    return edges

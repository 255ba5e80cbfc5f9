"""Bins of time, on a clock of whole nanoseconds so that 70 ms lie in bin 7 of 10 ms whatever floating point says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from codesign.units import format_si
from codesign.workload.spec import ResolvedSpec


def bin_edges_ns(timestep_s: float, timesteps: int) -> NDArray[np.int64]:
    """(T + 1,) edges of the bins; bin k holds what happens at edges[k] ≤ time < edges[k + 1]."""
    edges: NDArray[np.int64] = np.rint(np.arange(timesteps + 1) * (timestep_s * 1e9)).astype(np.int64)
    return edges


def duration_mistakes(spec: ResolvedSpec, *, resolution_s: float, longest_s: float) -> Iterator[tuple[str, str]]:
    """Bins finer than the source's clock and stimuli longer than the source: the option at fault, and why."""
    if spec.timestep < resolution_s * (1 - 1e-9):
        yield (
            "timestep",
            f"must be at least {format_si(resolution_s, 's')}, found {format_si(spec.timestep, 's')}",
        )
    if spec.timestep * spec.timesteps > longest_s * (1 + 1e-9):
        yield (
            "timesteps",
            f"{spec.timesteps} timesteps of {format_si(spec.timestep, 's')} last "
            f"{format_si(spec.timestep * spec.timesteps, 's')}, but a sample lasts {format_si(longest_s, 's')}; "
            "lower timesteps or timestep",
        )

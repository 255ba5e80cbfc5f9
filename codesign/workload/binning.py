"""From the events of single samples to a batch, never holding dense frames or more than a few samples' events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from codesign.workload.events import EventBatch
    from codesign.workload.spec import ResolvedSpec

__all__ = ["bin_samples", "cells_of_events"]

_CHUNK = 128


def bin_samples(
    cells_of: Callable[[int], NDArray[np.int64]],
    positions: NDArray[np.int64],
    *,
    labels: NDArray[np.int64],
    sample_ids: NDArray[np.int64],
    input_size: int,
    spec: ResolvedSpec,
) -> EventBatch:
    """The samples at some positions, with the events counted in each cell.

    Args:
        cells_of: cell `timestep · input_size + input index` of each event of the sample at a position.
        labels, sample_ids: (N,) of the whole dataset.
    """
    from codesign.workload.events import EventBatch

    of_sample = spec.timesteps * input_size
    batches = []
    for start in range(0, max(len(positions), 1), _CHUNK):
        chunk = positions[start : start + _CHUNK]
        cells = [row * of_sample + cells_of(position) for row, position in enumerate(chunk.tolist())]
        batches.append(
            EventBatch.from_cells(
                np.concatenate([np.zeros(0, np.int64), *cells]),
                labels[chunk],
                sample_ids=sample_ids[chunk],
                timesteps=spec.timesteps,
                input_size=input_size,
                timestep_s=spec.timestep,
            )
        )
    return EventBatch.concatenate(batches)


def cells_of_events(
    times_ns: NDArray[np.int64], inputs: NDArray[np.int64], edges_ns: NDArray[np.int64], input_size: int
) -> NDArray[np.int64]:
    """`timestep · input_size + input index` of each event that lies in one of the bins.

    Args:
        times_ns, inputs: (events,) time, not before the first edge, and input index of each event.
        edges_ns: (T + 1,) of `bin_edges_ns`.
    """
    bins = np.searchsorted(edges_ns, times_ns, side="right") - 1
    cells: NDArray[np.int64] = (bins * input_size + inputs)[bins < len(edges_ns) - 1]
    return cells

"""From the events of single samples to a batch, never holding dense frames or more than a few samples' events."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codesign.workload.events import EventBatch
from codesign.workload.spec import ResolvedSpec
from codesign.workload.timing import bin_edges_ns

Events = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(events,) time in ns from the beginning, not negative, and (events,) input index."""

_CHUNK = 128


def reader(
    events_of: Callable[[int], Events],
    labels: NDArray[np.int64],
    sample_ids: NDArray[np.int64],
    grid: tuple[int, int, int],
) -> Callable[[NDArray[np.int64], ResolvedSpec], EventBatch]:
    """What `Recordings.read` is where the events of a sample do not depend on the spec; arguments as `bin_samples`."""

    def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
        return bin_samples(
            events_of, positions, labels=labels, sample_ids=sample_ids, input_size=math.prod(grid), spec=spec
        )

    return read


def bin_samples(
    events_of: Callable[[int], Events],
    positions: NDArray[np.int64],
    *,
    labels: NDArray[np.int64],
    sample_ids: NDArray[np.int64],
    input_size: int,
    spec: ResolvedSpec,
) -> EventBatch:
    """The samples at some positions, with the events counted by timestep and input; what is later is left out.

    Args:
        events_of: the events of the sample at a position, in any order.
        labels, sample_ids: (N,) of the whole dataset.
    """
    edges_ns = bin_edges_ns(spec.timestep, spec.timesteps)

    def cells_of(position: int) -> NDArray[np.int64]:
        times_ns, inputs = events_of(position)
        bins = np.searchsorted(edges_ns, times_ns, side="right") - 1
        cells: NDArray[np.int64] = (bins * input_size + inputs)[bins < spec.timesteps]
        return cells

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

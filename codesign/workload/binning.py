"""From the events of single samples to a batch, never holding dense frames or more than a few samples' events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from codesign.workload.events import EventBatch
from codesign.workload.raw_events import bin_edges_ns
from codesign.workload.spec import ResolvedSpec

Events = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(events,) time in ns from the beginning, not negative, and (events,) input index; in any order."""

_CHUNK = 128


def binned(
    events: Iterator[Events],
    labels: NDArray[np.int64],
    *,
    sample_ids: NDArray[np.int64],
    input_size: int,
    spec: ResolvedSpec,
) -> EventBatch:
    """The events of B samples, counted by timestep and input; what is later is left out.

    Args:
        labels, sample_ids: (B,).
    """
    edges_ns = bin_edges_ns(spec.timestep, spec.timesteps)
    batches = []
    for start in range(0, max(len(labels), 1), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        cells = [np.zeros(0, np.int64)]
        for row, (times_ns, inputs) in enumerate(islice(events, len(labels[chunk]))):
            bins = np.searchsorted(edges_ns, times_ns, side="right") - 1
            cells.append(((row * spec.timesteps + bins) * input_size + inputs)[bins < spec.timesteps])
        batches.append(
            EventBatch.from_cells(
                np.concatenate(cells),
                labels[chunk],
                sample_ids=sample_ids[chunk],
                timesteps=spec.timesteps,
                input_size=input_size,
                timestep_s=spec.timestep,
            )
        )
    return EventBatch.concatenate(batches)

"""Binning the events of single samples into a batch, without ever holding dense frames or more than a few samples'
events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codesign.arrays import Integers
from codesign.errors import DataError
from codesign.workload.events import EventBatch
from codesign.workload.raw_events import bin_edges_ns
from codesign.workload.spec import ResolvedSpec

Events = tuple[Integers, Integers]
"""(events,) time in ns from the beginning, not negative, and (events,) input index, in any order."""

_CHUNK = 128


def binned(
    events: Iterator[Events], labels: Integers, *, sample_ids: Integers, input_size: int, spec: ResolvedSpec
) -> EventBatch:
    """Count the events of B samples, with (B,) labels and ids, by timestep and input, leaving out later events. Raises
    DataError if there are more samples, or that names a sample that is missing or has an event with an invalid time or
    input."""
    edges_ns = bin_edges_ns(spec.timestep, spec.timesteps)
    batches = []
    for start in range(0, max(len(labels), 1), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        cells = [np.zeros(0, np.int64)]
        for row, sample in enumerate(sample_ids[chunk]):
            times_ns, inputs = _next(events, f"{spec.name}: sample {sample}", input_size)
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
    if next(events, None) is not None:
        raise DataError(f"{spec.name}: more samples are read than asked for")
    return EventBatch.concatenate(batches)


def _next(events: Iterator[Events], sample: str, input_size: int) -> Events:
    """The next sample's events, with inputs checked: other indices would fall into another timestep or sample."""
    try:
        times_ns, inputs = map(np.asarray, next(events))
    except StopIteration:
        raise DataError(f"{sample}: is not read; there are fewer samples than asked for") from None
    if times_ns.shape != inputs.shape or (inputs.size and inputs.dtype.kind not in "iu"):
        raise DataError(f"{sample}: must have a time and a whole number of an input for each event")
    wrong = (inputs < 0) | (inputs >= input_size)
    if wrong.any():
        raise DataError(f"{sample}: an event has input {inputs[wrong][0]}; must be between 0 and {input_size - 1}")
    if not (times_ns >= 0).all():
        raise DataError(f"{sample}: an event is at {times_ns.min():g} ns; must be at least 0")
    return times_ns, inputs

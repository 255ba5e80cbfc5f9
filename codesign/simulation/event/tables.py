"""Tables of messages and updates, as kernels write them step by step.

Columns are narrow, since each goes through a cache twice. What they hold fits: steps, neurons and so slices have less
than 2²⁵ values; `MOST_TIMESTEPS` are checked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from codesign.simulation.event.arrays import Integers, Longs
from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import unsigned_index

MOST_TIMESTEPS = (1 << 31) - 1


class Messages(NamedTuple):
    """Columns as `MessageTable` has them, but for the sample, which follows from `Counters.rows`."""

    timestep: Integers
    step: Integers
    source: Integers
    enqueue_step: Integers
    neurons: Integers
    spikes: Longs
    synaptic_operations: Longs
    barriers: Integers


class Updates(NamedTuple):
    """Likewise of `UpdateTable`."""

    timestep: Integers
    step: Integers
    slice: Integers
    evaluated: Integers
    emitted: Longs


_LONG = {"spikes", "synaptic_operations", "emitted"}
Table = Messages | Updates
Tables = tuple[Messages, Updates]


def new_tables(rows: int) -> Tables:
    """Room for so many messages and updates; pages are taken as they are written."""

    def column(name: str) -> Any:
        return np.empty(rows, dtype=np.int64 if name in _LONG else np.int32)

    return Messages(*map(column, Messages._fields)), Updates(*map(column, Updates._fields))


def grown(tables: Tables) -> Tables:
    """The same with twice the room."""
    rows = len(tables[0].step)
    larger = new_tables(2 * rows)
    for table, new in zip(tables, larger, strict=True):
        for column, target in zip(table, new, strict=True):
            target[:rows] = column
    return larger


@leaf
def write_message(table: Any, row: Any, frame: Any, step: Any, source: Any, enqueued: Any, sums: Any) -> None:
    """`sums`: neurons, spikes, operations and barrier messages."""
    at = unsigned_index(row)
    table.timestep[at] = frame.timestep
    table.step[at] = step
    table.source[at] = source
    table.enqueue_step[at] = enqueued
    table.neurons[at] = sums[0]
    table.spikes[at] = sums[1]
    table.synaptic_operations[at] = sums[2]
    table.barriers[at] = sums[3]


@leaf
def write_update(table: Any, row: Any, frame: Any, step: Any, place: Any, evaluated: Any, emitted: Any) -> None:
    """`place`: of the slice."""
    at = unsigned_index(row)
    table.timestep[at] = frame.timestep
    table.step[at] = step
    table.slice[at] = place
    table.evaluated[at] = evaluated
    table.emitted[at] = emitted

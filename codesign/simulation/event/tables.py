"""Tables of messages and updates, which kernels write step by step.

Columns are narrow to save memory traffic. Their values fit: steps, neurons and therefore slices are below 2²⁵, and
nobody runs 2³¹ timesteps, whose offsets alone take 17 GB.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from codesign.simulation.event.arrays import Integers, Longs, made
from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import unsigned_index


class Messages(NamedTuple):
    """The columns of `MessageTable` without the sample, which follows from `Counters.rows`."""

    timestep: Annotated[Integers, "rows"]
    step: Annotated[Integers, "rows"]
    source: Annotated[Integers, "rows"]
    enqueue_step: Annotated[Integers, "rows"]
    neurons: Annotated[Integers, "rows"]
    spikes: Annotated[Longs, "rows"]
    synaptic_operations: Annotated[Longs, "rows"]
    barriers: Annotated[Integers, "rows"]


class Updates(NamedTuple):
    """The columns of `UpdateTable`, likewise."""

    timestep: Annotated[Integers, "rows"]
    step: Annotated[Integers, "rows"]
    slice: Annotated[Integers, "rows"]
    evaluated: Annotated[Integers, "rows"]
    emitted: Annotated[Longs, "rows"]


Table = Messages | Updates
Tables = tuple[Messages, Updates]


def new_tables(rows: int) -> Tables:
    """Room for `rows` messages and updates; the system assigns pages as they are written."""
    return made(Messages, {"rows": rows}, np.empty), made(Updates, {"rows": rows}, np.empty)


def grown(tables: Tables) -> Tables:
    """Copies with twice the room."""
    rows = len(tables[0].step)
    larger = new_tables(2 * rows)
    for table, new in zip(tables, larger, strict=True):
        for column, target in zip(table, new, strict=True):
            target[:rows] = column
    return larger


@leaf
def write_message(table: Any, row: Any, frame: Any, step: Any, source: Any, enqueued: Any, sums: Any) -> None:
    """Write a row; `sums` are neurons, spikes, operations and barrier messages."""
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
    """Write a row of the slice at `place`."""
    at = unsigned_index(row)
    table.timestep[at] = frame.timestep
    table.step[at] = step
    table.slice[at] = place
    table.evaluated[at] = evaluated
    table.emitted[at] = emitted

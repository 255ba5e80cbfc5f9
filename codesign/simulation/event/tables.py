"""Tables of messages and updates: rows as kernels write them step by step, and the columns that are made of them.

Rows are narrow, since each goes through a cache twice. What they hold fits: steps, neurons and so slices have less than
2²⁵ values; `MOST_TIMESTEPS` are checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.compilation import kernel, leaf
from codesign.simulation.event.vector import unsigned_index

MOST_TIMESTEPS = (1 << 31) - 1

Rows = NDArray[np.void]

_MESSAGE = np.dtype(
    [
        ("timestep", np.int32),
        ("step", np.int32),
        ("source", np.int32),
        ("enqueue_step", np.int32),
        ("neurons", np.int32),
        ("barriers", np.int32),
        ("spikes", np.int64),
        ("synaptic_operations", np.int64),
    ]
)
"""As `MessageTable` has it. The sample follows from `Counters.rows`."""
_UPDATE = np.dtype(
    [
        ("timestep", np.int32),
        ("step", np.int32),
        ("slice", np.int32),
        ("evaluated", np.int32),
        ("emitted", np.int64),
    ]
)
"""As `UpdateTable` has it, likewise."""


def new_tables(rows: int) -> tuple[Rows, Rows]:
    """Room for so many messages and updates; pages are taken as they are written."""
    return np.empty(rows, dtype=_MESSAGE), np.empty(rows, dtype=_UPDATE)


@leaf
def write_message(table: Any, row: Any, frame: Any, step: Any, source: Any, enqueued: Any, sums: Any) -> None:
    """`sums`: neurons, spikes, operations and barrier messages."""
    written = table[unsigned_index(row)]
    written.timestep = frame.timestep
    written.step = step
    written.source = source
    written.enqueue_step = enqueued
    written.neurons = sums[0]
    written.spikes = sums[1]
    written.synaptic_operations = sums[2]
    written.barriers = sums[3]


@leaf
def write_update(table: Any, row: Any, frame: Any, step: Any, place: Any, evaluated: Any, emitted: Any) -> None:
    """`place`: of the slice."""
    written = table[unsigned_index(row)]
    written.timestep = frame.timestep
    written.step = step
    written.slice = place
    written.evaluated = evaluated
    written.emitted = emitted


@kernel
def spread(messages: Any, updates: Any, of_messages: Any, of_updates: Any, message: Any, update: Any) -> None:
    """Rows of both tables into (9, rows) columns of `MessageTable` and (6, rows) of `UpdateTable`, from columns
    `message` and `update` on. The first of each is the sample's, and not written."""
    for row in range(len(messages)):
        found, to = messages[row], unsigned_index(message + row)
        of_messages[1, to] = found.timestep
        of_messages[2, to] = found.step
        of_messages[3, to] = found.source
        of_messages[4, to] = found.enqueue_step
        of_messages[5, to] = found.neurons
        of_messages[6, to] = found.spikes
        of_messages[7, to] = found.synaptic_operations
        of_messages[8, to] = found.barriers
    for row in range(len(updates)):
        updated, to = updates[row], unsigned_index(update + row)
        of_updates[1, to] = updated.timestep
        of_updates[2, to] = updated.step
        of_updates[3, to] = updated.slice
        of_updates[4, to] = updated.evaluated
        of_updates[5, to] = updated.emitted

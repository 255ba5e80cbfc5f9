"""From the kernels' counters to an `Execution`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codesign.simulation.event.arrays import Integers, Longs
from codesign.simulation.event.batch import Batch
from codesign.simulation.event.chunks import Recorded
from codesign.simulation.event.tables import Messages, Table, Updates
from codesign.simulation.execution import Execution, MessageTable, UpdateTable
from codesign.simulation.recording import build_execution


def to_execution(batch: Batch, recorded: Recorded) -> Execution:
    """Everything recorded in a run."""
    whole = recorded.counters[0]
    messages, updates = _tables(recorded)
    if batch.samples:
        batch.resources.give_back_tables([(chunk.messages, chunk.updates) for chunk in recorded.counters])
    counters = {
        **whole._asdict(),
        "slices": batch.slices,
        "messages": messages,
        "updates": updates,
        "scores": recorded.results.scores.astype(np.float64),
        "emitted": recorded.results.spikes.astype(np.int64),
        "currents_before_firing": np.sum([chunk.currents for chunk in recorded.counters], axis=0),
    }
    return build_execution(batch.run.network, batch.run.events, counters)


def _tables(recorded: Recorded) -> tuple[MessageTable, UpdateTable]:
    """The chunks' tables, one after the other."""
    chunks = list(zip(recorded.parts, recorded.counters, strict=False))  # without samples, of no chunk
    rows = [np.diff(counters.rows[first:last], axis=0, prepend=0) for (first, last), counters in chunks]
    messages = _joined([counters.messages for _, counters in chunks], [own[:, 0] for own in rows], Messages)
    updates = _joined([counters.updates for _, counters in chunks], [own[:, 1] for own in rows], Updates)
    return MessageTable.of(messages), UpdateTable.of(updates)


def _joined(tables: Sequence[Table], rows: Sequence[Longs], kind: type[Table]) -> Longs:
    """The tables' columns joined, with the sample as the first; `rows` are each table's rows per sample."""
    of_samples = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    columns = np.empty((1 + len(kind._fields), of_samples.sum()), dtype=np.int64)
    columns[0] = np.repeat(np.arange(len(of_samples)), of_samples)
    begin = 0
    for table, count in zip(tables, (own.sum() for own in rows), strict=True):
        column: Integers | Longs
        for place, column in enumerate(table, 1):
            columns[place, begin : begin + count] = column[:count]
        begin += count
    return columns

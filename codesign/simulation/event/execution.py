"""From the kernels' counters to an `Execution`."""

from __future__ import annotations

import numpy as np

from codesign.simulation.event.batch import Batch
from codesign.simulation.event.chunks import Recorded
from codesign.simulation.event.tables import spread
from codesign.simulation.execution import Execution, MessageTable, UpdateTable
from codesign.simulation.recording import build_execution


def to_execution(batch: Batch, recorded: Recorded) -> Execution:
    """Everything recorded in a run."""
    whole = recorded.counters[0]
    messages, updates = _tables(batch, recorded)
    if batch.samples:
        batch.resources.give_back_tables([(chunk.messages, chunk.updates) for chunk in recorded.counters])
    return build_execution(
        batch.run.network,
        batch.run.events,
        slices=batch.slices,
        messages=messages,
        updates=updates,
        counters={
            "scores": recorded.results.scores.astype(np.float64),
            "timesteps_run": whole.timesteps_run,
            "synaptic_operations": whole.operations,
            "emitted": recorded.results.spikes.astype(np.int64),
            "propagated": whole.propagated,
            "evaluations": whole.evaluations,
            "barrier_messages": whole.barriers,
            "tick_evaluations": whole.ticks,
            "active": whole.active,
            "residual": whole.residual,
            "forward_steps": whole.forward_steps,
            "contended_steps": whole.contended_steps,
            "steps_to_first_output": whole.steps_to_first,
            "spikes_to_first_output": whole.spikes_to_first,
            "spikes_to_stop": whole.spikes_to_stop,
            "convergence": whole.convergence,
            "currents_before_firing": np.sum([chunk.currents for chunk in recorded.counters], axis=0),
        },
    )


def _tables(batch: Batch, recorded: Recorded) -> tuple[MessageTable, UpdateTable]:
    """The chunks' tables, one after the other."""
    chunks = list(zip(batch.parts(), recorded.counters, strict=False))  # without samples, of no chunk
    rows = [np.diff(counters.rows[first:last], axis=0, prepend=0) for (first, last), counters in chunks]
    of_sample = np.concatenate([np.zeros((0, 2), dtype=np.int64), *rows]).T
    messages, updates = (np.empty((columns, of_sample[i].sum()), dtype=np.int64) for i, columns in enumerate((9, 6)))
    begin = np.zeros(2, dtype=np.int64)
    for counters, own in zip(recorded.counters, (own.sum(axis=0) for own in rows), strict=False):
        spread(counters.messages[: own[0]], counters.updates[: own[1]], messages, updates, *begin)
        begin += own
    for table, counts in zip((messages, updates), of_sample, strict=True):
        table[0] = np.repeat(np.arange(batch.samples), counts)
    return MessageTable.of(messages), UpdateTable.of(updates)

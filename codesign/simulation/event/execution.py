"""From the kernels' counters to an `Execution`."""

from __future__ import annotations

import numpy as np

from codesign.simulation.event.batch import Batch
from codesign.simulation.event.chunks import Recorded
from codesign.simulation.event.structures import MESSAGE_COLUMNS, UPDATE_COLUMNS, Longs
from codesign.simulation.execution import Execution, MessageTable, UpdateTable
from codesign.simulation.recording import build_execution

__all__ = ["to_execution"]


def to_execution(batch: Batch, recorded: Recorded) -> Execution:
    """Everything recorded in a run; the chunks' tables follow each other in the order of their samples."""
    whole = recorded.counters[0]
    chunks = list(zip(recorded.counters, recorded.rows, strict=True))
    messages = _columns([(chunk.messages, rows) for chunk, (rows, _) in chunks], MESSAGE_COLUMNS)
    updates = _columns([(chunk.updates, rows) for chunk, (_, rows) in chunks], UPDATE_COLUMNS)
    if batch.samples:
        batch.resources.give_back_tables([(chunk.messages, chunk.updates) for chunk in recorded.counters])
    return build_execution(
        batch.run.network,
        batch.run.events,
        slices=batch.slices,
        messages=MessageTable.of(messages),
        updates=UpdateTable.of(updates),
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


def _columns(tables: list[tuple[Longs, int]], columns: int) -> Longs:
    """(columns, rows) of tables that are filled up to so many rows."""
    return np.concatenate([table[: rows * columns].reshape(rows, columns).T for table, rows in tables], axis=1)

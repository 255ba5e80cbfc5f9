"""From the kernels' counters to an `Execution`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.execution import Execution, MessageTable, UpdateTable
from codesign.simulation.recording import build_execution
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    from codesign.simulation.event.batch import Batch
    from codesign.simulation.event.run import Recorded

__all__ = ["assemble"]


def assemble(network: SpikingNetwork, events: EventBatch, batch: Batch, recorded: Recorded) -> Execution:
    """Everything recorded in a run; the chunks' tables follow each other in the order of their samples."""
    whole = recorded.counters[0][0]
    messages = np.concatenate([one.messages[:rows] for one, rows, _ in recorded.counters])
    updates = np.concatenate([one.updates[:rows] for one, _, rows in recorded.counters])
    return build_execution(
        network,
        events,
        slices=batch.slices,
        scores=recorded.scores[:, 0].astype(np.float64),
        synaptic_operations=whole.operations,
        active=whole.active,
        residual=whole.residual,
        forward_steps=whole.forward_steps,
        steps_to_first=whole.steps_to_first,
        spikes_to_first=whole.spikes_to_first,
        spikes_to_stop=whole.spikes_to_stop,
        convergence=whole.convergence,
        currents=np.sum([one.currents for one, _, _ in recorded.counters], axis=0),
        messages=MessageTable.from_rows(messages),
        updates=UpdateTable.from_rows(updates),
    )

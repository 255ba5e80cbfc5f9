"""What an execution uses of a chip: how often each priced event happens. Counts, which no price changes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Barrier, Chip, Timer
from codesign.hardware.work import (
    Layout,
    destinations,
    drained_neurons,
    steps_after_last_frame,
    target_layers,
    updated_neurons,
)
from codesign.simulation.execution import Execution

__all__ = ["Usage", "usage_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Counts of B samples, (B,) each, or their means, (1,) each.

    Attributes:
        synaptic_operation: performed; on a crossbar all that messages occupied.
        neuron_access: visits of neurons, whether they had work or not.
        neuron_update: counted as the chip's energy of an update says.
        spike: emitted by neurons.
        message: spikes that left, input spikes too, each once a destination core.
        hop, hop_vertical: links that messages passed; None where the network is not described.
        chip_hop: chip borders that messages passed.
        barrier_message: barrier messages, each once a destination core.
    """

    synaptic_operation: Floats
    neuron_access: Floats
    neuron_update: Floats
    spike: Floats
    message: Floats
    hop: Floats | None
    hop_vertical: Floats | None
    chip_hop: Floats
    barrier_message: Floats

    def mean(self) -> Usage:
        """Means over the samples; sums of whole numbers are exact, so they do not depend on the order of samples."""
        means: dict[str, Any] = {}
        for field in fields(self):
            count = getattr(self, field.name)
            means[field.name] = None if count is None else count.mean(keepdims=True)
        return Usage(**means)


def usage_of(execution: Execution, chip: Chip, layout: Layout) -> Usage:
    """Count what an execution uses on a layout; nothing of it depends on a price of the chip.

    Asynchronous chips visit no neuron without a message. Chips with barriers a timestep and timers visit all in each
    hardware step or tick, the L − 1 in which the last frame passes through the layers included. On a chip that
    synchronizes by itself the simulation's barrier messages stand for what its hardware does.
    """
    table, samples = execution.messages, execution.samples
    cores = destinations(execution.slices, layout)

    def by_sample(per_row: NDArray[np.generic]) -> Floats:
        return np.bincount(table.sample, weights=per_row, minlength=samples).astype(np.float64)

    horizontal, vertical, crossings = _ways(execution, layout)
    along = None if horizontal is None else by_sample(table.spikes * horizontal[table.source])
    across = None if vertical is None else by_sample(table.spikes * vertical[table.source])
    by_itself = chip.synchronized and chip.energies.barrier_message is None
    return Usage(
        synaptic_operation=_synaptic_operations(
            execution, layout, by_sample(table.spikes * _occupied(execution, layout))
        ),
        neuron_access=np.full(samples, float(layout.accessed.sum() * _visits(execution, chip))),
        neuron_update=updated_neurons(execution, chip).sum(axis=(1, 2)) + _drained(execution, chip),
        spike=execution.emitted.sum(axis=1).astype(np.float64),
        message=by_sample(table.spikes * cores[table.source]),
        hop=along,
        hop_vertical=across,
        chip_hop=by_sample(table.spikes * crossings[table.source]),
        barrier_message=by_sample(table.barriers * cores[table.source] * (not by_itself)),
    )


def _drained(execution: Execution, chip: Chip) -> Floats:
    """(B,) updates of neurons that kept a potential while the last frame passes through later layers."""
    return np.asarray(drained_neurons(execution, chip) @ steps_after_last_frame(execution))


def _visits(execution: Execution, chip: Chip) -> int:
    """How often a chip visits all its neurons."""
    synchronization = chip.synchronization
    later = len(execution.shape.layers) - 1
    if isinstance(synchronization, Timer):
        return execution.timesteps * synchronization.ticks_per_timestep + later
    if isinstance(synchronization, Barrier):
        return execution.timesteps + (later if synchronization.scope == "timestep" else 0)
    visits = synchronization.kind == "clocked" or chip.energies.neuron_access is not None
    return execution.timesteps if visits else 0


def _occupied(execution: Execution, layout: Layout) -> Floats:
    """(rows,) synaptic operations that a message of each row occupies on crossbars."""
    of_layer = np.bincount(layout.layer, weights=layout.occupied, minlength=len(execution.shape.layers) + 1)
    return np.asarray(of_layer[target_layers(execution)])


def _synaptic_operations(execution: Execution, layout: Layout, occupied: Floats) -> Floats:
    if layout.occupied.any():
        return occupied
    return np.asarray(execution.synaptic_operations.sum(axis=1) - execution.input_macs, dtype=np.float64)


def _ways(execution: Execution, layout: Layout) -> tuple[Floats | None, Floats | None, Floats]:
    """(S + 1,) horizontal and vertical hops and chip borders of one message of each source, to all its cores."""
    weights = np.zeros((len(execution.slices) + 1, layout.cores + 1))
    weights[0, 0] = 1.0
    places: list[NDArray[np.int64]] = [layout.core[layout.placements_of(0)]]
    for source, one in enumerate(execution.slices, 1):
        weights[source] = np.bincount(1 + layout.core, weights=layout.share[source - 1], minlength=layout.cores + 1)
        places.append(layout.core[layout.placements_of(one.layer + 1)])

    def of(hops: NDArray[np.int64]) -> Floats:
        return np.array([weights[source] @ hops[:, cores].sum(axis=1) for source, cores in enumerate(places)])

    horizontal = None if layout.horizontal is None else of(layout.horizontal)
    vertical = None if layout.vertical is None else of(layout.vertical)
    return horizontal, vertical, of(layout.crossings)

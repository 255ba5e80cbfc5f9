"""From an execution's step records to the work of each core: which placement receives, updates and sends how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.mapping import Mapping
from codesign.simulation.execution import Execution

__all__ = [
    "Deliveries",
    "Layout",
    "active_neurons",
    "deliveries",
    "lane_operations",
    "layout_of",
    "sent_messages",
    "target_layers",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A mapping seen from an execution: P placements on K used cores, S recorded slices.

    Attributes:
        layer, core, neurons: (P,) of each placement; `core` counts used cores only.
        cores: K.
        share: (S, P) which part of a slice's neurons lies in which placement; rows sum to 1.
        exact: whether slices and placements are the same runs of neurons. If not, a slice's work is shared out over its
            layer's placements by their neurons.
        horizontal, vertical: (K + 1, K) hops to each core, row 0 from tile 0, where inputs enter, row 1 + c from core
            c; None where the chip's network is not described and messages cross cores.
        tiles: tiles with used cores.
    """

    layer: Integers
    core: Integers
    neurons: Integers
    cores: int
    share: Floats
    exact: bool
    horizontal: Integers | None
    vertical: Integers | None
    tiles: int

    def placements_of(self, layer: int) -> Integers:
        """Placements of a layer; none for the layer after the last."""
        return np.flatnonzero(self.layer == layer)

    def source_rows(self, source: int) -> Integers:
        """Rows of `horizontal` from which the messages of `source` (0 the input, 1 + slice) come."""
        if source == 0:
            return np.zeros(1, dtype=np.int64)
        return np.asarray(1 + self.core[self.share[source - 1] > 0], dtype=np.int64)


def layout_of(execution: Execution, chip: Chip, mapping: Mapping) -> Layout:
    """Lay an execution's slices over a mapping's placements."""
    layer = np.array([part.layer for part in mapping.placements], dtype=np.int64)
    neurons = np.array([part.neurons for part in mapping.placements], dtype=np.int64)
    numbers = np.array([part.core for part in mapping.placements], dtype=np.int64)
    used, core = np.unique(numbers, return_inverse=True)
    slices = [(one.layer, one.neurons) for one in execution.slices]
    exact = slices == [(part.layer, part.neurons) for part in mapping.placements]
    if exact:
        share = np.eye(len(slices))
    else:
        of_layer = np.array([one.layer for one in execution.slices])[:, None] == layer[None, :]
        share = of_layer * neurons / (of_layer * neurons).sum(axis=1, keepdims=True)
    horizontal = vertical = None
    tiles = len(used)
    network = chip.network_on_chip
    if network is not None:
        tile = used // network.cores_per_tile
        tiles = len(np.unique(tile))
        row, column = np.divmod(np.append(0, tile), network.columns)
        horizontal = np.abs(column[:, None] - column[None, 1:])
        vertical = np.abs(row[:, None] - row[None, 1:])
    elif len(used) == 1:
        horizontal = vertical = np.zeros((2, 1), dtype=np.int64)
    return Layout(
        layer=layer,
        core=core.astype(np.int64),
        neurons=neurons,
        cores=len(used),
        share=share,
        exact=exact,
        horizontal=horizontal,
        vertical=vertical,
        tiles=tiles,
    )


def target_layers(execution: Execution) -> Integers:
    """(rows,) layer that each row of the message table reaches; L for what output neurons send."""
    of_source = np.append(0, [one.layer + 1 for one in execution.slices])
    return np.asarray(of_source[execution.messages.source], dtype=np.int64)


def _message_counts(execution: Execution, chip: Chip) -> Integers:
    """(rows,) messages that cores have to receive and send.

    Barrier messages are among them on chips without synchronization only: hardware barriers and timers make them
    unnecessary, and their time is the barrier's or the tick's.
    """
    messages = execution.messages
    return messages.spikes if chip.synchronized else messages.spikes + messages.barriers


def lane_operations(work: Floats, chip: Chip) -> Floats:
    """ceil(work / vector width); with `all` lanes any work takes one operation."""
    assert chip.vector_width is not None
    lanes = chip.vector_width.value
    if lanes == "all":
        return (work > 0).astype(np.float64)
    return np.asarray(np.ceil(work / lanes - 1e-9))  # a share such as 64 · (1/3 + 2/3) must not round up to 65


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Messages by row of the message table and placement that receives them.

    Attributes (each of shape (deliveries,)):
        row: row of the message table.
        placement: where they arrive.
        messages: how many.
        operations: lane operations that they take there, all together.
    """

    row: Integers
    placement: Integers
    messages: Floats
    operations: Floats


def deliveries(execution: Execution, chip: Chip, layout: Layout) -> Deliveries:
    """Every message at every core that it reaches.

    In a fully connected layer a message has one synapse for each neuron on the core. In a convolutional layer the mean
    of the row, synaptic operations / spikes, is shared out by the neurons on the core and rounded up to whole lanes.
    """
    table, shape = execution.messages, execution.shape
    counts, targets = _message_counts(execution, chip), target_layers(execution)
    rows: list[Integers] = []
    parts: list[Integers] = []
    operations: list[Floats] = []
    for layer, size in enumerate(shape.layers):
        row = np.flatnonzero((targets == layer) & (counts > 0))
        per_message = np.full(len(row), shape.fan_out(layer))
        if shape.fan_out(layer) != size.neurons:
            spikes, performed = table.spikes[row], table.synaptic_operations[row]
            known = (spikes > 0) & (performed > 0)
            per_message[known] = performed[known] / spikes[known]
        for placement in layout.placements_of(layer):
            on_core = per_message * layout.neurons[placement] / size.neurons
            rows.append(row)
            parts.append(np.full(len(row), placement))
            operations.append(lane_operations(on_core, chip) * counts[row])
    row = np.concatenate(rows)
    return Deliveries(
        row=row,
        placement=np.concatenate(parts),
        messages=counts[row].astype(np.float64),
        operations=np.concatenate(operations),
    )


def sent_messages(execution: Execution, chip: Chip, layout: Layout) -> Floats:
    """(rows,) messages sent, one for each destination core; inputs come from outside and cost no core anything."""
    destinations = np.bincount(layout.layer, minlength=len(execution.shape.layers) + 1)
    sent = _message_counts(execution, chip) * destinations[target_layers(execution)]
    return np.where(execution.messages.source == 0, 0, sent).astype(np.float64)


def active_neurons(execution: Execution) -> Integers:
    """(B, T, S) neurons of each slice with input or potential in each timestep, as clocked chips update them.

    Counted as the most neurons that one forward step of this or an earlier timestep evaluated: in a fully connected
    layer all of them from the first message on, in a convolutional layer a lower bound.
    """
    table = execution.updates
    counts = np.zeros((execution.samples, execution.timesteps, len(execution.slices)), dtype=np.int64)
    np.maximum.at(counts, (table.sample, table.timestep, table.slice), table.evaluated)
    return np.maximum.accumulate(counts, axis=1)

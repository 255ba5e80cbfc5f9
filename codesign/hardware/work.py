"""From an execution's step records to the work of each core: which placement receives, updates and sends how much."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Barrier, Chip
from codesign.hardware.mapping import Mapping
from codesign.hardware.traffic import traffic_of
from codesign.simulation.execution import Execution, Slice

__all__ = [
    "Deliveries",
    "Layout",
    "barrier_outputs",
    "deliveries",
    "destinations",
    "drained_neurons",
    "lane_operations",
    "layout_of",
    "layout_of_slices",
    "sent_messages",
    "steps_after_last_frame",
    "target_layers",
    "updated_neurons",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A mapping seen from an execution: P placements on K used cores, S recorded slices.

    Attributes:
        layer, core, neurons: (P,) of each placement; `core` counts used cores only.
        cores: K.
        chips: chips with used cores.
        accessed: (P,) neurons that a visit of all neurons meets; a crossbar's are at its core's first placement.
        occupied: (P,) neurons of its core that one message occupies: 0 where only connected neurons count.
        share: (S, P) which part of a slice's neurons lies in which placement; rows sum to 1.
        exact: whether slices and placements are the same runs of neurons. If not, a slice's work is shared out over its
            layer's placements by their neurons.
        horizontal, vertical: (K + 1, K) hops to each core, row 0 from tile 0, where inputs enter, row 1 + c from core
            c; None where the chip's network is not described and messages cross cores.
        crossings: (K + 1, K) chip borders on the way; inputs enter at the first chip.
        tiles: tiles with used cores.
        links: (S + 1, Q) how often one message of each source (0 the input, 1 + slice) passes each of Q links; none
            where the network is not described.
        link_names: (Q,) of these links.
    """

    layer: Integers
    core: Integers
    neurons: Integers
    cores: int
    chips: int
    accessed: Integers
    occupied: Integers
    share: Floats
    exact: bool
    horizontal: Integers | None
    vertical: Integers | None
    crossings: Integers
    tiles: int
    links: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    link_names: tuple[str, ...] = ()

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
    return layout_of_slices(execution.slices, chip, mapping)


def layout_of_slices(recorded: tuple[Slice, ...], chip: Chip, mapping: Mapping) -> Layout:
    """Lay slices, as they were or will be recorded, over a mapping's placements."""
    layer = np.array([part.layer for part in mapping.placements], dtype=np.int64)
    neurons = np.array([part.neurons for part in mapping.placements], dtype=np.int64)
    numbers = np.array([part.core for part in mapping.placements], dtype=np.int64)
    used, core = np.unique(numbers, return_inverse=True)
    slices = [(one.layer, one.neurons) for one in recorded]
    exact = slices == [(part.layer, part.neurons) for part in mapping.placements]
    if exact:
        share = np.eye(len(slices))
    else:
        of_layer = np.array([one.layer for one in recorded])[:, None] == layer[None, :]
        share = of_layer * neurons / (of_layer * neurons).sum(axis=1, keepdims=True)
    chip_of, place = np.divmod(used, chip.cores.value) if chip.multi_chip else (np.zeros_like(used), used)
    crossings = np.abs(np.append(0, chip_of)[:, None] - chip_of[None, :])
    horizontal = vertical = None
    tiles = len(used)
    network = chip.network_on_chip
    if network is not None:
        tile = place // network.cores_per_tile
        tiles = len(np.unique(np.stack([chip_of, tile]), axis=1).T)
        row, column = network.place(tile)
        horizontal, vertical = _hops(column, chip_of), _hops(row, chip_of)
    elif len(used) == 1:
        horizontal = vertical = np.zeros((2, 1), dtype=np.int64)
    accessed, occupied = neurons, np.zeros_like(neurons)
    if chip.crossbar:
        assert chip.neurons_per_core is not None
        capacity = np.array([chip.neurons_per_core.of_core(int(place[one])) for one in core])
        occupied = np.maximum(capacity, np.bincount(core, weights=neurons)[core]).astype(np.int64)
        first = np.unique(core, return_index=True)[1]
        accessed = np.zeros_like(neurons)
        accessed[first] = occupied[first]
    links, names = _links(chip, mapping, share)
    return Layout(
        layer=layer,
        core=core.astype(np.int64),
        neurons=neurons,
        cores=len(used),
        chips=len(np.unique(chip_of)),
        accessed=accessed,
        occupied=occupied,
        share=share,
        exact=exact,
        horizontal=horizontal,
        vertical=vertical,
        crossings=crossings,
        tiles=tiles,
        links=links,
        link_names=names,
    )


def _links(chip: Chip, mapping: Mapping, share: Floats) -> tuple[Floats, tuple[str, ...]]:
    traffic = traffic_of(mapping, chip)
    if traffic.passes is None:
        return np.zeros((len(share) + 1, 0)), ()
    sources = np.zeros((len(share) + 1, len(mapping.placements) + 1))
    sources[0, 0] = 1.0
    sources[1:, 1:] = share
    loads = traffic.link_loads(sources[:, traffic.source])
    used = np.flatnonzero(loads.any(axis=0))
    names = []
    for link in map(traffic.link, used.tolist()):
        on_chip = f"chip {link.chip + 1}, " if mapping.chips_used > 1 else ""
        names.append(f"{on_chip}tile {link.tile} {link.direction}")
    return loads[:, used], tuple(names)


def _hops(coordinate: Integers, chip_of: Integers) -> Integers:
    """(K + 1, K) hops along one direction; between chips messages leave and enter at tile 0, where inputs enter too."""
    source, source_chip = np.append(0, coordinate)[:, None], np.append(0, chip_of)[:, None]
    within = np.abs(source - coordinate[None, :])
    return np.asarray(np.where(source_chip == chip_of[None, :], within, source + coordinate[None, :]))


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
    of the row, synaptic operations / spikes, is shared out by the neurons on the core and rounded up to whole lanes. On
    a crossbar it has the core's neurons, whatever it is connected to.
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
            if layout.occupied[placement]:
                on_core = np.full(len(row), float(layout.occupied[placement]))
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


def destinations(slices: tuple[Slice, ...], layout: Layout) -> Integers:
    """(S + 1,) placements, each on a core of its own, that a message of each source goes to: 0 the input, 1 + slice."""
    of_layer = np.bincount(layout.layer, minlength=int(layout.layer.max()) + 2)
    return np.asarray(of_layer[np.append(0, [one.layer + 1 for one in slices])], dtype=np.int64)


def sent_messages(execution: Execution, chip: Chip, layout: Layout) -> tuple[Floats, Floats]:
    """(rows of the update table,) spikes generated, and messages sent for them, one for each destination core."""
    emitted = execution.updates.emitted.astype(np.float64)
    return emitted, emitted * destinations(execution.slices, layout)[1 + execution.updates.slice]


def barrier_outputs(execution: Execution, chip: Chip, layout: Layout) -> Floats:
    """(rows of the message table,) barrier messages sent, one for each destination core, where cores send them."""
    table = execution.messages
    sent = table.barriers * destinations(execution.slices, layout)[table.source] * (not chip.synchronized)
    return np.asarray(sent, dtype=np.float64)


def updated_neurons(execution: Execution, chip: Chip) -> Floats:
    """(B, T, S) neuron updates of each slice in each timestep, counted as the chip's energy of an update says."""
    number = chip.energies.neuron_update
    if number is not None and number.counted == "active_neurons":
        return execution.active.astype(np.float64)
    table = execution.updates
    counts = np.zeros((execution.samples, execution.timesteps, len(execution.slices)))
    np.add.at(counts, (table.sample, table.timestep, table.slice), table.evaluated)
    return counts


def drained_neurons(execution: Execution, chip: Chip) -> Floats:
    """(B, S) neurons of each slice that a chip goes on updating when its layer's last frame is done.

    Chips with barriers a timestep or timers that update active neurons find a potential in them in every later step.
    """
    number, synchronization = chip.energies.neuron_update, chip.synchronization
    pipelined = synchronization.kind == "timer" or (
        isinstance(synchronization, Barrier) and synchronization.scope == "timestep"
    )
    if not pipelined or number is None or number.counted != "active_neurons":
        return np.zeros((execution.samples, len(execution.slices)))
    return execution.residual.astype(np.float64)


def steps_after_last_frame(execution: Execution) -> Integers:
    """(S,) hardware steps between that of a slice's last frame and the end, in which the frame is in later layers."""
    return np.array([len(execution.shape.layers) - 1 - one.layer for one in execution.slices], dtype=np.int64)

"""Counters of a run: an engine reports each forward step, and an `Execution` comes out at the end."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.execution import NOT_REACHED, Execution, MessageTable, Slice, UpdateTable
from codesign.simulation.schedule import Schedule
from codesign.workload.events import EventBatch

__all__ = ["CONVERGENCE_STEPS", "CURRENT_BINS", "Recorder", "build_execution", "slices_of"]

CONVERGENCE_STEPS = 33
"""M: forward steps after the first output spike, itself included, at which output counts are kept."""
CURRENT_BINS = 257
"""K: bins of the histogram of messages received before firing; the last holds 256 and more."""

Integers = NDArray[np.int64]


def slices_of(network: SpikingNetwork, schedule: Schedule) -> tuple[Slice, ...]:
    """Runs of neurons that share layer and core, in neuron order."""
    sizes = network.shape.layer_sizes
    if schedule.cores is None:
        return tuple(Slice(layer=layer, core=layer, neurons=size) for layer, size in enumerate(sizes))
    slices: list[Slice] = []
    for layer, (start, size) in enumerate(zip(network.shape.starts, sizes, strict=False)):
        cores = np.asarray(schedule.cores[start : start + size])
        ends = np.flatnonzero(np.append(cores[1:] != cores[:-1], True)) + 1
        starts = np.append(0, ends[:-1])
        slices += [
            Slice(layer=layer, core=int(cores[s]), neurons=int(e - s)) for s, e in zip(starts, ends, strict=True)
        ]
    return tuple(slices)


class Recorder:
    """Collects what a reference run does.

    An engine calls `begin_pass`, `frame` (mode `frame` only), `step` for each forward step and `end_pass`; every
    argument has one row a sample.
    """

    def __init__(self, network: SpikingNetwork, events: EventBatch, schedule: Schedule) -> None:
        self.network, self.events = network, events
        self.slices = slices_of(network, schedule)
        sizes = np.array([one.neurons for one in self.slices])
        self.slice_of_neuron = np.repeat(np.arange(len(sizes)), sizes)
        self.slice_starts = np.cumsum(sizes) - sizes
        self.layer_of_slice = np.array([one.layer for one in self.slices])
        self.fan_out = network.fan_out().numpy()
        layers = len(network.shape.layers)
        samples, timesteps, classes = len(events), events.timesteps, network.shape.layers[-1].neurons
        self.outputs = network.layer_slices[-1]
        self.first_layer = network.layer_slices[0]
        self.synaptic_operations = np.zeros((samples, layers), dtype=np.int64)
        self.forward_steps = np.zeros((samples, timesteps), dtype=np.int64)
        self.steps_to_first = np.full((samples, timesteps), NOT_REACHED, dtype=np.int64)
        self.spikes_to_first = np.full((samples, timesteps), NOT_REACHED, dtype=np.int64)
        self.spikes_to_stop = np.zeros((samples, timesteps), dtype=np.int64)
        self.convergence = np.zeros((samples, CONVERGENCE_STEPS, classes), dtype=np.int64)
        self.currents = np.zeros((2, CURRENT_BINS), dtype=np.int64)
        self.active = np.zeros((samples, timesteps, len(self.slices)), dtype=np.int64)
        self.residual = np.zeros((samples, len(self.slices)), dtype=np.int64)
        self.message_rows: list[Integers] = []
        self.update_rows: list[Integers] = []

    def begin_pass(self, timestep: int, potentials: torch.Tensor) -> None:
        """A timestep with the (B, N) potentials of its start, after decay and bias."""
        neurons = self.network.shape.neurons
        self.timestep, self.k = timestep, 0
        self.active_neurons = potentials.numpy(force=True) != 0
        self.since_spike = np.zeros((len(self.events), neurons), dtype=np.int64)
        self.output_counts = np.zeros((len(self.events), self.convergence.shape[2]), dtype=np.int64)
        self.output_history: list[Integers] = []

    def frame(self, frame: torch.Tensor, kept: torch.Tensor) -> None:
        """A frame delivered at once: (B, inputs) events or currents, and those that input dropout did not lose."""
        self._inputs(-1, frame.numpy(force=True), kept.numpy(force=True))

    def step(
        self,
        *,
        evaluated: torch.Tensor,
        fired: torch.Tensor,
        received: torch.Tensor,
        chosen: torch.Tensor,
        waiting: torch.Tensor,
        kept: torch.Tensor,
        enqueue_step: torch.Tensor,
        barriers: torch.Tensor,
        inputs: tuple[torch.Tensor, torch.Tensor] | None,
        active: torch.Tensor,
    ) -> None:
        """One forward step, after the choice and before what was chosen leaves.

        (B, N) each; `active` is (B,); `inputs` are the (B, inputs) events that leave in mode `queued`, as they came and
        as dropout kept them.
        """
        t, k = self.timestep, self.k
        went, fired_now = active.numpy(force=True), fired.numpy(force=True)
        self.forward_steps[went, t] += 1
        self.active_neurons = self.active_neurons | evaluated.numpy(force=True)
        self._updates(evaluated.numpy(force=True), fired_now)
        self._currents(fired_now, received.numpy(force=True))

        first = fired_now[:, self.outputs].any(axis=1) & (self.steps_to_first[:, t] == NOT_REACHED)
        self.steps_to_first[first, t] = k + 1
        self.spikes_to_first[first, t] = self.spikes_to_stop[first, t]
        self.output_counts = self.output_counts + fired_now[:, self.outputs]
        self.output_history.append(self.output_counts)

        if inputs is not None:
            self._inputs(k, inputs[0].numpy(force=True), inputs[1].numpy(force=True))
        sample, neuron = np.nonzero(chosen.numpy(force=True))
        spikes = waiting.numpy(force=True)[sample, neuron]
        source = 1 + self.slice_of_neuron[neuron]
        index = self.network.shape.input_size + neuron
        enqueued = enqueue_step.numpy(force=True)[sample, neuron]
        delivered = kept.numpy(force=True)[sample, neuron]
        self._messages(sample, k, source, enqueued, spikes, index, delivered)
        np.add.at(self.spikes_to_stop[:, t], sample, spikes)
        sample, neuron = np.nonzero(barriers.numpy(force=True))
        if len(sample):
            zeros = np.zeros_like(sample)
            columns = [sample, zeros + t, zeros + k, 1 + self.slice_of_neuron[neuron], zeros + k]
            self.message_rows.append(np.stack([*columns, zeros, zeros, zeros, zeros + 1], axis=1))
        self.k += 1

    def end_pass(self) -> None:
        """Add the outputs of m = 0, 1, … steps after the first output spike; an ended pass keeps its last counts."""
        self.active[:, self.timestep] = self._of_slices(self.active_neurons)
        if not self.output_history:
            return
        history = np.stack(self.output_history)
        first = self.steps_to_first[:, self.timestep] - 1
        decided = np.flatnonzero(first >= 0)
        for m in range(CONVERGENCE_STEPS):
            step = np.minimum(first[decided] + m, len(history) - 1)
            self.convergence[decided, m] += history[step, decided]

    def end(self, potentials: torch.Tensor) -> None:
        """The (B, N) potentials that the last pass leaves."""
        self.residual = self._of_slices(potentials.numpy(force=True) != 0)

    def execution(self, scores: torch.Tensor) -> Execution:
        """Everything recorded, with (B, C) scores."""
        return build_execution(
            self.network,
            self.events,
            slices=self.slices,
            scores=scores.detach().double().numpy(force=True),
            synaptic_operations=self.synaptic_operations,
            active=self.active,
            residual=self.residual,
            forward_steps=self.forward_steps,
            steps_to_first=self.steps_to_first,
            spikes_to_first=self.spikes_to_first,
            spikes_to_stop=self.spikes_to_stop,
            convergence=self.convergence,
            currents=self.currents,
            messages=self._message_table(),
            updates=self._update_table(),
        )

    def _inputs(self, step: int, left: NDArray[np.float32], kept: NDArray[np.float32]) -> None:
        sample, index = np.nonzero(left)
        counts, delivered = ((one != 0) if self.events.currents else one for one in (left, kept))
        spikes, arrived = (one[sample, index].astype(np.int64) for one in (counts, delivered))
        self._messages(sample, step, np.zeros_like(sample), np.full_like(sample, -1), spikes, index, arrived)

    def _messages(
        self,
        sample: Integers,
        step: int,
        source: Integers,
        enqueued: Integers,
        spikes: Integers,
        index: Integers,
        delivered: Integers,
    ) -> None:
        """Spikes that left; `index` counts inputs first, then neurons; `delivered` leaves out those lost to dropout."""
        if not len(sample):
            return
        operations = self.fan_out[index] * delivered
        target = np.where(source == 0, 0, np.append(-1, self.layer_of_slice)[source] + 1)
        inside = target < self.synaptic_operations.shape[1]
        np.add.at(self.synaptic_operations, (sample[inside], target[inside]), operations[inside])
        zeros = np.zeros_like(sample)
        columns = [sample, zeros + self.timestep, zeros + step, source, enqueued, zeros + 1, spikes, operations, zeros]
        self.message_rows.append(np.stack(columns, axis=1))

    def _updates(self, evaluated: NDArray[np.bool_], fired: NDArray[np.bool_]) -> None:
        evaluations, emissions = self._of_slices(evaluated), self._of_slices(fired)
        sample, part = np.nonzero(evaluations)
        zeros = np.zeros_like(sample)
        columns = [sample, zeros + self.timestep, zeros + self.k, part]
        self.update_rows.append(np.stack([*columns, evaluations[sample, part], emissions[sample, part]], axis=1))

    def _of_slices(self, flags: NDArray[np.bool_]) -> Integers:
        """(B, S) how many neurons of each slice are flagged."""
        return np.add.reduceat(flags, self.slice_starts, axis=1, dtype=np.int64)

    def _currents(self, fired: NDArray[np.bool_], received: Integers) -> None:
        self.since_spike += received
        for row, part in enumerate((slice(0, self.first_layer.stop), slice(self.first_layer.stop, None))):
            counts = self.since_spike[:, part][fired[:, part]]
            self.currents[row] += np.bincount(np.minimum(counts, CURRENT_BINS - 1), minlength=CURRENT_BINS)
        self.since_spike[fired] = 0

    def _message_table(self) -> MessageTable:
        rows = np.concatenate([np.zeros((0, 9), dtype=np.int64), *self.message_rows])
        keys, group = _group(rows[:, :5])
        sums = np.zeros((len(keys), 4), dtype=np.int64)
        np.add.at(sums, group, rows[:, 5:])
        return MessageTable.from_rows(np.concatenate([keys, sums], axis=1))

    def _update_table(self) -> UpdateTable:
        rows = np.concatenate([np.zeros((0, 6), dtype=np.int64), *self.update_rows])
        return UpdateTable.from_rows(rows[np.lexsort(rows[:, 3::-1].T)])


def build_execution(
    network: SpikingNetwork,
    events: EventBatch,
    *,
    slices: tuple[Slice, ...],
    scores: NDArray[np.float64],
    synaptic_operations: Integers,
    active: Integers,
    residual: Integers,
    forward_steps: Integers,
    steps_to_first: Integers,
    spikes_to_first: Integers,
    spikes_to_stop: Integers,
    convergence: Integers,
    currents: Integers,
    messages: MessageTable,
    updates: UpdateTable,
) -> Execution:
    """An execution from what an engine counted; see `Execution` for each argument. Sums over tables are taken here."""
    samples, layers = synaptic_operations.shape
    layer_of_slice = np.array([one.layer for one in slices])
    layer_of_source = np.append(-1, layer_of_slice)

    def per_layer(sample: Integers, layer: Integers, count: Integers) -> Integers:
        table = np.zeros((samples, layers), dtype=np.int64)
        np.add.at(table, (sample[layer >= 0], layer[layer >= 0]), count[layer >= 0])
        return table

    update_layer = layer_of_slice[updates.slice]
    message_layer = layer_of_source[messages.source]
    return Execution(
        shape=network.shape,
        slices=slices,
        timestep_s=events.timestep_s,
        sample_ids=events.sample_ids,
        labels=events.labels,
        scores=scores,
        spiking_readout=network.neuron.readout == "spikes",
        input_events=events.events,
        input_macs=synaptic_operations[:, 0].copy() if events.currents else np.zeros(samples, dtype=np.int64),
        emitted=per_layer(updates.sample, update_layer, updates.emitted),
        propagated=per_layer(messages.sample, message_layer, messages.spikes),
        synaptic_operations=synaptic_operations,
        evaluations=per_layer(updates.sample, update_layer, updates.evaluated),
        barrier_messages=per_layer(messages.sample, message_layer, messages.barriers),
        active=active,
        residual=residual,
        forward_steps=forward_steps,
        steps_to_first_output=steps_to_first,
        spikes_to_first_output=spikes_to_first,
        spikes_to_stop=spikes_to_stop,
        convergence=convergence,
        currents_before_firing=currents,
        messages=messages,
        updates=updates,
    )


def _group(keys: Integers) -> tuple[Integers, Integers]:
    """Distinct rows in order, and for each row its place among them."""
    if not len(keys):
        return keys, np.zeros(0, dtype=np.int64)
    order = np.lexsort(keys[:, ::-1].T)
    ordered = keys[order]
    starts = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
    group = np.empty(len(keys), dtype=np.int64)
    group[order] = np.cumsum(starts) - 1
    return ordered[starts], group

"""Counters of a run: an engine reports each forward step, and the result is an `Execution`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from codesign.arrays import Flags, Integers
from codesign.deferred import torch
from codesign.simulation.execution import (
    NOT_REACHED,
    Execution,
    MessageTable,
    Slice,
    UpdateTable,
    slice_of_neurons,
    slices_on,
)
from codesign.simulation.further_messages import distances_of_direct, with_further
from codesign.simulation.schedule import Schedule
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


CONVERGENCE_STEPS = 33
"""M: number of forward steps, from that of the first output spike on, for which output counts are kept."""
CURRENT_BINS = 257
"""K: bins of the histogram of messages received before firing; the last holds 256 and more."""


def slices_of(network: SpikingNetwork, schedule: Schedule) -> tuple[Slice, ...]:
    """Slices of neurons that share layer and core, layer by layer; without cores a layer is one slice."""
    sizes = network.shape.layer_sizes
    if schedule.cores is None:
        return tuple(Slice(layer=layer, core=layer, neurons=size) for layer, size in enumerate(sizes))
    return slices_on(network.shape, schedule.cores)


class Recorder:
    """Collects the counters of a reference run.

    The engine calls `begin_pass`, `inputs` for what leaves before the first forward step, `evaluations`, `departures`
    and, in mode `queued`, `inputs` in each forward step, and `end_pass`; every argument has one row per sample.
    """

    def __init__(self, network: SpikingNetwork, events: EventBatch, schedule: Schedule) -> None:
        self.network, self.events = network, events
        self.slices = slices_of(network, schedule)
        sizes = np.array([part.neurons for part in self.slices])
        self.slice_of_neuron = slice_of_neurons(network.shape, self.slices)
        self.by_slice = np.argsort(self.slice_of_neuron, kind="stable")
        self.slice_starts = np.cumsum(sizes) - sizes
        self.layer_of_slice = np.array([part.layer for part in self.slices])
        inputs, layers = network.shape.input_size, len(network.shape.layers)
        # of inputs, and then of neurons
        self.source_of = np.concatenate([np.zeros(inputs, dtype=np.int64), 1 + self.slice_of_neuron])
        self.layer_of = np.append(-1, self.layer_of_slice)[self.source_of]
        self.fan_out, zeros = network.fan_out().numpy(), network.zero_fan_out()
        self.zeros = zeros if len(zeros) else np.zeros_like(self.fan_out)
        self.direct = self._direct()
        samples, timesteps, classes = len(events), events.timesteps, network.shape.layers[-1].neurons
        self.outputs = network.layer_slices[-1]
        self.synaptic_operations = np.zeros((samples, layers), dtype=np.int64)
        self.zero_operations = np.zeros_like(self.synaptic_operations)
        self.tick_evaluations = np.zeros((samples, layers), dtype=np.int64)
        self.forward_steps = np.zeros((samples, timesteps), dtype=np.int64)
        self.contended_steps = np.zeros_like(self.forward_steps)
        self.steps_to_first_output = np.full((samples, timesteps), NOT_REACHED, dtype=np.int64)
        self.spikes_to_first_output = np.full((samples, timesteps), NOT_REACHED, dtype=np.int64)
        self.spikes_to_stop = np.zeros((samples, timesteps), dtype=np.int64)
        self.convergence = np.zeros((samples, CONVERGENCE_STEPS, classes), dtype=np.int64)
        self.timesteps_run = np.zeros(samples, dtype=np.int64)
        self.currents_before_firing = np.zeros((2, CURRENT_BINS), dtype=np.int64)
        self.active = np.zeros((samples, timesteps, len(self.slices)), dtype=np.int64)
        self.message_rows: list[Integers] = []
        self.update_rows: list[Integers] = []

    def begin_pass(self, timestep: int, runs: torch.Tensor, before: torch.Tensor, potentials: torch.Tensor) -> None:
        """Begin a timestep, which (B,) samples run, with the (B, N) potentials before and after decay and bias."""
        neurons = self.network.shape.neurons
        self.timestep, self.k = timestep, -1
        self.timesteps_run += runs.numpy(force=True)
        self.active_neurons = potentials.numpy(force=True) != 0
        if self.network.potential_steps is not None:  # truncating a potential to 0 counts as an update
            self.active_neurons |= before.numpy(force=True) != 0
        self.active_neurons &= runs.numpy(force=True)[:, None]
        self.since_spike = np.zeros((len(self.events), neurons), dtype=np.int64)
        self.output_counts = np.zeros((len(self.events), self.convergence.shape[2]), dtype=np.int64)
        self.output_history: list[Integers] = []

    def evaluations(
        self,
        active: torch.Tensor,
        evaluated: torch.Tensor,
        ticked: torch.Tensor | None,
        spikes: torch.Tensor,
        received: torch.Tensor,
    ) -> None:
        """Begin a forward step, which (B,) `active` samples run: (B, N) which neurons are evaluated, which of them no
        message reached (None if there can be none), the spikes that they emit, and the spike messages that reached
        them."""
        t = self.timestep
        self.k += 1
        self.forward_steps[active.numpy(force=True), t] += 1
        flags, emitted, reaching = (each.numpy(force=True) for each in (evaluated, spikes, received))
        fired = emitted > 0
        self.active_neurons = self.active_neurons | (reaching > 0)
        self._add_updates(flags, emitted)
        if ticked is not None:
            np.add.at(self.tick_evaluations.T, self.layer_of_slice, self._of_slices(ticked.numpy(force=True)).T)
        self._count_currents(fired, reaching)
        first = fired[:, self.outputs].any(axis=1) & (self.steps_to_first_output[:, t] == NOT_REACHED)
        self.steps_to_first_output[first, t] = self.k + 1
        self.spikes_to_first_output[first, t] = self.spikes_to_stop[first, t]
        self.output_counts = self.output_counts + emitted[:, self.outputs]
        self.output_history.append(self.output_counts)

    def inputs(self, left: torch.Tensor, kept: torch.Tensor) -> None:
        """Count (B, inputs) events or currents that leave, and those that input dropout kept."""
        values = [each.numpy(force=True) for each in (left, kept)]
        counts, delivered = (each != 0 if self.events.currents else each for each in values)
        since = np.broadcast_to(np.int64(-1), counts.shape)
        self._add_messages(0, counts.astype(np.int64), delivered.astype(np.int64), since)

    def departures(
        self,
        contended: torch.Tensor,
        left: torch.Tensor,
        kept: torch.Tensor,
        enqueue_step: torch.Tensor,
        barriers: torch.Tensor,
    ) -> None:
        """Count what leaves in a forward step: (B,) whether more neurons wait than can leave, (B, N) spikes, those that
        neither dropout nor a max pool loses, since when their neurons have waited, and barrier messages."""
        self.contended_steps[contended.numpy(force=True), self.timestep] += 1
        spikes, delivered, since = (each.numpy(force=True) for each in (left, kept, enqueue_step))
        self._add_messages(self.network.shape.input_size, spikes, delivered, since)
        self.spikes_to_stop[:, self.timestep] += spikes.sum(axis=1)
        sample, neuron = np.nonzero(barriers.numpy(force=True))
        if len(sample):
            self._add_rows(sample, 1 + self.slice_of_neuron[neuron], self.k, 0, 0, 0, 1)

    def end_pass(self) -> None:
        """Add the outputs m = 0, 1, … steps after the first output spike; a pass that has ended keeps its last
        counts."""
        self.active[:, self.timestep] = self._of_slices(self.active_neurons)
        if not self.output_history:
            return
        history = np.stack(self.output_history)
        first = self.steps_to_first_output[:, self.timestep] - 1
        decided = np.flatnonzero(first >= 0)
        for m in range(CONVERGENCE_STEPS):
            step = np.minimum(first[decided] + m, len(history) - 1)
            self.convergence[decided, m] += history[step, decided]

    def execution(self, scores: torch.Tensor, potentials: torch.Tensor) -> Execution:
        """Everything recorded, with the (B, R, C) scores and the (B, N) potentials after the last pass."""
        messages, updates = self._message_table(), self._update_table()
        recorded = {**vars(self), **self._layer_sums(messages, updates), "messages": messages, "updates": updates}
        recorded["residual"] = self._of_slices(potentials.numpy(force=True) != 0)
        recorded["scores"] = scores.double().numpy(force=True)
        return build_execution(self.network, self.events, recorded)

    def _direct(self) -> list[tuple[int, int, Integers]]:
        """For each direct connection: its source layer (−1 is the input), the distance of its sources in the message
        table from those of the layer's own messages, and the (inputs + N,) synapses of each source."""
        direct = []
        distances = distances_of_direct(self.network.shape, self.slices)
        for connection, distance in zip(self.network.direct(), distances, strict=True):
            fan_out = np.zeros(len(self.layer_of), dtype=np.int64)
            fan_out[self.layer_of == connection.shape.source] = connection.fan_out().numpy()
            direct.append((connection.shape.source, distance, fan_out))
        return direct

    def _add_messages(self, first: int, left: Integers, kept: Integers, since: Integers) -> None:
        """Record (B, n) spikes that leave inputs or neurons (numbered together, from `first` on), those that are not
        lost, and the step in which they began to wait."""
        sample, place = np.nonzero(left)
        if not len(sample):
            return
        index, delivered, spikes = first + place, kept[sample, place], left[sample, place]
        layer, operations = self.layer_of[index], self.fan_out[index] * delivered
        inside = layer + 1 < self.synaptic_operations.shape[1]
        to = sample[inside], layer[inside] + 1
        np.add.at(self.synaptic_operations, to, operations[inside])
        np.add.at(self.zero_operations, to, (self.zeros[index] * delivered)[inside])
        source, waits = self.source_of[index], since[sample, place]
        self._add_rows(sample, source, waits, 1, spikes, operations, 0)
        for from_layer, further, fan_out in self.direct:
            own = layer == from_layer
            over = fan_out[index] * delivered
            self._add_rows(sample[own], source[own] + further, waits[own], 1, spikes[own], over[own], 0)

    def _add_rows(self, sample: Integers, source: Integers, since: Integers | int, *counts: Integers | int) -> None:
        """Add rows to the message table."""
        columns = np.broadcast_arrays(sample, self.timestep, self.k, source, since, *counts)
        self.message_rows.append(np.stack(columns, axis=1))

    def _add_updates(self, evaluated: Flags, spikes: Integers) -> None:
        """Add the rows of a step to the update table."""
        evaluations, emissions = self._of_slices(evaluated), self._of_slices(spikes)
        sample, part = np.nonzero(evaluations)
        counts = evaluations[sample, part], emissions[sample, part]
        columns = np.broadcast_arrays(sample, self.timestep, self.k, part, *counts)
        self.update_rows.append(np.stack(columns, axis=1))

    def _of_slices(self, numbers: Flags | Integers) -> Integers:
        """(B, S) sums over the neurons of each slice; for flags, how many are set."""
        return np.add.reduceat(numbers[:, self.by_slice], self.slice_starts, axis=1, dtype=np.int64)

    def _count_currents(self, fired: Flags, received: Integers) -> None:
        """Count the messages that neurons received before they fired."""
        self.since_spike += received
        behind = self.network.shape.starts[1]
        for row, part in enumerate((slice(0, behind), slice(behind, None))):
            counts = self.since_spike[:, part][fired[:, part]]
            self.currents_before_firing[row] += np.bincount(
                np.minimum(counts, CURRENT_BINS - 1), minlength=CURRENT_BINS
            )
        self.since_spike[fired] = 0

    def _message_table(self) -> MessageTable:
        rows = np.concatenate([np.zeros((0, 9), dtype=np.int64), *self.message_rows])
        keys, group = np.unique(rows[:, :5], axis=0, return_inverse=True)
        sums = np.zeros((len(keys), 4), dtype=np.int64)
        np.add.at(sums, group.reshape(-1), rows[:, 5:])
        return MessageTable.of(np.concatenate([keys, sums], axis=1).T.copy())

    def _update_table(self) -> UpdateTable:
        rows = np.concatenate([np.zeros((0, 6), dtype=np.int64), *self.update_rows])
        return UpdateTable.of(rows[np.lexsort(rows[:, 3::-1].T)].T.copy())

    def _layer_sums(self, messages: MessageTable, updates: UpdateTable) -> dict[str, Integers]:
        """(B, L) sums of the rows of tables."""
        samples, layers = self.synaptic_operations.shape
        messages = messages.where(messages.source <= len(self.slices))

        def per_layer(sample: Integers, layer: Integers, count: Integers) -> Integers:
            place = sample * (layers + 1) + layer + 1  # the input comes first; it is not a layer
            sums = np.bincount(place, weights=count, minlength=samples * (layers + 1))  # exact below 2**53
            return sums.astype(np.int64).reshape(samples, layers + 1)[:, 1:].copy()

        of_update, of_message = self.layer_of_slice[updates.slice], np.append(-1, self.layer_of_slice)[messages.source]
        return {
            "emitted": per_layer(updates.sample, of_update, updates.emitted),
            "propagated": per_layer(messages.sample, of_message, messages.spikes),
            "evaluations": per_layer(updates.sample, of_update, updates.evaluated),
            "barrier_messages": per_layer(messages.sample, of_message, messages.barriers),
        }


def build_execution(network: SpikingNetwork, events: EventBatch, recorded: Mapping[str, Any]) -> Execution:
    """An execution from what an engine recorded; what follows from the network and the events is added here.

    Args:
        recorded: (B, R, C) `scores`, (B, L) `zero_operations`, and counters and tables by their names in `Execution`;
            anything else is left out.
    """
    scores, spiking = recorded["scores"], network.neuron.readout == "spikes"
    outputs = scores if spiking else np.zeros((len(events), events.timesteps, scores.shape[2]))
    operations = recorded["synaptic_operations"]
    derived = {
        "shape": network.shape,
        "timestep_s": events.timestep_s,
        "sample_ids": events.sample_ids.copy(),  # the batch's own array may be written to later
        "labels": events.labels.copy(),
        "scores": scores.sum(axis=1),
        "output_counts": outputs.astype(np.int64),
        "spiking_readout": spiking,
        "input_events": events.events_in(recorded["timesteps_run"]),
        "input_macs": operations[:, 0] * events.currents,
        "zero_weights": _zero_weights(network, recorded["zero_operations"], operations),
    }
    names = {field.name for field in fields(Execution)}
    execution = Execution(**{**{name: recorded[name] for name in names & recorded.keys()}, **derived})
    return with_further(execution, currents=events.currents) if network.shape.further else execution


def _zero_weights(network: SpikingNetwork, over_zeros: Integers, operations: Integers) -> tuple[float, ...]:
    """`Execution.zero_weights`, given the (B, L) operations over weights of 0 and all from layer to layer."""
    shares = []
    for weight, zeros, of_all in zip(network.weights(), over_zeros.sum(axis=0), operations.sum(axis=0), strict=True):
        shares.append(float(zeros / of_all if of_all else (weight == 0).double().mean()))
    return tuple(shares) if any(shares) else ()

"""Work by steps: what every core has to do in each hardware step, forward step or layer of an execution.

A step's time is a price: work · times. The work itself depends on the execution, the placement and the lanes only, so
it is gathered once and priced as often as one likes. Steps with the same work are one row, which merges them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.service import ServiceTimes
from codesign.hardware.work import (
    Layout,
    barrier_outputs,
    deliveries,
    drained_neurons,
    lane_operations,
    sent_messages,
    updated_neurons,
)
from codesign.simulation.execution import Execution

__all__ = ["StepWork", "forward_steps", "layer_steps", "pipelined_steps"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_KINDS = 6  # of work: lane operations, messages received, accesses, lane updates, spikes generated, messages sent


@dataclass(frozen=True, kw_only=True)
class StepWork:
    """U different steps on K cores, and which of them each sample goes through.

    Attributes:
        work: (U, K, 6) lane operations, messages received, neurons accessed, lane updates, spikes generated and
            messages sent. Where several placements of a core must not be added up, K stands for placements.
        sent: (U, S + 1) messages under way in the step by source: 0 the input, 1 + slice.
        steps: (B, H) row of `work` of each step of each sample; row 0 is the empty step, which also fills up.
    """

    work: Floats
    sent: Floats
    steps: Integers

    def busy(self, times: ServiceTimes) -> Floats:
        """(U, K) time that each core works in each step, in seconds."""
        prices = (
            times.synaptic_operation_s,
            times.message_s,
            times.neuron_access_s,
            times.neuron_update_s,
            times.spike_s,
            times.output_s,
        )
        total = self.work[:, :, 0] * prices[0]
        for kind in range(1, _KINDS):
            total = total + self.work[:, :, kind] * prices[kind]
        return np.asarray(total)

    def ways(self, way_of_source: Floats) -> Floats:
        """(U,) longest way of a message under way in each step; `way_of_source` is (S + 1,), in seconds."""
        return np.asarray(np.where(self.sent > 0, way_of_source, 0.0).max(axis=1))

    def link_time(self, layout: Layout, chip: Chip) -> Floats:
        """(U,) time that the busiest link needs for its messages; 0 where the rate of links is not known."""
        network = chip.network_on_chip
        if network is None or network.link_rate is None or not layout.links.shape[1]:
            return np.zeros(len(self.sent))
        return np.asarray((self.sent @ layout.links).max(axis=1) / network.link_rate.value)


def ways_of_sources(execution: Execution, layout: Layout, times: ServiceTimes) -> Floats:
    """(S + 1,) longest way of a message of each source to a core of the next layer, in seconds."""
    ways = np.zeros(len(execution.slices) + 1)
    for source in range(len(ways)):
        target = 0 if source == 0 else execution.slices[source - 1].layer + 1
        places = layout.core[layout.placements_of(target)]
        if len(places):
            ways[source] = times.route_s[np.ix_(layout.source_rows(source), places)].max()
    return ways


def pipelined_steps(execution: Execution, chip: Chip, layout: Layout, ticks: int = 1) -> StepWork:
    """Hardware steps of barriers once a timestep and of timers: layer l of timestep t in step t · ticks + l."""
    work, sent = _passes(execution, chip, layout)
    samples, timesteps = work.shape[:2]
    layers = len(execution.shape.layers)
    count = timesteps * ticks + layers - 1
    steps = np.zeros((samples, count, layout.cores, _KINDS))
    flows = np.zeros((samples, count, sent.shape[2]))
    drained = lane_operations(drained_neurons(execution, chip) @ layout.share, chip)
    for placement, (layer, core) in enumerate(zip(layout.layer, layout.core, strict=True)):
        steps[:, layer : layer + timesteps * ticks : ticks, core] += work[:, :, placement]
        steps[:, count - (layers - 1 - layer) :, core, 3] += drained[:, placement, None]
    for source in range(sent.shape[2]):
        layer = 0 if source == 0 else execution.slices[source - 1].layer + 1
        if layer < layers:
            flows[:, layer : layer + timesteps * ticks : ticks, source] += sent[:, :, source]
    steps[:, :, :, 2] = np.bincount(layout.core, weights=layout.accessed, minlength=layout.cores)
    return _merged(steps, flows)


def layer_steps(execution: Execution, chip: Chip, layout: Layout) -> StepWork:
    """One step a layer of each timestep, the paper's reading of barriers: (B, T · L) steps over placements."""
    work, sent = _passes(execution, chip, layout)
    samples, timesteps = work.shape[:2]
    layers = len(execution.shape.layers)
    work[:, :, :, 2] = layout.accessed
    steps = np.zeros((samples, timesteps, layers, len(layout.layer), _KINDS))
    flows = np.zeros((samples, timesteps, layers, sent.shape[2]))
    for layer in range(layers):
        own = layout.placements_of(layer)
        steps[:, :, layer, own] = work[:, :, own]
    for source in range(sent.shape[2]):
        layer = 0 if source == 0 else execution.slices[source - 1].layer + 1
        if layer < layers:
            flows[:, :, layer, source] = sent[:, :, source]
    shape = (samples, timesteps * layers)
    return _merged(steps.reshape(*shape, -1, _KINDS), flows.reshape(*shape, -1))


def forward_steps(execution: Execution, chip: Chip, layout: Layout) -> StepWork:
    """Forward steps of each pass, for the stepwise bound of chips without synchronization: (B, T · steps) of them."""
    table, updates = execution.messages, execution.updates
    samples, timesteps = execution.samples, execution.timesteps
    count = 2 + int(max(table.step.max(initial=-1), updates.step.max(initial=-1)))
    starts = np.arange(samples * timesteps, dtype=np.int64) * count
    received = _flat(table.sample, table.timestep, table.step + 1, timesteps, count)
    evaluated_at = _flat(updates.sample, updates.timestep, updates.step, timesteps, count)
    barriers = barrier_outputs(execution, chip, layout)
    own = np.flatnonzero(barriers)
    sent_at = _flat(table.sample[own], table.timestep[own], table.enqueue_step[own], timesteps, count)
    used = np.unique(np.concatenate([received, evaluated_at, sent_at, starts]))
    work = np.zeros((len(used), layout.cores, _KINDS))
    sent = np.zeros((len(used), len(execution.slices) + 1))
    arrivals = deliveries(execution, chip, layout)
    at = np.searchsorted(used, received[arrivals.row])
    core = layout.core[arrivals.placement]
    np.add.at(work[:, :, 0], (at, core), arrivals.operations)
    np.add.at(work[:, :, 1], (at, core), arrivals.messages)
    under_way = np.searchsorted(used, received)
    np.add.at(sent, (under_way, table.source), (table.spikes + table.barriers).astype(np.float64))
    at = np.searchsorted(used, evaluated_at)
    share = layout.share[updates.slice]
    evaluated = lane_operations(updates.evaluated[:, None] * share, chip)
    spikes, outputs = sent_messages(execution, chip, layout)
    for placement, core_of in enumerate(layout.core):
        np.add.at(work[:, core_of, 3], at, evaluated[:, placement])
        np.add.at(work[:, core_of, 4], at, spikes * share[:, placement])
        np.add.at(work[:, core_of, 5], at, outputs * share[:, placement])
    at = np.searchsorted(used, sent_at)
    for placement, core_of in enumerate(layout.core):
        np.add.at(work[:, core_of, 5], at, barriers[own] * layout.share[table.source[own] - 1, placement])
    if chip.synchronization.kind == "clocked":
        accessed = np.bincount(layout.core, weights=layout.accessed, minlength=layout.cores)
        work[np.searchsorted(used, starts), :, 2] = accessed
    merged = _merged(work[:, None], sent[:, None])
    steps = np.zeros((samples, timesteps * count), dtype=np.int64)
    steps.reshape(-1)[used] = merged.steps[:, 0]
    return StepWork(work=merged.work, sent=merged.sent, steps=steps)


def _flat(sample: Integers, timestep: Integers, step: Integers, timesteps: int, count: int) -> Integers:
    return np.asarray((sample * timesteps + timestep) * count + step)


def _passes(execution: Execution, chip: Chip, layout: Layout) -> tuple[Floats, Floats]:
    """(B, T, P, 6) work of each placement and (B, T, S + 1) messages of each source, by forward pass."""
    table, updates = execution.messages, execution.updates
    grid = (execution.samples, execution.timesteps)
    work = np.zeros((*grid, len(layout.layer), _KINDS))
    sent = np.zeros((*grid, len(execution.slices) + 1))
    arrivals = deliveries(execution, chip, layout)
    at = (table.sample[arrivals.row], table.timestep[arrivals.row], arrivals.placement)
    np.add.at(work[:, :, :, 0], at, arrivals.operations)
    np.add.at(work[:, :, :, 1], at, arrivals.messages)
    np.add.at(sent, (table.sample, table.timestep, table.source), table.spikes.astype(np.float64))
    work[:, :, :, 3] = lane_operations(updated_neurons(execution, chip) @ layout.share, chip)
    spikes, outputs = sent_messages(execution, chip, layout)
    share = layout.share[updates.slice]
    for placement in range(len(layout.layer)):
        which = (updates.sample, updates.timestep)
        np.add.at(work[:, :, placement, 4], which, spikes * share[:, placement])
        np.add.at(work[:, :, placement, 5], which, outputs * share[:, placement])
    return work, sent


def _merged(work: Floats, sent: Floats) -> StepWork:
    """From (B, H, K, 6) and (B, H, S + 1); row 0 becomes the empty step."""
    samples, count, cores, kinds = work.shape
    flat = np.concatenate([work.reshape(samples * count, -1), sent.reshape(samples * count, -1)], axis=1)
    flat = np.concatenate([np.zeros((1, flat.shape[1])), flat])
    rows, place = _unique_rows(flat)
    empty = place[0]
    order = np.append(empty, np.delete(np.arange(len(rows)), empty))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    rows = rows[order]
    return StepWork(
        work=np.ascontiguousarray(rows[:, : cores * kinds]).reshape(-1, cores, kinds),
        sent=np.ascontiguousarray(rows[:, cores * kinds :]),
        steps=rank[place[1:]].reshape(samples, count),
    )


def _unique_rows(flat: Floats) -> tuple[Floats, Integers]:
    """Distinct rows and which of them each row is; rows are compared bit by bit, and no value is −0."""
    flat = np.ascontiguousarray(flat)
    keys = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1]))).reshape(-1)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return flat[first], place.reshape(-1)

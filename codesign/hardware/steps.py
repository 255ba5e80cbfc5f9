"""Work by steps: what every core has to do in each hardware step, forward step or layer of an execution.

A step's time is a price: work · times. The work itself depends on the execution, the placement and the lanes only, so
it is gathered once and priced as often as one likes. Steps with the same work are one row, which merges them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from codesign.arrays import Flags, Floats, Integers
from codesign.hardware.geometry import Geometry
from codesign.hardware.lanes import lane_operations
from codesign.hardware.work import PlacedExecution, drained_neurons, updated_neurons

_KINDS = 6  # of work: those of `codesign.hardware.terms.WORK_TIMES`
_CHUNK = 1 << 17  # numbers of a chunk of steps: what a core's cache holds


@dataclass(frozen=True, kw_only=True)
class StepWork:
    """U different steps on K cores, and which of them each sample goes through.

    Attributes:
        work: (U, K, 6) lane operations, messages received, neurons accessed, lane updates, spikes generated and
            messages sent, priced as `codesign.hardware.terms.WORK_TIMES` says. Where several parts of a core must not
            be added up, K stands for parts.
        sent: (U, S + 1) messages under way in the step by source: 0 the input, 1 + slice.
        which: (B, H) row of `work` of each step of each sample; row 0 stands for no step, and takes no time. Samples
            that run fewer timesteps than others begin with it, so that all end together.
        routes: S + 1 arrays (ways, 3) of the different ways of a message of each source to the next layer: hops along
            the row, along the column, and borders between chips.
        links: (S + 1, Q) how often one message of each source passes each of Q links.
    """

    work: Floats
    sent: Floats
    which: Integers
    routes: tuple[Integers, ...]
    links: Floats

    def busy(self, times_s: Floats) -> Floats:
        """(U, K, n) time of each core in each step, in seconds, from the (6, n) times of the kinds of work."""
        steps, cores, _ = self.work.shape
        return (self.work.reshape(-1, _KINDS) @ times_s).reshape(steps, cores, -1)

    def longest(self, times_s: Floats) -> Floats:
        """(U, n) time of the busiest core of each step."""
        steps, cores, _ = self.work.shape
        used = np.flatnonzero(self.work.any(axis=(0, 1)) & times_s.any(axis=1))
        longest = np.zeros((steps, times_s.shape[1]))
        if not len(used):
            return longest
        amounts = np.ascontiguousarray(self.work[:, :, used].transpose(1, 0, 2))
        chunk = max(1, _CHUNK // times_s.shape[1])
        for first in range(0, steps, chunk):
            part = longest[first : first + chunk]
            for core in range(cores):
                np.maximum(part, amounts[core, first : first + chunk] @ times_s[used], out=part)
        return longest

    def ways(self, hop_s: Floats) -> Floats:
        """(U, n) or (1, 1) longest way of a message under way in each step, from the (3, n) times of `routes`."""
        of_source = np.zeros((len(self.routes), hop_s.shape[1]))
        for source, routes in enumerate(self.routes):
            if len(routes):
                of_source[source] = (routes @ hop_s).max(axis=0)
        if not of_source.any():
            return np.zeros((1, 1))
        patterns, which = np.unique(self.sent > 0, axis=0, return_inverse=True)
        longest = [np.where(pattern[:, None], of_source, 0.0).max(axis=0) for pattern in patterns]
        return np.array(longest)[which.reshape(-1)]

    def busiest_link(self) -> Floats:
        """(U,) messages over the busiest link in each step."""
        return (self.sent @ self.links).max(axis=1) if self.links.shape[1] else np.zeros(len(self.sent))

    @property
    def real(self) -> Flags:
        """(B, H) where a sample has a step."""
        return self.which > 0

    def summed(self, values: Floats) -> Floats:
        """(B, n) sum over the steps that each sample goes through, from (U, n)."""
        from scipy.sparse import csr_array

        ends = np.append(0, np.cumsum(self.real.sum(axis=1)))
        shape = (len(self.which), len(values))
        through = csr_array((np.ones(ends[-1]), self.which[self.real], ends), shape=shape)
        through.sum_duplicates()  # how often each sample goes through each step
        return np.asarray(through @ values)


def _routes(work: PlacedExecution) -> tuple[Integers, ...]:
    geometry, routes = work.geometry, []
    for source in range(len(work.layer_reached)):
        ways = geometry.ways[np.ix_(work.starts(source), work.places(source))].reshape(-1, 3)
        routes.append(np.unique(ways, axis=0))
    return tuple(routes)


def pipelined_steps(work: PlacedExecution, ticks: int = 1) -> StepWork:
    """Hardware steps of barriers once a timestep and of timers: layer l of timestep t in step t · ticks + l."""
    done, sent = _passes(work)
    geometry, timesteps, layers = work.geometry, work.timesteps, work.layers
    count = timesteps * ticks + layers - 1
    steps = np.zeros((work.samples, count, geometry.cores, _KINDS))
    flows = np.zeros((work.samples, count, sent.shape[2]))
    drained = lane_operations(drained_neurons(work.execution, work.chip) @ work.share, work.chip)
    for part, (layer, core) in enumerate(zip(geometry.layer, geometry.core, strict=True)):
        steps[:, layer : layer + timesteps * ticks : ticks, core] += done[:, :, part]
        steps[:, count - (layers - 1 - layer) :, core, 3] += drained[:, part, None]
    for source, layer in enumerate(work.layer_reached):
        if layer < layers:
            flows[:, layer : layer + timesteps * ticks : ticks, source] += sent[:, :, source]
    steps[:, :, :, 2] = work.accessed
    real = np.arange(count) >= (timesteps - work.timesteps_run)[:, None] * ticks
    return _merged(work, steps, flows, real)


def layer_steps(work: PlacedExecution) -> StepWork:
    """One step a layer of each timestep, the paper's reading of barriers: (B, T · L) steps over parts."""
    done, sent = _passes(work)
    done[:, :, :, 2] = work.accessed_by_part
    shape = (work.samples, work.timesteps, work.layers)
    steps = np.zeros((*shape, len(work.geometry.layer), _KINDS))
    flows = np.zeros((*shape, sent.shape[2]))
    for layer in range(work.layers):
        own = work.geometry.parts_of(layer)
        steps[:, :, layer, own] = done[:, :, own]
    for source, layer in enumerate(work.layer_reached):
        if layer < work.layers:
            flows[:, :, layer, source] = sent[:, :, source]
    flat = (work.samples, work.timesteps * work.layers)
    real = np.arange(flat[1]) >= (work.timesteps - work.timesteps_run)[:, None] * work.layers
    return _merged(work, steps.reshape(*flat, -1, _KINDS), flows.reshape(*flat, -1), real)


def forward_steps(work: PlacedExecution) -> StepWork:
    """Forward steps of each pass, for the stepwise bound of chips without synchronization: (B, T · steps) of them."""
    table, updates, geometry = work.messages, work.execution.updates, work.geometry
    count = 2 + int(max(table.step.max(initial=-1), updates.step.max(initial=-1)))

    def number(sample: Integers, timestep: Integers, step: Integers) -> Integers:
        return np.asarray((sample * work.timesteps + timestep) * count + step)

    ran = np.arange(work.timesteps) < work.timesteps_run[:, None]
    starts = np.flatnonzero(ran) * count
    received = number(table.sample, table.timestep, table.step + 1)
    evaluated_at = number(updates.sample, updates.timestep, updates.step)
    own = np.flatnonzero(work.barrier_outputs)
    sent_at = number(table.sample[own], table.timestep[own], table.enqueue_step[own])
    used = np.unique(np.concatenate([received, evaluated_at, sent_at, starts]))
    done = np.zeros((len(used), geometry.cores, _KINDS))
    flows = np.zeros((len(used), len(work.layer_reached)))
    arrivals = work.deliveries
    at, core = np.searchsorted(used, received[arrivals.row]), geometry.core[arrivals.part]
    np.add.at(done[:, :, 0], (at, core), arrivals.operations)
    np.add.at(done[:, :, 1], (at, core), arrivals.messages)
    under_way = (np.searchsorted(used, received), table.source)
    np.add.at(flows, under_way, (table.spikes + table.barriers).astype(np.float64))
    at, share = np.searchsorted(used, evaluated_at), work.share[updates.slice]
    evaluated = lane_operations(updates.evaluated[:, None] * share, work.chip)
    spikes, outputs = work.sent
    at_barriers, barrier_share = np.searchsorted(used, sent_at), work.share[table.source[own] - 1]
    for part, core_of in enumerate(geometry.core):
        np.add.at(done[:, core_of, 3], at, evaluated[:, part])
        np.add.at(done[:, core_of, 4], at, spikes * share[:, part])
        np.add.at(done[:, core_of, 5], at, outputs * share[:, part])
    for part, core_of in enumerate(geometry.core):
        np.add.at(done[:, core_of, 5], at_barriers, work.barrier_outputs[own] * barrier_share[:, part])
    if work.chip.synchronization.kind == "clocked":
        done[np.searchsorted(used, starts), :, 2] = work.accessed
    merged = _merged(work, done[:, None], flows[:, None], np.ones((len(used), 1), dtype=bool))
    which = np.zeros((work.samples, work.timesteps * count), dtype=np.int64)
    which.reshape(-1)[used] = merged.which[:, 0]
    return replace(merged, which=which)


def _passes(work: PlacedExecution) -> tuple[Floats, Floats]:
    """(B, T, P, 6) work of each part and (B, T, S + 1) messages of each source, by forward pass; the passes of samples
    that ended early come last, and before them are zeros."""
    table, updates, arrivals = work.messages, work.execution.updates, work.deliveries
    grid = (work.samples, work.timesteps)
    done = np.zeros((*grid, work.share.shape[1], _KINDS))
    sent = np.zeros((*grid, len(work.layer_reached)))
    at = (table.sample[arrivals.row], table.timestep[arrivals.row], arrivals.part)
    np.add.at(done[:, :, :, 0], at, arrivals.operations)
    np.add.at(done[:, :, :, 1], at, arrivals.messages)
    np.add.at(sent, (table.sample, table.timestep, table.source), table.spikes.astype(np.float64))
    done[:, :, :, 3] = lane_operations(updated_neurons(work.execution, work.chip) @ work.share, work.chip)
    spikes, outputs = work.sent
    share, which = work.share[updates.slice], (updates.sample, updates.timestep)
    for part in range(work.share.shape[1]):
        np.add.at(done[:, :, part, 4], which, spikes * share[:, part])
        np.add.at(done[:, :, part, 5], which, outputs * share[:, part])
    if (work.timesteps_run == work.timesteps).all():
        return done, sent
    # what is not run holds nothing, so that to roll a sample's timesteps puts zeros first
    timestep = (np.arange(work.timesteps) + work.timesteps_run[:, None]) % work.timesteps
    rolled = np.arange(work.samples)[:, None], timestep
    return done[rolled], sent[rolled]


def _merged(work: PlacedExecution, done: Floats, sent: Floats, real: Flags) -> StepWork:
    """From (B, H, K, 6), (B, H, S + 1) and (B, H), whether there is such a step."""
    samples, count, cores, kinds = done.shape
    flat = np.concatenate([done.reshape(samples * count, -1), sent.reshape(samples * count, -1)], axis=1)
    rows, place = _unique_rows(flat)
    rows = np.concatenate([np.zeros((1, flat.shape[1])), rows])
    return StepWork(
        work=np.ascontiguousarray(rows[:, : cores * kinds]).reshape(-1, cores, kinds),
        sent=np.ascontiguousarray(rows[:, cores * kinds :]),
        which=np.where(real, 1 + place.reshape(samples, count), 0),
        routes=_routes(work),
        links=work.source_links,
    )


def _unique_rows(flat: Floats) -> tuple[Floats, Integers]:
    """Distinct rows and which of them each row is; rows are compared bit by bit, and no value is −0."""
    flat = np.ascontiguousarray(flat)
    keys = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1]))).reshape(-1)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return flat[first], place.reshape(-1)


# samples without a pause between them, on a chip that works on layers in a pipeline -----------------------------------


def overlaps(geometry: Geometry | None) -> bool:
    """Whether every core holds one layer only, so that it works on one sample at a time."""
    return geometry is not None and len({*zip(geometry.core, geometry.layer, strict=True)}) == geometry.cores


def stream_intervals(steps: StepWork, length_s: Floats, apart: Integers) -> Floats:
    """(B, n) time from each sample to the next.

    The first layer turns to the next sample when it has had the last timestep of this one, while later layers still
    work on this one. A step is then as long as the longest of those that fall on it: of step t of one sample, step
    T + t of the sample before, and so on. Each sample is taken to follow one like it, so that its time depends on no
    other.

    Args:
        length_s: (U, n) of each step.
        apart: (B,) steps from the begin of a sample to that of the next.
    """
    sample, step = np.nonzero(steps.real)
    begin, first = np.cumsum(apart) - apart, steps.real.argmax(axis=1)
    longest = np.zeros((int(apart.sum()), length_s.shape[1]))
    place = begin[sample] + (step - first[sample]) % apart[sample]
    np.maximum.at(longest, place, length_s[steps.which[steps.real]])
    intervals = np.zeros((len(apart), length_s.shape[1]))
    np.add.at(intervals, np.repeat(np.arange(len(apart)), apart), longest)
    return intervals

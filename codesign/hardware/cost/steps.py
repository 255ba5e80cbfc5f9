"""Work by step: what every core has to do in each hardware step, forward step or layer of an execution.

A step's time is a price: work · times. The work depends only on the execution, the placement and the lanes, so it is
gathered once and priced repeatedly. Steps with the same work share one row, without any approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Flags, Floats, Integers
from codesign.hardware.cost.work import PlacedExecution, StepRecord, drained_neurons, updated_neurons
from codesign.hardware.placement.lanes import lane_operations
from codesign.hardware.terms import WORK_TIMES
from codesign.simulation.execution import MessageTable, UpdateTable

_KINDS = len(WORK_TIMES)
_CHUNK = 1 << 17  # numbers in a chunk of steps, which fit into a core's cache


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What one core, or the input, sends to one layer.

    Attributes:
        core: source of the messages; None for the input.
        sources: (m,) columns of `StepWork.sent` that count the messages.
        targets: (k,) cores of the layer.
        hops: (k, 3) hops along the row, along the column, and across chip borders.
        layer: number of the layer, and so of the steps from the first layer's work on a frame to the layer's.
    """

    core: int | None
    sources: Integers
    targets: Integers
    hops: Integers
    layer: int


@dataclass(frozen=True, kw_only=True)
class StepWork:
    """U different steps on K cores, and which of them each sample runs through.

    Attributes:
        work: (U, K, 6) lane operations, messages received, visits, lane updates, spikes generated and
            messages sent, priced as `codesign.hardware.terms.WORK_TIMES` says. If the parts of a core must not be
            summed, K counts parts.
        sent: (U, S) messages under way in the step, by source, as in `Reach`.
        which: (B, H) row of `work` for each step of each sample; row 0 stands for no step and takes no time. Samples
            that run fewer timesteps than others start with it, so that all end together.
        routes: S arrays (routes, 3) of the different routes of a message of each source to the next layer: hops
            along the row, along the column, and across chip borders.
        links: (S, Q) how often one message of each source crosses each of Q links.
        feeds: which cores send to which, for a chip that synchronizes between neighbours.
    """

    work: Floats
    sent: Floats
    which: Integers
    routes: tuple[Integers, ...]
    links: Floats
    feeds: tuple[Feed, ...] = ()

    def busy(self, times_s: Floats) -> Floats:
        """(U, K, n) time of each core in each step, in seconds, from the (6, n) times of the kinds of work."""
        steps, cores, _ = self.work.shape
        return (self.work.reshape(-1, _KINDS) @ times_s).reshape(steps, cores, -1)

    def busy_in_all(self, times_s: Floats) -> Floats:
        """(B, K, n) time of each core in all steps of a sample."""
        busy = self.busy(times_s)
        return self.summed(busy.reshape(len(busy), -1)).reshape(len(self.which), *busy.shape[1:])

    def longest(self, times_s: Floats) -> Floats:
        """(U, n) time of the busiest core of each step."""
        steps, cores, _ = self.work.shape
        used = np.flatnonzero(self.work.any(axis=(0, 1)) & times_s.any(axis=1))
        longest = np.zeros((steps, times_s.shape[1]))
        if not len(used):
            return longest
        chunk = max(1, _CHUNK // (cores * times_s.shape[1]))
        for first in range(0, steps, chunk):
            amounts = np.take(self.work[first : first + chunk], used, axis=2).reshape(-1, len(used))
            longest[first : first + chunk] = (amounts @ times_s[used]).reshape(-1, cores, times_s.shape[1]).max(axis=1)
        return longest

    def ways(self, hop_s: Floats) -> Floats:
        """(U, n) or (1, 1) time of the longest route of a message under way in each step, from the (3, n) times of
        hops."""
        of_source = np.zeros((len(self.routes), hop_s.shape[1]))
        for source, routes in enumerate(self.routes):
            if len(routes):
                of_source[source] = (routes @ hop_s).max(axis=0)
        if not of_source.any():
            return np.zeros((1, 1))
        under_way = self.sent > 0
        patterns, which = _distinct_rows(under_way)
        longest = np.zeros((len(patterns), hop_s.shape[1]))
        for way, there in zip(of_source, under_way[patterns].T, strict=True):
            np.maximum(longest, way, out=longest, where=there[:, None])
        return longest[which]

    def busiest_link(self) -> Floats:
        """(U,) messages over the busiest link in each step."""
        return (self.sent @ self.links).max(axis=1) if self.links.shape[1] else np.zeros(len(self.sent))

    @property
    def real(self) -> Flags:
        """(B, H) whether a sample has this step."""
        return self.which > 0

    @cached_property
    def _through(self) -> Any:
        """(B, U) sparse array: how often each sample runs through each step."""
        from scipy.sparse import csr_array

        ends = np.append(0, np.cumsum(self.real.sum(axis=1)))
        through = csr_array((np.ones(ends[-1]), self.which[self.real], ends), shape=(len(ends) - 1, len(self.work)))
        through.sum_duplicates()
        return through

    def summed(self, values: Floats) -> Floats:
        """(B, n) sums of (U, n) values over the steps of each sample."""
        return np.asarray(self._through @ values)

    def in_passes(self, length_s: Floats, record: StepRecord, each: int) -> tuple[Floats, Flags]:
        """(B, passes, n) sums of (U, n) step times, with `each` steps per timestep, and (B, passes) whether a sample
        has the pass. Each step of pipelined layers, one per timestep, is a pass, including those after the last
        timestep."""
        if each == 1:
            return length_s[self.which], self.real
        which = self.which[:, : record.timesteps * each].reshape(len(self.which), record.timesteps, each)
        return np.asarray(length_s[which].sum(axis=2)), np.asarray((which > 0).any(axis=2))


def _routes(work: PlacedExecution) -> tuple[Integers, ...]:
    ways = work.geometry.ways
    starts = enumerate(work.geometry.starts)
    return tuple(np.unique(ways[start, work.places(source)], axis=0) for source, start in starts)


class _Steps:
    """Steps that are filled with work before equal steps are merged.

    `rows` are (1 + steps, K · 6 + S), one per step, the first for no step; `work` and `sent` are (steps, K, 6) and
    (steps, S) views of them.
    """

    def __init__(self, steps: int, cores: int, sources: int) -> None:
        self.sources = cores * _KINDS  # where the columns of messages sent begin
        self.rows = np.zeros((1 + steps, self.sources + sources))
        self.work = self.rows[1:, : self.sources].reshape(steps, cores, _KINDS)
        self.sent = self.rows[1:, self.sources :]

    def gather(self, work: PlacedExecution, received: Integers, evaluated: Integers, cores: Integers) -> None:
        """Sum up everything that is received, and what is sent for spikes.

        Args:
            received, evaluated: step of each row of the message table and of the update table.
            cores: (P,) core of each part.
        """
        arrivals = work.deliveries
        for core, own in zip(cores, map(slice, arrivals.begins, arrivals.begins[1:]), strict=False):
            step = received[arrivals.row[own]]
            self.add(step, core * _KINDS, arrivals.operations[own])
            self.add(step, core * _KINDS + 1, arrivals.messages[own])
        self.add(received, self.sources + work.messages.source, work.counts.astype(np.float64))
        spikes, outputs = work.sent
        column = cores[work.execution.updates.slice] * _KINDS
        self.add(evaluated, column + 4, spikes)
        self.add(evaluated, column + 5, outputs)

    def add(self, step: Integers, column: Integers, amount: Floats) -> None:
        """Add amounts to cells of `rows`; cells may repeat."""
        np.add.at(self.rows.reshape(-1), (1 + step) * self.rows.shape[1] + column, amount)

    def on_cores(self, core: Integers) -> _Steps:
        """The same steps over cores instead of parts, given the (P,) core of each part."""
        if (core == np.arange(len(core))).all():
            return self
        summed = _Steps(len(self.work), 1 + int(core.max()), self.sent.shape[1])
        summed.sent[:] = self.sent
        for part, its_core in enumerate(core):
            summed.work[:, its_core] += self.work[:, part]
        return summed

    def merged(self, work: PlacedExecution, which: Integers) -> StepWork:
        """The distinct steps, given which of the present steps each sample runs through, (B, H); −1 for none."""
        first, like = _distinct_rows(self.rows[1:])
        rows = np.append(0, 1 + first)
        return StepWork(
            work=self.rows[rows, : self.sources].reshape(len(rows), -1, _KINDS),
            sent=self.rows[rows, self.sources :],
            which=np.append(1 + like, 0)[which],
            routes=_routes(work),
            links=work.geometry.links,
        )


def pipelined_steps(work: PlacedExecution) -> StepWork:
    """Hardware steps of chips that pipeline the layers: layer l of timestep t is in step t · ticks per timestep + l."""
    ticks = work.chip.ticks_per_timestep
    count = work.timesteps * ticks + work.layers - 1
    filled = _by_timestep(work, count, ticks).on_cores(work.geometry.core)
    steps = filled.work.reshape(work.samples, count, -1, _KINDS)
    drained = lane_operations(drained_neurons(work.execution, work.chip), work.chip)
    for part, (layer, core) in enumerate(zip(work.geometry.layer, work.geometry.core, strict=True)):
        steps[:, count - (work.layers - 1 - layer) :: ticks, core, 3] += drained[:, part, None]
    steps += work.standing
    return filled.merged(work, _numbered(work, count, ticks))


def layer_steps(work: PlacedExecution) -> StepWork:
    """One step per layer and timestep, as the paper reads barriers: (B, T · L) steps over parts."""
    count = work.timesteps * work.layers
    filled = _by_timestep(work, count, work.layers)
    for part, layer in enumerate(work.geometry.layer):
        filled.work[layer :: work.layers, part] += work.standing_by_part[part]
    return filled.merged(work, _numbered(work, count, work.layers))


def _by_timestep(work: PlacedExecution, count: int, each: int) -> _Steps:
    """`count` steps per sample over parts: layer l of timestep t in step t · each + l. Samples that run fewer timesteps
    than others begin later, so that all end together."""
    table, updates, layers = work.messages, work.execution.updates, work.geometry.layer
    later = work.timesteps - work.timesteps_run

    def number(rows: MessageTable | UpdateTable, layer: Integers) -> Integers:
        return np.asarray(rows.sample * count + (rows.timestep + later[rows.sample]) * each + layer)

    filled = _Steps(work.samples * count, len(layers), len(work.reach.layer))
    received = np.where(work.targets < work.layers, number(table, work.targets), -1)
    filled.gather(work, received, number(updates, layers[updates.slice]), np.arange(len(layers)))
    filled.rows[0] = 0.0  # what outputs send, which nobody receives
    updated = lane_operations(updated_neurons(work.execution, work.chip), work.chip)
    begun = np.arange(work.timesteps) - later[:, None]  # timesteps that are not run hold zeros, and so may come first
    updated = updated[np.arange(work.samples)[:, None], begun]
    steps = filled.work.reshape(work.samples, count, -1, _KINDS)
    for part, layer in enumerate(layers):
        steps[:, layer : layer + work.timesteps * each : each, part, 3] += updated[:, :, part]  # which may be −0
    return filled


def _numbered(work: PlacedExecution, count: int, each: int) -> Integers:
    """(B, count) numbers of steps, sample by sample; −1 before the first timestep that a sample runs."""
    numbers, later = np.arange(work.samples * count).reshape(work.samples, count), work.timesteps - work.timesteps_run
    return np.where(np.arange(count) < each * later[:, None], -1, numbers)


def forward_steps(work: PlacedExecution) -> StepWork:
    """Forward steps of each pass, for the stepwise bound of chips without synchronization: (B, T · steps)."""
    table, updates, cores = work.messages, work.execution.updates, work.geometry.core
    count = work.longest_pass

    def number(rows: MessageTable | UpdateTable, step: Integers) -> Integers:
        return np.asarray((rows.sample * work.timesteps + rows.timestep) * count + step)

    own = np.flatnonzero(work.barrier_outputs)
    received, evaluated = number(table, table.step + 1), number(updates, updates.step)
    said = number(table, table.enqueue_step)[own]
    begins = np.flatnonzero(work.ran) * count
    used = np.zeros(work.samples * work.timesteps * count, dtype=bool)
    for steps in (received, evaluated, said, begins):
        used[steps] = True
    at = np.where(used, np.cumsum(used) - 1, -1)
    filled = _Steps(int(used.sum()), work.geometry.cores, len(work.reach.layer))
    filled.gather(work, at[received], at[evaluated], cores)
    lanes = lane_operations(updates.evaluated.astype(np.float64), work.chip)
    filled.add(at[evaluated], cores[updates.slice] * _KINDS + 3, lanes)
    part = table.source[own] - 1
    by_part = np.argsort(part, kind="stable")  # the last bit of a sum depends on the order of parts on a core, too
    filled.add(at[said][by_part], cores[part[by_part]] * _KINDS + 5, work.barrier_outputs[own][by_part])
    if work.chip.visits_each_timestep:
        filled.work[at[begins]] += work.standing
    return filled.merged(work, at.reshape(work.samples, -1))


def _distinct_rows(rows: NDArray[Any]) -> tuple[Integers, Integers]:
    """The distinct rows, sorted by their bits, and the index of each row among them; no value may be −0."""
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    order = np.argsort(keys)
    starts = np.ones(len(rows), dtype=bool)
    chunk = max(1, _CHUNK // rows.shape[1])  # the rows may be most of the memory in use
    for begin in range(1, len(rows), chunk):
        some = rows[order[begin - 1 : begin + chunk]]
        starts[begin : begin + chunk] = (some[1:] != some[:-1]).any(axis=1)
    which = np.empty_like(order)
    which[order] = np.cumsum(starts) - 1
    return order[starts], which


# whether a chip keeps pace with its input ---------------------------------------------------------------------------


def pace(length_s: Floats, real: Flags, record: StepRecord) -> dict[str, Any]:
    """`late` and `behind_s` of a latency, for a chip that takes frames as they come; empty for a static input.

    A frame waits W(t + 1) = max(0, W(t) + length(t) − Δt) for earlier frames, starting with W(0) = 0.

    Args:
        length_s: (B, passes, n) length of passes or steps, one of which starts with each frame.
        real: (B, passes) whether a sample has the pass.
    """
    if record.timestep_s == 0:
        return {}
    long = (length_s > record.timestep_s * (1 + 1e-9)) & real[:, :, None]
    earlier = real & (real.cumsum(axis=1) < record.timesteps_run[:, None])  # earlier than that of the last frame
    ahead = np.cumsum(np.where(earlier[:, :, None], length_s - record.timestep_s, 0.0), axis=1)
    return {
        "late": long.sum(axis=1) / real.sum(axis=1)[:, None],
        "behind_s": ahead[:, -1] - np.minimum(ahead.min(axis=1), 0.0),
    }


# samples without a pause between them, on a chip that works on layers in a pipeline -----------------------------------


def stream_intervals(steps: StepWork, length_s: Floats, apart: Integers) -> Floats:
    """(B, n) time from each sample to the next.

    The first layer turns to the next sample after the last timestep of this one, while later layers still work on this
    one. A step is then as long as the longest of those that coincide: step t of one sample, step T + t of the sample
    before, and so on. Each sample is taken to follow one like it, so that its time does not depend on others.

    Args:
        length_s: (U, n) length of each step.
        apart: (B,) steps from the start of a sample to the start of the next.
    """
    sample, step = np.nonzero(steps.real)
    begin, first = np.cumsum(apart) - apart, steps.real.argmax(axis=1)
    longest = np.zeros((int(apart.sum()), length_s.shape[1]))
    place = begin[sample] + (step - first[sample]) % apart[sample]
    np.maximum.at(longest, place, length_s[steps.which[steps.real]])
    intervals = np.zeros((len(apart), length_s.shape[1]))
    np.add.at(intervals, np.repeat(np.arange(len(apart)), apart), longest)
    return intervals

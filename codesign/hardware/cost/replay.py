"""Asynchronous latency: an execution's messages are replayed on servers, one per core, all idle when a pass begins.

On each core, forward step k is

1.  reception of the messages that left in step k − 1, in table order: done = max(arrival, core free) + service, where
    service = messages · (lane operations of one · t_so + t_message);
2.  for each part on the core, in layer order: evaluation, lane operations · t_upd, then the output of what it emitted
    in this step: t_spike per spike, and t_out for each destination core of a spike or barrier message.

A message leaves when the output of its evaluation (its `enqueue_step`) is done; frames, and messages over delayed
connections, leave at time 0. docs/design.md (Synchronization and latency) has the reasons.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.hardware.cost.work import PlacedExecution
from codesign.hardware.placement.lanes import lane_operations
from codesign.simulation.execution import NOT_REACHED, MessageTable, UpdateTable

_CHUNK = 1_000_000  # numbers per array of a chunk of samples: 8 MB, which fit into a cache


def replay(work: PlacedExecution, times_s: Floats, hop_s: Floats) -> tuple[Floats, Floats]:
    """Replay all forward passes, vectorized over passes and cores; loops run only over steps and turns within them.

    Args:
        times_s: (6, n) times of the kinds of work.
        hop_s: (3, n) times of hops along a row, along a column and between chips.

    Returns:
        (B, T, n) seconds of every forward pass in n scenarios from its frame's arrival until the last core is done, 0
        for passes that are not run; and (B, T, n) until the evaluation that emitted the first output spike, NaN without
        one, or, if output potentials are read, the same again.
    """
    shape = work.samples, work.timesteps, times_s.shape[1]
    makespan_s, decision_s = np.zeros((2, *shape))
    chunk = max(1, _CHUNK // (work.timesteps * work.longest_pass * len(work.reach.layer)))
    for first in range(0, work.samples, chunk):
        some = slice(first, min(first + chunk, work.samples))
        passes = _Passes(work, some)
        for scenario, (times, hops) in enumerate(zip(times_s.T, hop_s.T, strict=True)):
            makespan, decision = passes.replay(times, hops)
            makespan_s[some, :, scenario] = makespan.reshape(-1, work.timesteps)
            decision_s[some, :, scenario] = decision.reshape(-1, work.timesteps)
    return makespan_s, decision_s


def pass_times(work: PlacedExecution, times: Floats, hops: Floats, *, apart: bool) -> tuple[Floats, Floats, Floats]:
    """(B, T, n) times of passes, (B, n) times of samples if messages took no time to travel (only if `apart`, otherwise
    as they are), and (B, n) times of the last decision."""
    count = times.shape[1]
    if apart:
        times, hops = np.hstack([times, times]), np.hstack([hops, np.zeros_like(hops)])
    makespan_s, decision_s = replay(work, times, hops)
    # copied, because the rounding of a sum depends on the memory layout of its numbers
    passes, at_once = (makespan_s[:, :, part].copy() for part in (slice(count), slice(-count, None)))
    return passes, at_once.sum(axis=1), decision_s[work.execution.last_pass][:, :count]


class _Passes:
    """The passes of some samples, as arrays in which passes are adjacent in memory.

    Times are never summed across passes, so no sample's time depends on another's. Deliveries are sorted by step and
    turn; the turn of a delivery is its rank, by table row, among those of its step, pass and core. Deliveries of one
    turn are independent of each other.

    Attributes (of shape (deliveries,), but for the first):
        ends: (steps, turns + 1) where each turn begins, and where the last ends.
        place: index into an array of cores and passes.
        origin: index into an array of steps, parts and passes: when the output that a message waits for was done.
        way: index into an array of sources and cores.
        operations, messages: as in `Deliveries`.
    """

    def __init__(self, work: PlacedExecution, samples: slice) -> None:
        self.work, self.steps = work, work.longest_pass
        self.parts = len(work.geometry.layer)
        self.ran = work.ran[samples].reshape(-1)
        self.first_output = work.execution.steps_to_first_output[samples].reshape(-1)
        self.rows, self.pass_of_row = self._of_samples(work.messages, samples)
        self.update_rows, self.pass_of_update = self._of_samples(work.execution.updates, samples)
        before = np.array([(work.geometry.core[:part] == core).sum() for part, core in enumerate(work.geometry.core)])
        self.parts_of_turns = [np.flatnonzero(before == turn) for turn in range(1 + before.max())]
        self._spread_deliveries()
        self._spread_updates()

    def _of_samples(self, table: MessageTable | UpdateTable, samples: slice) -> tuple[slice, Integers]:
        rows = slice(*np.searchsorted(table.sample, (samples.start, samples.stop)).tolist())
        return rows, (table.sample[rows] - samples.start) * self.work.timesteps + table.timestep[rows]

    def _spread_deliveries(self) -> None:
        arrivals, table, geometry, passes = self.work.deliveries, self.work.messages, self.work.geometry, len(self.ran)
        some = []
        for begin, end in pairwise(arrivals.begins.tolist()):
            ends = begin + np.searchsorted(arrivals.row[begin:end], (self.rows.start, self.rows.stop))
            some.append(slice(*ends.tolist()))
        core = np.repeat(geometry.core, [part.stop - part.start for part in some])
        row, operations, messages = (
            np.concatenate([column[part] for part in some])
            for column in (arrivals.row, arrivals.operations, arrivals.messages)
        )
        row -= self.rows.start
        if geometry.cores < self.parts:  # otherwise it is in order already
            order = np.argsort(core * len(self.pass_of_row) + row, kind="stable")
            core, row, operations, messages = core[order], row[order], operations[order], messages[order]
        step, place = table.step[self.rows][row] + 1, core * passes + self.pass_of_row[row]
        number = np.arange(len(row))
        first = np.diff(place * self.steps + step, prepend=-1) != 0
        turn = number - np.maximum.accumulate(np.where(first, number, 0))
        turns = 1 + int(turn.max(initial=0))
        key = (step * turns + turn).astype(np.min_scalar_type(self.steps * turns))  # short ones sort faster
        order = np.argsort(key, kind="stable")
        begins = np.append(0, np.cumsum(np.bincount(key, minlength=self.steps * turns)))
        source = table.source[self.rows]
        left = np.maximum(table.enqueue_step[self.rows], 0) * (self.parts + 1) + self._origins()[source]
        self.ends = begins[np.arange(self.steps)[:, None] * turns + np.arange(turns + 1)]
        self.place, self.operations, self.messages = place[order], operations[order], messages[order]
        self.origin = (left * passes + self.pass_of_row)[row[order]]
        self.way = (source[row] * geometry.cores + core)[order]

    def _origins(self) -> Integers:
        """(sources,) sending part; one more number stands for what is sent at time 0."""
        origin = self.work.reach.origin
        return np.where(self.work.reach.delayed | (origin < 0), self.parts, origin)

    def _routes(self, hop_s: Floats) -> Floats:
        """(sources, K) time of the route to each core."""
        geometry = self.work.geometry
        return np.where(geometry.reach.delayed[:, None], 0.0, geometry.times_on_way(hop_s)[geometry.starts])

    def _spread_updates(self) -> None:
        work, rows, table = self.work, self.update_rows, self.work.messages
        shape, updates = (self.steps, self.parts, len(self.ran)), work.execution.updates
        self.update_place = np.ravel_multi_index((updates.step[rows], updates.slice[rows], self.pass_of_update), shape)
        self.update_lanes = lane_operations(updates.evaluated[rows].astype(np.float64), work.chip)
        self.spikes, self.outputs = (sent[rows] for sent in work.sent)
        own = np.flatnonzero(work.barrier_outputs[self.rows])
        part, enqueued = table.source[self.rows][own] - 1, table.enqueue_step[self.rows][own]
        self.barriers = work.barrier_outputs[self.rows][own]
        self.barrier_place = np.ravel_multi_index((enqueued, part, self.pass_of_row[own]), shape)

    def _part_work(self, times_s: Floats) -> tuple[Floats, Floats]:
        """(steps, P, passes) time of evaluations, and of the output of emitted spikes."""
        evaluation, output = np.zeros((2, self.steps, self.parts, len(self.ran)))
        np.add.at(evaluation.reshape(-1), self.update_place, self.update_lanes * times_s[3])
        np.add.at(output.reshape(-1), self.update_place, self.spikes * times_s[4] + self.outputs * times_s[5])
        np.add.at(output.reshape(-1), self.barrier_place, self.barriers * times_s[5])
        return evaluation, output

    def replay(self, times_s: Floats, hop_s: Floats) -> tuple[Floats, Floats]:
        """(passes,) makespans and decisions."""
        geometry, passes = self.work.geometry, len(self.ran)
        route = self._routes(hop_s).reshape(-1)[self.way]
        service = self.operations * times_s[0]
        service += self.messages * times_s[1]
        evaluation, output = self._part_work(times_s)
        free = np.zeros((geometry.cores, passes))
        if self.work.chip.visits_each_timestep:
            free += (self.work.standing @ times_s)[:, None] * self.ran
        evaluated = np.zeros((self.steps, self.parts, passes))  # when a part's evaluation of a step was done
        sent = np.zeros((self.steps, self.parts + 1, passes))  # and its output; last: sent at time 0
        for step, ends in enumerate(self.ends.tolist()):
            now = slice(ends[0], ends[-1])
            arrival = sent.reshape(-1)[self.origin[now]] + route[now]
            for begin, end in pairwise(ends):
                if begin == end:  # later turns are empty, too
                    break
                place, arrived = self.place[begin:end], arrival[begin - ends[0] : end - ends[0]]
                free.reshape(-1)[place] = np.maximum(free.reshape(-1)[place], arrived) + service[begin:end]
            for parts in self.parts_of_turns:
                core = geometry.core[parts]
                evaluated[step, parts] = free[core] + evaluation[step, parts]
                sent[step, parts] = free[core] = evaluated[step, parts] + output[step, parts]
        makespan = free.max(axis=0)
        return makespan, self._decisions(evaluated) if self.work.execution.spiking_readout else makespan

    def _decisions(self, evaluated: Floats) -> Floats:
        """(passes,) completion of the evaluation that emitted the first output spike; NaN without one."""
        table, rows = self.work.execution.updates, self.update_rows
        part, step, last = table.slice[rows], table.step[rows], self.work.layers - 1
        hit = (self.work.geometry.layer[part] == last) & (table.emitted[rows] > 0)
        hit &= self.first_output[self.pass_of_update] == step + 1
        times, which = np.full(len(self.ran), np.inf), self.pass_of_update[hit]
        np.minimum.at(times, which, evaluated[step[hit], part[hit], which])
        return np.where((self.first_output == NOT_REACHED) | np.isinf(times), np.nan, times)

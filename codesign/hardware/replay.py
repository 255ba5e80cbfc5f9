"""Asynchronous latency: an execution's messages replayed on servers, one server a core.

Every forward pass starts with idle cores at time 0, when its frame arrives. The forward steps of the simulation give
the order of service, not the time. On each core, step k is

1.  reception of the messages that left in step k − 1, in table order: done = max(arrival, core free) + service, where
    service = messages · (lane operations of one · t_so + t_message);
2.  for each placement on the core, in layer order: evaluation, lane operations · t_upd, and then the output of what it
    emitted in this step: t_spike a spike, and t_out for each destination core of a spike or barrier message.

Clocked chips visit all neurons first, at time 0. A message arrives when the output of its evaluation (its
`enqueue_step`) is done plus its way over the network, even if the simulation lets it wait for a place in a group or,
over a skip, for the layers between: hardware without groups sends it at once. Frames arrive at time 0 plus their way
from tile 0; what goes over a delayed connection is at its core at time 0. The pass ends when the last core is done. It
cannot end later than the stepwise bound of `codesign.hardware.latency`, the sum over steps of the busiest core and the
longest way, as a step's work begins at the latest when all work of the step before is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.hardware.lanes import lane_operations
from codesign.hardware.prices import routes_s
from codesign.hardware.work import PlacedExecution
from codesign.simulation.execution import NOT_REACHED

_CHUNK = 1_000_000  # numbers per array of a chunk of samples: 8 MB, which stay in a cache


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Times of every forward pass.

    Attributes:
        makespan_s: (B, T) from the frame's arrival until the last core is done; 0 where the pass is not run.
        decision_s: (B, T) from the frame's arrival until the evaluation that emitted the first output spike; NaN where
            the pass has none.
    """

    makespan_s: Floats
    decision_s: Floats


def replay(work: PlacedExecution, times_s: Floats, hop_s: Floats) -> Replay:
    """Replay all forward passes, vectorized over them; only steps and parts are looped over.

    Args:
        times_s: (6,) times of the kinds of work.
        hop_s: (3,) times of hops along a row, along a column and between chips.
    """
    samples, timesteps = work.samples, work.timesteps
    result = Replay(
        makespan_s=np.zeros((samples, timesteps)),
        decision_s=np.full((samples, timesteps), np.nan),
    )
    if not samples:
        return result
    table, updates = work.messages, work.execution.updates
    steps = 2 + int(max(table.step.max(initial=-1), updates.step.max(initial=-1)))
    route_s, by_core = routes_s(work.geometry, hop_s), _ByCore(work)
    width = max(len(work.layer_reached), len(work.geometry.layer))
    chunk = max(1, _CHUNK // (timesteps * steps * width))
    for first in range(0, samples, chunk):
        last = min(first + chunk, samples)
        part = _Chunk(work, _Times._make((*times_s, route_s)), by_core, (first, last), steps)
        part.run()
        shape = (last - first, timesteps)
        result.makespan_s[first:last] = part.free.max(axis=0).reshape(shape)
        result.decision_s[first:last] = part.decisions().reshape(shape)
    return result


class _Times(NamedTuple):
    """Times of the kinds of work, as `codesign.hardware.terms.WORK_TIMES` lists them, and (K + 1, K) ways to cores."""

    operation_s: float
    message_s: float
    access_s: float
    update_s: float
    spike_s: float
    output_s: float
    route_s: Floats


class _ByCore:
    """Deliveries by core, and by table row at each."""

    def __init__(self, work: PlacedExecution) -> None:
        arrivals, self.rows = work.deliveries, len(work.messages.step)
        key = work.geometry.core[arrivals.part] * self.rows + arrivals.row
        self.order = np.argsort(key, kind="stable")
        self.key, self.firsts = key[self.order], np.arange(work.geometry.cores) * self.rows

    def of_rows(self, rows: slice) -> Integers:
        """Those of some table rows, in this order."""
        begin, end = (np.searchsorted(self.key, self.firsts + row).tolist() for row in (rows.start, rows.stop))
        return np.concatenate([self.order[piece] for piece in map(slice, begin, end)])


class _Chunk:
    """The passes of some samples, first to last, as arrays over passes, which lie side by side in memory."""

    def __init__(
        self, work: PlacedExecution, times: _Times, by_core: _ByCore, samples: tuple[int, int], steps: int
    ) -> None:
        self.work, self.execution, self.geometry = work, work.execution, work.geometry
        self.first, self.last = samples
        self.steps, self.timesteps = steps, work.timesteps
        self.passes = (self.last - self.first) * self.timesteps
        self.ran = (np.arange(self.timesteps) < work.timesteps_run[slice(*samples), None]).reshape(-1)
        table, updates = work.messages, work.execution.updates
        self.rows = slice(*np.searchsorted(table.sample, samples))
        self.row_pass = self._pass_of(table.sample[self.rows], table.timestep[self.rows])
        self.update_rows = slice(*np.searchsorted(updates.sample, samples))
        self.update_pass = self._pass_of(updates.sample[self.update_rows], updates.timestep[self.update_rows])
        self.slices = len(work.execution.slices)
        self.evaluated = np.zeros((steps, self.slices, self.passes))  # when a slice's evaluation of a step was done
        self.sent = np.zeros((steps, self.slices + 1, self.passes))  # and its output; last, of what is sent at time 0
        self.free = np.zeros((self.geometry.cores, self.passes))
        if work.chip.synchronization.kind == "clocked":
            self.free += work.accessed[:, None] * times.access_s * self.ran
        self._prepare_deliveries(times, by_core)
        self.updates, self.outputs = self._part_work(times)

    def _pass_of(self, sample: Integers, timestep: Integers) -> Integers:
        return (sample - self.first) * self.timesteps + timestep

    def _prepare_deliveries(self, times: _Times, by_core: _ByCore) -> None:
        """Order deliveries by step and turn: a delivery's place, by table row, among those of its step, pass and core.

        Those of a turn are independent of each other. Times are never summed across passes, so no sample's time depends
        on another's.
        """
        arrivals, table = self.work.deliveries, self.work.messages
        chosen = by_core.of_rows(self.rows)
        core, row = self.geometry.core[arrivals.part[chosen]], arrivals.row[chosen] - self.rows.start
        step, which = table.step[self.rows][row] + 1, self.row_pass[row]
        number = np.arange(len(row))
        first = np.append(True, (np.diff(step) != 0) | (np.diff(which) != 0) | (np.diff(core) != 0))[number]
        turn = number - np.maximum.accumulate(np.where(first, number, 0))
        self.turns = 1 + int(turn.max(initial=0))
        key = (step * self.turns + turn).astype(np.min_scalar_type(self.steps * self.turns))  # short ones sort faster
        order = np.argsort(key, kind="stable")
        self.delivery_ends = np.searchsorted(key[order], np.arange(self.steps * self.turns + 1))
        chosen, core, row, which = chosen[order], core[order], row[order], which[order]
        source, enqueued = table.source[self.rows][row], table.enqueue_step[self.rows][row]
        self.delivery_place = core * self.passes + which
        slices, routes_s = self._ways(times)
        self.delivery_origin = (np.maximum(enqueued, 0) * (self.slices + 1) + slices[source]) * self.passes + which
        self.delivery_route = routes_s[source, core]
        self.delivery_service = arrivals.operations[chosen] * times.operation_s
        self.delivery_service += arrivals.messages[chosen] * times.message_s

    def _ways(self, times: _Times) -> tuple[Integers, Floats]:
        """(sources,) place in `sent`, and (sources, K) longest way to each core. What is late was under way in the
        timesteps before."""
        layers = [part.layer for part in self.execution.slices]
        late = sum(layers.count(one.source) for one in self.execution.shape.delayed)
        source = np.arange(len(self.work.layer_reached))
        is_late = (source > self.slices) & (source <= self.slices + late)
        routes = np.array([times.route_s[self.work.starts(one)].max(axis=0) for one in range(len(source))])
        origin = self.work.reach.origin
        return np.where(is_late | (origin < 0), self.slices, origin), np.where(is_late[:, None], 0.0, routes)

    def _part_work(self, times: _Times) -> tuple[Floats, Floats]:
        """(steps, P, passes) time of evaluations, and of the output of what was emitted."""
        updates = self.execution.updates
        part, step = updates.slice[self.update_rows], updates.step[self.update_rows]
        evaluated = updates.evaluated[self.update_rows]
        spikes, messages = (sent[self.update_rows] for sent in self.work.sent)
        barriers = self.work.barrier_outputs[self.rows]
        own = np.flatnonzero(barriers)
        sender, enqueued = (
            column[self.rows][own] for column in (self.work.messages.source, self.work.messages.enqueue_step)
        )
        shape = self.steps, len(self.geometry.layer), self.passes
        evaluation, output = np.zeros(shape), np.zeros(shape)
        for parts, share in self._shares():
            time = lane_operations(evaluated * share[part], self.work.chip) * times.update_s
            _add_at(evaluation, (step, parts[part], self.update_pass), time)
            time = (spikes * times.spike_s + messages * times.output_s) * share[part]
            _add_at(output, (step, parts[part], self.update_pass), time)
            time = barriers[own] * times.output_s * share[sender - 1]
            _add_at(output, (enqueued, parts[sender - 1], self.row_pass[own]), time)
        return evaluation, output

    def _shares(self) -> Iterator[tuple[Integers, Floats]]:
        """(S,) one part after the other of each slice, and how much of it lies there; 0 where there are no more."""
        share = self.work.share
        parts = np.argsort(share == 0, axis=1, kind="stable")
        for place in range((share > 0).sum(axis=1).max()):
            yield parts[:, place], share[np.arange(self.slices), parts[:, place]]

    def run(self) -> None:
        slices_of = [np.flatnonzero(share > 0) for share in self.work.share.T]
        for step in range(self.steps):
            self._receive(step)
            for part, core in enumerate(self.geometry.core):
                free = self.free[core]
                free += self.updates[step, part]
                _note(self.evaluated[step], slices_of[part], free)
                free += self.outputs[step, part]
                _note(self.sent[step], slices_of[part], free)

    def _receive(self, step: int) -> None:
        """Serve what arrives in a step."""
        ends = self.delivery_ends[step * self.turns : (step + 1) * self.turns + 1].tolist()
        now = slice(ends[0], ends[-1])
        arrival = self.sent.reshape(-1)[self.delivery_origin[now]] + self.delivery_route[now]
        free = self.free.reshape(-1)
        for begin, end in pairwise(ends):
            if begin == end:  # later turns are empty too
                return
            place, arrived = self.delivery_place[begin:end], arrival[begin - ends[0] : end - ends[0]]
            free[place] = np.maximum(free[place], arrived) + self.delivery_service[begin:end]

    def decisions(self) -> Floats:
        """(passes,) completion of the evaluation that emitted the first output spike; NaN where there is none."""
        table = self.execution.updates
        part, step = table.slice[self.update_rows], table.step[self.update_rows]
        is_output = np.array(
            [recorded.layer == len(self.execution.shape.layers) - 1 for recorded in self.execution.slices]
        )
        first = self.execution.steps_to_first_output[self.first : self.last].reshape(-1)
        hit = is_output[part] & (table.emitted[self.update_rows] > 0) & (first[self.update_pass] == step + 1)
        times = np.full(self.passes, np.inf)
        which = self.update_pass[hit]
        np.minimum.at(times, which, self.evaluated[step[hit], part[hit], which])
        return np.where((first == NOT_REACHED) | np.isinf(times), np.nan, times)


def _add_at(total: Floats, places: tuple[Integers, ...], time: Floats) -> None:
    """Add times to places, of which one may have several."""
    np.add.at(total.reshape(-1), np.ravel_multi_index(places, total.shape), time)


def _note(when: Floats, slices: Integers, time: Floats) -> None:
    """A slice that lies in several parts is done when the last of them is."""
    for place in slices:
        np.maximum(when[place], time, out=when[place])

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

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.hardware.lanes import lane_operations
from codesign.hardware.prices import routes_s
from codesign.hardware.work import PlacedExecution
from codesign.simulation.execution import NOT_REACHED

_CHUNK = 4_000_000  # numbers per array of a chunk of samples: about 32 MB


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
    route_s = routes_s(work.geometry, hop_s)
    width = max(len(work.layer_reached), len(work.geometry.layer))
    chunk = max(1, _CHUNK // (timesteps * steps * width))
    for first in range(0, samples, chunk):
        last = min(first + chunk, samples)
        part = _Chunk(work, _Times._make((*times_s, route_s)), (first, last), steps)
        part.run()
        shape = (last - first, timesteps)
        result.makespan_s[first:last] = part.free.max(axis=1).reshape(shape)
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


class _Chunk:
    """The passes of some samples, first to last, as arrays over passes."""

    def __init__(self, work: PlacedExecution, times: _Times, samples: tuple[int, int], steps: int) -> None:
        self.work, self.execution, self.geometry = work, work.execution, work.geometry
        self.first, self.last = samples
        self.steps, self.timesteps = steps, work.timesteps
        self.passes = (self.last - self.first) * self.timesteps
        self.ran = (np.arange(self.timesteps) < work.timesteps_run[slice(*samples), None]).reshape(-1)
        table, updates = self.work.messages, self.execution.updates
        layers = [part.layer for part in self.execution.slices]
        self._late = sum(layers.count(one.source) for one in self.execution.shape.delayed)
        self.rows = slice(*np.searchsorted(table.sample, samples))
        self.update_rows = slice(*np.searchsorted(updates.sample, samples))
        self.row_pass = self._pass_of(table.sample[self.rows], table.timestep[self.rows])
        self.source, self.enqueued = table.source[self.rows], table.enqueue_step[self.rows]
        self._prepare_deliveries(times)
        self.updates, self.outputs = self._part_work(times)
        slices = len(self.execution.slices)
        self.evaluated = np.zeros((self.passes, slices, steps))  # when a slice's evaluation of a step was done
        self.sent = np.zeros((self.passes, slices, steps))  # and its output
        self.free = np.zeros((self.passes, self.geometry.cores))
        if work.chip.synchronization.kind == "clocked":
            self.free += self.ran[:, None] * work.accessed * times.access_s

    def _pass_of(self, sample: Integers, timestep: Integers) -> Integers:
        return (sample - self.first) * self.timesteps + timestep

    def _prepare_deliveries(self, times: _Times) -> None:
        """Order deliveries by step, pass, core and table row."""
        arrivals = self.work.deliveries
        inside = (arrivals.row >= self.rows.start) & (arrivals.row < self.rows.stop)
        row = arrivals.row[inside] - self.rows.start
        core = self.geometry.core[arrivals.part[inside]]
        step = self.work.messages.step[self.rows][row] + 1
        order = np.lexsort((row, core, self.row_pass[row], step))
        self.delivery_row, self.delivery_core = row[order], core[order]
        service = arrivals.operations * times.operation_s + arrivals.messages * times.message_s
        self.delivery_service = service[inside][order]
        ways = [times.route_s[self.work.starts(source)].max(axis=0) for source in range(len(self.work.layer_reached))]
        late = 1 + len(self.execution.slices) + self._late
        for source in range(1 + len(self.execution.slices), late):
            ways[source] = np.zeros_like(ways[source])  # what is late was under way in the timesteps before
        self.delivery_route = np.array(ways)[self.source[self.delivery_row], self.delivery_core]
        self.delivery_ends = np.searchsorted(step[order], np.arange(self.steps + 1))

    def _part_work(self, times: _Times) -> tuple[Floats, Floats]:
        """(passes, steps, P) time of evaluations, and of the output of what was emitted."""
        updates = self.execution.updates
        shape = (self.passes, self.steps, len(self.geometry.layer))
        evaluation, output = np.zeros(shape), np.zeros(shape)
        which = self._pass_of(updates.sample[self.update_rows], updates.timestep[self.update_rows])
        step = updates.step[self.update_rows]
        share = self.work.share[updates.slice[self.update_rows]]
        time = lane_operations(updates.evaluated[self.update_rows, None] * share, self.work.chip) * times.update_s
        np.add.at(evaluation, (which, step), time)
        spikes, messages = self.work.sent
        time = spikes[self.update_rows, None] * times.spike_s + messages[self.update_rows, None] * times.output_s
        np.add.at(output, (which, step), time * share)
        barriers = self.work.barrier_outputs[self.rows]
        own = np.flatnonzero(barriers)
        time = barriers[own, None] * times.output_s * self.work.share[self.source[own] - 1]
        np.add.at(output, (self.row_pass[own], self.enqueued[own]), time)
        return evaluation, output

    def run(self) -> None:
        for step in range(self.steps):
            self._receive(step)
            for part, core in enumerate(self.geometry.core):
                evaluation, output = self.updates[:, step, part], self.outputs[:, step, part]
                self.free[:, core] += evaluation
                self._note(self.evaluated, step, part, self.free[:, core])
                self.free[:, core] += output
                self._note(self.sent, step, part, self.free[:, core])

    def _note(self, when: Floats, step: int, part: int, time: Floats) -> None:
        """A slice that lies in several parts is done when the last of them is."""
        for source in np.flatnonzero(self.work.share[:, part] > 0):
            np.maximum(when[:, source, step], time, out=when[:, source, step])

    def _receive(self, step: int) -> None:
        """Serve what arrives in a step."""
        now = slice(self.delivery_ends[step], self.delivery_ends[step + 1])
        row, core, service = self.delivery_row[now], self.delivery_core[now], self.delivery_service[now]
        if not len(row):
            return
        which, source = self.row_pass[row], self.source[row]
        slices, origin = self.sent.shape[1], self.work.reach.origin[source]
        own = (origin >= 0) & ((source <= slices) | (source > slices + self._late))
        ready = np.where(own, self.sent[which, np.where(own, origin, 0), np.maximum(self.enqueued[row], 0)], 0.0)
        arrival = ready + self.delivery_route[now]
        # one after another within a pass and core; never summed across passes, so no sample's time depends on another's
        starts = np.flatnonzero(np.append(True, (np.diff(which) != 0) | (np.diff(core) != 0)))
        lengths = np.diff(np.append(starts, len(row)))
        for rank in range(lengths.max()):
            turn = starts[lengths > rank] + rank
            place = (which[turn], core[turn])
            self.free[place] = np.maximum(self.free[place], arrival[turn]) + service[turn]

    def decisions(self) -> Floats:
        """(passes,) completion of the evaluation that emitted the first output spike; NaN where there is none."""
        table = self.execution.updates
        part = table.slice[self.update_rows]
        is_output = np.array(
            [recorded.layer == len(self.execution.shape.layers) - 1 for recorded in self.execution.slices]
        )
        which = self._pass_of(table.sample[self.update_rows], table.timestep[self.update_rows])
        step = table.step[self.update_rows]
        first = self.execution.steps_to_first_output[self.first : self.last].reshape(-1)
        hit = is_output[part] & (table.emitted[self.update_rows] > 0) & (first[which] == step + 1)
        times = np.full(self.passes, np.inf)
        np.minimum.at(times, which[hit], self.evaluated[which[hit], part[hit], step[hit]])
        return np.where((first == NOT_REACHED) | np.isinf(times), np.nan, times)

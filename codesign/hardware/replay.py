"""Asynchronous latency: an execution's messages replayed on servers, one server a core.

Every forward pass starts with idle cores at time 0, when its frame arrives. The forward steps of the simulation give
the order of service, not the time. On each core, step k is

1.  reception of the messages that left in step k − 1, in table order: done = max(arrival, core free) + service, where
    service = messages · (lane operations of one · t_so + t_message);
2.  for each placement on the core, in layer order: evaluation, lane operations · t_upd, and then the output of the
    spikes (and barrier messages) that it began to hold in this step and that leave in any later one, t_out for each
    destination core.

A message arrives when the output of its evaluation (its `enqueue_step`) is done plus its way over the network, even if
the simulation lets it wait for a place in a group: hardware without groups sends it at once. Frames arrive at time 0
plus their way from tile 0. The pass ends when the last core is done. Beside it stands the stepwise bound, the sum over
steps of the busiest core and the longest way: no step's work can end later, as it begins at the latest when all work of
the step before is done.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.service import ServiceTimes
from codesign.hardware.work import Deliveries, Layout, deliveries, lane_operations, sent_messages
from codesign.simulation.execution import NOT_REACHED, Execution

__all__ = ["Replay", "replay"]

_CHUNK = 4_000_000  # numbers per array of a chunk of samples: about 32 MB

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Times of every forward pass.

    Attributes:
        makespan_s: (B, T) from the frame's arrival until the last core is done.
        bound_s: (B, T) the stepwise bound.
        decision_s: (B, T) from the frame's arrival until the evaluation that emitted the first output spike; NaN where
            the pass has none.
    """

    makespan_s: Floats
    bound_s: Floats
    decision_s: Floats


def replay(execution: Execution, chip: Chip, layout: Layout, times: ServiceTimes) -> Replay:
    """Replay all forward passes, vectorized over them; only steps and placements are looped over."""
    samples, timesteps = execution.samples, execution.timesteps
    result = Replay(
        makespan_s=np.zeros((samples, timesteps)),
        bound_s=np.zeros((samples, timesteps)),
        decision_s=np.full((samples, timesteps), np.nan),
    )
    if not samples:
        return result
    table, updates = execution.messages, execution.updates
    steps = 2 + int(max(table.step.max(initial=-1), updates.step.max(initial=-1)))
    arrivals = deliveries(execution, chip, layout)
    sent = sent_messages(execution, chip, layout)
    width = max(len(execution.slices) + 1, len(layout.layer))
    chunk = max(1, _CHUNK // (timesteps * steps * width))
    for first in range(0, samples, chunk):
        last = min(first + chunk, samples)
        part = _Chunk(execution, chip, layout, times, arrivals, sent, first, last, steps)
        part.run()
        shape = (last - first, timesteps)
        result.makespan_s[first:last] = part.free.max(axis=1).reshape(shape)
        result.bound_s[first:last] = part.bound.reshape(shape)
        result.decision_s[first:last] = part.decisions().reshape(shape)
    return result


class _Chunk:
    """The passes of samples `first` to `last`, as arrays over passes."""

    def __init__(
        self,
        execution: Execution,
        chip: Chip,
        layout: Layout,
        times: ServiceTimes,
        arrivals: Deliveries,
        sent: Floats,
        first: int,
        last: int,
        steps: int,
    ) -> None:
        self.execution, self.layout, self.first, self.last, self.steps = execution, layout, first, last, steps
        self.timesteps = execution.timesteps
        self.passes = (last - first) * self.timesteps
        table, updates = execution.messages, execution.updates
        self.rows = slice(*np.searchsorted(table.sample, [first, last]))
        self.update_rows = slice(*np.searchsorted(updates.sample, [first, last]))
        self.row_pass = self._pass_of(table.sample[self.rows], table.timestep[self.rows])
        self.source, self.enqueued = table.source[self.rows], table.enqueue_step[self.rows]
        self._prepare_deliveries(arrivals, times)
        self.updates, self.outputs = self._placement_work(chip, times, sent)
        slices = len(execution.slices)
        self.evaluated = np.zeros((self.passes, slices, steps))  # when a slice's evaluation of a step was done
        self.sent = np.zeros((self.passes, slices, steps))  # and its output
        self.free = np.zeros((self.passes, layout.cores))
        self.bound = np.zeros(self.passes)

    def _pass_of(self, sample: Integers, timestep: Integers) -> Integers:
        return (sample - self.first) * self.timesteps + timestep

    def _prepare_deliveries(self, arrivals: Deliveries, times: ServiceTimes) -> None:
        """Order deliveries by step, pass, core and table row."""
        inside = (arrivals.row >= self.rows.start) & (arrivals.row < self.rows.stop)
        row = arrivals.row[inside] - self.rows.start
        placement = arrivals.placement[inside]
        core = self.layout.core[placement]
        step = self.execution.messages.step[self.rows][row] + 1
        order = np.lexsort((row, core, self.row_pass[row], step))
        self.delivery_row, self.delivery_core = row[order], core[order]
        service = arrivals.operations * times.synaptic_operation_s + arrivals.messages * times.message_s
        self.delivery_service = service[inside][order]
        ways = [times.route_s[self.layout.source_rows(source)].max(axis=0) for source in self._sources()]
        self.delivery_route = np.array(ways)[self.source[self.delivery_row], self.delivery_core]
        self.delivery_ends = np.searchsorted(step[order], np.arange(self.steps + 1))

    def _sources(self) -> range:
        return range(len(self.execution.slices) + 1)

    def _placement_work(self, chip: Chip, times: ServiceTimes, sent: Floats) -> tuple[Floats, Floats]:
        """(passes, steps, P) time of evaluations, and of output by the step in which neurons began to wait."""
        updates = self.execution.updates
        shape = (self.passes, self.steps, len(self.layout.layer))
        evaluation, output = np.zeros(shape), np.zeros(shape)
        which = self._pass_of(updates.sample[self.update_rows], updates.timestep[self.update_rows])
        neurons = updates.evaluated[self.update_rows, None] * self.layout.share[updates.slice[self.update_rows]]
        time = lane_operations(neurons, chip) * times.neuron_update_s
        np.add.at(evaluation, (which, updates.step[self.update_rows]), time)
        own = np.flatnonzero(self.source > 0)
        share = self.layout.share[self.source[own] - 1]
        time = sent[self.rows][own, None] * share * times.output_s
        np.add.at(output, (self.row_pass[own], self.enqueued[own]), time)
        return evaluation, output

    def run(self) -> None:
        for step in range(self.steps):
            received, way = self._receive(step)
            busy = received
            for placement, core in enumerate(self.layout.core):
                evaluation, output = self.updates[:, step, placement], self.outputs[:, step, placement]
                busy[:, core] += evaluation + output
                self.free[:, core] += evaluation
                self._note(self.evaluated, step, placement, self.free[:, core])
                self.free[:, core] += output
                self._note(self.sent, step, placement, self.free[:, core])
            self.bound += busy.max(axis=1) + way

    def _note(self, when: Floats, step: int, placement: int, time: Floats) -> None:
        """A slice that lies in several placements is done when the last of them is."""
        for part in np.flatnonzero(self.layout.share[:, placement] > 0):
            np.maximum(when[:, part, step], time, out=when[:, part, step])

    def _receive(self, step: int) -> tuple[Floats, Floats]:
        """Serve what arrives in a step. Returns (passes, K) time of reception and (passes,) longest way."""
        received, way = np.zeros((self.passes, self.layout.cores)), np.zeros(self.passes)
        now = slice(self.delivery_ends[step], self.delivery_ends[step + 1])
        row, core, service = self.delivery_row[now], self.delivery_core[now], self.delivery_service[now]
        if not len(row):
            return received, way
        which, source = self.row_pass[row], self.source[row]
        own = source > 0
        ready = np.where(own, self.sent[which, np.maximum(source - 1, 0), np.maximum(self.enqueued[row], 0)], 0.0)
        arrival = ready + self.delivery_route[now]
        np.maximum.at(way, which, self.delivery_route[now])
        # one after another within a pass and core; never summed across passes, so no sample's time depends on another's
        starts = np.flatnonzero(np.append(True, (np.diff(which) != 0) | (np.diff(core) != 0)))
        lengths = np.diff(np.append(starts, len(row)))
        for rank in range(lengths.max()):
            turn = starts[lengths > rank] + rank
            place = (which[turn], core[turn])
            self.free[place] = np.maximum(self.free[place], arrival[turn]) + service[turn]
            received[place] += service[turn]
        return received, way

    def decisions(self) -> Floats:
        """(passes,) completion of the evaluation that emitted the first output spike; NaN where there is none."""
        table = self.execution.updates
        part = table.slice[self.update_rows]
        is_output = np.array([one.layer == len(self.execution.shape.layers) - 1 for one in self.execution.slices])
        which = self._pass_of(table.sample[self.update_rows], table.timestep[self.update_rows])
        step = table.step[self.update_rows]
        first = self.execution.steps_to_first_output[self.first : self.last].reshape(-1)
        hit = is_output[part] & (table.emitted[self.update_rows] > 0) & (first[which] == step + 1)
        times = np.full(self.passes, np.inf)
        np.minimum.at(times, which[hit], self.evaluated[which[hit], part[hit], step[hit]])
        return np.where((first == NOT_REACHED) | np.isinf(times), np.nan, times)

"""Asynchronous latency: an execution's messages replayed on servers, one server a core.

Every forward pass starts with idle cores at time 0, when its frame arrives. The forward steps of the simulation give
the order of service, not the time. On each core, step k is

1.  reception of the messages that left in step k − 1, in table order: done = max(arrival, core free) + service, where
    service = messages · (lane operations of one · t_so + t_message);
2.  for each placement on the core, in layer order: evaluation, lane operations · t_upd, and then the output of what it
    emitted in this step: t_spike a spike, and t_out for each destination core of a spike or barrier message.

Clocked chips visit all neurons first, at time 0. A message arrives when the output of its evaluation (its
`enqueue_step`) is done plus its way over the network, even if the simulation lets it wait for a place in a group:
hardware without groups sends it at once. Frames arrive at time 0 plus their way from tile 0. The pass ends when the
last core is done. It cannot end later than the stepwise bound of `codesign.hardware.latency`, the sum over steps of the
busiest core and the longest way, as a step's work begins at the latest when all work of the step before is done.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.service import ServiceTimes
from codesign.hardware.work import (
    Deliveries,
    Layout,
    barrier_outputs,
    deliveries,
    lane_operations,
    sent_messages,
)
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
        decision_s: (B, T) from the frame's arrival until the evaluation that emitted the first output spike; NaN where
            the pass has none.
    """

    makespan_s: Floats
    decision_s: Floats


def replay(execution: Execution, chip: Chip, layout: Layout, times: ServiceTimes) -> Replay:
    """Replay all forward passes, vectorized over them; only steps and placements are looped over."""
    samples, timesteps = execution.samples, execution.timesteps
    result = Replay(
        makespan_s=np.zeros((samples, timesteps)),
        decision_s=np.full((samples, timesteps), np.nan),
    )
    if not samples:
        return result
    table, updates = execution.messages, execution.updates
    steps = 2 + int(max(table.step.max(initial=-1), updates.step.max(initial=-1)))
    arrivals = deliveries(execution, chip, layout)
    width = max(len(execution.slices) + 1, len(layout.layer))
    chunk = max(1, _CHUNK // (timesteps * steps * width))
    for first in range(0, samples, chunk):
        last = min(first + chunk, samples)
        part = _Chunk(execution, chip, layout, times, arrivals, first, last, steps)
        part.run()
        shape = (last - first, timesteps)
        result.makespan_s[first:last] = part.free.max(axis=1).reshape(shape)
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
        self.updates, self.outputs = self._placement_work(chip, times)
        slices = len(execution.slices)
        self.evaluated = np.zeros((self.passes, slices, steps))  # when a slice's evaluation of a step was done
        self.sent = np.zeros((self.passes, slices, steps))  # and its output
        self.free = np.zeros((self.passes, layout.cores))
        if chip.synchronization.kind == "clocked":
            self.free += (
                np.bincount(layout.core, weights=layout.accessed, minlength=layout.cores) * times.neuron_access_s
            )

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

    def _placement_work(self, chip: Chip, times: ServiceTimes) -> tuple[Floats, Floats]:
        """(passes, steps, P) time of evaluations, and of the output of what was emitted."""
        updates = self.execution.updates
        shape = (self.passes, self.steps, len(self.layout.layer))
        evaluation, output = np.zeros(shape), np.zeros(shape)
        which = self._pass_of(updates.sample[self.update_rows], updates.timestep[self.update_rows])
        step = updates.step[self.update_rows]
        share = self.layout.share[updates.slice[self.update_rows]]
        time = lane_operations(updates.evaluated[self.update_rows, None] * share, chip) * times.neuron_update_s
        np.add.at(evaluation, (which, step), time)
        spikes, messages = sent_messages(self.execution, chip, self.layout)
        time = spikes[self.update_rows, None] * times.spike_s + messages[self.update_rows, None] * times.output_s
        np.add.at(output, (which, step), time * share)
        barriers = barrier_outputs(self.execution, chip, self.layout)[self.rows]
        own = np.flatnonzero(barriers)
        time = barriers[own, None] * times.output_s * self.layout.share[self.source[own] - 1]
        np.add.at(output, (self.row_pass[own], self.enqueued[own]), time)
        return evaluation, output

    def run(self) -> None:
        for step in range(self.steps):
            self._receive(step)
            for placement, core in enumerate(self.layout.core):
                evaluation, output = self.updates[:, step, placement], self.outputs[:, step, placement]
                self.free[:, core] += evaluation
                self._note(self.evaluated, step, placement, self.free[:, core])
                self.free[:, core] += output
                self._note(self.sent, step, placement, self.free[:, core])

    def _note(self, when: Floats, step: int, placement: int, time: Floats) -> None:
        """A slice that lies in several placements is done when the last of them is."""
        for part in np.flatnonzero(self.layout.share[:, placement] > 0):
            np.maximum(when[:, part, step], time, out=when[:, part, step])

    def _receive(self, step: int) -> None:
        """Serve what arrives in a step."""
        now = slice(self.delivery_ends[step], self.delivery_ends[step + 1])
        row, core, service = self.delivery_row[now], self.delivery_core[now], self.delivery_service[now]
        if not len(row):
            return
        which, source = self.row_pass[row], self.source[row]
        own = source > 0
        ready = np.where(own, self.sent[which, np.maximum(source - 1, 0), np.maximum(self.enqueued[row], 0)], 0.0)
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
        is_output = np.array([one.layer == len(self.execution.shape.layers) - 1 for one in self.execution.slices])
        which = self._pass_of(table.sample[self.update_rows], table.timestep[self.update_rows])
        step = table.step[self.update_rows]
        first = self.execution.steps_to_first_output[self.first : self.last].reshape(-1)
        hit = is_output[part] & (table.emitted[self.update_rows] > 0) & (first[which] == step + 1)
        times = np.full(self.passes, np.inf)
        np.minimum.at(times, which[hit], self.evaluated[which[hit], part[hit], step[hit]])
        return np.where((first == NOT_REACHED) | np.isinf(times), np.nan, times)

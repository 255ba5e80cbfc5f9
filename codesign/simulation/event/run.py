"""Running a batch through the kernels: samples in parallel, and one result whatever the threads.

A batch is cut into a number of chunks that depends on nothing but its size. Threads take chunks as they get free;
gradients are added chunk by chunk in their order, so the number of threads changes no bit of them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.simulation.event import kernels, memory
from codesign.simulation.event.batch import MOST_CHUNKS, NO_COUNTERS, Batch, Resources
from codesign.simulation.event.layout import Floats, aligned_zeros
from codesign.simulation.event.memory import Counters, Trace

__all__ = ["Recorded", "forward", "learn", "release", "replay"]


@dataclass(frozen=True)
class _Segment:
    """Samples whose traces lie one after the other in one trace."""

    first: int
    last: int
    trace: Trace


@dataclass
class Recorded:
    """What `forward` leaves behind.

    Attributes:
        scores: (B, R, C) float32.
        emitted: spikes emitted by hidden neurons, summed over the batch.
        counters: per sample, and of each chunk with the rows used of its two tables; only if they were asked for.
        kept, sample_ends, segments: what `replay` needs; only if a trace was asked for.
    """

    scores: Floats
    emitted: int = 0
    kept: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    sample_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    segments: list[list[_Segment]] = field(default_factory=list)
    counters: list[tuple[Counters, int, int]] = field(default_factory=list)


def release(segments: list[list[_Segment]], resources: Resources) -> None:
    """Give the memory of traces back for the next batch: the largest of each chunk."""
    resources.stores.extend(parts[-1].trace for parts in segments if parts)
    del resources.stores[MOST_CHUNKS:]


def _in_parallel(chunks: int, work: Callable[[int], None], give_up: Callable[[], None] = lambda: None) -> None:
    """Call `work` for each chunk, in up to `torch.get_num_threads()` threads that take chunks in order.

    After an error no further chunk is begun, `give_up` is called, and the error is raised here.
    """
    numbers = iter(range(chunks))
    lock = threading.Lock()
    errors: list[BaseException] = []

    def run() -> None:
        while not errors:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                work(number)
            except BaseException as error:  # handed to the caller's thread
                errors.append(error)
                give_up()

    threads = [threading.Thread(target=run) for _ in range(min(torch.get_num_threads(), chunks) - 1)]
    for thread in threads:
        thread.start()
    run()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _new_ends() -> NDArray[np.int64]:
    return np.zeros(6, dtype=np.int64)


def _larger(trace: Trace) -> Trace:
    return memory.trace(2 * len(trace.words), 2 * len(trace.potentials))


def forward(batch: Batch) -> Recorded:
    """Run a batch; with a trace for `replay`, or with counters, as its rules say."""
    rules, resources = batch.rules, batch.resources
    layers = len(batch.layout.shape.layers)
    result = Recorded(scores=np.zeros(batch.scores_shape, dtype=np.float32))
    result.kept = batch.room_for_kept(whole=True)
    result.sample_ends = np.zeros((batch.samples, 2), dtype=np.int64)
    chunks = batch.chunks()
    result.segments = [[] for _ in chunks]
    emitted = [0] * len(chunks)
    whole = NO_COUNTERS
    if rules.recorded:
        whole = memory.counters(batch.samples, rules.timesteps, batch.scores_shape[2], layers, len(batch.slices), 0)
    tables: list[tuple[Counters, int, int]] = [(NO_COUNTERS, 0, 0)] * len(chunks)

    def work(chunk: int) -> None:
        first, last = chunks[chunk]
        state = resources.take_scratch(len(batch.slices))
        trace = resources.take_store() if rules.traced else memory.trace(0, 0)
        ends = _new_ends()
        counters = whole
        if rules.recorded:
            rows = memory.counters(0, 0, 0, 0, 0, 1 << 12)
            counters = whole._replace(
                currents=rows.currents,
                sample_currents=rows.sample_currents,
                messages=rows.messages,
                updates=rows.updates,
            )
        begin = first
        while True:
            reached = batch.process(
                kernels.FORWARD,
                begin,
                last,
                state=state,
                trace=trace,
                ends=ends,
                scores=result.scores,
                kept=result.kept,
                counters=counters,
                sample_ends=result.sample_ends,
            )
            if rules.traced:
                result.segments[chunk].append(_Segment(begin, reached, trace))
            if reached == last:
                break
            # a trace or a table is full: the sample begins anew with more room and untouched scratch
            state = memory.scratch(batch.layout, len(batch.slices))
            if rules.traced:
                trace = _larger(trace)
                ends[memory.WORDS] = ends[memory.POTENTIALS] = 0
            if rules.recorded:
                counters = counters._replace(messages=_grown(counters.messages), updates=_grown(counters.updates))
            begin = reached
        emitted[chunk] = int(ends[memory.EMITTED])
        tables[chunk] = (counters, int(ends[memory.MESSAGES]), int(ends[memory.UPDATES]))
        resources.scratch.append((len(batch.slices), state))

    _in_parallel(len(chunks), work)
    result.emitted = sum(emitted)
    result.counters = tables if rules.recorded else []
    if rules.recorded and not chunks:
        result.counters = [(whole, 0, 0)]
    return result


def _grown(table: NDArray[np.int64]) -> NDArray[np.int64]:
    larger = np.empty((2 * len(table), table.shape[1]), dtype=table.dtype)
    larger[: len(table)] = table
    return larger


class _Gradients:
    """Sums the gradients of chunks in the chunks' order."""

    def __init__(self, batch: Batch) -> None:
        self.sizes = (batch.layout.weights, batch.layout.slots if batch.rules.biased else 0)
        self.free = batch.resources.gradients
        self.total = self.take()
        self.merged: float = 0
        self.turn = threading.Condition()

    def take(self) -> tuple[Floats, ...]:
        """Zeros."""
        return self.free.pop() if self.free else tuple(aligned_zeros(size) for size in self.sizes)

    def put_back(self, gradients: tuple[Floats, ...]) -> None:
        for one in gradients:
            one[:] = 0
        self.free.append(gradients)

    def unpacked(self, batch: Batch) -> list[torch.Tensor]:
        """The sums, in the order and shapes of the network's weights and bias; to be called once, at the end."""
        weights, bias = self.total
        found = batch.layout.unpack_gradient(weights)
        if batch.rules.biased:
            found.append(batch.layout.gather(bias))
        self.put_back(self.total)
        return found

    def give_up(self) -> None:
        """Let nobody wait for a chunk that will not come."""
        with self.turn:
            self.merged = math.inf
            self.turn.notify_all()

    def merge(self, chunk: int, gradients: tuple[Floats, ...]) -> None:
        """Wait for the chunks before, and add."""
        with self.turn:
            self.turn.wait_for(lambda: self.merged >= chunk)
        for total, one in zip(self.total, gradients, strict=True):
            total += one
        self.put_back(gradients)
        with self.turn:
            self.merged = max(self.merged, chunk + 1)
            self.turn.notify_all()


def replay(batch: Batch, recorded: Recorded, output_gradient: Floats) -> list[torch.Tensor]:
    """Gradients of the network's weights, and of its bias if it has one, from those of the scores."""
    gradients = _Gradients(batch)

    def work(chunk: int) -> None:
        buffers = gradients.take()
        state = batch.resources.take_scratch(len(batch.slices))
        for segment in recorded.segments[chunk]:
            batch.process(
                kernels.BACKWARD,
                segment.first,
                segment.last,
                state=state,
                trace=segment.trace,
                ends=_new_ends(),
                scores=recorded.scores,
                kept=recorded.kept,
                sample_ends=recorded.sample_ends,
                output_gradient=output_gradient,
                gradient=buffers[0],
                bias_gradient=buffers[1],
            )
        batch.resources.scratch.append((len(batch.slices), state))
        gradients.merge(chunk, buffers)

    _in_parallel(len(recorded.segments), work, gradients.give_up)
    return gradients.unpacked(batch)


def learn(batch: Batch) -> tuple[Floats, NDArray[np.float64], int, list[torch.Tensor]]:
    """Scores, each sample's cross-entropy, hidden spikes, and gradients of their mean as from `replay`."""
    scores = np.zeros(batch.scores_shape, dtype=np.float32)
    losses = np.zeros(batch.samples)
    output_gradient = np.zeros_like(scores)
    chunks = batch.chunks()
    gradients = _Gradients(batch)
    emitted = [0] * len(chunks)

    def work(chunk: int) -> None:
        first, last = chunks[chunk]
        buffers = gradients.take()
        state, trace = batch.resources.take_scratch(len(batch.slices)), batch.resources.take_trace()
        ends = _new_ends()
        kept = batch.room_for_kept(whole=False)
        sample_ends = np.zeros((batch.samples, 2), dtype=np.int64)
        while True:
            first = batch.process(
                kernels.LEARN,
                first,
                last,
                state=state,
                trace=trace,
                ends=ends,
                scores=scores,
                kept=kept,
                kept_by_sample=bool(batch.rules.input_dropout > 0),
                sample_ends=sample_ends,
                losses=losses,
                output_gradient=output_gradient,
                weight=1 / batch.samples,
                gradient=buffers[0],
                bias_gradient=buffers[1],
            )
            if first == last:
                break
            state, trace = memory.scratch(batch.layout, len(batch.slices)), _larger(trace)
        emitted[chunk] = int(ends[memory.EMITTED])
        batch.resources.scratch.append((len(batch.slices), state))
        batch.resources.traces.append(trace)
        gradients.merge(chunk, buffers)

    _in_parallel(len(chunks), work, gradients.give_up)
    batch.resources.packed.append(batch.parameters.weights)
    return scores, losses, sum(emitted), gradients.unpacked(batch)

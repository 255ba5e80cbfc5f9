"""Running a batch through the kernels: samples in parallel, with the same result for any number of threads.

A batch is cut into chunks, whose number depends only on its size. Each thread takes the next chunk when it is free; a
single thread takes all chunks at once. Gradients are added in the order of the chunks, so the number of threads does
not change a bit of them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from codesign.simulation.event import kernels, structures
from codesign.simulation.event.arrays import Doubles, Floats, Longs, aligned_zeros
from codesign.simulation.event.batch import NO_COUNTERS, NO_LEARNING, Batch, Results, chunk_ends
from codesign.simulation.event.forward import NO_ROWS
from codesign.simulation.event.resources import MOST_CHUNKS, Resources, free
from codesign.simulation.event.structures import Counters, Criterion, Learning, Sums, Trace
from codesign.simulation.event.tables import Tables, grown
from codesign.simulation.run import Run


@dataclass(frozen=True)
class _Segment:
    """Consecutive samples recorded in the same trace."""

    first: int
    last: int
    trace: Trace


@dataclass
class Recorded:
    """Everything that `forward` records.

    Attributes:
        results: scores, spikes and charges of all samples.
        parts: (first, last) sample of each part, from `Batch.parts`.
        sample_ends, segments: where each part's traces are, if the run learns.
        counters: the batch's counters with the tables of each part, if requested.
    """

    results: Results
    parts: list[tuple[int, int]]
    sample_ends: Longs
    segments: list[list[_Segment]]
    counters: list[Counters] = field(default_factory=list)


def release(segments: list[list[_Segment]], resources: Resources) -> None:
    """Return the memory of traces for reuse by the next batch: the largest of each part."""
    resources.traces.extend(part[-1].trace for part in segments if part)
    del resources.traces[MOST_CHUNKS:]


def _in_parallel(parts: int, work: Callable[[int], None], give_up: Callable[[], None] = lambda: None) -> None:
    """Call `work` for each part, in up to `torch.get_num_threads()` threads that take parts in order.

    After an error no further part is started, `give_up` is called, and the error is raised here.
    """
    numbers = iter(range(parts))
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

    threads = [threading.Thread(target=run) for _ in range(min(torch.get_num_threads(), parts) - 1)]
    for thread in threads:
        thread.start()
    run()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _larger(trace: Trace) -> Trace:
    return structures.new_trace(2 * len(trace.words), 2 * len(trace.potentials))


def forward(batch: Batch) -> Recorded:
    """Run a batch, with a trace for `backward` and with counters if its rules say so."""
    rules = batch.rules
    parts = batch.parts()
    recorded = Recorded(
        results=batch.new_results(),
        parts=parts,
        sample_ends=np.zeros((batch.samples, 2), dtype=np.int64),
        segments=[[] for _ in parts],
    )
    whole = NO_COUNTERS
    if rules.recorded:
        layers = len(batch.layout.shape.layers)
        sizes = batch.samples, rules.timesteps, batch.scores_shape[2], layers, len(batch.slices)
        whole = structures.new_counters(*sizes)
        recorded.counters = [whole] * max(len(parts), 1)

    def work(part: int) -> None:
        begin, last = parts[part]
        state = batch.take_state()
        trace = batch.resources.take_trace() if rules.traced else structures.new_trace(0, 0)
        out = batch.out(recorded.results, trace, sample_ends=recorded.sample_ends)
        if rules.recorded:
            out = out._replace(counters=_own_tables(whole, batch.resources.take_tables()))
        while True:
            reached = batch.process(kernels.FORWARD, begin, last, state, out)
            if rules.traced:
                recorded.segments[part].append(_Segment(begin, reached, out.trace))
            if reached == last:
                break
            # a trace or a table is full: restart the sample with more room, fresh working memory and no counts
            state = batch.take_state(fresh=True)
            for counter in whole:
                if isinstance(counter, np.ndarray):
                    counter[reached : reached + 1] = 0
            if rules.traced:
                out = out._replace(trace=_larger(out.trace))
                out.ends[structures.WORDS] = out.ends[structures.POTENTIALS] = 0
            # Grow tables only if they were full: unlike traces they are reused, and would double with every graph.
            if out.ends[structures.STATUS] == NO_ROWS:
                messages, updates = grown((out.counters.messages, out.counters.updates))
                out = out._replace(counters=out.counters._replace(messages=messages, updates=updates))
            begin = reached
        if rules.recorded:
            recorded.counters[part] = out.counters
        batch.give_back(state)

    _in_parallel(len(parts), work)
    return recorded


def _own_tables(whole: Counters, tables: Tables) -> Counters:
    """The batch's counters, with separate memory for what each part counts on its own."""
    messages, updates = tables
    currents, sample_currents = np.zeros_like(whole.currents), np.zeros_like(whole.currents)
    return whole._replace(currents=currents, sample_currents=sample_currents, messages=messages, updates=updates)


class ChunkGradients:
    """Sums the gradients of chunks in the order of the chunks, here or in a kernel that processes all of them."""

    def __init__(self, batch: Batch, parts: list[tuple[int, int]]) -> None:
        rules = batch.rules
        of_neurons = rules.biased, rules.learns_threshold, rules.learns_decay
        self.sizes = (
            batch.layout.weights,
            batch.resources.delays.weights,
            batch.resources.direct.weights,
            *(batch.layout.slots * learns for learns in of_neurons),
        )
        self.free = batch.resources.gradients[self.sizes]
        self.total = self.take()
        self.chunk_ends = np.array(chunk_ends(*parts[0]) if len(parts) == 1 else [], dtype=np.int64)
        self.merged: float = 0
        self.turn = threading.Condition()

    def take(self) -> Sums:
        """Gradients of zero."""
        return free(self.free) or Sums(*(aligned_zeros(size) for size in self.sizes))

    def put_back(self, sums: Sums) -> None:
        for gradient in sums:
            gradient[:] = 0
        self.free.append(sums)

    def unpacked(self, batch: Batch) -> list[torch.Tensor]:
        """The totals, in the order and shapes of `Run.parameters`; call it once, at the end."""
        weights, delayed, direct, *of_neurons = self.total
        gradients = batch.layout.unpack_gradient(weights) + batch.resources.delays.unpack_gradient(delayed)
        gradients += batch.resources.direct.unpack_gradient(direct)
        gradients += [batch.layout.gather(sums) for sums in of_neurons if len(sums)]
        self.put_back(self.total)
        return gradients

    def give_up(self) -> None:
        """Release threads that wait for a part that will never finish."""
        with self.turn:
            self.merged = math.inf
            self.turn.notify_all()

    def added_to(self, learning: Learning, sums: Sums) -> Learning:
        """`learning`, with gradients added to `sums`, which come from `take`."""
        return learning._replace(sums=sums, totals=self.total, chunk_ends=self.chunk_ends)

    def merge(self, part: int, sums: Sums) -> None:
        """Wait for earlier parts, then add `sums` to the totals, unless the kernel has done so."""
        if len(self.chunk_ends):
            self.free.append(sums)
            return
        with self.turn:
            self.turn.wait_for(lambda: self.merged >= part)
        for total, gradient in zip(self.total, sums, strict=True):
            total += gradient
        with self.turn:
            self.merged = max(self.merged, part + 1)
            self.turn.notify_all()
        self.put_back(sums)


def backward(
    batch: Batch, recorded: Recorded, output_gradient: Floats, spike_gradient: Floats, charge_gradient: Floats
) -> list[torch.Tensor]:
    """Gradients of `Run.parameters`, given the gradients of the results. If the run recomputes, there is no trace, and
    each sample is run again and replayed immediately."""
    given = NO_LEARNING._replace(
        output_gradient=output_gradient, spike_gradient=spike_gradient, charge_gradient=charge_gradient
    )
    if batch.run.recompute:
        again = batch.ruled(recorded=False, tallied=batch.rules.timed)
        return _sample_by_sample(again, kernels.AGAIN, batch.new_results(), given, batch.parts()).unpacked(batch)
    gradients = ChunkGradients(batch, recorded.parts)

    def work(part: int) -> None:
        sums = gradients.take()
        state = batch.take_state()
        learning = gradients.added_to(given, sums)
        for segment in recorded.segments[part]:
            out = batch.out(recorded.results, segment.trace, sample_ends=recorded.sample_ends, learning=learning)
            batch.process(kernels.BACKWARD, segment.first, segment.last, state, out)
        batch.give_back(state)
        gradients.merge(part, sums)

    _in_parallel(len(recorded.segments), work, gradients.give_up)
    return gradients.unpacked(batch)


def learn_batch(batch: Batch) -> tuple[Results, Doubles, list[torch.Tensor]]:
    """Results, cross-entropy of each sample, and gradients of the mean as from `backward`, keeping the trace of one
    sample per thread."""
    results, learning = batch.new_results(), new_learning(batch)
    gradients = learn_samples(batch, results, learning).unpacked(batch)
    batch.resources.packed.append(batch.network.weights)  # this batch is never run again
    return results, learning.losses, gradients


def new_learning(batch: Batch) -> Learning:
    """Room for the loss of every sample and its gradients."""
    return NO_LEARNING._replace(
        losses=np.zeros(batch.samples),
        output_gradient=np.zeros(batch.scores_shape, dtype=np.float32),
        charge_gradient=np.zeros(batch.layers_shape, dtype=np.float32),
    )


def learn_samples(
    batch: Batch, results: Results, learning: Learning, first: int = 0, last: int | None = None
) -> ChunkGradients:
    """Gradients of the mean loss of samples `first` to `last` − 1, by default of all."""
    last = batch.samples if last is None else last
    learning = learning._replace(criterion=_criterion(batch.run, last - first))
    return _sample_by_sample(batch, kernels.LEARN, results, learning, batch.parts(first, last))


def _sample_by_sample(
    batch: Batch, task: int, results: Results, given: Learning, parts: list[tuple[int, int]]
) -> ChunkGradients:
    """The sum of gradients over parts of a batch, keeping one sample's trace per thread."""
    gradients = ChunkGradients(batch, parts)
    sample_ends = np.zeros((batch.samples, 2), dtype=np.int64)

    def work(part: int) -> None:
        first, last = parts[part]
        sums = gradients.take()
        state, learning = batch.take_state(), gradients.added_to(given, sums)
        out = batch.out(results, batch.resources.take_trace(), sample_ends=sample_ends, learning=learning)
        while True:
            first = batch.process(task, first, last, state, out)
            if first == last:
                break
            state, out = batch.take_state(fresh=True), out._replace(trace=_larger(out.trace))
        batch.give_back(state)
        batch.resources.traces.append(out.trace)
        gradients.merge(part, sums)

    _in_parallel(len(parts), work, gradients.give_up)
    return gradients


def _criterion(run: Run, samples: int) -> Criterion:
    """The loss that a run minimizes: the mean over so many samples."""
    cost, loss = run.spike_cost, run.loss
    assert loss is not None
    return Criterion(
        weight=1 / samples,
        temperature=float(loss.temperature),
        label_smoothing=float(loss.label_smoothing),
        multipliers=np.array([] if cost is None else cost.multipliers, dtype=np.float64),
        floors=np.array([] if cost is None else cost.floors, dtype=np.float64),
    )

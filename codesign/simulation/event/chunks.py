"""Running a batch through the kernels: samples in parallel, and one result whatever the threads.

A batch is cut into a number of chunks that depends on nothing but its size. Threads take chunks as they get free, a
single one all of them at once; gradients are added chunk by chunk in their order, so the number of threads changes no
bit of them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from codesign.simulation.event import kernels, memory, structures
from codesign.simulation.event.arrays import Doubles, Floats, Longs, aligned_zeros
from codesign.simulation.event.batch import NO_COUNTERS, NO_LEARNING, Batch, Results
from codesign.simulation.event.forward import NO_ROWS
from codesign.simulation.event.resources import MOST_CHUNKS, Resources, free
from codesign.simulation.event.structures import Counters, Criterion, Input, Learning, Sums, Trace
from codesign.simulation.event.tables import Tables, grown
from codesign.simulation.run import Run


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
        results: scores, spikes and charges of all samples.
        input_: with what input dropout kept.
        parts: (first, last) sample of each part, as `Batch.parts` had them.
        sample_ends, segments: where traces are, if the run learns; of each part.
        counters: of the batch, with the tables of each part, if they were asked for.
    """

    results: Results
    input_: Input
    parts: list[tuple[int, int]]
    sample_ends: Longs
    segments: list[list[_Segment]]
    counters: list[Counters] = field(default_factory=list)


@dataclass(frozen=True)
class Learnt:
    """What `learn_batch` returns: results, (B,) cross-entropies, gradients of the mean loss."""

    results: Results
    losses: Doubles
    gradients: list[torch.Tensor]


def release(segments: list[list[_Segment]], resources: Resources) -> None:
    """Give the memory of traces back for the next batch: the largest of each part."""
    resources.stores.extend(part[-1].trace for part in segments if part)
    del resources.stores[MOST_CHUNKS:]


def _in_parallel(parts: int, work: Callable[[int], None], give_up: Callable[[], None] = lambda: None) -> None:
    """Call `work` for each part, in up to `torch.get_num_threads()` threads that take parts in order.

    After an error no further part is begun, `give_up` is called, and the error is raised here.
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
    return memory.new_trace(2 * len(trace.words), 2 * len(trace.potentials))


def forward(batch: Batch) -> Recorded:
    """Run a batch; with a trace for `replay`, or with counters, as its rules say."""
    rules = batch.rules
    parts = batch.parts()
    recorded = Recorded(
        results=batch.new_results(),
        input_=batch.with_room_for_kept(whole=True),
        parts=parts,
        sample_ends=np.zeros((batch.samples, 2), dtype=np.int64),
        segments=[[] for _ in parts],
    )
    whole = NO_COUNTERS
    if rules.recorded:
        layers = len(batch.layout.shape.layers)
        sizes = batch.samples, rules.timesteps, batch.scores_shape[2], layers, len(batch.slices)
        whole = memory.new_counters(*sizes)
        recorded.counters = [whole] * max(len(parts), 1)

    def work(part: int) -> None:
        begin, last = parts[part]
        state = batch.take_state()
        trace = batch.resources.take_store() if rules.traced else memory.new_trace(0, 0)
        out = batch.out(recorded.results, trace, sample_ends=recorded.sample_ends)
        if rules.recorded:
            out = out._replace(counters=_own_tables(whole, batch.resources.take_tables()))
        while True:
            reached = batch.process(kernels.FORWARD, begin, last, state, out, recorded.input_)
            if rules.traced:
                recorded.segments[part].append(_Segment(begin, reached, out.trace))
            if reached == last:
                break
            # a trace or a table is full: the sample begins anew with more room and untouched working memory
            state = batch.take_state(fresh=True)
            if rules.traced:
                out = out._replace(trace=_larger(out.trace))
                out.ends[structures.WORDS] = out.ends[structures.POTENTIALS] = 0
            # A trace stays with its graph, while tables come back: grown with it, they would double with each graph.
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
    """The batch's counters, with what each part counts for itself."""
    own = memory.new_counters(0, 0, 0, 0, 0)
    messages, updates = tables
    return whole._replace(
        currents=own.currents, sample_currents=own.sample_currents, messages=messages, updates=updates
    )


class _Gradients:
    """Sums the gradients of chunks in the chunks' order, here or in a kernel that goes through all of them."""

    def __init__(self, batch: Batch, parts: int) -> None:
        rules = batch.rules
        of_neurons = rules.biased, rules.learns_threshold, rules.learns_decay
        self.sizes = (
            batch.layout.weights,
            batch.resources.delays.weights,
            batch.resources.direct.weights,
            *(batch.layout.slots * learns for learns in of_neurons),
        )
        self.free = batch.resources.gradients
        self.total = self.take()
        self.chunk_ends = np.array(batch.chunk_ends() if parts == 1 else [], dtype=np.int64)
        self.merged: float = 0
        self.turn = threading.Condition()

    def take(self) -> Sums:
        """Zeros."""
        while (used := free(self.free)) is not None:
            if tuple(map(len, used)) == self.sizes:  # another run of the network may have learned something else
                return used
        return Sums(*(aligned_zeros(size) for size in self.sizes))

    def put_back(self, sums: Sums) -> None:
        for gradient in sums:
            gradient[:] = 0
        self.free.append(sums)

    def unpacked(self, batch: Batch) -> list[torch.Tensor]:
        """The sums, in the order and shapes of `Run.parameters`; to be called once, at the end."""
        weights, delayed, direct, *of_neurons = self.total
        gradients = batch.layout.unpack_gradient(weights) + batch.resources.delays.unpack_gradient(delayed)
        gradients += batch.resources.direct.unpack_gradient(direct)
        gradients += [batch.layout.gather(sums) for sums in of_neurons if len(sums)]
        self.put_back(self.total)
        return gradients

    def give_up(self) -> None:
        """Let nobody wait for a part that will not come."""
        with self.turn:
            self.merged = math.inf
            self.turn.notify_all()

    def added_to(self, learning: Learning, sums: Sums) -> Learning:
        """`learning` with gradients that are added to what `take` gave."""
        return learning._replace(sums=sums, totals=self.total, chunk_ends=self.chunk_ends)

    def merge(self, part: int, sums: Sums) -> None:
        """Wait for the parts before, and add, unless the kernel has, which leaves zeros."""
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


def replay(
    batch: Batch, recorded: Recorded, output_gradient: Floats, spike_gradient: Floats, charge_gradient: Floats
) -> list[torch.Tensor]:
    """Gradients of `Run.parameters` from those of the results."""
    gradients = _Gradients(batch, len(recorded.segments))
    given = NO_LEARNING._replace(
        output_gradient=output_gradient, spike_gradient=spike_gradient, charge_gradient=charge_gradient
    )

    def work(part: int) -> None:
        sums = gradients.take()
        state = batch.take_state()
        learning = gradients.added_to(given, sums)
        for segment in recorded.segments[part]:
            out = batch.out(recorded.results, segment.trace, sample_ends=recorded.sample_ends, learning=learning)
            batch.process(kernels.BACKWARD, segment.first, segment.last, state, out, recorded.input_)
        batch.give_back(state)
        gradients.merge(part, sums)

    _in_parallel(len(recorded.segments), work, gradients.give_up)
    return gradients.unpacked(batch)


def learn_batch(batch: Batch) -> Learnt:
    """Each sample's cross-entropy, and gradients of their mean as from `replay`, of one sample's trace at a time."""
    results, losses = batch.new_results(), np.zeros(batch.samples)
    given = NO_LEARNING._replace(
        criterion=_criterion(batch.run),
        losses=losses,
        output_gradient=np.zeros_like(results.scores),
        charge_gradient=np.zeros(batch.layers_shape, dtype=np.float32),
    )
    gradients = _sample_by_sample(batch, kernels.LEARN, results, given)
    batch.resources.packed.append(batch.network.weights)  # nobody runs this batch again
    return Learnt(results, losses, gradients)


def learn_again(
    batch: Batch, output_gradient: Floats, spike_gradient: Floats, charge_gradient: Floats
) -> list[torch.Tensor]:
    """As `replay`, of a run that left no trace: each sample runs once more, and at once backwards."""
    batch = batch.ruled(recorded=False, tallied=batch.rules.timed)
    given = NO_LEARNING._replace(
        output_gradient=output_gradient, spike_gradient=spike_gradient, charge_gradient=charge_gradient
    )
    return _sample_by_sample(batch, kernels.AGAIN, batch.new_results(), given)


def _sample_by_sample(batch: Batch, task: int, results: Results, given: Learning) -> list[torch.Tensor]:
    """Gradients of `Run.parameters`, with the memory of one sample's trace per thread."""
    parts = batch.parts()
    gradients = _Gradients(batch, len(parts))
    sample_ends = np.zeros((batch.samples, 2), dtype=np.int64)

    def work(part: int) -> None:
        first, last = parts[part]
        sums = gradients.take()
        state, input_ = batch.take_state(), batch.with_room_for_kept(whole=False)
        learning = gradients.added_to(given, sums)
        out = batch.out(results, batch.resources.take_trace(), sample_ends=sample_ends, learning=learning)
        while True:
            first = batch.process(task, first, last, state, out, input_)
            if first == last:
                break
            state, out = batch.take_state(fresh=True), out._replace(trace=_larger(out.trace))
        batch.give_back(state)
        batch.resources.traces.append(out.trace)
        gradients.merge(part, sums)

    _in_parallel(len(parts), work, gradients.give_up)
    return gradients.unpacked(batch)


def _criterion(run: Run) -> Criterion:
    """What a run minimizes, the mean over its samples."""
    cost, loss = run.spike_cost, run.loss
    assert loss is not None
    return Criterion(
        weight=1 / len(run.events),
        temperature=float(loss.temperature),
        label_smoothing=float(loss.label_smoothing),
        multipliers=np.array([] if cost is None else cost.multipliers, dtype=np.float64),
        floors=np.array([] if cost is None else cost.floors, dtype=np.float64),
    )

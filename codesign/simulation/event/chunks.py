"""Running a batch through the kernels: samples in parallel, with the same result for any number of threads.

A batch is cut into chunks, whose number depends only on its size. Each thread takes the next chunk when it is free; a
single thread takes all chunks at once. Gradients are added in the order of the chunks, so the number of threads does
not change a bit of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from codesign.simulation.event import kernels, structures
from codesign.simulation.event.arrays import Doubles, Floats, Longs, aligned_zeros, longs
from codesign.simulation.event.batch import NO_COUNTERS, NO_LEARNING, Batch, Results, chunk_ends
from codesign.simulation.event.forward import NO_ROWS
from codesign.simulation.event.resources import MOST_CHUNKS, Resources, free
from codesign.simulation.event.structures import Counters, Criterion, Learning, Out, Sums, Trace
from codesign.simulation.event.tables import Tables, grown
from codesign.simulation.run import Run

Part = tuple[int, int]
Pieces = list[tuple[Part, Trace]]
T = TypeVar("T")


@dataclass(frozen=True)
class Recorded:
    """Everything that `forward` records.

    Attributes:
        results: scores, spikes and charges of all samples.
        parts: (first, last) sample of each part, from `Batch.parts`.
        sample_ends: where each sample's trace ends.
        pieces: of each part, if the run learns: consecutive samples with the same trace.
        counters: the batch's counters with the tables of each part; empty unless requested.
    """

    results: Results
    parts: list[Part]
    sample_ends: Longs
    pieces: list[Pieces]
    counters: list[Counters]


def release(pieces: list[Pieces], resources: Resources) -> None:
    """Return the memory of traces for reuse by the next batch: the largest of each part."""
    resources.traces.extend(trace for *_, (_, trace) in pieces)
    del resources.traces[MOST_CHUNKS:]


def _of_each(parts: list[Part], work: Callable[[Part], T]) -> Iterator[T]:
    """Results of `work` for each part, in order, from up to `torch.get_num_threads()` threads."""
    threads = min(torch.get_num_threads(), len(parts))
    if threads <= 1:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, parts)


def _process(batch: Batch, task: int, part: Part, out: Out) -> tuple[Out, Pieces]:
    """Process a part's samples; return `out` with what had to grow, and the samples of each trace."""
    begin, last = part
    state, reached, pieces = batch.take_state(), begin, []
    while (reached := batch.process(task, reached, last, state, out)) < last:
        # a trace or a table is full: restart the sample with more room and fresh working memory
        state = batch.take_state(fresh=True)
        if out.ends[structures.STATUS] == NO_ROWS:
            messages, updates = grown((out.counters.messages, out.counters.updates))
            out = out._replace(counters=out.counters._replace(messages=messages, updates=updates))
            continue
        pieces.append(((begin, reached), out.trace))
        begin, full = reached, out.trace
        out = out._replace(trace=structures.new_trace(2 * len(full.words), 2 * len(full.potentials)))
        out.ends[structures.WORDS] = out.ends[structures.POTENTIALS] = 0
    batch.give_back(state)
    return out, [*pieces, ((begin, last), out.trace)]


def forward(batch: Batch) -> Recorded:
    """Run a batch, with a trace for `backward` and with counters if its rules say so."""
    rules, resources, parts = batch.rules, batch.resources, batch.parts()
    results, sample_ends = batch.new_results(), np.zeros((batch.samples, 2), dtype=np.int64)
    whole = NO_COUNTERS
    if rules.recorded:
        layers = len(batch.layout.shape.layers)
        sizes = batch.samples, rules.timesteps, batch.scores_shape[2], layers, len(batch.slices)
        whole = structures.new_counters(*sizes)

    def work(part: Part) -> tuple[Out, Pieces]:
        trace = resources.take_trace() if rules.traced else structures.new_trace(0, 0)
        counters = _own_tables(whole, resources.take_tables()) if rules.recorded else whole
        out = batch.out(results, trace, sample_ends=sample_ends, counters=counters)
        return _process(batch, kernels.FORWARD, part, out)

    done = list(_of_each(parts, work))
    return Recorded(
        results=results,
        parts=parts,
        sample_ends=sample_ends,
        pieces=[pieces for _, pieces in done if rules.traced],
        counters=[out.counters for out, _ in done] or [whole],
    )


def _own_tables(whole: Counters, tables: Tables) -> Counters:
    """The batch's counters, with separate memory for what each part counts on its own."""
    messages, updates = tables
    currents, sample_currents = np.zeros_like(whole.currents), np.zeros_like(whole.currents)
    return whole._replace(currents=currents, sample_currents=sample_currents, messages=messages, updates=updates)


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
        return unpacked(batch, _sample_by_sample(again, kernels.AGAIN, batch.new_results(), given, batch.parts()))
    pieces_of = dict(zip(recorded.parts, recorded.pieces, strict=True))

    def replay(part: Part, learning: Learning) -> None:
        for piece, trace in pieces_of[part]:
            out = batch.out(recorded.results, trace, sample_ends=recorded.sample_ends, learning=learning)
            _process(batch, kernels.BACKWARD, piece, out)

    return unpacked(batch, _gradients(batch, recorded.parts, given, replay))


def learn_batch(batch: Batch) -> tuple[Results, Doubles, list[torch.Tensor]]:
    """Results, cross-entropy of each sample, and gradients of the mean as from `backward`, keeping the trace of one
    sample per thread."""
    results, learning = batch.new_results(), new_learning(batch)
    gradients = unpacked(batch, learn_samples(batch, results, learning))
    batch.resources.packed.append(batch.network.weights)  # this batch is never run again
    return results, learning.losses, gradients


def new_learning(batch: Batch) -> Learning:
    """Room for the loss of every sample and its gradients."""
    return NO_LEARNING._replace(
        losses=np.zeros(batch.samples),
        output_gradient=np.zeros(batch.scores_shape, dtype=np.float32),
        charge_gradient=np.zeros(batch.layers_shape, dtype=np.float32),
    )


def mean_loss(run: Run, losses: Doubles, charges: Doubles) -> float:
    """The mean cross-entropy of samples plus the mean cost of their spikes."""
    mean = float(losses.sum()) / len(losses)
    if run.spike_cost is not None:
        mean += float(run.spike_cost.of(torch.from_numpy(charges)).mean())
    return mean


def learn_samples(batch: Batch, results: Results, learning: Learning, first: int = 0, last: int | None = None) -> Sums:
    """Packed gradients of the mean loss of samples `first` to `last` − 1, by default of all."""
    last = batch.samples if last is None else last
    learning = learning._replace(criterion=_criterion(batch.run, last - first))
    return _sample_by_sample(batch, kernels.LEARN, results, learning, batch.parts(first, last))


def _sample_by_sample(batch: Batch, task: int, results: Results, given: Learning, parts: list[Part]) -> Sums:
    """Packed gradients of these parts of a batch, keeping one sample's trace per thread."""
    sample_ends = np.zeros((batch.samples, 2), dtype=np.int64)

    def learn(part: Part, learning: Learning) -> None:
        out = batch.out(results, batch.resources.take_trace(), sample_ends=sample_ends, learning=learning)
        out, _ = _process(batch, task, part, out)
        batch.resources.traces.append(out.trace)

    return _gradients(batch, parts, given, learn)


def _gradients(batch: Batch, parts: list[Part], given: Learning, work: Callable[[Part, Learning], None]) -> Sums:
    """The packed gradients that `work` adds to `Learning.sums` for each part.

    Those of chunks are added in the order of the chunks: by the kernel if it processes all of them, otherwise here."""
    total, ends = _no_gradients(batch), longs(chunk_ends(*parts[0]) if len(parts) == 1 else [])

    def sums_of(part: Part) -> Sums:
        sums = _no_gradients(batch)
        work(part, given._replace(sums=sums, totals=total, chunk_ends=ends))
        return sums

    for sums in _of_each(parts, sums_of):
        if not len(ends):
            for all_, own in zip(total, sums, strict=True):
                all_ += own
        clear(batch, sums)
    return total


def unpacked(batch: Batch, total: Sums) -> list[torch.Tensor]:
    """Gradients in the order and shapes of `Run.parameters`; `total` is cleared."""
    layout, resources = batch.layout, batch.resources
    weights, delayed, direct, *of_neurons = total
    gradients = layout.unpack_gradient(weights) + resources.delays.unpack_gradient(delayed)
    gradients += resources.direct.unpack_gradient(direct)
    gradients += [layout.gather(sums) for sums in of_neurons if len(sums)]
    clear(batch, total)
    return gradients


def _no_gradients(batch: Batch) -> Sums:
    """Gradients of zero, in memory that is used again: to get it anew takes a twelfth of an update of 64 samples."""
    rules, resources, slots = batch.rules, batch.resources, batch.layout.slots
    of_neurons = rules.biased, rules.learns_threshold, rules.learns_decay
    of_weights = batch.layout.weights, resources.delays.weights, resources.direct.weights
    sizes = *of_weights, *(slots * learns for learns in of_neurons)
    return free(resources.gradients[sizes]) or Sums(*map(aligned_zeros, sizes))


def clear(batch: Batch, sums: Sums) -> None:
    """Set gradients to zero and give back their memory."""
    for gradient in sums:
        gradient[:] = 0
    batch.resources.gradients[tuple(map(len, sums))].append(sums)


def _criterion(run: Run, samples: int) -> Criterion:
    """The loss that a run minimizes: the mean over this number of samples."""
    cost, loss = run.spike_cost, run.loss
    assert loss is not None
    return Criterion(
        weight=1 / samples,
        temperature=float(loss.temperature),
        label_smoothing=float(loss.label_smoothing),
        multipliers=np.array([] if cost is None else cost.multipliers, dtype=np.float64),
        floors=np.array([] if cost is None else cost.floors, dtype=np.float64),
    )

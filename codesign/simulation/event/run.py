"""Running a batch through the kernels: memory for them, samples in parallel, and one result whatever the threads.

A batch is cut into a fixed number of chunks. Threads take chunks as they get free; gradients are added chunk by chunk in
their order, so the number of threads changes no bit of them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.event import kernels, memory
from codesign.simulation.event.forward import NO_PRIORITY, ROOM_WITHOUT_LIMIT
from codesign.simulation.event.layout import Floats, Layout, aligned_zeros
from codesign.simulation.event.memory import Counters, Input, Parameters, Rules, Scratch, Trace
from codesign.simulation.event.selection import policy_address
from codesign.simulation.idle import IdleGradient
from codesign.simulation.policies import get_policy
from codesign.simulation.random import Purpose, purpose_key
from codesign.simulation.recording import slices_of
from codesign.simulation.reference import synchronization_thresholds
from codesign.simulation.schedule import Regularization, Schedule
from codesign.workload.events import EventBatch

__all__ = ["Batch", "Recorded", "forward", "learn", "release", "replay"]

_MOST_CHUNKS, _LEAST_SAMPLES = 8, 8
_IDLE = {"none": memory.IDLE_NONE, "all": memory.IDLE_ALL, "spare": memory.IDLE_SPARE}
_NOTHING = np.zeros((0, 0), dtype=np.float32)


class _Resources:
    """What calls for the same network use again: its layout, and scratch that no thread holds right now."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.layout = Layout(network)
        self.scratch: list[tuple[int, Scratch]] = []
        self.traces: list[Trace] = []
        self.stores: list[Trace] = []
        self.packed: list[Floats] = []
        self.gradients: list[tuple[Floats, ...]] = []

    def take_scratch(self, slices: int) -> Scratch:
        while self.scratch:
            found, one = self.scratch.pop()
            if found == slices:
                return one
        return memory.scratch(self.layout, slices)

    def take_trace(self) -> Trace:
        return self.traces.pop() if self.traces else memory.trace(1 << 14, 1 << 16)

    def take_store(self) -> Trace:
        """Room for the traces of a chunk. Fresh memory costs more time than what is written to it: it is used again."""
        return self.stores.pop() if self.stores else memory.trace(1 << 16, 1 << 18)


_resources: WeakKeyDictionary[SpikingNetwork, _Resources] = WeakKeyDictionary()


def _resources_of(network: SpikingNetwork) -> _Resources:
    found = _resources.get(network)
    if found is None:
        found = _resources[network] = _Resources(network)
    return found


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
        logits: (B, C) float32.
        emitted: spikes emitted by hidden neurons, summed over the batch.
        counters: per sample, and of each chunk with the rows used of its two tables; only if they were asked for.
        kept, sample_ends, segments: what `replay` needs; only if a trace was asked for.
    """

    logits: Floats
    emitted: int = 0
    kept: Floats = field(default_factory=lambda: _NOTHING[0:0].ravel())
    sample_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    segments: list[list[_Segment]] = field(default_factory=list)
    counters: list[tuple[Counters, int, int]] = field(default_factory=list)


def release(segments: list[list[_Segment]], resources: _Resources) -> None:
    """Give the memory of traces back for the next batch: the largest of each chunk."""
    resources.stores.extend(parts[-1].trace for parts in segments if parts)
    del resources.stores[_MOST_CHUNKS:]


class Batch:
    """A network, a batch and a schedule, made ready for kernels.

    Raises:
        InputError: the network is not float32 on the CPU, or is too large.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        events: EventBatch,
        schedule: Schedule,
        regularization: Regularization,
        idle_gradient: IdleGradient,
        *,
        seed: int,
        epoch: int,
        traced: bool,
        recorded: bool,
    ) -> None:
        for name, parameter in network.named_parameters():
            if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
                found = f"{str(parameter.dtype).removeprefix('torch.')} on {parameter.device}"
                raise InputError(f"engine 'event' needs float32 parameters on the CPU; {name} is {found}")
        self.resources = _resources_of(network)
        layout = self.resources.layout
        self.layout, self.events, self.wiring = layout, events, layout.wiring
        self.samples = len(events)
        self.classes = network.shape.layers[-1].neurons
        self.slices = slices_of(network, schedule)
        policy = get_policy(schedule.policy)
        gated = schedule.synchronized or schedule.barrier_messages
        self.rules = Rules(
            inputs=network.shape.input_size,
            timesteps=events.timesteps,
            group_size=min(schedule.group_size or ROOM_WITHOUT_LIMIT, ROOM_WITHOUT_LIMIT),
            on_output=schedule.stop == "on_output",
            steps_after_output=schedule.steps_after_output,
            queued=schedule.input_mode == "queued",
            prioritize_input=schedule.prioritize_input,
            gated=gated,
            layer_gate=schedule.synchronization_threshold == "layer",
            barrier_messages=schedule.barrier_messages,
            refractory=network.neuron.refractory,
            subtract=network.neuron.reset == "subtract",
            leaks=not bool(torch.isinf(network.time_constant).all()),
            biased=network.bias is not None,
            reads_potential=network.neuron.readout == "potential",
            currents=events.currents,
            single_spikes=network.neuron.refractory
            and schedule.input_mode == "frame"
            and not (regularization.refractory_dropout or regularization.network_dropout),
            input_dropout=np.float32(regularization.input_dropout),
            network_dropout=np.float32(regularization.network_dropout),
            refractory_dropout=np.float32(regularization.refractory_dropout),
            noise=np.float32(regularization.momentum_noise),
            policy=policy_address(policy),
            draws=policy.uses_uniform or regularization.momentum_noise > 0,
            half_steepness=np.float32(network.neuron.surrogate_steepness / 2),
            idle_gradient=_IDLE[idle_gradient],
            traced=traced,
            recorded=recorded,
        )
        self.parameters = self._parameters(network, schedule)
        keys = np.array([purpose_key(seed, epoch, purpose) for purpose in Purpose], dtype=np.int64)
        self.input = Input(
            offsets=events.offsets,
            indices=events.indices,
            values=events.values,
            labels=events.labels,
            sample_ids=events.sample_ids,
            purpose_keys=keys.view(np.uint64),
        )

    def _parameters(self, network: SpikingNetwork, schedule: Schedule) -> Parameters:
        layout, rules = self.layout, self.rules
        weights: list[torch.Tensor] = list(network.weights())
        neurons, inputs = network.shape.neurons, rules.inputs
        threshold = layout.spread(network.threshold, np.inf)
        if rules.reads_potential:
            outputs = self.wiring.source_slot[inputs:][network.layer_slices[-1]]
            threshold[outputs] = np.inf
        none = np.zeros(0, dtype=np.float32)
        gate = np.zeros(layout.slots if rules.gated else 0, dtype=np.int64)
        if rules.gated:
            gate[self.wiring.source_slot[inputs:]] = synchronization_thresholds(network, schedule).numpy()
        core = self.wiring.source_layer.astype(np.float32)
        core[inputs:] -= 1
        if schedule.cores is not None:
            core[inputs:] = schedule.cores
        source_slice = np.zeros(layout.sources, dtype=np.int32)
        source_slice[inputs:] = np.repeat(np.arange(len(self.slices)), [one.neurons for one in self.slices])
        assert len(source_slice) == inputs + neurons
        idle = rules.traced and rules.idle_gradient == memory.IDLE_ALL
        return Parameters(
            weights=layout.pack(weights, self.resources.packed.pop() if self.resources.packed else None),
            transposed=layout.pack_transposed(weights) if idle else none,
            threshold=threshold,
            reset_by=layout.spread(network.threshold, 0.0) if rules.subtract else none,
            decay=layout.spread(network.decay, 1.0) if rules.leaks or rules.biased else none,
            bias=none if network.bias is None else layout.spread(network.bias, 0.0),
            gate=gate,
            source_layer=self.wiring.source_layer.astype(np.float32),
            source_core=core,
            source_slice=source_slice,
        )

    # one chunk ----------------------------------------------------------------------------------------------------

    def process(
        self,
        task: int,
        first: int,
        last: int,
        *,
        state: Scratch,
        trace: Trace,
        ends: NDArray[np.int64],
        logits: Floats,
        kept: Floats,
        kept_by_sample: bool = False,
        counters: Counters = memory.counters(0, 0, 0, 0, 0),
        sample_ends: NDArray[np.int64] = np.zeros((0, 2), dtype=np.int64),
        losses: NDArray[np.float64] = np.zeros(0),
        output_gradient: Floats = _NOTHING,
        weight: float = 0.0,
        gradient: Floats = _NOTHING.ravel(),
        bias_gradient: Floats = _NOTHING.ravel(),
    ) -> int:
        """`kernels.process` with this batch. Returns the first sample that found no room.

        Raises:
            InputError: the policy gave a priority that is not a number.
        """
        reached: int = kernels.process(
            task,
            first,
            last,
            self.wiring,
            self.parameters,
            self.rules,
            self.input,
            kept,
            kept_by_sample,
            state,
            trace,
            counters,
            ends,
            sample_ends,
            logits,
            losses,
            output_gradient,
            weight,
            gradient,
            bias_gradient,
        )
        if ends[memory.STATUS] == NO_PRIORITY:
            raise InputError("the scheduling policy gave a priority that is not a number")
        return reached

    def chunks(self) -> list[tuple[int, int]]:
        """(first, last) of each chunk; the same for any number of threads."""
        count = min(_MOST_CHUNKS, -(-self.samples // _LEAST_SAMPLES))
        bounds = [self.samples * i // count for i in range(count + 1)] if count else []
        return list(zip(bounds[:-1], bounds[1:], strict=True)) if count else []

    def room_for_kept(self, *, whole: bool) -> Floats:
        """Where kernels write what input dropout keeps; the entries themselves if there is none."""
        if not self.rules.input_dropout > 0:
            return self.events.values
        if whole:
            return np.empty(len(self.events.values), dtype=np.float32)
        of_sample = np.diff(self.events.offsets[:: self.rules.timesteps])
        return np.empty(int(of_sample.max(initial=0)), dtype=np.float32)


def _in_parallel(
    chunks: int, work: Callable[[int], None], give_up: Callable[[], None] = lambda: None
) -> None:
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
    result = Recorded(logits=np.zeros((batch.samples, batch.classes), dtype=np.float32))
    result.kept = batch.room_for_kept(whole=True)
    result.sample_ends = np.zeros((batch.samples, 2), dtype=np.int64)
    chunks = batch.chunks()
    result.segments = [[] for _ in chunks]
    emitted = [0] * len(chunks)
    nothing = memory.counters(0, 0, 0, 0, 0)
    whole = nothing
    if rules.recorded:
        whole = memory.counters(batch.samples, rules.timesteps, batch.classes, layers, 0)
    tables: list[tuple[Counters, int, int]] = [(nothing, 0, 0)] * len(chunks)

    def work(chunk: int) -> None:
        first, last = chunks[chunk]
        state = resources.take_scratch(len(batch.slices))
        trace = resources.take_store() if rules.traced else memory.trace(0, 0)
        ends = _new_ends()
        counters = whole
        if rules.recorded:
            rows = memory.counters(0, 0, 0, 0, 1 << 12)
            counters = whole._replace(
                currents=rows.currents, sample_currents=rows.sample_currents, messages=rows.messages, updates=rows.updates
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
                logits=result.logits,
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
    """Gradients of the network's weights, and of its bias if it has one, from those of the logits."""
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
                logits=recorded.logits,
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
    """Logits, each sample's cross-entropy, hidden spikes, and gradients of the mean cross-entropy as from `replay`."""
    logits = np.zeros((batch.samples, batch.classes), dtype=np.float32)
    losses = np.zeros(batch.samples)
    output_gradient = np.zeros_like(logits)
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
                logits=logits,
                kept=kept,
                kept_by_sample=batch.rules.input_dropout > 0,
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
    return logits, losses, sum(emitted), gradients.unpacked(batch)

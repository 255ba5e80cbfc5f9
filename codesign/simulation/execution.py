"""The outputs and counters of a simulation, per sample. Chips are priced from them without simulating again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from codesign.arguments import whole
from codesign.arrays import Flags, Floats, Integers, OfArrays, narrowed
from codesign.errors import InputError
from codesign.network.cuts import Cut, cut_order, runs_of
from codesign.network.topology import NetworkShape

NOT_REACHED = -1
"""In counts of steps and spikes: no output spike in this forward pass."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Consecutive neurons of one layer on one core: the finest grain at which steps are recorded.

    Attributes:
        layer: 0 is the first layer of neurons.
        core: core number of the schedule.
        neurons: number of neurons in the slice.
        cut: the order in which they are consecutive, the same in all slices of a layer.
    """

    layer: int
    core: int
    neurons: int
    cut: Cut = field(default="channels", metadata={"added": True})


def slices_on(shape: NetworkShape, cores: Sequence[int]) -> tuple[Slice, ...]:
    """Slices of neurons that share layer and core, given (N,) cores, in the order in which each core's are
    consecutive."""
    slices: list[Slice] = []
    for layer, (start, size) in enumerate(zip(shape.starts, shape.layers, strict=False)):
        cut, runs = runs_of(size, cores[start : start + size.neurons])
        slices += [Slice(layer=layer, core=core, neurons=neurons, cut=cut) for core, neurons in runs]
    return tuple(slices)


def slice_of_neurons(shape: NetworkShape, slices: Sequence[Slice]) -> Integers:
    """(N,) which of the slices of a network, layer by layer, holds each neuron."""
    held = np.zeros(shape.neurons, dtype=np.int64)
    for layer, (start, size) in enumerate(zip(shape.starts, shape.layers, strict=False)):
        own = [number for number, one in enumerate(slices) if one.layer == layer]
        order = cut_order(size.grid, slices[own[0]].cut)
        held[start + order] = np.repeat(own, [slices[number].neurons for number in own])
    return held


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class StepTable(OfArrays):
    """A record of steps, row by row: each attribute is a column, of shape (rows,)."""

    @classmethod
    def of(cls, columns: Iterable[Integers]) -> Self:
        """Make a table from columns in the order of the attributes."""
        return cls(**dict(zip((column.name for column in fields(cls)), columns, strict=True)))

    @property
    def columns(self) -> dict[str, Integers]:
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def where(self, rows: Flags | Integers) -> Self:
        return replace(self, **{name: column[rows] for name, column in self.columns.items()})


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class MessageTable(StepTable):
    """Messages that left, one row per (sample, timestep, forward step, source, step of enqueueing).

    Rows are sorted by these five columns. The messages of step k are received, and their targets evaluated, in step
    k + 1; in input mode `frame` the input's messages are received in step 0 and are listed with `step = -1`.

    Attributes (each of shape (rows,)):
        sample: position in the batch.
        timestep: forward pass.
        step: forward step in which the messages left.
        source: 0 for the input, 1 + slice for neurons.
        enqueue_step: step in which the chosen neurons started to wait (-1 for the input).
        neurons: number of neurons (or inputs) chosen.
        spikes: spikes that left, including those lost to dropout; each is one message over every synapse of its neuron.
        synaptic_operations: number of weights added for these spikes.
        barriers: barrier messages, each over every synapse of its neuron.
    """

    sample: Integers
    timestep: Integers
    step: Integers
    source: Integers
    enqueue_step: Integers
    neurons: Integers
    spikes: Integers
    synaptic_operations: Integers
    barriers: Integers


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class UpdateTable(StepTable):
    """Evaluations, one row per (sample, timestep, forward step, slice) with at least one; sorted by these columns.

    Attributes (each of shape (rows,)):
        sample, timestep, step: as in MessageTable.
        slice: index into `Execution.slices`.
        evaluated: number of neurons evaluated.
        emitted: number of spikes that they emitted.
    """

    sample: Integers
    timestep: Integers
    step: Integers
    slice: Integers
    evaluated: Integers
    emitted: Integers


def _none() -> Integers:
    """In place of (B, L) zeros, which it stands for."""
    return np.zeros((0, 0), dtype=np.int64)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Execution(OfArrays):
    """Outputs and counters of B samples over T timesteps through L layers with C outputs.

    Attributes:
        shape: the network's shape.
        slices: the slices that `MessageTable.source` and `UpdateTable.slice` refer to.
        timestep_s: length Δt of a timestep, in seconds.
        sample_ids: (B,) id of each sample in its dataset split.
        labels: (B,) class of each sample.
        scores: (B, C) output spike counts when the answer is read, or output potentials (`readout: potential`).
        output_counts: (B, T, C) output spikes of each timestep, also those after an answer that is read early
            (`read_early`, `read_margin`).
        timesteps_run: (B,) timesteps run: all T, unless a margin ended the sample. In later timesteps all counts are 0,
            and steps and spikes to the first output are NOT_REACHED.
        spiking_readout: whether `scores` are spike counts; with potentials no sample is undecided.
        input_events: (B,) input events of the timesteps run; a count of n in a frame is n events.
        input_macs: (B,) multiply-accumulates of the input layer if inputs are currents, otherwise 0.
        emitted: (B, L) spikes emitted per layer.
        propagated: (B, L) spikes that left the queue per layer.
        synaptic_operations: (B, L) weights added, by the receiving layer; column 0 is the input layer's.
        delayed_operations: (B, L) those over delayed connections, which are included in `synaptic_operations`.
        evaluations: (B, L) threshold evaluations per layer.
        tick_evaluations: (B, L) those evaluations that no message caused, of neurons that `tick`.
        barrier_messages: (B, L) barrier messages sent per layer.
        active: (B, T, S) neurons of each slice that had a nonzero potential at the start of a timestep, after decay and
            bias, or that a spike or the frame reached in it; barrier messages do not count. Includes potentials that
            truncation sets to 0.
        residual: (B, S) neurons of each slice with a nonzero potential after the last timestep run.
        forward_steps: (B, T) forward steps until the stop.
        contended_steps: (B, T) those in which more neurons waited than could leave, so that the policy mattered.
        steps_to_first_output: (B, T) forward steps up to and including that of the first output spike, or NOT_REACHED.
        spikes_to_first_output: (B, T) network spikes (not input events) propagated before it, or NOT_REACHED.
        spikes_to_stop: (B, T) network spikes propagated until the stop.
        convergence: (B, M, C) output counts m steps after the first output spike of each pass, summed over timesteps; a
            pass that has ended keeps its last counts.
        currents_before_firing: (2, K) histogram, over all evaluations in which a neuron fired, of the spike messages it
            had received since it last fired or since the start of the pass, including that step: row 0 for the first
            layer, row 1 for all others; the last bin holds K − 1 and more.
        messages, updates: the step records from which time is computed.
        zero_weights: (L,) share of the operations into each layer that are over weights of 0, without delayed and
            direct connections; the share of weights if no spike comes; empty if no weight is 0 or no spike meets
            one. `synaptic_operations` includes these operations.
        direct_messages: messages over direct connections, with the step in which they leave. Source 1 + S + i is the
            i-th of `codesign.simulation.further_messages.further_sources`. `synaptic_operations` includes theirs.
    """

    shape: NetworkShape
    slices: tuple[Slice, ...]
    timestep_s: float
    sample_ids: Integers
    labels: Integers
    scores: Floats
    output_counts: Integers
    timesteps_run: Integers
    spiking_readout: bool
    input_events: Integers
    input_macs: Integers
    emitted: Integers
    propagated: Integers
    synaptic_operations: Integers
    delayed_operations: Integers = field(default_factory=_none)
    evaluations: Integers
    tick_evaluations: Integers = field(default_factory=_none)
    barrier_messages: Integers
    active: Integers
    residual: Integers
    forward_steps: Integers
    contended_steps: Integers
    steps_to_first_output: Integers
    spikes_to_first_output: Integers
    spikes_to_stop: Integers
    convergence: Integers
    currents_before_firing: Integers
    messages: MessageTable
    direct_messages: MessageTable = field(default_factory=lambda: MessageTable.of(np.zeros((9, 0), dtype=np.int64)))
    updates: UpdateTable
    zero_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for attribute in fields(self):
            if attribute.default_factory is _none and not getattr(self, attribute.name).size:
                object.__setattr__(self, attribute.name, np.zeros_like(self.evaluations))

    def __repr__(self) -> str:
        size = f"{self.right.sum()} of {self.samples} samples right, {self.timesteps} timesteps"
        return f"Execution({size}, {self.emitted.sum()} spikes, {self.synaptic_operations.sum()} synaptic operations)"

    @property
    def samples(self) -> int:
        return len(self.labels)

    @property
    def timesteps(self) -> int:
        return int(self.forward_steps.shape[1])

    def decided(self, steps_after_output: int) -> Execution:
        """The execution with the answer read `steps_after_output` forward steps after each pass's first output spike.

        Raises:
            InputError: that many steps are not recorded, or outputs are potentials.
        """
        self._check_spiking()
        step = whole("steps_after_output", steps_after_output, most=self.convergence.shape[1])
        return replace(self, scores=self.convergence[:, step].astype(np.float64))

    def at_margin(self, margin: int) -> Execution:
        """The execution with the answer read after the first timestep in which the leading output neuron was ahead of
        the next by `margin` spikes, counted from the sample's start; after the last timestep if it never was. Raises
        InputError if outputs are potentials."""
        last = self.margin_timesteps(margin) - 1
        totals = self.output_counts.cumsum(axis=1)[np.arange(self.samples), last]
        return replace(self, scores=totals.astype(np.float64))

    def margin_timesteps(self, margin: int) -> Integers:
        """(B,) timesteps until the answer is read under `at_margin`."""
        self._check_spiking()
        whole("margin", margin, least=1)
        totals = np.sort(np.pad(self.output_counts.cumsum(axis=1), ((0, 0), (0, 0), (1, 0))), axis=2)
        reached = totals[:, :, -1] - totals[:, :, -2] >= margin
        return np.where(reached.any(axis=1), 1 + reached.argmax(axis=1), self.timesteps_run)

    def _check_spiking(self) -> None:
        if not self.spiking_readout:
            raise InputError("the answer can be read early from output spikes alone, and outputs here are potentials")

    @property
    def last_pass(self) -> tuple[Integers, Integers]:
        """Index of each sample's last timestep run, for arrays by sample and timestep."""
        return np.arange(self.samples), self.timesteps_run - 1

    @property
    def predictions(self) -> Integers:
        """(B,) arg max of the scores, ties to the lowest index; −1 if no output spike was emitted."""
        return predicted(self.scores, spiking=self.spiking_readout)

    @property
    def undecided(self) -> Flags:
        """(B,) whether there was no output spike; counts as wrong."""
        return self.predictions < 0

    @property
    def tied(self) -> Flags:
        """(B,) whether several classes share the highest score of a decided sample."""
        top = self.scores.max(axis=1, keepdims=True)
        return np.asarray((self.scores == top).sum(axis=1) > 1) & ~self.undecided

    @property
    def right(self) -> Flags:
        """(B,) whether the prediction is the label."""
        return np.asarray(self.predictions == self.labels)

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def contention(self) -> float:
        """Share of forward steps in which more neurons waited than could leave; 0 if there were no steps."""
        return float(self.contended_steps.sum() / max(self.forward_steps.sum(), 1))

    @property
    def spike_density(self) -> float:
        """Emitted spikes per hidden neuron per sample, summed over timesteps (paper, equation 10)."""
        hidden = self.shape.hidden_neurons
        return float(self.emitted[:, :-1].sum(axis=1).mean() / hidden) if hidden else 0.0

    @property
    def spike_densities(self) -> Floats:
        """(B,) spike density of each sample; 0 without hidden neurons."""
        return np.asarray(self.emitted[:, :-1].sum(axis=1) / max(self.shape.hidden_neurons, 1), dtype=np.float64)

    @property
    def activation_sparsity(self) -> float:
        """Share of neurons and timesteps run without a spike; output neurons that never send one are not counted."""
        spiking = self.shape.layer_sizes if self.spiking_readout else self.shape.layer_sizes[:-1]
        return max(1 - float(self.emitted.sum()) / max(int(self.timesteps_run.sum()) * sum(spiking), 1), 0.0)

    @property
    def dense_operations(self) -> float:
        """Number of synapses times timesteps run, mean over samples."""
        return float(self.timesteps_run.mean() * sum(layer.all_synapses for layer in self.shape.layers))

    @property
    def operations_between_layers(self) -> Floats:
        """(L,) operations into each layer from the one before, without delayed and direct connections."""
        layers, into = len(self.shape.layers), np.array([0, *(1 + part.layer for part in self.slices)])
        operations = np.bincount(into[self.messages.source], self.messages.synaptic_operations, minlength=layers + 1)
        return np.asarray(operations[:layers], dtype=np.float64)

    @property
    def operations_over_zeros(self) -> Floats:
        """(L,) those of `operations_between_layers` that are over weights of 0."""
        shares = np.array(self.zero_weights or (0.0,) * len(self.shape.layers))
        return np.rint(shares * self.operations_between_layers)

    def packed(self) -> Execution:
        """The execution in a fifth of the memory, with tables of the smallest sufficient integers. Meant for
        `concatenate`, which returns int64 again; arithmetic on the tables may overflow."""

        def smallest(table: StepTable) -> Any:
            return replace(table, **{name: narrowed(column) for name, column in table.columns.items()})

        names = "messages", "direct_messages", "updates"
        return replace(self, **{name: smallest(getattr(self, name)) for name in names})

    @staticmethod
    def concatenate(parts: Sequence[Execution]) -> Execution:
        """Join executions of different samples under the same network and schedule, in order. Raises InputError if they
        differ in anything else."""
        alike = "shape", "slices", "timesteps", "timestep_s", "spiking_readout"
        for name in alike:
            if any(getattr(part, name) != getattr(parts[0], name) for part in parts):
                raise InputError(f"executions: must be of one network under one schedule, and differ in {name}")
        first = parts[0]
        joined: dict[str, Any] = {}
        for name in (attribute.name for attribute in fields(Execution)):
            value = getattr(first, name)
            if name == "currents_before_firing":
                joined[name] = np.sum([part.currents_before_firing for part in parts], axis=0)
            elif name == "zero_weights":
                joined[name] = _joined_zeros(parts)
            elif isinstance(value, StepTable):
                joined[name] = _concatenate_tables([getattr(part, name) for part in parts], [p.samples for p in parts])
            elif isinstance(value, np.ndarray):
                joined[name] = np.concatenate([getattr(part, name) for part in parts])
            else:
                joined[name] = value
        return Execution(**joined)


def _joined_zeros(parts: Sequence[Execution]) -> tuple[float, ...]:
    """`zero_weights` of all parts together: the mean, weighted by their operations from layer to layer; without any
    operations, the first part's share, which all have."""
    total = np.sum([part.operations_between_layers for part in parts], axis=0)
    zeros = np.sum([part.operations_over_zeros for part in parts], axis=0)
    joined = tuple(np.where(total > 0, zeros / np.maximum(total, 1), parts[0].zero_weights or 0.0).tolist())
    return joined if any(joined) else ()


def predicted(scores: Floats, *, spiking: bool) -> Integers:
    """(B,) `Execution.predictions` of (B, C) output spike counts or potentials."""
    return np.where(spiking & (scores <= 0).all(axis=1), -1, scores.argmax(axis=1))


def _concatenate_tables(tables: list[StepTable], samples: list[int]) -> StepTable:
    parts = [table.columns for table in tables]
    columns = {name: np.concatenate([part[name] for part in parts], dtype=np.int64) for name in parts[0]}
    columns["sample"] += np.repeat(np.cumsum([0, *samples[:-1]]), [len(part["sample"]) for part in parts])
    return type(tables[0])(**columns)

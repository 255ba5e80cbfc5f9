"""Action counts: how often an execution performs each action that has a price. They do not depend on prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Flags, Floats, Integers
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Timer
from codesign.hardware.chip.prices import Prices
from codesign.hardware.chip.structure import estimate
from codesign.hardware.cost.work import PlacedExecution, drained_neurons, updated_neurons
from codesign.hardware.placement.lanes import MessageCycles
from codesign.hardware.terms import Operation
from codesign.simulation.further_messages import direct_operations


@dataclass(frozen=True, kw_only=True)
class ActionCounts:
    """Counts of B samples, (B,) each, or their means, (1,) each; named by `Action.count`.

    Attributes:
        synaptic_operation: operations performed; on a crossbar, all that messages occupied. If the chip's structure is
            known, lanes of a word without a target add their share of an operation.
        neuron_access: visits of neurons, with or without work.
        neuron_update: updates, counted as the chip's energy of an update defines.
        spike: spikes emitted by neurons.
        message: spikes that left, including input spikes, once per destination core.
        hop, hop_vertical: links that messages passed; None if the network on chip is not described.
        chip_hop: chip borders that messages passed.
        barrier_message: barrier messages of silent neurons, once per destination core.
        visited: number of neurons.
        visits, stimulus_s: how often they are visited while the chip works, and how long the stimulus lasts; per sample
            or, with means, (R,) for samples of R different lengths.
        share: (R,) share of the samples of each length; None for counts per sample.
    """

    synaptic_operation: Floats
    neuron_access: Floats
    neuron_update: Floats
    spike: Floats
    message: Floats
    hop: Floats | None
    hop_vertical: Floats | None
    chip_hop: Floats
    barrier_message: Floats
    visited: int = 0
    visits: Floats = field(default_factory=lambda: np.zeros(1))
    stimulus_s: Floats = field(default_factory=lambda: np.zeros(1))
    share: Floats | None = None

    def mean(self) -> ActionCounts:
        """Means over the samples; sums of integers are exact, so they do not depend on the order of samples."""
        means: dict[str, Any] = {}
        for attribute in fields(self):
            count = getattr(self, attribute.name)
            means[attribute.name] = count.mean(keepdims=True) if isinstance(count, np.ndarray) else count
        lengths = np.stack([self.visits, self.stimulus_s])
        (visits, stimulus_s), samples = np.unique(lengths, axis=1, return_counts=True)
        means |= {"visits": visits, "stimulus_s": stimulus_s, "share": samples / len(self.visits)}
        return ActionCounts(**means)

    def during(self, operation: Operation, prices: Prices) -> ActionCounts:
        """The counts under an operation of the chip.

        In real time, a timer ticks and visits all neurons while the stimulus lasts, or longer if the last frame takes
        longer, unless the chip gates its power between inputs.
        """
        chip = prices.chip
        if operation == "accelerated" or not isinstance(chip.synchronization, Timer):
            return self
        if chip.power_gating.between_inputs == "yes":
            return self
        tick_s = prices.seconds("synchronization.tick")
        assert tick_s is not None
        if self.share is None:
            waiting = _waiting(self.stimulus_s, self.visits, tick_s)
        else:
            lengths = zip(self.share, self.stimulus_s, self.visits, strict=True)
            waiting = sum((share * _waiting(on_s, visits, tick_s) for share, on_s, visits in lengths), np.zeros(1))
        return replace(self, neuron_access=np.asarray(self.neuron_access + self.visited * waiting))


def _waiting(stimulus_s: Floats, visits: Floats, tick_s: float | Floats) -> Floats:
    """Ticks without work until the stimulus ends."""
    return np.maximum(np.ceil(stimulus_s / tick_s - 1e-9) - visits, 0.0)


def action_counts(work: PlacedExecution) -> ActionCounts:
    """Count the actions of an execution on a placement.

    Pipelined chips visit all neurons in each hardware step or tick, including the L − 1 in which the last frame passes
    through the layers; other chips once per timestep, asynchronous ones only if a visit has an energy. On a chip that
    synchronizes by itself, barrier messages, one per silent neuron and destination core, count if they have a price.
    """
    execution, chip, geometry = work.execution, work.chip, work.geometry
    table = work.messages

    def passed(hops: Integers) -> Floats:
        ways = geometry.hops_of_sources(hops)
        return _by_sample(work, table.spikes * ways[table.source])

    visits, visited = _visits(work), int(geometry.accessed.sum())
    by_itself = chip.synchronized and chip.energies.barrier_message is None
    return ActionCounts(
        synaptic_operation=_synaptic_operations(work) + _without_target(work),
        neuron_access=visited * visits,
        neuron_update=updated_neurons(execution, chip).sum(axis=(1, 2)) + _drained(work),
        spike=execution.emitted.sum(axis=1).astype(np.float64),
        message=_by_sample(work, table.spikes * work.destinations[table.source]),
        hop=passed(geometry.horizontal) if geometry.described else None,
        hop_vertical=passed(geometry.vertical) if geometry.described else None,
        chip_hop=passed(geometry.crossings),
        barrier_message=_by_sample(work, table.barriers * work.destinations[table.source] * (not by_itself)),
        visited=visited,
        visits=visits,
        stimulus_s=work.timesteps_run.astype(np.float64) * work.timestep_s,
    )


def _by_sample(work: PlacedExecution, per_row: NDArray[np.generic]) -> Floats:
    """(B,) sums over the rows of the message table."""
    return np.bincount(work.messages.sample, weights=per_row, minlength=work.samples).astype(np.float64)


def _drained(work: PlacedExecution) -> Floats:
    """(B,) updates, one a timestep, of neurons that kept a potential, while the last frame is in later layers."""
    timesteps = np.ceil((work.layers - 1 - work.geometry.layer) / work.chip.ticks_per_timestep)
    return np.asarray(drained_neurons(work.execution, work.chip) @ timesteps)


def _visits(work: PlacedExecution) -> Floats:
    """(B,) how often a chip visits all its neurons."""
    chip, timesteps = work.chip, work.timesteps_run.astype(np.float64)
    if chip.synchronized:
        return timesteps * chip.ticks_per_timestep + (work.layers - 1 if chip.pipelined else 0)
    return timesteps * (chip.visits_each_timestep or chip.energies.neuron_access is not None)


def _synaptic_operations(work: PlacedExecution) -> Floats:
    execution, geometry = work.execution, work.geometry
    if not geometry.occupied.any():
        direct, of_input = direct_operations(execution)
        further, multiplied = execution.delayed_operations + direct, execution.input_macs > 0
        prompt, over = execution.synaptic_operations - further, of_input * multiplied
        macs = (execution.input_macs - over) * work.present[0] + over
        return np.asarray(prompt @ work.present + further.sum(axis=1) - macs, dtype=np.float64)
    of_source = work.reach.share @ geometry.occupied
    return _by_sample(work, np.where(_multiplied(work), 0.0, work.passed * of_source[work.messages.source]))


def _multiplied(work: PlacedExecution) -> Flags:
    """(rows of the message table,) whether they are currents of the input, whose multiplications have no energy."""
    table = work.messages
    return (work.reach.origin[table.source] < 0) & (work.execution.input_macs > 0)[table.sample]


def _without_target(work: PlacedExecution) -> Floats | float:
    """(B,) lanes of words without a target, each as the part of an operation that is paid per word. Input
    multiply-accumulates have no energy, and therefore no words. An all-in energy includes the words of its
    measurement."""
    words = words_of(work.chip)
    return 0.0 if words is None else words[1] * _idle_lanes(work, words[0])


def operations_by_chip(work: PlacedExecution, chips: Iterable[Chip]) -> Floats:
    """(n,) mean count of synaptic operations on each of n chips that differ in their structure."""
    performed, idle = _synaptic_operations(work), {0: 0.0}
    every = [words_of(chip) or (0, 0.0) for chip in chips]
    for lanes in {lanes for lanes, _ in every if lanes}:
        idle[lanes] = float(_idle_lanes(work, lanes).mean())
    return np.array([performed.mean() + share * idle[lanes] for lanes, share in every])


def words_of(chip: Chip) -> tuple[int, float] | None:
    """Lanes of a word, and the part of an operation's energy that is spent per word; None if unknown."""
    expected = estimate(chip)
    if expected is None or chip.all_in or not expected.word_share:
        return None
    return expected.lanes, expected.word_share


def _idle_lanes(work: PlacedExecution, lanes: int) -> Floats:
    messages = work.passed if work.geometry.occupied.any() else work.performing
    idle = idle_lanes(work.cycles_of(lanes), lanes)
    return _by_sample(work, np.where(_multiplied(work), 0.0, messages * (idle * work.worked_on)[work.messages.source]))


def idle_lanes(cycles: MessageCycles, lanes: int) -> Floats:
    """(S,) lanes without a target in one message of each source."""
    return np.asarray(np.maximum(lanes * cycles.cycles - cycles.synapses, 0.0).sum(axis=1))

"""The work of an execution on a placement: counts of priced events, and the work of every step, without any price.

A `PlacedExecution` is computed once, piece by piece as needed, and can be priced repeatedly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from codesign.arrays import Flags, Floats, Integers
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Answer, LayerWork
from codesign.hardware.placement.geometry import Geometry
from codesign.hardware.placement.lanes import MessageCycles, message_cycles
from codesign.hardware.placement.placement import Placement
from codesign.hardware.placement.reach import Reach
from codesign.hardware.terms import WORK_TIMES
from codesign.simulation.execution import NOT_REACHED, Execution, MessageTable
from codesign.simulation.further_messages import all_messages, further_sources

_EVALUATE = "evaluate with the schedule that {} gives{}"
_OPERATIONS, _VISITS = WORK_TIMES.index("times.synaptic_operation"), WORK_TIMES.index("times.neuron_access")


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Messages by receiving part of the network, then by row of the message table.

    Attributes (of shape (deliveries,), but for the first):
        begins: (P + 1,) where the deliveries of each part begin.
        row: row of the message table.
        messages: number of messages.
        operations: total lane operations that they take there.
    """

    begins: Integers
    row: Integers
    messages: Floats
    operations: Floats


@dataclass(kw_only=True, eq=False, repr=False)
class StepRecord:
    """What a latency needs to know of a run beside its steps. A published run, of which nothing but steps is known, has
    no geometry; any other is a `PlacedExecution`."""

    samples: int
    timesteps: int
    timesteps_run: Integers
    timestep_s: float
    layers: int
    decided: Flags
    geometry: Geometry | None = None

    @property
    def ran(self) -> Flags:
        """(B, T) whether a sample runs a timestep."""
        return np.asarray(np.arange(self.timesteps) < self.timesteps_run[:, None])

    def steps_apart(self, each: int) -> Integers:
        """(B,) pipelined steps, `each` per timestep, from the start of a sample to the start of the next. A stop by a
        margin shows at the outputs only after the sample's last step."""
        ended = self.timesteps_run < self.timesteps
        return np.asarray(self.timesteps_run * each + ended * (self.layers - 1))

    @property
    def overlaps(self) -> bool:
        """Whether every core holds only one layer, so that it works on one sample at a time."""
        of = self.geometry
        return of is not None and len({*zip(of.core, of.layer, strict=True)}) == of.cores


class PlacedExecution(StepRecord):
    """An execution of B samples on a placement, whose P parts are the execution's slices. Raises InputError if the
    execution is of another network or of other parts, was cut off although the chip cannot drop waiting spikes, or was
    ended although it cannot end a sample.

    Attributes:
        execution, placement, geometry: the sources of everything else.
        reach: of `geometry`: the reach of each source (0 for the input, 1 + part, and D late ones) in each part.
        timesteps_run: (B,) as in the execution.
        decided: (B,) whether the last pass of a sample has an output spike; True where potentials are read after it.
    """

    geometry: Geometry
    reach: Reach

    def __init__(self, execution: Execution, placement: Placement) -> None:
        if placement.shape != execution.shape:
            raise InputError("placement: is of another network than the execution")
        recorded, placed = (
            [(part.layer, part.cut, part.neurons) for part in of_all] for of_all in (execution.slices, placement.parts)
        )
        if recorded != placed:
            raise InputError(
                "placement: cuts layers into other parts than the execution was recorded for; "
                f"{_EVALUATE.format('chip_schedule or on_chip', ' of this placement')}"
            )
        self.execution, self.placement = execution, placement
        self.chip: Chip = placement.chip
        _check_drained(self)
        self.geometry, self.reach = placement.geometry, placement.geometry.reach
        self.samples, self.timesteps, self.timestep_s = execution.samples, execution.timesteps, execution.timestep_s
        self.timesteps_run = execution.timesteps_run
        self.layers = len(execution.shape.layers)
        spikes = execution.steps_to_first_output[execution.last_pass] != NOT_REACHED
        self.decided = spikes if execution.spiking_readout else np.ones_like(spikes)

    @cached_property
    def messages(self) -> MessageTable:
        """All messages, including those over delayed and direct connections; sources are those of `reach`."""
        return all_messages(self.execution)

    @cached_property
    def counts(self) -> Integers:
        """(rows of the message table,) messages: spikes, and barrier messages if the chip needs them. Hardware that
        synchronizes does not: its barriers, ticks or handshakes take the time instead."""
        table = self.messages
        return table.spikes if self.chip.synchronized else table.spikes + table.barriers

    @cached_property
    def present(self) -> Floats:
        """(L,) share of the operations into each layer that the chip does: all, or all but those over weights of 0 if
        it skips them."""
        zeros = self.execution.zero_weights if self.chip.skips_zero_weights == "yes" else ()
        return 1 - np.array(zeros or (0.0,) * self.layers)

    @cached_property
    def destinations(self) -> Floats:
        """(P + 1 + D,) mean number of parts that a message of each source goes to."""
        return np.asarray(self.reach.share.sum(axis=1))

    @cached_property
    def longest_pass(self) -> int:
        """Number of forward steps of the longest pass, including the one in which its last messages arrive."""
        return 2 + int(max(of.step.max(initial=-1) for of in (self.messages, self.execution.updates)))

    @cached_property
    def targets(self) -> Integers:
        """(rows,) target layer of each row of the message table; L for what output neurons send."""
        return self.reach.layer[self.messages.source]

    @cached_property
    def deliveries(self) -> Deliveries:
        """Every message at every core that it reaches.

        In a fully connected layer, a message has one synapse per neuron on the core. In a convolutional layer, the
        operations of a row are those of as many messages of its source's mean neuron, whose cycles on each core follow
        from the connections (see `codesign.hardware.placement.lanes`). On a crossbar, a message occupies all of the
        core's neurons, whatever it is connected to.
        """
        source, goes = self.messages.source, self.reach.share > 0
        sending = np.bincount(source[self.counts > 0], minlength=len(goes))
        begins = np.append(0, np.cumsum(sending @ goes))
        rows, messages, operations = np.empty(begins[-1], dtype=np.int64), np.empty(begins[-1]), np.empty(begins[-1])
        at_work = (self.counts - self.messages.spikes + self.passed) * self.worked_on[source]
        assert self.chip.vector_width is not None
        cycles = self.cycles_of(self.chip.vector_width.value).cycles
        for layer in range(self.layers):
            row = np.flatnonzero((self.targets == layer) & (self.counts > 0))
            for part in self.geometry.parts_of(layer):
                of_part = row[goes[source[row], part]]
                into, sent = slice(begins[part], begins[part + 1]), source[of_part]
                rows[into] = of_part
                messages[into] = self.counts[of_part] * self.reach.share[sent, part]
                operations[into] = at_work[of_part] * cycles[sent, part] * self._operation_units[sent]
        return Deliveries(begins=begins, row=rows, messages=messages, operations=operations)

    @property
    def _mean_synapses(self) -> Floats:
        """(rows of the message table,) synapses of the source's mean neuron."""
        return np.asarray(self.reach.synapses.sum(axis=1)[self.messages.source])

    @property
    def performing(self) -> Floats:
        """(rows of the message table,) number of spikes of the source's mean neuron that perform the same
        operations."""
        mean = self._mean_synapses
        return np.asarray(np.divide(self.messages.synaptic_operations, mean, out=np.zeros(len(mean)), where=mean > 0))

    @cached_property
    def passed(self) -> Floats:
        """(rows of the message table,) spikes; if the source's neurons have different targets or a max pool drops
        spikes, the number of spikes of the mean neuron that perform the same operations. A crossbar, and `all` lanes,
        which serve all targets of a spike at once, work once per spike that is not lost."""
        table = self.messages
        neurons = np.array([*(size.neurons for size in self.placement.shape.layers), 0])[self.targets]
        at_once = self.chip.vector_width is not None and self.chip.vector_width.value == "all"
        scattered = (self._mean_synapses < neurons) & (not (at_once or self.geometry.occupied.any()))
        return np.where(scattered | self._passes_one[table.source], self.performing, table.spikes)

    @cached_property
    def worked_on(self) -> Floats:
        """(P + 1 + D,) share of a message's operations that the chip works on: those of weight 0 only if stored."""
        present = np.append(self.present, 1.0)[self.reach.layer]
        present[len(self.execution.slices) + 1 :] = 1.0
        return np.ones(len(present)) if self.geometry.occupied.any() else present

    @cached_property
    def _passes_one(self) -> Flags:
        """(P + 1 + D,) whether a max-pool window passes only the first spike of each source's neurons."""
        shape, slices = self.placement.shape, self.execution.slices
        windows = [*(size.window for size in shape.layers), None]
        passes = np.array([window is not None and window.first for window in windows])[self.reach.layer]
        further = [one.window for _, one in further_sources(shape, slices)]
        passes[len(slices) + 1 :] = [window is not None and window.first for window in further]
        return passes

    def cycles_of(self, lanes: int | Literal["all"]) -> MessageCycles:
        """Cycles of messages on this many lanes, which are banks if the chip's structure is known."""
        banks = self.chip.structure is not None
        return message_cycles(self.placement.shape, self.geometry, self.placement.parts, lanes, banks=banks)

    @cached_property
    def sent(self) -> tuple[Floats, Floats]:
        """(rows of the update table,) work of generating spikes, and messages sent for them, one per destination
        core."""
        updates = self.execution.updates
        emitted, layer = updates.emitted.astype(np.float64), self.geometry.layer[updates.slice]
        return emitted * self.units("spike")[1][layer], emitted * self.reach.messages_per_spike()[updates.slice]

    @cached_property
    def barrier_outputs(self) -> Floats:
        """(rows of the message table,) barrier messages sent, one per destination core, if cores send them."""
        table = self.messages
        sent = table.barriers * self.destinations[table.source] * (not self.chip.synchronized)
        return np.asarray(sent, dtype=np.float64)

    def places(self, *sources: int) -> Integers:
        """Cores that messages of these sources go to."""
        reached = self.reach.share[list(sources)].any(axis=0)
        return np.unique(self.geometry.core[reached])

    def units(self, kind: str) -> tuple[float, Floats]:
        """Units of work per piece of a kind, for what comes from the input, and (L,) in each layer."""
        factors = (self.chip.layer_work or LayerWork()).of(kind)
        return factors.input, np.array([*[factors.hidden] * (self.layers - 1), factors.output])

    @cached_property
    def _operation_units(self) -> Floats:
        """(P + 1 + D,) units of work per operation of a message of each source."""
        of_input, of_layers = self.units("synaptic_operation")
        return np.where(self.reach.origin < 0, of_input, np.append(of_layers, 1.0)[self.reach.layer])

    @cached_property
    def standing_by_part(self) -> Floats:
        """(P, 6) work of each part in every step or timestep, whatever arrives, in the order of `WORK_TIMES`: visits of
        all neurons, of the input's channels if they come first and, if `layer_work` says so, visits or operations of
        all presynaptic neurons."""
        geometry, (of_input, of_layers) = self.geometry, self.units("neuron_access")
        work = np.zeros((len(geometry.layer), len(WORK_TIMES)))
        of_inputs = (geometry.layer == 0) * of_input * self.execution.shape.input_size
        work[:, _VISITS] = geometry.accessed * of_layers[geometry.layer] + of_inputs
        given = self.chip.layer_work or LayerWork()
        sources = np.append(self.execution.shape.input_size, geometry.neurons)[1 + self.reach.origin]
        if given.neuron_access is not None:
            work[:, _VISITS] += given.neuron_access.presynaptic * (sources @ self.reach.share)
        if given.synaptic_operation is not None and given.synaptic_operation.presynaptic:
            assert self.chip.vector_width is not None
            cycles = self.cycles_of(self.chip.vector_width.value).cycles
            work[:, _OPERATIONS] = given.synaptic_operation.presynaptic * ((sources * self.worked_on) @ cycles)
        return work

    @cached_property
    def standing(self) -> Floats:
        """(K, 6) the same on each core."""
        work = np.zeros((self.geometry.cores, len(WORK_TIMES)))
        np.add.at(work, self.geometry.core, self.standing_by_part)
        return work


def _check_drained(work: PlacedExecution) -> None:
    """Raise InputError for an execution that dropped or ended what the chip cannot: the chip would compute and pay for
    it."""
    execution, chip = work.execution, work.chip
    if chip.can_flush != "yes" and _cut_off(execution, work.messages):
        raise InputError(
            f"{chip.name} {unable(chip.can_flush, 'drop')} what waits after the decision, and this execution was cut "
            f"off there; {_EVALUATE.format('chip_schedule', ', or with schedule.drained()')}"
        )
    if chip.can_end_sample != "yes" and (execution.timesteps_run < execution.timesteps).any():
        raise InputError(
            f"{chip.name} {unable(chip.can_end_sample, 'end')} a sample before its last timestep, and this execution "
            f"did; {_EVALUATE.format('on_chip', ', or with schedule.drained()')}"
        )


def _cut_off(execution: Execution, table: MessageTable) -> bool:
    """Whether a pass ended while spikes of neurons or of the input waited."""
    of_input = table.source == 0
    left = np.bincount(table.sample[of_input], table.spikes[of_input], execution.samples)
    return bool((execution.emitted != execution.propagated).any() or (left != execution.input_events).any())


def unable(answer: Answer, verb: str) -> str:
    """An answer in a chip file other than `yes`, in words."""
    return f"cannot {verb}" if answer == "no" else f"is not known to be able to {verb}"


def updated_neurons(execution: Execution, chip: Chip) -> Floats:
    """(B, T, P) neuron updates of each part in each timestep, counted as the chip's energy of an update defines.

    A chip whose layers wait evaluates a neuron once per timestep, when everything that reaches it has arrived, in
    however many groups of the simulation. Under `layer` thresholds with barrier messages this applies to every neuron
    after the first layer.
    """
    number = chip.energies.neuron_update
    if number is not None and number.counted == "active_neurons":
        return execution.active.astype(np.float64)
    table = execution.updates
    shape = execution.samples, execution.timesteps, len(execution.slices)
    rows = np.ravel_multi_index((table.sample, table.timestep, table.slice), shape)
    counts: Floats = np.bincount(rows, table.evaluated, int(np.prod(shape))).astype(np.float64).reshape(shape)
    if chip.synchronized:
        counts = np.minimum(counts, [recorded.neurons for recorded in execution.slices])
    return counts


def updates_anyway(chip: Chip) -> bool:
    """Whether neurons are updated in every timestep, whether or not a spike reaches them: evaluations of neurons that
    wait."""
    number = chip.energies.neuron_update
    return chip.synchronized and number is not None and number.counted == "evaluations"


def drained_neurons(execution: Execution, chip: Chip) -> Floats:
    """(B, P) neurons of each part that a chip continues to update after its layer's last frame: pipelined chips that
    update active neurons find a potential in them in every later timestep."""
    number = chip.energies.neuron_update
    if not chip.pipelined or number is None or number.counted != "active_neurons":
        return np.zeros((execution.samples, len(execution.slices)))
    return execution.residual.astype(np.float64)

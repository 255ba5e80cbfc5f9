"""A network, a batch and a schedule as kernels want them, and memory that calls for one network share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.event import kernels, memory
from codesign.simulation.event.forward import NO_PRIORITY
from codesign.simulation.event.layout import Floats, Layout
from codesign.simulation.event.memory import Counters, Input, Parameters, Rules, Scratch, Service, Trace
from codesign.simulation.event.selection import policy_address
from codesign.simulation.idle import IdleGradient
from codesign.simulation.policies import get_policy
from codesign.simulation.random import Purpose, purpose_key
from codesign.simulation.recording import slices_of
from codesign.simulation.reference import synchronization_thresholds
from codesign.simulation.schedule import Regularization, Schedule
from codesign.simulation.service import ServiceModel, longest_ways
from codesign.workload.events import EventBatch

__all__ = ["MOST_CHUNKS", "NO_COUNTERS", "Batch", "Resources"]

MOST_CHUNKS, _LEAST_SAMPLES = 8, 8
"""Into how many chunks a batch is cut at most, and how many samples one has at least, if the batch has them."""

_IDLE = {"none": memory.IDLE_NONE, "all": memory.IDLE_ALL, "spare": memory.IDLE_SPARE}

NO_COUNTERS = memory.counters(0, 0, 0, 0, 0, 0)
"""What kernels are given where nothing is counted; they never look at it."""
_NO_ENDS = np.zeros((0, 2), dtype=np.int64)
_NO_LOSSES = np.zeros(0)
_NO_TABLE = np.zeros((0, 0, 0), dtype=np.float32)
_NO_NUMBERS = np.zeros(0, dtype=np.float32)
_NO_SERVICE = Service(
    message_s=_NO_LOSSES,
    emission_s=_NO_LOSSES,
    longest_way_s=_NO_LOSSES,
    route_s=np.zeros((0, 0)),
    core=np.zeros(0, dtype=np.int32),
    layer_slices=np.zeros(0, dtype=np.int32),
    lanes=0,
    update_s=0.0,
)


class Resources:
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


_resources: WeakKeyDictionary[SpikingNetwork, Resources] = WeakKeyDictionary()


def _resources_of(network: SpikingNetwork) -> Resources:
    found = _resources.get(network)
    if found is None:
        found = _resources[network] = Resources(network)
    return found


def _writable(array: NDArray[Any], dtype: Any) -> Any:
    """The array as kernels take it: they never write entries, but are compiled for arrays that can be written."""
    array = np.ascontiguousarray(array, dtype=dtype)
    if not array.flags.writeable:
        array = array.view()
        try:
            array.flags.writeable = True
        except ValueError:  # somebody else's memory that is read-only itself
            array = array.copy()
    return array


class Batch:
    """A network, a batch and a schedule, made ready for kernels.

    Scores are (B, R, C): output spikes of each of R = T timesteps with `by_timestep`, otherwise their sums, R = 1.

    Raises:
        InputError: the network is not float32 on the CPU or is too large, or events point outside of it.
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
        by_timestep: bool = False,
    ) -> None:
        for name, parameter in network.named_parameters():
            if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
                found = f"{str(parameter.dtype).removeprefix('torch.')} on {parameter.device}"
                raise InputError(f"engine 'event' needs float32 parameters on the CPU; {name} is {found}")
        self.resources = _resources_of(network)
        layout = self.resources.layout
        self.layout, self.events, self.wiring = layout, events, layout.wiring
        self.samples = len(events)
        self.scores_shape = (len(events), events.timesteps if by_timestep else 1, network.shape.layers[-1].neurons)
        self.slices = slices_of(network, schedule)
        policy = get_policy(schedule.policy)
        gated = schedule.synchronized or schedule.barrier_messages
        service = schedule.service if policy.uses_service else None
        refractory = network.neuron.refractory and schedule.refractory
        self.rules = Rules(
            inputs=network.shape.input_size,
            input_stride=layout.input_stride,
            timesteps=events.timesteps,
            group_size=schedule.group_limit,
            on_output=schedule.stop == "on_output",
            steps_after_output=schedule.steps_after_output,
            queued=schedule.input_mode == "queued",
            prioritize_input=schedule.prioritize_input,
            gated=gated,
            layer_gate=schedule.synchronization_threshold == "layer",
            barrier_messages=schedule.barrier_messages,
            refractory=refractory,
            subtract=network.neuron.reset == "subtract",
            saturates=network.potential_ranges is not None,
            leaks=not bool(torch.isinf(network.time_constant).all()),
            biased=network.bias is not None,
            reads_potential=network.neuron.readout == "potential",
            currents=events.currents,
            single_spikes=refractory
            and schedule.input_mode == "frame"
            and not (regularization.refractory_dropout or regularization.network_dropout),
            input_dropout=np.float32(regularization.input_dropout),
            network_dropout=np.float32(regularization.network_dropout),
            refractory_dropout=np.float32(regularization.refractory_dropout),
            noise=np.float32(regularization.momentum_noise),
            cores=np.float32(schedule.core_count(len(network.shape.layers))),
            policy=policy_address(policy),
            draws=policy.uses_uniform or regularization.momentum_noise > 0,
            half_steepness=np.float32(network.neuron.surrogate_steepness / 2),
            idle_gradient=_IDLE[idle_gradient],
            traced=traced,
            recorded=recorded,
            timed=service is not None,
            tallied=recorded or service is not None,
        )
        self.service = _NO_SERVICE if service is None else self._service(service)
        self.parameters = self._parameters(network, schedule)
        keys = np.array([purpose_key(seed, epoch, purpose) for purpose in Purpose], dtype=np.int64)
        self.input = Input(
            offsets=_writable(events.offsets, np.int64),
            indices=_writable(events.indices, np.int32),
            values=_writable(events.values, np.float32),
            labels=_writable(events.labels, np.int64),
            sample_ids=_writable(events.sample_ids, np.int64),
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
        open_at_once = np.zeros(0, dtype=np.int32)
        if rules.gated:
            slots = self.wiring.source_slot[inputs:]
            gate[slots] = synchronization_thresholds(network, schedule).numpy()
            widths = self.wiring.layer_width[self.wiring.position_layer]
            positions = np.unique(np.repeat(np.arange(len(widths)), widths)[slots[gate[slots] == 0]])
            open_at_once = positions.astype(np.int32)
        core = self.wiring.source_layer.astype(np.float32)
        core[inputs:] -= 1
        if schedule.cores is not None:
            core[inputs:] = schedule.cores
        source_slice = np.zeros(layout.sources, dtype=np.int32)
        source_slice[inputs:] = np.repeat(np.arange(len(self.slices)), [one.neurons for one in self.slices])
        assert len(source_slice) == inputs + neurons
        runs = self._runs(source_slice) if rules.tallied else (np.zeros(0, dtype=np.int32),) * 3
        bounds = network.potential_bounds()
        idle = rules.traced and rules.idle_gradient == memory.IDLE_ALL
        return Parameters(
            weights=layout.pack(weights, self.resources.packed.pop() if self.resources.packed else None),
            transposed=layout.pack_transposed(weights) if idle else none,
            threshold=threshold,
            reset_by=layout.spread(network.threshold, 0.0) if rules.subtract else none,
            decay=layout.spread(network.decay, 1.0) if rules.leaks or rules.biased else none,
            bias=none if network.bias is None else layout.spread(network.bias, 0.0),
            gate=gate,
            open_at_once=open_at_once,
            source_layer=self.wiring.source_layer.astype(np.float32),
            source_core=core,
            source_slice=source_slice,
            low=none if bounds is None else layout.spread(bounds[0], 0.0),
            high=none if bounds is None else layout.spread(bounds[1], 0.0),
            run_start=runs[0],
            run_slice=runs[1],
            run_count=runs[2],
        )

    def _runs(self, source_slice: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
        """Slots of neurons as runs that share position and slice: `Parameters.run_start`, `run_slice`, `run_count`."""
        slot_source = self.wiring.slot_source
        widths = self.wiring.layer_width[self.wiring.position_layer]
        position = np.repeat(np.arange(len(widths)), widths)[slot_source >= 0]
        part = source_slice[slot_source[slot_source >= 0]]
        first = np.flatnonzero(np.append(True, (np.diff(position) != 0) | (np.diff(part) != 0)))
        start = np.searchsorted(position[first], np.arange(len(widths) + 1))
        return tuple(
            np.ascontiguousarray(one, dtype=np.int32) for one in (start, part[first], np.diff(first, append=len(part)))
        )

    def _service(self, model: ServiceModel) -> Service:
        cores = np.array([one.core for one in self.slices])
        layers = np.array([one.layer for one in self.slices])
        return Service(
            message_s=np.array(model.message_s, dtype=np.float64),
            emission_s=np.array(model.emission_s, dtype=np.float64),
            longest_way_s=np.array(longest_ways(model, self.slices), dtype=np.float64),
            route_s=np.array(model.route_s, dtype=np.float64),
            core=np.unique(cores, return_inverse=True)[1].astype(np.int32),
            layer_slices=np.searchsorted(layers, np.arange(layers[-1] + 2)).astype(np.int32),
            lanes=model.lanes or 0,
            update_s=float(model.update_s),
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
        scores: Floats,
        kept: Floats,
        kept_by_sample: bool = False,
        counters: Counters = NO_COUNTERS,
        sample_ends: NDArray[np.int64] = _NO_ENDS,
        losses: NDArray[np.float64] = _NO_LOSSES,
        output_gradient: Floats = _NO_TABLE,
        weight: float = 0.0,
        gradient: Floats = _NO_NUMBERS,
        bias_gradient: Floats = _NO_NUMBERS,
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
            self.service,
            self.input,
            kept,
            kept_by_sample,
            state,
            trace,
            counters,
            ends,
            sample_ends,
            scores,
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
        count = min(MOST_CHUNKS, -(-self.samples // _LEAST_SAMPLES))
        bounds = [self.samples * i // count for i in range(count + 1)] if count else []
        return list(pairwise(bounds))

    def room_for_kept(self, *, whole: bool) -> Floats:
        """Where kernels write what input dropout keeps; the entries themselves if there is none."""
        if not self.rules.input_dropout > 0:
            return self.input.values
        if whole:
            return np.empty(len(self.events.values), dtype=np.float32)
        of_sample = np.diff(self.events.offsets[:: self.rules.timesteps])
        return np.empty(int(of_sample.max(initial=0)), dtype=np.float32)

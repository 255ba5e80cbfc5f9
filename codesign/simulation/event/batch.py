"""A run as kernels want it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.network.cuts import part_of_neurons
from codesign.simulation.event import kernels, memory, structures
from codesign.simulation.event.forward import MOST_STEPS, NO_PRIORITY, TOO_LONG, TOO_MANY
from codesign.simulation.event.layout import Floats
from codesign.simulation.event.neuron import neuron_of
from codesign.simulation.event.priorities import places_of, policy_address
from codesign.simulation.event.resources import MOST_CHUNKS, free, resources_of
from codesign.simulation.event.sections import table
from codesign.simulation.event.structures import (
    Criterion,
    Input,
    Learning,
    Network,
    Out,
    Rules,
    Service,
    Slices,
    Sums,
    Trace,
)
from codesign.simulation.event.tables import MOST_TIMESTEPS
from codesign.simulation.event.working_memory import State
from codesign.simulation.random import Purpose, purpose_key
from codesign.simulation.run import TOO_MANY_WAIT, Run
from codesign.simulation.service import ServiceModel, longest_ways
from codesign.workload.events import EventBatch

_LEAST_SAMPLES = 8
"""Which a chunk has at least, if the batch has them."""

_IDLE = {"none": structures.IDLE_NONE, "all": structures.IDLE_ALL, "spare": structures.IDLE_SPARE}

# what kernels are given where there is nothing; they never look at it
NO_COUNTERS = memory.new_counters(0, 0, 0, 0, 0)
_NO_FLOATS = np.zeros(0, dtype=np.float32)
_NO_DOUBLES = np.zeros(0)
_NO_INTEGERS = np.zeros(0, dtype=np.int32)
_NO_SCORES = np.zeros((0, 0, 0), dtype=np.float32)
_NO_PAIRS = np.zeros((0, 0))
_NO_SLOPES = np.zeros((0, 0), dtype=np.float32)
_NO_SUMS = Sums(*[_NO_FLOATS] * len(Sums._fields))
NO_LEARNING = Learning(
    criterion=Criterion(0.0, 1.0, 0.0, _NO_DOUBLES, _NO_DOUBLES),
    losses=_NO_DOUBLES,
    output_gradient=_NO_SCORES,
    spike_gradient=_NO_SLOPES,
    charge_gradient=_NO_SLOPES,
    sums=_NO_SUMS,
    totals=_NO_SUMS,
    chunk_ends=np.zeros(0, dtype=np.int64),
)
_NO_SERVICE = Service(
    message_s=_NO_DOUBLES,
    emission_s=_NO_DOUBLES,
    longest_way_s=_NO_DOUBLES,
    route_s=_NO_PAIRS,
    core=_NO_INTEGERS,
    layer_slices=_NO_INTEGERS,
    lanes=0,
    update_s=0.0,
)


def _writable(array: NDArray[Any]) -> Any:
    """The array as kernels take it: they never write entries, but are compiled for arrays that can be written."""
    array = np.ascontiguousarray(array)
    if not array.flags.writeable:
        array = array.view()
        try:
            array.flags.writeable = True
        except ValueError:  # somebody else's memory that is read-only itself
            array = array.copy()
    return array


def _check_places(events: EventBatch) -> None:
    """That entries still lie where they may: whoever made them can have written to them, and kernels do not look."""
    lengths, indices = np.diff(events.offsets), events.indices
    inside = events.offsets[0] == 0 and events.offsets[-1] == len(indices) == len(events.values)
    inside &= bool((lengths >= 0).all() and (lengths <= events.input_size).all())
    if not inside or indices.min(initial=0) < 0 or indices.max(initial=0) >= events.input_size:
        raise InputError("events: offsets or indices were changed after the batch had checked them")


@dataclass(frozen=True)
class Results:
    """What kernels find out of B samples, as `Out` has it: (B, R, C) scores, (B, L) spikes and charges."""

    scores: Floats
    spikes: NDArray[np.float64]
    charges: NDArray[np.float64]


class Batch:
    """A run, made ready for kernels.

    Scores are (B, R, C): output spikes of each of R = T timesteps, or R = 1 where only their sums are wanted, or output
    potentials.

    Raises:
        InputError: the network is not float32 on the CPU or is too large, or the batch was changed.
    """

    def __init__(self, run: Run) -> None:
        for name, parameter in run.network.named_parameters():
            if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
                kind = f"{str(parameter.dtype).removeprefix('torch.')} on {parameter.device}"
                raise InputError(f"engine 'event' needs float32 parameters on the CPU; {name} is {kind}")
        events = run.events
        _check_places(events)
        if run.counters and events.timesteps > MOST_TIMESTEPS:
            raise InputError(f"events: counters are kept of up to {MOST_TIMESTEPS} timesteps, found {events.timesteps}")
        self.run = run
        self.resources = resources_of(run.network)
        self.layout = self.resources.layout
        self.samples = len(events)
        self.scores_shape = (len(events), run.readings, run.network.shape.layers[-1].neurons)
        self.layers_shape = (len(events), len(run.network.shape.layers))
        self.slices = run.slices
        self.rules = self._rules()
        self.network = self._network()
        keys = np.array([purpose_key(run.seed, run.epoch, purpose) for purpose in Purpose], dtype=np.int64)
        values = _writable(events.values)
        self.input = Input(
            offsets=_writable(events.offsets),
            indices=_writable(events.indices),
            values=values,
            labels=_writable(events.labels),
            sample_ids=_writable(events.sample_ids),
            purpose_keys=keys.view(np.uint64),
            kept=values,
            kept_by_sample=False,
        )

    def ruled(self, **rules: Any) -> Batch:
        """The same batch with other rules."""
        batch = copy(self)
        batch.rules = self.rules._replace(**rules)
        return batch

    def _rules(self) -> Rules:
        run, schedule, regularization = self.run, self.run.schedule, self.run.regularization
        network, neuron = run.network, run.network.neuron
        dropped = regularization.refractory_dropout or regularization.network_dropout
        pools_first = self.layout.max_pools is not None
        return Rules(
            sections=table(),
            inputs=network.shape.input_size,
            input_stride=self.layout.input_stride,
            timesteps=run.events.timesteps,
            group_size=schedule.group_limit,
            on_output=schedule.stop == "on_output",
            steps_after_output=schedule.steps_after_output,
            margin=schedule.margin if schedule.stop == "margin" else 0,
            margin_in_step=schedule.stop == "margin" and schedule.margin_check == "step",
            queued=schedule.input_mode == "queued",
            prioritize_input=schedule.prioritize_input,
            gated=run.gated,
            layer_gate=schedule.synchronization_threshold == "layer",
            barrier_messages=schedule.barrier_messages,
            announces=run.announces,
            refractory=run.refractory,
            leaks=not bool(torch.isinf(network.time_constant).all()),
            biased=network.bias is not None,
            truncates=network.potential_steps is not None,
            reads_potential=neuron.readout == "potential",
            currents=bool(run.events.currents),
            single_spikes=run.refractory
            and schedule.input_mode == "frame"
            and not (dropped or pools_first or network.bursts),
            input_dropout=np.float32(regularization.input_dropout),
            network_dropout=np.float32(regularization.network_dropout),
            refractory_dropout=np.float32(regularization.refractory_dropout),
            noise=np.float32(regularization.momentum_noise),
            cores=np.float32(schedule.core_count(len(network.shape.layers))),
            policy=policy_address(run.policy),
            draws=run.policy.uses_uniform or regularization.momentum_noise > 0,
            idle_gradient=_IDLE[run.idle_gradient],
            traced=run.learns,
            learns_threshold=run.learns_threshold,
            learns_decay=run.learns_decay,
            keeps_found=run.learns_decay or (run.learns and network.holds),
            masked=run.gated or network.ticks or self.resources.direct.partial,
            first_step=run.first_step,
            recorded=run.counters,
            pools_first=pools_first,
            shared=pools_first or regularization.network_dropout > 0,
            timed=run.service is not None,
            charged=run.spike_cost is not None,
            delayed=bool(network.shape.delayed),
            direct=bool(network.shape.direct),
            partial=self.resources.direct.partial,
            listed=run.service is not None or bool(network.shape.delayed),
            tallied=run.counters or run.service is not None,
        )

    def _network(self) -> Network:
        run, layout, rules, wiring = self.run, self.layout, self.rules, self.layout.wiring
        network, inputs = run.network, rules.inputs
        weights: list[torch.Tensor] = list(network.weights())
        steps = network.potential_grid()
        core = wiring.source_layer.astype(np.float32)
        core[inputs:] -= 1
        if run.schedule.cores is not None:
            core[inputs:] = run.schedule.cores
        score = np.zeros(layout.sources, dtype=np.float32)
        score[inputs:] = run.policy.scores(network).numpy()
        gate = np.zeros(layout.slots if rules.gated else 0, dtype=np.int64)
        open_at_once = _NO_INTEGERS
        if rules.gated:
            slots = wiring.source_slot[inputs:]
            gate[slots] = run.thresholds.numpy()
            open_at_once = np.unique(layout.slot_position[slots[gate[slots] == 0]])
        idle = rules.traced and rules.idle_gradient == structures.IDLE_ALL
        return Network(
            wiring=wiring,
            neuron=neuron_of(run, layout),
            weights=layout.pack(weights, free(self.resources.packed)),
            transposed=layout.pack_transposed(weights) if idle else _NO_FLOATS,
            decay=layout.spread(network.decay, 1.0) if rules.leaks or rules.biased or rules.truncates else _NO_FLOATS,
            steps=_NO_FLOATS if steps is None else layout.spread(steps, 0.0),
            bias=_NO_FLOATS if (bias := network.potential_bias()) is None else layout.spread(bias, 0.0),
            gate=gate,
            charge=_NO_FLOATS if run.spike_cost is None else layout.spread(run.spike_cost.weights, 0.0),
            open_at_once=open_at_once,
            policy_layer=wiring.source_layer.astype(np.float32),
            policy_core=core,
            policy_score=score,
            slices=self._slices(),
            service=_NO_SERVICE if run.service is None else self._service(run.service),
            delays=self.resources.delays.delays(network.delayed_weights()),
            direct=self.resources.direct.direct(self.slices),
        )

    def _slices(self) -> Slices:
        layout = self.layout
        if not self.rules.tallied:
            return Slices(*[_NO_INTEGERS] * len(Slices._fields))
        of_source = np.zeros(layout.sources, dtype=np.int32)
        of_source[self.rules.inputs :] = part_of_neurons(self.run.network.shape, self.slices)
        slot_source = layout.wiring.slot_source
        held = slot_source >= 0
        position, place = layout.slot_position[held], of_source[slot_source[held]]
        first = np.flatnonzero(np.append(True, (np.diff(position) != 0) | (np.diff(place) != 0)))
        start = np.searchsorted(position[first], np.arange(layout.positions + 1))
        runs = start, place[first], np.diff(first, append=len(place))
        layer = [part.layer for part in self.slices]
        parts = layer, layout.slot_position, *runs
        return Slices(of_source, *(np.ascontiguousarray(array, dtype=np.int32) for array in parts))

    def _service(self, model: ServiceModel) -> Service:
        cores = np.array([part.core for part in self.slices])
        layers = np.array([part.layer for part in self.slices])
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

    def take_state(self, *, fresh: bool = False) -> State:
        """Working memory for one thread; `fresh` if what the last run left in it is not to be trusted."""
        slices, state = len(self.slices), None
        while not fresh and state is None and (used := free(self.resources.states)) is not None:
            state = used[1] if used[0] == slices else None
        if state is None:
            further = self.resources.delays.new_late(), self.resources.direct.new_under_way()
            state = memory.new_state(self.layout, *further, slices)
        places = places_of(state, self.network)
        state.ranking.places[: len(places)] = places
        return state

    def give_back(self, state: State) -> None:
        self.resources.states.append((len(self.slices), state))

    def new_results(self) -> Results:
        """Room for what kernels find out of every sample."""
        return Results(
            scores=np.zeros(self.scores_shape, dtype=np.float32),
            spikes=np.zeros(self.layers_shape),
            charges=np.zeros(self.layers_shape) if self.rules.charged else _NO_PAIRS,
        )

    def out(self, results: Results, trace: Trace, **parts: Any) -> Out:
        """Where a chunk's results go; what is not given is not kept."""
        nothing = {
            "ends": np.zeros(5, dtype=np.int64),
            "sample_ends": np.zeros((0, 2), dtype=np.int64),
            "counters": NO_COUNTERS,
            "learning": NO_LEARNING,
        }
        return Out(**vars(results), trace=trace, **{**nothing, **parts})

    def process(self, task: int, first: int, last: int, state: State, out: Out, input_: Input | None = None) -> int:
        """`kernels.process` with this batch. Returns the first sample that found no room.

        Raises:
            InputError: the policy gave a priority that is not a number, or a timestep takes too many forward steps.
        """
        given = self.input if input_ is None else input_
        reached = kernels.process(task, first, last, (self.network, self.rules, given, state, out))
        if out.ends[structures.STATUS] == NO_PRIORITY:
            raise InputError("the scheduling policy gave a priority that is not a number")
        if out.ends[structures.STATUS] == TOO_MANY:
            raise InputError(TOO_MANY_WAIT)
        if out.ends[structures.STATUS] == TOO_LONG:
            raise InputError(
                f"a timestep takes more than {MOST_STEPS} forward steps; larger groups, refractory neurons or an "
                "on_output stop make it shorter"
            )
        return reached

    def chunk_ends(self) -> list[int]:
        """Behind which sample each chunk ends; the same for any number of threads."""
        count = min(MOST_CHUNKS, -(-self.samples // _LEAST_SAMPLES))
        return [self.samples * i // count for i in range(1, count + 1)]

    def parts(self) -> list[tuple[int, int]]:
        """(first, last) of what is given to kernels at once: a chunk, or for one thread all of them."""
        if torch.get_num_threads() == 1:
            return [(0, self.samples)] if self.samples else []
        return list(pairwise([0, *self.chunk_ends()]))

    def with_room_for_kept(self, *, whole: bool) -> Input:
        """The input with room where kernels write what input dropout keeps: of the batch, or of one sample."""
        if not self.rules.input_dropout > 0:
            return self.input
        entries = len(self.input.values)
        if not whole:
            entries = int(np.diff(self.input.offsets[:: self.rules.timesteps]).max(initial=0))
        return self.input._replace(kept=np.empty(entries, dtype=np.float32), kept_by_sample=not whole)

"""Everything that kernels need from a run besides its events: the rules, and the network under its schedule.

Preparing all of it takes longer than an update of a small network. So the parts that do not depend on weights are kept,
with everything they were made from as a key, and are reused by runs with the same key.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from codesign.network.neuron import OF_NEURONS
from codesign.simulation.event import structures
from codesign.simulation.event.arrays import NO_FLOATS, NO_INTEGERS, empty, integers
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.neuron import neuron_of
from codesign.simulation.event.priorities import policy_address
from codesign.simulation.event.resources import Resources, free
from codesign.simulation.event.sections import table
from codesign.simulation.event.structures import Network, Rules, Service, Slices
from codesign.simulation.execution import Slice, slice_of_neurons
from codesign.simulation.policies.random import RANDOM
from codesign.simulation.run import Run
from codesign.simulation.service import ServiceModel, longest_routes

_IDLE = {"none": structures.IDLE_NONE, "all": structures.IDLE_ALL, "spare": structures.IDLE_SPARE}
_MOST_KEPT = 4
"""Different kinds of runs of a network that may alternate: training through one or several schedules, validation."""


def prepare(run: Run, resources: Resources) -> tuple[Rules, Network]:
    """The rules and the network of a run; `resources` are those of the run's network."""
    key = _key_of(run)
    prepared = next((kept for kept in resources.prepared if kept[0] == key), None)
    if prepared is None:
        rules = _rules(run, resources)
        prepared = key, rules, _network(run, resources, rules)
        resources.prepared = [prepared, *resources.prepared][:_MOST_KEPT]
    _, rules, network = prepared
    return rules, network._replace(**_learned(run, resources, rules))


def _key_of(run: Run) -> tuple[Any, ...]:
    """Everything that `_rules` and `_network` read, by value; the topology never changes."""
    network, cost = run.network, run.spike_cost
    numbers = [network.threshold, network.time_constant, network.current_bias(), None if cost is None else cost.weights]
    numbers += [getattr(network, name) for name in OF_NEURONS]
    return (
        *(None if tensor is None else tensor.numpy(force=True).tobytes() for tensor in numbers),
        *(run.schedule, run.policy, run.regularization, run.idle_gradient, run.counters),
        *(run.learns, run.learns_threshold, run.learns_decay, run.events.timesteps, run.events.currents),
        *(network.neuron, network.timestep_s, network.potential_ranges, network.potential_steps),
        network.bias is None,
    )


def _learned(run: Run, resources: Resources, rules: Rules) -> dict[str, Any]:
    """The fields of `Network` that follow from weights and biases."""
    network, layout = run.network, resources.layout
    weights: list[torch.Tensor] = [*network.weights()]
    packed = layout.pack(weights, free(resources.packed))
    learned: dict[str, Any] = {"weights": packed}
    if rules.traced and rules.idle_gradient == structures.IDLE_ALL:
        learned["transposed"] = layout.pack_transposed(packed)
    if (bias := network.potential_bias()) is not None:
        learned["bias"] = layout.spread(bias, 0.0)
    if run.counters:
        learned["zeros"] = integers(network.zero_fan_out())
    if run.policy.score is not None:
        score = np.zeros(layout.sources, dtype=np.float32)
        score[rules.inputs :] = run.policy.scores(network).numpy()
        learned["policy_score"] = score
    if rules.delayed:
        learned["delays"] = resources.delays.tables(network.delayed(), run.slices)
    if rules.direct:
        learned["direct"] = resources.direct.tables(network.direct(), run.slices)
    return learned


def _rules(run: Run, resources: Resources) -> Rules:
    schedule, regularization, layout = run.schedule, run.regularization, resources.layout
    network, neuron = run.network, run.network.neuron
    dropped = regularization.refractory_dropout or regularization.network_dropout
    pools_first = layout.max_pools is not None
    return Rules(
        sections=table(),
        inputs=network.shape.input_size,
        input_stride=layout.input_stride,
        widest=max(layout.widths),
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
        uniform=run.policy is RANDOM,
        idle_gradient=_IDLE[run.idle_gradient],
        traced=run.learns,
        learns_threshold=run.learns_threshold,
        learns_decay=run.learns_decay,
        keeps_found=run.learns_decay or (run.learns and network.holds),
        masked=run.gated or network.ticks or resources.direct.partial,
        first_step=run.first_step,
        recorded=run.counters,
        pools_first=pools_first,
        shared=pools_first or regularization.network_dropout > 0,
        timed=run.service is not None,
        charged=run.spike_cost is not None,
        spreads=not layout.wiring.single.all(),
        delayed=bool(network.shape.delayed),
        direct=bool(network.shape.direct),
        partial=resources.direct.partial,
        listed=run.service is not None or bool(network.shape.delayed),
        tallied=run.counters or run.service is not None,
    )


def _network(run: Run, resources: Resources, rules: Rules) -> Network:
    """The network without weights and everything else that may change at every update."""
    layout, network, inputs = resources.layout, run.network, rules.inputs
    wiring = layout.wiring
    steps = network.potential_grid()
    core = wiring.source_layer.astype(np.float32)
    core[inputs:] -= 1
    if run.schedule.cores is not None:
        core[inputs:] = run.schedule.cores
    gate = np.zeros(layout.slots if rules.gated else 0, dtype=np.int64)
    open_at_once = NO_INTEGERS
    if rules.gated:
        slots = wiring.source_slot[inputs:]
        gate[slots] = run.thresholds.numpy()
        open_at_once = np.unique(layout.slot_position[slots[gate[slots] == 0]])
    return Network(
        wiring=wiring,
        neuron=neuron_of(run, layout),
        weights=NO_FLOATS,
        transposed=NO_FLOATS,
        decay=layout.spread(network.decay, 1.0) if rules.leaks or rules.biased or rules.truncates else NO_FLOATS,
        steps=NO_FLOATS if steps is None else layout.spread(steps, 0.0),
        bias=NO_FLOATS,
        gate=gate,
        charge=NO_FLOATS if run.spike_cost is None else layout.spread(run.spike_cost.weights, 0.0),
        open_at_once=open_at_once,
        policy_layer=wiring.source_layer.astype(np.float32),
        policy_core=core,
        policy_score=np.zeros(layout.sources, dtype=np.float32),
        zeros=NO_INTEGERS,
        slices=_slices(run, layout, rules),
        service=empty(Service) if run.service is None else _service(run.service, run.slices),
        delays=resources.delays.tables(network.delayed(), run.slices),
        direct=resources.direct.tables(network.direct(), run.slices),
    )


def _slices(run: Run, layout: MemoryLayout, rules: Rules) -> Slices:
    if not rules.tallied:
        return Slices(*[NO_INTEGERS] * len(Slices._fields))
    of_source = np.zeros(layout.sources, dtype=np.int32)
    of_source[rules.inputs :] = slice_of_neurons(run.network.shape, run.slices)
    slot_source = layout.wiring.slot_source
    held = slot_source >= 0
    position, place = layout.slot_position[held], of_source[slot_source[held]]
    first = np.flatnonzero(np.append(True, (np.diff(position) != 0) | (np.diff(place) != 0)))
    start = np.searchsorted(position[first], np.arange(layout.positions + 1))
    runs = start, place[first], np.diff(first, append=len(place))
    layer = [part.layer for part in run.slices]
    return Slices(of_source, *map(integers, (layer, layout.slot_position, *runs)))


def _service(model: ServiceModel, slices: tuple[Slice, ...]) -> Service:
    cores = np.array([part.core for part in slices])
    layers = np.array([part.layer for part in slices])
    return Service(
        message_s=np.array(model.message_s, dtype=np.float64),
        emission_s=np.array(model.emission_s, dtype=np.float64),
        longest_way_s=np.array(longest_routes(model, slices), dtype=np.float64),
        route_s=np.array(model.route_s, dtype=np.float64),
        core=np.unique(cores, return_inverse=True)[1].astype(np.int32),
        layer_slices=np.searchsorted(layers, np.arange(layers[-1] + 2)).astype(np.int32),
        lanes=model.lanes or 0,
        update_s=float(model.update_s),
    )

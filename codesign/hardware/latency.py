"""Latency of an execution on a chip: barrier, timer, or no synchronization at all.

Work of layer l in timestep t is what its cores receive, update and send in that forward pass. With barriers once a
timestep and with timers, hardware pipelines the layers: layer l works on timestep t in hardware step t + l (ticks:
t · ticks per timestep + l), so that T timesteps through L layers take T + L − 1 steps. `codesign.hardware.replay` holds
the asynchronous case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Barrier, Chip, Timer
from codesign.hardware.replay import replay
from codesign.hardware.service import ServiceTimes, missing_times, service_times
from codesign.hardware.work import Layout, active_neurons, deliveries, lane_operations, sent_messages
from codesign.simulation.execution import NOT_REACHED, Execution

__all__ = ["Latency", "latency_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Times of B samples, in seconds; None where the chip's numbers do not allow them.

    Attributes:
        model: which model they come from.
        total_s: (B,) until the stop, summed over timesteps: compute + network + synchronization, as far as known.
        compute_s, network_s, synchronization_s: (B,) cores at work, messages under way, barriers and ticks waited for.
        bound_s: (B,) asynchronous only: stepwise upper bound of `total_s`.
        per_layer_s: (B,) barrier only: one barrier for each layer of each timestep, the paper's reading.
        decision_s: (B,) last frame's arrival to its first output spike; NaN where it has none.
        overloaded_ticks: (B,) timer only: ticks in which a core had more work than fits.
        not_modelled, assumptions: what is missing and what was assumed.
    """

    model: str
    total_s: Floats | None = None
    compute_s: Floats | None = None
    network_s: Floats | None = None
    synchronization_s: Floats | None = None
    bound_s: Floats | None = None
    per_layer_s: Floats | None = None
    decision_s: Floats | None = None
    overloaded_ticks: NDArray[np.int64] | None = None
    not_modelled: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def latency_of(execution: Execution, chip: Chip, layout: Layout) -> Latency:
    """Latency under the chip's own synchronization."""
    synchronization = chip.synchronization
    times = service_times(chip, layout)
    missing = missing_times(chip, layout)
    if isinstance(synchronization, Timer):
        return _timer(execution, chip, layout, synchronization, times, missing)
    if isinstance(synchronization, Barrier):
        model = f"barrier per {synchronization.scope}"
        if synchronization.times is None:
            missing = (*missing, "synchronization.times")
        if times is None or synchronization.times is None:
            return Latency(model=model, not_modelled=_latency_needs(chip, missing))
        return _barrier(execution, chip, layout, synchronization, times)
    model = "asynchronous replay" if synchronization.kind == "asynchronous" else "clocked event-driven replay"
    if times is None:
        return Latency(model=model, not_modelled=_latency_needs(chip, missing))
    return _asynchronous(execution, chip, layout, times, model)


def _latency_needs(chip: Chip, missing: tuple[str, ...]) -> tuple[str, ...]:
    return (f"latency: {chip.name} gives no {', '.join(missing)}",)


# asynchronous --------------------------------------------------------------------------------------------------------


def _asynchronous(execution: Execution, chip: Chip, layout: Layout, times: ServiceTimes, model: str) -> Latency:
    """The network's part is what latency loses when messages take no time to travel."""
    result = replay(execution, chip, layout, times)
    total = result.makespan_s.sum(axis=1)
    compute = total
    if times.route_s.any():
        on_the_spot = replace(times, route_s=np.zeros_like(times.route_s))
        compute = replay(execution, chip, layout, on_the_spot).makespan_s.sum(axis=1)
    return Latency(
        model=model,
        total_s=total,
        compute_s=compute,
        network_s=total - compute,
        synchronization_s=np.zeros_like(total),
        bound_s=result.bound_s.sum(axis=1),
        decision_s=result.decision_s[:, -1],
    )


# barrier -------------------------------------------------------------------------------------------------------------


def _barrier(execution: Execution, chip: Chip, layout: Layout, barrier: Barrier, times: ServiceTimes) -> Latency:
    assert barrier.times is not None
    barrier_s = barrier.times.of_tiles(layout.tiles)
    busy = _busy(execution, chip, layout, times)
    way = _ways(execution, layout, times)
    layers = len(execution.shape.layers)
    layer_busy = np.stack([busy[:, :, layout.placements_of(layer)].max(axis=2) for layer in range(layers)], axis=2)
    layer_step = layer_busy + way + barrier_s
    per_layer = layer_step.sum(axis=(1, 2))
    if barrier.scope == "layer":
        steps_busy, steps_way, model = layer_busy.sum(axis=2), way.sum(axis=2), "barrier per layer"
        waits = execution.timesteps * layers
        decision = layer_step[:, -1].sum(axis=1)
    else:
        steps_busy, steps_way = _pipelined(busy, layout, 1).max(axis=2), _pipelined_ways(way)
        model, waits = "barrier per timestep, pipelined", steps_busy.shape[1]
        decision = (steps_busy + steps_way + barrier_s)[:, execution.timesteps - 1 :].sum(axis=1)
    compute, network = steps_busy.sum(axis=1), steps_way.sum(axis=1)
    synchronization = np.full(execution.samples, waits * barrier_s)
    return Latency(
        model=model,
        total_s=compute + network + synchronization,
        compute_s=compute,
        network_s=network,
        synchronization_s=synchronization,
        per_layer_s=per_layer,
        decision_s=_decided(execution, decision),
    )


def _busy(execution: Execution, chip: Chip, layout: Layout, times: ServiceTimes) -> Floats:
    """(B, T, P) busy time of each placement in each forward pass."""
    table, updates = execution.messages, execution.updates
    shape = (execution.samples, execution.timesteps, len(layout.layer))
    busy, neurons = np.zeros(shape), np.zeros(shape)
    arrivals = deliveries(execution, chip, layout)
    service = arrivals.operations * times.synaptic_operation_s + arrivals.messages * times.message_s
    np.add.at(busy, (table.sample[arrivals.row], table.timestep[arrivals.row], arrivals.placement), service)
    update = chip.energies.neuron_update
    if update is not None and update.counted == "active_neurons":
        neurons += active_neurons(execution) @ layout.share
    else:
        np.add.at(neurons, (updates.sample, updates.timestep), updates.evaluated[:, None] * layout.share[updates.slice])
    busy += lane_operations(neurons, chip) * times.neuron_update_s
    own = np.flatnonzero(table.source > 0)
    sent = sent_messages(execution, chip, layout)[own, None] * layout.share[table.source[own] - 1]
    np.add.at(busy, (table.sample[own], table.timestep[own]), sent * times.output_s)
    return busy


def _ways(execution: Execution, layout: Layout, times: ServiceTimes) -> Floats:
    """(B, T, L) longest way of the messages that a layer receives in a forward pass; 0 where there are none."""
    table = execution.messages
    ways = np.zeros((execution.samples, execution.timesteps, len(execution.shape.layers)))
    for source in range(len(execution.slices) + 1):
        target = 0 if source == 0 else execution.slices[source - 1].layer + 1
        places = layout.core[layout.placements_of(target)]
        if not len(places):
            continue
        way = times.route_s[np.ix_(layout.source_rows(source), places)].max()
        row = np.flatnonzero((table.source == source) & (table.spikes > 0))
        np.maximum.at(ways, (table.sample[row], table.timestep[row], np.full(len(row), target)), way)
    return ways


def _pipelined(busy: Floats, layout: Layout, ticks: int) -> Floats:
    """(B, H, K) busy time of cores in H hardware steps, from (B, T, P): layer l of timestep t in step t · ticks + l."""
    samples, timesteps, _ = busy.shape
    layers = int(layout.layer.max()) + 1
    steps = np.zeros((samples, timesteps * ticks + layers - 1, layout.cores))
    for placement, (layer, core) in enumerate(zip(layout.layer, layout.core, strict=True)):
        steps[:, layer : layer + timesteps * ticks : ticks, core] += busy[:, :, placement]
    return steps


def _pipelined_ways(way: Floats) -> Floats:
    """(B, T + L − 1) longest way in each hardware step."""
    samples, timesteps, layers = way.shape
    steps = np.zeros((samples, timesteps + layers - 1))
    for layer in range(layers):
        np.maximum(steps[:, layer : layer + timesteps], way[:, :, layer], out=steps[:, layer : layer + timesteps])
    return steps


def _decided(execution: Execution, decision: Floats) -> Floats:
    return np.where(execution.steps_to_first_output[:, -1] == NOT_REACHED, np.nan, decision)


# timer ---------------------------------------------------------------------------------------------------------------


def _timer(
    execution: Execution,
    chip: Chip,
    layout: Layout,
    timer: Timer,
    times: ServiceTimes | None,
    missing: tuple[str, ...],
) -> Latency:
    """Ticks of fixed length. A frame's wait for the next tick, half a tick on average, is not counted."""
    tick_s, layers = timer.tick.value, len(execution.shape.layers)
    count = execution.timesteps * timer.ticks_per_timestep + layers - 1
    last_frame = (execution.timesteps - 1) * timer.ticks_per_timestep
    if times is None:
        total = np.full(execution.samples, count * tick_s)
        unchecked = f"overload: {chip.name} gives no {', '.join(missing)}; every core is taken to finish within a tick"
        return Latency(
            model="timer",
            total_s=total,
            synchronization_s=total,
            decision_s=_decided(execution, np.full(execution.samples, layers * tick_s)),
            assumptions=(unchecked,),
        )
    busy = _pipelined(_busy(execution, chip, layout, times), layout, timer.ticks_per_timestep).max(axis=2)
    factor = np.maximum(1.0, np.ceil(busy / tick_s - 1e-9))
    overloaded = (factor > 1).sum(axis=1)
    not_modelled: tuple[str, ...] = ()
    if timer.overload == "drop":
        if overloaded.any():
            share = float((factor > 1).mean())
            not_modelled = (f"spikes dropped in overloaded ticks ({share:.2%} of ticks): counted as if they arrived",)
        busy, factor = np.minimum(busy, tick_s), np.ones_like(factor)
    length = factor * tick_s
    total, compute = length.sum(axis=1), busy.sum(axis=1)
    return Latency(
        model=f"timer, overload {'stretches' if timer.overload == 'stretch' else 'drops'}",
        total_s=total,
        compute_s=compute,
        network_s=np.zeros_like(total),
        synchronization_s=total - compute,
        decision_s=_decided(execution, length[:, last_frame : last_frame + layers].sum(axis=1)),
        overloaded_ticks=overloaded,
        not_modelled=not_modelled,
    )

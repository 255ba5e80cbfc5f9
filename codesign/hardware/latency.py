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
from codesign.hardware.steps import StepWork, forward_steps, layer_steps, pipelined_steps, ways_of_sources
from codesign.hardware.work import Layout
from codesign.simulation.execution import NOT_REACHED, Execution

__all__ = ["Latency", "StepsOf", "latency_of", "steps_of"]

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
        busy_s: (B, K) work of each core in use, as far as its times are known.
        late: (B,) share of forward passes, or of hardware steps, that take longer than a timestep: in them a chip that
            has to keep pace with its input falls behind. None for timers, and for a static input.
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
    busy_s: Floats | None = None
    late: Floats | None = None
    overloaded_ticks: NDArray[np.int64] | None = None
    not_modelled: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepsOf:
    """The steps of an execution on a layout, under one synchronization and number of lanes.

    Attributes:
        steps: hardware steps of barriers and timers, forward steps of chips without synchronization.
        layers: barrier only: one step a layer and timestep.
    """

    steps: StepWork
    layers: StepWork | None


def steps_of(execution: Execution, chip: Chip, layout: Layout) -> StepsOf | None:
    """What `latency_of` needs beside the prices; None where the chip's lanes are not known."""
    synchronization = chip.synchronization
    if chip.vector_width is None:
        return None
    if isinstance(synchronization, Timer):
        ticks = synchronization.ticks_per_timestep
        return StepsOf(steps=pipelined_steps(execution, chip, layout, ticks), layers=None)
    if isinstance(synchronization, Barrier):
        layers = layer_steps(execution, chip, layout)
        per_layer = synchronization.scope == "layer"
        return StepsOf(steps=layers if per_layer else pipelined_steps(execution, chip, layout), layers=layers)
    return StepsOf(steps=forward_steps(execution, chip, layout), layers=None)


def latency_of(
    execution: Execution, chip: Chip, layout: Layout, steps: StepsOf | None = None, *, bound_only: bool = False
) -> Latency:
    """Latency under the chip's own synchronization.

    Args:
        steps: what `steps_of` gives, to be shared between chips that differ in prices only; None to gather it here.
        bound_only: take the stepwise bound for the time of a chip without synchronization, instead of the replay.
    """
    synchronization = chip.synchronization
    times = service_times(chip, layout)
    missing = missing_times(chip, layout)
    if isinstance(synchronization, Barrier) and synchronization.times is None:
        missing = (*missing, "synchronization.times")
    elif isinstance(synchronization, Barrier) and layout.chips > 1 and not _spans_chips(synchronization):
        missing = (*missing, f"synchronization.times.by_chips for {layout.chips} chips")
    if times is not None and steps is None and not missing:
        steps = steps_of(execution, chip, layout)
    if isinstance(synchronization, Timer):
        return _timer(execution, chip, layout, synchronization, times, steps, missing)
    if isinstance(synchronization, Barrier):
        if times is None or missing or steps is None:
            return Latency(model=_barrier_model(synchronization), not_modelled=_latency_needs(chip, missing))
        return _barrier(execution, chip, layout, synchronization, times, steps)
    kind = "asynchronous" if synchronization.kind == "asynchronous" else "clocked event-driven"
    model = f"{kind} {'stepwise bound' if bound_only else 'replay'}"
    if times is None or steps is None:
        return Latency(model=model, not_modelled=_latency_needs(chip, missing))
    return _asynchronous(execution, chip, layout, times, steps.steps, model, bound_only)


def _spans_chips(barrier: Barrier) -> bool:
    return barrier.times is not None and barrier.times.by_chips is not None


def _latency_needs(chip: Chip, missing: tuple[str, ...]) -> tuple[str, ...]:
    return (f"latency: {chip.name} gives no {', '.join(missing)}",)


# asynchronous --------------------------------------------------------------------------------------------------------


def _asynchronous(
    execution: Execution,
    chip: Chip,
    layout: Layout,
    times: ServiceTimes,
    steps: StepWork,
    model: str,
    bound_only: bool,
) -> Latency:
    """The network's part is what latency loses when messages take no time to travel."""
    shape = (execution.samples, execution.timesteps, -1)
    busy = steps.busy(times)
    length = busy.max(axis=1) + steps.ways(ways_of_sources(execution, layout, times))
    bound = length[steps.steps].reshape(shape).sum(axis=2)
    compute = busy.max(axis=1)[steps.steps].sum(axis=1)
    passes, decision = bound, None
    if not bound_only:
        result = replay(execution, chip, layout, times)
        passes, decision = result.makespan_s, result.decision_s[:, -1]
        compute = passes.sum(axis=1)
        if times.route_s.any():
            on_the_spot = replace(times, route_s=np.zeros_like(times.route_s))
            compute = replay(execution, chip, layout, on_the_spot).makespan_s.sum(axis=1)
    total = passes.sum(axis=1)
    return Latency(
        model=model,
        total_s=total,
        compute_s=compute,
        network_s=total - compute,
        synchronization_s=np.zeros_like(total),
        bound_s=bound.sum(axis=1),
        decision_s=decision,
        busy_s=busy[steps.steps].sum(axis=1),
        late=_late(passes, execution),
    )


# barrier -------------------------------------------------------------------------------------------------------------


def _barrier_model(barrier: Barrier) -> str:
    return "barrier per layer" if barrier.scope == "layer" else "barrier per timestep, pipelined"


def _barrier(
    execution: Execution, chip: Chip, layout: Layout, barrier: Barrier, times: ServiceTimes, steps: StepsOf
) -> Latency:
    assert barrier.times is not None
    assert steps.layers is not None
    barrier_s = barrier.times.of(layout.tiles, layout.chips)
    least_s = chip.seconds(barrier.least_step) or 0.0
    ways = ways_of_sources(execution, layout, times)

    def lengths(work: StepWork) -> tuple[Floats, Floats, Floats]:
        """Busy times of cores, what links add to the busiest, and the length of each step."""
        busy = work.busy(times)
        longest = busy.max(axis=1)
        traffic = np.maximum(work.link_time(layout, chip) - longest, 0.0) + work.ways(ways)
        return busy, traffic, np.maximum(longest + traffic + barrier_s, least_s)

    busy, traffic, length = lengths(steps.steps)
    per_layer = lengths(steps.layers)[2][steps.layers.steps].sum(axis=1)
    which = steps.steps.steps
    total, compute = length[which].sum(axis=1), busy.max(axis=1)[which].sum(axis=1)
    network = traffic[which].sum(axis=1)
    layers = len(execution.shape.layers)
    last = which[:, -layers:]  # from the last frame's arrival on
    return Latency(
        model=_barrier_model(barrier),
        total_s=total,
        compute_s=compute,
        network_s=network,
        synchronization_s=total - compute - network,
        per_layer_s=per_layer,
        decision_s=_decided(execution, length[last].sum(axis=1)),
        busy_s=busy[which].sum(axis=1) if barrier.scope == "timestep" else _by_core(busy[which].sum(axis=1), layout),
        late=_late(length[which], execution),
    )


def _late(length_s: Floats, execution: Execution) -> Floats | None:
    """Share of passes or steps that take longer than a timestep; None for a static input, which waits for nobody."""
    return None if execution.timestep_s == 0 else (length_s > execution.timestep_s).mean(axis=1)


def _by_core(of_placements: Floats, layout: Layout) -> Floats:
    """(B, K) from (B, P)."""
    cores = np.zeros((len(of_placements), layout.cores))
    for placement, core in enumerate(layout.core):
        cores[:, core] += of_placements[:, placement]
    return cores


def _decided(execution: Execution, decision: Floats) -> Floats:
    return np.where(execution.steps_to_first_output[:, -1] == NOT_REACHED, np.nan, decision)


# timer ---------------------------------------------------------------------------------------------------------------


def _timer(
    execution: Execution,
    chip: Chip,
    layout: Layout,
    timer: Timer,
    times: ServiceTimes | None,
    steps: StepsOf | None,
    missing: tuple[str, ...],
) -> Latency:
    """Ticks of fixed length. A frame's wait for the next tick, half a tick on average, is not counted."""
    tick_s, layers = chip.seconds(timer.tick), len(execution.shape.layers)
    assert tick_s is not None
    count = execution.timesteps * timer.ticks_per_timestep + layers - 1
    last_frame = (execution.timesteps - 1) * timer.ticks_per_timestep
    if times is None or steps is None:
        total = np.full(execution.samples, count * tick_s)
        unchecked = f"overload: {chip.name} gives no {', '.join(missing)}; every core is taken to finish within a tick"
        return Latency(
            model="timer",
            total_s=total,
            synchronization_s=total,
            decision_s=_decided(execution, np.full(execution.samples, layers * tick_s)),
            assumptions=(unchecked,),
        )
    which = steps.steps.steps
    busy = steps.steps.busy(times)
    longest = busy.max(axis=1)
    factor = np.maximum(1.0, np.ceil(longest / tick_s - 1e-9))
    overloaded = (factor > 1)[which].sum(axis=1)
    not_modelled: tuple[str, ...] = ()
    if timer.overload == "drop":
        if overloaded.any():
            share = float((factor > 1)[which].mean())
            not_modelled = (f"spikes dropped in overloaded ticks ({share:.2%} of ticks): counted as if they arrived",)
        longest, factor = np.minimum(longest, tick_s), np.ones_like(factor)
    length = (factor * tick_s)[which]
    total, compute = length.sum(axis=1), longest[which].sum(axis=1)
    return Latency(
        model=f"timer, overload {'stretches' if timer.overload == 'stretch' else 'drops'}",
        total_s=total,
        compute_s=compute,
        network_s=np.zeros_like(total),
        synchronization_s=total - compute,
        decision_s=_decided(execution, length[:, last_frame : last_frame + layers].sum(axis=1)),
        busy_s=busy[which].sum(axis=1),
        overloaded_ticks=overloaded,
        not_modelled=not_modelled,
    )

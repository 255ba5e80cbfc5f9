"""Latency of an execution on a chip: barrier, timer, neighbours, or no synchronization at all.

With barriers once per timestep, with timers and between neighbours, hardware pipelines the layers: layer l works on
timestep t in hardware step t + l (ticks: t · ticks per timestep + l). `codesign.hardware.cost.replay` holds the
asynchronous case, `codesign.hardware.cost.neighbour` that of neighbours.

Everything works on arrays of prices: a single chip is n = 1 scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from codesign.arrays import Floats, OfArrays
from codesign.hardware.chip.parts import Barrier, Neighbour, Timer
from codesign.hardware.chip.prices import Prices
from codesign.hardware.cost.neighbour import feeds_of, walk
from codesign.hardware.cost.replay import pass_times
from codesign.hardware.cost.steps import StepWork, forward_steps, layer_steps, pace, pipelined_steps, stream_intervals
from codesign.hardware.cost.work import PlacedExecution, StepRecord
from codesign.hardware.terms import AGREEMENT, DROPPED, UNCHECKED


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Latency(OfArrays):
    """Times of B samples, in seconds; None if the chip's numbers do not determine them.

    If prices are arrays over n scenarios, everything is (B, n) or (B, K, n).

    Attributes:
        model: the model that gives the times.
        total_s: (B,) until the stop, summed over timesteps: compute + network + synchronization, as far as known.
        interval_s: (B,) time until the next sample if samples like it follow without a pause. Chips that pipeline
            layers, one on each core, overlap them (`stream_intervals`); otherwise it is `total_s`.
        compute_s, network_s, synchronization_s: (B,) time for which cores work, messages travel, and barriers, ticks
            and handshakes are awaited.
        bound_s: (B,) asynchronous only: stepwise upper bound of `total_s`.
        decision_s: (B,) time from the last frame's arrival to its first output spike, NaN without one, or until output
            potentials are read.
        busy_s: (B, K) working time of each core in use, as far as its times are known.
        late: (B,) share of forward passes, or of hardware steps, that take longer than a timestep, so that a chip falls
            behind its input. Between neighbours, a step lasts from when the last core has finished the step before; the
            ticks of a timestep count together. None for a static input.
        behind_s: (B,) how long the last frame waits for earlier frames in real time; between neighbours, how much
            longer (or shorter, if negative) the decision takes in real time. None for a static input.
        overloaded_ticks: (B,) timer only: ticks in which a core had more work than fits into a tick.
        not_modelled, assumptions: what is missing and what was assumed.
    """

    model: str = ""
    total_s: Floats | None = None
    interval_s: Floats | None = None
    compute_s: Floats | None = None
    network_s: Floats | None = None
    synchronization_s: Floats | None = None
    bound_s: Floats | None = None
    decision_s: Floats | None = None
    busy_s: Floats | None = None
    late: Floats | None = None
    behind_s: Floats | None = None
    overloaded_ticks: Floats | None = None
    not_modelled: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def steps_of(work: PlacedExecution) -> StepWork:
    """The steps of an execution, the input of `latency_of` that does not depend on prices: hardware steps of chips that
    synchronize, forward steps of chips that do not. The chip's lanes must be known."""
    synchronization = work.chip.synchronization
    if not work.chip.synchronized:
        return forward_steps(work)
    if isinstance(synchronization, Barrier) and not work.chip.pipelined:
        return layer_steps(work)
    steps = pipelined_steps(work)
    return replace(steps, feeds=feeds_of(work)) if isinstance(synchronization, Neighbour) else steps


def latency_of(
    record: StepRecord,
    prices: Prices,
    steps: StepWork | None,
    *,
    bound_only: bool = False,
    parts: bool = True,
    nominal: Latency | None = None,
) -> Latency:
    """Latency under the chip's own synchronization.

    Args:
        steps: result of `steps_of`; None if the chip's lanes are unknown.
        bound_only: take the stepwise bound for the time of a chip without synchronization, instead of the replay.
        parts: whether to compute more than `total_s` and, for a timer that drops spikes, the overloaded ticks.
        nominal: latency of the same work at the chip's own prices. A replay is then not repeated for each scenario but
            scaled with its bound, which is exact if a single time matters or all times change in proportion, and close
            otherwise.
    """
    chip, synchronization = prices.chip, prices.chip.synchronization
    missing = prices.missing_times(None if record.geometry is None else record.geometry.route_kinds)
    if isinstance(synchronization, Timer):
        latency = _timer(record, prices, synchronization, None if missing else steps, missing, parts)
        return _finished(latency, prices, parts)
    model = _model(synchronization, bound_only)
    if missing or steps is None:
        return Latency(model=model, not_modelled=(f"latency: {chip.name} gives no {', '.join(missing)}",))
    if isinstance(synchronization, Barrier):
        latency = _barrier(record, prices, steps, parts)
    elif isinstance(synchronization, Neighbour):
        latency = _neighbour(record, prices, steps, parts)
    else:
        latency = _asynchronous(record, prices, steps, bound_only, parts, nominal)
    return _finished(replace(latency, model=model), prices, parts)


def _model(synchronization: Any, bound_only: bool) -> str:
    if isinstance(synchronization, Barrier):
        return "barrier per layer" if synchronization.scope == "layer" else "barrier per timestep, pipelined"
    if isinstance(synchronization, Neighbour):
        return "neighbours, pipelined"
    kind = "asynchronous" if synchronization.kind == "asynchronous" else "clocked event-driven"
    return f"{kind} {'stepwise bound' if bound_only else 'replay'}"


def _finished(latency: Latency, prices: Prices, parts: bool) -> Latency:
    """The latency with the interval between samples, and without the last axis if there is only one scenario."""
    if parts and latency.interval_s is None and latency.total_s is not None:
        latency = replace(latency, interval_s=latency.total_s)
    if prices.varied:
        return latency
    arrays: dict[str, Any] = {name: value for name, value in vars(latency).items() if isinstance(value, np.ndarray)}
    return replace(latency, **{name: value[..., 0] for name, value in arrays.items()})


def _decided(record: StepRecord, decision: Floats) -> Floats:
    """(B, n) decision times; NaN without a decision."""
    return np.where(record.decided[:, None], decision, np.nan)


def _carried(steps: StepWork, prices: Prices) -> Floats:
    """(B, n) time in which the busiest link carries all messages of a sample, a lower bound of latency."""
    rate = prices.value("network_on_chip.link_rate")
    if rate is None or not steps.links.shape[1]:
        return np.zeros((1, 1))
    return np.asarray(steps.summed(steps.sent @ steps.links).max(axis=1)[:, None] / rate)


def _of_links(prices: Prices) -> tuple[str, ...]:
    if prices.value("network_on_chip.link_rate") is None:
        return ()
    return (f"{prices.chip.name}: link rates limit what links carry in a sample, but no message waits for another",)


# asynchronous --------------------------------------------------------------------------------------------------------


def _asynchronous(
    record: StepRecord, prices: Prices, steps: StepWork, bound_only: bool, parts: bool, nominal: Latency | None
) -> Latency:
    """The network's part is the reduction of latency if messages take no time to travel."""
    times, hops = prices.work_times(), prices.hop_times()
    longest = steps.longest(times)
    length = longest + steps.ways(hops)
    carried = _carried(steps, prices)
    bound = np.maximum(steps.summed(length), carried)
    if nominal is not None:
        assert nominal.total_s is not None
        assert nominal.bound_s is not None
        before = nominal.bound_s[:, None]
        share = np.divide(bound, before, out=np.ones_like(bound), where=before > 0)
        return Latency(total_s=nominal.total_s[:, None] * share)
    if bound_only:
        total, compute, decision = bound, steps.summed(longest), None
        passes = length[steps.which].reshape(record.samples, record.timesteps, -1, bound.shape[1]).sum(axis=2)
    else:
        assert isinstance(record, PlacedExecution)  # only these have messages to replay
        passes, compute, decision = pass_times(record, times, hops, apart=parts and bool(hops.any()))
        total = np.maximum(passes.sum(axis=1), carried)
    if not parts:
        return Latency(total_s=total)
    return Latency(
        total_s=total,
        assumptions=_of_links(prices),
        compute_s=compute,
        network_s=_rest(total, compute),
        synchronization_s=np.zeros_like(total),
        bound_s=bound,
        decision_s=decision,
        busy_s=steps.busy_in_all(times),
        **pace(passes, record.ran, record),
    )


def _rest(total: Floats, *parts: Floats) -> Floats:
    """A time minus its parts; not below 0 in spite of rounding."""
    return np.maximum(total - sum(parts), 0.0)


# barriers and timers: steps of all cores, one after another --------------------------------------------------------


def _stepwise(
    record: StepRecord, prices: Prices, steps: StepWork, length: Floats, compute: Floats, network: Floats | float
) -> Latency:
    """Times of steps with a (U, n) length each, during parts of which cores compute and messages travel."""
    total, compute_s, network_s = (
        steps.summed(np.broadcast_to(time, length.shape)) for time in (length, compute, network)
    )
    pipelined, busy = prices.chip.pipelined, steps.busy_in_all(prices.work_times())
    each = prices.chip.ticks_per_timestep if pipelined else record.layers  # steps from one frame to the next
    last = (record.timesteps - 1) * each  # the step in which the last frame arrives
    stream = pipelined and record.overlaps
    return Latency(
        total_s=total,
        interval_s=stream_intervals(steps, length, record.steps_apart(each)) if stream else None,
        compute_s=compute_s,
        network_s=network_s,
        synchronization_s=_rest(total, compute_s, network_s),
        decision_s=_decided(record, length[steps.which[:, last : last + record.layers]].sum(axis=1)),
        busy_s=busy if pipelined else _by_core(busy, record),
        **pace(*steps.in_passes(length, record, each), record),
    )


def _by_core(of_parts: Floats, record: StepRecord) -> Floats:
    """(B, K, n) from (B, P, n)."""
    if record.geometry is None:
        return of_parts
    cores = np.zeros((len(of_parts), record.geometry.cores, of_parts.shape[2]))
    for part, core in enumerate(record.geometry.core):
        cores[:, core] += of_parts[:, part]
    return cores


def _barrier(record: StepRecord, prices: Prices, steps: StepWork, parts: bool) -> Latency:
    rate = prices.value("network_on_chip.link_rate")
    least_s = prices.seconds("synchronization.least_step")
    longest, traffic = steps.longest(prices.work_times()), steps.ways(prices.hop_times())
    if rate is not None:
        traffic = traffic + np.maximum(steps.busiest_link()[:, None] / rate - longest, 0.0)
    length = np.maximum(longest + traffic + prices.barrier(), 0.0 if least_s is None else least_s)
    if not parts:
        return Latency(total_s=steps.summed(length))
    return _stepwise(record, prices, steps, length, longest, traffic)


def _timer(
    record: StepRecord, prices: Prices, timer: Timer, steps: StepWork | None, missing: tuple[str, ...], parts: bool
) -> Latency:
    """Ticks of fixed length. A frame's wait for the next tick, half a tick on average, is not counted."""
    ticks = timer.ticks_per_timestep
    tick_s = np.atleast_1d(np.asarray(prices.seconds("synchronization.tick"), dtype=np.float64))
    if steps is None:
        count = record.timesteps_run * ticks + record.layers - 1
        total = np.broadcast_to(count[:, None] * tick_s, (record.samples, prices.scenarios)).copy()
        name, frames = prices.chip.name, record.ran
        unchecked = f"{UNCHECKED}{name} gives no {', '.join(missing)}; every core is taken to finish within a tick"
        return Latency(
            model="timer",
            total_s=total,
            interval_s=record.steps_apart(ticks)[:, None] * tick_s if record.overlaps else None,
            synchronization_s=total,
            decision_s=_decided(record, np.broadcast_to(record.layers * tick_s, total.shape)),
            **pace(np.broadcast_to(ticks * tick_s, (*frames.shape, len(tick_s))), frames, record),
            assumptions=(unchecked,),
        )
    drops, which = timer.overload == "drop", steps.which
    model = f"timer, overload {'drops' if drops else 'stretches'}"
    longest, rate = steps.longest(prices.work_times()), prices.value("network_on_chip.link_rate")
    needed = longest if rate is None else np.maximum(longest, steps.busiest_link()[:, None] / rate)
    factor = np.maximum(1.0, np.ceil(needed / tick_s - 1e-9))
    length = np.broadcast_to(tick_s, longest.shape) if drops else factor * tick_s
    overloaded = factor > 1
    if not parts:
        in_samples = steps.summed(np.asarray(overloaded, dtype=np.float64)) if drops else None
        return Latency(model=model, total_s=steps.summed(length), overloaded_ticks=in_samples)
    not_modelled: tuple[str, ...] = ()
    if drops and overloaded[which].any():
        share = float(overloaded[which].sum() / (steps.real.sum() * overloaded.shape[1]))
        not_modelled = (f"{DROPPED} ({share:.2%} of ticks): counted as if they arrived",)
    latency = _stepwise(record, prices, steps, length, np.minimum(longest, tick_s) if drops else longest, network=0.0)
    return replace(latency, model=model, overloaded_ticks=overloaded[which].sum(axis=1), not_modelled=not_modelled)


# neighbour -----------------------------------------------------------------------------------------------------------


def _neighbour(record: StepRecord, prices: Prices, steps: StepWork, parts: bool) -> Latency:
    """The network's and the handshakes' parts are what latency loses when they take no time."""
    times, hops = prices.work_times(), prices.hop_times()
    walked = partial(walk, steps, times)
    given = prices.seconds("synchronization.handshake")
    handshake = np.zeros(1) if given is None else np.atleast_1d(given)
    carried = _carried(steps, prices)
    if not parts:
        return Latency(total_s=np.maximum(walked(hops, handshake).total_s, carried))
    whole = walked(hops, handshake, last_frame=record.timesteps - 1)
    without_ways = whole.total_s
    if hops.any():
        without_ways = walked(np.zeros_like(hops), handshake).total_s
    total = np.maximum(whole.total_s, carried)
    compute = without_ways
    if handshake.any():
        compute = walked(np.zeros_like(hops), np.zeros(1)).total_s
    decision = whole.total_s - whole.arrival_s
    in_real_time = pace(whole.lengths_s, steps.real, record)
    if record.timestep_s:
        steps_from_last = np.minimum(np.arange(steps.which.shape[1]) - (record.timesteps - 1), 0)
        paced = walked(hops, handshake, frames_s=steps_from_last * record.timestep_s)
        in_real_time["behind_s"] = paced.total_s - decision
    return Latency(
        total_s=total,
        compute_s=compute,
        network_s=_rest(total, without_ways),
        synchronization_s=_rest(without_ways, compute),
        decision_s=_decided(record, decision),
        busy_s=steps.busy_in_all(times),
        **in_real_time,
        not_modelled=(f"{AGREEMENT}: {prices.chip.name} gives no synchronization.handshake",) if given is None else (),
        assumptions=_of_links(prices),
    )

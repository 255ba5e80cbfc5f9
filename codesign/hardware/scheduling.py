"""The schedule that a chip's synchronization gives (paper, Table 5), what it assumes, and the times that it knows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.hardware.description import Chip
from codesign.hardware.mapping import Mapping
from codesign.hardware.service import missing_times, service_times
from codesign.hardware.work import Layout, destinations, lane_operations, layout_of_slices
from codesign.network.topology import NetworkShape
from codesign.simulation.schedule import Schedule
from codesign.simulation.service import ServiceModel

__all__ = [
    "CORE_POLICIES",
    "DEFAULT_GROUP_SIZE",
    "TIMED_POLICY",
    "ChipSchedule",
    "chip_schedule",
    "neuron_assumptions",
    "on_chip",
    "paper_table5",
    "schedule_assumptions",
    "service_model",
]

DEFAULT_GROUP_SIZE = 8
"""F of an asynchronous chip that states none: the paper's Table 1."""
TIMED_POLICY = "timed"
"""The built-in scheduling policy that looks at service times."""
CORE_POLICIES = ("arbiter", "round_robin")
"""The built-in scheduling policies that look at cores."""


@dataclass(frozen=True, kw_only=True)
class ChipSchedule:
    """A schedule, and what was assumed in it that the chip does not state or have."""

    schedule: Schedule
    assumptions: tuple[str, ...]


def chip_schedule(
    chip: Chip,
    shape: NetworkShape,
    mapping: Mapping,
    *,
    group_size: int | None = None,
    policy: str = "random",
    core_aware: bool | None = None,
    uses_service: bool | None = None,
    stop: Literal["drained", "on_output"] = "on_output",
    steps_after_output: int = 1,
    input_mode: Literal["frame", "queued"] = "frame",
    prioritize_input: bool = False,
    refractory: bool = True,
) -> ChipSchedule:
    """The schedule under which `chip` runs a network (paper, Table 5).

    Barrier: every neuron waits for its whole fan-in, with barrier messages. Timer: it waits for min(neurons on its
    core, fan-in) messages, with barrier messages, and F is the neurons of a core. Asynchronous or clocked: no waiting,
    groups of F.

    Args:
        group_size: F; None takes the chip's, else 8 as an assumption.
        core_aware: whether `policy` looks at cores, so that the schedule must name them; None for a built-in policy, of
            which `arbiter` and `round_robin` do.
        uses_service: whether it looks at service times, so that the schedule must hold the chip's; None for a built-in
            policy, of which `timed` does.
        refractory: see `Schedule`.

    Raises:
        InputError: the policy looks at service times, and the chip's file lacks some.
    """
    kind = chip.synchronization.kind
    assumptions: list[str] = []
    threshold: int | Literal["layer"] | tuple[int, ...] = 1
    if kind == "barrier":
        threshold = "layer"
    elif kind == "timer":
        threshold = _core_thresholds(shape, mapping)
        group_size = _neurons_of_a_core(chip, mapping) if group_size is None else group_size
    elif group_size is None:
        group_size = DEFAULT_GROUP_SIZE if chip.group_size is None else chip.group_size.value
        if chip.group_size is None:
            assumptions.append(f"{chip.name} states no group size; F = {DEFAULT_GROUP_SIZE} (paper, Table 1)")
    schedule = Schedule(
        policy=policy,
        group_size=group_size,
        stop=stop,
        steps_after_output=steps_after_output,
        input_mode=input_mode,
        prioritize_input=prioritize_input,
        synchronization_threshold=threshold,
        barrier_messages=kind in ("barrier", "timer"),
        refractory=refractory,
    )
    found = on_chip(schedule, chip, shape, mapping, core_aware=core_aware, uses_service=uses_service)
    return ChipSchedule(schedule=found.schedule, assumptions=(*assumptions, *found.assumptions))


def paper_table5(
    chip: Chip,
    shape: NetworkShape,
    mapping: Mapping,
    *,
    policy: str = "random",
    core_aware: bool | None = None,
    uses_service: bool | None = None,
    stop: Literal["drained", "on_output"] = "on_output",
    steps_after_output: int = 1,
) -> ChipSchedule:
    """Table 5 as printed: F is the neurons of a layer on barrier and asynchronous chips, of a core on timer chips.

    For asynchronous chips this is layered inference in all but name, since a whole layer always leaves together.
    """
    group_size = None if chip.synchronization.kind == "timer" else max(shape.layer_sizes)
    return chip_schedule(
        chip,
        shape,
        mapping,
        group_size=group_size,
        policy=policy,
        core_aware=core_aware,
        uses_service=uses_service,
        stop=stop,
        steps_after_output=steps_after_output,
    )


def on_chip(
    schedule: Schedule,
    chip: Chip,
    shape: NetworkShape,
    mapping: Mapping,
    *,
    core_aware: bool | None = None,
    uses_service: bool | None = None,
) -> ChipSchedule:
    """`schedule` with what it takes from a chip: cores where layers are split, and whatever its policy looks at.

    Args and errors: as for `chip_schedule`.
    """
    assumptions = list(schedule_assumptions(chip, schedule, shape.layer_sizes))
    if uses_service is None:
        uses_service = schedule.policy == TIMED_POLICY
    if core_aware is None:
        core_aware = schedule.policy in CORE_POLICIES
    service = None
    if uses_service:
        service = service_model(chip, shape, mapping)
        if chip.synchronization.kind == "clocked" and chip.seconds(chip.times.neuron_access):
            assumptions.append(
                f"{chip.name}: policy '{schedule.policy}' does not see the time that a visit of all neurons takes"
            )
    cores = mapping.schedule_cores(core_aware=core_aware or uses_service)
    return ChipSchedule(schedule=replace(schedule, cores=cores, service=service), assumptions=tuple(assumptions))


def service_model(chip: Chip, shape: NetworkShape, mapping: Mapping) -> ServiceModel:
    """How long `chip` takes to serve the messages of a network, for policies that look at `delivery`.

    The same times and the same servers as `codesign.hardware.replay`, slices as the mapping's placements. There, a
    message of a convolution takes the mean of its sources' synapses; here, the mean of all of its layer.

    Raises:
        InputError: the chip's file lacks times, which the message names.
    """
    parts = mapping.placements
    slices = mapping.slices(core_aware=True)
    layout = layout_of_slices(slices, chip, mapping)
    times = service_times(chip, layout)
    if times is None:
        missing = ", ".join(missing_times(chip, layout))
        raise InputError(
            f"{chip.name}: a policy that looks at service times needs them all; the chip gives no {missing}"
        )
    operations = lane_operations(_synapses_of_a_message(shape, layout), chip)
    message_s = times.message_s + operations * times.synaptic_operation_s
    sent = destinations(slices, layout)[1:]
    # the longest way from any of a source's cores, as in the replay; a placement has one
    ways = [times.route_s[layout.source_rows(source)].max(axis=0)[layout.core] for source in range(len(parts) + 1)]
    lanes = chip.vector_width.value if chip.vector_width is not None else "all"
    return ServiceModel(
        message_s=tuple(message_s.tolist()),
        lanes=None if lanes == "all" else lanes,
        update_s=times.neuron_update_s,
        spike_s=times.spike_s,
        output_s=tuple((sent * times.output_s).tolist()),
        route_s=tuple(tuple(way.tolist()) for way in ways),
    )


def _synapses_of_a_message(shape: NetworkShape, layout: Layout) -> NDArray[np.float64]:
    """(P,) synapses at which a message works in each placement; on a crossbar all of its core's neurons."""
    size = np.array(shape.layer_sizes)[layout.layer]
    fan_out = np.array([shape.fan_out(layer) for layer in range(len(shape.layers))])[layout.layer]
    return np.where(layout.occupied > 0, layout.occupied, fan_out * layout.neurons / size)


def schedule_assumptions(chip: Chip, schedule: Schedule, layer_sizes: tuple[int, ...]) -> tuple[str, ...]:
    """What `schedule` needs that `chip` does not have or state: layer synchronization, and flushing of queues."""
    assumptions: list[str] = []
    layered = schedule.synchronized or schedule.equivalent_to_layered(layer_sizes)
    if layered and not chip.synchronized:
        assumptions.append(f"{chip.name} has no layer synchronization; this schedule waits for layers all the same")
    if not schedule.synchronized and chip.synchronized:
        assumptions.append(
            f"{chip.name} synchronizes by {chip.synchronization.kind}; this schedule does not wait for it"
        )
    if schedule.stop == "on_output" and chip.can_flush != "yes":
        how = "cannot drop" if chip.can_flush == "no" else "is not known to be able to drop"
        assumptions.append(
            f"{chip.name} {how} what waits after the decision; it is read early and drains, and all of that is counted"
        )
    return tuple(assumptions)


def neuron_assumptions(chip: Chip, *, time_constant_s: float, reset: str, refractory: bool = False) -> tuple[str, ...]:
    """What a network's neurons need that the chip's do not have, or are not stated to have.

    Args:
        time_constant_s: τ_m in seconds, infinite for no leak.
        reset: `zero` or `subtract`.
        refractory: whether a neuron fires at most once a timestep; no chip file states it.
    """
    assumptions: list[str] = []
    if math.isfinite(time_constant_s) and chip.supports.leak != "yes":
        known = "has no leak" if chip.supports.leak == "no" else "is not stated to have a leak"
        assumptions.append(f"{chip.name} {known}; evaluated with τ_m = {time_constant_s:g} s")
    if reset not in chip.supports.reset:
        resets = " or ".join(chip.supports.reset)
        known = f"resets by {resets}" if resets else "does not state how neurons reset"
        assumptions.append(f"{chip.name} {known}; evaluated with reset '{reset}'")
    if refractory:
        assumptions.append(
            f"{chip.name} does not state a refractory period; evaluated with one spike a timestep at most"
        )
    return tuple(assumptions)


def _neurons_of_a_core(chip: Chip, mapping: Mapping) -> int:
    mapped = max(_neurons_by_core(mapping).values())
    return mapped if chip.neurons_per_core is None else max(mapped, *chip.neurons_per_core.value)


def _neurons_by_core(mapping: Mapping) -> dict[int, int]:
    counts: dict[int, int] = {}
    for part in mapping.placements:
        counts[part.core] = counts.get(part.core, 0) + part.neurons
    return counts


def _core_thresholds(shape: NetworkShape, mapping: Mapping) -> tuple[int, ...]:
    """(N,) min(neurons on the neuron's core, fan-in): a smaller fan-in could never reach the core's count."""
    counts = _neurons_by_core(mapping)
    return tuple(
        min(counts[part.core], shape.layers[part.layer].fan_in)
        for part in mapping.placements
        for _ in range(part.neurons)
    )

"""The schedule that follows from a chip's synchronization (paper, Table 5), its assumptions, and the chip's service
times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from codesign.arguments import instance
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.cost.work import unable
from codesign.hardware.placement.lanes import message_cycles
from codesign.hardware.placement.placement import Placement
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice
from codesign.simulation.policies import Policy, get_policy
from codesign.simulation.schedule import InputMode, Schedule, Stop
from codesign.simulation.service import ServiceModel
from codesign.units import plural

DEFAULT_GROUP_SIZE = 8
"""F of an asynchronous chip that does not state it: the paper's Table 1."""


@dataclass(frozen=True, kw_only=True)
class ChipSchedule:
    """A schedule, and the assumptions in it about what the chip does not state or have."""

    schedule: Schedule
    assumptions: tuple[str, ...]


def chip_schedule(
    placement: Placement,
    *,
    group_size: int | None = None,
    policy: str | Policy = "random",
    stop: Stop = "on_output",
    steps_after_output: int = 1,
    input_mode: InputMode = "frame",
    prioritize_input: bool = False,
    refractory: bool = True,
) -> ChipSchedule:
    """The schedule under which a chip runs the network that is placed on it (paper, Table 5, except for timers).

    Barrier, neighbour, timer: every neuron waits for its own fan-in, with barrier messages. Asynchronous or clocked: no
    waiting, groups of F.

    Args:
        group_size: F; None takes the chip's, or assumes 8 if it states none; no limit if neurons wait.
        stop: use `drained` for networks that read potentials, which a placement does not know.
        policy, steps_after_output, input_mode, prioritize_input, refractory: see `Schedule`.

    Raises:
        InputError: the policy uses service times, and the chip's file lacks some.
    """
    instance("placement", placement, Placement)
    chip = placement.chip
    assumptions: list[str] = []
    if group_size is None and not chip.synchronized:
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
        synchronization_threshold="layer" if chip.synchronized else 1,
        barrier_messages=chip.synchronized,
        refractory=refractory,
    )
    chosen = on_chip(schedule, placement)
    return ChipSchedule(schedule=chosen.schedule, assumptions=(*assumptions, *chosen.assumptions))


def on_chip(schedule: Schedule, placement: Placement) -> ChipSchedule:
    """`schedule` with everything that it takes from a chip: cores if layers are split, and what its policy uses.

    If the chip cannot drop waiting spikes, or is not known to, it decides early and drains anyway, and a margin is
    checked after each timestep. If it cannot end a sample, the answer is read at the margin and the rest is run.

    Raises:
        InputError: the policy uses service times, and the chip's file lacks some.
    """
    instance("schedule", schedule, Schedule)
    instance("placement", placement, Placement)
    chip, policy = placement.chip, get_policy(schedule.policy)
    stopped = stop_on_chip(schedule, chip)
    assumptions = [*schedule_assumptions(chip, schedule, placement.shape), *stopped.assumptions]
    pools = any(layer.window is not None and layer.window.first for layer in placement.shape.layers)
    if pools and "max_pool" not in chip.supports.features:
        chosen = "of a window's spikes the first of a timestep is taken, at no cost"
        assumptions.append(f"{chip.name} is not stated to have max pools; {chosen}")
    service = None
    if policy.uses_service:
        service = service_model(placement)
        unseen = {
            "the time of a visit to all neurons": chip.visits_each_timestep and chip.seconds(chip.times.neuron_access),
            "that weights of 0 take no time": chip.skips_zero_weights == "yes",
        }
        assumptions += [
            f"{chip.name}: policy '{policy.name}' does not see {what}" for what in filter(unseen.get, unseen)
        ]
    cores = placement.schedule_cores(core_aware=policy.uses_cores or policy.uses_service)
    return ChipSchedule(
        schedule=replace(stopped.schedule, cores=cores, service=service), assumptions=tuple(assumptions)
    )


def stop_on_chip(schedule: Schedule, chip: Chip) -> ChipSchedule:
    """`schedule` with the stop adapted to the chip: what it cannot end, or is not known to be able to, continues."""
    drops, ends = chip.can_flush == "yes", chip.can_end_sample == "yes"
    cannot_drop = f"{chip.name} {unable(chip.can_flush, 'drop')} what waits"
    cannot_end = f"{chip.name} {unable(chip.can_end_sample, 'end')} a sample"
    assumptions = []
    if schedule.stop == "on_output" and not drops:
        schedule = replace(schedule, stop="read_early")
        counted = "the answer is read early, the pass drains, and all of it is counted"
        assumptions.append(f"{cannot_drop} after the decision; {counted}")
    elif schedule.stop == "margin":
        if not ends:
            counted = "the answer is read at the margin, and all timesteps are run and counted"
            assumptions.append(f"{cannot_end} before its last timestep; {counted}")
        if schedule.margin_check == "step" and not (ends and drops):
            lacks = cannot_drop if ends else f"{cannot_end} early"
            assumptions.append(f"{lacks}; the margin is checked after each timestep, not after each step")
        if ends and chip.pipelined:
            uncounted = "what its first layers do in later timesteps before the outputs reach the margin is not counted"
            assumptions.append(f"{chip.name}: {uncounted}")
        check = schedule.margin_check if ends and drops else "timestep"
        schedule = replace(schedule, stop="margin" if ends else "read_margin", margin_check=check)
    return ChipSchedule(schedule=schedule, assumptions=tuple(assumptions))


def service_model(placement: Placement) -> ServiceModel:
    """How long a chip takes to serve the messages of a network, for policies that use `delivery`.

    Times and servers are those of `codesign.hardware.cost.replay`, slices are the placement's parts. There, a message
    of a convolution takes the mean cycles of its source; here, the mean over its layer, including whether it goes to a
    part at all. Messages over delayed connections are sent here, too, but not received.

    Raises:
        InputError: the chip's file lacks times, which are named.
    """
    instance("placement", placement, Placement)
    chip, shape, geometry = placement.chip, placement.shape, placement.geometry
    prices = placement.prices
    missing = [name for name in prices.missing_times(geometry.route_kinds) if not name.startswith("synchron")]
    if missing:
        raise InputError(
            f"{chip.name}: a policy that looks at service times needs them all; the chip gives no {', '.join(missing)}"
        )
    if chip.layer_work is not None:
        raise InputError(f"{chip.name}: a policy that looks at service times does not support the chip's layer_work")
    operation_s, message_s, _, update_s, spike_s, output_s = prices.work_times()[:, 0].tolist()
    route_s = geometry.times_on_way(prices.hop_times()[:, 0])
    # means over the layer before each part: the share of messages that reach the part, and their cycles
    senders, sizes = np.append(shape.input_size, geometry.neurons), np.array([shape.input_size, *shape.layer_sizes])
    goes = senders @ geometry.reach.share[: len(senders)] / sizes[geometry.layer]
    lanes = chip.vector_width.value if chip.vector_width is not None else "all"
    of_layers = tuple(Slice(layer=i, core=i, neurons=layer.neurons) for i, layer in enumerate(shape.layers))
    cycles = message_cycles(shape, geometry, of_layers, lanes, banks=chip.structure is not None).cycles
    operations = cycles[geometry.layer, np.arange(len(geometry.layer))]
    return ServiceModel(
        message_s=tuple((goes * message_s + operations * operation_s).tolist()),
        lanes=None if lanes == "all" else lanes,
        update_s=update_s,
        spike_s=spike_s,
        output_s=tuple((geometry.reach.messages_per_spike() * output_s).tolist()),
        route_s=tuple(tuple(route_s[start][geometry.core].tolist()) for start in (0, *(1 + geometry.core).tolist())),
    )


def schedule_assumptions(chip: Chip, schedule: Schedule, shape: NetworkShape) -> Iterator[str]:
    """Assumptions about layer synchronization that `schedule` needs and `chip` lacks, or that `chip` has and `schedule`
    ignores."""
    layered, threshold = schedule.equivalent_to_layered(shape), schedule.synchronization_threshold
    waits_for = plural(threshold, "message") if isinstance(threshold, int) else "messages"
    if layered or threshold == "layer":
        waits_for = "layers"
    if not chip.synchronized and (schedule.synchronized or (layered and schedule.waits)):
        yield f"{chip.name} has no layer synchronization; this schedule waits for {waits_for} anyway"
    elif not chip.synchronized and layered:
        yield (
            f"{chip.name}: F = {schedule.group_size} holds whole layers, so that spikes are those of layers that wait"
        )
    if chip.synchronized and waits_for != "layers":
        instead = f"waits for {waits_for} instead" if schedule.synchronized else "does not wait for it"
        yield f"{chip.name} synchronizes by {chip.synchronization.kind}; this schedule {instead}"

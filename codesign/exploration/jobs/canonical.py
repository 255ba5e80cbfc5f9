"""Canonical forms of schedules, so that schedules with the same result are executed once."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

from codesign.network.topology import NetworkShape
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, OF_STOPS, Schedule


def leaves_no_choice(schedule: Schedule, shape: NetworkShape) -> bool:
    """Whether every forward step selects all waiting neurons, so that nothing depends on the policy.

    That is so if a group holds all neurons (and, in mode `queued`, all inputs). In mode `frame` without
    synchronization, it is enough that it holds the widest layer, because no two layers wait at the same time.
    """
    if schedule.input_mode == "queued":
        return schedule.group_limit >= shape.neurons + shape.input_size
    if not schedule.synchronized:
        return schedule.group_limit >= shape.widest
    return schedule.group_limit >= shape.neurons


def fires_once(schedule: Schedule, shape: NetworkShape) -> bool:
    """Whether no neuron is evaluated again in a pass in which it has fired, so that refractoriness changes nothing.

    That is so if every group takes all waiting neurons, because all messages to a layer then arrive in one step. It is
    also so under `layer` thresholds, with or without barrier messages: a neuron fires after a message from each of its
    sources, each source sends one per pass (by induction from the input, whose events are one frame), so no other
    follows.
    """
    if shape.returns_within_pass:
        return False
    waits = schedule.synchronization_threshold == "layer" and shape.gates_suffice
    return leaves_no_choice(schedule, shape) or waits


def needs_seed(schedule: Schedule, shape: NetworkShape) -> bool:
    """Whether the evaluation's seed can change anything."""
    draws = not leaves_no_choice(schedule, shape) and get_policy(schedule.policy).uses_uniform
    return draws or 0 < schedule.input_dropout < 1


def canonical_schedule(schedule: Schedule, shape: NetworkShape, *, refractory: bool = True) -> Schedule:
    """The canonical form of a schedule, the same for all schedules that provably give the same execution on this
    network. `refractory` says whether its neurons are; if not, no schedule makes them so."""
    unused: dict[str, Any] = {name: getattr(LAYERED, name) for name, of in OF_STOPS.items() if schedule.stop not in of}
    service = schedule.service if get_policy(schedule.policy).uses_service else None
    canonical = replace(schedule, cores=_cores(schedule.cores, shape), service=service, **unused)
    if not refractory or fires_once(canonical, shape):
        canonical = replace(canonical, refractory=True)
    if leaves_no_choice(canonical, shape):
        canonical = replace(canonical, policy="fifo", group_size=None, prioritize_input=False, service=None)
    policy = get_policy(canonical.policy)
    if not (policy.uses_cores or policy.uses_service):  # then cores matter only where they split layers
        canonical = replace(canonical, cores=_by_appearance(canonical.cores, shape))
    return canonical


def _by_appearance(cores: tuple[int, ...] | None, shape: NetworkShape) -> tuple[int, ...] | None:
    """Cores of a placement, numbered in the order of their first neurons; None if it splits no layer."""
    ends = pairwise(accumulate(shape.layer_sizes, initial=0))
    if cores is None or not any(len(set(cores[first:last])) > 1 for first, last in ends):
        return None
    numbers = {core: number for number, core in enumerate(dict.fromkeys(cores))}
    return _cores(tuple(numbers[core] for core in cores), shape)


def _cores(cores: tuple[int, ...] | None, shape: NetworkShape) -> tuple[int, ...] | None:
    own = tuple(layer for layer, size in enumerate(shape.layer_sizes) for _ in range(size))
    return None if cores == own else cores

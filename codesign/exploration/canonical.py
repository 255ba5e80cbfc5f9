"""One form for schedules that mean the same, so that what they give is computed once."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from codesign.network.topology import NetworkShape
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import Schedule

__all__ = ["canonical_schedule", "leaves_no_choice", "needs_seed"]


def leaves_no_choice(schedule: Schedule, shape: NetworkShape) -> bool:
    """Whether every forward step selects all that wait, so that nothing depends on the policy.

    That is so where a group takes all neurons (and, in mode `queued`, all inputs), and in mode `frame` without
    synchronization already where it takes the widest layer, since then no two layers wait at the same time.
    """
    if schedule.group_size is None:
        return True
    if schedule.input_mode == "queued":
        return schedule.group_size >= shape.neurons + shape.input_size
    if not schedule.synchronized:
        return schedule.group_size >= max(shape.layer_sizes)
    return schedule.group_size >= shape.neurons


def needs_seed(schedule: Schedule, shape: NetworkShape) -> bool:
    """Whether the evaluation's seed can change anything."""
    return not leaves_no_choice(schedule, shape) and get_policy(schedule.policy).uses_uniform


def canonical_schedule(schedule: Schedule, shape: NetworkShape) -> Schedule:
    """The schedule in the form that all schedules share which provably give the same execution on this network."""
    canonical = replace(
        schedule,
        synchronization_threshold=_threshold(schedule, shape),
        cores=_cores(schedule.cores, shape),
        steps_after_output=schedule.steps_after_output if schedule.stop == "on_output" else 1,
        service=schedule.service if get_policy(schedule.policy).uses_service else None,
    )
    if leaves_no_choice(canonical, shape):
        canonical = replace(canonical, policy="fifo", group_size=None, prioritize_input=False, service=None)
    return canonical


def _threshold(schedule: Schedule, shape: NetworkShape) -> int | Literal["layer"] | tuple[int, ...]:
    threshold = schedule.synchronization_threshold
    if not isinstance(threshold, tuple):
        return threshold
    if len(set(threshold)) == 1:
        return threshold[0]
    # Neurons at the edge of a convolution have fewer synapses than the layer's `fan_in`; they are left as they are.
    linear = all(layer.synapses == layer.fan_in * layer.neurons for layer in shape.layers)
    fan_in = tuple(layer.fan_in for layer in shape.layers for _ in range(layer.neurons))
    return "layer" if linear and threshold == fan_in else threshold


def _cores(cores: tuple[int, ...] | None, shape: NetworkShape) -> tuple[int, ...] | None:
    own = tuple(layer for layer, size in enumerate(shape.layer_sizes) for _ in range(size))
    return None if cores == own else cores

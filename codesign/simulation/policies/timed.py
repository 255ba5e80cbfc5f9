"""Timed scheduling: the neuron whose spike a chip would deliver first leaves first."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy

__all__ = ["TIMED", "priority"]


def priority(
    potential: Any,
    enqueue_step: Any,
    layer: Any,
    core: Any,
    index: Any,
    step: Any,
    uniform: Any,
    noise: Any,
    delivery: Any,
    cores: Any,
) -> Any:
    """Minus the time at which the neuron's message is at its last destination core."""
    return -delivery


TIMED = Policy(name="timed", priority=priority, uses_service=True)

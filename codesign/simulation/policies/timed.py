"""Timed scheduling: the neuron whose spike a chip would deliver first leaves first."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """Minus the time at which the neuron's message reaches its last destination core."""
    return -waiting.delivery


TIMED = Policy(name="timed", priority=priority, uses_service=True)

"""First in, first out: the neuron that has waited longest leaves first."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """Minus the forward step in which the neuron began to wait."""
    return -waiting.enqueue_step


FIFO = Policy(name="fifo", priority=priority)

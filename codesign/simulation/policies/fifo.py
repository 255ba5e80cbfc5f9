"""First in, first out: the neuron that has waited longest leaves first."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy

__all__ = ["FIFO", "priority"]


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
    """Minus the forward step in which the neuron began to wait."""
    return -enqueue_step


FIFO = Policy(name="fifo", priority=priority)

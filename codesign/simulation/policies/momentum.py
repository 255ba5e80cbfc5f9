"""Momentum scheduling (the paper's MS): the neuron that exceeded its threshold by most leaves first."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy

__all__ = ["MOMENTUM", "priority"]


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
    """The potential just before the spike, plus λ times a uniform number (paper, section 3.2.2)."""
    return potential + noise * uniform


MOMENTUM = Policy(name="momentum", priority=priority)

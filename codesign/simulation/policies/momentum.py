"""Momentum scheduling (the paper's MS): the neuron that exceeded its threshold by most leaves first."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """The potential just before the spike, plus λ times a uniform number (paper, section 3.2.2)."""
    return waiting.potential + waiting.noise * waiting.uniform


MOMENTUM = Policy(name="momentum", priority=priority)

"""Random scheduling (the paper's RS): neurons leave in an order drawn afresh in every forward step."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy

__all__ = ["RANDOM", "priority"]


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
    """A uniform number."""
    return uniform


RANDOM = Policy(name="random", priority=priority, uses_uniform=True)

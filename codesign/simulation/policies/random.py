"""Random scheduling (the paper's RS): neurons leave in an order drawn afresh in every forward step."""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """A uniform number."""
    return waiting.uniform


RANDOM = Policy(name="random", priority=priority, uses_uniform=True)

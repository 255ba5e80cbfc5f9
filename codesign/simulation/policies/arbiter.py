"""An address-event arbiter of fixed priority: the lowest address leaves first, a core's number and then a neuron's.

Spikes of a chip share a bus, and an arbiter decides whose address goes next: a tree of cells, each of which chooses
between two (Boahen, IEEE TCAS-II 47, 2000, doi 10.1109/82.842110), or an encoder. Where every cell prefers its lower
side, the lowest address that waits goes: the fixed priority that is usual, and unfair (Zhang et al., EDSSC 2019, doi
10.1109/EDSSC.2019.8754504). A greedy tree, whose cells serve all of their own before they let go, empties what waits at
once in this very order too. It differs for what comes in meanwhile, which depends on what it served last; a priority
cannot know that.
"""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """Minus the core: ties go to the lowest neuron, and inputs, on core 0, come before neurons."""
    return -waiting.core


ARBITER = Policy(name="arbiter", priority=priority, uses_cores=True)

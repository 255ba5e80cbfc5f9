"""An address-event arbiter of fixed priority: the lowest address leaves first, a core's number and then a neuron's.

The spikes of a chip share a bus, and an arbiter decides which address is sent next: a tree of cells, each choosing
between two (Boahen, IEEE TCAS-II 47, 2000, doi 10.1109/82.842110), or an encoder. If every cell prefers its lower side,
the lowest waiting address goes first: the usual fixed priority, which is unfair (Zhang et al., EDSSC 2019, doi
10.1109/EDSSC.2019.8754504). A greedy tree, whose cells serve all their own requests before releasing the bus, serves
addresses that wait at the same time in this order, too. It differs for addresses that arrive meanwhile: their turn
depends on what was served last, which a priority cannot know.
"""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """Minus the core: ties go to the lowest neuron, and inputs, on core 0, come before neurons."""
    return -waiting.core


ARBITER = Policy(name="arbiter", priority=priority, uses_cores=True)

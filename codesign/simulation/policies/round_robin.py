"""Round robin: cores take turns, and within a core the neuron that has waited longest leaves first.

In forward step k it is the turn of core k mod `cores`; a group that this core does not fill goes on with the next core,
from the last with the first. Such rotating priority is what a token gives that travels from core to core (Imam and
Manohar, ASYNC 2011, doi 10.1109/ASYNC.2011.20; Zhang et al., EDSSC 2019, doi 10.1109/EDSSC.2019.8754504); there the
turn moves with each event, here with each group. Queued inputs count as core 0's, and as its oldest.
"""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """Minus the turns until the core's own, then minus the step in which the neuron began to wait.

    No neuron began later than now, so `step + 1` parts the turns. Whole numbers, exact while cores · steps < 2²⁴.
    """
    return -((waiting.core - waiting.step) % waiting.cores * (waiting.step + 1) + waiting.enqueue_step)


ROUND_ROBIN = Policy(name="round_robin", priority=priority, uses_cores=True)

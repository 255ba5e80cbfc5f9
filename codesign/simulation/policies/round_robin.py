"""Round robin: cores take turns, and within a core the neuron that has waited longest leaves first.

In forward step k it is the turn of core k mod `cores`. If this core does not fill the group, the next one continues,
after the last core the first. A token that travels from core to core gives such a rotating priority (Imam and Manohar,
ASYNC 2011, doi 10.1109/ASYNC.2011.20; Zhang et al., EDSSC 2019, doi 10.1109/EDSSC.2019.8754504); there the turn moves
with each event, here with each group. Queued inputs belong to core 0 and are its oldest.
"""

from __future__ import annotations

from typing import Any

from codesign.simulation.policies.policy import Policy, Waiting


def priority(waiting: Waiting) -> Any:
    """Minus the number of turns until the core's own, then minus the step in which the neuron began to wait.

    No neuron began to wait after the current step, so `step + 1` separates the turns. The numbers are integers, exact
    while cores · steps < 2²⁴.
    """
    return -((waiting.core - waiting.step) % waiting.cores * (waiting.step + 1) + waiting.enqueue_step)


ROUND_ROBIN = Policy(name="round_robin", priority=priority, uses_cores=True)

"""What a scheduling policy is: a priority. The F waiting neurons of highest priority leave in a forward step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Policy"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A scheduling policy.

    Attributes:
        name: what schedules call it.
        priority: `priority(potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores)`, a
            number: branch-free scalar arithmetic that runs unchanged on torch tensors and under a compiler. Every
            argument is a float32: potential on exceeding the threshold (0 for an input), forward step in which the
            neuron began to wait (0 for an input), layer (0 is the input), core (0 for the input), index of the neuron
            (negative for inputs), current forward step, a uniform number in [0, 1) drawn afresh for each neuron and
            step, λ of the schedule's noise (0 in evaluation), seconds from the start of the pass until the neuron's
            message is at its last destination core (0 for an input, and for policies without `uses_service`), and how
            many cores there are, counted up to the last with a neuron. Ties break by index, lowest first.
        version: raised when `priority` changes; stored results of other versions are not used.
        uses_uniform: whether `uniform` matters, so that evaluation seeds do.
        uses_core: whether `core` or `cores` matters, so that the mapping changes spikes.
        uses_service: whether `delivery` matters; schedules of such a policy need a `service`, and the mapping and the
            chip's times change spikes.
    """

    name: str
    priority: Callable[[Any, Any, Any, Any, Any, Any, Any, Any, Any, Any], Any]
    version: int = 1
    uses_uniform: bool = False
    uses_core: bool = False
    uses_service: bool = False

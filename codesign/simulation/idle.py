"""The idle rule: which silent neurons learn from a forward step whose group is not full.

A silent neuron sent nothing. But had it fired while its group had room, it would have left at once, so the gradient
that a chosen neuron gets at its queue is known for it, too. docs/design.md (Gradient) describes the three rules.
"""

from __future__ import annotations

from typing import Literal

from codesign.deferred import torch

IdleGradient = Literal["all", "spare", "none"]
"""Name of an idle rule."""


def idle_neurons(
    rule: IdleGradient, silent: torch.Tensor, candidates: torch.Tensor, distance: torch.Tensor, room: torch.Tensor
) -> torch.Tensor:
    """Which silent neurons get the gradient of a chosen one in a forward step, (B, N), given (B, N) which were
    evaluated and did not fire, which of them could have fired and have successors, and v − U_thr; `room` is (B, 1), F
    minus the neurons and inputs that wait."""
    if rule == "none":
        return torch.zeros_like(silent)
    if rule == "all":
        return silent & (room > 0)
    order = torch.where(candidates, distance, -torch.inf).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(silent.shape[1], device=silent.device)
    rank = torch.empty_like(order).scatter_(1, order, places.expand_as(order))
    return candidates & (rank < room)

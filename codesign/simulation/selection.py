"""Choosing up to F waiting neurons of highest priority, ties by index, in every sample at once."""

from __future__ import annotations

import torch

from codesign.errors import InputError

_INDEX_BITS = 24


def select(
    priority: torch.Tensor, waiting: torch.Tensor, group_size: int, preferred: torch.Tensor | None = None
) -> torch.Tensor:
    """Which neurons leave.

    Args:
        priority: (B, M) float32; higher leaves first.
        waiting: (B, M) bool; only these can be chosen.
        group_size: F.
        preferred: (M,) bool; where given, these leave before all others.

    Returns:
        (B, M) bool.

    Raises:
        InputError: a policy gave a priority that is not a number.
    """
    if group_size >= priority.shape[1]:
        return waiting
    if priority.shape[1] >> _INDEX_BITS:
        raise InputError(f"networks of more than {1 << _INDEX_BITS} neurons and inputs are not supported")
    if torch.isnan(priority[waiting]).any():
        raise InputError("the scheduling policy gave a priority that is not a number")
    key = _ordered(priority) << _INDEX_BITS
    if preferred is not None:
        key = key + (preferred.to(torch.int64) << (32 + _INDEX_BITS))
    positions = torch.arange(priority.shape[1], device=priority.device)
    key = torch.where(waiting, key + ((1 << _INDEX_BITS) - 1 - positions), -1)
    best = torch.topk(key, group_size, dim=1, sorted=False)
    chosen = torch.zeros_like(waiting)
    return chosen.scatter_(1, best.indices, best.values >= 0)


def _ordered(priority: torch.Tensor) -> torch.Tensor:
    """int64 from 0 to 2³² − 1 in the order of the float32 numbers; adding 0 makes −0 equal to +0."""
    bits = (priority.to(torch.float32) + 0.0).contiguous().view(torch.int32).to(torch.int64)
    return torch.where(bits < 0, -1 - bits - (1 << 31), bits) + (1 << 31)

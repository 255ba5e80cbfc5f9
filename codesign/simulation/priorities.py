"""A policy's priorities of a batch's neurons and inputs, and the choice by priority, in the reference engine."""

from __future__ import annotations

import torch

from codesign.errors import InputError
from codesign.files.folder import reason_of
from codesign.simulation.policies import Waiting
from codesign.simulation.run import Run

_INDEX_BITS = 24


class Priorities:
    """Calls a policy; holds the fields of `Waiting` that never change: layer, core, index and score, as float32."""

    def __init__(self, run: Run) -> None:
        network, device = run.network, run.network.threshold.device
        self.policy = run.policy
        sizes = torch.tensor(network.shape.layer_sizes)
        layer = torch.repeat_interleave(torch.arange(1, len(sizes) + 1), sizes).float().to(device)
        zero = torch.zeros((), dtype=torch.float32, device=device)
        self.neurons = Waiting(*(zero for _ in Waiting._fields))._replace(
            layer=layer,
            core=layer - 1 if run.schedule.cores is None else torch.tensor(run.schedule.cores).float().to(device),
            index=torch.arange(network.shape.neurons, device=device).float(),
            noise=torch.tensor(run.regularization.momentum_noise, dtype=torch.float32),
            cores=torch.tensor(run.schedule.core_count(len(sizes)), dtype=torch.float32),
            score=run.policy.scores(network).to(device),
        )
        inputs = torch.arange(-network.shape.input_size, 0, device=device).float()
        self.inputs = self.neurons._replace(layer=zero, core=zero, index=inputs, score=zero)

    def of(self, sources: Waiting, k: int, **seen: torch.Tensor) -> torch.Tensor:
        """(B, M) float32 priorities of `neurons` or `inputs` in step k, given (B, M) `uniform` and other fields of
        `Waiting` that are not 0."""
        waiting = sources._replace(step=torch.tensor(k, dtype=torch.float32), **seen)
        try:
            priority = torch.as_tensor(self.policy.priority(waiting), dtype=torch.float32)
            return priority.expand(seen["uniform"].shape)
        except Exception as error:  # the user's code may raise anything
            raise InputError(
                f"scheduling policy '{self.policy.name}' cannot be computed on tensors: {self.policy.written_at}"
                f"{reason_of(error)}; a priority is arithmetic on what it is given and numbers alone, without branches "
                "or functions of math: for `if`, multiply by a comparison, (waiting.potential > 1) * waiting.layer"
            ) from error


def select(
    priority: torch.Tensor, waiting: torch.Tensor, group_size: int, preferred: torch.Tensor | None = None
) -> torch.Tensor:
    """Which are chosen, (B, M): up to F of those waiting, F < M, with the highest priority, ties by index; (M,)
    preferred ones before all others. Raises InputError if a priority is NaN."""
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
    """int64 from 0 to 2³² − 1 that sort like the float32 numbers; adding 0 makes −0 equal to +0."""
    bits = (priority.to(torch.float32) + 0.0).contiguous().view(torch.int32).to(torch.int64)
    return torch.where(bits < 0, -1 - bits - (1 << 31), bits) + (1 << 31)

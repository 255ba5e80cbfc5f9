"""Adam (Kingma and Ba 2015, arXiv:1412.6980), on the CPU with the same roundings on any processor.

    m ← m + (1 − β₁)(g − m);   v ← β₂ v + (1 − β₂) g²;   w ← w − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)

torch's optimizers first load torch's compiler, which takes over a second, and their steps pass over a tensor eight
times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_BETA1, _BETA2 = 0.9, 0.999  # paper, section 3.2
_EPSILON = 1e-8


class Adam(torch.optim.Optimizer):
    """Adam as in torch, without weight decay. `params` are tensors, or groups of them with their own learning rates;
    `lr` is η of groups without one. `moments` are those of each group's tensors."""

    def __init__(self, params: Iterable[Any], *, lr: float) -> None:
        self.moments: list[list[Moments]] = []
        super().__init__(params, {"lr": lr})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Replaces torch's method, which loads its compiler."""
        tensors = list(param_group["params"])
        self.param_groups.append({**self.defaults, **param_group, "params": tensors})
        self.moments.append([Moments(tensor) for tensor in tensors])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear all gradients; also replaces torch's method."""
        for group in self.param_groups:
            for tensor in group["params"]:
                tensor.grad = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all tensors that have a gradient."""
        for group, of_group in zip(self.param_groups, self.moments, strict=True):
            for moments in of_group:
                if moments.tensor.grad is not None:
                    moments.step(moments.tensor.grad, group["lr"])

    step.hooked = True  # type: ignore[attr-defined]  # torch would wrap it into calls of its profiler


class Moments:
    """t, m and v of a tensor, which `step` updates."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor, self.steps = tensor, 0
        self.m, self.v = torch.zeros(2, *tensor.shape, dtype=tensor.dtype, device=tensor.device)

    def step(self, gradient: torch.Tensor, rate: float) -> None:
        self.steps += 1
        correction, rate = (1 - _BETA2**self.steps) ** 0.5, -rate / (1 - _BETA1**self.steps)
        tensors = self.tensor, gradient, self.m, self.v
        if all(tensor.is_cpu and tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in tensors):
            from codesign.simulation.event.parameters import step  # here, because it loads the compiler

            step(*tensors, (1 - _BETA1, _BETA2, 1 - _BETA2), (correction, _EPSILON, rate))
            return
        self.m.lerp_(gradient, 1 - _BETA1)
        self.v.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        divisor = self.v.sqrt().div_(correction).add_(_EPSILON)
        self.tensor.addcdiv_(self.m, divisor, value=rate)

"""Adam (Kingma and Ba 2015, arXiv:1412.6980), on the CPU the same to the last bit as `torch.optim.Adam`.

    m ← m + (1 − β₁)(g − m);   v ← β₂ v + (1 − β₂) g²;   w ← w − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)

An update of a small network takes less time than torch's own way through its tensors one by one, and torch's optimizers
load its compiler first, which takes over a second. Here the tensors of a small network are moved at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_BETA1, _BETA2 = 0.9, 0.999  # paper, section 3.2
_EPSILON = 1e-8
_TOGETHER = 1 << 18
"""Numbers up to which a group's tensors are moved at once: to gather their gradients takes memory."""


class Adam(torch.optim.Optimizer):
    """As torch's, without weight decay.

    Args:
        params: tensors, or groups of tensors with learning rates of their own.
        lr: η of groups that have none.
    """

    def __init__(self, params: Iterable[Any], *, lr: float) -> None:
        self._moments: list[list[_Moments]] = []
        super().__init__(params, {"lr": lr})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """In place of torch's, which loads its compiler."""
        tensors = list(param_group["params"])
        self.param_groups.append({**self.defaults, **param_group, "params": tensors})
        small = sum(tensor.numel() for tensor in tensors) <= _TOGETHER
        self._moments.append([_Moments(part) for part in ([tensors] if small else [[one] for one in tensors])])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; likewise in place of torch's."""
        for group in self.param_groups:
            for tensor in group["params"]:
                tensor.grad = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move all tensors that have a gradient."""
        for group, moments in zip(self.param_groups, self._moments, strict=True):
            moments[:] = [part for one in moments for part in one.parts()]
            for part in moments:
                if part.tensors[0].grad is not None:
                    part.move(group["lr"])

    step.hooked = True  # type: ignore[attr-defined]  # torch would wrap it into calls of its profiler


class _Moments:
    """t, m and v of some tensors that are moved together, the latter two side by side."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self.tensors, self.steps = tensors, 0
        self.sizes = [tensor.numel() for tensor in tensors]
        self.m, self.v, self.divisor = torch.zeros(3, sum(self.sizes), device=tensors[0].device)

    def parts(self) -> list[_Moments]:
        """Itself, or each tensor alone where only some have a gradient."""
        given = [tensor.grad is not None for tensor in self.tensors]
        if all(given) or not any(given):
            return [self]
        parts = [_Moments([tensor]) for tensor in self.tensors]
        for part, m, v in zip(parts, torch.split(self.m, self.sizes), torch.split(self.v, self.sizes), strict=True):
            part.m, part.v, part.steps = m, v, self.steps
        return parts

    def move(self, rate: float) -> None:
        self.steps += 1
        m, v, divisor = self.m, self.v, self.divisor
        gradients = [tensor.grad.flatten() for tensor in self.tensors if tensor.grad is not None]
        g = torch.cat(gradients) if len(gradients) > 1 else gradients[0]
        m.lerp_(g, 1 - _BETA1)
        v.mul_(_BETA2).addcmul_(g, g, value=1 - _BETA2)
        torch.sqrt(v, out=divisor).div_((1 - _BETA2**self.steps) ** 0.5).add_(_EPSILON)
        size = rate / (1 - _BETA1**self.steps)
        for tensor, m_of, divisor_of in zip(self.tensors, m.split(self.sizes), divisor.split(self.sizes), strict=True):
            tensor.addcdiv_(m_of.view_as(tensor), divisor_of.view_as(tensor), value=-size)

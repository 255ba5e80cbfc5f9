"""A step of Adam (`codesign.training.adam`), compiled.

It rounds like torch on processors with fused multiply-add, except for square roots, which are correctly rounded here:
torch's differ in the last bit between processors of different makers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba.core import types

from codesign.simulation.event.compilation import kernel
from codesign.simulation.event.vector import called, intrinsic, lowered


@intrinsic
def _fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, rounded once."""
    fused = lowered(lambda builder, *given: called(builder, "llvm.fma.f32", ir.FloatType(), *given))
    return types.float32(types.float32, types.float32, types.float32), fused


def step(
    w: torch.Tensor, g: torch.Tensor, m: torch.Tensor, v: torch.Tensor, shares: Iterable[float], rates: Iterable[float]
) -> None:
    """Update a tensor w with gradient g and moments m and v, all contiguous float32 on the CPU.

    Args:
        shares: 1 − β₁, β₂ and 1 − β₂.
        rates: √(1 − β₂ᵗ), ε and −η / (1 − β₁ᵗ).
    """
    flat = (tensor.detach().numpy().reshape(-1) for tensor in (w, g, m, v))
    _move(*flat, np.array([*shares, *rates], dtype=np.float32))
    torch.autograd.graph.increment_version(w)


@kernel
def _move(w: Any, g: Any, m: Any, v: Any, numbers: Any) -> None:
    new, kept, new_square, correction, epsilon, rate = numbers
    for i in range(len(g)):
        m[i] = _fused(new, g[i] - m[i], m[i])
        v[i] = _fused(new_square * g[i], g[i], v[i] * kept)
    for i in range(len(w)):
        w[i] += rate * m[i] / (np.sqrt(v[i]) / correction + epsilon)

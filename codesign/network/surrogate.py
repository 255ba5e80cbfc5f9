"""Surrogate gradient of the threshold function."""

from __future__ import annotations

import math

import torch


def arctan_derivative(distance: torch.Tensor, steepness: torch.Tensor | float) -> torch.Tensor:
    """ds/dv = (α/2) / (1 + (π α d / 2)²), the derivative of the arctan surrogate (paper, equation 6).

    Args:
        distance: v − U_thr, any shape.
        steepness: α, a number or a tensor that broadcasts with `distance`.
    """
    return (steepness / 2) / (1 + (math.pi * steepness / 2 * distance) ** 2)

"""Weights as a chip holds them: symmetric integers with one scale a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from codesign.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["quantize_weights"]


def quantize_weights(state: Mapping[str, torch.Tensor], bits: int | None) -> dict[str, torch.Tensor]:
    """A copy of `state` whose weight tensors (names that end in `weight`) take at most 2^bits − 1 values each.

    With n = 2^(bits − 1) − 1 and s = max|w| / n, a weight becomes s · round(w / s), within ±n · s: zero stays
    zero, and the largest weight stays as it is. One bit has two levels, ±mean|w|, the scale that is nearest to the
    weights in the least squares sense; zero counts as positive. All other tensors are as they were.

    Args:
        bits: 1 to 32, or None for no quantization.

    Raises:
        InputError: bits out of range.
    """
    if bits is not None and not 1 <= bits <= 32:
        raise InputError(f"weight bits: must be between 1 and 32, or none, found {bits}")
    return {
        name: _quantize(tensor, bits) if bits is not None and name.endswith("weight") else tensor.detach().clone()
        for name, tensor in state.items()
    }


def _quantize(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    import torch

    weight = tensor.detach().double()
    largest = weight.abs().max() if weight.numel() else weight.sum()
    if largest == 0:
        return tensor.detach().clone()
    if bits == 1:
        magnitude = weight.abs().mean()
        return torch.where(weight >= 0, magnitude, -magnitude).to(tensor.dtype)
    levels = 2 ** (bits - 1) - 1
    scale = largest / levels
    integers = (weight / scale).round().clamp(-levels, levels)
    return torch.mul(integers, scale).to(tensor.dtype)

"""Weights as a chip holds them, integers times a scale; potentials that saturate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from codesign.arguments import whole
from codesign.errors import InputError

if TYPE_CHECKING:
    import torch

    from codesign.hardware.parts import WeightGrid

__all__ = ["Grid", "grid_of", "potential_ranges", "potential_steps", "quantize_weights"]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A chip's `WeightGrid` without where it is known from: what decides the value of a weight.

    Attributes:
        signed, scale, levels: as there.
    """

    signed: bool = True
    scale: Literal["layer", "network"] = "layer"
    levels: Literal["symmetric", "full"] = "symmetric"


def grid_of(weights: WeightGrid | None) -> Grid:
    """What a chip's `weights` say; symmetric integers with one scale per layer where its file says nothing."""
    if weights is None:
        return Grid()
    # without negative weights there is nothing for `levels` to decide
    levels: Literal["symmetric", "full"] = weights.levels if weights.signed else "symmetric"
    return Grid(signed=weights.signed, scale=weights.scale, levels=levels)


def quantize_weights(
    state: Mapping[str, torch.Tensor], bits: int | None, grid: Grid | WeightGrid | None = None
) -> dict[str, torch.Tensor]:
    """A copy of `state` whose weight tensors (names that end in `weight`) take at most 2^bits values each.

    A weight w becomes s · round(w / s) with the least scale s, of a layer or of the network, for which the integers
    round(w / s) of its weights stay within

    - −n to n with n = 2^(bits − 1) − 1, for `symmetric` levels: s = max|w| / n;
    - −(n + 1) to n, for `full` levels: s = max(max w / n, −min w / (n + 1));
    - 0 to 2^bits − 1, where weights have no sign: negative ones become 0, and s = max w / (2^bits − 1).

    Zero stays zero, and the weight that decides the scale stays as it is. One bit with a sign has two levels,
    ±s with s = mean|w|, the scale that is nearest to the weights in the least squares sense; zero counts as positive.
    All other tensors are as they were.

    Args:
        bits: 1 to 32, or None for no quantization.
        grid: which integers, and how many weights share a scale; None for symmetric levels and a scale a layer.

    Raises:
        InputError: bits out of range.
    """
    if bits is None:
        return {name: tensor.detach().clone() for name, tensor in state.items()}
    grid = _plain(grid)
    scales = _scales(state, bits, grid)
    return {
        name: _quantized(tensor, scales[name], bits, grid) if name in scales else tensor.detach().clone()
        for name, tensor in state.items()
    }


def potential_ranges(
    state: Mapping[str, torch.Tensor],
    bits: int,
    *,
    weight_bits: int,
    grid: Grid | WeightGrid | None = None,
) -> tuple[tuple[float, float], ...]:
    """(low, high) of the potentials of each layer, as `SpikingNetwork.potential_ranges` takes them.

    A potential is a sum of weights and counts in their scale s: −2^(bits − 1) · s to (2^(bits − 1) − 1) · s. A layer
    whose scale is 0, as all of its weights are, has no limit.

    Args:
        state: the weights before quantization, connections in order.
        bits: 1 to 32, sign included.
        weight_bits, grid: as in `quantize_weights`.

    Raises:
        InputError: bits out of range.
    """
    whole("potential bits", bits, least=1, most=33)
    high = (1 << (bits - 1)) - 1
    scales = _scales(state, weight_bits, _plain(grid)).values()
    return tuple((-(high + 1) * scale, high * scale) if scale else (-math.inf, math.inf) for scale in scales)


def potential_steps(
    state: Mapping[str, torch.Tensor],
    fraction_bits: int,
    *,
    weight_bits: int,
    grid: Grid | WeightGrid | None = None,
) -> tuple[float, ...]:
    """Step of the potentials of each layer, as `SpikingNetwork.potential_steps` takes them: 2^−fraction_bits · s, for
    weights of the scale s.

    Args:
        state: the weights before quantization, connections in order.
        fraction_bits: 0 to 24.
        weight_bits, grid: as in `quantize_weights`.

    Raises:
        InputError: bits out of range.
    """
    whole("potential fraction bits", fraction_bits, most=25)
    return tuple(scale * 2.0**-fraction_bits for scale in _scales(state, weight_bits, _plain(grid)).values())


def _plain(grid: Grid | WeightGrid | None) -> Grid:
    return grid if isinstance(grid, Grid) else grid_of(grid)


def _scales(state: Mapping[str, torch.Tensor], bits: int, grid: Grid) -> dict[str, float]:
    """The scale of each weight tensor, 0 where all weights become 0."""
    import torch

    whole("weight bits", bits, least=1, most=33)
    weights = {name: tensor.detach().double() for name, tensor in state.items() if name.endswith("weight")}
    for name, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise InputError(f"{name}: must be finite, found NaN or an infinite one")
    if grid.scale == "network":
        everything = torch.cat([weight.flatten() for weight in weights.values()]) if weights else torch.zeros(0)
        return dict.fromkeys(weights, _scale(everything, bits, grid))
    return {name: _scale(weight, bits, grid) for name, weight in weights.items()}


def _scale(weight: torch.Tensor, bits: int, grid: Grid) -> float:
    if not weight.numel():
        return 0.0
    if not grid.signed:
        return max(float(weight.max()), 0.0) / ((1 << bits) - 1)
    if bits == 1:
        return float(weight.abs().mean())
    most = (1 << (bits - 1)) - 1
    if grid.levels == "symmetric":
        return float(weight.abs().max()) / most
    return max(float(weight.max()) / most, -float(weight.min()) / (most + 1), 0.0)


def _quantized(tensor: torch.Tensor, scale: float, bits: int, grid: Grid) -> torch.Tensor:
    import torch

    weight = tensor.detach().double()
    if scale == 0:
        return torch.zeros_like(tensor)
    if grid.signed and bits == 1:
        return torch.where(weight >= 0, scale, -scale).to(tensor.dtype)
    low, high = 0, (1 << bits) - 1
    if grid.signed:
        high = (1 << (bits - 1)) - 1
        low = -high if grid.levels == "symmetric" else -high - 1
    return torch.mul((weight / scale).round().clamp(low, high), scale).to(tensor.dtype)

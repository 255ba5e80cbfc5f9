"""Weights as a chip holds them, integers times a scale, and potentials that saturate and are truncated in that scale.

A weight w becomes s · round(w / s) with the least scale s, of a layer or of the network, for which the integers
round(w / s) of its weights, those of delayed connections to it included, stay within

- −n to n with n = 2^(bits − 1) − 1, for `symmetric` levels: s = max|w| / n;
- −(n + 1) to n, for `full` levels: s = max(max w / n, −min w / (n + 1));
- 0 to 2^bits − 1, where weights have no sign: negative ones become 0, and s = max w / (2^bits − 1).

Behind an average of pools w is the weight of a synapse, with the average multiplied in.

Zero stays zero, and the weight that decides the scale stays as it is. One bit with a sign has two levels, ±s with
s = mean|w|, the scale that is nearest to the weights in the least squares sense; zero counts as positive.

A network whose neurons count in integers (`NeuronSpec.potential_step`) keeps its own steps, and the scale of its
weights is a power of two of such a step, as a shift makes it: whole weights stay as they are where they have room.

A potential is a sum of weights and counts in their scale: it saturates at −2^(p − 1) · s and (2^(p − 1) − 1) · s for p
potential bits, and is truncated to multiples of 2^−f · s for f fraction bits. A layer whose weights are all 0 has no
scale, and its potentials no limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from codesign.arguments import instance
from codesign.deferred import torch
from codesign.documents import Spec
from codesign.errors import InputError
from codesign.network.own_weights import own_weights

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


class Quantization(Spec):
    """The numbers that a chip has for weights and potentials.

    Attributes:
        bits: bits of a weight.
        signed: whether there are negative weights; if not, they become 0.
        scale: one scale a `layer`, or one for the whole `network`.
        levels: `symmetric`, ±(2^(bits−1) − 1), or `full`, down to −2^(bits−1); for signed weights.
        potential_bits: bits of a potential, including the sign, in units of its layer's scale, beyond which it
            saturates; None for no limit.
        potential_fraction_bits: bits below these units, to which potentials are truncated as they decay; None for
            float32.
    """

    bits: Annotated[int, Field(ge=1, le=32, strict=True)]
    signed: bool = True
    scale: Literal["layer", "network"] = "layer"
    levels: Literal["symmetric", "full"] = "symmetric"
    potential_bits: Annotated[int, Field(ge=1, le=32, strict=True)] | None = None
    potential_fraction_bits: Annotated[int, Field(ge=0, le=24, strict=True)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Quantization:
        if not self.signed and self.levels == "full":
            raise ValueError("levels 'full' are for signed weights; these have no sign")
        return self

    @property
    def summary(self) -> str:
        """All of it in a line, for results and cards."""
        sign = f"{self.levels} levels" if self.signed else "no sign"
        parts = [f"{self.bits} bits a weight, {sign}, one scale a {self.scale}"]
        if self.potential_bits is not None:
            parts.append(f"potentials of {self.potential_bits} bits")
        if self.potential_fraction_bits is not None:
            parts.append(f"{self.potential_fraction_bits} fraction bits")
        return ", ".join(parts)

    def scales(self, weights: Sequence[torch.Tensor], steps: Sequence[float] | None = None) -> list[float]:
        """The scale of each tensor of weights, 0 where all of them become 0.

        Args:
            steps: δ of the neurons that each leads to, where these count in integers; 0 where they do not.

        Raises:
            InputError: a weight is not finite.
        """
        found = [weight.detach().double() for weight in weights]
        for layer, weight in enumerate(found):
            if not bool(torch.isfinite(weight).all()):
                raise InputError(f"weights of layer {layer}: must be finite, found NaN or an infinite one")
        own = steps or [0.0] * len(found)
        if self.scale == "network":
            return [_shifted(self._scale(torch.cat([weight.flatten() for weight in found])), max(own))] * len(found)
        return [_shifted(self._scale(weight), step) for weight, step in zip(found, own, strict=True)]

    def weights(self, weights: Sequence[torch.Tensor], scales: Sequence[float]) -> list[torch.Tensor]:
        """What each tensor of weights becomes at its scale, of the same shape and type, without gradient."""
        return [self._quantized(weight.detach(), scale) for weight, scale in zip(weights, scales, strict=True)]

    def potential_ranges(self, scales: Sequence[float]) -> tuple[tuple[float, float], ...] | None:
        """`SpikingNetwork.potential_ranges` where a potential counts in these scales."""
        if self.potential_bits is None:
            return None
        high = (1 << (self.potential_bits - 1)) - 1
        return tuple((-(high + 1) * scale, high * scale) if scale else (-math.inf, math.inf) for scale in scales)

    def potential_steps(self, scales: Sequence[float], own: Sequence[float] | None = None) -> tuple[float, ...] | None:
        """`SpikingNetwork.potential_steps` likewise; the neurons' own ones stay."""
        if self.potential_fraction_bits is None:
            return None
        unit = 2.0**-self.potential_fraction_bits
        return tuple(step or scale * unit for scale, step in zip(scales, own or [0.0] * len(scales), strict=True))

    def _scale(self, weight: torch.Tensor) -> float:
        if not weight.numel():
            return 0.0
        low, high = self._integers
        if self.bits == 1 and self.signed:
            return float(weight.abs().mean())
        scale = max(float(weight.max()) / high, 0.0)
        return max(scale, float(weight.min()) / low) if low else scale

    def _quantized(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        if scale == 0:
            return torch.zeros_like(weight)
        if self.bits == 1 and self.signed:
            return torch.where(weight >= 0, scale, -scale).to(weight.dtype)
        return ((weight.double() / scale).round().clamp(*self._integers) * scale).to(weight.dtype)

    @property
    def _integers(self) -> tuple[int, int]:
        """The lowest and the highest."""
        if not self.signed:
            return 0, (1 << self.bits) - 1
        high = (1 << (self.bits - 1)) - 1
        return (-high if self.levels == "symmetric" else -high - 1), high


def _shifted(scale: float, step: float) -> float:
    """The least power of two of steps that is no smaller; the scale itself where there are no steps."""
    return step * 2.0 ** math.ceil(math.log2(scale / step)) if scale and step else scale


def quantize(
    network: SpikingNetwork, quantization: Quantization | None, *, weights: Sequence[torch.Tensor] | None = None
) -> None:
    """Make a network what a chip makes of it, in place: its weights, and the range and step of its potentials.

    Args:
        quantization: of the chip, as `codesign.chip_quantization` gives it; None leaves float32 weights, and potentials
            without limit.
        weights: float weights to start from, one tensor a connection, then one a delayed and one a direct connection;
            None for those that the network has.

    Raises:
        InputError: a weight is not finite, or torch computes it from others.
    """
    if quantization is not None:
        instance("quantization", quantization, Quantization)
    with torch.no_grad():
        held = own_weights(network.all_weights)
        given = held if weights is None else list(weights)
        shapes, needed = ([tuple(getattr(one, "shape", ())) for one in some] for some in (given, held))
        if shapes != needed or not all(isinstance(one, torch.Tensor) for one in given):
            raise InputError(f"weights: must be tensors of the shapes {needed}, found {shapes}")
        if quantization is None:
            network.potential_ranges = network.potential_steps = None
            for one, weight in zip(held, given, strict=True):
                one.copy_(weight)
            return
        layers, fed = len(network.shape.layers), network.layers_fed()
        groups = [[i for i, target in enumerate(fed) if target == layer] for layer in range(layers)]
        # a chip's weights are those of synapses, with what pools average multiplied in
        averages = [getattr(one, "scale", 1.0) for kind in network.all_connections().values() for one in kind]
        units = averages[:layers] if quantization.scale == "layer" else [1.0] * layers
        shares = [average / units[target] for average, target in zip(averages, fed, strict=True)]
        merged = [torch.cat([given[i].flatten() * shares[i] for i in group]) for group in groups]
        own = network.neuron.potential_steps(layers)
        scales = quantization.scales(merged, own)
        found = quantization.weights(merged, scales)
        of_potentials = [scale * unit for scale, unit in zip(scales, units, strict=True)]
        network.potential_ranges = quantization.potential_ranges(of_potentials)
        network.potential_steps = quantization.potential_steps(of_potentials, own)
        for group, of_layer in zip(groups, found, strict=True):
            parts = torch.split(of_layer, [given[i].numel() for i in group])
            for i, part in zip(group, parts, strict=True):
                held[i].copy_(part.view_as(held[i]) / shares[i])

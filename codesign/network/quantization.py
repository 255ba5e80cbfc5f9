"""Weights as a chip stores them, integers times a scale, and potentials that saturate and are truncated on that scale.

A weight w becomes s · round(w / s), where s is the smallest scale, of a layer or of the network, for which the integers
round(w / s) of all its weights, including those of delayed connections to it, stay within

- −n to n with n = 2^(bits − 1) − 1, for `symmetric` levels: s = max|w| / n;
- −(n + 1) to n, for `full` levels: s = max(max w / n, −min w / (n + 1));
- 0 to 2^bits − 1, if weights have no sign: negative ones become 0, and s = max w / (2^bits − 1).

After average pools, w is the weight of a synapse, with the factor of the average multiplied in.

Zero stays zero, and the weight that determines the scale is unchanged. One bit with a sign has two levels, ±s with s =
mean|w|, the scale that approximates the weights best in the least-squares sense; zero counts as positive.

A network whose neurons use integer arithmetic (`NeuronSpec.potential_step`) keeps its own steps, and the scale of its
weights is a power of two times such a step, as a bit shift gives it: integer weights are unchanged if they fit.

A potential is a sum of weights times a gain and has their scale times the gain (the largest of its layer): it saturates
at −2^(p − 1) · s and (2^(p − 1) − 1) · s of this scale for p potential bits, and is truncated to multiples of 2^−f · s
for f fraction bits; with a synaptic current, which is a sum of weights, to those of the weights' own scale. A layer
whose weights are all 0 has no scale, and its potentials no limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from codesign.arguments import instance
from codesign.deferred import torch
from codesign.documents import Spec
from codesign.units import plural

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


class Quantization(Spec):
    """The number formats of a chip's weights and potentials.

    Attributes:
        bits: bits of a weight.
        signed: whether weights can be negative; if not, negative ones become 0.
        scale: one scale per `layer`, or one for the whole `network`.
        levels: `symmetric`, ±(2^(bits−1) − 1), or `full`, down to −2^(bits−1); for signed weights.
        potential_bits: bits of a potential, including the sign, in units of its layer's scale, beyond which it
            saturates; None for no limit.
        potential_fraction_bits: bits below these units, to which decay truncates potentials; None for float32.
    """

    bits: Annotated[int, Field(ge=1, le=32, strict=True)]
    signed: bool = True
    scale: Literal["layer", "network"] = "layer"
    levels: Literal["symmetric", "full"] = "symmetric"
    potential_bits: Annotated[int, Field(ge=1, le=32, strict=True)] | None = None
    potential_fraction_bits: Annotated[int, Field(ge=0, le=24, strict=True)] | None = None

    @property
    def summary(self) -> str:
        """The whole format in one line, for results and model cards."""
        sign = f"{self.levels} levels" if self.signed else "no sign"
        parts = [f"{plural(self.bits, 'bit')} a weight, {sign}, one scale a {self.scale}"]
        if self.potential_bits is not None:
            parts.append(f"potentials of {self.potential_bits} bits")
        if self.potential_fraction_bits is not None:
            parts.append(f"{self.potential_fraction_bits} fraction bits")
        return ", ".join(parts)

    def scales(self, weights: Sequence[torch.Tensor], steps: Sequence[float] | None = None) -> list[float]:
        """The scale of each tensor of weights; 0 if all its weights become 0.

        Args:
            steps: δ of each tensor's target neurons if these use integer arithmetic, otherwise 0.
        """
        found = [weight.detach().double() for weight in weights]
        own = steps or [0.0] * len(found)
        if self.scale == "network":
            return [_shifted(self._scale(torch.cat([weight.flatten() for weight in found])), max(own))] * len(found)
        return [_shifted(self._scale(weight), step) for weight, step in zip(found, own, strict=True)]

    def weights(self, weights: Sequence[torch.Tensor], scales: Sequence[float]) -> list[torch.Tensor]:
        """Each tensor of weights quantized with its scale; same shapes and types, without gradient."""
        return [self._quantized(weight.detach(), scale) for weight, scale in zip(weights, scales, strict=True)]

    def potential_ranges(self, scales: Sequence[float]) -> tuple[tuple[float, float], ...] | None:
        """`SpikingNetwork.potential_ranges` for potentials with these scales."""
        if self.potential_bits is None:
            return None
        high = (1 << (self.potential_bits - 1)) - 1
        return tuple((-(high + 1) * scale, high * scale) if scale else (-math.inf, math.inf) for scale in scales)

    def potential_steps(self, scales: Sequence[float], own: Sequence[float] | None = None) -> tuple[float, ...] | None:
        """`SpikingNetwork.potential_steps`, likewise; steps of the neurons themselves take precedence."""
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
        """The lowest and the highest integer."""
        if not self.signed:
            return 0, (1 << self.bits) - 1
        high = (1 << (self.bits - 1)) - 1
        return (-high if self.levels == "symmetric" else -high - 1), high


def _shifted(scale: float, step: float) -> float:
    """The scale, rounded up to a power of two times the step; unchanged if either is 0 or weights are not finite."""
    return step * 2.0 ** math.ceil(math.log2(scale / step)) if scale and step and math.isfinite(scale) else scale


def quantize(
    network: SpikingNetwork, quantization: Quantization | None, *, weights: Sequence[torch.Tensor] | None = None
) -> None:
    """Quantize a network in place as a chip does: its weights, and the range and step of its potentials.

    Args:
        quantization: the chip's formats, from `codesign.chip_quantization`; None leaves float32 weights and unlimited
            potentials.
        weights: float weights to start from, one tensor per connection, then per delayed and per direct connection;
            None for the network's own.

    Raises:
        InputError: a weight is no parameter of its own.
    """
    if quantization is not None:
        instance("quantization", quantization, Quantization)
    with torch.no_grad():
        held = network.own_weights()
        given = held if weights is None else list(weights)
        if quantization is None:
            network.potential_ranges = network.potential_steps = None
            for parameter, weight in zip(held, given, strict=True):
                parameter.copy_(weight)
            return
        layers, fed = len(network.shape.layers), network.layers_fed()
        groups = [[i for i, target in enumerate(fed) if target == layer] for layer in range(layers)]
        # a chip stores the weights of synapses, which include the factors of average pools
        averages = [connection.scale for connection in network.all_connections().values()]
        units = averages[:layers] if quantization.scale == "layer" else [1.0] * layers
        shares = [average / units[target] for average, target in zip(averages, fed, strict=True)]
        stored = [weight.detach() * share for weight, share in zip(given, shares, strict=True)]
        own = network.neuron.potential_steps(layers)
        scales = quantization.scales([torch.cat([stored[i].flatten() for i in group]) for group in groups], own)
        found = quantization.weights(stored, [scales[target] for target in fed])
        _limit_potentials(network, quantization, [s * unit for s, unit in zip(scales, units, strict=True)], own)
        for parameter, part, share in zip(held, found, shares, strict=True):
            parameter.copy_(part / share)


def _limit_potentials(
    network: SpikingNetwork, quantization: Quantization, scales: Sequence[float], own: Sequence[float] | None
) -> None:
    """Set the range and step of potentials from the scale of each layer's sums of weights and its own step."""
    gains = [1.0 if network.gain is None else float(network.gain[part].max()) for part in network.layer_slices]
    of_potentials = [scale * gain for scale, gain in zip(scales, gains, strict=True)]
    network.potential_ranges = quantization.potential_ranges(of_potentials)
    flows = network.flows()
    # a synaptic current has no gain, and the same steps as its potential
    summed = [bool(flows[part].any()) for part in network.layer_slices]
    steps = [sums if only else potentials for sums, potentials, only in zip(scales, of_potentials, summed, strict=True)]
    network.potential_steps = quantization.potential_steps(steps, own)

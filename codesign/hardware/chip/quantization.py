"""What a chip's description says of its weights and potentials, as `codesign.network.quantization` takes it."""

from __future__ import annotations

from typing import Any, Literal

from codesign.arguments import instance
from codesign.hardware.chip.description import Chip
from codesign.network.quantization import Quantization


def chip_quantization(chip: Chip, weight_bits: int | Literal["chip"] | None = "chip") -> Quantization | None:
    """How a chip quantizes a network; symmetric integers with one scale per layer where its file says nothing else.

    Args:
        weight_bits: bits of a weight; `chip` takes the chip's, None leaves float32 weights.

    Returns:
        None for float32 weights, also where the chip states no bits.
    """
    instance("chip", chip, Chip)
    if weight_bits == "chip":
        weight_bits = None if chip.weight_bits is None else chip.weight_bits.value
    if weight_bits is None:
        return None
    given: dict[str, Any] = {"bits": weight_bits}
    if chip.weights is not None:
        given |= {"signed": chip.weights.signed, "scale": chip.weights.scale}
        if chip.weights.signed:  # without negative weights there is nothing for `levels` to decide
            given["levels"] = chip.weights.levels
    for name in ("potential_bits", "potential_fraction_bits"):
        if (number := getattr(chip, name)) is not None:
            given[name] = number.value
    return Quantization(**given)

"""The number formats of a chip's weights and potentials, for `codesign.network.quantization`."""

from __future__ import annotations

from typing import Any, Literal

from codesign.arguments import instance
from codesign.hardware.chip.description import Chip
from codesign.network.quantization import Quantization


def chip_quantization(chip: Chip, weight_bits: int | Literal["chip"] | None = "chip") -> Quantization | None:
    """How a chip quantizes a network; symmetric integers with one scale per layer unless its file says otherwise.

    Args:
        weight_bits: bits of a weight; `chip` takes the chip's, None leaves float32 weights.

    Returns:
        None for float32 weights, and if the chip does not state bits.
    """
    instance("chip", chip, Chip)
    if weight_bits == "chip":
        weight_bits = None if chip.weight_bits is None else chip.weight_bits.value
    if weight_bits is None:
        return None
    given: dict[str, Any] = {"bits": weight_bits}
    if chip.weights is not None:
        given |= {"signed": chip.weights.signed, "scale": chip.weights.scale}
        if chip.weights.signed:  # `levels` only matters with negative weights
            given["levels"] = chip.weights.levels
    for name in ("potential_bits", "potential_fraction_bits"):
        if (number := getattr(chip, name)) is not None:
            given[name] = number.value
    return Quantization(**given)

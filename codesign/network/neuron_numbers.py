"""Per-neuron parameters as buffers of a network, and time constants from the factor left after a timestep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.arrays import Floats
from codesign.errors import InputError
from codesign.network.neuron import OF_NEURONS, NeuronSpec, in_words

_NOTHING_LEFT = 200
"""Length of a timestep, in time constants, for which the factor left is 0 in float32."""


def type_of(name: str) -> torch.dtype:
    """Data type of a per-neuron buffer."""
    return torch.float64 if name.endswith("time_constant") else torch.float32


def usual_number(name: str) -> float:
    """The number that all neurons have if a per-neuron parameter is left out."""
    default = NeuronSpec.model_fields[name].default
    return OF_NEURONS[name].absent if default is None else default


def of_decay(decay: NDArray[Any] | float, timestep_s: float) -> Floats:
    """τ in seconds, float64, for which exp(−Δt/τ) in float32 equals the given number exactly."""
    given = np.asarray(decay, dtype=np.float32).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.minimum(np.abs(np.log(given)), _NOTHING_LEFT)
        return np.where(given == 1, np.inf, timestep_s / exponent)


def range_in_words(name: str, numbers: torch.Tensor) -> str:
    """One value for all neurons, or their range, such as `0.2 to 0.97`; times with their unit."""
    limits = float(numbers.min()), float(numbers.max())
    is_time = name.endswith("time_constant")
    return " to ".join(dict.fromkeys(in_words(name, number) if is_time else f"{number:.4g}" for number in limits))


def check_numbers(numbers: Mapping[str, torch.Tensor], place: str = "network") -> None:
    """Check that neurons can be simulated with these weights, biases and per-neuron parameters, by name. Raises
    InputError, beginning with `place`, if one is not finite or a time constant is not above 0."""
    for name, tensor in numbers.items():
        if name == "time_constant" and not (tensor.numpy(force=True) > 0).all():
            raise InputError(f"{place}: time constants must be above 0 s, or infinite for no leak, found others")
        if name == "synaptic_time_constant" and not bool((tensor >= 0).all()):
            raise InputError(f"{place}: synaptic time constants must be at least 0 s, found others")
        if name in OF_NEURONS and math.isinf(absent := OF_NEURONS[name].absent):
            tensor = tensor.where(tensor != absent, 0.0)
        if not name.endswith("time_constant") and not are_finite([tensor]):  # an infinite one means no decay
            raise InputError(f"{place}: {name} must be finite, found NaN or an infinite one")


def are_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether all numbers are finite. On the CPU numpy checks: torch's threads would keep spinning on cores that
    kernels need."""
    with np.errstate(all="ignore"):  # a sum is fast, and finite only if everything is; it may overflow
        for tensor in tensors:
            summed = tensor.is_cpu and tensor.dtype in (torch.float32, torch.float64)
            if summed and math.isfinite(np.add.reduce(tensor.detach().numpy(), axis=None)):
                continue
            if not tensor.is_meta and not bool(torch.isfinite(tensor).all()):
                return False
    return True

"""NIR's own differential equations, with a chosen discretization.

    τ v' = v_leak − v + r I;   τ_syn i' = −i + w_in x

    euler:        β = 1 − Δt/τ,      α = 1 − Δt/τ_syn
    exponential:  β = exp(−Δt/τ),    α = exp(−Δt/τ_syn)
    j ← α j + w x;   v ← β u + g j + (1 − β) v_leak

norm_input true: x is a current that lasts for a timestep, g = r (1 − β), w = w_in (1 − α); I and IF: g = r Δt.
norm_input false: x is the amount added, g = r, w = w_in.
Potentials start at 0, even with a v_leak: NIR does not define the start. A Threshold is a neuron that forgets
everything between timesteps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import choice, yes_or_no

_SPIKING, _LEAKY = ("IF", "LIF", "CubaLIF"), ("LIF", "CubaLIF", "LI", "CubaLI")


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    kind, numbers = layer.node.kind, layer.number
    if kind == "Threshold":
        return LayerNumbers(decay=0.0, threshold=numbers("threshold"), comparison=given["comparison"])
    decay, gain, drive, alpha = np.ones(layer.neurons), numbers("r").astype(np.float64), 0.0, None
    if kind in ("I", "IF"):
        gain = gain * given["timestep_s"] if given["norm_input"] else gain
    else:
        decay = _decay(layer, "tau_mem" if kind.startswith("Cuba") else "tau", given)
        gain, drive = gain * (1 - decay if given["norm_input"] else 1.0), (1 - decay) * numbers("v_leak")
    if kind.startswith("Cuba"):
        alpha = _decay(layer, "tau_syn", given)
        gain = gain * numbers("w_in", 1.0) * (1 - alpha if given["norm_input"] else 1.0)
    if kind in ("I", "LI", "CubaLI"):
        return LayerNumbers(decay=decay, threshold=None, gain=gain, drive=drive, synaptic_decay=alpha)
    threshold, subtracts = numbers("v_threshold"), given["reset"] == "subtract"
    value = np.zeros(layer.neurons) if subtracts else numbers("v_reset", 0.0)
    return LayerNumbers(
        decay=decay,
        threshold=threshold,
        gain=gain,
        drive=drive,
        comparison=given["comparison"],
        reset="subtract" if subtracts else "value" if value.any() else "zero",
        reset_value=value,
        synaptic_decay=alpha,
    )


def _decay(layer: Layer, name: str, given: Given) -> Any:
    tau = layer.number(name).astype(np.float64)
    share = given["timestep_s"] / tau
    if given["decay"] == "euler" and not (share <= 1).all():
        raise layer.node.refusal(f"{name} must be at least one timestep for the Euler method")
    return 1 - share if given["decay"] == "euler" else np.exp(-share)


PLAIN = Dialect(
    name="plain",
    kinds=(*_SPIKING, "I", "LI", "CubaLI", "Threshold"),
    numbers=_numbers,
    options={
        "norm_input": (yes_or_no("as the equations are"), (*_SPIKING, "I", "LI", "CubaLI")),
        "decay": (choice("exponential", "euler"), _LEAKY),
        "comparison": (choice(">", ">="), (*_SPIKING, "Threshold")),
        "reset": (choice("value", "subtract", default="to v_reset, as the equations are"), _SPIKING),
    },
)

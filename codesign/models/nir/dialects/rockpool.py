"""Rockpool's files (`rockpool.nn.modules.torch.nir`), whose r hides the timestep: r = (τ/Δt) exp(−Δt/τ).

    β = exp(−Δt/τ),  α = exp(−Δt/τ_syn)
    LIFTorch (CubaLIF):     j ← α (j + x);  v ← β u + j + bias
    LIFNeuronTorch (LIF):   v ← β u + x + bias
    ExpSynTorch (LI):       v ← β (u + x), and v is read
    n ← trunc(v/θ), at most max_spikes_per_dt;   u ← v − n θ

With y = Δt/τ, y e^y = 1/r: Lambert's W function recovers Δt. The synaptic current is stored before its decay.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers, expect, exponential_decay
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons, NeuronModules, array, must
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import count, number

_DIGITS = 5
"""Digits of a timestep that float32 time constants preserve."""


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    kind = layer.node.kind
    expect(layer, "Rockpool", v_leak=0.0, w_in=1.0, v_reset=0.0)
    tau = layer.number("tau_mem" if kind == "CubaLIF" else "tau")
    timestep = _timestep(layer, tau, given["timestep_s"])
    decay = exponential_decay(tau, timestep)
    if kind == "LI":
        return LayerNumbers(decay=decay, threshold=None, gain=decay)
    alpha = exponential_decay(layer.number("tau_syn"), timestep) if kind == "CubaLIF" else None
    return LayerNumbers(
        decay=decay,
        threshold=layer.number("v_threshold"),
        gain=1.0 if alpha is None else alpha,
        drive=layer.number("bias", given["bias"]),
        comparison=">=",
        most_spikes=given["most_spikes"],
        reset="subtract",
        synaptic_decay=alpha,
    )


def _timestep(layer: Layer, tau: np.ndarray, given_s: float) -> float:
    """The timestep that r hides: `given_s` if it agrees, otherwise with as many digits as the file determines."""
    from scipy.special import lambertw

    r = layer.number("r").astype(np.float64)
    if not (r > 0).all():
        raise layer.node.refusal("r must be above 0 in files of Rockpool; is this another dialect?")
    hidden = lambertw(1 / r).real * tau
    median = float(np.median(hidden))
    timestep = given_s if math.isclose(median, given_s, rel_tol=1e-5) else float(f"{median:.{_DIGITS}g}")
    if not np.allclose(hidden, timestep, rtol=1e-3):
        raise layer.node.refusal("r and the time constants stand for several timesteps; is this another dialect?")
    return timestep


def _of_module(module: Any) -> ModuleNeurons:
    must(float(module.noise_std) == 0, "noise_std must be 0")
    if type(module).__name__ == "ExpSynTorch":
        tau, none = array(module.tau), {"most_spikes": 1, "bias": 0.0}
        numbers = {"tau": tau, "r": _hidden(tau, module.dt)}
        return ModuleNeurons(kind="LI", numbers=numbers, options=none, dt=float(module.dt))
    tau, synaptic = array(module.tau_mem), type(module).__name__ == "LIFTorch"
    numbers = {
        "tau_mem" if synaptic else "tau": tau,
        "r": _hidden(tau, module.dt),
        "v_threshold": array(module.threshold),
        "bias": array(module.bias),
    }
    back = None
    if synaptic:
        must(module.size_in == module.size_out, "a neuron may have one synaptic current")
        numbers["tau_syn"] = array(module.tau_syn).squeeze(-1)
        back = (array(module.w_rec).T, None) if module._has_rec else None
    return ModuleNeurons(
        kind="CubaLIF" if synaptic else "LIF",
        numbers=numbers,
        options={"most_spikes": int(module.max_spikes_per_dt), "bias": 0.0},
        dt=float(module.dt),
        recurrent=back,
    )


def _hidden(tau: NDArray[Any], dt: float) -> NDArray[Any]:
    """r = (τ/Δt) exp(−Δt/τ), in which Rockpool's files hide the timestep."""
    return np.asarray(tau * np.exp(-dt / tau.astype(np.float64)) / dt)


ROCKPOOL = Dialect(
    name="rockpool",
    kinds=("LIF", "CubaLIF", "LI"),
    numbers=_numbers,
    options={
        "most_spikes": (
            count("max_spikes_per_dt, 65536 (Rockpool's default) or another whole number"),
            ("LIF", "CubaLIF"),
        ),
        "bias": (number("bias of the neurons, 0 (Rockpool's default) or another number"), ("LIF", "CubaLIF")),
    },
    lost="Rockpool leaves recurrent weights silently out of its files; a model with `has_rec` is not this model",
    modules=NeuronModules(
        read=_of_module, classes=("LIFTorch", "LIFNeuronTorch", "ExpSynTorch"), bases=("LIFBaseTorch",)
    ),
)

"""SpikingJelly's files (`spikingjelly.activation_based.nir_exchange`), at the Δt given to its export, or 0.1 ms.

    T = τ/Δt,  β = 1 − 1/T         LIF:      v ← β u + g x + v_reset/T;  g = 1/T where r = 1 (decay_input), else 1
                                   IF:       v ← u + x,  r = 1/Δt
    α = 1 − Δt/τ_syn               CUBALIF:  j ← α j + x;  v ← β u + j,  r = τ/Δt
    n ← [v ≥ θ];   u ← v_reset

A potential starts at v_reset. The export refuses soft resets, so a file never has one; for a module whose v_reset is
None, u ← v − n θ. Neurons with an infinite v_threshold are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers, euler_decay, expect
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons, NeuronModules, array, must
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import timestep_of

_TIMESTEP = 1e-4
"""Timestep at which modules are read."""


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    kind, timestep = layer.node.kind, given.get("export_dt", _TIMESTEP)
    decay, gain = np.ones(layer.neurons), np.ones(layer.neurons)
    reset, drive, alpha = layer.number("v_reset"), np.zeros(layer.neurons), None
    if kind == "LIF":
        tau = layer.number("tau")
        decay = euler_decay(tau, timestep)
        leak = np.float64(tau.dtype.type(timestep)) / tau
        gain = np.where(layer.number("r") == 1, leak, 1.0)
        expect(layer, "SpikingJelly", "export_dt", r=np.where(gain == 1, tau / timestep, 1))
        expect(layer, "SpikingJelly", v_leak=reset)
        drive = reset * leak
    elif kind == "CubaLIF":
        tau = layer.number("tau_mem")
        expect(layer, "SpikingJelly", "export_dt", r=tau / timestep, w_in=layer.number("tau_syn") / timestep)
        expect(layer, "SpikingJelly", v_leak=0.0)
        decay = euler_decay(tau, timestep)
        alpha = euler_decay(layer.number("tau_syn"), timestep)
    elif "export_dt" in given:
        expect(layer, "SpikingJelly", "export_dt", r=1 / timestep)
    subtracts = layer.node.texts.get("reset") == "subtract"
    threshold = layer.number("v_threshold")
    return LayerNumbers(
        decay=decay,
        threshold=None if np.isposinf(threshold).all() and not subtracts else threshold,  # would be ∞ · 0
        gain=gain,
        drive=drive,
        comparison=">=",
        reset="subtract" if subtracts else "value" if reset.any() else "zero",
        reset_value=reset,
        initial_potential=reset,
        synaptic_decay=alpha,
    )


def _of_module(module: Any) -> ModuleNeurons:
    must(module.surrogate_function.spiking, "surrogate_function must have spiking True, or what leaves are no spikes")
    numbers = {"v_threshold": module.v_threshold, "v_reset": module.v_reset or 0.0}
    kind = {"IFNode": "IF", "CUBALIFNode": "CubaLIF"}.get(type(module).__name__, "LIF")
    if kind == "LIF":
        tau = module.tau if hasattr(module, "tau") else 1 / array(module.w.sigmoid()).astype(float)
        numbers |= {"tau": tau * _TIMESTEP, "r": 1.0 if module.decay_input else tau}
    if kind == "CubaLIF":
        tau = 1 / (1 - module.v_decay)
        numbers |= {"tau_mem": _TIMESTEP * tau, "tau_syn": _TIMESTEP / (1 - module.c_decay), "r": tau}
    return ModuleNeurons(
        kind=kind,
        numbers=numbers,
        texts={"reset": "subtract"} if module.v_reset is None else {},
        at_once=getattr(module, "step_mode", "s") == "m",
    )


SPIKINGJELLY = Dialect(
    name="spikingjelly",
    kinds=("IF", "LIF", "CubaLIF"),
    numbers=_numbers,
    options={
        "export_dt": (timestep_of("the export", "0.1 ms", "1 ms", default="SpikingJelly's default"), ("LIF", "CubaLIF"))
    },
    modules=NeuronModules(
        read=_of_module, classes=("IFNode", "LIFNode", "ParametricLIFNode", "CUBALIFNode"), bases=("BaseNode",)
    ),
)

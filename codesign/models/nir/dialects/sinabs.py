"""sinabs's files (`sinabs.nir`), whose time constants are numbers of timesteps.

    β = exp(−1/τ),  α = exp(−1/τ_syn)
    j ← α (j + x), or x without τ_syn;   v ← β u + g j,  g = 1 − β with `norm_input`, else 1;   IAF: v ← u + x
    n ← trunc(v/θ) (MultiSpike), at most M (MaxSpike), or [v ≥ θ] (SingleSpike)
    u ← v − n θ (MembraneSubtract) or 0 (MembraneReset);   u ← max(u, min_v_mem)

The synaptic current is stored before its decay, j' = j/α, so g α multiplies it. ExpLeak (LI) is read, before its
min_v_mem. MembraneReset with another value than 0 adds it to every neuron in every timestep, and is not supported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers, expect, exponential_decay
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons, NeuronModules, array, must, recurrent_weights
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import choice, count, number, yes_or_no

_CLASSES = tuple(
    f"{name}{more}" for name in ("IAF", "LIF") for more in ("", "Squeeze", "Recurrent", "RecurrentSqueeze")
)


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    kind = layer.node.kind
    expect(layer, "sinabs", r=1.0, v_leak=0.0, v_reset=0.0)
    decay, alpha = np.ones(layer.neurons), None
    gain = np.ones(layer.neurons)
    if kind != "IF":
        decay = exponential_decay(layer.number("tau"), 1.0)
        gain = 1 - decay if given["norm_input"] else gain
        if kind == "LIF" and given["tau_syn"] is not None:
            alpha = exponential_decay(np.full(layer.neurons, given["tau_syn"], dtype=np.float32), 1.0)
            gain = gain * alpha
    if kind == "LI":
        if given["floor"] is not None:
            raise layer.node.refusal(
                "an ExpLeak returns its potential before min_v_mem is applied; nearest: floor none"
            )
        return LayerNumbers(decay=decay, threshold=None, gain=gain, synaptic_decay=alpha)
    return LayerNumbers(
        decay=decay,
        threshold=layer.number("v_threshold"),
        gain=gain,
        comparison=">=",
        most_spikes=given["most_spikes"],
        reset=given["reset"],
        floor=given["floor"],
        synaptic_decay=alpha,
    )


def _of_module(module: Any) -> ModuleNeurons:
    name = type(module).__name__.removesuffix("Squeeze").removesuffix("Recurrent")
    kind = {"IAF": "IF", "LIF": "LIF", "ExpLeak": "LI"}[name]
    synapse = module.tau_syn_calculated
    like = "a LIF with a large tau_mem and norm_input False"
    must(kind != "IF" or synapse is None, f"tau_syn of an IAF cannot be simulated; nearest: {like}")
    must(synapse is None or synapse.numel() == 1, "tau_syn must be one number for a layer")
    numbers = {} if kind == "IF" else {"tau": array(module.tau_mem_calculated)}
    options: dict[str, Any] = {
        "norm_input": bool(module.norm_input),
        "floor": "none" if module.min_v_mem is None else float(module.min_v_mem),
        "tau_syn": "none" if synapse is None else float(synapse),
        "most_spikes": "unlimited",
        "reset": "subtract",
    }
    if kind != "LI":
        numbers["v_threshold"] = array(module.spike_threshold)
        options |= _spikes(module.spike_fn, module.reset_fn)
    back = recurrent_weights(module.rec_connect) if hasattr(module, "rec_connect") else None
    must(back is None or back[1] is None, "rec_connect must have no bias: it acts only from the second timestep on")
    return ModuleNeurons(kind=kind, numbers=numbers, options=options, recurrent=back)


def _spikes(fires: Any, resets: Any) -> dict[str, Any]:
    named, reset = getattr(fires, "__name__", type(fires).__name__), type(resets).__name__
    most = {"MultiSpike": None, "SingleSpike": 1, "MaxSpike": getattr(fires, "max_num_spikes_per_bin", None)}
    must(named in most, f"spike_fn must be one of {', '.join(most)}, found {named}")
    whole = {"MembraneSubtract": ("subtract_value", None), "MembraneReset": ("reset_value", 0)}
    must(reset in whole, f"reset_fn must be one of {', '.join(whole)}, found {reset}")
    of_reset, usual = whole[reset]
    must(getattr(resets, of_reset) == usual, f"{of_reset} of {reset} must be {usual}")
    return {
        "most_spikes": "unlimited" if most[named] is None else most[named],
        "reset": "subtract" if reset == "MembraneSubtract" else "zero",
    }


SINABS = Dialect(
    name="sinabs",
    kinds=("IF", "LIF", "LI"),
    numbers=_numbers,
    options={
        "floor": (number("min_v_mem, a number of at most 0", most=0, or_none=True), ("IF", "LIF", "LI")),
        "most_spikes": (
            count("unlimited (MultiSpike, sinabs's default) | 1 (SingleSpike) | M (MaxSpike)"),
            ("IF", "LIF"),
        ),
        "reset": (choice("subtract", "zero", default="sinabs's default"), ("IF", "LIF")),
        "norm_input": (yes_or_no("default of a LIF; that of an ExpLeak is false"), ("LIF", "LI")),
        "tau_syn": (number("a number of timesteps", least=1e-6, or_none=True), ("LIF",)),
    },
    modules=NeuronModules(read=_of_module, classes=(*_CLASSES, "ExpLeak", "ExpLeakSqueeze"), bases=("StatefulLayer",)),
)

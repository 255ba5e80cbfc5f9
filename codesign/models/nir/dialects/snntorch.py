"""snnTorch's files (`snntorch.export_nir`), which hold β and α as time constants at a Δt of 0.1 ms.

    β = 1 − Δt/τ,  r = τ/Δt             Leaky, RLeaky:          v ← β u + x
    α = 1 − Δt/τ_syn,  w_in = τ_syn/Δt  Synaptic, RSynaptic:    j ← α j + x;  v ← β u + j
    n ← [v > θ]

- reset subtract, delayed: θ is subtracted from the next v, so v − θ/β decays.
- reset zero, delayed: of a Leaky u ← 0; of the others, v is 0 during the next timestep, and what arrives in it is lost
  except for the synaptic current.
- immediate: u ← v − θ, or 0. If v − θ is itself above θ, snnTorch compares the next v with 2 θ. This cannot be
  simulated, so an immediate reset by subtraction needs a record which shows that it does not happen.
- none, which only a module states: the potential is read, and the layer must be the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers, euler_decay, expect
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons, NeuronModules, array, must, recurrent_weights
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import choice, yes_or_no

_KINDS = ("LIF", "CubaLIF", "LI", "CubaLI")
"""Kinds of neurons; only a module states that potentials are read."""
_TIMESTEP = 1e-4


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    synaptic, reads = layer.node.kind.startswith("Cuba"), layer.node.kind.endswith("LI")
    if reads and "beta" not in layer.node.numbers:
        raise layer.node.refusal("is not written by snnTorch; is this another dialect?")
    if "beta" in layer.node.numbers:
        decay = layer.number("beta")
    else:
        tau = layer.number("tau_mem" if synaptic else "tau")
        expect(layer, "snnTorch", r=tau / _TIMESTEP, v_leak=0.0, v_reset=0.0)
        decay = euler_decay(tau, _TIMESTEP)
    alpha = None
    if synaptic:
        if "alpha" in layer.node.numbers:
            alpha = layer.number("alpha")
        else:
            tau_syn = layer.number("tau_syn")
            expect(layer, "snnTorch", w_in=tau_syn / _TIMESTEP)
            alpha = euler_decay(tau_syn, _TIMESTEP)
    if reads:
        return LayerNumbers(decay=decay, threshold=None, synaptic_decay=alpha)
    threshold = layer.number("v_threshold")
    delayed, subtracts = given["reset_delay"], given["reset"] == "subtract"
    if subtracts and not delayed and not given["checked"]:
        raise layer.node.refusal(
            "with reset subtract and reset_delay False, snnTorch doubles the threshold of neurons that are still above "
            "it after a reset, which cannot be simulated; check against recorded spikes, which shows whether that ever "
            "happens, or train with reset_delay True"
        )
    if delayed and subtracts and not (decay > 0).all():
        raise layer.node.refusal("β is 0, and a delayed reset takes off θ/β; nearest: reset zero and reset_delay false")
    with np.errstate(divide="ignore"):
        amount = threshold / decay if delayed else threshold
    return LayerNumbers(
        decay=decay,
        threshold=threshold,
        reset=given["reset"],
        reset_amount=amount if subtracts else None,
        reset_delay=delayed and not subtracts and (synaptic or layer.recurrent is not None),
        synaptic_decay=alpha,
    )


def _of_module(module: Any) -> ModuleNeurons:
    """`snntorch.Leaky`, `Synaptic`, and both with recurrent weights; without a reset their potentials are read."""
    must(not module.inhibition, "inhibition lets only one neuron fire, which cannot be simulated")
    must(not module.state_quant, "state_quant rounds potentials in a way that cannot be simulated")
    must(bool((array(module.graded_spikes_factor) == 1).all()), "graded_spikes_factor must be 1")
    synaptic, reads, back = hasattr(module, "alpha"), module.reset_mechanism == "none", None
    if hasattr(module, "all_to_all"):
        ways = array(module.V) if not module.all_to_all else np.zeros(0)
        must(bool(module.all_to_all) or ways.ndim == 1, "V must be a vector, with a weight for each neuron")
        back = recurrent_weights(module.recurrent) if module.all_to_all else (np.diag(ways), None)
    numbers = {"beta": array(module.beta.clamp(0, 1)), "v_threshold": array(module.threshold)}
    return ModuleNeurons(
        kind=("Cuba" if synaptic else "") + ("LI" if reads else "LIF"),
        numbers=numbers | ({"alpha": array(module.alpha.clamp(0, 1))} if synaptic else {}),
        options={"reset": "subtract" if reads else module.reset_mechanism, "reset_delay": bool(module.reset_delay)},
        recurrent=back,
    )


SNNTORCH = Dialect(
    name="snntorch",
    kinds=_KINDS,
    numbers=_numbers,
    options={
        "reset": (choice("subtract", "zero", default="snnTorch's default"), _KINDS),
        "reset_delay": (yes_or_no("snnTorch's default"), _KINDS),
    },
    modules=NeuronModules(
        read=_of_module, classes=("Leaky", "Synaptic", "RLeaky", "RSynaptic"), bases=("SpikingNeuron",)
    ),
)

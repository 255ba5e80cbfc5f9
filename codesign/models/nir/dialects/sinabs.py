"""sinabs's files (`sinabs.nir`), whose time constants are numbers of timesteps.

    β = exp(−1/τ),  α = exp(−1/τ_syn)
    j ← α (j + x), or x without τ_syn;   v ← β u + g j,  g = 1 − β with `norm_input`, else 1;   IAF: v ← u + x
    n ← trunc(v/θ) (MultiSpike), at most M (MaxSpike), or [v ≥ θ] (SingleSpike)
    u ← v − n θ (MembraneSubtract) or 0 (MembraneReset);   u ← max(u, min_v_mem)

The synaptic current is held before its decay, j' = j/α, so that g α multiplies it. ExpLeak (LI) is read. MembraneReset
with another value than 0 adds it to every neuron in every timestep, and has no place here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers, exponential_decay, kinds, unwritten
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import Unsaid, choice, count, number, yes_or_no

__all__ = ["SINABS"]


def _asks(layers: Sequence[Layer]) -> Mapping[str, Unsaid]:
    asked: dict[str, Unsaid] = {"floor": number("min_v_mem, a number of at most 0", most=0, or_none=True)}
    if kinds(layers) - {"LI"}:
        asked["most_spikes"] = count("unlimited (MultiSpike, sinabs's default) | 1 (SingleSpike) | M (MaxSpike)")
        asked["reset"] = choice("subtract", "zero", default="sinabs's default")
    if kinds(layers) - {"IF"}:
        asked["norm_input"] = yes_or_no(True, "sinabs's default")
        asked["tau_syn"] = number("a number of timesteps", least=1e-6, or_none=True)
    return asked


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    kind = layer.node.kind
    if kind not in ("IF", "LIF", "LI"):
        raise unwritten(layer, "sinabs", "IAF (IF), LIF and ExpLeak (LI)")
    decay, alpha = np.ones(layer.neurons), None
    gain = np.ones(layer.neurons)
    if kind != "IF":
        decay = exponential_decay(layer.number("tau"), 1.0)
        gain = 1 - decay if given["norm_input"] else gain
        if given["tau_syn"] is not None:
            alpha = exponential_decay(np.full(layer.neurons, given["tau_syn"], dtype=np.float32), 1.0)
            gain = gain * alpha
    if kind == "LI":
        return LayerNumbers(decay=decay, threshold=None, gain=gain, synaptic_decay=alpha, floor=given["floor"])
    threshold = layer.number("v_threshold")
    return LayerNumbers(
        decay=decay,
        threshold=threshold,
        gain=gain,
        comparison=">=",
        most_spikes=given["most_spikes"],
        reset=given["reset"],
        reset_amount=threshold if given["reset"] == "subtract" else None,
        floor=given["floor"],
        synaptic_decay=alpha,
    )


SINABS = Dialect(name="sinabs", asks=_asks, numbers=_numbers)

"""lava-dl's `.net` files (`lava.lib.dl.netx.hdf5`): the integers of Loihi's leaky neuron, decays of 12 bits.

    u ← trunc(u (4096 − iDecay) / 4096) + 64 Σ w s
    v ← trunc(v (4096 − vDecay) / 4096) + u + 64 b
    fires where v > 64 vThMant;   v ← 0

Here potentials are in units of a weight, so that the threshold is vThMant, and what decays is truncated to multiples of
1/64. With iDecay 4096 there is no synaptic current. A last layer with the highest threshold never fires: its potential
is read. Weights of 9 bits and potentials of 24 are float32 numbers exactly.
"""

from __future__ import annotations

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers
from codesign.models.nir.folding import Layer
from codesign.models.nir.graph import LOIHI

_NEVER = (1 << 17) - 1
"""vThMant of 17 bits that no potential of 24 exceeds."""
_STEP = 1 / 64


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    shape = tuple(int(size) for size in layer.node.numbers["shape"])
    if (*shape, 1, 1)[:3] != layer.grid:
        raise layer.node.refusal(f"shape is {shape}, but the weights give {layer.grid}")
    threshold, current_decay = layer.number("vThMant"), layer.number("iDecay")
    flows = current_decay.min() < 4096
    if flows and layer.bias.any():
        raise layer.node.refusal(
            "a bias beside a synaptic current cannot be simulated; nearest: iDecay 4096, or no bias"
        )
    return LayerNumbers(
        decay=1 - layer.number("vDecay") / 4096,
        threshold=None if threshold.min() >= _NEVER else threshold,
        synaptic_decay=1 - current_decay / 4096 if flows else None,
        potential_step=_STEP,
    )


LAVA = Dialect(
    name="lava",
    kinds=(LOIHI,),
    numbers=_numbers,
    lost=(
        "in lava a layer responds one timestep after the layer before it, here in the same one: shift recorded spikes; "
        "an input layer takes the whole numbers that its `transform` makes of a sample"
    ),
)

"""norse's files (`norse.torch.to_nir`): at the Δt of its cells and the Δt' of its export, by default 1 ms.

    a = Δt · τ_inv = Δt Δt'/τ       LIFBoxCell:  v ← (1 − a) u + a (x + v_leak)
    α = 1 − Δt Δt'/τ_syn            LIFCell:     j ← α j + x;  v ← (1 − a) u + a (j + v_leak)
                                    IAFCell:     v ← u + x
                                    LIBoxCell:   as LIFBoxCell, and v is read
                                    LICell:      as LIFCell, and v is read; its export leaves it out
    n ← [v > θ];   u ← v_reset, or v − θ of a LIFBoxCell with `reset_subtract`

A potential starts at v_leak, that of an IAFCell at v_reset. norse's own reader interprets τ differently. norse 1.1
leaves out v_reset, so its files say 0; what later versions write must equal the option.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.models.nir.dialects.dialect import Dialect, Given, LayerNumbers, expect
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons, NeuronModules, array, must
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import choice, number, timestep_of
from codesign.network.neuron import Reset

_DECAYING = ("LIF", "CubaLIF", "LI", "CubaLI")
_PRECISION = 3e-7
"""Relative precision of a quotient of float32 numbers."""


def _numbers(layer: Layer, given: Given) -> LayerNumbers:
    kind = layer.node.kind
    expect(layer, "norse", r=1.0, w_in=1.0)
    if layer.number("v_reset", 0.0).any():
        expect(layer, "norse", "v_reset", v_reset=given["v_reset"])
    threshold = None if kind in ("LI", "CubaLI") else layer.number("v_threshold")
    subtracts = kind == "LIF" and given["reset"] == "subtract"
    value = 0.0 if threshold is None or subtracts else given["v_reset"]
    resets: Reset = "subtract" if subtracts else "value" if value else "zero"
    if kind == "IF":
        return LayerNumbers(decay=1.0, threshold=threshold, reset=resets, reset_value=value, initial_potential=value)
    synaptic, leak = kind.startswith("Cuba"), layer.number("v_leak")
    share = _share(layer, given, "tau_mem" if synaptic else "tau", "share_mem")
    return LayerNumbers(
        decay=1 - share,
        threshold=threshold,
        gain=share,
        drive=share * leak,
        reset=resets,
        reset_value=value,
        initial_potential=leak,
        synaptic_decay=1 - _share(layer, given, "tau_syn", "share_syn") if synaptic else None,
    )


def _share(layer: Layer, given: Given, name: str, exact: str) -> NDArray[Any]:
    """Δt τ_inv, rounded like in norse, where τ_inv is the shortest decimal that gives the file's τ."""
    if exact in layer.node.numbers:  # for a module
        return layer.number(exact)
    tau = layer.number(name)
    inverse = np.vectorize(_shortest, otypes=[tau.dtype])(given["export_dt"] / tau.astype(np.float64))
    return np.asarray(tau.dtype.type(given["cell_dt"]) * inverse)


def _shortest(number: float) -> float:
    shortened = (float(f"{number:.{digits}g}") for digits in range(3, 9))
    return next((short for short in shortened if math.isclose(short, number, rel_tol=_PRECISION)), number)


def _of_module(module: Any) -> ModuleNeurons:
    p, name = module.p, type(module).__name__.removesuffix("Cell").removesuffix("Recurrent")
    kind = {"LIF": "CubaLIF", "LIFBox": "LIF", "IAF": "IF", "LI": "CubaLI", "LIBox": "LI"}[name]
    fields = {"tau_mem_inv": "share_mem", "tau_syn_inv": "share_syn", "v_leak": "v_leak", "v_th": "v_threshold"}
    numbers: dict[str, Any] = {"r": 1.0}
    for theirs, ours in fields.items():
        if theirs in p._fields:
            value = getattr(p, theirs)
            numbers[ours] = array(module.dt * torch.as_tensor(value) if ours.startswith("share") else value)
    method = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    must(method in ("reset_value", "reset_subtract"), f"reset_method must be reset_value or _subtract, found {method}")
    value = array(getattr(p, "v_reset", 0.0))
    must(value.size == 1, "v_reset must be one number for a layer")
    options = {"reset": method.removeprefix("reset_"), "v_reset": float(value)}
    again = hasattr(module, "recurrent_weights")
    return ModuleNeurons(
        kind=kind,
        numbers=numbers,
        options=options,
        dt=module.dt,
        recurrent=(array(module.recurrent_weights), None) if again else None,
        weights=array(module.input_weights) if again else None,
        at_once=not type(module).__name__.endswith("Cell"),
    )


NORSE = Dialect(
    name="norse",
    kinds=("IF", "LIF", "CubaLIF", "LI", "CubaLI"),
    numbers=_numbers,
    options={
        "reset": (choice("value", "subtract", default="norse's default"), ("LIF",)),
        "v_reset": (number("what a reset leaves, 0 (norse's default) or another number"), ("IF", "LIF", "CubaLIF")),
        "cell_dt": (timestep_of("the cells", "1 ms", default="norse's default", of_layers=True), _DECAYING),
        "export_dt": (timestep_of("the export", "1 ms", "0.1 ms", default="norse's default"), _DECAYING),
    },
    modules=NeuronModules(
        read=_of_module,
        classes=(
            *("LIFCell", "LIF", "LIFRecurrentCell", "LIFRecurrent", "LIFBoxCell", "IAFCell", "IAF"),
            *("LICell", "LI", "LIBoxCell"),
        ),
        bases=("SNNCell", "SNN", "SNNRecurrentCell", "SNNRecurrent"),
    ),
)

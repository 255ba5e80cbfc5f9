"""Values of every parameter of neurons, from which tests draw; they lie on a dyadic grid, where sums are exact."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from hypothesis import strategies as st

from codesign.network.neuron import AS_MANY_AS_FIT, OF_RESETS, NeuronSpec, Reset

NEURON_VALUES: dict[str, list[Any]] = {
    "threshold": [n / 128 for n in range(8, 64)],
    "time_constant": ["infinite", "1 ms", "10 ms", "100 ms"],
    "comparison": [">", ">="],
    "most_spikes": [1, 1, 2, 3, AS_MANY_AS_FIT],
    "reset": list(get_args(Reset)),
    "reset_value": [0.0, 0.125, -0.25, 0.75],
    "reset_delay": [True, True, False],
    "reset_amount": [0.25, 0.125, 0.75],
    "gain": [1.0, 0.5, 2.0, 0.25],
    "floor": [None, None, 0.0, -0.25, -3 / 128],
    "initial_potential": [0.0, 0.125, -0.0625, 0.75],
    "synaptic_time_constant": [None, "infinite", "1 ms", "10 ms", "100 ms"],
    "potential_step": [None, 1 / 128, 3 / 128],
    "tick": [True, True, True, False],
    "refractory": [True, False],
    "readout": ["spikes", "spikes", "potential"],
    "surrogate_steepness": [1.0, 2.0, 10.0],
    "bias": [False, True],
}
"""What is listed twice is drawn twice as often."""
OF_NETWORKS = ("threshold", "time_constant", "reset", "refractory", "readout", "surrogate_steepness", "bias")
"""Drawn for every network, for all its neurons."""
OF_LAYERS = [name for name in NEURON_VALUES if name not in OF_NETWORKS or name == "reset"]
"""Drawn for some networks, for each of their layers."""


def another(name: str) -> Any:
    """A value of a parameter that is not its default."""
    beside = {} if name == "reset" else {"reset": OF_RESETS.get(name, "zero")}
    specs = ((value, NeuronSpec.model_validate({name: value, **beside})) for value in NEURON_VALUES[name])
    return next(value for value, spec in specs if getattr(spec, name) != NeuronSpec.model_fields[name].default)


def draw_for_networks(draw: st.DrawFn) -> dict[str, Any]:
    """Parameters that every network has."""
    return {name: draw(st.sampled_from(NEURON_VALUES[name])) for name in OF_NETWORKS}


def draw_for_layers(draw: st.DrawFn, rng: np.random.Generator, layers: int) -> dict[str, Any]:
    """Some of the others, each layer its own."""
    names = draw(st.sets(st.sampled_from(OF_LAYERS), min_size=1))
    chosen = {}
    for name in sorted(names):
        values = NEURON_VALUES[name]
        chosen[name] = [values[at] for at in rng.integers(len(values), size=layers)]
    needs = {"reset_delay": ["zero", "value"], **{name: [kind] for name, kind in OF_RESETS.items()}}
    for name, kinds in needs.items():
        if name in chosen and not set(kinds) & set(chosen.setdefault("reset", kinds[:1] * layers)):
            del chosen[name]
    return chosen

"""Dialects: the options that their files leave open, and the parameters of their neurons in our terms.

j ← α j + x;   v ← β u + g j + c       (without a synapse: j ← x)
n ← [v > θ] or [v ≥ θ], or as many multiples of θ, at most M
u ← value, or v − n ρ, where n > 0;   u ← max(u, floor)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from codesign.models.nir.dialects.neuron_modules import NeuronModules
from codesign.models.nir.folding import Layer
from codesign.models.nir.options import OpenOption
from codesign.network.neuron import Reset

Numbers = NDArray[Any]
Given = Mapping[str, Any]
"""The options of one layer, its `timestep_s`, and whether its spikes will be `checked` against a record."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerNumbers:
    """Parameters of a layer's neurons; numbers are (neurons,), or one for all.

    Attributes:
        decay: β.
        threshold: θ; None if potentials are read and never compared.
        drive: c, added to the potential once per timestep, in addition to the synapses' bias.
        reset_amount: ρ; None for θ.
        synaptic_decay: α; None without a synaptic current.
        others: as in `NeuronSpec`.
    """

    decay: Numbers | float
    threshold: Numbers | None
    gain: Numbers | float = 1.0
    drive: Numbers | float = 0.0
    comparison: Literal[">", ">="] = ">"
    most_spikes: int = 1
    reset: Reset = "zero"
    reset_value: Numbers | float = 0.0
    reset_amount: Numbers | None = None
    reset_delay: bool = False
    floor: float | None = None
    initial_potential: Numbers | float = 0.0
    synaptic_decay: Numbers | None = None
    potential_step: float | None = None


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A framework's way of writing NIR.

    Attributes:
        kinds: kinds of neurons that it writes, as nodes of NIR.
        numbers: returns the parameters of a layer's neurons under its options.
        options: options for what files leave open, by name; each with the kinds of neurons that need it.
        lost: what its files may silently leave out; "" for nothing.
        modules: its neurons as torch modules; None if these cannot be read.
    """

    name: str
    kinds: tuple[str, ...]
    numbers: Callable[[Layer, Given], LayerNumbers]
    options: Mapping[str, tuple[OpenOption, tuple[str, ...]]] = field(default_factory=dict)
    lost: str = ""
    modules: NeuronModules | None = None

    def open_options(self, layers: Sequence[Layer], *, of_module: bool = False) -> dict[str, OpenOption]:
        """Options for what files, or modules, with such layers leave open, by name. Raises InputError if the framework
        does not write such neurons."""
        for layer in layers:
            if layer.node.kind not in self.kinds:
                kinds = ", ".join(self.kinds)
                raise layer.node.refusal(f"is no neuron of dialect {self.name}, which has {kinds}")
        present = {layer.node.kind for layer in layers}
        return {
            name: option
            for name, (option, kinds) in self.options.items()
            if not present.isdisjoint(kinds) and not (of_module and option.of_files)
        }


def euler_decay(time_constant: Numbers, timestep: float) -> Numbers:
    """1 − Δt/τ, with Δt in the precision of τ, which was computed from it, so that β is restored exactly."""
    return np.asarray(1 - np.float64(time_constant.dtype.type(timestep)) / time_constant.astype(np.float64))


def exponential_decay(time_constant: Numbers, timestep: float) -> Numbers:
    """exp(−Δt/τ), with the quotient rounded like in the framework."""
    return np.asarray(np.exp((-time_constant.dtype.type(timestep) / time_constant).astype(np.float64)))


def expect(layer: Layer, dialect: str, other: str = "dialect", **wanted: Numbers | float) -> None:
    """Refuse a file of another framework, or with other options (`other`): one of its numbers differs from what this
    dialect writes."""
    for name, value in wanted.items():
        found, usual = np.broadcast_arrays(layer.number(name, 0.0), value)
        differs = ~np.isclose(found, usual, rtol=1e-4, atol=0)
        if name in layer.node.numbers and differs.any():
            numbers = f"{name} is {found[differs][0]:.6g} where {dialect} writes {usual[differs][0]:.6g}"
            raise layer.node.refusal(f"{numbers}; is this another {other}?")

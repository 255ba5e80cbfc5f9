"""Neurons as torch modules of a framework hold them.

A module holds more than the file that its framework writes: how it resets, how many spikes it emits, its exact decays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ModuleNeurons:
    """The neurons of a module.

    Attributes:
        kind: kind of node in NIR.
        numbers, texts: fields of the node, and numbers that NIR rounds, as the dialect reads them.
        options: options that the dialect needs, as in the module.
        dt: timestep in seconds, for frameworks that have one.
        recurrent: (weights, bias) of spikes that return in the next timestep; weights are target first.
        weights: weights of the input, for neurons that contain them.
        at_once: whether they take all timesteps at once, for frameworks that also have neurons for a single one.
    """

    kind: str
    numbers: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    dt: float | None = None
    recurrent: tuple[NDArray[Any], NDArray[Any] | None] | None = None
    weights: NDArray[Any] | None = None
    at_once: bool = False


@dataclass(frozen=True, kw_only=True)
class NeuronModules:
    """A framework's neuron modules, defined in Python modules with the dialect's name: a function that reads one, the
    classes that can be read, and the base classes of those that cannot."""

    read: Callable[[Any], ModuleNeurons]
    classes: tuple[str, ...]
    bases: tuple[str, ...]


def must(kept: bool, rule: str) -> None:
    """Raise ValueError with a rule that is not kept, which becomes an error that names the module."""
    if not kept:
        raise ValueError(rule)


def recurrent_weights(module: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(weights, bias) of a module through which spikes return."""
    must(isinstance(module, torch.nn.Linear), "recurrent weights must be a Linear")
    return array(module.weight), None if module.bias is None else array(module.bias)


def array(value: Any) -> NDArray[Any]:
    """A tensor or number as an array."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)

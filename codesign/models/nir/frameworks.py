"""Neurons among the torch modules of a model, by the framework that defines them; `dialects/` reads each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from codesign.errors import InputError
from codesign.models.nir.dialects import DIALECTS
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons

Module = torch.nn.Module


FRAMEWORKS = {dialect.name: dialect.modules for dialect in DIALECTS.values() if dialect.modules is not None}
"""Neuron modules by framework, whose Python package has the dialect's name."""


def read_neurons(name: str, module: Module) -> tuple[str, ModuleNeurons] | None:
    """The dialect of a module and its neurons; None if it has none. Raises InputError if it has neurons that cannot be
    read, and says which can."""
    for dialect, framework in FRAMEWORKS.items():
        family = [each.__name__ for each in type(module).__mro__ if each.__module__.split(".")[0] == dialect]
        if not set(family) & {*framework.classes, *framework.bases}:
            continue
        kind = type(module).__name__
        if type(module).__module__.split(".")[0] != dialect or kind not in framework.classes:
            known = ", ".join(framework.classes)
            raise refusal(name, module, f"cannot be imported; neurons of {dialect} may be {known}")
        try:
            return dialect, framework.read(module)
        except ValueError as error:
            raise refusal(name, module, str(error)) from None
    return None


def refusal(name: str, module: Module, rule: str) -> InputError:
    return InputError(f"module '{name}' ({type(module).__name__}): {rule}")


def check_timesteps(neurons: Mapping[str, ModuleNeurons], calls: Mapping[str, int]) -> None:
    """Refuse neurons that mistake the output of all timesteps for a single timestep of many samples, detected by how
    often each ran. Raises InputError that names their module."""
    single = [name for name, each in neurons.items() if not each.at_once and calls[name] == 1]
    if single and any(each.at_once for each in neurons.values()):
        rule = (
            "takes what it gets for one timestep, and others take theirs for all of them; give all the same step_mode"
        )
        raise InputError(f"module '{single[0]}': {rule}")


def answers_of(neurons: ModuleNeurons, module: Any, output: Any) -> list[torch.Tensor]:
    """Spikes of neurons, or potentials of a readout, from what they returned or stored."""
    several = output if isinstance(output, list | tuple) else [output]
    tensors = [value for value in several if isinstance(value, torch.Tensor)]
    if getattr(module, "reset_mechanism", "") == "none":  # snnTorch's readout, which returns its potential last
        return tensors[1:][-1:]
    if np.isposinf(neurons.numbers.get("v_threshold", 0)).all():  # SpikingJelly's readout, which stores its potential
        kept = getattr(module, "v_seq", None) if neurons.at_once else None
        return [module.v if kept is None else kept]
    return tensors[:1]

"""Reading neurons and options from torch modules, framework by framework.

A module holds more than the file that its framework writes: how it resets, how many spikes it emits, its exact decays.
Each reader returns the node that the framework would write, and the options that `dialects/` needs in addition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError

Module = torch.nn.Module


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


def _must(true: bool, rule: str) -> None:
    """Raises ValueError with the rule, which becomes an error that names the module."""
    if not true:
        raise ValueError(rule)


def _back(module: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    _must(isinstance(module, torch.nn.Linear), "recurrent weights must be a Linear")
    return array(module.weight), None if module.bias is None else array(module.bias)


def array(value: Any) -> NDArray[Any]:
    """A tensor or number as an array."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _snntorch(module: Any) -> ModuleNeurons:
    """`snntorch.Leaky`, `Synaptic`, and both with recurrent weights; without a reset their potentials are read."""
    _must(not module.inhibition, "inhibition lets only one neuron fire, which cannot be simulated")
    _must(not module.state_quant, "state_quant rounds potentials in a way that cannot be simulated")
    _must(bool((array(module.graded_spikes_factor) == 1).all()), "graded_spikes_factor must be 1")
    synaptic, reads, back = hasattr(module, "alpha"), module.reset_mechanism == "none", None
    if hasattr(module, "all_to_all"):
        ways = array(module.V) if not module.all_to_all else np.zeros(0)
        _must(bool(module.all_to_all) or ways.ndim == 1, "V must be a vector, with a weight for each neuron")
        back = _back(module.recurrent) if module.all_to_all else (np.diag(ways), None)
    numbers = {"beta": array(module.beta.clamp(0, 1)), "v_threshold": array(module.threshold)}
    return ModuleNeurons(
        kind=("Cuba" if synaptic else "") + ("LI" if reads else "LIF"),
        numbers=numbers | ({"alpha": array(module.alpha.clamp(0, 1))} if synaptic else {}),
        options={"reset": "subtract" if reads else module.reset_mechanism, "reset_delay": bool(module.reset_delay)},
        recurrent=back,
    )


def _spikingjelly(module: Any) -> ModuleNeurons:
    _must(module.surrogate_function.spiking, "surrogate_function must have spiking True, or what leaves are no spikes")
    numbers = {"v_threshold": module.v_threshold, "v_reset": module.v_reset or 0.0}
    kind = {"IFNode": "IF", "CUBALIFNode": "CubaLIF"}.get(type(module).__name__, "LIF")
    if kind == "LIF":
        tau = module.tau if hasattr(module, "tau") else 1 / array(module.w.sigmoid()).astype(float)
        numbers |= {"tau": tau * 1e-4, "r": 1.0 if module.decay_input else tau}
    if kind == "CubaLIF":
        tau = 1 / (1 - module.v_decay)
        numbers |= {"tau_mem": 1e-4 * tau, "tau_syn": 1e-4 / (1 - module.c_decay), "r": tau}
    return ModuleNeurons(
        kind=kind,
        numbers=numbers,
        texts={"reset": "subtract"} if module.v_reset is None else {},
        at_once=getattr(module, "step_mode", "s") == "m",
    )


def _norse(module: Any) -> ModuleNeurons:
    p, name = module.p, type(module).__name__.removesuffix("Cell").removesuffix("Recurrent")
    kind = {"LIF": "CubaLIF", "LIFBox": "LIF", "IAF": "IF", "LI": "CubaLI", "LIBox": "LI"}[name]
    fields = {"tau_mem_inv": "share_mem", "tau_syn_inv": "share_syn", "v_leak": "v_leak", "v_th": "v_threshold"}
    numbers: dict[str, Any] = {"r": 1.0}
    for field_, number in fields.items():
        if field_ in p._fields:
            value = getattr(p, field_)
            numbers[number] = array(module.dt * torch.as_tensor(value) if number.startswith("share") else value)
    method = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    _must(method in ("reset_value", "reset_subtract"), f"reset_method must be reset_value or _subtract, found {method}")
    value = array(getattr(p, "v_reset", 0.0))
    _must(value.size == 1, "v_reset must be one number for a layer")
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


def _sinabs(module: Any) -> ModuleNeurons:
    name = type(module).__name__.removesuffix("Squeeze").removesuffix("Recurrent")
    kind = {"IAF": "IF", "LIF": "LIF", "ExpLeak": "LI"}[name]
    synapse = module.tau_syn_calculated
    like = "a LIF with a large tau_mem and norm_input False"
    _must(kind != "IF" or synapse is None, f"tau_syn of an IAF cannot be simulated; nearest: {like}")
    _must(synapse is None or synapse.numel() == 1, "tau_syn must be one number for a layer")
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
        options |= _sinabs_spikes(module.spike_fn, module.reset_fn)
    back = _back(module.rec_connect) if hasattr(module, "rec_connect") else None
    _must(back is None or back[1] is None, "rec_connect must have no bias: it acts only from the second timestep on")
    return ModuleNeurons(kind=kind, numbers=numbers, options=options, recurrent=back)


def _sinabs_spikes(fires: Any, resets: Any) -> dict[str, Any]:
    named, reset = getattr(fires, "__name__", type(fires).__name__), type(resets).__name__
    most = {"MultiSpike": None, "SingleSpike": 1, "MaxSpike": getattr(fires, "max_num_spikes_per_bin", None)}
    _must(named in most, f"spike_fn must be one of {', '.join(most)}, found {named}")
    whole = {"MembraneSubtract": ("subtract_value", None), "MembraneReset": ("reset_value", 0)}
    _must(reset in whole, f"reset_fn must be one of {', '.join(whole)}, found {reset}")
    of_reset, usual = whole[reset]
    _must(getattr(resets, of_reset) == usual, f"{of_reset} of {reset} must be {usual}")
    return {
        "most_spikes": "unlimited" if most[named] is None else most[named],
        "reset": "subtract" if reset == "MembraneSubtract" else "zero",
    }


def _rockpool(module: Any) -> ModuleNeurons:
    _must(float(module.noise_std) == 0, "noise_std must be 0")
    if type(module).__name__ == "ExpSynTorch":
        tau, none = array(module.tau), {"most_spikes": 1, "bias": 0.0}
        numbers = {"tau": tau, "r": _hidden(tau, module.dt)}
        return ModuleNeurons(kind="LI", numbers=numbers, options=none, dt=float(module.dt))
    tau, synaptic = array(module.tau_mem), type(module).__name__ == "LIFTorch"
    numbers = {
        "tau_mem" if synaptic else "tau": tau,
        "r": _hidden(tau, module.dt),
        "v_threshold": array(module.threshold),
        "bias": array(module.bias),
    }
    back = None
    if synaptic:
        _must(module.size_in == module.size_out, "a neuron may have one synaptic current")
        numbers["tau_syn"] = array(module.tau_syn).squeeze(-1)
        back = (array(module.w_rec).T, None) if module._has_rec else None
    return ModuleNeurons(
        kind="CubaLIF" if synaptic else "LIF",
        numbers=numbers,
        options={"most_spikes": int(module.max_spikes_per_dt), "bias": 0.0},
        dt=float(module.dt),
        recurrent=back,
    )


def _hidden(tau: NDArray[Any], dt: float) -> NDArray[Any]:
    """r = (τ/Δt) exp(−Δt/τ), in which Rockpool's files hide the timestep."""
    return np.asarray(tau * np.exp(-dt / tau.astype(np.float64)) / dt)


@dataclass(frozen=True, kw_only=True)
class Framework:
    """A framework's neuron modules, defined in Python modules with the dialect's name: a function that reads one, the
    classes that can be read, and the base classes of those that cannot."""

    read: Callable[[Any], ModuleNeurons]
    classes: tuple[str, ...]
    bases: tuple[str, ...]


_SINABS = tuple(f"{name}{more}" for name in ("IAF", "LIF") for more in ("", "Squeeze", "Recurrent", "RecurrentSqueeze"))
FRAMEWORKS = {
    "snntorch": Framework(
        read=_snntorch, classes=("Leaky", "Synaptic", "RLeaky", "RSynaptic"), bases=("SpikingNeuron",)
    ),
    "spikingjelly": Framework(
        read=_spikingjelly, classes=("IFNode", "LIFNode", "ParametricLIFNode", "CUBALIFNode"), bases=("BaseNode",)
    ),
    "norse": Framework(
        read=_norse,
        classes=(
            *("LIFCell", "LIF", "LIFRecurrentCell", "LIFRecurrent", "LIFBoxCell", "IAFCell", "IAF"),
            *("LICell", "LI", "LIBoxCell"),
        ),
        bases=("SNNCell", "SNN", "SNNRecurrentCell", "SNNRecurrent"),
    ),
    "sinabs": Framework(read=_sinabs, classes=(*_SINABS, "ExpLeak", "ExpLeakSqueeze"), bases=("StatefulLayer",)),
    "rockpool": Framework(
        read=_rockpool, classes=("LIFTorch", "LIFNeuronTorch", "ExpSynTorch"), bases=("LIFBaseTorch",)
    ),
}


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
    single = [name for name, one in neurons.items() if not one.at_once and calls[name] == 1]
    if single and any(one.at_once for one in neurons.values()):
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

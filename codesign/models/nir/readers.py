"""Neurons in the form that frameworks' readers expect, which is not always the form that their exports write.

    snnTorch       β = 1 − Δt/τ, Δt 0.1 ms, r = τ/Δt:   v ← β u + x;  [v > θ];  u ← 0
    SpikingJelly   the same, but [v ≥ θ]: a θ that is one number higher says v > θ
    norse          a = Δt/τ, Δt 1 ms:   v ← (1 − a) u + a x;  [v > θ];  u ← 0.  So potentials are a times ours
    sinabs         β = exp(−1/τ):   v ← β u + x;  trunc(v/θ) spikes;  u ← v − n θ
    Rockpool       Δt = τ/(1 + r):  j ← α (j + x);  v ← β u + j;  as sinabs.  So potentials are α times ours

Our gain g becomes a threshold of θ/g. Biases are those of the weights. Treatment of other nodes, in the versions of
docs/models.md:

- The readers of snnTorch and norse count the batch among the dimensions of a Flatten.
- Those of norse and sinabs support pools only as sums; that of sinabs takes only one number per feature map.
- Only that of sinabs supports convolutions with groups; without groups they have the same weights plus zeros.
- That of snnTorch looks for neurons and weights that lead to each other, and sends the input through these weights,
  too; if something is between them it does not find them, and nirtorch runs the cycle as it is.
- That of Rockpool reads only neurons with synaptic currents, no convolutions, and recurrence as a nested graph.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import nir
import numpy as np
import torch
from numpy.typing import NDArray

from codesign.arguments import one_of
from codesign.errors import InputError
from codesign.network.layers import Linear, Pool
from codesign.network.neuron import AS_MANY_AS_FIT, FEATURES, NeuronSpec
from codesign.network.neuron_numbers import usual_number
from codesign.network.spiking_network import SpikingNetwork


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How a framework interprets a NIR file.

    Attributes:
        resets: `zero` or `subtract`, for all its neurons.
        comparison: when neurons fire; the other comparison is expressed by a slightly different threshold.
        several: whether they emit one spike for each multiple of the threshold in the potential.
        timestep: the Δt that it assumes, in seconds; None if it follows from r.
        takes_dt: whether it can be given another Δt, with which a file for the assumed one has other decays.
        of_layer: whether a layer must have one τ and θ.
        of_map: whether a feature map must.
        synapse: whether neurons must have synaptic currents.
        batch: whether a Flatten counts the dimension of samples.
        sums: whether pools may only be sums.
        convolves: whether it supports convolutions.
        back: how a layer's spikes return to it: over weights, over a further node, or within a nested graph.
    """

    resets: str
    comparison: str
    timestep: float | None
    takes_dt: bool = False
    several: bool = False
    of_layer: bool = False
    of_map: bool = False
    synapse: Literal["may", "never", "must"] = "may"
    batch: bool = False
    sums: bool = False
    convolves: bool = True
    back: Literal["weights", "more", "graph"] = "weights"


_READABLE = {"most_spikes", "reset_value", "reset_delay", "gain", "synaptic_time_constant", "tick"}
"""Features that the neurons of some reader have; the others cannot be written for any."""
_NEAR = 8
"""How many float32 numbers on each side are tried for a time constant."""

READERS = {
    "snntorch": Reader(resets="zero", comparison=">", timestep=1e-4, of_layer=True, batch=True, back="more"),
    "spikingjelly": Reader(resets="zero", comparison=">=", timestep=1e-4, takes_dt=True, of_layer=True),
    "norse": Reader(resets="zero", comparison=">", timestep=1e-3, takes_dt=True, batch=True, sums=True),
    "sinabs": Reader(
        resets="subtract", comparison=">=", timestep=1.0, several=True, of_map=True, synapse="never", sums=True
    ),
    "rockpool": Reader(
        resets="subtract", comparison=">=", timestep=None, several=True, synapse="must", convolves=False, back="graph"
    ),
}


def reader_of(name: str) -> Reader | None:
    """The reader with the given name; None for `plain`. Raises InputError if there is none."""
    one_of("dialect", name, ("plain", *READERS))
    return READERS.get(name)


def weights_for(reader: Reader, weight: NDArray[Any], groups: int, pools: Sequence[Pool]) -> NDArray[Any]:
    """Weights without groups, and with the factor of average pools if the reader only supports sums."""
    averaged = [pool.kernel for pool in pools if pool.kind == "average_pool"] if reader.sums else []
    window = np.prod(np.array([(kernel, kernel) if isinstance(kernel, int) else kernel for kernel in averaged]))
    if groups > 1:
        dense = np.zeros((len(weight), weight.shape[1] * groups, *weight.shape[2:]), weight.dtype)
        outputs, inputs = len(weight) // groups, weight.shape[1]
        for group, part in enumerate(np.split(weight, groups)):
            dense[group * outputs :, group * inputs :][:outputs, :inputs] = part
        weight = dense
    return np.ascontiguousarray(weight / weight.dtype.type(window))


def for_reader(name: str, network: SpikingNetwork, index: int, own: Mapping[str, NDArray[Any]]) -> nir.NIRNode:
    """The node of a layer's neurons, with parameters `own`, such that this reader's neurons behave the same except for
    rounding. Raises InputError if there is no such reader, or if it cannot represent the layer."""
    reader, shape = READERS[name], shape_of(network, index)
    threshold, beta, alpha = _numbers(name, network, index, own)
    zero, one = np.zeros(shape), np.ones(shape)
    if name == "rockpool":
        assert alpha is not None
        dt, leak = network.timestep_s, zero.ravel().astype(np.float32)
        mem, syn = _constants(beta, dt), _constants(alpha, dt)
        fires = {"v_threshold": (threshold * alpha).astype(np.float32), "v_leak": leak}
        return new_node("CubaLIF", tau_mem=mem, tau_syn=syn, r=mem / np.float32(dt) - 1, **fires)
    if name == "sinabs":  # one number per feature map, which is the same for all its neurons
        fields: dict[str, NDArray[Any]] = {
            "tau": _constants(beta, 1.0),
            "r": one.ravel(),
            "v_leak": zero.ravel(),
            "v_threshold": threshold,
        }
        return new_node("LIF", **{key: value if len(shape) == 1 else value[:1] for key, value in fields.items()})
    assert reader.timestep is not None
    tau = (reader.timestep / (1 - beta)).reshape(shape)
    r = one if name == "norse" else tau / reader.timestep
    if name == "norse":
        threshold = threshold * (1 - beta)
    fires = {"v_threshold": threshold.reshape(shape), "v_leak": zero, "v_reset": zero}
    if alpha is None:
        return new_node("LIF", tau=tau, r=r, **fires)
    tau_syn = (reader.timestep / (1 - alpha)).reshape(shape)
    return new_node("CubaLIF", tau_mem=tau, tau_syn=tau_syn, r=r, w_in=tau_syn / reader.timestep, **fires)


def new_node(kind: str, **fields: Any) -> Any:
    """A node of NIR, or a graph, also for versions that lack resets and type checks; sinabs and Rockpool need such a
    version. Raises InputError if it lacks the node, or a reset to another value than 0."""
    node = getattr(nir, kind, None)
    known = {} if node is None else inspect.signature(node).parameters
    if node is None or ("v_reset" not in known and np.any(fields.get("v_reset", 0))):
        raise InputError(f"this version of nir cannot write {'v_reset' if node else kind}; install nir 1.0.8")
    return node(**{name: value for name, value in fields.items() if name in known})


def _numbers(
    name: str, network: SpikingNetwork, index: int, own: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Thresholds and decays β and α of a layer; α is None without a synaptic current."""
    reader, neuron, layers = READERS[name], network.neuron, len(network.shape.layers)
    features = {key: neuron.of_layers(key, layers)[index] for key in ("reset", *FEATURES)}
    wrong = {
        f"reset {features['reset']}": features["reset"] != reader.resets,
        "several spikes in a timestep": features["most_spikes"] > 1 and not reader.several,
        "a limit of spikes in a timestep (most_spikes)": features["most_spikes"] < AS_MANY_AS_FIT and reader.several,
        "a delayed reset": features["reset_delay"] and features["reset"] != "subtract",
        "a readout of potentials": index == layers - 1 and neuron.readout == "potential",
    }
    for key in (name for name in FEATURES if name not in _READABLE):
        usual = NeuronSpec.model_fields[key].default
        wrong[key] = bool((own[key] != usual_number(key)).any()) if key in own else features[key] != usual
    layer = network.layer_slices[index]
    beta = network.decay.detach()[layer].double().numpy()
    decays = network.synaptic_decay() if network.flows()[layer].any() else None
    alpha = None if decays is None else decays.detach()[layer].double().numpy()
    threshold = (own["threshold"] / own.get("gain", 1.0)).astype(np.float32)
    comparison = neuron.of_layers("comparison", layers)[index]
    if comparison != reader.comparison:
        threshold = np.nextafter(threshold, np.float32(np.inf if comparison == ">" else -np.inf))
    uneven = any(np.ptp(part) > 0 for part in (threshold, beta, *([] if alpha is None else [alpha])))
    a_map = len(shape_of(network, index)) > 1
    wrong["neurons that differ within a layer"] = uneven and (reader.of_layer or (reader.of_map and a_map))
    wrong["no leak"] = not (beta < 1).all() or (alpha is not None and not (alpha < 1).all())
    wrong["a synaptic current"] = alpha is not None and reader.synapse == "never"
    wrong["neurons without a synaptic current"] = reader.synapse == "must" and (alpha is None or not alpha.all())
    wrong["convolutions"] = a_map and not reader.convolves
    wrong["spikes that come back to a grid"] = a_map and any(shape.target == index for shape in network.shape.delayed)
    alone = neuron.bias or alpha is not None or reader.several  # neurons that fire without a message
    wrong["neurons that only messages start"] = alone and not neuron.tick
    if any(wrong.values()):
        found = ", ".join(key for key, is_so in wrong.items() if is_so)
        raise InputError(f"layer {index}: {name} cannot read {found}; write dialect plain")
    return threshold.astype(np.float64), beta, alpha


def _constants(decay: NDArray[Any], dt: float) -> NDArray[np.float32]:
    """τ in float32 for which exp(−Δt/τ) equals β in float32, or comes closest to it."""
    near = [(-dt / np.log(decay)).astype(np.float32)]
    for _ in range(_NEAR):
        near.insert(0, np.nextafter(near[0], np.float32(0)))
        near.append(np.nextafter(near[-1], np.float32(np.inf)))
    candidates = np.stack(near)
    apart = np.abs(torch.exp(torch.from_numpy(np.float32(-dt) / candidates)).numpy() - decay)
    return np.asarray(np.take_along_axis(candidates, apart.argmin(axis=0)[None], axis=0)[0])


def on_grid(network: SpikingNetwork, layer: int) -> bool:
    """Whether the spikes of a layer (−1 for the input) are on a grid, like those of a convolution, of any size."""
    if layer < 0 and isinstance(network.topology.input, tuple):
        return True
    return not isinstance(network.layer_connections()[max(layer, 0)].target, Linear)


def shape_of(network: SpikingNetwork, layer: int) -> tuple[int, ...]:
    """Shape of arrays for a layer's neurons."""
    shape = network.shape.layers[layer]
    return shape.grid if on_grid(network, layer) else (shape.neurons,)

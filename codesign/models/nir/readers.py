"""Neurons as the readers of frameworks take them, which is not always how their own exports write them.

    snnTorch       β = 1 − Δt/τ, Δt 0.1 ms, r = τ/Δt:   v ← β u + x;  [v > θ];  u ← 0
    SpikingJelly   the same, but [v ≥ θ]: a θ that is one number higher says v > θ
    norse          a = Δt/τ, Δt 1 ms:   v ← (1 − a) u + a x;  [v > θ];  u ← 0.  So potentials are a times ours
    sinabs         β = exp(−1/τ):   v ← β u + x;  trunc(v/θ) spikes;  u ← v − n θ

A gain g of ours is a threshold of θ/g. Biases are those of the weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import LayerShape

__all__ = ["READERS", "for_reader", "made", "shape_of"]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What a framework makes of a NIR file.

    Attributes:
        resets: `zero` or `subtract`, which all its neurons do.
        comparison: when they fire; a threshold a bit higher or lower says the other.
        several: whether they may fire several times in a timestep.
        timestep: that it takes for Δt, in seconds.
        of_layer: whether a layer has one τ and θ.
    """

    resets: str
    comparison: str
    timestep: float
    several: bool = False
    of_layer: bool = False


READERS = {
    "snntorch": Reader(resets="zero", comparison=">", timestep=1e-4, of_layer=True),
    "spikingjelly": Reader(resets="zero", comparison=">=", timestep=1e-4, of_layer=True),
    "norse": Reader(resets="zero", comparison=">", timestep=1e-3),
    "sinabs": Reader(resets="subtract", comparison=">=", timestep=1.0, several=True),
}


def for_reader(name: str, network: SpikingNetwork, index: int, own: Mapping[str, NDArray[Any]]) -> nir.NIRNode:
    """The node of a layer's neurons, so that this reader does as they do, but for rounding.

    Args:
        own: what the network's state has of the layer's neurons.

    Raises:
        InputError: no such reader, or the layer does what it cannot, and what it can.
    """
    if name not in READERS:
        raise InputError(f"unknown reader '{name}'{suggestion(name, READERS)}; allowed are plain, {', '.join(READERS)}")
    reader, shape = READERS[name], shape_of(network.shape.layers[index])
    threshold, beta, alpha = _numbers(name, network, index, own)
    zero, one = np.zeros(shape), np.ones(shape)
    if name == "sinabs":
        tau = (-1 / np.log(beta)).reshape(shape)
        return made("LIF", tau=tau, r=one, v_leak=zero, v_threshold=threshold.reshape(shape))
    tau = (reader.timestep / (1 - beta)).reshape(shape)
    r = one if name == "norse" else tau / reader.timestep
    if name == "norse":
        threshold = threshold * (1 - beta)
    fires = {"v_threshold": threshold.reshape(shape), "v_leak": zero, "v_reset": zero}
    if alpha is None:
        return made("LIF", tau=tau, r=r, **fires)
    tau_syn = (reader.timestep / (1 - alpha)).reshape(shape)
    return made("CubaLIF", tau_mem=tau, tau_syn=tau_syn, r=r, w_in=tau_syn / reader.timestep, **fires)


def made(kind: str, **fields: Any) -> Any:
    """A node of NIR, or a graph, also in versions that lack resets and checks of types; sinabs and Rockpool want one.

    Raises:
        InputError: such a version lacks the node, or a reset to another value than 0.
    """
    node = getattr(nir, kind, None)
    known = {} if node is None else inspect.signature(node).parameters
    if node is None or ("v_reset" not in known and np.any(fields.get("v_reset", 0))):
        raise InputError(f"this version of nir cannot write {'v_reset' if node else kind}; install nir 1.0.8")
    return node(**{name: value for name, value in fields.items() if name in known})


def _numbers(
    name: str, network: SpikingNetwork, index: int, own: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Thresholds, decays β and α of a layer; α is None without a synaptic current."""
    reader, neuron, layers = READERS[name], network.neuron, len(network.shape.layers)
    said = {key: neuron.of_layers(key, layers)[index] for key in ("reset", "most_spikes", "floor")}
    wrong = {
        f"reset {said['reset']}": said["reset"] != reader.resets,
        "several spikes in a timestep": said["most_spikes"] > 1 and not reader.several,
        "one spike in a timestep": said["most_spikes"] == 1 and reader.several,
        "a floor": said["floor"] is not None,
        "a start potential": bool(own.get("initial_potential", np.zeros(1)).any()),
        "a reset by another amount than the threshold": "reset_amount" in own,
        "a readout of potentials": index == layers - 1 and neuron.readout == "potential",
    }
    beta = np.exp(-network.timestep_s / own["time_constant"]).astype(np.float32).astype(np.float64)
    alpha, constants = None, own.get("synaptic_time_constant", np.zeros(1))
    if constants.any():
        alpha = (
            np.exp(-network.timestep_s / np.where(constants > 0, constants, 1)).astype(np.float32).astype(np.float64)
        )
    threshold = (own["threshold"] / own.get("gain", 1.0)).astype(np.float32)
    comparison = neuron.of_layers("comparison", layers)[index]
    if comparison != reader.comparison:
        threshold = np.nextafter(threshold, np.float32(np.inf if comparison == ">" else -np.inf))
    uneven = any(np.ptp(part) > 0 for part in (threshold, beta, *([] if alpha is None else [alpha])))
    wrong["neurons that differ within a layer"] = reader.of_layer and uneven
    wrong["no leak"] = not (beta < 1).all() or (alpha is not None and not (alpha < 1).all())
    wrong["a synaptic current"] = alpha is not None and reader.several
    alone = neuron.bias or alpha is not None or reader.several  # what fires without a message
    wrong["neurons that only messages start"] = alone and not neuron.tick
    if any(wrong.values()):
        found = ", ".join(key for key, is_so in wrong.items() if is_so)
        raise InputError(
            f"layer {index}: {name} cannot read {found}; it reads leaky neurons with reset {reader.resets} and "
            f"{'several spikes' if reader.several else 'one spike'} in a timestep. Write dialect plain"
        )
    return threshold.astype(np.float64), beta, alpha


def shape_of(grid: LayerShape) -> tuple[int, ...]:
    """Of arrays for a layer's neurons."""
    return (grid.neurons,) if grid.height == grid.width == 1 else (grid.channels, grid.height, grid.width)

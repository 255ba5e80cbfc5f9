"""From layers and their neurons' parameters to a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.models.nir.dialects.dialect import LayerNumbers
from codesign.models.nir.folding import Layer
from codesign.network.neuron import NeuronSpec
from codesign.network.neuron_numbers import of_decay
from codesign.network.skips_and_delays import Delayed
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec

_OF_LAYERS = tuple(field.name for field in fields(LayerNumbers) if field.name in NeuronSpec.model_fields)


def make_network(layers: Sequence[Layer], numbers: Sequence[LayerNumbers], timestep_s: float) -> SpikingNetwork:
    """The network of these layers, with their weights. Raises InputError that names a node with an unsupported feature,
    and says what is supported."""
    _check(layers, numbers)
    source = layers[0].source
    # spikes return to their layer in the next timestep, as in all frameworks
    delayed = tuple(Delayed(from_=at, to=at) for at, layer in enumerate(layers) if layer.recurrent is not None)
    skips = [skip for layer in layers for skip in layer.skips]
    specs = tuple(spec for layer in layers for spec in (*layer.pools, layer.synapses))
    try:
        topology = TopologySpec(input=source, layers=specs, delayed=delayed, skips=tuple(skip.spec for skip in skips))
    except InputError as error:
        raise InputError(f"the network of the graph cannot be built: {error}") from None
    biases = [  # b is added to a synaptic current, or g b + c to the potential
        layer.bias if own.synaptic_decay is not None else own.gain * layer.bias + own.drive
        for layer, own in zip(layers, numbers, strict=True)
    ]
    network = SpikingNetwork(topology, _spec(numbers, biases, timestep_s), timestep_s=timestep_s)
    recurrent = [layer.recurrent for layer in layers if layer.recurrent is not None]
    weights = [*(layer.weight for layer in layers), *recurrent, *(skip.weight for skip in skips)]
    with torch.no_grad():
        for parameter, weight in zip(network.all_weights(), weights, strict=True):
            parameter.copy_(_tensor(weight.reshape(parameter.shape)))
        if network.bias is not None:
            network.bias.copy_(_tensor(np.concatenate(biases)))
    constants = [of_decay(of_layer.decay, timestep_s) for of_layer in numbers]
    network.time_constant = torch.from_numpy(_joined(layers, constants))
    if network.synaptic_time_constant is not None:
        flowing = [of_layer.synaptic_decay for of_layer in numbers]
        constants = [np.zeros(()) if decay is None else of_decay(decay, timestep_s) for decay in flowing]
        network.synaptic_time_constant = torch.from_numpy(_joined(layers, constants))
    for name in _OF_LAYERS:
        parts = [_number(of_layer, name) for of_layer in numbers]
        if _matters(name, numbers) and any(isinstance(part, np.ndarray) and np.ptp(part) for part in parts):
            setattr(network, name, _tensor(_joined(layers, parts)))
    return network


def _spec(numbers: Sequence[LayerNumbers], biases: list[NDArray[Any]], timestep_s: float) -> NeuronSpec:
    """Parameters of neurons; for those that differ within a layer, its first neuron's."""
    of_layers = {name: [_first(_number(of_layer, name)) for of_layer in numbers] for name in _OF_LAYERS}
    for name, decay in (("time_constant", "decay"), ("synaptic_time_constant", "synaptic_decay")):
        decays = [getattr(of_layer, decay) for of_layer in numbers]
        of_layers[name] = [None if each is None else float(of_decay(each, timestep_s).ravel()[0]) for each in decays]
    parameters: dict[str, Any] = {}
    for name, values in of_layers.items():
        if _matters(name, numbers) and set(values) != {NeuronSpec.model_fields[name].default}:
            parameters[name] = values[0] if len(set(values)) == 1 else tuple(values)
    keeps_rest = any(of_layer.reset == "subtract" or of_layer.most_spikes > 1 for of_layer in numbers)
    return NeuronSpec(
        **parameters,
        refractory=not keeps_rest,  # what a soft reset leaves must not be lost to the next message of the same timestep
        readout="potential" if numbers[-1].threshold is None else "spikes",
        bias=any(bias.any() for bias in biases),
        tick=True,
    )


def _check(layers: Sequence[Layer], numbers: Sequence[LayerNumbers]) -> None:
    for before, layer in zip(numbers, layers[1:], strict=False):
        if before.most_spikes > 1 and any(pool.kind == "max_pool" for pool in layer.pools):
            raise layer.node.refusal("neurons before a max pool may fire only once per timestep")
    for layer, of_layer in zip(layers, numbers, strict=True):
        if of_layer.threshold is None and layer is not layers[-1]:
            raise layer.node.refusal("neurons without a threshold may only be the last, where their potential is read")
        if of_layer.threshold is None and layer.recurrent is not None:
            raise layer.node.refusal("neurons without a threshold send no spikes that could lead back to them")
        threshold = np.asarray(1.0 if of_layer.threshold is None else of_layer.threshold, np.float32)
        if not ((threshold > 0) & np.isfinite(threshold)).all():
            raise layer.node.refusal("thresholds must be above 0, and finite")
        for name, decay in (("potential", of_layer.decay), ("synaptic current", of_layer.synaptic_decay)):
            if decay is not None and not ((np.asarray(decay) >= 0) & (np.asarray(decay) <= 1)).all():
                raise layer.node.refusal(f"decay of the {name} must be between 0 and 1; is this the right dialect?")
        gain = np.asarray(of_layer.gain, np.float32)
        if not ((gain > 0) & np.isfinite(gain)).all():
            raise layer.node.refusal("the input's gain must be above 0, and finite; move its sign into the weights")
        if of_layer.synaptic_decay is not None and np.any(of_layer.drive):
            raise layer.node.refusal(
                "with a synaptic current, a bias must be one of its weights, and not a v_leak (norse) or the bias of "
                "neurons (Rockpool, where it learns unless it is Constant(0.0))"
            )
        try:
            _spec([of_layer], [], 1.0)
        except InputError as error:
            raise layer.node.refusal(str(error).removeprefix("NeuronSpec: ")) from None


def _matters(name: str, numbers: Sequence[LayerNumbers]) -> bool:
    """Whether a parameter must be stated; the amount of a soft reset need not be if it is the threshold."""
    if name != "reset_amount":
        return True
    soft = [of_layer for of_layer in numbers if of_layer.reset == "subtract"]
    return any(not np.array_equal(_number(part, name), _number(part, "threshold")) for part in soft)


def _number(numbers: LayerNumbers, name: str) -> Any:
    """A parameter of a layer, even if its neurons have no threshold and it is not used."""
    value = getattr(numbers, name)
    if value is None and name in ("threshold", "reset_amount"):
        return NeuronSpec.model_fields["threshold"].default if name == "threshold" else _number(numbers, "threshold")
    return value


def _first(value: Any) -> Any:
    """The value of a layer's first neuron, rounded like in the network."""
    if isinstance(value, np.ndarray):
        return float(np.float32(value.ravel()[0]))
    return float(np.float32(value)) if isinstance(value, float) else value


def _joined(layers: Sequence[Layer], parts: Sequence[Any]) -> NDArray[Any]:
    return np.concatenate([np.broadcast_to(part, layer.neurons) for layer, part in zip(layers, parts, strict=True)])


def _tensor(numbers: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers, dtype=np.float32))

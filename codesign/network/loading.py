"""Weights and biases from other frameworks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from codesign.arrays import array_of
from codesign.errors import InputError
from codesign.network.topology import NetworkShape


def load_weights(
    weights: Any, held: list[torch.nn.Parameter], held_bias: torch.nn.Parameter | None, shape: NetworkShape
) -> None:
    """The implementation of `SpikingNetwork.load_weights`, given the network's parameters."""
    given, biases = _weights_and_biases(weights, held[0].dtype)
    needed, shapes = ([tuple(weight.shape) for weight in found] for found in (held, given))
    if shapes != needed:
        raise InputError(f"weights: this network needs {needed}, input to output, found {shapes}")
    if biases and held_bias is None:
        raise InputError("weights: there are biases; make the network with NeuronSpec(bias=True)")
    for layer, bias in biases.items():
        channels = shape.layers[layer].channels
        if len(bias) != channels:
            raise InputError(f"weights: the bias of layer {layer} must have {channels} numbers, found {len(bias)}")
    with torch.no_grad():
        for own, weight in zip(held, given, strict=True):
            own.copy_(weight)
        for layer, bias in biases.items():
            assert held_bias is not None
            of_layer = held_bias[shape.starts[layer] : shape.starts[layer + 1]]
            of_layer.copy_(bias.repeat_interleave(len(of_layer) // len(bias)))


def _weights_and_biases(weights: Any, dtype: torch.dtype) -> tuple[list[torch.Tensor], dict[int, torch.Tensor]]:
    """Weights, one per connection, and biases, which have one dimension, by the index of the weight before them. Raises
    InputError if `weights` is no list of arrays of finite numbers, or if a bias comes first or follows another bias."""
    if not isinstance(weights, Iterable) or isinstance(weights, str | Mapping | torch.nn.Module):
        rule = "must be a list of tensors or arrays, input to output, such as list(module.parameters())"
        raise InputError(f"weights: {rule}, found {type(weights).__name__}")
    given = [_tensor(f"weights: number {number}", weight, dtype) for number, weight in enumerate(weights)]
    taken, biases = list[torch.Tensor](), dict[int, torch.Tensor]()
    for tensor in given:
        if tensor.ndim != 1:
            taken.append(tensor)
        elif not taken or len(taken) - 1 in biases:
            raise InputError("weights: must be a list, input to output, where a bias follows the weight of its layer")
        else:
            biases[len(taken) - 1] = tensor
    return taken, biases


def _tensor(name: str, given: Any, dtype: torch.dtype) -> torch.Tensor:
    array = array_of(name, given)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: must hold real numbers, found {type(given).__name__} of {array.dtype}")
    tensor = torch.from_numpy(array.astype(np.float64)).to(dtype)
    if not tensor.isfinite().all():
        raise InputError(f"{name}: must hold finite numbers of {dtype}, found {array[~tensor.isfinite().numpy()][0]}")
    return tensor

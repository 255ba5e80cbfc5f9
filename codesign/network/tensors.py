"""Whether the tensors that a network holds, which anybody may replace, are ones to compute with."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from codesign.errors import InputError
from codesign.network.neuron_numbers import OF_NEURONS
from codesign.network.spiking_network import SpikingNetwork

_DTYPES = torch.float16, torch.float32, torch.float64


def check_tensors(network: SpikingNetwork) -> None:
    """That weights and numbers of neurons have the network's shapes and are real, dense and at hand. Raises InputError
    where one is not; it names it."""
    for name, tensor, shape in _tensors(network):
        if tensor.is_meta:
            raise InputError("network: is on device 'meta', which holds no numbers")
        if tensor.shape != shape:
            raise InputError(f"network: {name} must have shape {shape}, found {tuple(tensor.shape)}")
        if tensor.layout != torch.strided or tensor.dtype not in _DTYPES:
            raise InputError(f"network: {name} must be dense, of float32, found {tensor.dtype}, {tensor.layout}")
        if tensor.requires_grad and torch.is_grad_enabled() and tensor.is_inference():
            raise InputError(f"network: {name} was made in torch.inference_mode, so that it can have no gradient")
        try:
            tensor.data_ptr()
        except RuntimeError:  # torch knows no other public sign of it
            raise InputError(
                f"network: {name} holds no numbers under a transformation such as torch.func.grad or vmap; "
                "call backward, or torch.autograd.grad"
            ) from None


def _tensors(network: SpikingNetwork) -> Iterator[tuple[str, torch.Tensor, tuple[int, ...]]]:
    """Their names and the shapes that they should have."""
    for kind, connections in network.all_connections().items():
        for number, connection in enumerate(connections):
            yield f"weights of {kind} {number}", connection.weight, connection.weight_shape
    for name in ("threshold", "time_constant", "bias", *OF_NEURONS):
        if (tensor := getattr(network, name)) is not None:
            yield name, tensor, (network.shape.neurons,) if tensor.shape else ()

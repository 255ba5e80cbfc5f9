"""torch's modules, and equivalent ones of frameworks, as nodes of a graph.

Nodes are those of NIR and two more, which it lacks:

    BatchNorm   y = s x + t,  s = γ / √(σ² + ε),  t = β − μ s, as in evaluation
    MaxPool2d   of spikes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from codesign.models.nir.dialects.neuron_modules import array
from codesign.models.nir.frameworks import FRAMEWORKS, refusal
from codesign.models.nir.graph import NirNode

nn = torch.nn
_SCALERS = ("VoltageScaler", "ChannelVoltageScaler")
"""SpikingJelly's modules before and after the neurons that replace a ReLU."""
ALLOWED = (
    "Linear, Conv1d, Conv2d, AvgPool2d, AdaptiveAvgPool2d, SumPool2d, MaxPool2d, BatchNorm1d, BatchNorm2d, Flatten, "
    "Dropout, and SpikingJelly's VoltageScaler"
)


def torch_node(name: str, module: Any, given: torch.Tensor | None = None) -> NirNode | None:
    """The node of a module without neurons, which may depend on the size of its input; None if there is none."""
    kind = type(module).__name__
    if kind == "Lift" and type(module).__module__.startswith("norse."):  # which runs another module once per timestep
        return torch_node(name, module.lifted_module, None if given is None else given[0])
    if kind in _SCALERS and type(module).__module__.startswith("spikingjelly.") and given is not None:
        return _scaler(name, module, given.ndim - 1 - (module.step_mode == "m"))
    if isinstance(module, nn.Identity) or kind.startswith("Dropout"):
        return NirNode(name=name, kind="Pass")
    if not _is_plain(module):
        return None
    if isinstance(module, nn.Flatten):
        return NirNode(name=name, kind="Flatten")
    if isinstance(module, nn.Linear):
        return linear_node(name, array(module.weight), None if module.bias is None else array(module.bias))
    if kind == "LinearTorch":  # Rockpool's, source first
        return linear_node(name, array(module.weight).T, None if module.bias is None else array(module.bias))
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return _convolution(name, module)
    if isinstance(module, nn.AvgPool2d | nn.MaxPool2d) or kind == "SumPool2d":
        return _pool(name, module)
    if isinstance(module, nn.AdaptiveAvgPool2d) and given is not None:
        return _adaptive_pool(name, module, given.shape[-2:])
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return _batch_norm(name, module)
    return None


def _is_plain(module: Any) -> bool:
    """Whether it is a module of torch or a framework itself, and not of a derived class."""
    runs = next(each for each in type(module).__mro__ if {"forward", "_conv_forward"} & vars(each).keys())
    known = hasattr(nn, runs.__name__) or runs.__name__ == "LinearTorch"
    return runs.__module__.startswith("torch.nn.modules.") or (known and runs.__module__.split(".")[0] in FRAMEWORKS)


def linear_node(name: str, weight: Any, bias: Any) -> NirNode:
    numbers = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return NirNode(name=name, kind="Linear" if bias is None else "Affine", numbers=numbers)


def _convolution(name: str, module: Any) -> NirNode:
    if module.padding_mode != "zeros":
        raise refusal(name, module, f"padding_mode must be zeros, found {module.padding_mode}")
    numbers = {key: np.array(getattr(module, key)) for key in ("stride", "dilation", "groups")}
    texts = {"padding": module.padding} if isinstance(module.padding, str) else {}
    numbers |= {} if texts else {"padding": np.array(module.padding)}
    numbers["weight"] = array(module.weight)
    numbers["bias"] = np.zeros(len(module.weight)) if module.bias is None else array(module.bias)
    return NirNode(name=name, kind=f"Conv{len(module.kernel_size)}d", numbers=numbers, texts=texts)


def _pool(name: str, module: Any) -> NirNode:
    kind = {nn.AvgPool2d: "AvgPool2d", nn.MaxPool2d: "MaxPool2d"}
    usual = {"ceil_mode": False, "divisor_override": None, "dilation": 1, "return_indices": False}
    for key, value in usual.items():
        if getattr(module, key, value) != value:
            raise refusal(name, module, f"{key} must be {value}, found {getattr(module, key)}")
    sizes = {key: np.array(getattr(module, key, 0)) for key in ("kernel_size", "padding")}
    stride = module.kernel_size if module.stride is None else module.stride
    of_class = next((kind[each] for each in kind if isinstance(module, each)), "SumPool2d")
    return NirNode(name=name, kind=of_class, numbers=sizes | {"stride": np.array(stride)})


def _adaptive_pool(name: str, module: nn.AdaptiveAvgPool2d, size: Sequence[int]) -> NirNode:
    wanted = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,) * 2
    windows = [1 if into is None else whole / into for whole, into in zip(size, wanted, strict=True)]
    if any(window != int(window) for window in windows):
        raise refusal(name, module, f"output_size must divide {size[0]}×{size[1]}, found {module.output_size}")
    numbers = {"kernel_size": np.array(windows, dtype=int), "padding": np.zeros(2, dtype=int)}
    return NirNode(name=name, kind="AvgPool2d", numbers={**numbers, "stride": numbers["kernel_size"]})


def _scaler(name: str, module: Any, dimensions: int) -> NirNode:
    """A scale of data with this many dimensions, without samples and time."""
    scale = array(module.scale).ravel()
    if scale.size > 1 and module.channel_dim != 1:
        raise refusal(name, module, f"channel_dim must be 1, found {module.channel_dim}")
    shape = (-1, *[1] * (dimensions - 1)) if scale.size > 1 else (1,)
    return NirNode(name=name, kind="Scale", numbers={"scale": scale.reshape(shape)})


def _batch_norm(name: str, module: Any) -> NirNode:
    if module.running_mean is None or module.running_var is None:
        raise refusal(name, module, "has no running statistics, so its output depends on the batch")
    mean, variance = array(module.running_mean).astype(np.float64), array(module.running_var).astype(np.float64)
    scale = (1 if module.weight is None else array(module.weight)) / np.sqrt(variance + module.eps)
    shift = (0 if module.bias is None else array(module.bias)) - mean * scale
    return NirNode(name=name, kind="BatchNorm", numbers={"scale": scale, "shift": shift})

"""Access to the weights of a network for writing."""

from __future__ import annotations

from collections.abc import Callable

from codesign.deferred import torch
from codesign.errors import InputError


def own_weights(all_weights: Callable[[], list[torch.nn.Parameter]]) -> list[torch.nn.Parameter]:
    """`SpikingNetwork.all_weights`, for writing. Raises InputError if what is written to one would be lost or would
    change another, as with torch's pruning and parametrizations, or a parameter that two connections share."""
    weights = all_weights()
    for number, (one, again) in enumerate(zip(weights, all_weights(), strict=True)):
        shared = any(one is other for other in weights[:number])
        if shared or one is not again or not isinstance(one, torch.nn.Parameter):
            raise InputError(
                f"network: weight {number} must be a parameter of its own to be changed, found one that is shared or "
                "computed; torch's remove_parametrizations or prune.remove makes it one"
            )
    return weights

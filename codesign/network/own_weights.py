"""Weights of a network that can be written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from codesign.errors import InputError

if TYPE_CHECKING:
    import torch


def own_weights(all_weights: Callable[[], list[torch.nn.Parameter]]) -> list[torch.nn.Parameter]:
    """`SpikingNetwork.all_weights`, to be written to. Raises InputError where one is computed whenever it is looked at,
    as torch's parametrizations do: what is written would be lost."""
    weights = all_weights()
    for number, (one, again) in enumerate(zip(weights, all_weights(), strict=True)):
        if one is not again:
            raise InputError(
                f"network: weight {number} is computed from others, so it cannot be changed; "
                "torch.nn.utils.parametrize.remove_parametrizations makes it a parameter"
            )
    return weights

"""Weights of a network that can be written to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from codesign.deferred import torch
from codesign.errors import InputError


def own_weights(all_weights: Callable[[], list[torch.nn.Parameter]]) -> list[torch.nn.Parameter]:
    """`SpikingNetwork.all_weights`, to be written to. Raises InputError where one is computed whenever it is looked at,
    as torch's parametrizations do, or was computed once: what is written would be lost."""
    check_computed_once(all_weights)
    weights = all_weights()
    for number, (one, again) in enumerate(zip(weights, all_weights(), strict=True)):
        if one is not again:
            raise InputError(
                f"network: weight {number} is computed from others, so it cannot be changed; "
                "torch.nn.utils.parametrize.remove_parametrizations makes it a parameter"
            )
    return weights


def check_computed_once(all_weights: Callable[[], list[torch.nn.Parameter]]) -> None:
    """Raises InputError where a weight is neither a parameter nor computed whenever it is looked at, as torch's pruning
    leaves it: it does not follow what it was computed from, and nothing can be trained."""
    for number, (one, again) in enumerate(zip(all_weights(), all_weights(), strict=True)):
        if one is again and not isinstance(one, torch.nn.Parameter):
            raise InputError(
                f"network: weight {number} was computed from others and is no parameter, so it cannot be changed; "
                "torch.nn.utils.prune.remove makes a pruned one a parameter"
            )


def check_shared(weights: Sequence[torch.nn.Parameter], given: Sequence[ArrayLike], what: str) -> None:
    """Raises InputError, which says what is wrong, where a weight that connections share is given different things."""
    first: dict[torch.nn.Parameter, int] = {}
    for number, weight in enumerate(weights):
        at = first.setdefault(weight, number)
        if at != number and not np.array_equal(given[at], given[number]):
            raise InputError(f"network: weights {at} and {number} are the same parameter, {what}")

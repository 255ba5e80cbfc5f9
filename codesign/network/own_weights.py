"""Access to the weights of a network for writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from codesign.deferred import torch
from codesign.errors import InputError


def own_weights(
    all_weights: Callable[[], list[torch.nn.Parameter]], *, computed: bool = False
) -> list[torch.nn.Parameter]:
    """`SpikingNetwork.all_weights`, for writing. Raises InputError if what is written would be lost: if a weight is
    computed on every access, as with torch's parametrizations (unless `computed` allows these), or was computed once,
    as torch's pruning does, so that it does not even follow its source."""
    weights = all_weights()
    for number, (one, again) in enumerate(zip(weights, all_weights(), strict=True)):
        if one is not again and not computed:
            raise InputError(
                f"network: weight {number} is computed from others, so it cannot be changed; "
                "torch.nn.utils.parametrize.remove_parametrizations makes it a parameter"
            )
        if one is again and not isinstance(one, torch.nn.Parameter):
            raise InputError(
                f"network: weight {number} was computed from others and is no parameter, so it cannot be changed; "
                "torch.nn.utils.prune.remove makes a pruned one a parameter"
            )
    return weights


def check_shared(weights: Sequence[torch.nn.Parameter], given: Sequence[ArrayLike], what: str) -> None:
    """Raises InputError, with `what` as its text, if a weight that several connections share is given different
    values."""
    first: dict[torch.nn.Parameter, int] = {}
    for number, weight in enumerate(weights):
        at = first.setdefault(weight, number)
        if at != number and not np.array_equal(given[at], given[number]):
            raise InputError(f"network: weights {at} and {number} are the same parameter, {what}")

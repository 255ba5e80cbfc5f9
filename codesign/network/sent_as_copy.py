"""Networks on their way to another process."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Self

import torch

from codesign.network.neuron_numbers import type_of


class SentAsCopy(torch.nn.Module):
    """A module that is copied when it is sent to another process.

    Torch would share the memory of its tensors, so that training or quantizing it in place in one process would change
    it in all others, too.

    Its time constants stay float64 where all other buffers are converted, as by `float`: they give decays to the last
    bit.
    """

    def __init_subclass__(cls) -> None:
        ForkingPickler.register(cls, lambda module: (pickle.loads, (pickle.dumps(module),)))

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        exact = [one for one in self.named_buffers(recurse=False) if type_of(one[0]) == torch.float64]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in exact:
            if (made := getattr(self, name)).dtype != buffer.dtype:
                setattr(self, name, buffer.to(made.device))
        return self

"""Checking that modules receive the outputs of others like layers of a network: completely.

A module may take the whole output, or one part per timestep. Outputs that never change (the sample and what weights
make of it) may be taken whole once per timestep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """A tensor, the module that made it, and its version at that time."""

    by: str
    tensor: torch.Tensor
    version: int


@dataclass(kw_only=True)
class Timesteps:
    """The total output of each source, in numbers and in tensors (`calls`), and the sizes of the parts taken."""

    sizes: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    _taken: dict[tuple[str, str], list[tuple[int, bool]]] = field(default_factory=dict)

    def make(self, by: str, tensor: torch.Tensor) -> Made:
        """The next tensor of a source."""
        self.calls[by], self.sizes[by] = self.calls.get(by, 0) + 1, self.sizes.get(by, 0) + tensor.numel()
        return Made(by=by, tensor=tensor, version=tensor._version)

    def copy(self, by: str, copy: torch.Tensor) -> Made:
        """A copy of a part of a source, or several copies of it."""
        self.sizes[by] = max(self.sizes[by], copy.numel())
        return Made(by=by, tensor=copy, version=copy._version)

    def take(self, by: str, made: Made, view: torch.Tensor) -> None:
        """A module, or a sum, gets a view of what another made."""
        self._taken.setdefault((made.by, by), []).append((view.numel(), view.numel() >= made.tensor.numel()))

    def missed(self, changing: Iterable[str]) -> tuple[str, str] | None:
        """A source and a module that does not receive it like a layer would; None if all do. `changing` are neurons."""
        still: set[str] = {source for source, _ in self._taken} - {target for _, target in self._taken}
        for (source, target), parts in self._taken.items():  # in the order in which modules ran
            least = self.sizes[source] // self.calls[source]
            constant = source in still and all(whole and size >= least for size, whole in parts)
            if constant and target not in changing:
                still.add(target)
            if not constant:
                still.discard(target)
                if sum(size for size, _ in parts) != self.sizes[source]:
                    return source, target
        return None

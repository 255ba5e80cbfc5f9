"""Checking that modules receive the outputs of others like layers of a network: completely, each timestep once and in
order.

A module may take the whole output, or one part per timestep. The place of a part is (tensor of its source, offset).
Outputs that never change (the sample and what weights make of it) may be taken whole once per timestep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import torch

Place = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceTensor:
    """A tensor, the name of the module that made it, its version at that time, and its place in all outputs of that
    module."""

    name: str
    tensor: torch.Tensor
    version: int
    place: Place

    def place_of(self, view: torch.Tensor) -> Place:
        return self.place[0], self.place[1] + int(view.storage_offset() - self.tensor.storage_offset())


@dataclass(kw_only=True)
class Timesteps:
    """The total output of each source, in numbers and in tensors (`calls`), and the parts that were taken."""

    sizes: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    _taken: dict[tuple[str, str], list[tuple[Place, int, bool]]] = field(default_factory=dict)

    def make(self, name: str, tensor: torch.Tensor) -> SourceTensor:
        """The next tensor of a source."""
        call = self.calls.get(name, 0)
        self.calls[name], self.sizes[name] = call + 1, self.sizes.get(name, 0) + tensor.numel()
        return SourceTensor(name=name, tensor=tensor, version=tensor._version, place=(call, 0))

    def copy(self, source: SourceTensor, view: torch.Tensor, copy: torch.Tensor) -> SourceTensor:
        """A copy of a view, or several copies of it, in its place."""
        self.sizes[source.name] = max(self.sizes[source.name], copy.numel())
        return SourceTensor(name=source.name, tensor=copy, version=copy._version, place=source.place_of(view))

    def take(self, target: str, source: SourceTensor, view: torch.Tensor) -> None:
        """A module, or a sum, gets a view of what another made."""
        whole = view.numel() >= source.tensor.numel()
        self._taken.setdefault((source.name, target), []).append((source.place_of(view), view.numel(), whole))

    def missed(self, changing: Iterable[str]) -> tuple[str, str] | None:
        """A source and a module that does not receive it like a layer would; None if all do. `changing` are neurons."""
        still: set[str] = {source for source, _ in self._taken} - {target for _, target in self._taken}
        for (source, target), parts in self._taken.items():  # in the order in which modules ran
            least = self.sizes[source] // self.calls[source]
            constant = source in still and all(whole and size >= least for _, size, whole in parts)
            if constant and target not in changing:
                still.add(target)
            if not constant:
                still.discard(target)
                places = [place for place, _, _ in parts]
                once = all(before < place for before, place in pairwise(places))
                if not once or sum(size for _, size, _ in parts) != self.sizes[source]:
                    return source, target
        return None

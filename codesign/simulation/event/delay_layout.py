"""Memory layout of delayed connections, between fully connected layers: one row of target slots per source slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from codesign.network.connection import FurtherConnection
from codesign.simulation.event.arrays import Floats, Longs, aligned_zeros, longs
from codesign.simulation.event.layout import MemoryLayout, check_places
from codesign.simulation.event.structures import Delays
from codesign.simulation.event.vector import LANES


@dataclass(frozen=True)
class _Place:
    """One connection: (neurons,) slots of its sources and targets, counted from the first slot of their layer."""

    sources: Longs
    targets: Longs
    start: int
    shape: tuple[int, int]

    def of(self, weights: Floats) -> Floats:
        """(source slots, target slots) view of its part of the packed weights."""
        rows, columns = self.shape
        return weights[self.start : self.start + rows * columns].reshape(self.shape)


class DelayLayout:
    """The delayed connections of a network; holds no weights.

    Raises:
        InputError: they have more weights than an int32 can index.
    """

    def __init__(self, layout: MemoryLayout) -> None:
        self.shape, self.slots = layout.shape, layout.slots
        inputs, wiring = self.shape.input_size, layout.wiring
        ends = zip(self.shape.starts, self.shape.starts[1:], strict=False)
        slots = [wiring.source_slot[inputs + start : inputs + end].astype(np.int64) for start, end in ends]
        self._first = [int(wiring.position_slot[position]) for position in wiring.layer_positions[:-1]]
        self._width = np.diff(wiring.layer_positions) * wiring.layer_width
        self._places: list[_Place] = []
        self.weights = 0
        for one in self.shape.delayed:
            sources, targets = (slots[layer] - self._first[layer] for layer in (one.source, one.target))
            size = int(self._width[one.source]), int(self._width[one.target])
            self._places.append(_Place(sources, targets, self.weights, size))
            self.weights += size[0] * size[1]
        check_places({"weights of delayed connections, padded to vectors,": self.weights})

    def delays(self, connections: Sequence[FurtherConnection]) -> Delays:
        """The connections in the form that kernels take."""
        packed = aligned_zeros(self.weights)
        for place, one in zip(self._places, connections, strict=True):
            place.of(packed)[np.ix_(place.sources, place.targets)] = one.weight.detach().numpy().T
        widths = [place.shape[0] for place in self._places]
        return Delays(
            delay=longs([one.delay for one in self.shape.delayed]),
            source_slot=longs([self._first[one.source] for one in self.shape.delayed]),
            source_width=longs(widths),
            target=longs([one.target for one in self.shape.delayed]),
            target_slot=longs([self._first[one.target] for one in self.shape.delayed]),
            target_width=longs([place.shape[1] for place in self._places]),
            begin=longs(np.cumsum([0, *widths])[:-1]),
            start=longs([place.start for place in self._places]),
            weights=packed,
        )

    def unpack_gradient(self, gradient: Floats) -> list[torch.Tensor]:
        """Gradients of packed weights in the shapes of the network's weights."""
        parts = [place.of(gradient)[np.ix_(place.sources, place.targets)].T for place in self._places]
        return [torch.from_numpy(np.ascontiguousarray(part)) for part in parts]

    def sizes(self) -> dict[str, int]:
        """Of the arrays of `Late`."""
        widths = [place.shape[0] for place in self._places]
        slots = self.slots if widths else 0
        return {
            "delayed connections": len(widths),
            "delayed slots": slots,
            "late slots": slots * (1 + max((one.delay for one in self.shape.delayed), default=0)),
            "late sources": sum(widths),
            "late widest": max(widths, default=LANES),
        }

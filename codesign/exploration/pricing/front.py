"""The Pareto front of a stream of priced points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.pareto import Direction, pareto_front

__all__ = ["StreamingFront"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 16_384


class StreamingFront:
    """The points that no other beats, of all that were added so far.

    A point that is beaten within some block is beaten in the whole, and one that beats a point on the front takes its
    place, so that the front does not depend on how points are cut into blocks.

    Args:
        directions: (k,) of the objectives.
    """

    def __init__(self, directions: Sequence[Direction]) -> None:
        self._directions = tuple(directions)
        self.values: Floats = np.empty((0, len(self._directions)))
        self.ids: Integers = np.empty((0, 2), dtype=np.int64)

    def add(self, values: Floats, ids: Integers) -> None:
        """Add points.

        Args:
            values: (n, k) objectives; a point with one that is not finite takes no part.
            ids: (n, 2) recipe and number of each point.
        """
        for first in range(0, len(values), _BLOCK):
            part = slice(first, first + _BLOCK)
            best = pareto_front(values[part], self._directions)
            self.values = np.concatenate([self.values, values[part][best]])
            self.ids = np.concatenate([self.ids, ids[part][best]])
            kept = pareto_front(self.values, self._directions)
            self.values, self.ids = self.values[kept], self.ids[kept]

    def sort(self) -> None:
        """Order by number and recipe."""
        order = np.lexsort((self.ids[:, 0], self.ids[:, 1]))
        self.values, self.ids = self.values[order], self.ids[order]

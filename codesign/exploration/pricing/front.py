"""What is kept of a stream of priced points: the Pareto front, exactly, and a histogram of energy and latency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.pareto import Direction, pareto_front

__all__ = ["BINS_A_DECADE", "Density", "StreamingFront"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BINS_A_DECADE = 50
"""Bins of a histogram between 1 and 10."""

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


class Density:
    """How many points have which energy and latency, in bins of equal ratio. Zeros have no logarithm and are left out.

    Attributes:
        counts: points by bin (latency, energy); bin b holds values from 10^(b / BINS_A_DECADE) on.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[int, int], int] = {}

    def add(self, latency_s: Floats, energy_j: Floats) -> None:
        """Add n points, (n,) each, in seconds and joules; those that are not known are left out."""
        known = (latency_s > 0) & (energy_j > 0)
        bins = [np.floor(np.log10(values[known]) * BINS_A_DECADE).astype(np.int64) for values in (latency_s, energy_j)]
        pairs = (bins[0] << 20) + bins[1]  # energies lie within 10^±10,000
        codes, counts = np.unique(pairs, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            low = ((code + (1 << 19)) & ((1 << 20) - 1)) - (1 << 19)
            at = ((code - low) >> 20, low)
            self.counts[at] = self.counts.get(at, 0) + count

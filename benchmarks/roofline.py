"""How fast rows of weights can be added at all: the limit of synaptic operations a second on these cores.

Random rows of an array as large as a shape's weights, as wide as its hidden layers, are added into one row of
accumulators, eight rows a pass. Nothing else is done: no neuron, no queue, no order.
"""

from __future__ import annotations

import threading

import numpy as np
from numba import njit
from numpy.typing import NDArray
from shapes import Shape

_INDICES = 1 << 16
_REPEATS = 8


@njit(nogil=True, fastmath=True, boundscheck=False)
def _add_rows(weights: NDArray[np.float32], rows: NDArray[np.int32], repeats: int, total: NDArray[np.float32]) -> None:
    width = weights.shape[1]
    for _ in range(repeats):
        for i in range(0, len(rows) - 7, 8):
            a, b, c, d = weights[rows[i]], weights[rows[i + 1]], weights[rows[i + 2]], weights[rows[i + 3]]
            e, f, g, h = weights[rows[i + 4]], weights[rows[i + 5]], weights[rows[i + 6]], weights[rows[i + 7]]
            for column in range(width):
                low = (a[column] + b[column]) + (c[column] + d[column])
                high = (e[column] + f[column]) + (g[column] + h[column])
                total[column] += low + high


class Roofline:
    """The additions for one shape on a number of threads, each with indices and accumulators of its own.

    Attributes:
        additions: floats added by one `run`.
    """

    def __init__(self, shape: Shape, threads: int) -> None:
        random = np.random.default_rng(5)
        width = shape.sizes[1]
        rows = sum(shape.sizes[:-1])
        self._weights = random.random((rows, width), dtype=np.float32)
        self._rows = [random.integers(0, rows, _INDICES, dtype=np.int32) for _ in range(threads)]
        self._totals = [np.zeros(width, dtype=np.float32) for _ in range(threads)]
        self.additions = threads * _INDICES * _REPEATS * width

    def run(self) -> None:
        others = [threading.Thread(target=self._add, args=(thread,)) for thread in range(1, len(self._rows))]
        for thread in others:
            thread.start()
        self._add(0)
        for thread in others:
            thread.join()

    def _add(self, thread: int) -> None:
        self._totals[thread][:] = 0
        _add_rows(self._weights, self._rows[thread], _REPEATS, self._totals[thread])

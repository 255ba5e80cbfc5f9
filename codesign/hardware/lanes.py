"""How the targets of messages fill the lanes of a core.

Lanes are banks: lane i mod L serves neuron i of a part, and a message takes as many cycles as its fullest bank has
targets. Targets that lie side by side, as those of a fully connected layer, take ⌈f / L⌉; scattered ones take
more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.geometry import Geometry
from codesign.hardware.reach import reach_of
from codesign.network.cuts import CUTS, Cut, cut_order, cut_rank
from codesign.network.topology import NetworkShape
from codesign.network.window import Window
from codesign.simulation.execution import Slice

__all__ = ["MessageCycles", "fullest_bank", "lane_operations", "message_cycles", "window_targets"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MOST_PLACES = 1024
"""Places of a convolution's source that are looked at; of a larger source so many, evenly spread."""


def lane_operations(work: Floats, chip: Chip) -> Floats:
    """ceil(work / vector width); with `all` lanes any work takes one operation."""
    assert chip.vector_width is not None
    lanes = chip.vector_width.value
    if lanes == "all":
        return (work > 0).astype(np.float64)
    return np.asarray(np.ceil(work / lanes - 1e-9))  # a share such as 64 · (1/3 + 2/3) must not round up to 65


def fullest_bank(targets: Integers, lanes: int) -> Integers:
    """(n,) targets of n messages in the fullest of their banks, from (n, k) numbers of neurons; negative is none."""
    rows, _ = np.nonzero(targets >= 0)
    banks = targets[targets >= 0] % lanes
    counts = np.bincount(rows * lanes + banks, minlength=len(targets) * lanes)
    return np.asarray(counts.reshape(len(targets), lanes).max(axis=1), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class MessageCycles:
    """What one message of each of S sources of `Reach` meets in each of P parts, in the mean.

    Attributes:
        synapses: (S, P) targets; on a crossbar all of the core's neurons; 0 in parts that it does not go to.
        cycles: (S, P) operations of all lanes together that they take.
    """

    synapses: Floats
    cycles: Floats

    def per_message(self, synapses: Floats, source: Integers) -> Floats:
        """(n,) how many mean messages of its source (n,) each of n amounts of synapses is."""
        mean = self.synapses.sum(axis=1)[source]
        return np.asarray(np.divide(synapses, mean, out=np.zeros(len(mean)), where=mean > 0))


def message_cycles(shape: NetworkShape, geometry: Geometry, slices: tuple[Slice, ...], lanes: int) -> MessageCycles:
    """Synapses and cycles of messages, from the connections of the layers, as means over the neurons of a source."""
    reach = reach_of(shape, slices, geometry.parts)
    goes = reach.share
    synapses, cycles = np.zeros((2, *goes.shape))
    starts: dict[int, int] = {}
    runs: list[tuple[int, Cut, int, int]] = [(0, CUTS[0], 0, shape.input_size)]
    for part in slices:
        first = starts.setdefault(part.layer, 0)
        starts[part.layer] += part.neurons
        runs.append((part.layer + 1, part.cut, first, part.neurons))
    behind = slice(len(runs), None)
    late = [(int(to), *runs[1 + part][1:]) for part, to in zip(reach.origin[behind], reach.layer[behind], strict=True)]
    windows = [None] * len(shape.delayed) + [one.window for one in shape.direct]
    counts = [[-1, *(part.layer for part in slices)].count(one.source) for one in shape.further]
    of_late = [window for window, count in zip(windows, counts, strict=True) for _ in range(count)]
    for source, (layer, cut, first, count) in enumerate(runs + late):
        begin = 0
        for part in geometry.parts_of(layer):
            neurons = int(geometry.neurons[part])
            window = shape.layers[layer].window if source < len(runs) else of_late[source - len(runs)]
            window = None if window is None or window.complete else window
            if geometry.occupied[part] or window is None:
                reached = float(geometry.occupied[part] or neurons)
                found = goes[source, part] * reached, goes[source, part] * float(np.ceil(reached / lanes))
            else:
                into = geometry.parts[part].cut
                found = _of_window(window, lanes, (into, begin, neurons), (cut, first, count))
            synapses[source, part], cycles[source, part] = found
            begin += neurons
    return MessageCycles(synapses=synapses, cycles=cycles)


@lru_cache(maxsize=4096)
def _of_window(
    window: Window, lanes: int, part: tuple[Cut, int, int], run: tuple[Cut, int, int]
) -> tuple[float, float]:
    """Mean synapses and cycles of messages of `run` in `part`, each a cut, the first neuron in it and their number."""
    (into, begin, neurons), (cut, first, count) = part, run
    own = cut_order(window.source, cut)[first : first + count]
    channel, source = np.divmod(own, window.rows.length * window.columns.length)
    row, column = np.divmod(source, window.columns.length)
    row, column = row // window.rows.pool, column // window.columns.pool
    held = (row < window.rows.places) & (column < window.columns.places)
    group = channel // (window.channels // window.groups)
    place = (group * window.rows.places + row) * window.columns.places + column
    of_place = np.bincount(place[held])
    reaching = float(held.sum()) / len(held)
    if not reaching:
        return 0.0, 0.0
    places = np.flatnonzero(of_place)
    places = places[np.unique(np.linspace(0, len(places) - 1, _MOST_PLACES).astype(np.int64))]
    weights = of_place[places] / of_place[places].sum()
    targets = window_targets(window, places)
    targets = np.where(targets < 0, -1, cut_rank(window.grid, into)[targets] - begin)
    targets[(targets < 0) | (targets >= neurons)] = -1
    synapses, cycles = (targets >= 0).sum(axis=1), fullest_bank(targets, lanes)
    return float(weights @ synapses) * reaching, float(weights @ cycles) * reaching


def window_targets(window: Window, places: Integers) -> Integers:
    """(n, k) neurons of the layer that a spike at each of n places reaches, or −1.

    A place is (group · rows + row) · columns + column of the grid that pools make of the source's.
    """
    place, column = np.divmod(places, window.columns.places)
    group, row = np.divmod(place, window.rows.places)
    rows, columns = window.rows.seen_by(row), window.columns.seen_by(column)
    _, height, width = window.grid
    on_map = rows[:, :, None] * width + columns[:, None, :]
    seen = (rows[:, :, None] >= 0) & (columns[:, None, :] >= 0)
    channels = window.out_channels // window.groups
    channel = group[:, None] * channels + np.arange(channels)
    first = channel[:, :, None, None] * height * width
    return np.asarray(np.where(seen[:, None], first + on_map[:, None], -1).reshape(len(places), -1))

"""Which parts of a placed network a message goes to: those that hold a target of the neuron that sends it.

In a fully connected layer these are all parts; a neuron before a convolution has its targets near its own place, and
behind a grouped one only in its own group's channels. Means over the neurons of a part say enough, since executions do
not tell which of them fired.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.filling import PlacedPart
from codesign.network.cuts import CUTS, Cut, cut_order, targets_of_runs
from codesign.network.topology import NetworkShape
from codesign.network.window import Window
from codesign.simulation.execution import Slice
from codesign.simulation.late_messages import first_of_direct, late_sources

__all__ = ["Reach", "reach_of"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Reach(NamedTuple):
    """What P parts of a network see of S + 1 + D sources: 0 the input, 1 + slice, and then D further ones, which are
    slices, or the input, whose spikes go over a delayed or a direct connection.

    Attributes:
        share: (S + 1 + D, P) share of a source's neurons that have a target in the part, and so send it their messages.
        synapses: (S + 1 + D, P) mean targets of one of its neurons there.
        origin: (S + 1 + D,) slice of each source; −1 for the input.
        layer: (S + 1 + D,) layer that it reaches; L for what output neurons send.
    """

    share: Floats
    synapses: Floats
    origin: Integers
    layer: Integers

    def messages_per_spike(self) -> Floats:
        """(S,) messages that a spike of each slice is sent as, in the mean."""
        of_slices = self.origin >= 0
        return np.asarray(np.bincount(self.origin[of_slices], self.share.sum(axis=1)[of_slices]), dtype=np.float64)


def reach_of(
    shape: NetworkShape, slices: tuple[Slice, ...] | tuple[PlacedPart, ...], parts: tuple[PlacedPart, ...]
) -> Reach:
    """Reach of slices in parts, the parts themselves or others; each layer's are in the order of its cut."""
    sources = [(0, shape.input_size), *((part.layer + 1, part.neurons) for part in slices)]
    late = late_sources(shape, tuple(part.layer for part in slices))
    cuts = {0: CUTS[0], **{part.layer + 1: part.cut for part in slices}}
    reached = np.array([*(layer for layer, _ in sources), *(layer for _, layer in late)], dtype=np.int64)
    sizes, of_part = np.array([(part.neurons, part.layer) for part in parts]).T
    share, synapses = (np.zeros((len(reached), len(parts))) for _ in range(2))
    for number, layer in enumerate(shape.layers):
        rows = slice(*np.searchsorted(reached[: len(sources)], [number, number + 1]))
        columns = slice(*np.searchsorted(of_part, [number, number + 1]))
        runs, into = tuple(neurons for _, neurons in sources[rows]), tuple(sizes[columns].tolist())
        if layer.window is None or layer.window.complete:
            share[rows, columns], synapses[rows, columns] = 1.0, into
        else:
            cut = parts[columns.start].cut
            share[rows, columns], synapses[rows, columns] = _through(layer.window, cuts[number], runs, cut, into)
    behind = slice(len(sources), None)
    share[behind] = of_part == reached[behind, None]
    synapses[behind] = share[behind] * sizes
    firsts = first_of_direct(shape, tuple(part.layer for part in slices))
    for one, first in zip(shape.direct, firsts, strict=True):
        if one.window is not None and not one.window.complete:
            runs = tuple(neurons for layer, neurons in sources if layer == one.source + 1)
            rows = slice(first, first + len(runs))
            columns = slice(*np.searchsorted(of_part, [one.target, one.target + 1]))
            cut, into = parts[columns.start].cut, tuple(sizes[columns].tolist())
            found = _through(one.window, cuts[one.source + 1], runs, cut, into)
            share[rows, columns], synapses[rows, columns] = found
    origin = np.array([*range(-1, len(slices)), *(number for number, _ in late)], dtype=np.int64)
    return Reach(share=share, synapses=synapses, origin=origin, layer=reached)


@lru_cache(maxsize=64)
def _through(
    window: Window, cut: Cut, sources: tuple[int, ...], into: Cut, parts: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """(sources, parts) share and synapses, of runs of neurons on both sides of a window that are so long."""
    from scipy.sparse import csr_array

    targets, places = targets_of_runs(window, into, parts), window.rows.places * window.columns.places
    held = window.held()[cut_order(window.source, cut)]
    source, held = np.repeat(np.arange(len(sources)), sources)[held >= 0], held[held >= 0]
    channel, place = np.divmod(held, places)
    place += channel // (window.channels // window.groups) * places
    ones = np.ones(len(source), dtype=np.int64)
    neurons = csr_array((ones, (source, place)), shape=(len(sources), targets.shape[0]))
    reached, sizes = targets.astype(bool).astype(np.int64), np.array(sources)[:, None]
    return (neurons @ reached).toarray() / sizes, (neurons @ targets).toarray() / sizes

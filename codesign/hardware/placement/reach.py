"""Which parts of a placed network a message goes to: those that hold a target of the neuron that sends it.

In a fully connected layer these are all parts; a neuron before a convolution has its targets near its own place and,
with groups, only in its own group's channels. Means over the neurons of a part are sufficient, since executions do not
tell which of them fired.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from codesign.arrays import Flags, Floats, Integers
from codesign.network.cuts import CUTS, Cut, places_of_runs, targets_of_runs
from codesign.network.topology import NetworkShape
from codesign.network.window import Window
from codesign.simulation.execution import Slice
from codesign.simulation.further_messages import first_of_direct, further_sources


class Reach(NamedTuple):
    """What P parts of a network see of S + 1 + D sources: 0 is the input, 1 + slice, followed by D further sources,
    which are slices, or the input, that send over a delayed or a direct connection.

    Attributes:
        share: (S + 1 + D, P) share of a source's neurons that have a target in the part, and therefore send it their
            messages.
        synapses: (S + 1 + D, P) mean number of targets there of one of its neurons.
        origin: (S + 1 + D,) slice of each source; −1 for the input.
        layer: (S + 1 + D,) target layer; L for what output neurons send.
        delayed: (S + 1 + D,) whether its messages arrive in a later timestep.
    """

    share: Floats
    synapses: Floats
    origin: Integers
    layer: Integers
    delayed: Flags

    def messages_per_spike(self) -> Floats:
        """(S,) mean number of messages per spike of each slice."""
        of_slices = self.origin >= 0
        return np.asarray(np.bincount(self.origin[of_slices], self.share.sum(axis=1)[of_slices]), dtype=np.float64)


def reach_of(shape: NetworkShape, slices: tuple[Slice, ...], parts: tuple[Slice, ...]) -> Reach:
    """Reach of slices in parts; slices may be the parts themselves. Each layer's are in the order of its cut."""
    sources = [(0, shape.input_size), *((part.layer + 1, part.neurons) for part in slices)]
    further = further_sources(shape, slices)
    reached = np.array([*(layer for layer, _ in sources), *(one.target for _, one in further)], dtype=np.int64)
    sizes, of_part = np.array([(part.neurons, part.layer) for part in parts]).T
    share: Floats = (of_part == reached[:, None]).astype(np.float64)
    synapses = share * sizes
    for block in window_blocks(shape, slices, parts):
        targets, neurons = targets_of_runs(*block.into), places_of_runs(*block.sources)
        count = np.array(block.sources[2])[:, None]
        share[block.place] = (neurons @ targets.astype(bool).astype(np.int64)).toarray() / count
        synapses[block.place] = (neurons @ targets).toarray() / count
    origin = np.array([*range(-1, len(slices)), *(number for number, _ in further)], dtype=np.int64)
    delayed = np.array([*[False] * len(sources), *(one.delay > 0 for _, one in further)])
    return Reach(share=share, synapses=synapses, origin=origin, layer=reached, delayed=delayed)


class WindowBlock(NamedTuple):
    """A block of rows (sources) and columns (parts) of `Reach` that a window connects, such that not all neurons see
    each other: the window, and the cut and runs of both sides."""

    place: tuple[slice, slice]
    sources: tuple[Window, Cut, tuple[int, ...]]
    into: tuple[Window, Cut, tuple[int, ...]]


def window_blocks(shape: NetworkShape, slices: tuple[Slice, ...], parts: tuple[Slice, ...]) -> Iterator[WindowBlock]:
    """All window blocks of a network, for connections to the next layer and direct ones."""
    cuts = {0: CUTS[0], **{part.layer + 1: part.cut for part in slices}}
    layers = np.array([0, *(part.layer + 1 for part in slices)])
    neurons = (shape.input_size, *(part.neurons for part in slices))
    firsts = first_of_direct(shape, slices)
    ways = [
        *((number, number, None, layer.window) for number, layer in enumerate(shape.layers)),
        *((one.source + 1, one.target, first, one.window) for one, first in zip(shape.direct, firsts, strict=True)),
    ]
    of_part = np.array([part.layer for part in parts])
    for source, target, first, window in ways:
        if window is None or window.complete:
            continue
        rows = slice(*np.searchsorted(layers, [source, source + 1]).tolist())
        columns = slice(*np.searchsorted(of_part, [target, target + 1]).tolist())
        runs, into = neurons[rows], tuple(part.neurons for part in parts[columns])
        yield WindowBlock(
            place=(rows if first is None else slice(first, first + len(runs)), columns),
            sources=(window, cuts[source], runs),
            into=(window, parts[columns.start].cut, into),
        )

"""How the targets of messages fill the lanes of a core.

Lanes are banks: lane i mod L serves neuron i of a part, and a message takes as many cycles as its fullest bank has
targets. Adjacent targets, as in a fully connected layer, take ⌈f / L⌉ cycles; scattered ones take more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from codesign.arrays import Floats
from codesign.hardware.chip.description import Chip
from codesign.hardware.placement.geometry import Geometry
from codesign.hardware.placement.reach import reach_of, window_blocks
from codesign.network.cuts import Cut, fullest_banks, places_of_runs, targets_of_runs
from codesign.network.topology import NetworkShape
from codesign.network.window import Window
from codesign.simulation.execution import Slice


def lane_operations(work: Floats, chip: Chip) -> Floats:
    """ceil(work / vector width); with `all` lanes any work takes one operation."""
    assert chip.vector_width is not None
    lanes = chip.vector_width.value
    if lanes == "all":
        return (work > 0).astype(np.float64)
    return np.asarray(np.ceil(work / lanes - 1e-9))  # a share such as 64 · (1/3 + 2/3) must not round up to 65


@dataclass(frozen=True, kw_only=True)
class MessageCycles:
    """(S, P) mean targets of one message of each of S sources of `Reach` in each of P parts, and the operations of all
    lanes together that they take. On a crossbar all of a core's neurons are targets."""

    synapses: Floats
    cycles: Floats


def message_cycles(
    shape: NetworkShape, geometry: Geometry, slices: tuple[Slice, ...], lanes: int | Literal["all"], *, banks: bool
) -> MessageCycles:
    """Synapses and cycles of messages, from the connections of the layers, as means over the neurons of a source. If
    lanes are not `banks`, f targets take ⌈f / L⌉ cycles, wherever they are."""
    reach, neurons = reach_of(shape, slices, geometry.parts), np.maximum(geometry.occupied, geometry.neurons)
    each = np.ones(len(neurons)) if lanes == "all" else np.ceil(neurons / lanes)
    synapses, cycles = reach.share * neurons, reach.share * each
    if not geometry.occupied.any():
        for block in window_blocks(shape, slices, geometry.parts):
            synapses[block.place] = reach.synapses[block.place]
            if lanes != "all":
                of_places = fullest_banks(*block.into, lanes) if banks else _side_by_side(*block.into, lanes)
                of_run = places_of_runs(*block.sources) @ of_places
                cycles[block.place] = of_run.toarray() / np.array(block.sources[2])[:, None]
    return MessageCycles(synapses=synapses, cycles=cycles)


def _side_by_side(window: Window, cut: Cut, runs: tuple[int, ...], lanes: int) -> Any:
    """(groups · places, P) cycles of the targets of each place in each run if lanes could serve them in any order."""
    targets = targets_of_runs(window, cut, runs).copy()
    targets.data = -(-targets.data // lanes)
    return targets

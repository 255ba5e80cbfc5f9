"""Allocating the structures that kernels work in: zeroed, and aligned where vectors are loaded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from codesign.simulation.event.arrays import made
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.structures import Counters, Trace
from codesign.simulation.event.vector import BLOCK, LANES
from codesign.simulation.event.working_memory import AT_ONCE, EARLY, State
from codesign.simulation.recording import CONVERGENCE_STEPS, CURRENT_BINS


def new_state(layout: MemoryLayout, slices: int, further: Mapping[str, int]) -> State:
    """Working memory for one thread; `further` has the sizes of delayed and direct connections."""
    sources, layers = layout.sources, len(layout.shape.layers)
    blocks = AT_ONCE * -(-max(layout.widths) // BLOCK)
    sizes = {
        "slots": layout.slots,
        "positions": layout.positions,
        "sources": sources,
        "sources and one": sources + 1,
        "sources and a vector": sources + LANES,
        "sources and vectors": sources + 5 * LANES,
        "inputs": layout.shape.input_size,
        "neurons": layout.shape.neurons,
        "layers": layers,
        "layers and one": layers + 1,
        "classes": layout.shape.layers[-1].neurons,
        "windows": 0 if layout.max_pools is None else int(layout.max_pools.max()) + 1,
        "blocks": blocks,
        "values": blocks * BLOCK,
        "slices": slices,
        "senders": slices + 1,
        "early": (slices + 1) * EARLY,
    }
    state = made(State, {**sizes, **further})
    state.cells.alive[:] = 1
    return state


def new_trace(words: int, potentials: int) -> Trace:
    """Room for at least that many words and potentials; the system assigns pages as they are written."""
    memory = np.empty(words, dtype=np.int32)
    raw = np.empty(potentials + LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return Trace(words=memory, words_as_float=memory.view(np.float32), potentials=raw[start : start + potentials])


def new_counters(samples: int, timesteps: int, classes: int, layers: int, slices: int) -> Counters:
    """Zeroed counters of a batch, with no room in the tables; all empty for `samples` = 0."""
    sizes = {"samples": samples, "timesteps": timesteps, "classes": classes, "layers": layers, "slices": slices}
    return made(Counters, {**sizes, "rows": 0, "bins": CURRENT_BINS, "settled": CONVERGENCE_STEPS})

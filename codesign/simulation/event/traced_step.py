"""A trace: the words of each forward step precede those of the next, and a footer counts them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.structures import POTENTIALS
from codesign.simulation.event.vector import unsigned_index

FOOTER = 3
"""Words at the end of each step of a trace: number of sources chosen, of positions evaluated, of places left in the
group."""


class TracedStep(NamedTuple):
    """The place of a forward step in the trace, and what it did."""

    positions_at: int  # first of its positions in the words
    potentials_at: int  # first of their potentials
    potentials_end: int  # after the last of them
    reached: int  # positions evaluated
    chosen: int  # sources that left
    room: int  # places left in the group
    kept_at: int  # first of their spikes, if traced
    shares_at: int  # first of the shares that dropout kept, if traced


@leaf
def append(out: Any, numbers: Any) -> Any:
    """Append numbers to a trace's potentials; return whether there was room."""
    at, kept = out.ends[POTENTIALS], out.trace.potentials
    if at + len(numbers) > len(kept):
        return False
    for i in range(len(numbers)):
        kept[at + i] = numbers[i]
    out.ends[POTENTIALS] = at + len(numbers)
    return True


@leaf
def find_step(wiring: Any, rules: Any, words: Any, words_at: Any, potentials_at: Any) -> Any:
    """The step that ends at the given places of the trace."""
    words_at -= FOOTER
    chosen = unsigned_index(words[words_at])
    reached = unsigned_index(words[words_at + 1])
    room = unsigned_index(words[words_at + 2])
    shares_at = words_at - chosen if rules.shared else words_at
    kept_at = shares_at if rules.single_spikes else shares_at - chosen
    positions_at = kept_at - chosen - reached
    potentials_end = potentials_at
    for i in range(reached):
        position = unsigned_index(words[np.uint64(positions_at + i)])
        potentials_at -= wiring.layer_width[unsigned_index(wiring.position_layer[position])]
    return TracedStep(positions_at, potentials_at, potentials_end, reached, chosen, room, kept_at, shares_at)

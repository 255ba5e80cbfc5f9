"""One forward step as a trace has it: words of a step lie before those of the next, and its footer says how many."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import unsigned_index

FOOTER = 3
"""Words behind each step of a trace: how many sources were chosen, positions evaluated, places left in the group."""


class TracedStep(NamedTuple):
    """Where a forward step lies in the trace, and what it did."""

    positions_at: int  # first of its positions among the words
    potentials_at: int  # first of their potentials
    potentials_end: int  # behind the last of them
    reached: int  # positions evaluated
    chosen: int  # sources that left
    room: int  # places left in the group
    kept_at: int  # first of their spikes, if these are in the trace
    shares_at: int  # first of the shares that dropout kept, if these are


@leaf
def find_step(wiring: Any, rules: Any, words: Any, words_at: Any, potentials_at: Any) -> Any:
    """The step that ends at these places of the trace."""
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

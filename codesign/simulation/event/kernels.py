"""The compiled entry point: runs consecutive samples forwards, backwards, or both while the trace is in cache."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from codesign.simulation.event.backward import backward_sample
from codesign.simulation.event.compilation import kernel, routine
from codesign.simulation.event.evaluation import Moment
from codesign.simulation.event.forward import DONE, run_sample
from codesign.simulation.event.held import Held, hold
from codesign.simulation.event.loss import cost_gradient, cross_entropy
from codesign.simulation.event.neuron import NeuronSlots
from codesign.simulation.event.propagation import Frame
from codesign.simulation.event.rows import add_and_clear
from codesign.simulation.event.sections import CompiledEntry, have, needed
from codesign.simulation.event.structures import (
    MESSAGES,
    POTENTIALS,
    STATUS,
    UPDATES,
    WORDS,
    Input,
    Network,
    Out,
    Rules,
)
from codesign.simulation.event.working_memory import State

FORWARD, BACKWARD, LEARN, AGAIN = range(4)
"""What to do with a sample: run it; replay a recorded run and add its gradients; run it and add the gradients of its
cross-entropy; run it and add gradients that start from given ones."""


@kernel
def process_samples(
    task: Any, first: Any, last: Any, network: Any, rules: Any, input_: Any, state: Any, out: Any
) -> Any:
    """`process`, compiled."""
    network, rules, input_, state, out = hold(network), hold(rules), hold(input_), hold(state), hold(out)
    ends = out.ends
    for sample in range(first, last):
        if task in (LEARN, AGAIN):
            ends[WORDS] = 0
            ends[POTENTIALS] = 0
        if task == BACKWARD:
            ends[WORDS] = out.sample_ends[sample, 0]
            ends[POTENTIALS] = out.sample_ends[sample, 1]
        else:
            before = ends[WORDS], ends[POTENTIALS], ends[MESSAGES], ends[UPDATES]
            ends[STATUS] = run_sample(network, rules, input_, sample, state, out)
            if ends[STATUS] != DONE:
                ends[WORDS], ends[POTENTIALS], ends[MESSAGES], ends[UPDATES] = before
                return sample
            if rules.traced:
                out.sample_ends[sample, 0] = ends[WORDS]
                out.sample_ends[sample, 1] = ends[POTENTIALS]
        if task == LEARN:
            cross_entropy(out.scores, sample, input_.labels[sample], out.learning)
            if rules.charged:
                cost_gradient(out.charges, sample, out.learning)
        if task != FORWARD:
            backward_sample(network, rules, input_, sample, state, out)
            for end in out.learning.chunk_ends:
                if sample + 1 == end:
                    _add_up(out.learning.sums, out.learning.totals)
    return last


@routine
def _add_up(sums: Any, totals: Any) -> None:
    """Add a chunk's gradients to the totals and clear them for the next chunk."""
    add_and_clear(sums.weights, totals.weights)
    add_and_clear(sums.delayed, totals.delayed)
    add_and_clear(sums.direct, totals.direct)
    add_and_clear(sums.bias, totals.bias)
    add_and_clear(sums.threshold, totals.threshold)
    add_and_clear(sums.decay, totals.decay)


_ENTRY = CompiledEntry(process_samples)
_FLAGS = NeuronSlots._fields.index("subtracts")
_ready: dict[tuple[Any, ...], Any] = {}  # entry points by task and rules, for combinations that have run before


def process(task: int, first: int, last: int, structures: tuple[Network, Rules, Input, State, Out]) -> int:
    """Process samples `first` to `last` − 1; return the first unfinished one (`last` if none). `Out.ends` says why.

    Args:
        task: FORWARD, BACKWARD, LEARN or AGAIN.
    """
    rules, neuron = structures[1], structures[0].neuron
    what = task, rules[1:], neuron[_FLAGS:]  # everything that decides which sections are needed
    if what in _ready:
        found: int = _ready[what](task, first, last, *structures)
        return found
    ahead = needed(rules, neuron, back=False) if task != BACKWARD else []
    back = needed(rules, neuron, back=True) if task != FORWARD else []
    have([*ahead, _ENTRY, *back], lambda: _kinds(structures))  # the largest sections are at either end
    reached: int = process_samples(task, first, last, *structures)
    # Numba inspects the types of all arrays before each call, which takes as long as a few samples: do it only once.
    (_ready[what],) = (one.entry_point for one in process_samples.overloads.values())
    return reached


def _kinds(structures: tuple[Network, Rules, Input, State, Out]) -> dict[str, Any]:
    """Types of the arguments of sections, by parameter name."""
    held = [Held(numba.typeof(structure)) for structure in structures]
    names = "network", "rules", "input_", "state", "out"
    frame, moment = Frame(0, 0, 0, 0), Moment(0, 0, 0, False, False, np.uint64(0))
    return {**dict(zip(names, held, strict=True)), "frame": numba.typeof(frame), "moment": numba.typeof(moment)}

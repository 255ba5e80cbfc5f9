"""The compiled entry point: a run of consecutive samples, forwards, backwards, or both while a trace is in cache."""

from __future__ import annotations

from typing import Any

from numba import types

from codesign.simulation.event.backward import backward_sample
from codesign.simulation.event.compilation import kept, kernel, routine
from codesign.simulation.event.forward import DONE, run_sample
from codesign.simulation.event.held import hold
from codesign.simulation.event.loss import cost_gradient, cross_entropy
from codesign.simulation.event.rows import add_and_clear
from codesign.simulation.event.sections import Section, call, call_for_number, compile_given, have, held
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

__all__ = ["BACKWARD", "FORWARD", "LEARN", "SECTIONS", "compile_given", "process"]

FORWARD, BACKWARD, LEARN = range(3)
"""What to do with a sample: run it; add the gradients of a recorded run; run it and add those of its cross-entropy."""


@kernel
def _samples(sections: Any, first: Any, last: Any, network: Any, rules: Any, input_: Any, state: Any, out: Any) -> Any:
    """`process` with the addresses of the ways forwards and back; 0 for one that is not to be gone."""
    network, rules, input_, state, out = hold(network), hold(rules), hold(input_), hold(state), hold(out)
    forwards, backwards = sections
    ends = out.ends
    for sample in range(first, last):
        if forwards != 0 and backwards != 0:
            ends[WORDS] = 0
            ends[POTENTIALS] = 0
        if forwards == 0:
            ends[WORDS] = out.sample_ends[sample, 0]
            ends[POTENTIALS] = out.sample_ends[sample, 1]
        else:
            messages, updates = ends[MESSAGES], ends[UPDATES]
            ends[STATUS] = call_for_number(forwards, network, rules, input_, sample, state, out)
            if ends[STATUS] != DONE:
                ends[MESSAGES], ends[UPDATES] = messages, updates
                return sample
            if rules.traced:
                out.sample_ends[sample, 0] = ends[WORDS]
                out.sample_ends[sample, 1] = ends[POTENTIALS]
        if backwards == 0:
            continue
        if forwards != 0:
            cross_entropy(out.scores, sample, input_.labels[sample], out.learning)
            if rules.charged:
                cost_gradient(out.charges, sample, out.learning)
        call(backwards, network, rules, input_, sample, state, out)
        for end in out.learning.chunk_ends:
            if sample + 1 == end:
                _add_up(out.learning.sums, out.learning.totals)
    return last


@routine
def _add_up(sums: Any, totals: Any) -> None:
    """Add a chunk's gradients to those of the chunks before it, and begin the next."""
    add_and_clear(sums.weights, totals.weights)
    add_and_clear(sums.delayed, totals.delayed)
    add_and_clear(sums.direct, totals.direct)
    add_and_clear(sums.bias, totals.bias)
    add_and_clear(sums.threshold, totals.threshold)
    add_and_clear(sums.decay, totals.decay)


def process(task: int, first: int, last: int, structures: tuple[Network, Rules, Input, State, Out]) -> int:
    """Samples `first` to `last` − 1; returns the first that was not finished. `Out.ends` says why.

    Args:
        task: FORWARD, BACKWARD or LEARN.
    """
    needed = SECTIONS if task == LEARN else (_SAMPLES, _BACKWARDS if task == BACKWARD else _FORWARDS)
    have(needed, structures)
    addresses = 0 if task == BACKWARD else _FORWARDS.address, 0 if task == FORWARD else _BACKWARDS.address
    reached: int = _samples(addresses, first, last, *structures)
    return reached


def _arguments(*of_batch: Any) -> tuple[Any, ...]:
    return types.UniTuple(types.int64, 2), types.int64, types.int64, *of_batch


_FORWARDS, _BACKWARDS = Section(kept(run_sample), held), Section(kept(backward_sample), held)
_SAMPLES = Section(_samples, _arguments)
SECTIONS = _FORWARDS, _BACKWARDS, _SAMPLES

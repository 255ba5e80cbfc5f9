"""A run in the form that kernels take."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.simulation.event import kernels, structures
from codesign.simulation.event.arrays import Doubles, Floats, empty
from codesign.simulation.event.forward import MOST_STEPS, NO_PRIORITY, TOO_LONG, TOO_MANY
from codesign.simulation.event.preparation import prepare
from codesign.simulation.event.resources import MOST_CHUNKS, free, resources_of
from codesign.simulation.event.structures import Input, Learning, Out, Trace
from codesign.simulation.event.working_memory import State, new_state
from codesign.simulation.random import purpose_keys
from codesign.simulation.run import MOST_WAITING, TOO_MANY_WAIT, Run
from codesign.workload.events import EventBatch

_LEAST_SAMPLES = 8
"""Least samples per chunk, if the batch has that many."""
_LARGEST = np.finfo(np.float32).max

# for what a run does not use
NO_COUNTERS = empty(structures.Counters)
NO_LEARNING = empty(Learning)


def _writable(array: NDArray[Any]) -> Any:
    """A contiguous writable view: kernels never write entries, but are compiled for writable arrays."""
    array = np.ascontiguousarray(array).view()
    try:
        array.flags.writeable = True
    except ValueError:  # the underlying memory is read-only
        array = array.copy()
    return array


def _check_kinds(run: Run) -> None:
    """Check that kernels are compiled for all parameters. Looking up their names takes longer than the check."""
    if all(parameter.dtype == torch.float32 and parameter.is_cpu for parameter in run.parameters):
        return
    for name, parameter in run.network.named_parameters():
        if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
            kind = f"{str(parameter.dtype).removeprefix('torch.')} on {parameter.device}"
            raise InputError(
                f"engine 'event' needs float32 parameters on the CPU; {name} is {kind}; engine 'reference' takes it"
            )


def _check_entries(events: EventBatch) -> None:
    """Check again that entries are in range and counts are finite: a caller may have written to the batch's arrays."""
    offsets, indices, inputs = events.offsets, events.indices, events.input_size
    inside = offsets[0] == 0 and offsets[-1] == len(indices) == len(events.values)
    lengths = offsets[1:] - offsets[:-1]
    inside &= lengths.view(np.uint64).max(initial=0) <= inputs  # unsigned: a negative number exceeds any limit
    inside &= indices.view(np.uint32).max(initial=0) < inputs
    least, most = (-_LARGEST, _LARGEST) if events.currents else (0, MOST_WAITING)
    if not (inside and least <= events.values.min(initial=0) and events.values.max(initial=0) <= most):
        raise InputError("events: offsets, indices or values were changed after the batch had checked them")


@dataclass(frozen=True)
class Results:
    """Results of B samples, as in `Out`: (B, R, C) scores, (B, L) spikes and charges."""

    scores: Floats
    spikes: Doubles
    charges: Doubles


class Batch:
    """A run, prepared for kernels.

    Scores are (B, R, C): output spikes of each of R = T timesteps or, with R = 1, their sums or the final output
    potentials.

    Raises:
        InputError: the network is not float32 on the CPU or is too large, or the batch was changed.
    """

    def __init__(self, run: Run) -> None:
        _check_kinds(run)
        events = run.events
        _check_entries(events)
        self.run = run
        self.resources = resources_of(run.network)
        self.layout = self.resources.layout
        self.samples = len(events)
        self.scores_shape = (len(events), run.readings, run.network.shape.layers[-1].neurons)
        self.layers_shape = (len(events), len(run.network.shape.layers))
        self.slices = run.slices
        self.rules, self.network = prepare(run, self.resources)
        values = _writable(events.values)
        self.input = Input(
            offsets=_writable(events.offsets),
            indices=_writable(events.indices),
            values=values,
            labels=_writable(events.labels),
            sample_ids=_writable(events.sample_ids),
            purpose_keys=purpose_keys(run.seed, run.epoch).numpy().view(np.uint64),
            kept=np.empty_like(values) if self.rules.input_dropout > 0 else values,
        )

    def ruled(self, **rules: Any) -> Batch:
        """The same batch with other rules."""
        batch = copy(self)
        batch.rules = self.rules._replace(**rules)
        return batch

    # one chunk ----------------------------------------------------------------------------------------------------

    def take_state(self, *, fresh: bool = False) -> State:
        """Working memory for one thread; `fresh` if memory of an earlier run must not be reused."""
        state = None if fresh else free(self.resources.states)
        if state is None or len(state.served.done) != len(self.slices):  # an earlier run may have had other slices
            further = self.resources.delays.sizes() | self.resources.direct.ring_sizes()
            state = new_state(self.layout, len(self.slices), further)
        return state

    def give_back(self, state: State) -> None:
        self.resources.states.append(state)

    def new_results(self) -> Results:
        """Room for the results of every sample."""
        return Results(
            scores=np.zeros(self.scores_shape, dtype=np.float32),
            spikes=np.zeros(self.layers_shape),
            charges=np.zeros(self.layers_shape if self.rules.charged else (0, 0)),
        )

    def out(self, results: Results, trace: Trace, **parts: Any) -> Out:
        """Where a chunk's results go; results for which no room is given are not kept."""
        nothing = {
            "ends": np.zeros(5, dtype=np.int64),
            "sample_ends": np.zeros((0, 2), dtype=np.int64),
            "counters": NO_COUNTERS,
            "learning": NO_LEARNING,
        }
        return Out(**vars(results), trace=trace, **{**nothing, **parts})

    def process(self, task: int, first: int, last: int, state: State, out: Out) -> int:
        """Call `kernels.process` with this batch; return the first sample that ran out of room, `last` if none did.

        Raises:
            InputError: the policy raised or returned a priority that is not a number, a pass takes too many steps, or
                too many spikes of a neuron wait.
        """
        reached = kernels.process(task, first, last, (self.network, self.rules, self.input, state, out))
        if out.ends[structures.STATUS] == NO_PRIORITY:
            raise InputError(
                f"scheduling policy '{self.run.policy.name}': its priority raised an exception, which standard error "
                "has, or it gave a priority that is not a number"
            )
        if out.ends[structures.STATUS] == TOO_MANY:
            raise InputError(TOO_MANY_WAIT)
        if out.ends[structures.STATUS] == TOO_LONG:
            raise InputError(
                f"a timestep takes more than {MOST_STEPS} forward steps; larger groups, refractory neurons or an "
                "on_output stop make it shorter"
            )
        return reached

    def parts(self, first: int = 0, last: int | None = None) -> list[tuple[int, int]]:
        """(first, last) sample of each call of a kernel for these samples, by default all: a chunk or, on one thread,
        all of them."""
        last = self.samples if last is None else last
        if torch.get_num_threads() == 1:
            return [(first, last)] if last > first else []
        return list(pairwise([first, *chunk_ends(first, last)]))


def chunk_ends(first: int, last: int) -> list[int]:
    """The sample after the last of each chunk of these samples; the same for any number of threads."""
    count = min(MOST_CHUNKS, -(-(last - first) // _LEAST_SAMPLES))
    return [first + (last - first) * i // count for i in range(1, count + 1)]

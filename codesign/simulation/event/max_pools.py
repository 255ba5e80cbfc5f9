"""Max pooling of spikes, as in `codesign.simulation.max_pools`. `Queue.passed` marks the windows that passed one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.sections import section
from codesign.simulation.event.traced_step import find_step


@section(types.none, when=lambda rules, neuron: rules.pools_first)
def keep_first(network: Any, rules: Any, state: Any, chosen: Any) -> None:
    """Keep in `Queue.kept` only the first spike that reaches each max-pool window in a pass; within a step, one of the
    lowest neuron.
    """
    wiring, queue, passed = network.wiring, state.queue, state.queue.passed
    for i in range(chosen):
        source = np.int64(queue.ordered[i])
        window = wiring.source_window[source]
        if window >= 0 and queue.kept[i] > 0 and passed[window] != 1:
            # negative: the lowest so far; input 0 reaches no such window
            passed[window] = -source if passed[window] == 0 else max(np.int64(passed[window]), -source)
    for i in range(chosen):
        source = np.int64(queue.ordered[i])
        window = wiring.source_window[source]
        if window >= 0:
            first = passed[window] == -source
            queue.kept[i] = first
            if first:
                passed[window] = 1


@leaf
def is_spent(wiring: Any, queue: Any, source: Any) -> Any:
    """Whether a neuron's max-pool window has already passed a spike, so that a spike of the neuron would be lost."""
    if len(queue.passed) == 0:
        return False
    window = wiring.source_window[source]
    return window >= 0 and queue.passed[window] != 0


@leaf
def set_passed(wiring: Any, queue: Any, trace: Any, step: Any, value: Any) -> None:
    """Mark the windows that pass a spike in a step with `value`: as having passed one, or as not yet."""
    for i in range(step.chosen):
        window = wiring.source_window[trace.words[step.positions_at + step.reached + i]]
        if window >= 0 and trace.words_as_float[step.kept_at + i] > 0:
            queue.passed[window] = value


@section(types.none, when=lambda rules, neuron: rules.pools_first, back=True)
def pass_all(network: Any, rules: Any, state: Any, out: Any, steps: Any, words_at: Any, potentials_at: Any) -> None:
    """Mark all windows as they are at the end of a pass, whose steps end at the given places of the trace."""
    wiring, queue, trace = network.wiring, state.queue, out.trace
    queue.passed[:] = 0
    for _ in range(steps):
        step = find_step(wiring, rules, trace.words, words_at, potentials_at)
        set_passed(wiring, queue, trace, step, 1)
        words_at, potentials_at = step.positions_at, step.potentials_at

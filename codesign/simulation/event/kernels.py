"""The compiled entry point: a run of consecutive samples, forwards, backwards, or both while a trace is in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.backward import backward_sample, cross_entropy
from codesign.simulation.event.compilation import kernel
from codesign.simulation.event.forward import DONE, run_sample
from codesign.simulation.event.memory import EMITTED, MESSAGES, POTENTIALS, STATUS, UPDATES, WORDS

__all__ = ["BACKWARD", "FORWARD", "LEARN", "process"]

FORWARD, BACKWARD, LEARN = range(3)
"""What to do with a sample: run it; add the gradients of a recorded run; run it and add those of its cross-entropy."""


@kernel
def process(
    task: Any,
    first: Any,
    last: Any,
    wiring: Any,
    parameters: Any,
    rules: Any,
    service: Any,
    input_: Any,
    kept: Any,
    kept_by_sample: Any,
    state: Any,
    trace: Any,
    counters: Any,
    ends: Any,
    sample_ends: Any,
    scores: Any,
    losses: Any,
    output_gradient: Any,
    weight: Any,
    gradient: Any,
    bias_gradient: Any,
) -> Any:
    """Samples `first` to `last` − 1; returns the first that was not finished. `ends[STATUS]` says why.

    Args:
        task: FORWARD, BACKWARD or LEARN.
        kept: values of the batch's entries after input dropout; of one sample's, if `kept_by_sample`.
        ends: see `run_sample`; begins where the first sample's trace and rows go.
        sample_ends: (B, 2) where each sample's trace ends; written by FORWARD, read by BACKWARD.
        scores: (B, R, C) output spikes of each of R = T timesteps, or their sums, R = 1; or output potentials, R = 1.
        losses, output_gradient: (B,) and (B, R, C); written by LEARN, and the latter read by BACKWARD.
        weight: of each sample's cross-entropy in the loss.
        gradient, bias_gradient: of packed weights and of slots; added to.
    """
    for sample in range(first, last):
        kept_from = np.int64(0)
        if kept_by_sample:
            kept_from = input_.offsets[sample * rules.timesteps]
        if task == LEARN:
            ends[WORDS] = 0
            ends[POTENTIALS] = 0
        if task == BACKWARD:
            ends[WORDS] = sample_ends[sample, 0]
            ends[POTENTIALS] = sample_ends[sample, 1]
        else:
            messages, updates, emitted = ends[MESSAGES], ends[UPDATES], ends[EMITTED]
            ends[STATUS] = run_sample(
                wiring,
                parameters,
                rules,
                service,
                input_,
                sample,
                kept,
                kept_from,
                state,
                trace,
                counters,
                ends,
                scores,
            )
            if ends[STATUS] != DONE:
                ends[MESSAGES], ends[UPDATES], ends[EMITTED] = messages, updates, emitted
                return sample
            if rules.traced:
                sample_ends[sample, 0] = ends[WORDS]
                sample_ends[sample, 1] = ends[POTENTIALS]
        if task == LEARN:
            losses[sample] = cross_entropy(scores, sample, input_.labels[sample], weight, output_gradient)
        if task != FORWARD:
            backward_sample(
                wiring,
                parameters,
                rules,
                input_,
                sample,
                kept,
                kept_from,
                state,
                trace,
                ends,
                output_gradient,
                gradient,
                bias_gradient,
            )
    return last

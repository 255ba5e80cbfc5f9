"""The columns of a row that follow from executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from codesign.arrays import Integers
from codesign.simulation.execution import NOT_REACHED, Execution
from codesign.simulation.further_messages import decision_operations

Columns = dict[str, Any]
"""Values by column of `codesign.analysis.results.columns.COLUMNS`."""

_MOST_BINS = 128


@dataclass(frozen=True, kw_only=True)
class Reading:
    """When the answer of an execution is read.

    Attributes:
        last_step: forward steps after the first output spike in which outputs were still computed; all if None.
        decided_after: forward steps from the first output spike of each pass until the answer is read, while the
            execution continues; None if it is read at the end.
        margin: output spikes by which one neuron must be ahead, after a timestep, for the answer to be read; None if it
            is read after the last timestep.
        ends_samples: whether the execution ends at the margin; otherwise it continues.
    """

    last_step: int | None = None
    decided_after: int | None = None
    margin: int | None = None
    ends_samples: bool = False

    def answering(self, execution: Execution) -> Execution:
        """The execution with its answer read accordingly."""
        if self.margin is not None:
            execution = execution.at_margin(self.margin)
        return execution if self.decided_after is None else execution.decided(self.decided_after)


def summary_columns(whole: Execution, reading: Reading) -> Columns:
    """Columns about the network's answers, which need no chip. The `whole` execution includes everything computed after
    the answer is read."""
    margin, last_step = reading.margin, reading.last_step
    drained_accuracy = whole.accuracy if last_step is None and not reading.ends_samples else None
    timesteps = whole.timesteps_run if margin is None else whole.margin_timesteps(margin)
    execution = reading.answering(whole)
    spikes_to_answer = None
    if reading.decided_after is None:
        read = np.arange(execution.timesteps) < timesteps[:, None]
        spikes_to_answer = float((execution.spikes_to_stop * read).sum(axis=1).mean())
    passes = execution.timesteps_run.sum()
    decided = execution.steps_to_first_output != NOT_REACHED
    spikes, until_decided = execution.spikes_to_first_output[decided], decision_operations(execution)
    bins, counts = histogram(spikes)
    return {
        "samples": execution.samples,
        "accuracy": execution.accuracy,
        "right_answers": np.packbits(execution.right, bitorder="little").tolist(),
        "drained_accuracy": drained_accuracy,
        "tied_fraction": float(execution.tied.mean()),
        "undecided_fraction": float(execution.undecided.mean()),
        "spike_density": execution.spike_density,
        "spike_density_quartiles": np.percentile(execution.spike_densities, (25, 50, 75)).tolist(),
        "activation_sparsity": execution.activation_sparsity,
        "input_events": float(execution.input_events.mean()),
        "input_macs": float(execution.input_macs.mean()),
        "layer_spikes": execution.emitted.mean(axis=0).tolist(),
        "layer_operations": execution.synaptic_operations.mean(axis=0).tolist(),
        "dense_operations": execution.dense_operations,
        "forward_steps": float(execution.forward_steps.sum(axis=1).mean()),
        "contention": execution.contention,
        "latency_steps": float(execution.steps_to_first_output[decided].mean()) if decided.any() else None,
        "latency_spikes": float(spikes.mean()) if decided.any() else None,
        "decided_pass_fraction": float(decided.sum() / passes),
        "spikes_per_pass": float(execution.spikes_to_stop.sum() / passes),
        "decision_timesteps": float(timesteps.mean()),
        "decision_spikes": spikes_to_answer,
        "decision_operations": None if until_decided is None else float(until_decided.mean()),
        "latency_spikes_bins": bins,
        "latency_spikes_counts": counts,
        "convergence_accuracy": convergence_accuracy(execution, last_step=last_step),
        "currents_first_layer": np.trim_zeros(execution.currents_before_firing[0], "b").tolist(),
        "currents_other_layers": np.trim_zeros(execution.currents_before_firing[1], "b").tolist(),
    }


def convergence_accuracy(execution: Execution, *, last_step: int | None) -> list[float] | None:
    """Accuracy if every forward pass stopped m = 0, 1, … steps after its first output spike (paper, section A.9).

    Undecided samples count as wrong, ties go to the lowest class. The curve ends with the steps that were run; None if
    outputs are potentials.
    """
    if not execution.spiking_readout:
        return None
    counts = execution.convergence if last_step is None else execution.convergence[:, : last_step + 1]
    correct = counts.argmax(axis=2) == execution.labels[:, None]
    spoke = (counts > 0).any(axis=2)
    return [float(share) for share in (correct & spoke).mean(axis=0)]


def histogram(values: Integers) -> tuple[list[int], list[int]]:
    """Lower bin edges, from 0, and counts; bins are as wide as the smallest power of two that gives at most 128."""
    if not values.size:
        return [], []
    width = 1
    while values.max() // width >= _MOST_BINS:
        width *= 2
    counts = np.bincount(values // width)
    return [i * width for i in range(len(counts))], counts.tolist()

"""How much there was to compute in an execution, and how much of it until the decision."""

from __future__ import annotations

import numpy as np

from codesign.arrays import Integers
from codesign.simulation.execution import NOT_REACHED, Execution
from codesign.simulation.late_messages import all_messages


def activation_sparsity(execution: Execution) -> float:
    """Share of neurons and timesteps run without a spike; output neurons that send none are left out."""
    spiking = execution.shape.layer_sizes if execution.spiking_readout else execution.shape.layer_sizes[:-1]
    return max(1 - float(execution.emitted.sum()) / max(int(execution.timesteps_run.sum()) * sum(spiking), 1), 0.0)


def dense_operations(execution: Execution) -> float:
    """Synapses times timesteps run, mean over samples."""
    return float(execution.timesteps_run.mean() * sum(layer.all_synapses for layer in execution.shape.layers))


def decision_operations(execution: Execution) -> Integers | None:
    """(B,) synaptic operations up to and with the step of each timestep's first output spike; None for potentials.

    What leaves in step k is added in step k + 1, and the first output spike of a timestep is in step
    `steps_to_first_output` − 1.
    """
    if not execution.spiking_readout:
        return None
    table = all_messages(execution)
    reached = execution.steps_to_first_output[table.sample, table.timestep]
    counts = (reached == NOT_REACHED) | (table.step <= reached - 2)
    sums = np.zeros(execution.samples, dtype=np.int64)
    np.add.at(sums, table.sample[counts], table.synaptic_operations[counts])
    return sums
